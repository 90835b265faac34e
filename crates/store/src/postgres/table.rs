//! One connection to a shard's rows, for reading and for claiming them.
//!
//! Invariant: rows are handed out as they are stored. A value that cannot be a row's is corruption, named by the position
//! at which it was met.

use super::connection::{Connection, Database, Failed, Unusable, with_cause};
use super::schema;
use crate::check::LastTwo;
use crate::packed::unpack;
use node::journal::{Batch, Cause, Corrupt, Flaw, Hash, JournalError, JournalReader, Tail};
use postgres::Row;
use std::cell::RefCell;
use std::time::Duration;

/// How many batches are asked for at once: what a reader asks for in bytes is not known before they are here.
const ROWS_MAX: usize = 64;
/// One who asks for less than this is given a batch at a time.
const MANY_BYTES: usize = 64 << 10;
/// How long a reader tries to reach the server again.
const READER_PATIENCE: Duration = Duration::from_secs(5);

/// A shard's rows.
pub(super) struct Table {
    database: Database,
    /// Reading needs it to itself, and readers are handed out to be read from.
    connection: RefCell<Connection>,
    shard: u16,
}

impl Table {
    pub(super) fn connect(database: &Database, shard: u16) -> Result<Self, Unusable> {
        let mut connection = database.connect()?;
        schema::check_version(&mut connection)?;
        Ok(Self { database: database.clone(), connection: RefCell::new(connection), shard })
    }

    pub(super) fn place(&self) -> String {
        self.database.place().to_owned()
    }

    pub(super) fn reconnect(&self, patience: Duration) -> Result<(), Unusable> {
        let mut connection = self.database.connect_within(patience)?;
        schema::check_version(&mut connection)?;
        *self.connection.borrow_mut() = connection;
        Ok(())
    }

    /// Uses the connection.
    pub(super) fn on<T>(
        &self,
        what: impl FnOnce(&mut Connection) -> Result<T, Unusable>,
    ) -> Result<T, Unusable> {
        what(&mut self.connection.borrow_mut())
    }

    /// Uses the connection for SQL.
    pub(super) fn with<T>(
        &self,
        what: impl FnOnce(&mut Connection) -> Result<T, postgres::Error>,
    ) -> Result<T, postgres::Error> {
        what(&mut self.connection.borrow_mut())
    }

    /// Reads, and reads once more over a new connection if this one is lost.
    pub(super) fn retrying<T>(
        &self,
        read: impl Fn(&Self) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        let failed = match read(self) {
            Err(failed @ JournalError::Io { .. }) if self.connection.borrow().is_lost() => failed,
            done => return done,
        };
        match self.reconnect(READER_PATIENCE) {
            Ok(()) => read(self),
            Err(_) => Err(failed),
        }
    }

