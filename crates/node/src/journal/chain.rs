//! The hash chain through a shard's batches: sealing new ones and proving stored ones.
//!
//! Invariant: [`Chain::accept`] takes exactly the batches that [`Chain::seal`] made, in their order. A batch that is
//! changed, missing, moved, repeated or cut is refused by the position at which that first shows.

use super::{Batch, JournalError, JournalReader, RecordFlaw, Tail};
use vocabulary::planted;

/// How much of the journal verification holds in memory at a time.
const READ_BYTES: usize = 8 << 20;

/// A place between two batches of a shard, from which the chain goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    shard: u16,
    tail: Tail,
}

impl Chain {
    /// The start of a shard's history.
    #[must_use]
    pub fn genesis(shard: u16) -> Self {
        Self::after(shard, Tail::genesis(shard))
    }

    /// Goes on from the end of a journal or from a snapshot.
    #[must_use]
    pub fn after(shard: u16, tail: Tail) -> Self {
        Self { shard, tail }
    }

    /// Where the next batch will be linked.
    #[must_use]
    pub fn tail(&self) -> Tail {
        self.tail
    }

    /// Makes the next batch of the chain out of framed records, and moves behind it. The writer may seal a batch
    /// before the one before it is durable; it appends them in order.
    pub fn seal(&mut self, epoch: u64, records: u32, bytes: Vec<u8>) -> Batch {
        assert!(records > 0, "a batch holds at least one record");
        assert!(epoch >= self.tail.epoch, "a leader's epoch is never below that of the history it continues");
        let first_position = self.tail.next_position;
        let mut batch =
            Batch { shard: self.shard, first_position, records, epoch, bytes, hash: self.tail.hash };
        batch.hash = batch.hash_after(&self.tail.hash);
        self.tail = batch.tail();
        batch
    }

    /// Proves that `batch` is the next of the chain and whole, and moves behind it.
    pub fn accept(&mut self, batch: &Batch) -> Result<(), Corrupt> {
        let next = self.tail.next_position;
        if batch.shard != self.shard {
            return Err(self.corrupt(batch, next, Flaw::OtherShard { found: batch.shard }));
        }
        if batch.first_position > next {
            return Err(self.missing_until(batch.first_position));
        }
        if batch.first_position < next {
            return Err(self.corrupt(batch, batch.first_position, Flaw::Repeated));
        }
        self.accept_records(batch)?;
        if batch.epoch < self.tail.epoch {
            let flaw = Flaw::EpochFell { from: self.tail.epoch, to: batch.epoch };
            return Err(self.corrupt(batch, next, flaw));
        }
        if batch.hash != batch.hash_after(&self.tail.hash) && !planted!("chain-unproved") {
            return Err(self.corrupt(batch, next, Flaw::Hash));
        }
        self.tail = batch.tail();
        Ok(())
    }

    /// Proves that a journal whose last batch this chain has accepted ends where its last commit `stated`.
    pub fn ends_at(&self, stated: &Tail) -> Result<(), Corrupt> {
        let Tail { next_position, .. } = self.tail;
        if next_position < stated.next_position {
            return Err(self.missing_until(stated.next_position));
        }
        if self.tail != *stated {
            let position = next_position - 1;
            return Err(Corrupt { shard: self.shard, batch: position, position, flaw: Flaw::Tail });
        }
        Ok(())
    }

    fn accept_records(&self, batch: &Batch) -> Result<(), Corrupt> {
        let mut found: u32 = 0;
        for record in batch.unframe() {
            let (position, _) =
                record.map_err(|bad| self.corrupt(batch, bad.position, Flaw::Record(bad.flaw)))?;
            found = found.saturating_add(1);
            if found > batch.records {
                return Err(self.corrupt(batch, position, Flaw::RecordCount { stated: batch.records }));
            }
        }
        if found < batch.records || found == 0 {
            let position = batch.first_position.saturating_add(u64::from(found));
            return Err(self.corrupt(batch, position, Flaw::RecordCount { stated: batch.records }));
        }
        Ok(())
    }

    fn missing_until(&self, until: u64) -> Corrupt {
        let next = self.tail.next_position;
        Corrupt { shard: self.shard, batch: next, position: next, flaw: Flaw::Missing { until } }
    }

    fn corrupt(&self, batch: &Batch, position: u64, flaw: Flaw) -> Corrupt {
        Corrupt { shard: self.shard, batch: batch.first_position, position, flaw }
    }
}

