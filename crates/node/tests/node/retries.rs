//! The same command again: one effect, and the answer of the first.

use crate::place::{Place, must, open_orders, order, request};
use engine::{CommandId, ReceiptResult, Refusal, Request};
use vocabulary::CorrelationId;

fn keyed(key: u128, quantity: i64) -> Request {
    Request { command_id: Some(CommandId(CorrelationId(key))), ..request(order(None, quantity)) }
}

#[test]
fn fault_1_a_retry_gets_the_stored_answer_also_after_a_restart() {
    let place = Place::new();
    let node = place.open_market();
    let first = node.handle().submit_blocking(keyed(1, 5)).unwrap();
    assert_eq!(node.handle().submit_blocking(keyed(1, 5)).unwrap(), first);
    let by_client = must(&node.handle(), order(Some("C-1"), 3));
    node.stop().unwrap();
    let node = place.start();
    assert_eq!(node.handle().submit_blocking(keyed(1, 5)).unwrap(), first);
    assert_eq!(must(&node.handle(), order(Some("C-1"), 3)), by_client);
    assert_eq!(open_orders(&node.handle()).0, 2);
    node.stop().unwrap();
}

#[test]
fn fault_2_fifty_at_once_with_one_key_or_client_order_id_are_one_order() {
    let place = Place::new();
    let node = place.open_market();
    for by_key in [true, false] {
        let send = |handle: node::NodeHandle| {
            let request = if by_key { keyed(2, 1) } else { request(order(Some("C-2"), 1)) };
            std::thread::spawn(move || handle.submit_blocking(request).unwrap())
        };
        let senders: Vec<_> = (0..50).map(|_| send(node.handle())).collect();
        let answers: Vec<_> = senders.into_iter().map(|sender| sender.join().unwrap()).collect();
        assert!(answers.iter().all(|answer| *answer == answers[0]), "all get the answer of the one");
    }
    assert_eq!(open_orders(&node.handle()).0, 2);
    node.stop().unwrap();
}

#[test]
fn fault_3_the_same_key_with_other_content_is_refused_and_changes_nothing() {
    let place = Place::new();
    let node = place.open_market();
    let first = node.handle().submit_blocking(keyed(3, 1)).unwrap();
    let other = node.handle().submit_blocking(keyed(3, 2)).unwrap();
    let refused = ReceiptResult::Refused(Refusal::IdempotencyKeyReused { position: first.position });
    assert_eq!(other.result, refused);
    assert_eq!(node.handle().submit_blocking(keyed(3, 1)).unwrap(), first, "the first one still holds");
    must(&node.handle(), order(Some("C-3"), 1));
    let other = node.handle().submit_blocking(request(order(Some("C-3"), 2))).unwrap();
    let ReceiptResult::Refused(refusal) = other.result else { panic!("{other:?}") };
    assert_eq!(refusal.code(), "trading.client-order-id-reused");
    assert_eq!(open_orders(&node.handle()).0, 2);
    node.stop().unwrap();
}
