//! Starting, answering, stopping, starting again.

use crate::place::{Place, must, open_orders, order, request, wait_until};
use engine::ReceiptResult;
use node::Unavailable;
use vocabulary::Amount;

#[test]
fn what_was_acknowledged_is_there_after_a_restart_with_and_without_snapshot() {
    let place = Place::new();
    let node = place.open_market();
    for _ in 0..10 {
        must(&node.handle(), order(None, 1));
    }
    let last = node.handle().durable_position();
    node.stop().unwrap();
    let node = place.start();
    assert_eq!(node.handle().durable_position(), last);
    assert_eq!(open_orders(&node.handle()), (10, Amount(10_000)));
    must(&node.handle(), order(None, 1));
    node.stop().unwrap();
    std::fs::remove_dir_all(place.dir.path().join("snapshots")).unwrap();
    let node = place.start();
    assert_eq!(open_orders(&node.handle()), (11, Amount(11_000)));
    node.stop().unwrap();
}

#[test]
fn snapshots_are_kept_while_the_node_runs() {
    let mut place = Place::new();
    place.config.snapshot_every = 50;
    let node = place.open_market();
    node.handle().submit_all_blocking((0..60).map(|_| request(order(None, 1))).collect()).unwrap();
    let kept = || std::fs::read_dir(place.dir.path().join("snapshots")).map_or(0, Iterator::count);
    wait_until("a snapshot is kept", || kept() > 0);
    node.stop().unwrap();
}

#[test]
fn a_batch_is_answered_in_its_order_and_each_command_has_a_position_of_its_own() {
    let place = Place::new();
    let node = place.open_market();
    let before = node.handle().durable_position();
    let receipts =
        node.handle().submit_all_blocking((0..100).map(|_| request(order(None, 1))).collect()).unwrap();
    let positions: Vec<u64> = receipts.iter().map(|receipt| receipt.position).collect();
    assert_eq!(positions, (before + 1..=before + 100).collect::<Vec<_>>());
    assert!(receipts.iter().all(|receipt| matches!(receipt.result, ReceiptResult::Order(_))));
    node.stop().unwrap();
}

#[test]
fn a_read_sees_what_was_acknowledged_before_it() {
    let place = Place::new();
    let node = place.open_market();
    let receipt = must(&node.handle(), order(None, 5));
    let (position, count) = node.handle().read_blocking(|state| state.trading.order_count()).unwrap();
    assert!(position >= receipt.position);
    assert_eq!(count, 1);
    assert!(node.handle().durable_position() >= position);
    node.stop().unwrap();
}

#[test]
fn stopping_answers_what_was_taken_and_refuses_what_comes_later() {
    let place = Place::new();
    let node = place.open_market();
    let handle = node.handle();
    let waiting = handle.enqueue(vec![request(order(None, 1))]).unwrap();
    node.stop().unwrap();
    assert!(waiting.blocking_recv().unwrap().is_ok());
    assert_eq!(handle.submit_blocking(request(order(None, 1))), Err(Unavailable::Stopping));
}

#[test]
fn fault_14_the_clock_jumps_and_records_keep_their_order_and_the_jumps_are_told() {
    let place = Place::new();
    let node = place.open_market();
    let first = must(&node.handle(), order(None, 1)).position;
    place.clock.jump(-3_600);
    let second = must(&node.handle(), order(None, 1)).position;
    place.clock.jump(7_200);
    let third = must(&node.handle(), order(None, 1)).position;
    assert_eq!((second, third), (first + 1, first + 2), "order is by position");
    assert_eq!(node.handle().status().clock_jumps, 2);
    node.stop().unwrap();
    let mut times = Vec::new();
    let see = |record: engine::Record| {
        if record.moment.position >= first {
            times.push(record.moment.time.0);
        }
        Ok(())
    };
    let reader = store::sqlite::SqliteReader::open(place.dir.path(), 0).unwrap();
    node::follow_journal(&reader, node::journal::Chain::genesis(0), see).unwrap();
    assert_eq!(times[0], times[1], "time stands still while the clock is behind");
    assert!(times[1] < times[2]);
}
