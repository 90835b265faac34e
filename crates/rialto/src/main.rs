//! The `rialto` command: composition of the embedded deployment, and the command line.
//!
//! Exit codes: 0 done; 1 what was asked for turned out wrong (a difference, a damaged journal, a refusal); 2 misuse,
//! with one line that says what would be right.

mod cli;
mod demo;
mod embedded;
mod journal;
mod replay;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
