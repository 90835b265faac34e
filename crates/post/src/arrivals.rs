//! Connections that arrive.

use identity::{Connection, Transport};
use std::io;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{Duration, sleep};

/// How many connections wait to be served.
const ARRIVALS_MAX: usize = 64;
/// How long to wait when the system gives no connection, as when all file descriptors are used up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Takes connections in for as long as somebody serves them. Each proves itself without holding up the next.
pub(crate) fn arrivals(
    listener: TcpListener,
    transport: Transport,
) -> mpsc::Receiver<io::Result<Connection>> {
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
                    Ok(connection) => drop(arrived.send(Ok(connection)).await),
                    Err(error) => tracing::debug!(%address, %error, "a connection for messages is not taken"),
                }
            });
        }
    });
    arrivals
}
