//! From snapshot and journal to a running engine: apply events, decide nothing.

use crate::journal::{BadRecord, Chain, Corrupt, JournalError, JournalReader};
use crate::snapshot::{Snapshot, SnapshotError, Snapshots};
use engine::{Engine, Executed, Outcome, Record, Setup};
use vocabulary::planted;

/// How many bytes of journal are read at once.
const READ_BYTES: usize = 8 << 20;

/// Why a node cannot come up, or history does not verify.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The journal cannot be read, or is damaged.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The snapshots cannot be read.
    #[error(transparent)]
    Snapshots(#[from] SnapshotError),
    /// A record's frame is damaged.
    #[error(transparent)]
    Record(#[from] BadRecord),
    /// A record or snapshot is whole, but this program does not understand it.
    #[error("{what} at position {position} cannot be understood by this version: {why}")]
    Unknown {
        /// Record or snapshot.
        what: &'static str,
        /// Its position.
        position: u64,
        /// What the decoder says.
        why: String,
    },
    /// Deciding a command again came to something else.
    #[error(
        "the command at position {position} decides differently now: recorded {recorded}, decided {decided}"
    )]
    DecidesDifferently {
        /// Position of the record.
        position: u64,
        /// What the record says, shortened.
        recorded: String,
        /// What it comes to now, shortened.
        decided: String,
    },
}

impl From<Corrupt> for RecoveryError {
    fn from(corrupt: Corrupt) -> Self {
        Self::Journal(corrupt.into())
    }
}

/// An engine as the journal left it.
pub struct Recovered {
    /// The engine.
    pub engine: Engine,
    /// The end of the journal it has reached.
    pub chain: Chain,
    /// Position at which the snapshot stood, if one was used.
    pub from_snapshot: Option<u64>,
    /// How many records were folded in.
    pub records: u64,
}

/// Reads one record.
///
/// # Errors
/// [`RecoveryError::Unknown`] when the bytes are whole but of a form that this version does not know.
pub fn decode_record(position: u64, body: &[u8]) -> Result<Record, RecoveryError> {
    minicbor::decode(body).map_err(|error| RecoveryError::Unknown {
        what: "the record",
        position,
        why: error.to_string(),
    })
}

/// Brings an engine to the end of the journal. `progress` hears how many records were folded in.
///
/// # Errors
/// When the journal is damaged or cannot be read. Damaged snapshots are passed over with a warning.
pub fn recover<R: JournalReader + ?Sized>(
    setup: impl Into<Setup>,
    reader: &R,
    snapshots: &dyn Snapshots,
    mut progress: impl FnMut(u64),
) -> Result<Recovered, RecoveryError> {
    let setup = setup.into();
    let loaded = snapshots.load_newest()?;
    for (place, why) in &loaded.rejected {
        tracing::warn!(%place, %why, "a snapshot cannot be used");
    }
    let (mut engine, chain) = match loaded.snapshot {
        Some(snapshot) => {
            snapshot.check_against(reader)?;
            (restore(setup, &snapshot)?, snapshot.chain())
        }
        None => (Engine::new(setup), Chain::genesis(reader.shard())),
    };
    let from_snapshot = engine.last().map(|moment| moment.position);
    let mut records = 0;
    let chain = follow_journal(reader, chain, |record| {
        records += 1;
        if planted!("snapshot-off-by-one") && from_snapshot.is_some() && records == 1 {
            return Ok(());
        }
        engine.apply(&record);
        if records % 10_000 == 0 {
            progress(records);
        }
        Ok(())
    })?;
    chain.ends_at(&reader.tail()?)?;
    Ok(Recovered { engine, chain, from_snapshot, records })
}

fn restore(setup: Setup, snapshot: &Snapshot) -> Result<Engine, RecoveryError> {
    Engine::restore(setup, &snapshot.body).map_err(|error| RecoveryError::Unknown {
        what: "the snapshot",
        position: snapshot.at.next_position,
        why: error.to_string(),
    })
}

/// Hands every record from the end of `chain` on to `see`, checking chain, frames and encoding.
///
/// # Errors
/// The first thing that is wrong, or what `see` says.
pub fn follow_journal<R: JournalReader + ?Sized>(
    reader: &R,
    mut chain: Chain,
    mut see: impl FnMut(Record) -> Result<(), RecoveryError>,
) -> Result<Chain, RecoveryError> {
    loop {
        let batches = reader.read_from(chain.tail().next_position, READ_BYTES)?;
        if batches.is_empty() {
            return Ok(chain);
        }
        for batch in &batches {
            chain.accept(batch)?;
            for framed in batch.unframe() {
                let (position, body) = framed?;
                see(decode_record(position, body)?)?;
            }
        }
    }
}

/// Decides the whole journal again, from the first record, and compares: the standing proof of determinism.
/// Returns the number of records.
///
/// # Errors
/// The first damage, or the first command that decides differently.
pub fn verify<R: JournalReader + ?Sized>(
    setup: impl Into<Setup>,
    reader: &R,
    mut progress: impl FnMut(u64),
) -> Result<(u64, Engine), RecoveryError> {
    let mut engine = Engine::new(setup);
    let mut records = 0;
    let mut chain = Chain::genesis(reader.shard());
    loop {
        let before = records;
        chain = follow_journal(reader, chain, |record| {
            records += 1;
            if records % 10_000 == 0 {
                progress(records);
            }
            verify_record(&mut engine, &record)
        })?;
        let tail = reader.tail()?;
        // A writer beside us may have gone on between the two reads.
        if records == before || tail.next_position <= chain.tail().next_position {
            chain.ends_at(&tail)?;
            return Ok((records, engine));
        }
    }
}

fn verify_record(engine: &mut Engine, record: &Record) -> Result<(), RecoveryError> {
    let position = record.moment.position;
    match engine.execute(record.request.clone(), record.moment) {
        Executed::Recorded(again) if again.outcome == record.outcome => Ok(()),
        Executed::Recorded(again) => Err(RecoveryError::DecidesDifferently {
            position,
            recorded: shortened(&record.outcome),
            decided: shortened(&again.outcome),
        }),
        Executed::Repeated { position: first } => Err(RecoveryError::DecidesDifferently {
            position,
            recorded: shortened(&record.outcome),
            decided: format!("a repetition of the command at position {first}"),
        }),
        Executed::Answered(receipt) => Err(RecoveryError::DecidesDifferently {
            position,
            recorded: shortened(&record.outcome),
            decided: format!("a repetition of the message at position {}", receipt.position),
        }),
    }
}

fn shortened(outcome: &Outcome) -> String {
    let text = format!("{outcome:?}");
    match text.char_indices().nth(300) {
        Some((at, _)) => format!("{} ..", &text[..at]),
        None => text,
    }
}
