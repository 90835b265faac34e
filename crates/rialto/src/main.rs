//! The `rialto` command: composition of the embedded deployment, and the command line.
//!
//! Exit codes: 0 done; 1 what was asked for turned out wrong (a difference, a damaged journal, a refusal); 2 misuse,
//! with one line that says what would be right.

mod audit_log;
#[cfg(feature = "cluster")]
mod certs;
mod cli;
mod client;
#[cfg(feature = "cluster")]
mod config;
mod demo;
mod embedded;
#[cfg(feature = "cluster")]
mod events;
mod journal;
mod output;
#[cfg(feature = "cluster")]
mod rates;
mod replay;
#[cfg(feature = "cluster")]
mod replica;
#[cfg(feature = "cluster")]
mod serve;
mod server_file;
#[cfg(feature = "cluster")]
mod spans;
mod token;
#[cfg(feature = "cluster")]
mod traffic;
mod up;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}

/// Today, by the machine's clock.
fn today() -> vocabulary::Date {
    let now = node::Clock::now(&mut node::SystemClock::new()).to_string();
    now.get(..10).and_then(|date| date.parse().ok()).expect("a timestamp begins with its date")
}
