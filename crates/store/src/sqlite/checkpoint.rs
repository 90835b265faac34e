//! Moves committed batches from the write-ahead log into the database, away from the commit path.
//!
//! Invariant: a checkpoint never takes a lock that a commit needs while commits are coming. Copying happens on a thread
//! and a connection of its own, every [`PASS_BYTES`]. Under an unbroken stream of commits it never quite catches up,
//! and the log would grow for ever; so once only a little is left, the writer itself copies that between two commits
//! (1 to 5 ms), and the next commit starts the log over, in place. That also spares it the growing of a file,
//! which makes commits quicker. Only an idle log is emptied, so that everything is then in the database.
//!
//! A checkpoint that fails ends all writing: after a failed fsync the operating system may call lost pages clean, so
//! that trying again would seem to work. A restart copies them from the log again.

use super::table::{Checkpointed, PAGE_BYTES, Table, code};
use node::journal::JournalError;
use rusqlite::ErrorCode;
use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tracing::{error, warn};

/// Bytes of log between two runs.
const PASS_BYTES: u64 = 32 << 20;
/// A run copies what came in meanwhile as well, this often at most.
const PASSES_MAX: u32 = 6;
/// So few pages are left to the writer, or to the next run.
const REST_PAGES: i64 = 128;
/// Without an append for so long, the log is emptied.
const IDLE: Duration = Duration::from_secs(1);

/// What the writer and the checkpointing thread tell each other.
#[derive(Debug, Default)]
struct Shared {
    /// Bytes that went into the log since the start.
    logged_bytes: AtomicU64,
    /// The thread has copied nearly everything and asks the writer for the rest.
    rest_is_writers: AtomicBool,
    stop: AtomicBool,
    failed: OnceLock<String>,
}

/// The thread, and the writer's side of it.
#[derive(Debug)]
pub(super) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Bytes that went into the log since the thread was last woken.
    since_wake_bytes: u64,
}

impl Checkpointer {
    pub(super) fn start(table: Table) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let database = ManuallyDrop::new(File::open(&table.file)?);
        let worker = Worker { table, database, shared: Arc::clone(&shared) };
        let thread = thread::Builder::new().name("checkpoint".into()).spawn(|| worker.run())?;
        Ok(Self { shared, thread: Some(thread), since_wake_bytes: 0 })
    }

    /// Between two commits: copies the rest if the thread asks for it, and refuses to go on where it failed.
    pub(super) fn before_append(&self, table: &Table) -> Result<(), JournalError> {
        if self.shared.rest_is_writers.swap(false, Ordering::Relaxed)
            && let Err(error) = table.checkpoint("PASSIVE")
        {
            self.shared.record(&error);
        }
        match self.shared.failed.get() {
            None => Ok(()),
            Some(why) => Err(table.io("checkpoint", why.clone().into())),
        }
    }

    pub(super) fn appended(&mut self, bytes: usize) {
        let bytes = log_bytes(bytes);
        self.shared.logged_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.since_wake_bytes += bytes;
        if self.since_wake_bytes >= PASS_BYTES {
            self.since_wake_bytes = 0;
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

/// What a batch of so many bytes adds to the log, about: its pages, and one each of table, index, stated end and rest.
fn log_bytes(batch_bytes: usize) -> u64 {
    (batch_bytes as u64 / PAGE_BYTES + 4) * PAGE_BYTES
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.wake();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            error!("the checkpoint thread panicked");
        }
    }
}

impl Shared {
    /// Keeps an error that must end all writing. A full disk or another's lock changes nothing, so they may pass.
    fn record(&self, error: &rusqlite::Error) {
        match code(error) {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {}
            Some(ErrorCode::DiskFull) => {
                warn!("the journal's log cannot be copied into its database: {error}")
            }
            _ => self.fail(error),
        }
    }

    fn fail(&self, error: &dyn std::error::Error) {
        error!("the journal's log cannot be copied into its database: {error}");
        self.failed.get_or_init(|| error.to_string());
    }
}

struct Worker {
    table: Table,
    /// The database file once more, to make it durable. Never closed: by the rules of POSIX, closing any descriptor of
    /// a file gives up every lock that the process has on it, also SQLite's.
    database: ManuallyDrop<File>,
    shared: Arc<Shared>,
}

impl Worker {
    fn run(self) {
        // An idle log that cannot be emptied (a reader) is tried again at the next idle moment.
        let (mut copied, mut emptied, mut seen, mut since) = (0, 0, 0, Instant::now());
        loop {
            thread::park_timeout(IDLE);
            if self.shared.stop.load(Ordering::Relaxed) || self.shared.failed.get().is_some() {
                return;
            }
            let appended = self.shared.logged_bytes.load(Ordering::Relaxed);
            if appended != seen {
                (seen, since) = (appended, Instant::now());
            }
            if appended - copied >= PASS_BYTES {
                copied = appended;
                self.copy();
            } else if since.elapsed() >= IDLE && appended != emptied && self.empty() {
                (copied, emptied) = (appended, appended);
            }
        }
    }

    /// Copies until little came in meanwhile, and leaves that to the writer. A checkpoint knows only of what was there
    /// when it began, so how much it had to copy tells how much has come in since; and while commits come in it copies
    /// without fsync, which would leave the fsync of everything to the writer.
    fn copy(&self) {
        let mut before = 0;
        for pass in 0..PASSES_MAX {
            match self.table.checkpoint("PASSIVE") {
                Ok(Checkpointed { done_pages, .. }) if pass > 0 && done_pages - before <= REST_PAGES => break,
                Ok(Checkpointed { done_pages, .. }) => before = done_pages,
                Err(error) => return self.shared.record(&error),
            }
            if let Err(error) = self.database.sync_data() {
                return self.shared.fail(&error);
            }
        }
        self.shared.rest_is_writers.store(true, Ordering::Relaxed);
    }

    fn empty(&self) -> bool {
        // First without a lock, so that the lock is then held only for a moment.
        match self.table.checkpoint("PASSIVE").and_then(|_| self.table.checkpoint("TRUNCATE")) {
            Ok(emptied) => !emptied.busy,
            Err(error) => {
                self.shared.record(&error);
                false
            }
        }
    }
}

#[cfg(test)]
impl Checkpointer {
    /// As if a checkpoint had failed.
    pub(super) fn fail(&self, why: &str) {
        self.shared.failed.set(why.into()).expect("it has not failed before");
    }
}
