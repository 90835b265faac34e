//! `rialto journal`: proofs over the journal.

use clap::Subcommand;
use engine::Hosts;
use indicatif::{ProgressBar, ProgressStyle};
use node::journal::{GENESIS_HASH, Hash, JournalError, JournalReader};
use std::path::PathBuf;

use crate::cli::Failure;
use crate::embedded;
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
    let reader = embedded::reader(data)?;
    let tail = reader.tail().map_err(|error| Failure::Wrong(error.to_string()))?;
    let bar = progress_bar(tail.next_position - 1, "deciding again");
    let verified = node::verify(Hosts::ALL, &reader, |records| bar.set_position(records));
    bar.finish_and_clear();
    let (records, engine) = verified.map_err(|error| Failure::Wrong(error.to_string()))?;
    engine.state().trading.ledger().audit().map_err(Failure::Wrong)?;
    // A server beside this may have gone on: what is stated is what was verified, not the journal's end by now.
    let last_position = engine.last().map_or(0, |moment| moment.position);
    let hash = hash_at(&reader, last_position).map_err(|error| Failure::Wrong(error.to_string()))?;
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    if *json {
        let verified = Verified { verified: true, records, last_position, hash };
        say!("{}", serde_json::to_string(&verified).map_err(anyhow::Error::from)?);
    } else {
        say!("verified {records} records: each decides as recorded, the chain is whole, money is conserved");
        say!("last position {last_position}, hash {hash}");
    }
    Ok(())
}

/// The hash of the batch that a position is the last of.
fn hash_at(reader: &impl JournalReader, position: u64) -> Result<Hash, JournalError> {
    let batches = reader.read_from(position, 1)?;
    let batch = batches.first().filter(|batch| position > 0 && batch.next_position() == position + 1);
    Ok(batch.map_or(GENESIS_HASH, |batch| batch.hash))
}
