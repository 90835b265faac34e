//! How the gateway connects to a service.

use axum::http::Uri;
use hyper_util::rt::TokioIo;
use identity::{Connection, Identity, Transport};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;
use tower::Service;

/// How long making a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// Connects to the replicas of one service, and to nobody else.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) transport: Transport,
    pub(super) service: Identity,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Connection>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Connection>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Self { transport, service } = self.clone();
        Box::pin(async move {
            let host = uri.host().unwrap_or_default();
            let port = uri.port_u16().ok_or(io::ErrorKind::AddrNotAvailable)?;
            let connected = timeout(CONNECT_TIMEOUT, transport.connect(host, port, &service)).await;
            let connected = connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
            let connected = connected.inspect_err(|error| {
                if error.kind() == io::ErrorKind::PermissionDenied
                    || error.kind() == io::ErrorKind::InvalidData
                {
                    tracing::error!(%uri, %error, "a service cannot be trusted");
                }
            });
            Ok(TokioIo::new(connected?))
        })
    }
}
