//! `bench steady`: an open loop at a constant rate, for as long as wanted: latency from when an order should have been
//! sent, how far the views are behind, and whether memory grows.

use clap::Args;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;

use crate::load::{Plan, Schedule};
use crate::market::Market;
use crate::server::{Health, Server};
use crate::table::Table;

/// Options of `bench steady`.
#[derive(Args)]
pub(crate) struct SteadyOptions {
    /// Orders a second.
    #[arg(long, default_value_t = 10_000)]
    rate: u64,
    /// For how many seconds.
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// Connections that they come over.
    #[arg(long, default_value_t = 256)]
    connections: u32,
    /// Settle what is due every so many seconds; 0: not at all.
    #[arg(long, default_value_t = 30)]
    settle_every: u64,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

/// What a steady rate came to.
#[derive(Serialize)]
pub(crate) struct Steady {
    rate: u64,
    seconds: u64,
    settle_every: u64,
    done_per_second: u64,
    p50_us: u64,
    p99_us: u64,
    p999_us: u64,
    max_us: u64,
    failed: u64,
    /// How long the views took to catch up when the load ended, in milliseconds.
    views_catch_up_ms: u64,
    /// Settlements whose answer the views were too far behind for.
    settlements_late: u64,
    /// Each second.
    pub(crate) health: Vec<Health>,
}

/// Measures and prints.
pub(crate) fn run(options: &SteadyOptions) -> anyhow::Result<()> {
    let steady = steady(options.rate, options.seconds, options.connections, options.settle_every)?;
    table(&steady).print(options.json)
}

/// Measures.
pub(crate) fn steady(rate: u64, seconds: u64, connections: u32, settle_every: u64) -> anyhow::Result<Steady> {
    let runtime = Runtime::new()?;
    let server = Arc::new(Server::start(Market::small(connections))?);
    let ended = Arc::new(AtomicBool::new(false));
    let watcher = {
        let (server, ended) = (Arc::clone(&server), Arc::clone(&ended));
        std::thread::spawn(move || watch(&server, &ended, settle_every))
    };
    let schedule = Schedule::seconds(seconds);
    let loaded = runtime.block_on(server.load(connections, 1, Plan::Open(rate), schedule));
    let caught_up = server.wait_for_views(Duration::from_secs(60));
    ended.store(true, Ordering::Relaxed);
    let (health, settlements_late) =
        watcher.join().map_err(|_| anyhow::anyhow!("the watcher has failed"))??;
    let measured = loaded?.measured;
    let at = |quantile| measured.latency_us.value_at_quantile(quantile);
    Ok(Steady {
        rate,
        seconds,
        settle_every,
        done_per_second: measured.per_second(),
        p50_us: at(0.5),
        p99_us: at(0.99),
        p999_us: at(0.999),
        max_us: measured.latency_us.max(),
        failed: measured.failed + measured.turned_away,
        views_catch_up_ms: u64::try_from(caught_up?.as_millis())?,
        settlements_late,
        health,
    })
}

/// Looks every second, and settles when it is time.
fn watch(server: &Server, ended: &AtomicBool, settle_every: u64) -> anyhow::Result<(Vec<Health>, u64)> {
    let (mut health, mut late) = (Vec::new(), 0);
    while !ended.load(Ordering::Relaxed) {
        health.push(server.health()?);
        if settle_every > 0 && (health.len() as u64).is_multiple_of(settle_every) {
            late += u64::from(!server.settle()?);
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    Ok((health, late))
}

/// As a table.
pub(crate) fn table(steady: &Steady) -> Table {
    let settled = match steady.settle_every {
        0 => String::new(),
        every => format!(", settled every {every} s"),
    };
    let title = format!("{} orders a second for {} s, open loop{settled}", steady.rate, steady.seconds);
    let head = ["done/s", "p50 µs", "p99 µs", "p99.9 µs", "max µs", "failed"];
    let mut table = Table::new(&title, &head, steady);
    table.row(&[
        &steady.done_per_second,
        &steady.p50_us,
        &steady.p99_us,
        &steady.p999_us,
        &steady.max_us,
        &steady.failed,
    ]);
    let behind = steady.health.iter().map(|health| health.views_behind).max().unwrap_or(0);
    let memory = |health: Option<&Health>| health.map_or(0, |health| health.memory_mib);
    let half = steady.health.len() / 2;
    table.note(format!(
        "Views were at most {behind} records behind, too far for the answers of {} settlements, and caught up {} ms after \
         the end. Memory: {} MiB at first, {} in the middle, {} at the end.",
        steady.settlements_late,
        steady.views_catch_up_ms,
        memory(steady.health.first()),
        memory(steady.health.get(half)),
        memory(steady.health.last())
    ));
    table
}
