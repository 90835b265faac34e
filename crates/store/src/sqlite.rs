//! The journal on SQLite: `journal.db` in the data directory, one row and one commit a batch.
//!
//! Invariant: [`SqliteJournal::append`](Journal::append) returns only when the batch is durable (write-ahead log,
//! `synchronous=FULL`). One process writes, by a lock on `writer.lock`; any number read. What a crash leaves half
//! written is cut off by SQLite; anything else that is not as it was written refuses to open and says where.
//!
//! Of one thing nobody can tell whether it ever was acknowledged: the very last commit in the write-ahead log, if the
//! log is damaged just there. An idle journal therefore moves everything out of the log within a second.

mod checkpoint;
mod lock;
mod schema;
mod table;
#[cfg(test)]
mod tests;
mod wal;

use crate::packed::pack;
use crate::{Check, Founding};
use checkpoint::Checkpointer;
use lock::WriterLock;
use node::journal::{Batch, Cause, Corrupt, Flaw, Hash, Journal, JournalError, JournalReader, Outcome, Tail};
use rusqlite::{ErrorCode, OpenFlags, params};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use table::{Table, code, extended_code, stored};

const DATABASE: &str = "journal.db";
const WAL: &str = "journal.db-wal";

/// The one writer of a data directory's journal.
#[derive(Debug)]
pub struct SqliteJournal {
    table: Table,
    dir: PathBuf,
    founding: Founding,
    /// The position that the next batch must start with.
    next_position: u64,
    /// An append of unknown outcome, by its position, that is not settled yet.
    unsettled: Option<u64>,
    checkpointer: Checkpointer,
    /// The last batch as it was stored, to be overwritten by the next: memory that is warm.
    packed: Vec<u8>,
    /// Declared last: it is given back when every connection is closed.
    _lock: WriterLock,
}

impl SqliteJournal {
    /// Opens the journal in `dir` for writing; founds it if there is none, and the directory too. Refuses a directory
    /// that another process writes to, a foreign or newer file, another shard's, and a damaged one.
    pub fn open(dir: &Path, founding: &Founding, check: Check) -> Result<Self, OpenError> {
        let unusable = |source| OpenError::Directory { dir: dir.to_owned(), source };
        // What lies here is nobody else's to read.
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(unusable)?;
        let lock = WriterLock::take(dir)?;
        examine_wal(dir, founding.shard)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let table = Table::open(dir, founding.shard, flags)?;
        let founding = schema::found_or_check(&table, founding)?;
        table.settle(dir)?;
        check.prove(&table, || table.last_two())?;
        let next_position = table.tail()?.next_position;
        let checkpointer = Checkpointer::start(Table::open(dir, founding.shard, flags)?).map_err(unusable)?;
        Ok(Self {
            table,
            dir: dir.to_owned(),
            founding,
            next_position,
            unsettled: None,
            checkpointer,
            packed: Vec::new(),
            _lock: lock,
        })
    }

    /// What was laid down when the journal was founded.
    #[must_use]
    pub fn founding(&self) -> &Founding {
        &self.founding
    }

    /// Another handle to read with, in this process or thread or another.
    pub fn reader(&self) -> Result<SqliteReader, OpenError> {
        SqliteReader::open(&self.dir, self.founding.shard)
    }

    fn write(&mut self, batch: &Batch) -> Result<(), Uncommitted> {
        pack(&batch.bytes, &mut self.packed);
        let connection = &self.table.connection;
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        connection
            .prepare_cached(
                "INSERT INTO journal (shard, first_position, records, epoch, bytes, hash) VALUES (?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                batch.shard,
                stored(batch.first_position),
                batch.records,
                stored(batch.epoch),
                self.packed,
                batch.hash
            ])?;
        let moved = connection
            .prepare_cached("UPDATE tail SET next_position = ?, epoch = ?, hash = ? WHERE shard = ? AND next_position = ?")?
            .execute(params![
                stored(batch.next_position()),
                stored(batch.epoch),
                batch.hash,
                batch.shard,
                stored(batch.first_position)
            ])?;
        if moved == 0 {
            return Err(Uncommitted::Fenced);
        }
        connection.prepare_cached("COMMIT")?.execute([]).map_err(Uncommitted::AtCommit)?;
        Ok(())
    }

    fn failure(&mut self, position: u64, uncommitted: Uncommitted) -> JournalError {
        // After some errors SQLite has rolled back by itself, and this then has nothing to do.
        let _ = self.table.connection.execute_batch("ROLLBACK");
        match uncommitted {
            Uncommitted::Fenced => JournalError::Fenced { shard: self.table.shard, position },
            Uncommitted::Before(error) if is_taken(&error) => self.failure(position, Uncommitted::Fenced),
            Uncommitted::Before(error) => self.table.failure("append to", position, error),
            // The commit mark is the last thing written, so a disk that was full before it leaves no commit.
            Uncommitted::AtCommit(error) if code(&error) == Some(ErrorCode::DiskFull) => {
                self.table.failure("append to", position, error)
            }
            Uncommitted::AtCommit(error) => {
                self.unsettled = Some(position);
                self.unknown(position, error.into())
            }
        }
    }

    fn unknown(&self, position: u64, source: Cause) -> JournalError {
        JournalError::UnknownOutcome { position, place: self.table.place.clone(), source }
    }
}