/// Where the stored journal is not what was written, and in what way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal of shard {shard} is damaged at position {position} (in the batch at {batch}): {flaw}")]
pub struct Corrupt {
    /// The shard whose journal it is.
    pub shard: u16,
    /// First position of the batch in which it shows.
    pub batch: u64,
    /// The record in which it shows, as near as can be told.
    pub position: u64,
    /// What is wrong.
    pub flaw: Flaw,
}

/// What is wrong with a stored batch or with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It belongs to another shard.
    #[error("the batch belongs to shard {found}")]
    OtherShard {
        /// The shard that the batch names.
        found: u16,
    },
    /// Batches were deleted, from here up to (not including) `until`.
    #[error("the records up to position {until} (not included) are missing")]
    Missing {
        /// The first position that is there again.
        until: u64,
    },
    /// Positions that an earlier batch holds already.
    #[error("the position is written twice")]
    Repeated,
    /// One record cannot be read.
    #[error("{0}")]
    Record(RecordFlaw),
    /// There are fewer or more records than the batch states.
    #[error("the batch states {stated} records and holds another number")]
    RecordCount {
        /// The number by the batch's own word.
        stated: u32,
    },
    /// An earlier leader's batch lies behind a later one's.
    #[error("the leader's epoch falls from {from} to {to}")]
    EpochFell {
        /// Epoch of the batch before.
        from: u64,
        /// Epoch of this batch.
        to: u64,
    },
    /// Sound records under a hash that does not follow from the batch before: replaced, moved or altered.
    #[error("the batch's hash does not follow from the batch before: one of the two was altered or moved")]
    Hash,
    /// The journal's own statement of its end has another hash than its last batch.
    #[error("the journal's statement of its end does not match its last batch")]
    Tail,
    /// A snapshot was taken of a history that is not this one.
    #[error(
        "a snapshot taken here has another hash: the journal was rewritten, or the snapshot is not its own"
    )]
    Snapshot,
    /// The storage itself noticed.
    #[error("{0}")]
    Storage(String),
}

/// What a whole, sound journal consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Number of batches.
    pub batches: u64,
    /// Number of records.
    pub records: u64,
    /// Bytes of all records with their frames.
    pub bytes: u64,
    /// Where it ends.
    pub tail: Tail,
}

/// Proves the journal from its first record to its end: no gap, every hash, every record's checksum. Calls `progress`
/// with the position up to which it is proven, every few megabytes. May run while a writer appends.
pub fn verify_chain<R: JournalReader + ?Sized>(
    reader: &R,
    mut progress: impl FnMut(u64),
) -> Result<Summary, JournalError> {
    let stated = reader.tail()?;
    let mut chain = Chain::genesis(reader.shard());
    let mut summary = Summary { batches: 0, records: 0, bytes: 0, tail: chain.tail() };
    let mut known_bytes = 0;
    loop {
        let read = reader.read_from(chain.tail().next_position - 1, READ_BYTES + known_bytes)?;
        let new = beyond_known(&chain, &read)?;
        if new.is_empty() {
            break;
        }
        for batch in new {
            chain.accept(batch)?;
            summary.batches += 1;
            summary.records += u64::from(batch.records);
            summary.bytes += batch.bytes.len() as u64;
            check_stated(&chain, &stated, batch)?;
            known_bytes = batch.bytes.len();
        }
        progress(chain.tail().next_position);
    }
    summary.tail = chain.tail();
    check_end(&chain, &stated)?;
    Ok(summary)
}

/// Each read starts in the last batch that is proven already, since a row smuggled in between that one and the next
/// would stay unseen otherwise.
fn beyond_known<'a>(chain: &Chain, read: &'a [Batch]) -> Result<&'a [Batch], Corrupt> {
    if chain.tail() == Tail::genesis(chain.shard) {
        return Ok(read);
    }
    match read.split_first() {
        Some((known, new)) if known.tail() == chain.tail() => Ok(new),
        Some((other, _)) => Err(chain.corrupt(other, other.first_position, Flaw::Repeated)),
        None => Ok(&[]),
    }
}

fn check_stated(chain: &Chain, stated: &Tail, batch: &Batch) -> Result<(), Corrupt> {
    let holds_end =
        batch.first_position < stated.next_position && stated.next_position <= batch.next_position();
    if holds_end && chain.tail() != *stated {
        return Err(chain.corrupt(batch, batch.first_position, Flaw::Tail));
    }
    Ok(())
}

