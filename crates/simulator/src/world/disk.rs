//! Simulated storage of one shard: the journal's rows and the snapshots, with what goes wrong in them.
//!
//! Survives its nodes. A commit is durable when the call returns, unless a fault says otherwise. Damage is kept apart
//! from what was written, so that it can be mended once it was found.

use crate::Dice;
use node::journal::{Batch, Hash, Journal, JournalError, JournalReader, Outcome, Tail};
use node::snapshot::{HEADER_BYTES, Loaded, Snapshot, SnapshotError, Snapshots};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many snapshots are kept.
const SNAPSHOTS_MAX: usize = 2;

/// What the next commit meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteFault {
    /// No room, until somebody makes some.
    Full,
    /// The sync fails, and the batch is there all the same.
    SyncFailsWritten,
    /// The sync fails, and the batch is lost.
    SyncFailsLost,
}

/// How the rows were damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    BitFlip,
    Torn,
    Deleted,
    Swapped,
    Misdirected,
}

#[derive(Clone)]
struct Rows {
    batches: BTreeMap<u64, Batch>,
    stated: Tail,
}

impl Rows {
    fn from(&self, position: u64, bytes_max: usize) -> Vec<Batch> {
        let holds = self.batches.range(..=position).next_back();
        let first =
            holds.filter(|(_, batch)| batch.next_position() > position).map_or(position, |(first, _)| *first);
        let mut bytes = 0;
        let mut read = Vec::new();
        for batch in self.batches.range(first..).map(|(_, batch)| batch) {
            if !read.is_empty() && bytes >= bytes_max {
                break;
            }
            bytes += batch.bytes.len();
            read.push(batch.clone());
        }
        read
    }
}

struct Stored {
    shard: u16,
    rows: Rows,
    /// The rows as they were before they were damaged.
    before_damage: Option<Rows>,
    snapshots: Vec<Vec<u8>>,
    next_write: Option<WriteFault>,
}

/// A disk, shared by whoever runs on it.
#[derive(Clone)]
pub(super) struct Disk(Arc<Mutex<Stored>>);

impl Disk {
    pub(super) fn empty(shard: u16) -> Self {
        let rows = Rows { batches: BTreeMap::new(), stated: Tail::genesis(shard) };
        let (before_damage, snapshots, next_write) = (None, Vec::new(), None);
        Self(Arc::new(Mutex::new(Stored { shard, rows, before_damage, snapshots, next_write })))
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A handle that writes.
    pub(super) fn journal(&self) -> DiskJournal {
        let shard = self.stored().shard;
        DiskJournal { disk: self.clone(), shard, unsettled: None }
    }

    /// The next commit, and each one after it while the disk is full, meets this.
    pub(super) fn fail_next_write(&self, fault: WriteFault) {
        self.stored().next_write = Some(fault);
    }

    /// Somebody has made room.
    pub(super) fn heal(&self) {
        self.stored().next_write = None;
    }

    /// Where the journal ends.
    pub(super) fn end(&self) -> u64 {
        self.stored().rows.stated.next_position
    }

    /// Damages the rows in some way, if there are enough of them. Gives what was done, and the position from which on it
    /// shows.
    pub(super) fn damage(&self, dice: &mut Dice) -> Option<(Damage, u64)> {
        let mut stored = self.stored();
        let positions: Vec<u64> = stored.rows.batches.keys().copied().collect();
        if positions.len() < 3 {
            return None;
        }
        stored.before_damage = Some(stored.rows.clone());
        let at = *dice.pick(&positions[..positions.len() - 1]);
        let other = *dice.pick(&positions.iter().copied().filter(|other| *other != at).collect::<Vec<_>>());
        let rows = &mut stored.rows.batches;
        let kind = *dice.pick(&[
            Damage::BitFlip,
            Damage::Torn,
            Damage::Deleted,
            Damage::Swapped,
            Damage::Misdirected,
        ]);
        match kind {
            Damage::BitFlip => flip(&mut rows.get_mut(&at)?.bytes, dice),
            Damage::Torn => {
                let bytes = &mut rows.get_mut(&at)?.bytes;
                let keep = dice.below(bytes.len() as u64);
                bytes.truncate(usize::try_from(keep).expect("a length in memory"));
            }
            Damage::Deleted => drop(rows.remove(&at)),
            Damage::Swapped => {
                let (one, two) = (rows[&at].bytes.clone(), rows[&other].bytes.clone());
                rows.get_mut(&at)?.bytes = two;
                rows.get_mut(&other)?.bytes = one;
            }
            Damage::Misdirected => rows.get_mut(&other)?.bytes = rows[&at].bytes.clone(),
        }
        let shows = match kind {
            Damage::Swapped => at.min(other),
            Damage::Misdirected => other,
            Damage::BitFlip | Damage::Torn | Damage::Deleted => at,
        };
        Some((kind, shows))
    }

    /// Puts the rows back as they were before they were damaged.
    pub(super) fn mend(&self) {
        let mut stored = self.stored();
        if let Some(rows) = stored.before_damage.take() {
            stored.rows = rows;
        }
    }

    /// Where the newest snapshot that is whole stands, if there is one.
    pub(super) fn snapshot_at(&self) -> Option<u64> {
        self.load_newest().ok()?.snapshot.map(|snapshot| snapshot.at.next_position)
    }

    /// Loses or damages snapshots. True if there were some.
    pub(super) fn damage_snapshots(&self, dice: &mut Dice) -> bool {
        let mut stored = self.stored();
        if stored.snapshots.is_empty() {
            return false;
        }
        if dice.permille(300) {
            stored.snapshots.clear();
        }
        for snapshot in stored.snapshots.iter_mut().filter(|snapshot| !snapshot.is_empty()) {
            if dice.permille(500) {
                flip(snapshot, dice);
            } else if dice.permille(500) {
                let keep = dice.below(snapshot.len() as u64);
                snapshot.truncate(usize::try_from(keep).expect("a length in memory"));
            }
        }
        true
    }
}

fn flip(bytes: &mut [u8], dice: &mut Dice) {
    let at = usize::try_from(dice.below(bytes.len() as u64)).expect("an index into memory");
    bytes[at] ^= 1 << dice.below(8);
}

impl JournalReader for Disk {
    fn shard(&self) -> u16 {
        self.stored().shard
    }

