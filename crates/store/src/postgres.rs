//! The journal on PostgreSQL: one row and one commit a batch, in one round trip.
//!
//! Invariant: [`PostgresJournal::append`](Journal::append) returns only when the server has committed with
//! `synchronous_commit`, which includes its synchronous standbys where it has any. Of several writers the last that
//! opened the journal writes: opening claims it, an append takes place only under the claim that it was opened with, and
//! the primary key says the same once more. So a leader that was replaced cannot write, however late its statement
//! arrives. The role that writes can neither change nor delete a batch.
//!
//! Absent on purpose: who is to open the journal for writing (a lease says so), and any retry of an append.

mod connection;
mod lease;
mod reconciliation;
mod schema;
mod table;
#[cfg(test)]
mod tests;

pub use connection::{Database, Unusable};
pub use lease::{Held, Leader, Lease};
pub use reconciliation::{KeptReconciliation, ReconciliationTable};
pub use schema::{Migrated, migrate};

use crate::packed::pack;
use crate::{Check, Founding};
use connection::{Connection, Failed};
use node::journal::{Batch, Cause, Hash, Journal, JournalError, JournalReader, Outcome, Tail};
use std::time::Duration;
use table::{Table, stored};

/// How long an append of unknown outcome is asked about while the server cannot be reached.
const READ_BACK: Duration = Duration::from_secs(10);

const APPEND: &str = "
    WITH moved AS (
        UPDATE tail SET next_position = $7, epoch = $4, hash = $6
        WHERE shard = $1 AND next_position = $2 AND claim = $8 RETURNING shard)
    INSERT INTO journal (shard, first_position, records, epoch, bytes, hash)
    SELECT $1, $2, $3, $4, $5, $6 FROM moved";

/// The one writer of a shard's journal.
pub struct PostgresJournal {
    table: Table,
    founding: Founding,
    /// Which of all the times that the journal was opened for writing this is.
    claim: i64,
    /// The position that the next batch must start with.
    next_position: u64,
    /// An append of unknown outcome, by its position, that is not settled yet.
    unsettled: Option<u64>,
    /// The last batch as it was stored, to be overwritten by the next: memory that is warm.
    packed: Vec<u8>,
}

impl PostgresJournal {
    /// Opens the journal of a shard for writing and founds it if there is none. From now on no other writer can append.
    ///
    /// # Errors
    /// When the database cannot be reached, is not migrated, or would not keep what it commits; when the journal is
    /// damaged.
    pub fn open(database: &Database, founding: &Founding, check: Check) -> Result<Self, Unusable> {
        let table = Table::connect(database, founding.shard)?;
        table.on(Connection::refuse_forgetful)?;
        let founding = schema::found_or_read(&table, founding)?;
        let claim = table.claim()?;
        let next_position = table.at_one_moment(|table| {
            check.prove(table, || table.last_two())?;
            Ok(table.tail()?.next_position)
        })?;
        Ok(Self { table, founding, claim, next_position, unsettled: None, packed: Vec::new() })
    }

    /// What was laid down when the journal was founded.
    #[must_use]
    pub fn founding(&self) -> &Founding {
        &self.founding
    }

    fn write(&mut self, batch: &Batch) -> Result<u64, postgres::Error> {
        pack(&batch.bytes, &mut self.packed);
        let (claim, packed) = (self.claim, &self.packed);
        self.table.with(|connection| {
            let statement = connection.prepared(APPEND)?;
            connection.client().execute(
                &statement,
                &[
                    &i32::from(batch.shard),
                    &stored(batch.first_position),
                    &i64::from(batch.records),
                    &stored(batch.epoch),
                    packed,
                    &batch.hash.as_slice(),
                    &stored(batch.next_position()),
                    &claim,
                ],
            )
        })
    }

    fn failure(&mut self, position: u64, error: postgres::Error) -> JournalError {
        match Failed::from(&error) {
            Failed::Taken => self.fenced(position),
            Failed::Full => JournalError::Full { place: self.table.place(), source: error.into() },
            Failed::Refused => self.table.failure("append to", error),
            Failed::Lost => {
                self.unsettled = Some(position);
                self.unknown(position, error.into())
            }
        }
    }

