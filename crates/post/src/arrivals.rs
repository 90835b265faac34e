//! Connections that arrive, and who is at their other ends.

use identity::{Connection, Identity, Transport};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{Duration, sleep};
use tonic::Extensions;
use tonic::transport::server::Connected;

/// How many connections wait to be served.
const ARRIVALS_MAX: usize = 64;
/// How long to wait when the system gives no connection, as when all file descriptors are used up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A connection that has arrived.
pub(crate) struct Arrival(Connection);

/// Who calls; nobody knows where connections are plain.
#[derive(Clone)]
pub(crate) struct Caller(Option<Identity>);

impl Caller {
    /// The one who has sent a request.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or(Self(None))
    }

    /// Whether it is that one, as far as is known.
    pub(crate) fn may_be(&self, identity: &Identity) -> bool {
        self.0.as_ref().is_none_or(|caller| caller == identity)
    }
}

/// Takes connections in for as long as somebody serves them. Each proves itself without holding up the next.
pub(crate) fn arrivals(listener: TcpListener, transport: Transport) -> mpsc::Receiver<io::Result<Arrival>> {
    let (arrived, arrivals) = mpsc::channel(ARRIVALS_MAX);
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = arrived.closed() => return,
            };
            let Ok((stream, address)) = accepted else {
                sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let (transport, arrived) = (transport.clone(), arrived.clone());
            tokio::spawn(async move {
                match transport.accept(stream).await {
                    // Whoever serves them may have ended.
                    Ok(connection) => drop(arrived.send(Ok(Arrival(connection))).await),
                    Err(error) => tracing::debug!(%address, %error, "a connection for messages is not taken"),
                }
            });
        }
    });
    arrivals
}

impl Connected for Arrival {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        Caller(self.0.peer().cloned())
    }
}

impl AsyncRead for Arrival {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Arrival {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
