//! `bench memory`: a node full of open orders, weighed; then started again, from its snapshot and from the journal alone.

use clap::Args;
use serde::Serialize;
use std::path::Path;
use std::time::Instant;

use crate::cost;
use crate::market::{self, Market};
use crate::table::Table;

/// Options of `bench memory`.
#[derive(Args)]
pub(crate) struct MemoryOptions {
    /// Open orders.
    #[arg(long, default_value_t = 1_000_000)]
    orders: u32,
    /// Accounts that they are spread over.
    #[arg(long, default_value_t = 10_000)]
    accounts: u32,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

/// What so many open orders weigh.
#[derive(Serialize)]
pub(crate) struct Weighed {
    pub(crate) orders: u32,
    accounts: u32,
    orders_per_second: u64,
    bytes_per_account: u64,
    /// Resident memory over what the process had before, in MiB.
    pub(crate) memory_mib: u64,
    bytes_per_order: u64,
    /// What a closed order leaves behind, its client order id for good and the rest for a minute.
    bytes_per_closed_order: u64,
    journal_mib: u64,
    pub(crate) restart_from_snapshot_ms: u64,
    pub(crate) restart_from_journal_ms: u64,
}

/// Measures and prints.
pub(crate) fn run(options: &MemoryOptions) -> anyhow::Result<()> {
    let weighed = weigh(options.orders, options.accounts)?;
    table(&[weighed]).print(options.json)
}

/// Fills a node, weighs it and starts it again.
pub(crate) fn weigh(orders: u32, accounts: u32) -> anyhow::Result<Weighed> {
    let data = tempfile::tempdir()?;
    let market = Market { accounts, open_orders: orders, ..Market::small(accounts) };
    let node = market::start(data.path())?;
    let empty = cost::resident(std::process::id())?;
    market.define(&node.handle())?;
    let before = cost::resident(std::process::id())?;
    let took = market.place_open_orders(&node.handle())?;
    let bytes = cost::resident(std::process::id())?.saturating_sub(before);
    node.stop().map_err(anyhow::Error::msg)?;
    let restart_from_snapshot_ms = restart(data.path())?;
    std::fs::remove_dir_all(data.path().join("snapshots"))?;
    Ok(Weighed {
        orders,
        accounts,
        orders_per_second: u64::try_from(u128::from(orders) * 1_000 / took.as_millis().max(1))?,
        bytes_per_account: before.saturating_sub(empty) / u64::from(accounts.max(1)),
        memory_mib: bytes >> 20,
        bytes_per_order: bytes / u64::from(orders.max(1)),
        bytes_per_closed_order: weigh_closed(orders, accounts)?,
        journal_mib: std::fs::metadata(data.path().join("journal.db"))?.len() >> 20,
        restart_from_snapshot_ms,
        restart_from_journal_ms: restart(data.path())?,
    })
}

/// Fills a node and empties it, twice: what the second round adds is what closed orders keep, since their places are taken
/// again.
fn weigh_closed(orders: u32, accounts: u32) -> anyhow::Result<u64> {
    let data = tempfile::tempdir()?;
    let market = Market { accounts, open_orders: orders, ..Market::small(accounts) };
    let node = market::start(data.path())?;
    market.define(&node.handle())?;
    market.place_and_cancel(&node.handle(), 0..orders)?;
    let first = cost::resident(std::process::id())?;
    market.place_and_cancel(&node.handle(), orders..2 * orders)?;
    let second = cost::resident(std::process::id())?;
    node.stop().map_err(anyhow::Error::msg)?;
    Ok(second.saturating_sub(first) / u64::from(orders.max(1)))
}

/// Milliseconds until the node would take commands. It is not started, so that no snapshot is written.
fn restart(data: &Path) -> anyhow::Result<u64> {
    let began = Instant::now();
    let recovered = market::recover(data)?;
    let took = began.elapsed().as_millis();
    drop(recovered);
    Ok(u64::try_from(took)?)
}

/// As a table.
pub(crate) fn table(all: &[Weighed]) -> Table {
    let head = [
        "open orders",
        "accounts",
        "filled, orders/s",
        "bytes an account",
        "memory, MiB",
        "bytes an order",
        "a closed one keeps",
        "journal, MiB",
        "restart from snapshot, ms",
        "from journal alone, ms",
    ];
    let mut table = Table::new("Open orders in memory, and the time to start again", &head, all);
    for one in all {
        table.row(&[
            &one.orders,
            &one.accounts,
            &one.orders_per_second,
            &one.bytes_per_account,
            &one.memory_mib,
            &one.bytes_per_order,
            &one.bytes_per_closed_order,
            &one.journal_mib,
            &one.restart_from_snapshot_ms,
            &one.restart_from_journal_ms,
        ]);
    }
    table
}
