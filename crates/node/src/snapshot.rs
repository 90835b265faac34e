//! Snapshots: a shard's whole state at one place in its journal, so that recovery need not fold all of history.
//!
//! Invariant: a snapshot is only ever a shortcut. What it holds can be made again from the journal, so a damaged one is
//! put aside; but one that the journal contradicts means that the journal has lost or changed something.
//! Deliberately absent: the state's encoding (the engine's) and where snapshots lie (an adapter implements
//! [`Snapshots`]).

use crate::journal::{Batch, Chain, Corrupt, Flaw, Hash, JournalError, JournalReader, Tail};
use sha2::{Digest, Sha256};
use vocabulary::planted;

const MAGIC: [u8; 8] = *b"RIALTOSN";
/// Of the header and of the state's encoding. A snapshot of another version is passed over.
const VERSION: u32 = 2;
/// Magic, version, shard, next position, epoch, journal hash, body length; all but the digest over them.
const FACTS_BYTES: usize = 8 + 4 + 2 + 8 + 8 + 32 + 8;

/// Bytes before the body: the facts and the SHA-256 over facts and body.
pub const HEADER_BYTES: usize = FACTS_BYTES + 32;

/// The state of one shard after every record before `at`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Whose state it is.
    pub shard: u16,
    /// The place between two batches at which it was taken.
    pub at: Tail,
    /// The encoded state.
    pub body: Vec<u8>,
}

impl Snapshot {
    /// What is stored in front of the body: magic, version (u32), shard (u16), next position (u64), epoch (u64),
    /// journal hash, body length (u64), all little endian, then SHA-256 over these and the body.
    #[must_use]
    pub fn header(&self) -> [u8; HEADER_BYTES] {
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend_from_slice(&MAGIC);
        header.extend_from_slice(&VERSION.to_le_bytes());
        header.extend_from_slice(&self.shard.to_le_bytes());
        header.extend_from_slice(&self.at.next_position.to_le_bytes());
        header.extend_from_slice(&self.at.epoch.to_le_bytes());
        header.extend_from_slice(&self.at.hash);
        header.extend_from_slice(&(self.body.len() as u64).to_le_bytes());
        let digest = digest(&header, &self.body);
        header.extend_from_slice(&digest);
        header.try_into().expect("the header's fields add up to its size")
    }

    /// Puts together what [`Snapshot::header`] made and the body that was stored after it, and proves it whole.
    pub fn decode(header: &[u8], body: Vec<u8>) -> Result<Self, BadSnapshot> {
        let (facts, stated_digest) = header.split_at_checked(FACTS_BYTES).ok_or(BadSnapshot::Truncated)?;
        let mut fields = Fields(facts);
        if fields.take() != MAGIC {
            return Err(BadSnapshot::Foreign);
        }
        let version = u32::from_le_bytes(fields.take());
        if version != VERSION {
            return Err(BadSnapshot::Version { found: version, known: VERSION });
        }
        let shard = u16::from_le_bytes(fields.take());
        let next_position = u64::from_le_bytes(fields.take());
        let epoch = u64::from_le_bytes(fields.take());
        let hash = fields.take();
        if body.len() as u64 != u64::from_le_bytes(fields.take()) {
            return Err(BadSnapshot::Truncated);
        }
        if stated_digest != digest(facts, &body) && !planted!("snapshot-unproved") {
            return Err(BadSnapshot::Digest);
        }
        Ok(Self { shard, at: Tail { next_position, epoch, hash }, body })
    }

    /// The chain on which recovery goes on after this snapshot.
    #[must_use]
    pub fn chain(&self) -> Chain {
        Chain::after(self.shard, self.at)
    }

