//! `rialto journal`: proofs over the journal.

use clap::Subcommand;
use engine::Hosts;
use indicatif::{ProgressBar, ProgressStyle};
use node::journal::JournalReader;
use std::path::PathBuf;
use store::sqlite::SqliteReader;

use crate::cli::Failure;
use crate::embedded::SHARD;
use crate::output::say;

/// What can be done with the journal.
#[derive(Subcommand)]
pub(crate) enum JournalCommand {
    /// Decides the whole history again and compares, and checks the hash chain and every checksum.
    Verify {
        /// The data directory.
        #[arg(long, default_value = "data")]
        data: PathBuf,
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(serde::Serialize)]
struct Verified {
    verified: bool,
    records: u64,
    last_position: u64,
    hash: String,
}

/// A bar for long work over a known number of records; hidden where nobody looks.
pub(crate) fn progress_bar(records: u64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:40} {human_pos}/{human_len} records, {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(records).with_style(style).with_message(what)
}

/// Runs one of them.
pub(crate) fn run(command: &JournalCommand) -> Result<(), Failure> {
    let JournalCommand::Verify { data, json } = command;
    let reader = SqliteReader::open(data, SHARD).map_err(|error| Failure::Misuse(error.to_string()))?;
    let tail = reader.tail().map_err(|error| Failure::Wrong(error.to_string()))?;
    let bar = progress_bar(tail.next_position - 1, "deciding again");
    let verified = node::verify(Hosts::ALL, &reader, |records| bar.set_position(records));
    bar.finish_and_clear();
    let (records, engine) = verified.map_err(|error| Failure::Wrong(error.to_string()))?;
    engine.state().trading.ledger().audit().map_err(Failure::Wrong)?;
    let hash: String = tail.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    if *json {
        let verified = Verified { verified: true, records, last_position: tail.next_position - 1, hash };
        say!("{}", serde_json::to_string(&verified).map_err(anyhow::Error::from)?);
    } else {
        say!("verified {records} records: each decides as recorded, the chain is whole, money is conserved");
        say!("last position {}, hash {hash}", tail.next_position - 1);
    }
    Ok(())
}
