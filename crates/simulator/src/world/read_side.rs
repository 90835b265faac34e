//! Views and audit log of a shard: the real ones, as followers, in files of a directory of their own.
//!
//! Files outlive their node, as on a disk. Whoever opens them goes on where they end. They can stop in the middle of a
//! step, and a crash of their machine can leave them torn, older than they were, or gone: then the journal rebuilds them.

mod complete;

use super::disk::Disk;
use crate::Dice;
use crate::auditor::Copies;
use audit::AuditLog;
use engine::Record;
use node::journal::JournalReader;
use node::{Batch, Follower, FollowerError, RecoveryError, decode_record};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;
use views::ViewsWriter;

/// What a crash leaves of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    ViewsGone,
    ViewsOld,
    AuditGone,
    AuditTorn,
}

impl Loss {
    pub(super) const ALL: [Self; 4] = [Self::ViewsGone, Self::ViewsOld, Self::AuditGone, Self::AuditTorn];

    /// As the summary calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ViewsGone => "views gone",
            Self::ViewsOld => "views from a backup",
            Self::AuditGone => "audit log gone",
            Self::AuditTorn => "audit log torn",
        }
    }
}

struct Open<F> {
    /// None while no process has the files open.
    follower: Option<F>,
    /// The next step fails half-way.
    fails_next: bool,
}

/// One of the two as a node's follower. Two leaders feed the same one, and its cursor says what it has seen.
pub(super) struct Reading<F> {
    name: &'static str,
    open: Arc<Mutex<Open<F>>>,
}

impl<F> Clone for Reading<F> {
    fn clone(&self) -> Self {
        Self { name: self.name, open: Arc::clone(&self.open) }
    }
}

impl<F> Reading<F> {
    fn closed(name: &'static str) -> Self {
        let open = Open { follower: None, fails_next: false };
        Self { name, open: Arc::new(Mutex::new(open)) }
    }

    fn open(&self) -> MutexGuard<'_, Open<F>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follower(open: &mut Open<F>) -> &mut F {
        open.follower.as_mut().expect("a node has its followers' files open")
    }
}

impl<F: Follower> Follower for Reading<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn next_position(&self) -> u64 {
        Self::follower(&mut self.open()).next_position()
    }

    fn follow(&mut self, batches: &[Batch]) -> Result<(), FollowerError> {
        let mut open = self.open();
        let fails = std::mem::take(&mut open.fails_next);
        let taken = if fails { &batches[..batches.len() / 2] } else { batches };
        Self::follower(&mut open).follow(taken)?;
        if fails { Err("it cannot write".into()) } else { Ok(()) }
    }
}

/// Both, and what they must say.
pub(super) struct ReadSide {
    shard: u16,
    home: TempDir,
    pub(super) views: Reading<ViewsWriter>,
    pub(super) audit: Reading<AuditLog>,
    /// By the auditor's own count.
    pub(super) copies: Copies,
}

impl ReadSide {
    /// In a new directory, in memory if the system has one there.
    pub(super) fn new(shard: u16) -> Self {
        let in_memory = PathBuf::from("/dev/shm");
        let place = if in_memory.is_dir() { in_memory } else { std::env::temp_dir() };
        let home = tempfile::Builder::new().prefix("rialto-simulator-").tempdir_in(place);
        Self {
            shard,
            home: home.expect("a simulation can make a directory"),
            views: Reading::closed("views"),
            audit: Reading::closed("audit"),
            copies: Copies::default(),
        }
    }

    /// A process opens the files; whoever had them open before has ended.
    pub(super) fn open(&self) -> Result<(), Box<dyn Error>> {
        self.close();
        self.views.open().follower = Some(ViewsWriter::open(&self.views_path(), self.shard)?);
        self.audit.open().follower = Some(AuditLog::open(self.home.path(), self.shard)?);
        Ok(())
    }

    /// The process that had the files open ends. False if there was none.
    pub(super) fn close(&self) -> bool {
        let views = self.views.open().follower.take();
        let audit = self.audit.open().follower.take();
        views.is_some() && audit.is_some()
    }

    /// The next step of one of them fails.
    pub(super) fn stop_one(&self, dice: &mut Dice) {
        if dice.permille(500) {
            self.views.open().fails_next = true;
        } else {
            self.audit.open().fails_next = true;
        }
    }

    /// They do not fail any more by themselves.
    pub(super) fn heal(&self) {
        self.views.open().fails_next = false;
        self.audit.open().fails_next = false;
    }

    fn views_path(&self) -> PathBuf {
        self.home.path().join("views.db")
    }

    fn audit_path(&self) -> PathBuf {
        self.home.path().join("audit")
    }

    /// What the machine's crash has left. Nobody has the files open.
    pub(super) fn lose(&self, loss: Loss, journal: &Disk, dice: &mut Dice) -> Result<(), Box<dyn Error>> {
        match loss {
            Loss::ViewsGone => remove_views(self.home.path())?,
            Loss::ViewsOld => {
                remove_views(self.home.path())?;
                let records = all_records(journal)?;
                let kept = usize::try_from(dice.below(records.len() as u64 + 1))?;
                ViewsWriter::open(&self.views_path(), self.shard)?.follow(&records[..kept])?;
            }
            Loss::AuditGone => fs::remove_dir_all(self.audit_path())?,
            Loss::AuditTorn => tear(&self.audit_path(), dice)?,
        }
        Ok(())
    }
}

/// The database, and what SQLite keeps beside it.
fn remove_views(home: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(home)? {
        let path = entry?.path();
        if path.is_file() {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// The files of the newest day lose some of their ends, each its own; those of earlier days are durable.
fn tear(audit: &Path, dice: &mut Dice) -> std::io::Result<()> {
    let mut files =
        fs::read_dir(audit)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    files.sort();
    let day = |path: &Path| path.to_string_lossy().rsplit_once("20").map(|(_, day)| day.to_owned());
    let newest = files.iter().filter_map(|path| day(path)).max();
    for path in files.iter().filter(|path| day(path) == newest) {
        let file = fs::OpenOptions::new().write(true).open(path)?;
        let size = file.metadata()?.len();
        let kept =
            if dice.permille(500) { dice.below(size + 1) } else { size - dice.below(size.min(2_000) + 1) };
        file.set_len(kept)?;
        if dice.permille(200) {
            // The file had grown, and its data did not reach the disk.
            file.set_len(size)?;
        }
    }
    Ok(())
}

fn all_records(journal: &Disk) -> Result<Vec<Record>, RecoveryError> {
    let mut records = Vec::new();
    for batch in journal.read_from(0, usize::MAX)? {
        for framed in batch.unframe() {
            let (position, body) = framed?;
            records.push(decode_record(position, body)?);
        }
    }
    Ok(records)
}
