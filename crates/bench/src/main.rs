//! Benchmarks: what is measured, against what, in one run on one machine.
//!
//! Each command measures one thing and prints it; `bench report` measures everything and writes it down. Figures are
//! ratios where a peer is at hand. The recorded day is measured by `rialto replay`. Nothing here is a test.

mod chart;
mod cluster;
mod compare;
mod cost;
mod journal;
mod load;
mod market;
mod memory;
mod overload;
mod peers;
mod postgres;
mod report;
mod scaling;
mod server;
mod steady;
mod table;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Rialto on this machine. Build `rialto` first: the server that is measured is the one beside this program.
#[derive(Parser)]
#[command(name = "bench", version, max_term_width = 110)]
enum Bench {
    /// Orders over HTTP, durable, everything on; against a bare axum handler, PostgreSQL and a plain file.
    Compare(compare::CompareOptions),
    /// A constant rate for a long time: latency, memory, and how far the views are behind.
    Steady(steady::SteadyOptions),
    /// Several times more than the server can do.
    Overload(overload::OverloadOptions),
    /// More and more connections, accounts, open orders or instruments.
    Scaling(scaling::ScalingOptions),
    /// Open orders in memory, and the time to start again.
    Memory(memory::MemoryOptions),
    /// The journal in PostgreSQL, beside the embedded one. Build `rialto` with `--features cluster`.
    Postgres(postgres::PostgresOptions),
    /// Orders through the gateway of a whole cluster. Build `rialto` with `--features cluster`.
    Cluster(cluster::ClusterOptions),
    /// A durable commit, against a plain file.
    Journal(journal::JournalOptions),
    /// All of these, as tables and charts in a folder.
    Report(report::ReportOptions),
}

fn main() -> anyhow::Result<()> {
    match Bench::parse() {
        Bench::Compare(options) => compare::run(&options),
        Bench::Steady(options) => steady::run(&options),
        Bench::Overload(options) => overload::run(&options),
        Bench::Scaling(options) => scaling::run(&options),
        Bench::Memory(options) => memory::run(&options),
        Bench::Postgres(options) => postgres::run(&options),
        Bench::Cluster(options) => cluster::run(&options),
        Bench::Journal(options) => journal::run(&options),
        Bench::Report(options) => report::run(&options),
    }
}
