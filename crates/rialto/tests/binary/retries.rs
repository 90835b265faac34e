//! The same request again, over HTTP: one effect, and everybody gets its answer.

use crate::server::{Server, token};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

const ORDERS: &str = "/trading/orders";

/// What a retry must repeat: all but the thread it hangs on.
fn without_correlation(mut answer: Value) -> String {
    answer.as_object_mut().unwrap().remove("correlation");
    answer.to_string()
}

#[test]
fn fault_1_a_server_killed_between_commit_and_reply_answers_the_retry_with_the_one_effect() {
    let (directory, mut server) = Server::trading();
    let trader = token(directory.path(), "ann", "trader");
    for (key, client_order_id) in [("key-1", None), ("key-2", Some("c-1"))] {
        let mut order = Server::order("");
        match client_order_id {
            Some(id) => order["client_order_id"] = json!(id),
            None => drop(order.as_object_mut().unwrap().remove("client_order_id")),
        }
        let (before, body) = (server.position(), order.to_string());
        // The reply is never read: to the client it is as if it had not been sent.
        let mut connection = TcpStream::connect(server.address()).unwrap();
        let request = format!(
            "POST {ORDERS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {trader}\r\nidempotency-key: {key}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        connection.write_all(request.as_bytes()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while server.position() == before {
            assert!(Instant::now() < deadline, "the order is not committed");
            std::thread::sleep(Duration::from_micros(200));
        }
        server.kill();
        drop(connection);
        server = Server::start(directory.path());
        assert_eq!(server.position(), before + 1, "it was committed, once");
        let retry = || server.keyed(&trader, Some(key), "POST", ORDERS, Some(&body));
        let (status, answer) = retry();
        assert_eq!((status, answer["position"].as_u64()), (201, Some(before + 1)), "{answer}");
        assert_eq!(without_correlation(retry().1), without_correlation(answer.clone()));
        if client_order_id.is_some() {
            let (_, other) = server.request(&trader, "POST", ORDERS, Some(&body));
            assert_eq!(other["order"], answer["order"], "the client order id alone does as well");
        }
        assert_eq!(server.position(), before + 1, "no retry has written anything");
    }
    assert_eq!(server.list(&trader, ORDERS).len(), 2);
}

#[test]
fn fault_2_fifty_concurrent_requests_are_one_order_and_all_get_its_answer() {
    let (directory, server) = Server::trading();
    let trader = token(directory.path(), "ann", "trader");
    let mut without_id = Server::order("");
    without_id.as_object_mut().unwrap().remove("client_order_id");
    for (key, order) in [(Some("key"), without_id), (None, Server::order("c-1"))] {
        let (before, body) = (server.position(), order.to_string());
        let send = || server.keyed(&trader, key, "POST", ORDERS, Some(&body));
        let answers: Vec<(u16, Value)> = std::thread::scope(|scope| {
            let sent: Vec<_> = (0..50).map(|_| scope.spawn(send)).collect();
            sent.into_iter().map(|sender| sender.join().unwrap()).collect()
        });
        assert!(answers.iter().all(|(status, _)| *status == 201), "{answers:?}");
        let different: BTreeSet<String> =
            answers.into_iter().map(|(_, answer)| without_correlation(answer)).collect();
        assert_eq!(different.len(), 1, "{different:?}");
        assert_eq!(server.position(), before + 1, "one execution is on record");
    }
    assert_eq!(server.list(&trader, ORDERS).len(), 2);
}

/// "Nothing written" is about what the request was for: that somebody was refused is itself a record, for the audit.
#[test]
fn fault_3_the_same_key_with_another_payload_is_422_and_changes_no_order_no_balance_and_no_event() {
    let (directory, server) = Server::trading();
    let trader = token(directory.path(), "ann", "trader");
    let post = |key: Option<&str>, order: &Value| {
        server.keyed(&trader, key, "POST", ORDERS, Some(&order.to_string()))
    };
    let first = Server::order("c-1");
    let (status, answer) = post(Some("key"), &first);
    assert_eq!(status, 201, "{answer}");
    let state = || (server.list(&trader, ORDERS), server.list(&trader, "/trading/accounts/ANN/balances"));
    let before = (state(), server.position());

    let mut under_key = Server::order("c-2");
    under_key["quantity"] = json!("2");
    let (status, refusal) = post(Some("key"), &under_key);
    assert_eq!((status, &refusal["code"]), (422, &json!("node.idempotency-key-reused")), "{refusal}");
    let mut under_id = first.clone();
    under_id["price"] = json!("2.00");
    let (status, refusal) = post(None, &under_id);
    assert_eq!((status, &refusal["code"]), (422, &json!("trading.client-order-id-reused")), "{refusal}");

    assert_eq!(state(), before.0, "orders and balances are as they were");
    let (status, found) = server.get(&trader, &format!("{ORDERS}/{}/trace", answer["order"]));
    let traced = found.to_string();
    assert_eq!((status, traced.contains("OrderRejected")), (200, false), "{traced}");
    let lines = server.audit_lines(before.1 + 1..=server.position());
    assert_eq!(lines.len(), 2, "both refusals are on record");
    for line in lines {
        assert_eq!((&line["outcome"], &line["events"]), (&json!("refused"), &json!({})), "{line}");
    }
    for key in [Some("key"), None] {
        let (status, again) = post(key, &first);
        assert_eq!((status, &again["order"]), (201, &answer["order"]), "the first content stands");
    }
}
