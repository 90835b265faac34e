//! The peer that does nothing: a handler that takes the same requests, and answers something of the same size.

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use std::net::SocketAddr;
use tokio::net::TcpListener;

use crate::load::{self, Measured, Orders, Plan, Schedule};

/// Measures it.
pub(crate) async fn load(orders: Vec<Orders>, plan: Plan, schedule: Schedule) -> anyhow::Result<Measured> {
    let handler = |_: Bytes| async { Bytes::from_static(&[b' '; 160]) };
    let router = Router::new().route("/trading/orders", post(handler));
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let address = listener.local_addr()?;
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        // Without it a small answer may wait for the next packet; a stream that refuses it is as good as gone.
        drop(stream.set_nodelay(true));
    });
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let measured = load::run(address, orders, plan, schedule).await;
    server.abort();
    measured
}
