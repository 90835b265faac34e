//! `rialto journal verify`: the standing proof that history decides as it did.

use clap::Args;
use node::journal::{GENESIS_HASH, Hash, JournalError, JournalReader};

use super::place::Source;
use super::{hex, progress_bar};
use crate::cli::Failure;
use crate::output::say;

/// Options of `rialto journal verify`.
#[derive(Args)]
pub(crate) struct VerifyOptions {
    #[command(flatten)]
    source: Source,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct Verified {
    verified: bool,
    records: u64,
    last_position: u64,
    hash: String,
}

/// Verifies.
pub(super) fn run(options: &VerifyOptions) -> Result<(), Failure> {
    let reader = options.source.reader()?;
    let hosts = options.source.hosts()?;
    let tail = reader.tail().map_err(|error| Failure::Wrong(error.to_string()))?;
    let bar = progress_bar(tail.next_position - 1, "deciding again");
    let verified = node::verify(hosts, reader.as_ref(), |records| bar.set_position(records));
    bar.finish_and_clear();
    let (records, engine) = verified.map_err(|error| Failure::Wrong(error.to_string()))?;
    engine.state().trading.ledger().audit().map_err(Failure::Wrong)?;
    // A server beside this may have gone on: what is stated is what was verified, not the journal's end by now.
    let last_position = engine.last().map_or(0, |moment| moment.position);
    let hash = hash_at(reader.as_ref(), last_position).map_err(|error| Failure::Wrong(error.to_string()))?;
    let hash = hex(&hash);
    if options.json {
        let verified = Verified { verified: true, records, last_position, hash };
        say!("{}", serde_json::to_string(&verified).map_err(anyhow::Error::from)?);
    } else {
        say!("verified {records} records: each decides as recorded, the chain is whole, money is conserved");
        say!("last position {last_position}, hash {hash}");
    }
    Ok(())
}

/// The hash of the batch that a position is the last of.
fn hash_at(reader: &dyn JournalReader, position: u64) -> Result<Hash, JournalError> {
    let batches = reader.read_from(position, 1)?;
    let batch = batches.first().filter(|batch| position > 0 && batch.next_position() == position + 1);
    Ok(batch.map_or(GENESIS_HASH, |batch| batch.hash))
}
