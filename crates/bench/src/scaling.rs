//! `bench scaling`: rate and latency against connections, accounts, open orders and instruments.

use clap::{Args, ValueEnum};
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::cost::{self, ThreadCost};
use crate::load::{Plan, Schedule};
use crate::market::Market;
use crate::server::Server;
use crate::table::{Table, micros};

/// Where they are not what is made larger.
const CONNECTIONS: u32 = 64;

/// What is made larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Axis {
    Connections,
    Accounts,
    OpenOrders,
    Instruments,
}

/// Options of `bench scaling`.
#[derive(Args)]
pub(crate) struct ScalingOptions {
    /// What is made larger.
    #[arg(value_enum)]
    axis: Axis,
    /// Measured seconds for each size.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

/// One size.
#[derive(Serialize)]
pub(crate) struct Point {
    pub(crate) size: u32,
    pub(crate) per_second: u64,
    pub(crate) p99_us: u64,
    /// Processor time of the server for an order, in nanoseconds.
    pub(crate) cpu_ns: u64,
    /// The same by kind of thread.
    cost: Vec<ThreadCost>,
    failed: u64,
}

impl Axis {
    pub(crate) const ALL: [Self; 4] =
        [Self::Connections, Self::Accounts, Self::OpenOrders, Self::Instruments];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Accounts => "accounts",
            Self::OpenOrders => "open orders",
            Self::Instruments => "instruments",
        }
    }

    fn sizes(self) -> &'static [u32] {
        match self {
            Self::Connections => &[1, 16, 64, 256, 1_024],
            Self::Accounts | Self::OpenOrders => &[10, 1_000, 100_000, 1_000_000],
            Self::Instruments => &[1, 100, 10_000],
        }
    }

    /// The market and the connections at that size.
    fn setting(self, size: u32) -> (Market, u32) {
        let small = Market::small(CONNECTIONS);
        match self {
            Self::Connections => (Market::small(size), size),
            // Fewer accounts than connections: several connections share one.
            Self::Accounts => {
                (Market { accounts: size, owners: size.min(CONNECTIONS), ..small }, CONNECTIONS)
            }
            Self::OpenOrders => (Market { open_orders: size, ..small }, CONNECTIONS),
            Self::Instruments => (Market { instruments: size, ..small }, CONNECTIONS),
        }
    }
}

/// Measures and prints.
pub(crate) fn run(options: &ScalingOptions) -> anyhow::Result<()> {
    table(options.axis, &scale(options.axis, options.seconds)?).print(options.json)
}

/// Measures each size.
pub(crate) fn scale(axis: Axis, seconds: u64) -> anyhow::Result<Vec<Point>> {
    axis.sizes().iter().map(|&size| point(axis, size, seconds)).collect()
}

fn point(axis: Axis, size: u32, seconds: u64) -> anyhow::Result<Point> {
    let (market, connections) = axis.setting(size);
    let server = Server::start(market)?;
    let load = server.load(connections, 1, Plan::Closed, Schedule::seconds(seconds));
    let loaded = Runtime::new()?.block_on(load)?;
    Ok(Point {
        size,
        per_second: loaded.measured.per_second(),
        p99_us: loaded.measured.latency_us.value_at_quantile(0.99),
        cpu_ns: loaded.cost.iter().map(|cost| cost.cpu_ns).sum(),
        cost: loaded.cost,
        failed: loaded.measured.failed + loaded.measured.turned_away,
    })
}

/// As a table.
pub(crate) fn table(axis: Axis, points: &[Point]) -> Table {
    let head = [axis.name(), "orders/s", "p99 µs", "µs of a processor an order", "failed"];
    let mut table = Table::new(&format!("More {}", axis.name()), &head, points);
    for point in points {
        table.row(&[&point.size, &point.per_second, &point.p99_us, &micros(point.cpu_ns), &point.failed]);
    }
    if let (Some(first), Some(last)) = (points.first(), points.last()) {
        table.note(format!(
            "By thread, in µs: with {} {}; with {} {}.",
            first.size,
            cost::by_thread(&first.cost),
            last.size,
            cost::by_thread(&last.cost)
        ));
    }
    table
}
