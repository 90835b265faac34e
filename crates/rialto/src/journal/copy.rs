//! `rialto journal copy`: the same batches somewhere else, from a data directory into a database or back.
//!
//! A copy has the same bytes under the same hashes, so whatever is proven of the one holds for the other.

use clap::Args;
use node::journal::{Chain, Journal, JournalError, JournalReader};

use super::place::Place;
use super::{hex, progress_bar};
use crate::cli::Failure;
use crate::output::say;

/// How much is read at a time.
const READ_BYTES: usize = 4 << 20;

/// Options of `rialto journal copy`.
#[derive(Args)]
pub(crate) struct CopyOptions {
    /// The data directory, or the URL of the PostgreSQL database, that holds the journal.
    #[arg(long)]
    from: Place,
    /// Where to copy it: a data directory, which is made, or the URL of a PostgreSQL database, which is prepared by
    /// `rialto migrate`. A copy that is there already gets what has come since; any other journal is left as it is.
    #[arg(long)]
    to: Place,
    /// Copy no batch that ends behind this position: history as it was then.
    #[arg(long, value_name = "POSITION")]
    until: Option<u64>,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct Copied {
    copied_batches: u64,
    copied_records: u64,
    last_position: u64,
    hash: String,
}

/// Copies.
pub(super) fn run(options: &CopyOptions) -> Result<(), Failure> {
    let from = options.from.reader()?;
    let mut to = options.to.writer(&options.from.founding()?)?;
    let wrong = |error: JournalError| Failure::Wrong(error.to_string());
    let stated = from.tail().map_err(wrong)?;
    let there = to.tail().map_err(wrong)?;
    let no_copy = || {
        let (to, from) = (options.to.name(), options.from.name());
        Failure::Misuse(format!(
            "{to} holds another journal than {from}: a copy goes to an empty place or to an earlier copy"
        ))
    };
    if !is_beginning(from.as_ref(), to.as_ref()).map_err(wrong)? {
        return Err(no_copy());
    }
    let bar = progress_bar(stated.next_position - there.next_position, "copying");
    let mut chain = Chain::after(from.shard(), there);
    let mut batches = 0;
    let until = options.until.map_or(stated.next_position, |until| stated.next_position.min(until + 1));
    'all: while chain.tail().next_position < until {
        let read = from.read_from(chain.tail().next_position, READ_BYTES).map_err(wrong)?;
        if read.is_empty() {
            chain.ends_at(&stated).map_err(|corrupt| wrong(corrupt.into()))?;
        }
        for batch in &read {
            if batch.next_position() > until && options.until.is_some() {
                break 'all;
            }
            chain.accept(batch).map_err(|corrupt| wrong(corrupt.into()))?;
            to.append(batch).map_err(wrong)?;
            batches += 1;
            bar.set_position(chain.tail().next_position - there.next_position);
        }
    }
    bar.finish_and_clear();
    let end = chain.tail();
    let copied = Copied {
        copied_batches: batches,
        copied_records: end.next_position - there.next_position,
        last_position: end.next_position - 1,
        hash: hex(&end.hash),
    };
    if options.json {
        say!("{}", serde_json::to_string(&copied).map_err(anyhow::Error::from)?);
    } else {
        say!(
            "copied {} records in {} batches to {}",
            copied.copied_records,
            copied.copied_batches,
            options.to.name()
        );
        say!("last position {}, hash {}", copied.last_position, copied.hash);
    }
    Ok(())
}

/// Whether `to` is what `from` began with: its last batch stands there, and so, by the hashes, does every one before it.
fn is_beginning(from: &dyn JournalReader, to: &dyn Journal) -> Result<bool, JournalError> {
    let there = to.tail()?;
    if there == node::journal::Tail::genesis(to.shard()) {
        return Ok(true);
    }
    let same = from.read_from(there.next_position - 1, 1)?;
    Ok(same.first().is_some_and(|batch| batch.tail() == there))
}
