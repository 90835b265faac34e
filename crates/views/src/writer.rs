//! The follower that keeps the tables.
//!
//! Invariant: the tables hold exactly what the records before the cursor say. Rows and cursor change in one transaction,
//! so a crash leaves both or neither, and records that come again are passed over. Absent: decisions; a record that
//! does not fit stops this follower, and nothing else.

use engine::Record;
use node::{Follower, FollowerError};
use rusqlite::{Connection, params};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use vocabulary::{Date, Timestamp, planted};

use crate::batch::{Batch, Memory};
use crate::columns::{Columns, stored};
use crate::error::ViewsError;
use crate::progress::Progress;
use crate::reader::ViewsReader;
use crate::schema;

/// How long to gather records for a transaction: when little happens, and when much does.
const PACE: Duration = Duration::from_millis(5);
const PACE_UNDER_LOAD: Duration = Duration::from_millis(40);
/// So many records in one transaction are much.
const LOAD_RECORDS: u64 = 32;
/// So many records may be committed without a sync. A checkpoint syncs everything at once, and if that is much, the
/// journal's own sync waits behind it on the same disk: 50 ms for the 64 MB of a minute's views.
const UNSYNCED_RECORDS_MAX: u64 = 1_024;

/// Keeps `views.db`. There is one in a process, and none beside it in another.
#[derive(Debug)]
pub struct ViewsWriter {
    connection: Connection,
    path: PathBuf,
    cursor: Cursor,
    /// How many records the last transaction held.
    last_records: u64,
    /// How many were committed since the last sync.
    unsynced_records: u64,
    memory: Memory,
    progress: Arc<Progress>,
}

/// Where the views are in history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) next_position: u64,
    pub(crate) time: Timestamp,
    /// The business day that is open.
    pub(crate) business_day: Option<Date>,
}

impl ViewsWriter {
    /// Opens the views of a shard at `path`, or lays them down. Views of another schema version or shard are dropped;
    /// then [`ViewsWriter::next_position`] is the shard's first, and its whole journal is to be followed again.
    ///
    /// # Errors
    /// When the file cannot be opened or is no database.
    pub fn open(path: &Path, shard: u16) -> Result<Self, ViewsError> {
        let connection = schema::open_for_writing(path, shard)?;
        let cursor = read_cursor(&connection)?;
        let progress = Arc::new(Progress::default());
        progress.reached(cursor.next_position - 1);
        Ok(Self {
            connection,
            path: path.to_owned(),
            cursor,
            last_records: 0,
            unsynced_records: 0,
            memory: Memory::default(),
            progress,
        })
    }

    /// The first position that the views do not hold.
    #[must_use]
    pub fn next_position(&self) -> u64 {
        self.cursor.next_position
    }

    /// Takes in records, in order. Those that the views hold are passed over. All or none of them are taken.
    ///
    /// # Errors
    /// When records are missing, one does not fit, or the database fails. The views stay as they were.
    pub fn follow(&mut self, records: &[Record]) -> Result<(), ViewsError> {
        self.follow_all(records)
    }

    /// As [`ViewsWriter::follow`], from several batches in one transaction.
    ///
    /// # Errors
    /// As [`ViewsWriter::follow`].
    pub fn follow_all<'a>(
        &mut self,
        records: impl IntoIterator<Item = &'a Record>,
    ) -> Result<(), ViewsError> {
        let from = self.cursor.next_position;
        let mut fresh = records.into_iter().skip_while(|record| record.moment.position < from).peekable();
        if fresh.peek().is_none() {
            return Ok(());
        }
        match self.write_in_step_with_disk(fresh) {
            Ok(cursor) => {
                self.last_records = cursor.next_position - from;
                self.cursor = cursor;
                self.progress.reached(cursor.next_position - 1);
                Ok(())
            }
            Err(error) => {
                self.memory = Memory::default();
                Err(error)
            }
        }
    }

    /// Writes them, and syncs what was written when that is much.
    fn write_in_step_with_disk<'a>(
        &mut self,
        records: impl Iterator<Item = &'a Record>,
    ) -> Result<Cursor, ViewsError> {
        let is_to_sync = self.unsynced_records >= UNSYNCED_RECORDS_MAX;
        if is_to_sync {
            schema::sync_commits(&self.connection, true)?;
        }
        let from = self.cursor.next_position;
        let written = self.write(records);
        if is_to_sync {
            schema::sync_commits(&self.connection, false)?;
            self.unsynced_records = 0;
        }
        let cursor = written?;
        self.unsynced_records += cursor.next_position - from;
        Ok(cursor)
    }

    fn write<'a>(&mut self, records: impl Iterator<Item = &'a Record>) -> Result<Cursor, ViewsError> {
        let transaction = self.connection.unchecked_transaction()?;
        let mut batch = Batch::new(&transaction, &mut self.memory, self.cursor);
        for record in records {
            let is_resumed = self.last_records == 0 && self.cursor.time > Timestamp::default();
            if planted!("views-row-skipped") && is_resumed && batch.cursor == self.cursor {
                batch.go_on_behind(record);
                continue;
            }
            batch.fold(record)?;
        }
        let cursor = batch.finish()?;
        transaction
            .prepare_cached("UPDATE cursor SET next_position = ?, time = ?, business_day = ?")?
            .execute(params![
                stored(cursor.next_position),
                stored(cursor.time.0),
                cursor.business_day.map(|day| day.to_string())
            ])?;
        transaction.commit()?;
        Ok(cursor)
    }

    /// Readers of these views, up to `connections` at a time, which can wait for what is about to be written.
    ///
    /// # Errors
    /// When the file cannot be opened again.
    pub fn reader(&self, connections: usize) -> Result<ViewsReader, ViewsError> {
        ViewsReader::beside(&self.path, connections, Arc::clone(&self.progress))
    }

    /// Where the views lie.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Follower for ViewsWriter {
    fn name(&self) -> &'static str {
        "views"
    }

    fn next_position(&self) -> u64 {
        self.cursor.next_position
    }

    fn follow(&mut self, batches: &[node::Batch]) -> Result<(), FollowerError> {
        self.follow_all(batches.iter().flat_map(|batch| batch.iter()))?;
        Ok(())
    }

    /// A transaction costs as much as many records do, and nobody minds views that are a few milliseconds old: who
    /// does, waits for a position.
    fn pace(&self) -> Duration {
        if self.last_records < LOAD_RECORDS { PACE } else { PACE_UNDER_LOAD }
    }
}

pub(crate) fn read_cursor(connection: &Connection) -> Result<Cursor, rusqlite::Error> {
    connection.prepare_cached("SELECT next_position, time, business_day FROM cursor")?.query_row([], |row| {
        let mut columns = Columns::from(row, 0);
        Ok(Cursor {
            next_position: columns.number()?,
            time: columns.time()?,
            business_day: columns.opt_id()?,
        })
    })
}
