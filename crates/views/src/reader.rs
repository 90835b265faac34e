//! Reading the views: a few connections of their own, lent one at a time, each answer from one snapshot.
//!
//! Invariant: a reader never writes and never waits for the writer. All answers of a [`Snapshot`] are as of its
//! position. Calls block, so an async caller makes them on a thread that may.

use rusqlite::Connection;
use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use vocabulary::{Date, Timestamp};

use crate::error::ViewsError;
use crate::progress::Progress;
use crate::schema;
use crate::writer::{Cursor, read_cursor};

/// How often a reader without its writer looks whether the views have moved.
const POLL: Duration = Duration::from_millis(5);

/// Reads the views. Clones share the connections.
#[derive(Clone, Debug)]
pub struct ViewsReader(Arc<Pool>);

struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
    /// Of the writer in this process, if there is one.
    progress: Option<Arc<Progress>>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("path", &self.path).finish_non_exhaustive()
    }
}

impl ViewsReader {
    /// Opens views that another process may be writing, with up to `connections` at a time.
    ///
    /// # Errors
    /// When there is no such file, or another version laid it down.
    pub fn open(path: &Path, connections: usize) -> Result<Self, ViewsError> {
        Self::with(path, connections, None)
    }

    pub(crate) fn beside(
        path: &Path,
        connections: usize,
        progress: Arc<Progress>,
    ) -> Result<Self, ViewsError> {
        Self::with(path, connections, Some(progress))
    }

    fn with(path: &Path, connections: usize, progress: Option<Arc<Progress>>) -> Result<Self, ViewsError> {
        let open = |_| schema::open_for_reading(path);
        let idle = (0..connections.max(1)).map(open).collect::<Result<Vec<_>, _>>()?;
        let pool = Pool { path: path.to_owned(), idle: Mutex::new(idle), returned: Condvar::new(), progress };
        Ok(Self(Arc::new(pool)))
    }

    /// The views as they are now. Waits while all connections are lent.
    ///
    /// # Errors
    /// When the database fails.
    pub fn snapshot(&self) -> Result<Snapshot, ViewsError> {
        let lent = Lent { connection: Some(self.0.take()), pool: Arc::clone(&self.0) };
        lent.prepare_cached("BEGIN")?.execute([])?;
        let cursor = read_cursor(&lent)?;
        Ok(Snapshot { cursor, connection: lent })
    }

    /// The views once they have reached `position`.
    ///
    /// # Errors
    /// [`ViewsError::Behind`] when they have not within `timeout`; when the database fails.
    pub fn snapshot_at_least(&self, position: u64, timeout: Duration) -> Result<Snapshot, ViewsError> {
        self.wait_for(position, timeout)?;
        self.snapshot()
    }

    /// The last position in the views; 0 before the first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn position(&self) -> Result<u64, ViewsError> {
        Ok(self.snapshot()?.position())
    }

    /// Waits until the views have reached `position`.
    ///
    /// # Errors
    /// [`ViewsError::Behind`] when they have not within `timeout`; when the database fails.
    pub fn wait_for(&self, position: u64, timeout: Duration) -> Result<(), ViewsError> {
        let reached = match &self.0.progress {
            Some(progress) => progress.wait(position, timeout),
            None => self.poll_for(position, timeout)?,
        };
        if reached < position {
            return Err(ViewsError::Behind { wanted: position, position: reached });
        }
        Ok(())
    }

    fn poll_for(&self, wanted: u64, timeout: Duration) -> Result<u64, ViewsError> {
        let deadline = Instant::now() + timeout;
        loop {
            let position = self.position()?;
            if position >= wanted || Instant::now() >= deadline {
                return Ok(position);
            }
            std::thread::sleep(POLL.min(deadline.saturating_duration_since(Instant::now())));
        }
    }
}

impl Pool {
    fn take(&self) -> Connection {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(connection) = idle.pop() {
                return connection;
            }
            idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

struct Lent {
    /// There until it is given back.
    connection: Option<Connection>,
    pool: Arc<Pool>,
}

impl Deref for Lent {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a connection is lent until it is dropped")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        // Reading changed nothing, so nothing is lost if this fails; the next BEGIN would say so.
        let _ = connection.execute_batch("ROLLBACK");
        self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        self.pool.returned.notify_one();
    }
}

/// The views at one position.
pub struct Snapshot {
    cursor: Cursor,
    connection: Lent,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("cursor", &self.cursor).finish_non_exhaustive()
    }
}

impl Snapshot {
    /// The last position that it holds.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.cursor.next_position - 1
    }

    /// Time of the last record that it holds.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.cursor.time
    }

    /// The business day that is open.
    #[must_use]
    pub fn business_day(&self) -> Option<Date> {
        self.cursor.business_day
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}