fn check_end(chain: &Chain, stated: &Tail) -> Result<(), Corrupt> {
    if chain.tail().next_position < stated.next_position {
        return Err(chain.missing_until(stated.next_position));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::frame_into;

    const SHARD: u16 = 0;

    /// Rows as a storage would hand them out: by key, whatever the row says of itself.
    struct Rows {
        rows: Vec<(u64, Batch)>,
        tail: Tail,
    }

    impl Rows {
        /// Five batches of three records, at positions 1, 4, 7, 10 and 13.
        fn five() -> Self {
            let mut chain = Chain::genesis(SHARD);
            let rows = (0..5u64).map(|n| batch(&mut chain, n)).map(|b| (b.first_position, b)).collect();
            Self { rows, tail: chain.tail() }
        }

        fn verify(&mut self) -> Result<Summary, Corrupt> {
            self.rows.sort_by_key(|(key, _)| *key);
            let verified = verify_chain(self, |_| ());
            verified.map_err(|error| match error {
                JournalError::Corrupt(corrupt) => corrupt,
                error @ (JournalError::Fenced { .. }
                | JournalError::Full { .. }
                | JournalError::Io { .. }
                | JournalError::UnknownOutcome { .. }) => panic!("not a corruption: {error}"),
            })
        }

        fn refuses(mut self, batch: u64, position: u64, flaw: Flaw) {
            assert_eq!(self.verify(), Err(Corrupt { shard: SHARD, batch, position, flaw }));
        }
    }

    impl JournalReader for Rows {
        fn shard(&self) -> u16 {
            SHARD
        }

        fn tail(&self) -> Result<Tail, JournalError> {
            Ok(self.tail)
        }

        fn read_from(&self, position: u64, bytes_max: usize) -> Result<Vec<Batch>, JournalError> {
            let start = self.rows.iter().rposition(|(key, _)| *key <= position).unwrap_or(0);
            let mut read: Vec<Batch> = Vec::new();
            for (key, row) in &self.rows[start..] {
                let row = Batch { first_position: *key, ..row.clone() };
                let bytes: usize = read.iter().map(|batch| batch.bytes.len()).sum();
                if bytes >= bytes_max && !read.is_empty() {
                    break;
                }
                if row.next_position() > position {
                    read.push(row);
                }
            }
            Ok(read)
        }
    }

    fn batch(chain: &mut Chain, n: u64) -> Batch {
        let mut bytes = Vec::new();
        for record in 0..3 {
            frame_into(&mut bytes, |out| {
                out.extend_from_slice(format!("batch {n} record {record}").as_bytes())
            });
        }
        chain.seal(1 + n / 3, 3, bytes)
    }

    #[test]
    fn a_sound_journal_is_proven_to_its_end() {
        let mut journal = Rows::five();
        let summary = journal.verify().expect("sound");
        let bytes = journal.rows.iter().map(|(_, b)| b.bytes.len() as u64).sum();
        assert_eq!(summary, Summary { batches: 5, records: 15, bytes, tail: journal.tail });
        assert_eq!(summary.tail.next_position, 16);
    }

    #[test]
    fn positions_of_different_shards_differ() {
        let mut chain = Chain::genesis(3);
        let batch = chain.seal(1, 1, b"x".to_vec());
        assert_eq!((batch.first_position, chain.tail().next_position), (3 << 48 | 1, 3 << 48 | 2));
    }

    #[test]
    fn an_empty_journal_is_sound() {
        let summary = Rows { rows: vec![], tail: Tail::genesis(SHARD) }.verify().expect("sound");
        assert_eq!((summary.batches, summary.tail), (0, Tail::genesis(SHARD)));
    }

    #[test]
    fn a_batch_larger_than_one_read_hides_nothing_behind_it() {
        let mut chain = Chain::genesis(SHARD);
        let mut bytes = Vec::new();
        frame_into(&mut bytes, |out| out.resize(READ_BYTES + 1, 7));
        let large = chain.seal(1, 1, bytes);
        let after = batch(&mut chain, 0);
        let rows = vec![(1, large), (2, after)];
        assert_eq!(Rows { rows, tail: chain.tail() }.verify().expect("sound").batches, 2);
    }

    #[test]
    fn the_hash_covers_what_the_format_says() {
        // SHA-256 of 32 zero bytes, 0003, 0000000000000001, 00000001, 0000000000000002 and "x", computed elsewhere.
        let batch =
            Batch { shard: 3, first_position: 1, records: 1, epoch: 2, bytes: b"x".to_vec(), hash: [0; 32] };
        let hex: String = batch.hash_after(&[0; 32]).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "4eb4c626c7acc926b1440832b4d908268a505365d625ab52f8cc4b1bfbba92ec");
    }

    #[test]
    fn every_flipped_bit_of_a_batch_is_found_at_its_record() {
        let sound = Rows::five();
        let len = sound.rows[2].1.bytes.len();
        for bit in 0..len * 8 {
            let mut journal = Rows::five();
            journal.rows[2].1.bytes[bit / 8] ^= 1 << (bit % 8);
            let corrupt = journal.verify().expect_err("found");
            assert_eq!((corrupt.batch, corrupt.position), (7, 7 + (bit / 8 / (len / 3)) as u64), "bit {bit}");
        }
    }

    #[test]
    fn altered_columns_are_found() {
        let altered = |alter: fn(&mut Batch)| {
            let mut journal = Rows::five();
            alter(&mut journal.rows[2].1);
            journal
        };
        altered(|b| b.hash[31] ^= 1).refuses(7, 7, Flaw::Hash);
        altered(|b| b.epoch = 2).refuses(7, 7, Flaw::Hash);
        altered(|b| b.epoch = 0).refuses(7, 7, Flaw::EpochFell { from: 1, to: 0 });
        altered(|b| b.shard = 4).refuses(7, 7, Flaw::OtherShard { found: 4 });
        altered(|b| b.records = 2).refuses(7, 9, Flaw::RecordCount { stated: 2 });
        altered(|b| b.records = 4).refuses(7, 10, Flaw::RecordCount { stated: 4 });
        altered(|b| b.bytes.clear()).refuses(7, 7, Flaw::RecordCount { stated: 3 });
    }

    #[test]
    fn a_deleted_batch_is_found_wherever_it_stood() {
        for (index, first) in [(0, 1), (1, 4), (3, 10), (4, 13)] {
            let mut journal = Rows::five();
            journal.rows.remove(index);
            journal.refuses(first, first, Flaw::Missing { until: first + 3 });
        }
    }

    #[test]
    fn an_emptied_journal_is_not_taken_for_a_new_one() {
        let mut journal = Rows::five();
        journal.rows.clear();
        journal.refuses(1, 1, Flaw::Missing { until: 16 });
    }

    #[test]
    fn swapped_batches_are_found_at_the_first_of_them() {
        let mut journal = Rows::five();
        let (left, right) = (journal.rows[1].1.clone(), journal.rows[3].1.clone());
        (journal.rows[1].1, journal.rows[3].1) = (right, left);
        journal.refuses(4, 4, Flaw::Hash);
    }

    #[test]
    fn a_repeated_batch_is_found_wherever_the_copy_stands() {
        for copy in [5, 6] {
            let mut journal = Rows::five();
            let row = journal.rows[1].1.clone();
            journal.rows.push((copy, row));
            journal.refuses(copy, copy, Flaw::Repeated);
        }
        let mut journal = Rows::five();
        let last = journal.rows[4].1.clone();
        journal.rows.push((16, last));
        journal.refuses(16, 16, Flaw::Hash);
    }

    #[test]
    fn a_copy_on_the_edge_of_a_read_is_found() {
        let mut chain = Chain::genesis(SHARD);
        let mut large = Vec::new();
        (0..2).for_each(|_| frame_into(&mut large, |out| out.extend_from_slice(&vec![7; READ_BYTES])));
        let large = chain.seal(1, 2, large);
        let after = batch(&mut chain, 0);
        let mut smuggled = large.clone();
        (smuggled.records, smuggled.hash) = (1, [9; 32]);
        Rows { rows: vec![(1, large), (2, smuggled), (3, after)], tail: chain.tail() }.refuses(
            2,
            2,
            Flaw::Repeated,
        );
    }

    #[test]
    fn a_truncated_last_batch_is_found() {
        let mut journal = Rows::five();
        let len = journal.rows[4].1.bytes.len();
        journal.rows[4].1.bytes.truncate(len - 1);
        let body = (len / 3 - 8) as u32;
        let flaw = RecordFlaw::BodyCut { stated: body, left: body as usize - 1 };
        journal.refuses(13, 15, Flaw::Record(flaw));
    }

    #[test]
    fn a_stated_end_that_is_not_the_real_one_is_found() {
        let mut journal = Rows::five();
        journal.tail.hash[0] ^= 1;
        journal.refuses(13, 13, Flaw::Tail);
        let mut journal = Rows::five();
        journal.tail.next_position = 15;
        journal.refuses(13, 13, Flaw::Tail);
    }

    #[test]
    fn batches_that_a_writer_appends_meanwhile_are_proven_too() {
        let mut journal = Rows::five();
        journal.tail = journal.rows[2].1.tail();
        assert_eq!(journal.verify().expect("sound").batches, 5);
    }

    #[test]
    #[should_panic(expected = "epoch is never below")]
    fn a_deposed_leader_seals_nothing() {
        let mut chain = Chain::genesis(SHARD);
        batch(&mut chain, 9);
        batch(&mut chain, 0);
    }
}
