//! Where other nodes are.

use engine::Context;
use hyper_util::rt::TokioIo;
use identity::{Identity, Transport};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;
use tokio::time::timeout;
use tonic::Status;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

/// How long making a connection may take.
const CONNECT: Duration = Duration::from_millis(500);
/// How long to wait before the next replica is tried.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);
/// A connection that says nothing is asked so often whether it lives, and has as long to answer: a machine that is gone
/// does not say so.
const ALIVE: Duration = Duration::from_secs(1);

/// Where the nodes of a cluster take parcels in: by context and shard the addresses of all replicas.
#[derive(Clone, Default)]
pub struct Peers {
    transport: Transport,
    endpoints: BTreeMap<(Context, u16), Vec<Endpoint>>,
}

/// Where one of them is, and who must be there.
#[derive(Clone)]
pub(crate) struct Peer {
    transport: Transport,
    identity: Identity,
    endpoint: Endpoint,
}

/// An address that is not one.
#[derive(Debug, thiserror::Error)]
#[error("{address}: an address is like {scheme}://10.0.0.7:7411 ({why})")]
pub struct BadPeer {
    address: String,
    scheme: &'static str,
    why: String,
}

impl Peers {
    /// None yet, to be reached over that.
    #[must_use]
    pub fn over(transport: Transport) -> Self {
        Self { transport, endpoints: BTreeMap::new() }
    }

    /// Adds the replicas that host that context for that shard.
    ///
    /// # Errors
    /// When an address is not one.
    pub fn add(&mut self, context: Context, shard: u16, addresses: &[String]) -> Result<(), BadPeer> {
        let scheme = self.transport.scheme();
        let endpoint = |address: &String| {
            let bad = |why: String| BadPeer { address: address.clone(), scheme, why };
            let endpoint = Endpoint::from_shared(address.clone()).map_err(|error| bad(error.to_string()))?;
            let uri = endpoint.uri();
            if uri.scheme_str() != Some(scheme) || uri.host().is_none() || uri.port().is_none() {
                return Err(bad(format!("it must begin with {scheme}:// and end with a port")));
            }
            Ok(endpoint
                .connect_timeout(CONNECT)
                .tcp_nodelay(true)
                .http2_keep_alive_interval(ALIVE)
                .keep_alive_timeout(ALIVE)
                .keep_alive_while_idle(true))
        };
        let endpoints = addresses.iter().map(endpoint).collect::<Result<_, _>>()?;
        self.endpoints.insert((context, shard), endpoints);
        Ok(())
    }

    /// The replicas that host that context for that shard.
    pub(crate) fn of(&self, context: Context, shard: u16) -> Vec<Peer> {
        let endpoints = self.endpoints.get(&(context, shard)).into_iter().flatten();
        let identity = Identity::of_service(context);
        let peer = |endpoint: &Endpoint| Peer {
            transport: self.transport.clone(),
            identity: identity.clone(),
            endpoint: endpoint.clone(),
        };
        endpoints.map(peer).collect()
    }

    /// All of whom something is known.
    pub(crate) fn all(&self) -> impl Iterator<Item = ((Context, u16), Vec<Peer>)> {
        self.endpoints.keys().map(|(context, shard)| ((*context, *shard), self.of(*context, *shard)))
    }
}

impl Peer {
    /// Where it is.
    pub(crate) fn address(&self) -> &Uri {
        self.endpoint.uri()
    }

    /// A connection to it.
    pub(crate) async fn connected(&self) -> Result<Channel, Status> {
        let (transport, identity) = (self.transport.clone(), self.identity.clone());
        let connector = service_fn(move |uri: Uri| {
            let (transport, identity) = (transport.clone(), identity.clone());
            async move {
                let (Some(host), Some(port)) = (uri.host(), uri.port_u16()) else {
                    return Err(io::Error::from(io::ErrorKind::AddrNotAvailable));
                };
                Ok(TokioIo::new(transport.connect(host, port, &identity).await?))
            }
        });
        let connected = timeout(CONNECT, self.endpoint.connect_with_connector(connector)).await;
        let connected = connected.map_err(|_| Status::deadline_exceeded("no connection in time"))?;
        connected.map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            Status::unavailable(cause.unwrap_or_else(|| error.to_string()))
        })
    }
}
