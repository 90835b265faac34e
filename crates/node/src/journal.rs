//! The journal: batches of records, each batch chained to the one before it by its hash.
//!
//! Invariant: positions count from [`first_position`] without gaps within a shard, and a batch is in the journal whole
//! or not at all. What is written is never changed, except that history that was never acknowledged may be missing.
//! Deliberately absent: what a record's body means, and where the bytes lie (an adapter implements [`Journal`]).

mod chain;
mod record;

pub use chain::{Chain, Corrupt, Flaw, Summary, verify_chain};
pub use record::{BadRecord, RecordFlaw, Records, frame_into, unframe};

use sha2::{Digest, Sha256};
use std::error::Error;

/// SHA-256.
pub type Hash = [u8; 32];

/// What the first batch of a shard is chained to.
pub const GENESIS_HASH: Hash = [0; 32];

/// The position of a shard's first record: the shard's number in the upper 16 bits, so that positions of all shards
/// differ, and the count from 1 below it.
#[must_use]
pub const fn first_position(shard: u16) -> u64 {
    (shard as u64) << 48 | 1
}

/// The shard that a position is of.
#[must_use]
pub const fn shard_of(position: u64) -> u16 {
    (position >> 48) as u16
}

/// Consecutive records that are written by one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The shard that decided the records.
    pub shard: u16,
    /// Position of the first record.
    pub first_position: u64,
    /// How many records `bytes` holds; at least one.
    pub records: u32,
    /// The writer's term of leadership; never falls from one batch to the next.
    pub epoch: u64,
    /// The records, each framed by [`frame_into`].
    pub bytes: Vec<u8>,
    /// SHA-256 over the hash of the batch before and every field above, as [`Batch::hash_after`] has it.
    pub hash: Hash,
}

impl Batch {
    /// The position after the last record.
    #[must_use]
    pub fn next_position(&self) -> u64 {
        self.first_position.saturating_add(u64::from(self.records))
    }

    /// The journal's end once this batch is its last.
    #[must_use]
    pub fn tail(&self) -> Tail {
        Tail { next_position: self.next_position(), epoch: self.epoch, hash: self.hash }
    }

    /// The hash that belongs to this batch where `previous` is that of the batch before: SHA-256 of previous hash,
    /// shard, first position, records, epoch (big endian) and bytes.
    #[must_use]
    pub fn hash_after(&self, previous: &Hash) -> Hash {
        let mut hasher = Sha256::new();
        hasher.update(previous);
        hasher.update(self.shard.to_be_bytes());
        hasher.update(self.first_position.to_be_bytes());
        hasher.update(self.records.to_be_bytes());
        hasher.update(self.epoch.to_be_bytes());
        hasher.update(&self.bytes);
        hasher.finalize().into()
    }

    /// The records' bodies with their positions.
    #[must_use]
    pub fn unframe(&self) -> Records<'_> {
        unframe(self.first_position, &self.bytes)
    }
}

/// Where a journal ends, or where a snapshot stands in it: always between two batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The position that the next record will have.
    pub next_position: u64,
    /// Epoch of the last batch; 0 before the first.
    pub epoch: u64,
    /// Hash of the last batch; [`GENESIS_HASH`] before the first.
    pub hash: Hash,
}

impl Tail {
    /// The end of a shard's journal in which nothing is written yet.
    #[must_use]
    pub const fn genesis(shard: u16) -> Self {
        Self { next_position: first_position(shard), epoch: 0, hash: GENESIS_HASH }
    }
}

/// Reads one shard's journal. Each follower has a handle of its own, so that no reader waits for another.
pub trait JournalReader: Send {
    /// The shard that this handle reads.
    fn shard(&self) -> u16;

    /// Where the journal ends, as its last commit stated it; [`Tail::genesis`] if it is empty.
    fn tail(&self) -> Result<Tail, JournalError>;

    /// Whole batches in order, from the one that holds `position`, until their bytes reach `bytes_max`; at least one
    /// where there is one, none if `position` is not written yet. The rows come as they are stored:
    /// [`Chain::accept`] is what tells whether they are sound.
    fn read_from(&self, position: u64, bytes_max: usize) -> Result<Vec<Batch>, JournalError>;
}

/// Writes one shard's journal. Calls block until the batch is durable, so a committer thread of its own makes them.
pub trait Journal: JournalReader {
    /// Appends `batch` durably. It must follow the last batch that this handle appended or found; the caller
    /// [seals](Chain::seal) it so. Only after [`JournalError::UnknownOutcome`] may the batch be in the journal
    /// although this failed; the handle then refuses to append until [`Journal::outcome_of`] has settled it.
    fn append(&mut self, batch: &Batch) -> Result<(), JournalError>;

    /// Settles what became of an append that failed, by reading back: makes sure that what it then says stays true
    /// over a crash. Another batch at that position answers [`JournalError::Fenced`].
    fn outcome_of(&mut self, first_position: u64, hash: &Hash) -> Result<Outcome, JournalError>;
}

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The batch is in the journal, durably.
    Committed,
    /// The position is free.
    NotCommitted,
}

/// What stands below an adapter's failure: the database's or the operating system's own words.
pub type Cause = Box<dyn Error + Send + Sync>;

/// A journal cannot do what it was asked to. All but [`JournalError::UnknownOutcome`] mean that nothing was appended.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another writer has taken the position: this one does not lead any more and must step down.
    #[error("another writer has written position {position} of shard {shard}: this node no longer leads it")]
    Fenced {
        /// The shard that is led by another.
        shard: u16,
        /// The position that this writer wanted.
        position: u64,
    },
    /// No room is left.
    #[error("disk full: no room in {place}")]
    Full {
        /// The file or database.
        place: String,
        /// The database's own words.
        #[source]
        source: Cause,
    },
    /// The storage refused, and nothing was written.
    #[error("cannot {action} {place}: {source}")]
    Io {
        /// What was tried: "read", "append to".
        action: &'static str,
        /// The file or database.
        place: String,
        /// The database's own words.
        source: Cause,
    },
    /// What is stored is not what was written.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// The commit failed in a way that leaves open whether it took place.
    #[error("cannot tell whether position {position} is written to {place}: {source}")]
    UnknownOutcome {
        /// First position of the batch.
        position: u64,
        /// The file or database.
        place: String,
        /// The database's own words.
        source: Cause,
    },
}
