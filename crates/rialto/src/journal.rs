//! `rialto journal`: proofs over the journal, what it comes to, and copies of it.

mod copy;
mod place;
mod state;
mod verify;

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use node::journal::Hash;

use crate::cli::Failure;
use copy::CopyOptions;
pub(crate) use place::Place;
use state::StateOptions;
use verify::VerifyOptions;

/// What can be done with the journal.
#[derive(Subcommand)]
pub(crate) enum JournalCommand {
    /// Decides the whole history again and compares, and checks the hash chain and every checksum.
    Verify(VerifyOptions),
    /// Folds the whole history in and hashes what each service knows in the end: equal wherever the services lived.
    State(StateOptions),
    /// Copies a journal, batch by batch as it is, or adds to a copy what has come since.
    Copy(CopyOptions),
}

/// Runs one of them.
pub(crate) fn run(command: &JournalCommand) -> Result<(), Failure> {
    match command {
        JournalCommand::Verify(options) => verify::run(options),
        JournalCommand::State(options) => state::run(options),
        JournalCommand::Copy(options) => copy::run(options),
    }
}

/// A bar for long work over a known number of records; hidden where nobody looks.
pub(crate) fn progress_bar(records: u64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:40} {human_pos}/{human_len} records, {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(records).with_style(style).with_message(what)
}

fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