    fn fenced(&self, position: u64) -> JournalError {
        JournalError::Fenced { shard: self.table.shard(), position }
    }

    fn unknown(&self, position: u64, source: Cause) -> JournalError {
        JournalError::UnknownOutcome { position, place: self.table.place(), source }
    }

    /// Connects anew and claims the journal again, unless another has claimed it since. That waits for a statement of
    /// the old connection that is under way, and makes one that has not begun fail.
    fn reclaim(&mut self) -> Result<(), Unusable> {
        self.table.reconnect(READ_BACK)?;
        self.claim = self.table.reclaim(self.claim)?;
        self.next_position = self.table.tail()?.next_position;
        Ok(())
    }
}

impl Journal for PostgresJournal {
    fn append(&mut self, batch: &Batch) -> Result<(), JournalError> {
        assert_eq!(batch.shard, self.table.shard(), "a batch goes to its own shard's journal");
        if batch.first_position != self.next_position {
            // Whoever sealed it has read what another wrote after this one found the end.
            return Err(self.fenced(batch.first_position));
        }
        if let Some(position) = self.unsettled {
            return Err(self.unknown(position, "its outcome was not read back".into()));
        }
        match self.write(batch) {
            Ok(0) => Err(self.fenced(batch.first_position)),
            Ok(_) => {
                self.next_position = batch.next_position();
                Ok(())
            }
            Err(error) => Err(self.failure(batch.first_position, error)),
        }
    }

    fn outcome_of(&mut self, first_position: u64, hash: &Hash) -> Result<Outcome, JournalError> {
        if self.unsettled.is_some() {
            self.reclaim().map_err(|error| {
                if let Unusable::Journal(fenced @ JournalError::Fenced { .. }) = error {
                    return fenced;
                }
                self.unknown(first_position, error.into())
            })?;
            self.unsettled = None;
        }
        match self.table.hash_at(first_position)? {
            None => Ok(Outcome::NotCommitted),
            Some(found) if found == *hash => Ok(Outcome::Committed),
            Some(_) => Err(self.fenced(first_position)),
        }
    }
}

impl JournalReader for PostgresJournal {
    fn shard(&self) -> u16 {
        self.table.shard()
    }

    fn tail(&self) -> Result<Tail, JournalError> {
        self.table.tail()
    }

    fn read_from(&self, position: u64, bytes_max: usize) -> Result<Vec<Batch>, JournalError> {
        self.table.read_from(position, bytes_max)
    }
}

/// Founds the journal of a shard if there is none, and claims nothing. Answers what is laid down.
///
/// # Errors
/// When the database cannot be reached or is not migrated.
pub fn found(database: &Database, founding: &Founding) -> Result<Founding, Unusable> {
    schema::found_or_read(&Table::connect(database, founding.shard)?, founding)
}

/// Reads a shard's journal, beside its writer or without one. A connection that is lost is made again.
pub struct PostgresReader(Table);

impl PostgresReader {
    /// Opens the journal of a shard for reading; there must be one.
    ///
    /// # Errors
    /// When the database cannot be reached or is not migrated, or holds no journal of that shard.
    pub fn open(database: &Database, shard: u16) -> Result<Self, Unusable> {
        let table = Table::connect(database, shard)?;
        schema::read(&table)?.ok_or_else(|| Unusable::NoJournal { place: table.place(), shard })?;
        Ok(Self(table))
    }

    /// What was laid down when the journal was founded.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn founding(&self) -> Result<Founding, Unusable> {
        let founding = schema::read(&self.0)?;
        founding.ok_or_else(|| Unusable::NoJournal { place: self.0.place(), shard: self.0.shard() })
    }
}

impl JournalReader for PostgresReader {
    fn shard(&self) -> u16 {
        self.0.shard()
    }

    fn tail(&self) -> Result<Tail, JournalError> {
        self.0.retrying(Table::tail)
    }

    fn read_from(&self, position: u64, bytes_max: usize) -> Result<Vec<Batch>, JournalError> {
        self.0.retrying(|table| table.read_from(position, bytes_max))
    }
}
