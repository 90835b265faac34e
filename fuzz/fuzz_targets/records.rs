//! Bytes of a journal and of snapshots: whatever they are, they read as what they mean or are refused, and reading them
//! takes no more memory than they are worth.
//!
//! The first byte of an input says what the rest is: `F` framed records, `R` one record, `B` a batch, `S` the state of a
//! snapshot.

#![no_main]

mod bounded_memory;

use bounded_memory::Bounded;
use engine::{Outcome, Record, State};
use libfuzzer_sys::{Corpus, fuzz_target};
use minicbor::{Decode, Encode};
use node::journal::{Batch, Chain, Tail, frame_into, unframe};
use std::fmt::Debug;

#[global_allocator]
static MEMORY: Bounded = Bounded;

const SHARD: u16 = 3;
/// Whatever: a position is a number that travels along.
const POSITION: u64 = 7;

fuzz_target!(|data: &[u8]| -> Corpus {
    match data.split_first() {
        Some((b'F', bytes)) => frames(bytes),
        Some((b'R', bytes)) => record(bytes),
        Some((b'B', bytes)) => batch(bytes),
        Some((b'S', bytes)) => drop(reads_back::<State>(bytes)),
        Some(_) | None => return Corpus::Reject,
    }
    Corpus::Keep
});

/// What is read as frames is what framing writes, up to the first flaw, after which nothing is guessed.
fn frames(bytes: &[u8]) {
    let (mut framed, mut sound) = (Vec::new(), true);
    for (number, read) in unframe(POSITION, bytes).enumerate() {
        assert!(sound, "something is read behind a flaw");
        match read {
            Ok((position, body)) => {
                assert_eq!(position, POSITION + number as u64);
                frame_into(&mut framed, |out| out.extend_from_slice(body));
            }
            Err(bad) => {
                assert_eq!(bad.position, POSITION + number as u64);
                sound = false;
            }
        }
    }
    assert!(bytes.starts_with(&framed));
    assert_eq!(sound, framed.len() == bytes.len());
}

fn record(bytes: &[u8]) {
    let Some(record) = reads_back::<Record>(bytes) else { return };
    assert_eq!(node::decode_record(POSITION, bytes).ok().as_ref(), Some(&record));
    let receipt = record.receipt();
    assert_eq!(receipt.position, record.moment.position);
    assert!(matches!(record.outcome, Outcome::Events(_)) || record.events().is_empty());
    assert!(serde_json::to_string(&record.outcome).is_ok(), "the audit log can show it");
}

/// A batch with these records and facts is taken into a chain if and only if it is what the chain would have sealed.
fn batch(bytes: &[u8]) {
    let Some((facts, bytes)) = bytes.split_first_chunk::<4>() else { return };
    let [shard, first, records, epoch] = facts.map(u64::from);
    let start = Tail { next_position: POSITION, epoch: 1, hash: [9; 32] };
    let mut batch = Batch {
        shard: shard as u16,
        first_position: first,
        records: records as u32,
        epoch,
        bytes: bytes.to_vec(),
        hash: [0; 32],
    };
    batch.hash = batch.hash_after(&start.hash);
    let mut chain = Chain::after(SHARD, start);
    let is_accepted = chain.accept(&batch).is_ok();
    let found = batch.unframe().filter(Result::is_ok).count();
    let is_sound = batch.unframe().all(|record| record.is_ok()) && found > 0 && found as u64 == records;
    let is_next = (shard, first) == (u64::from(SHARD), POSITION) && epoch >= start.epoch;
    assert_eq!(is_accepted, is_sound && is_next);
    if is_accepted {
        let mut writer = Chain::after(SHARD, start);
        assert_eq!(writer.seal(epoch, records as u32, bytes.to_vec()), batch);
        assert_eq!(writer, chain);
    }
}

/// Whatever decodes means the same when it is written again and read again.
fn reads_back<T>(bytes: &[u8]) -> Option<T>
where
    T: for<'b> Decode<'b, ()> + Encode<()> + PartialEq + Debug,
{
    let value: T = minicbor::decode(bytes).ok()?;
    let written = minicbor::to_vec(&value).expect("what was read can be written");
    let again: T = minicbor::decode(&written).expect("what was written can be read");
    assert!(value == again, "{value:?} reads back as {again:?}");
    Some(value)
}