    /// Reads several things as they were at one moment, whatever others write meanwhile.
    pub(super) fn at_one_moment<T>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        let run = |sql| self.with(|connection| connection.client().batch_execute(sql));
        run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .map_err(|error| self.failure("read", error))?;
        let read = read(self);
        // After a failure there is nothing to end but what the server has ended.
        let ended = run("COMMIT").map_err(|error| self.failure("read", error));
        let read = read?;
        ended.map(|()| read)
    }

    /// Makes this connection the one that may append. Everyone's appends before are done by now, or will fail.
    pub(super) fn claim(&self) -> Result<i64, Unusable> {
        let sql = "UPDATE tail SET claim = claim + 1 WHERE shard = $1 RETURNING claim";
        let claimed = self.with(|connection| connection.client().query_opt(sql, &[&i32::from(self.shard)]));
        let claimed = claimed.map_err(|error| self.connection.borrow().unreadable(&error))?;
        let claim = claimed.map(|row| row.get(0));
        claim.ok_or_else(|| Unusable::NoJournal { place: self.place(), shard: self.shard })
    }

    /// As [`Table::claim`], if `last` is still the last claim.
    pub(super) fn reclaim(&self, last: i64) -> Result<i64, Unusable> {
        let sql = "UPDATE tail SET claim = claim + 1 WHERE shard = $1 AND claim = $2 RETURNING claim";
        let claimed =
            self.with(|connection| connection.client().query_opt(sql, &[&i32::from(self.shard), &last]));
        let claimed = claimed.map_err(|error| self.connection.borrow().unreadable(&error))?;
        let position = self.tail()?.next_position;
        let fenced = JournalError::Fenced { shard: self.shard, position };
        claimed.map(|row| row.get(0)).ok_or_else(|| fenced.into())
    }

    /// The last batch and the one before it.
    pub(super) fn last_two(&self) -> Result<LastTwo, JournalError> {
        let rows = self.query(
            "SELECT shard, first_position, records, epoch, bytes, hash FROM journal
             WHERE shard = $1 AND first_position >= $2 ORDER BY first_position DESC LIMIT $3",
            i64::MIN,
            2,
        )?;
        let mut batches = rows.iter().map(|row| self.batch(row));
        let last = batches.next().transpose()?;
        Ok((batches.next().transpose()?, last))
    }

    pub(super) fn hash_at(&self, first_position: u64) -> Result<Option<Hash>, JournalError> {
        let sql = "SELECT hash FROM journal WHERE shard = $1 AND first_position = $2";
        let row = self.with(|connection| {
            connection.client().query_opt(sql, &[&i32::from(self.shard), &stored(first_position)])
        });
        let row = row.map_err(|error| self.failure("read", error))?;
        row.map(|row| self.hash(&row, 0, first_position)).transpose()
    }

    /// What an error means that cannot have changed anything.
    pub(super) fn failure(&self, action: &'static str, error: postgres::Error) -> JournalError {
        let source: Cause = match Failed::from(&error) {
            Failed::Lost | Failed::Full | Failed::Taken => error.into(),
            Failed::Refused => with_cause(&error).into(),
        };
        JournalError::Io { action, place: self.place(), source }
    }

    fn query(&self, sql: &'static str, from: i64, rows: i64) -> Result<Vec<Row>, JournalError> {
        let read = self.with(|connection| {
            let statement = connection.prepared(sql)?;
            connection.client().query(&statement, &[&i32::from(self.shard), &from, &rows])
        });
        read.map_err(|error| self.failure("read", error))
    }

    /// The batch that holds `position`, if there is one, and those behind it. Asking at the end of the journal, as those
    /// do who follow it, costs one look into the index.
    fn rows_from(&self, position: u64, rows: usize) -> Result<Vec<Row>, JournalError> {
        self.query(
            "SELECT shard, first_position, records, epoch, bytes, hash FROM journal
             WHERE shard = $1 AND first_position >= coalesce(
                (SELECT CASE WHEN first_position + records > $2 THEN first_position END FROM journal
                 WHERE shard = $1 AND first_position <= $2 ORDER BY first_position DESC LIMIT 1), $2)
             ORDER BY first_position LIMIT $3",
            i64::try_from(position).unwrap_or(i64::MAX),
            i64::try_from(rows).unwrap_or(i64::MAX),
        )
    }

    fn batch(&self, row: &Row) -> Result<Batch, JournalError> {
        let shard: i32 = row.get(0);
        let first_position = self.number(row, 1, 0)?;
        let at = first_position;
        let packed: &[u8] = row.get(4);
        Ok(Batch {
            shard: u16::try_from(shard).map_err(|_| self.damaged(at, "a shard is out of range"))?,
            first_position,
            records: u32::try_from(row.get::<_, i64>(2))
                .map_err(|_| self.damaged(at, "a count is out of range"))?,
            epoch: self.number(row, 3, at)?,
            bytes: unpack(packed).map_err(|why| self.damaged(at, &why.to_string()))?,
            hash: self.hash(row, 5, at)?,
        })
    }

    fn number(&self, row: &Row, column: usize, at: u64) -> Result<u64, JournalError> {
        u64::try_from(row.get::<_, i64>(column)).map_err(|_| self.damaged(at, "a number is negative"))
    }

    fn hash(&self, row: &Row, column: usize, at: u64) -> Result<Hash, JournalError> {
        let bytes: &[u8] = row.get(column);
        bytes.try_into().map_err(|_| self.damaged(at, "a hash has another length"))
    }

    fn damaged(&self, position: u64, why: &str) -> JournalError {
        let flaw =
            Flaw::Storage(format!("{}: a value is not what was written: {why}", self.database.place()));
        Corrupt { shard: self.shard, batch: position, position, flaw }.into()
    }
}

impl JournalReader for Table {
    fn shard(&self) -> u16 {
        self.shard
    }

    fn tail(&self) -> Result<Tail, JournalError> {
        let sql = "SELECT next_position, epoch, hash FROM tail WHERE shard = $1";
        let row = self.with(|connection| {
            let statement = connection.prepared(sql)?;
            connection.client().query_opt(&statement, &[&i32::from(self.shard)])
        });
        let row = row.map_err(|error| self.failure("read", error))?;
        let row = row.ok_or_else(|| self.damaged(0, "the journal's statement of its end is missing"))?;
        Ok(Tail {
            next_position: self.number(&row, 0, 0)?,
            epoch: self.number(&row, 1, 0)?,
            hash: self.hash(&row, 2, 0)?,
        })
    }

    fn read_from(&self, position: u64, bytes_max: usize) -> Result<Vec<Batch>, JournalError> {
        let rows_max = if bytes_max < MANY_BYTES { 1 } else { ROWS_MAX };
        let mut read: Vec<Batch> = Vec::new();
        let mut bytes = 0;
        loop {
            let next = read.last().map_or(position, Batch::next_position);
            let rows = self.rows_from(next, rows_max)?;
            for row in &rows {
                let batch = self.batch(row)?;
                bytes += batch.bytes.len();
                read.push(batch);
                if bytes >= bytes_max {
                    return Ok(read);
                }
            }
            if rows.len() < rows_max {
                return Ok(read);
            }
        }
    }
}

/// SQL's integers are signed.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).expect("positions and epochs stay below 2^63")
}
