//! What an order costs in the gateway, without a network: `cargo run --release --example order_entry_speed -p api`.

#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use api::{Role, Roles, Services, Settings, SigningKey, TokenIssuer, TokenVerifier};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http;
use axum::routing::post;
use engine::{Hosts, Request};
use node::{Node, NodeConfig, NodeHandle, NodeParts, SystemClock};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use store::snapshot_files::SnapshotFiles;
use store::sqlite::SqliteJournal;
use store::{Check, Founding};
use tower::ServiceExt;
use trading::Command;
use views::ViewsWriter;
use vocabulary::{Asset, AssetKind, CorrelationId, FeeSchedule, Instrument, Price, Quantity};

const CALLS: u32 = 2_000;
const ROUNDS: usize = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let dir = tempfile::tempdir()?;
    let founding = Founding { shard: 0, created: "2023-02-07".into(), facts: BTreeMap::new() };
    let journal = SqliteJournal::open(dir.path(), &founding, Check::Tail)?;
    let snapshots = SnapshotFiles::in_data_dir(dir.path(), 0);
    let recovered = node::recover(Hosts::ALL, &journal.reader()?, &snapshots, |_| {})?;
    let views = ViewsWriter::open(&dir.path().join("views.db"), 0)?.reader(1)?;
    let reader = Box::new(journal.reader()?);
    let parts = NodeParts {
        recovered,
        snapshots: (Box::new(snapshots), Box::new(journal.reader()?)),
        clock: Box::new(SystemClock::new()),
        followers: Vec::new(),
        journal: Box::new(journal),
    };
    let node = Node::start(&NodeConfig::default(), parts)?;
    let key = SigningKey::open(dir.path())?;
    let tokens = TokenVerifier::new(&key, dir.path())?;
    let settings =
        Settings { rate: api::Rate { per_second: 1_000_000_000, burst: 1_000_000 }, ..Settings::default() };
    let (handle, hosts) = (node.handle(), Hosts::ALL);
    let services = Services {
        node: handle,
        hosts,
        policy: None,
        tokens,
        views,
        journal: reader,
        events: None,
        #[cfg(feature = "gateway")]
        traces: None,
        settings,
    };
    let token = TokenIssuer::new(&key).mint("ann".parse()?, Roles::of([Role::Trader]), 600).token;
    let gateway = runtime.block_on(async { api::router(services) });
    let bare =
        Router::new().route("/trading/orders", post(|_: Bytes| async { Bytes::from_static(&[b' '; 160]) }));
    define_instrument(&node.handle())?;
    // Refused by the gateway itself for its quantity, after everything else has been looked at.
    let order = r#"{"account":"A-0","instrument":"ACME","side":"buy","price":"100.00","quantity":"0"}"#;
    for (what, router) in [("bare handler", bare), ("gateway, up to the order's numbers", gateway)] {
        println!("{what:40} {:>6} ns", runtime.block_on(per_call(&router, &token, order)));
    }
    drop(runtime);
    Ok(node.stop()?)
}

fn define_instrument(node: &NodeHandle) -> Result<(), Box<dyn std::error::Error>> {
    let asset = |code: &str, kind, scale| -> Result<Command, Box<dyn std::error::Error>> {
        Ok(Command::DefineAsset(Asset { asset: code.parse()?, kind, scale }))
    };
    let instrument = Instrument {
        instrument: "ACME".parse()?,
        isin: None,
        market: "MAIN".parse()?,
        base: "ACME".parse()?,
        quote: "EUR".parse()?,
        price_scale: 2,
        tick: Price(1),
        lot: Quantity(1),
        band_bp: None,
        reference_price: Price(10_000),
        settlement_days: 0,
        calendar: "DAYS".parse()?,
        fees: FeeSchedule::default(),
        base_scale: 0,
        quote_scale: 2,
    };
    let define = Command::DefineInstrument(Box::new(instrument));
    for command in [asset("ACME", AssetKind::Security, 0)?, asset("EUR", AssetKind::Currency, 2)?, define] {
        let command = engine::Command::Trading(command);
        let request =
            Request { command_id: None, correlation: CorrelationId(1), actor: "example".parse()?, command };
        node.submit_blocking(request)?;
    }
    Ok(())
}

/// Nanoseconds a call in the best of many short rounds, so that other work on the machine shows little.
async fn per_call(router: &Router, token: &str, order: &'static str) -> u128 {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let requests: Vec<http::Request<Body>> = (0..CALLS)
            .map(|_| {
                let request = http::Request::post("/trading/orders")
                    .header("host", "example")
                    .header("authorization", format!("Bearer {token}"))
                    .header("content-type", "application/json")
                    .header("content-length", order.len());
                request.body(Body::from(order)).expect("a request")
            })
            .collect();
        let began = Instant::now();
        for request in requests {
            drop(router.clone().oneshot(request).await);
        }
        best = best.min(began.elapsed());
    }
    best.as_nanos() / u128::from(CALLS)
}
