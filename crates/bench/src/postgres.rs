//! `bench postgres`: the same server with its journal in PostgreSQL and embedded, in one run.

use clap::Args;
use serde::Serialize;
use testbed::Postgres;
use tokio::runtime::Runtime;

use crate::compare::Row;
use crate::cost::{self, ThreadCost};
use crate::load::{Plan, Schedule};
use crate::market::Market;
use crate::server::Server;
use crate::table::Table;

/// Options of `bench postgres`.
#[derive(Args)]
pub(crate) struct PostgresOptions {
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
}

#[derive(Serialize)]
struct Both {
    rows: Vec<Row>,
    /// What an order costs in the server whose journal is in PostgreSQL, one a request; PostgreSQL itself not counted.
    cost: Vec<ThreadCost>,
}

const BATCH_CONNECTIONS: u32 = 8;

/// Measures and prints.
pub(crate) fn run(options: &PostgresOptions) -> anyhow::Result<()> {
    let market = Market::small(options.connections);
    let mut rows = Vec::new();
    measure(options, &Server::start(market)?, "embedded", &mut rows)?;
    let postgres = Postgres::start(&["shared_buffers=256MB", "max_wal_size=4GB"])?;
    let cost = measure(options, &Server::start_on(market, &postgres)?, "PostgreSQL", &mut rows)?;
    let both = Both { rows, cost };
    let head = ["journal", "orders/s", "p50 µs", "p99 µs", "p99.9 µs", "failed"];
    let mut table = Table::new("The journal in PostgreSQL, and embedded", &head, &both);
    for row in &both.rows {
        table.row(&row.cells());
    }
    let cost = cost::by_thread(&both.cost);
    table.note(format!(
        "Processor time for an order with the journal in PostgreSQL, by thread, in µs: {cost}."
    ));
    table.print(options.json)
}

/// One client, many, and batches.
fn measure(
    options: &PostgresOptions,
    server: &Server,
    journal: &str,
    rows: &mut Vec<Row>,
) -> anyhow::Result<Vec<ThreadCost>> {
    let runtime = Runtime::new()?;
    let schedule = Schedule::seconds(options.seconds);
    let load = |connections, batch| runtime.block_on(server.load(connections, batch, Plan::Closed, schedule));
    rows.push(Row::of(&format!("{journal}, one client"), &load(1, 1)?.measured));
    let many = load(options.connections, 1)?;
    rows.push(Row::of(&format!("{journal}, {} connections", options.connections), &many.measured));
    let batched = load(BATCH_CONNECTIONS, options.batch)?.measured;
    rows.push(Row::of(&format!("{journal}, batches of {}", options.batch), &batched));
    Ok(many.cost)
}
