//! One connection to the journal's table: its settings, reading rows, and what SQLite's errors mean.
//!
//! Invariant: rows are handed out as they are stored. A value that cannot be a row's, or a page that SQLite cannot
//! follow, is corruption and named by the position at which it was met.

use super::{DATABASE, OpenError, WAL, schema};
use crate::check::LastTwo;
use crate::durable_file::{sync_dir, sync_if_exists};
use crate::packed::unpack;
use node::journal::{Batch, Corrupt, Flaw, Hash, JournalError, JournalReader, Tail};
use rusqlite::types::Type;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row, params};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a statement waits for another connection's lock. Only an emptying of the log ever makes one wait.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// Measured for batches of 4 KB to 1 MB: larger pages make small batches dearer and large ones hardly cheaper.
pub(super) const PAGE_BYTES: u64 = 4096;

/// A connection to one shard's rows.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) connection: Connection,
    pub(super) shard: u16,
    pub(super) file: PathBuf,
    /// The file's name for messages.
    pub(super) place: String,
}

impl Table {
    pub(super) fn open(dir: &Path, shard: u16, flags: OpenFlags) -> Result<Self, OpenError> {
        schema::refuse_lost_database(dir)?;
        let file = dir.join(DATABASE);
        let place = file.display().to_string();
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(&file, flags).and_then(|connection| {
            configure(&connection, flags.contains(OpenFlags::SQLITE_OPEN_READ_WRITE))?;
            Ok(connection)
        });
        match opened {
            Ok(connection) => Ok(Self { connection, shard, file, place }),
            Err(error) if code(&error) == Some(ErrorCode::NotADatabase) => {
                let why = "it is not a database, or its first page is damaged".into();
                Err(OpenError::Foreign { file, why })
            }
            Err(error) => Err(failure("open", &place, shard, 0, error).into()),
        }
    }

    /// Moves the log into the database and empties it, durably: what is readable now stays so over any crash, and what
    /// is not never comes back.
    pub(super) fn settle(&self, dir: &Path) -> Result<(), JournalError> {
        let emptied = self.checkpoint("TRUNCATE").map_err(|error| self.failure("settle", 0, error))?;
        let unsynced = |source: std::io::Error| self.io("make durable", source.into());
        sync_if_exists(&dir.join(WAL)).and_then(|()| sync_dir(dir)).map_err(unsynced)?;
        if emptied.busy { Err(self.io("settle", "a reader holds on to its log".into())) } else { Ok(()) }
    }

    pub(super) fn checkpoint(&self, mode: &str) -> rusqlite::Result<Checkpointed> {
        self.connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
            Ok(Checkpointed { busy: row.get(0)?, done_pages: row.get(2)? })
        })
    }

    pub(super) fn tail(&self) -> Result<Tail, JournalError> {
        self.connection
            .prepare_cached("SELECT next_position, epoch, hash FROM tail WHERE shard = ?")
            .and_then(|mut statement| {
                statement.query_row([self.shard], |row| {
                    Ok(Tail { next_position: number(row, 0)?, epoch: number(row, 1)?, hash: row.get(2)? })
                })
            })
            .map_err(|error| self.failure("read", 0, error))
    }

    pub(super) fn read_from(&self, position: u64, bytes_max: usize) -> Result<Vec<Batch>, JournalError> {
        let mut read: Vec<Batch> = Vec::new();
        self.collect_from(position, bytes_max, &mut read).map_err(|error| {
            let reached = read.last().map_or(position, Batch::next_position);
            self.failure("read", reached, error)
        })?;
        Ok(read)
    }

    fn collect_from(&self, position: u64, bytes_max: usize, read: &mut Vec<Batch>) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare_cached(
            "SELECT shard, first_position, records, epoch, bytes, hash FROM journal
             WHERE shard = ?1 AND first_position >= coalesce(
                (SELECT max(first_position) FROM journal WHERE shard = ?1 AND first_position <= ?2), ?2)
             ORDER BY first_position",
        )?;
        let start = i64::try_from(position).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![self.shard, start])?;
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            let batch = batch(row)?;
            if batch.next_position() <= position {
                continue;
            }
            bytes += batch.bytes.len();
            read.push(batch);
            if bytes >= bytes_max {
                break;
            }
        }
        Ok(())
    }

    /// The last batch and the one before it.
    pub(super) fn last_two(&self) -> Result<LastTwo, JournalError> {
        let position = Cell::new(0);
        let read = || -> rusqlite::Result<_> {
            let mut statement = self.connection.prepare(
                "SELECT shard, first_position, records, epoch, bytes, hash FROM journal
                 WHERE shard = ? ORDER BY first_position DESC LIMIT 2",
            )?;
            let mut rows = statement.query([self.shard])?;
            let mut next = || -> rusqlite::Result<Option<Batch>> {
                let Some(row) = rows.next()? else { return Ok(None) };
                position.set(number(row, 1)?);
                batch(row).map(Some)
            };
            let last = next()?;
            Ok((next()?, last))
        };
        read().map_err(|error| self.failure("read", position.get(), error))
    }

    pub(super) fn hash_at(&self, first_position: u64) -> Result<Option<Hash>, JournalError> {
        self.connection
            .query_row(
                "SELECT hash FROM journal WHERE shard = ? AND first_position = ?",
                params![self.shard, stored(first_position)],
                |row| row.get(0),
            )
            .optional()
            .map_err(|error| self.failure("read", first_position, error))
    }

    /// What an error of SQLite means, met at `position` (0 where none is known).
    pub(super) fn failure(
        &self,
        action: &'static str,
        position: u64,
        error: rusqlite::Error,
    ) -> JournalError {
        failure(action, &self.place, self.shard, position, error)
    }

    pub(super) fn io(&self, action: &'static str, source: node::journal::Cause) -> JournalError {
        JournalError::Io { action, place: self.place.clone(), source }
    }
}

