//! A node driven step by step does what one with threads does, and nothing by itself.

use crate::followers::listener;
use crate::place::{AS_IT_IS, Append, Place, id, order, request};
use engine::{Command, ReceiptResult, Request};
use node::{Batch, Follower, FollowerError, Live, SteppedNode, Unavailable};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use vocabulary::CorrelationId;

fn stepped(place: &Place) -> SteppedNode {
    SteppedNode::new(&place.config, place.parts(Vec::new())).unwrap()
}

#[test]
fn an_order_is_decided_then_durable_then_answered_then_followed() {
    let place = Place::new();
    place.open_market().stop().unwrap();
    let (follower, seen) = listener("one", None);
    let mut node = SteppedNode::new(&place.config, place.parts(vec![(follower, AS_IT_IS)])).unwrap();
    while node.follow() {}
    let history = seen.lock().unwrap().len();
    let mut answer = node.handle().enqueue(vec![request(order(None, 1))]).unwrap();
    node.decide();
    assert!(node.has_decided() && answer.try_recv().is_err(), "decided, and nobody knows");
    assert_eq!(node.engine().state().trading.order_count(), 1);
    assert!(node.commit());
    let receipts = answer.try_recv().unwrap().unwrap();
    assert!(matches!(receipts[0].result, ReceiptResult::Order(_)));
    assert_eq!(seen.lock().unwrap().len(), history, "followers have steps of their own");
    assert!(node.follow());
    assert_eq!(seen.lock().unwrap().last(), Some(&receipts[0].position));
    assert!(!node.follow(), "nothing more");
}

#[test]
fn what_was_decided_and_not_written_is_gone_after_a_crash_and_the_rest_is_there() {
    let place = Place::new();
    place.open_market().stop().unwrap();
    let mut node = stepped(&place);
    let ask = |node: &SteppedNode| node.handle().enqueue(vec![request(order(None, 1))]).unwrap();
    let mut first = ask(&node);
    node.decide();
    assert!(node.commit());
    first.try_recv().unwrap().unwrap();
    node.snapshot().unwrap();
    let _second = ask(&node);
    node.decide();
    assert_eq!(node.engine().state().trading.order_count(), 2);
    drop(node);
    let node = stepped(&place);
    assert_eq!(node.engine().state().trading.order_count(), 1);
}

#[test]
fn every_step_of_long_work_hangs_on_the_thread_of_the_request_that_began_it() {
    let place = Place::new();
    place.open_market().stop().unwrap();
    let mut node = stepped(&place);
    let carry_on = |node: &mut SteppedNode| {
        while node.decide() || node.has_decided() {
            assert!(node.commit());
        }
    };
    let orders = (0..1_200).map(|_| request(order(None, 1))).collect();
    drop(node.handle().enqueue(orders).unwrap());
    carry_on(&mut node);
    let mut batches = node.handle().subscribe();
    let scope = trading::Scope::Account(id("ANN"));
    let cancel = Command::Trading(trading::Command::CancelAll { scope });
    let correlation = CorrelationId(0xc0de);
    drop(node.handle().enqueue(vec![Request { correlation, ..request(cancel) }]).unwrap());
    carry_on(&mut node);
    assert_eq!(node.engine().state().trading.order_count(), 0);
    let mut steps = 0;
    while let Some(Live::Batch(batch)) = batches.try_next() {
        for record in batch.iter() {
            assert_eq!(record.request.correlation, correlation, "{record:?}");
            steps += 1;
        }
    }
    assert!(steps > 2, "1,200 orders are more than one record takes out: {steps}");
}

#[test]
fn fault_9_after_a_write_that_failed_it_takes_nothing_more() {
    let place = Place::new();
    place.open_market().stop().unwrap();
    let mut node = stepped(&place);
    let mut answer = node.handle().enqueue(vec![request(order(None, 1))]).unwrap();
    node.decide();
    place.plan(Append::Full);
    assert!(!node.commit());
    assert!(matches!(answer.try_recv().unwrap(), Err(Unavailable::Halted { .. })));
    assert!(matches!(node.handle().enqueue(vec![request(order(None, 1))]), Err(Unavailable::Halted { .. })));
}

/// Fails the first time, and never again.
struct FailsOnce {
    asked: Arc<AtomicUsize>,
}

impl Follower for FailsOnce {
    fn name(&self) -> &'static str {
        "fails once"
    }

    fn next_position(&self) -> u64 {
        1
    }

    fn follow(&mut self, _: &[Batch]) -> Result<(), FollowerError> {
        if self.asked.fetch_add(1, Ordering::Relaxed) == 0 {
            Err("a poisoned message".into())
        } else {
            Ok(())
        }
    }
}

#[test]
fn fault_12_a_follower_that_failed_is_not_asked_again() {
    let place = Place::new();
    place.open_market().stop().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let follower = Box::new(FailsOnce { asked: Arc::clone(&asked) });
    let mut node = SteppedNode::new(&place.config, place.parts(vec![(follower, AS_IT_IS)])).unwrap();
    assert!(!node.follow());
    assert!(!node.follow());
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let status = node.handle().status().followers;
    assert_eq!(status[0].failed.as_deref(), Some("a poisoned message"));
}
