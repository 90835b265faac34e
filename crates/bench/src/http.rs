//! `bench http`: the real server against a bare handler, and against the same order flow on PostgreSQL, in turn, in one
//! run.

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use clap::Args;
use serde::Serialize;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;

use crate::load::{self, Measured};
use crate::postgres::{self, Postgres};
use crate::server::Server;

/// Options of `bench http`.
#[derive(Args)]
pub(crate) struct HttpOptions {
    /// Connections, each with one request under way.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Measured seconds for each.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
    /// Leaves PostgreSQL out; without it, it is measured if it is installed.
    #[arg(long)]
    without_postgres: bool,
}

#[derive(Serialize)]
struct Row {
    what: &'static str,
    per_second: u64,
    p50_us: u64,
    p99_us: u64,
    p999_us: u64,
    failed: u64,
}

#[derive(Serialize)]
struct Answer {
    connections: usize,
    bare: Row,
    rialto: Row,
    /// None if it is not installed or was left out.
    postgres: Option<Row>,
    /// Rialto's rate over the bare handler's, in percent.
    percent_of_bare: u64,
    /// Rialto's rate over that of PostgreSQL, in tenths.
    tenths_of_postgres: Option<u64>,
}

const WARM_UP: Duration = Duration::from_secs(2);

/// Measures and prints.
pub(crate) fn run(options: &HttpOptions) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let time = Duration::from_secs(options.seconds);
    let bare = runtime.block_on(bare(options.connections, time))?;
    let server = Server::start()?;
    server.open_market(options.connections)?;
    let requests = orders(&server, options.connections)?;
    let rialto = runtime.block_on(load::run(server.address, requests, WARM_UP, time))?;
    let data = server.data().display().to_string();
    drop(server);
    let postgres = match postgres::programs().filter(|_| !options.without_postgres) {
        None => None,
        Some(programs) => {
            let server = Postgres::start(&programs, options.connections)?;
            Some(runtime.block_on(server.load(options.connections, WARM_UP, time))?)
        }
    };
    let answer = Answer {
        connections: options.connections,
        bare: row("bare axum handler", &bare),
        rialto: row("rialto, durable, everything on", &rialto),
        postgres: postgres.as_ref().map(|peer| row("PostgreSQL, stored procedures", peer)),
        percent_of_bare: rialto.per_second * 100 / bare.per_second.max(1),
        tenths_of_postgres: postgres.map(|peer| rialto.per_second * 10 / peer.per_second.max(1)),
    };
    print(&answer, options.json, &data)
}

/// Half of the connections sell and half buy at one price, so that the book stays small and every second order trades.
fn orders(server: &Server, connections: usize) -> anyhow::Result<Vec<Vec<u8>>> {
    let order = |number: usize| {
        let token = server.token(&format!("owner-{number}"), "trader")?;
        let side = if number.is_multiple_of(2) { "sell" } else { "buy" };
        let body = format!(
            r#"{{"account":"A-{number}","instrument":"ACME","side":"{side}","price":"100.00","quantity":"1"}}"#
        );
        Ok(request("/trading/orders", &token, &body))
    };
    (0..connections).map(order).collect()
}

fn request(path: &str, token: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// A handler that takes the same request, and answers something of the same size without doing anything.
async fn bare(connections: usize, time: Duration) -> anyhow::Result<Measured> {
    let handler = |_: Bytes| async { Bytes::from_static(&[b' '; 160]) };
    let router = Router::new().route("/trading/orders", post(handler));
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let address = listener.local_addr()?;
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        // Without it a small answer may wait for the next packet; a stream that refuses it is as good as gone.
        drop(stream.set_nodelay(true));
    });
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let body = r#"{"account":"A-0","instrument":"ACME","side":"buy","price":"100.00","quantity":"1"}"#;
    let token = "x".repeat(330);
    let requests = vec![request("/trading/orders", &token, body); connections];
    let measured = load::run(address, requests, WARM_UP, time).await;
    server.abort();
    measured
}

fn row(what: &'static str, measured: &Measured) -> Row {
    let at = |quantile| measured.latency_us.value_at_quantile(quantile);
    Row {
        what,
        per_second: measured.per_second,
        p50_us: at(0.5),
        p99_us: at(0.99),
        p999_us: at(0.999),
        failed: measured.failed,
    }
}

#[allow(clippy::print_stdout, reason = "this is the answer")]
fn print(answer: &Answer, json: bool, data: &str) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string(answer)?);
        return Ok(());
    }
    println!("{} connections, one request under way on each, data in {data}", answer.connections,);
    println!(
        "{:32} {:>12} {:>9} {:>9} {:>9} {:>7}",
        "", "requests/s", "p50 µs", "p99 µs", "p99.9 µs", "failed"
    );
    for row in [&answer.bare, &answer.rialto].into_iter().chain(&answer.postgres) {
        let Row { what, per_second, p50_us, p99_us, p999_us, failed } = row;
        println!("{what:32} {per_second:>12} {p50_us:>9} {p99_us:>9} {p999_us:>9} {failed:>7}");
    }
    println!("rialto does {} % of the bare handler's rate", answer.percent_of_bare);
    match answer.tenths_of_postgres {
        Some(tenths) => println!("rialto does {}.{} times the rate of PostgreSQL", tenths / 10, tenths % 10),
        None => println!("PostgreSQL was not measured: it is not installed, or was left out"),
    }
    Ok(())
}