/// Why a batch was not committed, and whether that is certain.
enum Uncommitted {
    Fenced,
    Before(rusqlite::Error),
    AtCommit(rusqlite::Error),
}

impl From<rusqlite::Error> for Uncommitted {
    fn from(error: rusqlite::Error) -> Self {
        Self::Before(error)
    }
}

fn is_taken(error: &rusqlite::Error) -> bool {
    extended_code(error) == Some(rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY)
}

impl Journal for SqliteJournal {
    fn append(&mut self, batch: &Batch) -> Result<(), JournalError> {
        assert_eq!(batch.shard, self.table.shard, "a batch goes to its own shard's journal");
        assert_eq!(batch.first_position, self.next_position, "a batch follows the one before it");
        if let Some(position) = self.unsettled {
            return Err(self.unknown(position, "its outcome was not read back".into()));
        }
        self.checkpointer.before_append(&self.table)?;
        self.write(batch).map_err(|uncommitted| self.failure(batch.first_position, uncommitted))?;
        self.next_position = batch.next_position();
        self.checkpointer.appended(self.packed.len());
        Ok(())
    }

    fn outcome_of(&mut self, first_position: u64, hash: &Hash) -> Result<Outcome, JournalError> {
        if self.unsettled.is_some() {
            // The failed commit may lie in the log without this connection counting it. Emptying the log durably makes
            // sure that no restart finds it there.
            self.table.settle(&self.dir).map_err(|error| self.unknown(first_position, error.into()))?;
            self.next_position = self.table.tail()?.next_position;
            self.unsettled = None;
        }
        match self.table.hash_at(first_position)? {
            None => Ok(Outcome::NotCommitted),
            Some(found) if found == *hash => Ok(Outcome::Committed),
            Some(_) => Err(JournalError::Fenced { shard: self.table.shard, position: first_position }),
        }
    }
}

impl JournalReader for SqliteJournal {
    fn shard(&self) -> u16 {
        self.table.shard
    }

    fn tail(&self) -> Result<Tail, JournalError> {
        self.table.tail()
    }

    fn read_from(&self, position: u64, bytes_max: usize) -> Result<Vec<Batch>, JournalError> {
        self.table.read_from(position, bytes_max)
    }
}

/// Reads a journal, beside its writer or without one.
#[derive(Debug)]
pub struct SqliteReader {
    table: Table,
    founding: Founding,
}

impl SqliteReader {
    /// Opens the journal in `dir` for reading; there must be one.
    pub fn open(dir: &Path, shard: u16) -> Result<Self, OpenError> {
        // While somebody writes, the log changes under our eyes, and the writer has examined it.
        if let Some(_no_writer) = WriterLock::take_unless_written(dir)? {
            examine_wal(dir, shard)?;
        }
        let table = Table::open(dir, shard, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let founding = schema::check(&table)?;
        Ok(Self { table, founding })
    }

    /// What was laid down when the journal was founded.
    #[must_use]
    pub fn founding(&self) -> &Founding {
        &self.founding
    }
}

impl JournalReader for SqliteReader {
    fn shard(&self) -> u16 {
        self.table.shard
    }

    fn tail(&self) -> Result<Tail, JournalError> {
        self.table.tail()
    }

    fn read_from(&self, position: u64, bytes_max: usize) -> Result<Vec<Batch>, JournalError> {
        self.table.read_from(position, bytes_max)
    }
}

/// SQLite takes a damaged log for one that ends there. This tells damage from a torn end before SQLite looks at it.
fn examine_wal(dir: &Path, shard: u16) -> Result<(), OpenError> {
    let unreadable = |source| OpenError::Directory { dir: dir.to_owned(), source };
    let log = dir.join(WAL);
    let Some(damage) = wal::examine(&log).map_err(unreadable)? else {
        return Ok(());
    };
    // Reading changes nothing: only a writer would cut the log.
    let table = Table::open(dir, shard, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let position = table.tail().map_or(0, |tail| tail.next_position);
    let flaw = Flaw::Storage(format!("{} {damage}", log.display()));
    Err(JournalError::from(Corrupt { shard, batch: position, position, flaw }).into())
}

/// A journal cannot be opened. Each is one line that names the directory or file.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes here.
    #[error("the data directory {} is in use by another process ({holder})", dir.display())]
    InUse {
        /// The data directory.
        dir: PathBuf,
        /// What the lock file says about the process.
        holder: String,
    },
    /// It cannot be made, read or written.
    #[error("cannot use the data directory {}: {source}", dir.display())]
    Directory {
        /// The data directory.
        dir: PathBuf,
        /// The operating system's own words.
        source: io::Error,
    },
    /// There is a file, but not a journal of this program, or not one by itself.
    #[error("{} is not a journal that this program wrote: {why}", file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
        /// What it lacks.
        why: String,
    },
    /// A later version of this program wrote it.
    #[error("{} has schema version {found}, and this program knows only {known}: use a newer one", file.display())]
    Newer {
        /// The file.
        file: PathBuf,
        /// The version that it states.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// It is another shard's.
    #[error("{} is the journal of shard {found}, not of shard {wanted}", file.display())]
    OtherShard {
        /// The file.
        file: PathBuf,
        /// Whose it is.
        found: u16,
        /// Which was asked for.
        wanted: u16,
    },
    /// It is damaged or cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
}
