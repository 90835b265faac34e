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
    let chain = follow_to_end(reader, chain, |record| {
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

/// As [`follow_journal`], up to where the journal states its end; a writer beside us may go on meanwhile.
///
/// # Errors
/// As there, and when the journal ends elsewhere than it states.
pub fn follow_to_end<R: JournalReader + ?Sized>(
    reader: &R,
    mut chain: Chain,
    mut see: impl FnMut(Record) -> Result<(), RecoveryError>,
) -> Result<Chain, RecoveryError> {
    loop {
        chain = follow_journal(reader, chain, &mut see)?;
        let stated = reader.tail()?;
        if stated.next_position <= chain.tail().next_position {
            chain.ends_at(&stated)?;
            return Ok(chain);
        }
        // A writer has gone on between the two reads, so there is more to read now, or else it is missing.
        let reached = chain.tail();
        chain = follow_journal(reader, chain, &mut see)?;
        if chain.tail() == reached {
            chain.ends_at(&stated)?;
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
    follow_to_end(reader, Chain::genesis(reader.shard()), |record| {
        records += 1;
        if records % 10_000 == 0 {
            progress(records);
        }
        verify_record(&mut engine, &record)
    })?;
    Ok((records, engine))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Batch, Flaw, Tail, frame_into};
    use engine::{Command, Request};
    use std::cell::{Cell, RefCell};
    use vocabulary::{CorrelationId, Moment, Timestamp};

    /// A journal that somebody adds to each time after its rows were read, so many times.
    struct Growing {
        rows: RefCell<Vec<Batch>>,
        chain: RefCell<Chain>,
        more: Cell<u32>,
    }

    impl Growing {
        fn new(batches: u32, more: u32) -> Self {
            let chain = RefCell::new(Chain::genesis(0));
            let growing = Self { rows: RefCell::default(), chain, more: Cell::new(more) };
            (0..batches).for_each(|_| growing.grow());
            growing
        }

        fn grow(&self) {
            let mut chain = self.chain.borrow_mut();
            let moment = Moment { position: chain.tail().next_position, time: Timestamp(0) };
            let command =
                Command::Trading(trading::Command::OpenBusinessDay { date: "2023-02-07".parse().unwrap() });
            let request = Request {
                command_id: None,
                correlation: CorrelationId(1),
                actor: "somebody".parse().unwrap(),
                command,
            };
            let record = Record { moment, logic_version: 1, request, outcome: Outcome::Events(Vec::new()) };
            let mut bytes = Vec::new();
            frame_into(&mut bytes, |out| minicbor::encode(record, out).unwrap());
            self.rows.borrow_mut().push(chain.seal(1, 1, bytes));
        }

        fn read(&self) -> Result<usize, RecoveryError> {
            let mut seen = 0;
            follow_to_end(self, Chain::genesis(0), |_| {
                seen += 1;
                Ok(())
            })?;
            Ok(seen)
        }
    }

    impl JournalReader for Growing {
        fn shard(&self) -> u16 {
            0
        }

        fn tail(&self) -> Result<Tail, JournalError> {
            if self.more.get() > 0 {
                self.more.set(self.more.get() - 1);
                self.grow();
            }
            Ok(self.chain.borrow().tail())
        }

        fn read_from(&self, position: u64, _bytes_max: usize) -> Result<Vec<Batch>, JournalError> {
            let rows = self.rows.borrow();
            Ok(rows.iter().filter(|batch| batch.first_position >= position).take(2).cloned().collect())
        }
    }

    #[test]
    fn a_journal_that_grows_while_it_is_read_is_read_to_an_end_and_is_not_damaged() {
        for (batches, more) in [(0, 0), (0, 3), (5, 0), (5, 1), (4, 7)] {
            assert_eq!(Growing::new(batches, more).read().unwrap(), (batches + more) as usize);
        }
    }

    #[test]
    fn fault_10_an_end_that_is_stated_and_not_there_is_damage() {
        for more in [0, 2] {
            let journal = Growing::new(5, 0);
            journal.more.set(more);
            journal.rows.borrow_mut().truncate(4);
            let Err(RecoveryError::Journal(JournalError::Corrupt(corrupt))) = journal.read() else {
                panic!("a missing end went unseen");
            };
            assert_eq!((corrupt.position, matches!(corrupt.flaw, Flaw::Missing { .. })), (5, true));
        }
    }
}