    fn tail(&self) -> Result<Tail, JournalError> {
        Ok(self.stored().rows.stated)
    }

    fn read_from(&self, position: u64, bytes_max: usize) -> Result<Vec<Batch>, JournalError> {
        Ok(self.stored().rows.from(position, bytes_max))
    }
}

/// What a node writes its batches with.
pub(super) struct DiskJournal {
    disk: Disk,
    shard: u16,
    unsettled: Option<u64>,
}

impl DiskJournal {
    fn unknown(&self, position: u64) -> JournalError {
        JournalError::UnknownOutcome { position, place: self.place(), source: "the sync failed".into() }
    }

    fn place(&self) -> String {
        format!("disk of shard {}", self.shard)
    }
}

impl JournalReader for DiskJournal {
    fn shard(&self) -> u16 {
        self.shard
    }

    fn tail(&self) -> Result<Tail, JournalError> {
        self.disk.tail()
    }

    fn read_from(&self, position: u64, bytes_max: usize) -> Result<Vec<Batch>, JournalError> {
        self.disk.read_from(position, bytes_max)
    }
}

impl Journal for DiskJournal {
    fn append(&mut self, batch: &Batch) -> Result<(), JournalError> {
        let position = batch.first_position;
        if self.unsettled.is_some() {
            return Err(self.unknown(position));
        }
        let mut stored = self.disk.stored();
        if stored.rows.stated.next_position != position {
            return Err(JournalError::Fenced { shard: self.shard, position });
        }
        let fault = stored.next_write;
        if fault == Some(WriteFault::Full) {
            return Err(JournalError::Full { place: self.place(), source: "no space left on device".into() });
        }
        stored.next_write = None;
        if fault != Some(WriteFault::SyncFailsLost) {
            stored.rows.batches.insert(position, batch.clone());
            stored.rows.stated = batch.tail();
        }
        drop(stored);
        if fault.is_some() {
            self.unsettled = Some(position);
            return Err(self.unknown(position));
        }
        Ok(())
    }

    fn outcome_of(&mut self, first_position: u64, hash: &Hash) -> Result<Outcome, JournalError> {
        self.unsettled = None;
        match self.disk.stored().rows.batches.get(&first_position) {
            None => Ok(Outcome::NotCommitted),
            Some(found) if found.hash == *hash => Ok(Outcome::Committed),
            Some(_) => Err(JournalError::Fenced { shard: self.shard, position: first_position }),
        }
    }
}

impl Snapshots for Disk {
    fn save(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let mut stored = self.stored();
        stored.snapshots.push([&snapshot.header()[..], &snapshot.body].concat());
        let extra = stored.snapshots.len().saturating_sub(SNAPSHOTS_MAX);
        stored.snapshots.drain(..extra);
        Ok(())
    }

    fn load_newest(&self) -> Result<Loaded, SnapshotError> {
        let mut loaded = Loaded::default();
        for (number, bytes) in self.stored().snapshots.iter().enumerate().rev() {
            let (header, body) = bytes.split_at(bytes.len().min(HEADER_BYTES));
            match Snapshot::decode(header, body.to_vec()) {
                Ok(snapshot) => {
                    loaded.snapshot = Some(snapshot);
                    break;
                }
                Err(bad) => loaded.rejected.push((format!("snapshot {number}"), bad)),
            }
        }
        Ok(loaded)
    }
}