impl JournalReader for Table {
    fn shard(&self) -> u16 {
        self.shard
    }

    fn tail(&self) -> Result<Tail, JournalError> {
        Self::tail(self)
    }

    fn read_from(&self, position: u64, bytes_max: usize) -> Result<Vec<Batch>, JournalError> {
        Self::read_from(self, position, bytes_max)
    }
}

/// How far a checkpoint came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checkpointed {
    /// Another connection was in its way.
    pub(super) busy: bool,
    /// Pages of the log that are in the database too; -1 without a log.
    pub(super) done_pages: i64,
}

/// The cache takes a batch of several megabytes without spilling it into the log twice.
fn configure(connection: &Connection, writes: bool) -> rusqlite::Result<()> {
    connection.busy_timeout(LOCK_WAIT)?;
    connection.execute_batch(
        "PRAGMA wal_autocheckpoint = 0; PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF;
         PRAGMA cache_size = -16384;",
    )?;
    if writes {
        connection.execute_batch(
            "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;",
        )?;
    }
    Ok(())
}

fn batch(row: &Row<'_>) -> rusqlite::Result<Batch> {
    Ok(Batch {
        shard: row.get(0)?,
        first_position: number(row, 1)?,
        records: row.get(2)?,
        epoch: number(row, 3)?,
        bytes: unpacked(row, 4)?,
        hash: row.get(5)?,
    })
}

fn unpacked(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<u8>> {
    let packed = row.get_ref(column)?.as_blob()?;
    unpack(packed).map_err(|why| rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, why.into()))
}

fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// SQL's integers are signed.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).expect("positions and epochs stay below 2^63")
}

pub(super) fn code(error: &rusqlite::Error) -> Option<ErrorCode> {
    error.sqlite_error_code()
}

pub(super) fn extended_code(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code)
}

fn failure(
    action: &'static str,
    place: &str,
    shard: u16,
    position: u64,
    error: rusqlite::Error,
) -> JournalError {
    let place = place.to_owned();
    let is_row_error = error.sqlite_error().is_none();
    match code(&error) {
        Some(ErrorCode::DiskFull) => JournalError::Full { place, source: error.into() },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            let flaw = Flaw::Storage(format!("{place}: {error}"));
            Corrupt { shard, batch: position, position, flaw }.into()
        }
        // Our statements are sound, so a value that does not fit was not written by us.
        _ if is_row_error => {
            let flaw = Flaw::Storage(format!("{place}: a value is not what was written: {error}"));
            Corrupt { shard, batch: position, position, flaw }.into()
        }
        _ => JournalError::Io { action, place, source: error.into() },
    }
}
