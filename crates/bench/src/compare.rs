//! `bench compare`: the real server against its peers, in turn, in one run: a bare handler, the same order flow on
//! PostgreSQL, and a plain file.

use clap::Args;
use serde::Serialize;
use std::fmt::Display;
use tokio::runtime::Runtime;

use crate::cost::{self, ThreadCost};
use crate::load::{Measured, Orders, Plan, Schedule};
use crate::market::Market;
use crate::peers::postgres::Peer;
use crate::peers::{bare, plain_file};
use crate::server::{Loaded, Server};
use crate::table::{Table, micros};

/// Options of `bench compare`.
#[derive(Args)]
pub(crate) struct CompareOptions {
    /// Connections, each with one request under way.
    #[arg(long, default_value_t = 64)]
    connections: u32,
    /// Orders of a batch, where orders come in batches.
    #[arg(long, default_value_t = 200)]
    batch: u32,
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

/// One of those compared.
#[derive(Serialize)]
pub(crate) struct Row {
    what: String,
    per_second: u64,
    p50_us: u64,
    p99_us: u64,
    p999_us: u64,
    failed: u64,
}

/// All of them.
#[derive(Serialize)]
pub(crate) struct Comparison {
    rows: Vec<Row>,
    /// One order a request, over the bare handler, in percent.
    percent_of_bare: u64,
    /// The same over PostgreSQL, and in batches, in tenths; none where PostgreSQL was not measured.
    tenths_of_postgres: Option<(u64, u64)>,
    /// One client with one order at a time, over one append and `fdatasync` of as many bytes, in tenths of its median.
    tenths_of_append: u64,
    /// What an order costs in the server, one a request.
    cost: Vec<ThreadCost>,
    /// What an order takes in the journal.
    record_bytes: u64,
}

const BATCH_CONNECTIONS: u32 = 8;

/// Measures and prints.
pub(crate) fn run(options: &CompareOptions) -> anyhow::Result<()> {
    table(&compare(options.connections, options.batch, options.seconds, !options.without_postgres)?)
        .print(options.json)
}

/// Measures.
pub(crate) fn compare(
    connections: u32,
    batch: u32,
    seconds: u64,
    with_postgres: bool,
) -> anyhow::Result<Comparison> {
    let runtime = Runtime::new()?;
    let schedule = Schedule::seconds(seconds);
    let market = Market::small(connections);
    let orders = |number| Orders::new(market, number, connections, 1, "x".repeat(330));
    let orders = (0..connections).map(orders).collect();
    let bare = runtime.block_on(bare::load(orders, Plan::Closed, schedule))?;
    let server = Server::start(market)?;
    let load = |connections, batch| runtime.block_on(server.load(connections, batch, Plan::Closed, schedule));
    let single = load(1, 1)?.measured;
    let Loaded { measured: many, cost } = load(connections, 1)?;
    let batched = load(BATCH_CONNECTIONS, batch)?.measured;
    let record_bytes = server.record_bytes()?;
    drop(server);
    let directory = tempfile::tempdir()?;
    let append = plain_file::append(directory.path(), usize::try_from(record_bytes)?, schedule)?;
    let peer = if with_postgres { Peer::start(connections)? } else { None };
    let postgres = peer.map(|peer| runtime.block_on(peer.load(connections, schedule))).transpose()?;
    let tenths = |of: &Measured, peer: &Measured| of.per_second() * 10 / peer.per_second().max(1);
    let mut rows = vec![
        Row::of("bare axum handler", &bare),
        Row::of("rialto, one order a request", &many),
        Row::of(&format!("rialto, batches of {batch}, {BATCH_CONNECTIONS} connections"), &batched),
        Row::of("rialto, one client", &single),
        Row::of("plain file, append and fdatasync", &append),
    ];
    rows.extend(postgres.as_ref().map(|peer| Row::of("PostgreSQL, stored procedures", peer)));
    let median = |measured: &Measured| measured.latency_us.value_at_quantile(0.5).max(1);
    Ok(Comparison {
        rows,
        percent_of_bare: many.per_second() * 100 / bare.per_second().max(1),
        tenths_of_postgres: postgres.map(|peer| (tenths(&many, &peer), tenths(&batched, &peer))),
        tenths_of_append: median(&single) * 10 / median(&append),
        cost,
        record_bytes,
    })
}

impl Row {
    /// What stands in its columns.
    pub(crate) fn cells(&self) -> [&dyn Display; 6] {
        [&self.what, &self.per_second, &self.p50_us, &self.p99_us, &self.p999_us, &self.failed]
    }

    pub(crate) fn of(what: &str, measured: &Measured) -> Self {
        let at = |quantile| measured.latency_us.value_at_quantile(quantile);
        Self {
            what: what.to_owned(),
            per_second: measured.per_second(),
            p50_us: at(0.5),
            p99_us: at(0.99),
            p999_us: at(0.999),
            failed: measured.failed + measured.turned_away,
        }
    }
}

/// As a table.
pub(crate) fn table(comparison: &Comparison) -> Table {
    let head = ["", "orders/s", "p50 µs", "p99 µs", "p99.9 µs", "failed"];
    let mut table = Table::new("Rialto and its peers, in one run", &head, comparison);
    for row in &comparison.rows {
        table.row(&row.cells());
    }
    table.note(format!(
        "One order a request: {} % of the bare handler's rate. One client: {}.{} times the append's median; an order takes {} \
         bytes in the journal.",
        comparison.percent_of_bare,
        comparison.tenths_of_append / 10,
        comparison.tenths_of_append % 10,
        comparison.record_bytes
    ));
    table.note(match comparison.tenths_of_postgres {
        Some((one, batched)) => format!(
            "Over PostgreSQL: {}.{} times as many, {}.{} times in batches.",
            one / 10,
            one % 10,
            batched / 10,
            batched % 10
        ),
        None => "PostgreSQL was not measured: it is not installed, or was left out.".to_owned(),
    });
    let total = comparison.cost.iter().map(|cost| cost.cpu_ns).sum();
    table.note(format!(
        "Processor time of the server for an order, one a request: {} µs ({}).",
        micros(total),
        cost::by_thread(&comparison.cost)
    ));
    table
}
