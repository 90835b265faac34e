//! Benchmarks: what is measured, against what, in one run on one machine.
//!
//! `bench http` compares the real server with a bare axum handler and with the same order flow on PostgreSQL; `bench memory` fills a node with open orders, weighs
//! it and starts it again. The recorded day is measured by `rialto replay`. Figures are ratios where a peer is at hand;
//! nothing here is a test.

mod http;
mod load;
mod memory;
mod postgres;
mod server;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Rialto on this machine.
#[derive(Parser)]
#[command(name = "bench", version, max_term_width = 110)]
enum Bench {
    /// One order a request over HTTP, durable, everything on; against a bare axum handler and PostgreSQL.
    Http(http::HttpOptions),
    /// Open orders in memory, and the time to start again.
    Memory(memory::MemoryOptions),
}

fn main() -> anyhow::Result<()> {
    match Bench::parse() {
        Bench::Http(options) => http::run(&options),
        Bench::Memory(options) => memory::run(&options),
    }
}
