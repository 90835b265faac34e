//! Followers see everything once and in order, and none of them can stop another.

use crate::place::{Place, must, order, request, wait_until};
use node::journal::{self, JournalError, JournalReader, Tail, frame_into};
use node::{Batch, Follower, FollowerError};
use std::sync::{Arc, Mutex};

struct Listener {
    name: &'static str,
    seen: Arc<Mutex<Vec<u64>>>,
    fails_at: Option<u64>,
}

impl Follower for Listener {
    fn name(&self) -> &'static str {
        self.name
    }

    fn next_position(&self) -> u64 {
        self.seen.lock().unwrap().last().map_or(1, |last| last + 1)
    }

    fn follow(&mut self, batches: &[Batch]) -> Result<(), FollowerError> {
        for record in batches.iter().flat_map(|batch| batch.iter()) {
            let position = record.moment.position;
            if self.fails_at == Some(position) {
                return Err("a poisoned message".into());
            }
            self.seen.lock().unwrap().push(position);
        }
        Ok(())
    }
}

pub(crate) fn listener(
    name: &'static str,
    fails_at: Option<u64>,
) -> (Box<dyn Follower>, Arc<Mutex<Vec<u64>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    (Box::new(Listener { name, seen: Arc::clone(&seen), fails_at }), seen)
}

#[test]
fn fault_12_a_follower_that_fails_stops_alone_and_says_so() {
    let place = Place::new();
    place.open_market().stop().unwrap();
    let (bad, bad_seen) = listener("bad", Some(5));
    let (good, good_seen) = listener("good", None);
    let node = place.start_with(vec![bad, good]);
    let last = must(&node.handle(), order(None, 1)).position;
    wait_until("the good follower is there", || good_seen.lock().unwrap().last() == Some(&last));
    let failed = || node.handle().status().followers.into_iter().find(|status| status.name == "bad").unwrap();
    wait_until("the bad follower has said so", || failed().failed.is_some());
    assert_eq!(failed().next_position, 5);
    assert_eq!(*bad_seen.lock().unwrap(), [1, 2, 3, 4]);
    assert_eq!(*good_seen.lock().unwrap(), (1..=last).collect::<Vec<_>>());
    must(&node.handle(), order(None, 1));
    node.stop().unwrap();
}

/// Reads a journal in which a later version has written the record at `position`.
struct FromLater {
    reader: Box<dyn JournalReader>,
    position: u64,
}

impl JournalReader for FromLater {
    fn shard(&self) -> u16 {
        self.reader.shard()
    }

    fn tail(&self) -> Result<Tail, JournalError> {
        self.reader.tail()
    }

    fn read_from(&self, position: u64, bytes_max: usize) -> Result<Vec<journal::Batch>, JournalError> {
        let mut batches = self.reader.read_from(position, bytes_max)?;
        for batch in &mut batches {
            let mut bytes = Vec::new();
            for framed in batch.unframe() {
                let (at, body) = framed.unwrap();
                frame_into(&mut bytes, |out| {
                    out.extend_from_slice(if at == self.position { &VARIANT_99 } else { body });
                });
            }
            batch.bytes = bytes;
        }
        Ok(batches)
    }
}

/// What no record of this version looks like: an array that holds variant 99 of something.
const VARIANT_99: [u8; 5] = [0x81, 0x82, 0x18, 99, 0x80];

#[test]
fn fault_12_a_record_of_a_later_version_stops_the_follower_that_reads_it_and_no_other() {
    let place = Place::new();
    let node = place.open_market();
    let last = must(&node.handle(), order(None, 1)).position;
    node.stop().unwrap();
    let ((old, old_seen), (new, new_seen)) = (listener("old", None), listener("new", None));
    let from_later = |reader| -> Box<dyn JournalReader> { Box::new(FromLater { reader, position: 5 }) };
    let node = place.start_reading(vec![(old, &from_later), (new, &|reader| reader)]).unwrap();
    wait_until("the new follower is there", || new_seen.lock().unwrap().last() == Some(&last));
    let status = |name| node.handle().status().followers.into_iter().find(|one| one.name == name).unwrap();
    wait_until("the old follower has said so", || status("old").failed.is_some());
    let why = status("old").failed.unwrap();
    assert!(why.contains("the record at position 5 cannot be understood by this version"), "{why}");
    assert!(
        old_seen.lock().unwrap().iter().all(|position| *position < 5),
        "nothing behind it was guessed at"
    );
    let next = must(&node.handle(), order(None, 1)).position;
    wait_until("the new follower goes on", || new_seen.lock().unwrap().last() == Some(&next));
    assert_eq!(status("new").failed, None);
    node.stop().unwrap();
}

#[test]
fn a_follower_sees_everything_once_from_history_and_live_and_after_a_restart() {
    let place = Place::new();
    place.open_market().stop().unwrap();
    let (follower, seen) = listener("one", None);
    let node = place.start_with(vec![follower]);
    for _ in 0..50 {
        node.handle().submit_all_blocking((0..20).map(|_| request(order(None, 1))).collect()).unwrap();
    }
    let last = node.handle().durable_position();
    node.stop().unwrap();
    assert_eq!(*seen.lock().unwrap(), (1..=last).collect::<Vec<_>>(), "stopping lets followers catch up");

    let again = Box::new(Listener { name: "one", seen: Arc::clone(&seen), fails_at: None });
    let node = place.start_with(vec![again]);
    let last = must(&node.handle(), order(None, 1)).position;
    node.stop().unwrap();
    assert_eq!(*seen.lock().unwrap(), (1..=last).collect::<Vec<_>>());
}

#[test]
fn fault_10_a_follower_that_has_seen_more_than_the_journal_holds_shows_that_its_end_is_lost() {
    let place = Place::new();
    let node = place.open_market();
    let last = must(&node.handle(), order(None, 1)).position;
    node.stop().unwrap();
    for (seen, starts) in [(last, true), (last + 1, false)] {
        let (follower, positions) = listener("ahead", None);
        *positions.lock().unwrap() = vec![seen];
        match place.try_start(vec![follower]) {
            Ok(node) => assert!(starts && node.stop().is_ok()),
            Err(error) => {
                let said = format!(
                    "the journal ends at position {last}, but ahead has seen position {seen}: acknowledged records are lost"
                );
                assert!(!starts && error.to_string() == said, "{error}");
            }
        }
    }
}

/// Reads a journal that has lost everything.
struct FromNothing(Box<dyn JournalReader>);

impl JournalReader for FromNothing {
    fn shard(&self) -> u16 {
        self.0.shard()
    }

    fn tail(&self) -> Result<Tail, JournalError> {
        self.0.tail()
    }

    fn read_from(&self, _: u64, _: usize) -> Result<Vec<journal::Batch>, JournalError> {
        Ok(Vec::new())
    }
}

#[test]
fn a_follower_whose_journal_has_lost_what_was_written_stops_and_says_so() {
    let place = Place::new();
    place.open_market().stop().unwrap();
    let (follower, seen) = listener("one", None);
    let node = place.start_reading(vec![(follower, &|reader| Box::new(FromNothing(reader)))]).unwrap();
    let failed = || node.handle().status().followers[0].failed.clone();
    wait_until("the follower has said so", || failed().is_some());
    assert_eq!(failed().unwrap(), "the journal does not hold position 1, which was written");
    assert!(seen.lock().unwrap().is_empty());
    node.stop().unwrap();
}