    /// Proves that the snapshot was taken of this journal: the batch that ends there has its hash. A journal that
    /// ends earlier has lost records that were acknowledged.
    pub fn check_against<R: JournalReader + ?Sized>(&self, reader: &R) -> Result<(), JournalError> {
        if self.at == Tail::genesis(self.shard) {
            return Ok(());
        }
        let last = self.at.next_position.saturating_sub(1);
        let Some(found) = reader.read_from(last, 0)?.first().map(Batch::tail) else {
            let flaw = Flaw::Missing { until: self.at.next_position };
            return Err(self.corrupt(reader.tail()?.next_position, flaw).into());
        };
        if found == self.at { Ok(()) } else { Err(self.corrupt(last, Flaw::Snapshot).into()) }
    }

    fn corrupt(&self, position: u64, flaw: Flaw) -> Corrupt {
        Corrupt { shard: self.shard, batch: position, position, flaw }
    }
}

fn digest(facts: &[u8], body: &[u8]) -> Hash {
    Sha256::new().chain_update(facts).chain_update(body).finalize().into()
}

/// The header's fields, one after another.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_first_chunk().expect("the facts are as long as their fields");
        self.0 = rest;
        *field
    }
}

/// Why stored bytes are no snapshot to start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSnapshot {
    /// It does not start as a snapshot does.
    #[error("it is not a snapshot")]
    Foreign,
    /// A version that this program does not read.
    #[error("it has version {found}, this program reads {known}")]
    Version {
        /// The version it states.
        found: u32,
        /// The only one known here.
        known: u32,
    },
    /// It is shorter or longer than it states.
    #[error("it is cut off or has another length than it states")]
    Truncated,
    /// It is not as it was written.
    #[error("its digest does not match: a byte has changed")]
    Digest,
    /// The operating system cannot read it.
    #[error("it cannot be read: {0}")]
    Unreadable(std::io::ErrorKind),
    /// It belongs to another shard than that which is recovered.
    #[error("it belongs to shard {found}")]
    OtherShard {
        /// The shard it names.
        found: u16,
    },
}

/// Keeps the last few snapshots of one shard.
pub trait Snapshots: Send {
    /// Stores `snapshot` durably, then lets go of the oldest ones.
    fn save(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError>;

    /// The newest one that is whole. Those that are not are named in the answer and passed over.
    fn load_newest(&self) -> Result<Loaded, SnapshotError>;
}

/// What recovery starts from.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// None: fold the whole journal.
    pub snapshot: Option<Snapshot>,
    /// Newer ones that cannot be used, newest first: where they lie and why not.
    pub rejected: Vec<(String, BadSnapshot)>,
}

/// Snapshots cannot be written or read. The journal is not touched by this.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} snapshot {place}: {source}")]
pub struct SnapshotError {
    /// What was tried: "write", "read".
    pub action: &'static str,
    /// The file or directory.
    pub place: String,
    /// The operating system's own words.
    pub source: std::io::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> Snapshot {
        let at = Tail { next_position: 4_001, epoch: 7, hash: [0xab; 32] };
        Snapshot { shard: 2, at, body: b"the whole state".to_vec() }
    }

    fn stored() -> Vec<u8> {
        let snapshot = snapshot();
        [&snapshot.header()[..], &snapshot.body].concat()
    }

    fn decode(stored: &[u8]) -> Result<Snapshot, BadSnapshot> {
        let (header, body) = stored.split_at(stored.len().min(HEADER_BYTES));
        Snapshot::decode(header, body.to_vec())
    }

    #[test]
    fn comes_back_as_it_was_stored() {
        assert_eq!(decode(&stored()), Ok(snapshot()));
    }

    #[test]
    fn every_cut_is_found() {
        for len in 0..stored().len() {
            assert_eq!(decode(&stored()[..len]), Err(BadSnapshot::Truncated), "cut to {len} bytes");
        }
        assert_eq!(decode(&[stored(), vec![0]].concat()), Err(BadSnapshot::Truncated));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        for bit in 0..stored().len() * 8 {
            let mut bytes = stored();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&bytes).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn says_what_it_is_not() {
        let mut newer = stored();
        newer[8] += 1;
        assert_eq!(decode(&newer), Err(BadSnapshot::Version { found: VERSION + 1, known: VERSION }));
        assert_eq!(decode(&[b'#'; 200]), Err(BadSnapshot::Foreign));
    }
}
