//! `bench overload`: several times what the server can do, offered at a constant rate over many connections. What it
//! takes on must still be done in time, and memory must not grow.

use clap::Args;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::load::{Plan, Schedule};
use crate::market::Market;
use crate::server::Server;
use crate::table::Table;

/// Options of `bench overload`.
#[derive(Args)]
pub(crate) struct OverloadOptions {
    /// How many times the peak is offered.
    #[arg(long, default_value_t = 5)]
    times: u64,
    /// Connections that it comes over.
    #[arg(long, default_value_t = 1_024)]
    connections: u32,
    /// Measured seconds.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

/// What came of it.
#[derive(Serialize)]
pub(crate) struct Overload {
    peak_per_second: u64,
    offered_per_second: u64,
    done_per_second: u64,
    turned_away: u64,
    failed: u64,
    /// Latency of what was done, from when it was sent.
    p50_us: u64,
    p99_us: u64,
    memory_before_mib: u64,
    memory_after_mib: u64,
}

/// Measures and prints.
pub(crate) fn run(options: &OverloadOptions) -> anyhow::Result<()> {
    table(&overload(options.times, options.connections, options.seconds)?).print(options.json)
}

/// Measures.
pub(crate) fn overload(times: u64, connections: u32, seconds: u64) -> anyhow::Result<Overload> {
    let runtime = Runtime::new()?;
    let server = Server::start(Market::small(connections))?;
    let schedule = Schedule::seconds(seconds);
    let load = |connections, plan| runtime.block_on(server.load(connections, 1, plan, schedule));
    let peak = load(64, Plan::Closed)?.measured.per_second();
    let before = server.health()?.memory_mib;
    let offered = peak * times;
    let over = load(connections, Plan::Open(offered))?.measured;
    Ok(Overload {
        peak_per_second: peak,
        offered_per_second: offered,
        done_per_second: over.per_second(),
        turned_away: over.turned_away,
        failed: over.failed,
        p50_us: over.service_us.value_at_quantile(0.5),
        p99_us: over.service_us.value_at_quantile(0.99),
        memory_before_mib: before,
        memory_after_mib: server.health()?.memory_mib,
    })
}

/// As a table.
pub(crate) fn table(overload: &Overload) -> Table {
    let head = ["peak/s", "offered/s", "done/s", "turned away", "failed", "p50 µs", "p99 µs"];
    let mut table = Table::new("More than it can do", &head, overload);
    table.row(&[
        &overload.peak_per_second,
        &overload.offered_per_second,
        &overload.done_per_second,
        &overload.turned_away,
        &overload.failed,
        &overload.p50_us,
        &overload.p99_us,
    ]);
    table.note(format!(
        "{} % of the peak is still done; memory {} MiB before, {} after.",
        overload.done_per_second * 100 / overload.peak_per_second.max(1),
        overload.memory_before_mib,
        overload.memory_after_mib
    ));
    table
}
