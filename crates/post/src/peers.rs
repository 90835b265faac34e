//! Where other nodes are.

use engine::Context;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::timeout;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// How long making a connection may take.
const CONNECT: Duration = Duration::from_millis(500);
/// How long to wait before the next replica is tried.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);
/// A connection that says nothing is asked so often whether it lives, and has as long to answer: a machine that is gone
/// does not say so.
const ALIVE: Duration = Duration::from_secs(1);

/// Where the nodes of a cluster take parcels in: by context and shard the addresses of all replicas.
#[derive(Clone, Debug, Default)]
pub struct Peers(BTreeMap<(Context, u16), Vec<Endpoint>>);

/// An address that is not one.
#[derive(Debug, thiserror::Error)]
#[error("{address}: an address is like http://10.0.0.7:7411 ({why})")]
pub struct BadPeer {
    address: String,
    why: String,
}

impl Peers {
    /// Adds the replicas that host that context for that shard.
    ///
    /// # Errors
    /// When an address is not one.
    pub fn add(&mut self, context: Context, shard: u16, addresses: &[String]) -> Result<(), BadPeer> {
        let endpoint = |address: &String| {
            let bad = |why: String| BadPeer { address: address.clone(), why };
            let endpoint = Endpoint::from_shared(address.clone()).map_err(|error| bad(error.to_string()))?;
            let uri = endpoint.uri();
            if uri.scheme_str() != Some("http") || uri.host().is_none() {
                return Err(bad("it must begin with http://".to_owned()));
            }
            Ok(endpoint
                .connect_timeout(CONNECT)
                .tcp_nodelay(true)
                .http2_keep_alive_interval(ALIVE)
                .keep_alive_timeout(ALIVE)
                .keep_alive_while_idle(true))
        };
        let endpoints = addresses.iter().map(endpoint).collect::<Result<_, _>>()?;
        self.0.insert((context, shard), endpoints);
        Ok(())
    }

    /// The replicas that host that context for that shard.
    pub(crate) fn of(&self, context: Context, shard: u16) -> Vec<Endpoint> {
        self.0.get(&(context, shard)).cloned().unwrap_or_default()
    }
}

impl IntoIterator for Peers {
    type Item = ((Context, u16), Vec<Endpoint>);
    type IntoIter = std::collections::btree_map::IntoIter<(Context, u16), Vec<Endpoint>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A connection to one of them.
pub(crate) async fn connected(endpoint: &Endpoint) -> Result<Channel, Status> {
    let connected = timeout(CONNECT, endpoint.connect()).await;
    let connected = connected.map_err(|_| Status::deadline_exceeded("no connection in time"))?;
    connected.map_err(|error| Status::unavailable(error.to_string()))
}
