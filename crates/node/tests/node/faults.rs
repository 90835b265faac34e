//! Failing writes and too much load.

use crate::place::{Append, Place, must, open_orders, order, request, wait_until};
use node::Unavailable;
use tokio::sync::oneshot::error::TryRecvError;

#[test]
fn fault_9_a_full_disk_halts_the_node_and_a_restart_recovers() {
    let place = Place::new();
    let node = place.open_market();
    must(&node.handle(), order(None, 1));
    place.plan(Append::Full);
    let failed = node.handle().submit_blocking(request(order(None, 1)));
    let Err(Unavailable::Halted { why }) = failed else { panic!("{failed:?}") };
    assert!(why.contains("disk full"), "{why}");
    assert!(matches!(
        node.handle().submit_blocking(request(order(None, 1))),
        Err(Unavailable::Halted { .. })
    ));
    assert!(node.handle().status().halted.is_some());
    assert!(node.stop().is_err(), "no snapshot is kept of what was not written");
    place.plan(Append::Works);
    let node = place.start();
    assert_eq!(open_orders(&node.handle()).0, 1, "only what was acknowledged is there");
    must(&node.handle(), order(None, 1));
    node.stop().unwrap();
}

#[test]
fn fault_9_a_write_of_unknown_outcome_is_read_back_and_never_guessed() {
    let place = Place::new();
    let node = place.open_market();
    place.plan(Append::UnknownButDone);
    let done = node.handle().submit_blocking(request(order(None, 1)));
    assert!(done.is_ok(), "it is in the journal, so it is acknowledged: {done:?}");
    wait_until("the node has halted", || node.handle().status().halted.is_some());
    assert!(node.stop().is_err());

    place.plan(Append::UnknownAndLost);
    let node = place.start();
    let lost = node.handle().submit_blocking(request(order(None, 1)));
    assert!(matches!(lost, Err(Unavailable::Halted { .. })), "{lost:?}");
    assert!(node.stop().is_err());

    place.plan(Append::Works);
    let node = place.start();
    assert_eq!(open_orders(&node.handle()).0, 1);
    node.stop().unwrap();
}

#[test]
fn fault_9_nobody_waits_for_ever_for_a_node_that_has_halted() {
    let place = Place::new();
    let node = place.open_market();
    place.plan(Append::Waits);
    // Some in the batch that fails, some in the next one, and some that nobody has looked at yet.
    let handle = node.handle();
    let mut answers: Vec<_> =
        (0..4_000).map(|_| handle.enqueue(vec![request(order(None, 1))]).unwrap()).collect();
    let reading = std::thread::spawn(move || handle.read_blocking(|_| ()));
    place.plan(Append::Full);
    wait_until("all are answered", || {
        answers.retain_mut(|answer| matches!(answer.try_recv(), Err(TryRecvError::Empty)));
        answers.is_empty() && reading.is_finished()
    });
    assert!(matches!(reading.join().unwrap(), Err(Unavailable::Halted { .. })));
    assert!(node.stop().is_err());
}

#[test]
fn fault_15_what_is_too_much_is_turned_away_at_once_and_what_was_taken_is_done() {
    let mut place = Place::new();
    place.open_market().stop().unwrap();
    place.config.waiting_max = 100;
    let node = place.start();
    place.plan(Append::Waits);
    let sent: Vec<_> = (0..1_000).map(|_| node.handle().enqueue(vec![request(order(None, 1))])).collect();
    let (taken, refused): (Vec<_>, Vec<_>) = sent.into_iter().partition(Result::is_ok);
    assert_eq!(taken.len(), 100);
    assert!(refused.iter().all(
        |answer| matches!(answer, Err(Unavailable::Overloaded { retry_after_ms }) if *retry_after_ms > 0)
    ));
    place.plan(Append::Works);
    for answer in taken {
        answer.unwrap().blocking_recv().unwrap().unwrap();
    }
    assert_eq!(open_orders(&node.handle()).0, 100);
    must(&node.handle(), order(None, 1));
    node.stop().unwrap();
}
