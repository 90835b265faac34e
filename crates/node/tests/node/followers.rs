//! Followers see everything once and in order, and none of them can stop another.

use crate::place::{Place, must, order, request, wait_until};
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

fn listener(name: &'static str, fails_at: Option<u64>) -> (Box<dyn Follower>, Arc<Mutex<Vec<u64>>>) {
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
