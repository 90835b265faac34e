//! The accept loop: connections in and out, with their bounds.
//!
//! Invariant: never more than so many connections; a request's head arrives in time or its connection is cut, and so is
//! one whose client does not take its answer; on shutdown nothing new is taken and what is in progress is answered.

mod wire;

use axum::Router;
use axum::http::Extensions;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use wire::Wire;

/// The most connections at once.
const CONNECTIONS_MAX: usize = 8_192;
/// How long a request's head may take, and how long a connection may be idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How much of a head is read. More than a request may have (16 KiB), so that one with more gets a proper answer.
const HEAD_BUFFER_MAX: usize = 32 * 1024;
/// How long what is in progress may take after the shutdown began.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// How long to wait when the system gives no connection, as when all file descriptors are used up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Tells those who would never end by themselves that it is time.
#[derive(Clone)]
pub(crate) struct Closing(watch::Receiver<bool>);

impl Closing {
    /// Until the shutdown begins.
    pub(crate) async fn wait(mut self) {
        // The sender is gone only when the server is.
        drop(self.0.wait_for(|closing| *closing).await);
    }
}

/// Serves until `shutdown`, then answers what is in progress, for up to 20 seconds.
///
/// # Errors
/// When the listener cannot be asked for its address.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let serve_one = |stream: TcpStream, closing| {
        let router = router.clone();
        async move {
            // Answers are small and complete: waiting for more to send only delays them.
            match stream.set_nodelay(true) {
                Ok(()) => connection(stream, router, Extensions::new(), closing).await,
                Err(error) => tracing::debug!(%error, "a connection was gone before it began"),
            }
        }
    };
    accept(listener, shutdown, serve_one).await
}

/// As [`serve`], over the transport of a cluster: what is asked then says who asks.
///
/// # Errors
/// As there.
#[cfg(feature = "gateway")]
pub async fn serve_over(
    transport: identity::Transport,
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let serve_one = |stream: TcpStream, closing| {
        let (router, transport) = (router.clone(), transport.clone());
        async move {
            match transport.accept(stream).await {
                Ok(stream) => {
                    let mut who = Extensions::new();
                    if let Some(peer) = stream.peer().0 {
                        who.insert(crate::caller::Caller(peer));
                    }
                    connection(stream, router, who, closing).await;
                }
                Err(error) => tracing::debug!(%error, "a connection is not taken"),
            }
        }
    };
    accept(listener, shutdown, serve_one).await
}

async fn accept<Served: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
    serve_one: impl Fn(TcpStream, Closing) -> Served,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (close, closing) = watch::channel(false);
    let mut shutdown = pin!(shutdown);
    loop {
        let slot = tokio::select! {
            () = &mut shutdown => break,
            slot = Arc::clone(&connections).acquire_owned() => slot.expect("the semaphore is never closed"),
        };
        let stream = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        match stream {
            Ok((stream, _)) => {
                let served = serve_one(stream, Closing(closing.clone()));
                tokio::spawn(async move {
                    served.await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    close.send_replace(true);
    let all = u32::try_from(CONNECTIONS_MAX).expect("fits");
    if timeout(DRAIN_TIMEOUT, connections.acquire_many(all)).await.is_err() {
        tracing::warn!(%address, "some requests were still in progress at the end of the shutdown");
    }
    Ok(())
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    who: Extensions,
    closing: Closing,
) {
    let for_streams = closing.clone();
    let service = tower_service(router, who, for_streams);
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_BUFFER_MAX);
    let connection = builder.serve_connection(TokioIo::new(Wire::new(stream)), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing.wait() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients that go, stall or do not speak HTTP: theirs to know, not ours to fix.
        tracing::debug!(%error, "a connection ended early");
    }
}

/// The router; requests say who asks, if that is known, and those for streams learn when to end.
fn tower_service(
    router: Router,
    who: Extensions,
    closing: Closing,
) -> impl hyper::service::Service<
    hyper::Request<hyper::body::Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send,
> {
    let router = TowerToHyperService::new(router);
    hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        if !who.is_empty() {
            request.extensions_mut().extend(who.clone());
        }
        if request.uri().path().ends_with("/stream") {
            request.extensions_mut().insert(closing.clone());
        }
        hyper::service::Service::call(&router, request)
    })
}
