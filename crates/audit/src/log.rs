//! The follower that writes both logs.
//!
//! Invariant: the last whole lines are the cursor. On opening, the decision log is brought to the length that the last
//! audit line states, or the audit log back to where the decision log ends; what either then lacks comes from the
//! journal again, byte for byte. Each call of [`Follower::follow`] hands its lines to the operating system; they are made
//! durable at most a second's worth later and when the log is closed, which is enough for what can be rebuilt.

use crate::day_files::{Day, DayFiles, LastLine, Log, UNSYNCED_BYTES_MAX};
use crate::error::AuditError;
use crate::hash_chain::{HashChain, open_seal};
use crate::line::{LineHead, Lines};
use engine::Record;
use node::journal::{first_position, shard_of};
use node::{Batch, Follower, FollowerError};
use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use vocabulary::{Timestamp, planted};

const SYNC_EVERY: Duration = Duration::from_secs(1);
/// Lines are handed to the operating system in pieces of about this size.
const WRITE_BYTES: usize = 256 << 10;
/// Larger steps for less work; nobody waits for the audit log.
const PACE: Duration = Duration::from_millis(20);

/// The directory of both logs within a data directory.
pub(crate) fn directory(data_dir: &Path) -> PathBuf {
    data_dir.join("audit")
}

/// The audit log and the decision log of one shard, for writing. One process writes; who holds the journal's lock.
#[derive(Debug)]
pub struct AuditLog {
    audit: DayFiles,
    decisions: DayFiles,
    lines: Lines,
    audit_bytes: Vec<u8>,
    decision_bytes: Vec<u8>,
    /// The last position whose lines are with the operating system.
    written: u64,
    /// The last position whose lines are made, and its time.
    made: (u64, Option<Timestamp>),
    synced_at: Instant,
    is_stopped: bool,
}

/// A log's last line, understood.
struct End {
    line: LastLine,
    head: LineHead,
    chain: HashChain,
}

fn end_of(files: &DayFiles) -> Result<Option<End>, AuditError> {
    let Some(line) = files.last_line()? else { return Ok(None) };
    let parsed = open_seal(&line.bytes).zip(LineHead::parse(&line.bytes).ok());
    let Some((seal, head)) = parsed else { return Err(AuditError::Damaged { path: line.path }) };
    Ok(Some(End { line, head, chain: HashChain::after(seal) }))
}

impl AuditLog {
    /// Opens the logs of a shard in `data_dir/audit`, which is made if need be, at the end of their last whole lines.
    ///
    /// # Errors
    /// When the file system refuses, or a last line is not what this log has written of this shard.
    pub fn open(data_dir: &Path, shard: u16) -> Result<Self, AuditError> {
        let dir = directory(data_dir);
        let mut audit = DayFiles::open(Log::Audit, &dir)?;
        let mut decisions = DayFiles::open(Log::Decisions, &dir)?;
        let (audit_end, decisions_end) = loop {
            let (last, last_decision) = (end_of(&audit)?, end_of(&decisions)?);
            let due = last.as_ref().map_or(0, |end| end.head.decisions);
            let found = last_decision.as_ref().map_or(0, |end| end.head.seq);
            match (found.cmp(&due), &last, &last_decision) {
                _ if planted!("audit-decisions-apart") => break (last, last_decision),
                (Ordering::Less, Some(end), _) => audit.cut(&end.line)?,
                (Ordering::Greater, _, Some(end)) => decisions.cut(&end.line)?,
                _ => break (last, last_decision),
            }
        };
        let chain = |end: &Option<End>| end.as_ref().map_or(HashChain::GENESIS, |end| end.chain);
        let (audit_chain, decision_chain) = (chain(&audit_end), chain(&decisions_end));
        if let Some(end) = audit_end.as_ref().filter(|end| shard_of(end.head.position) != shard) {
            let (path, found) = (end.line.path.clone(), shard_of(end.head.position));
            return Err(AuditError::OtherShard { path, found, expected: shard });
        }
        let ahead = u64::from(planted!("audit-cursor-ahead"));
        let written = audit_end.map_or(first_position(shard) - 1, |end| end.head.position + ahead);
        let (seq, policy) = decisions_end.map_or((0, None), |end| (end.head.seq, end.head.policy));
        Ok(Self {
            audit,
            decisions,
            lines: Lines::after(audit_chain, decision_chain, seq, policy),
            audit_bytes: Vec::new(),
            decision_bytes: Vec::new(),
            written,
            made: (written, None),
            synced_at: Instant::now(),
            is_stopped: false,
        })
    }

    fn take(&mut self, record: &Record) -> Result<(), AuditError> {
        let (last, last_time) = self.made;
        let moment = record.moment;
        if moment.position != last + 1 || last_time.is_some_and(|last_time| moment.time < last_time) {
            return Err(AuditError::OutOfOrder { last, found: moment.position });
        }
        if last_time.is_some_and(|last_time| !Day::is_shared(moment.time, last_time)) {
            self.write()?;
            self.sync()?;
        }
        if record.events().is_empty() && planted!("audit-entry-skipped") {
            self.made = (moment.position, Some(moment.time));
            return Ok(());
        }
        self.lines.write(record, &mut self.audit_bytes, &mut self.decision_bytes)?;
        self.made = (moment.position, Some(moment.time));
        if self.audit_bytes.len() >= WRITE_BYTES { self.write() } else { Ok(()) }
    }

    /// Hands the lines made so far, which are all of one day, to the operating system: decisions first, so that there is
    /// no audit line whose decisions a stopped process has kept for itself.
    fn write(&mut self) -> Result<(), AuditError> {
        let (position, Some(time)) = self.made else { return Ok(()) };
        let day = Day::of(time);
        self.decisions.append(day, &self.decision_bytes)?;
        self.decision_bytes.clear();
        self.audit.append(day, &self.audit_bytes)?;
        self.audit_bytes.clear();
        self.written = position;
        if self.audit.unsynced_bytes().max(self.decisions.unsynced_bytes()) >= UNSYNCED_BYTES_MAX {
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), AuditError> {
        self.decisions.sync()?;
        self.audit.sync()?;
        self.synced_at = Instant::now();
        Ok(())
    }

    fn take_all(&mut self, batches: &[Batch]) -> Result<(), AuditError> {
        batches.iter().flat_map(|batch| batch.iter()).try_for_each(|record| self.take(record))?;
        self.write()?;
        if self.synced_at.elapsed() >= SYNC_EVERY { self.sync() } else { Ok(()) }
    }
}

impl Follower for AuditLog {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn next_position(&self) -> u64 {
        self.written + 1
    }

    fn follow(&mut self, batches: &[Batch]) -> Result<(), FollowerError> {
        if self.is_stopped {
            return Err(AuditError::Stopped.into());
        }
        let taken = self.take_all(batches);
        self.is_stopped = taken.is_err();
        Ok(taken?)
    }

    fn pace(&self) -> Duration {
        PACE
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        if let Err(error) = self.sync() {
            tracing::warn!(%error, "the end of the audit log may have to be written again");
        }
    }
}
