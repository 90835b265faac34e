//! More than the server takes, at the real server: bounded memory, refusals that say when to come back, and everything
//! that was taken is done.

use crate::server::{Server, token};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Orders of one request.
const BATCH: usize = 1_000;
/// Requests of that size whose orders may wait at once: 20,000 commands.
const CAPACITY: usize = 20;
/// What the server may need at its peak, mostly for 70,000 open orders and their way to followers.
const PEAK_KIB_MAX: u64 = 1 << 20;

/// One answer of a wave: its status and code, and when it came.
struct Answer {
    status: u16,
    code: String,
    came: Instant,
}

fn ask(server: &Server, token: &str, body: &str) -> Answer {
    let (status, headers, answer) = server.exchange(token, "/trading/orders/batch", body);
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default();
    if status == 200 {
        let results = answer["results"].as_array().unwrap();
        assert_eq!(results.len(), BATCH);
        assert!(results.iter().all(|result| result["status"] == 201), "what is taken is done");
    } else {
        assert_eq!(header("content-type"), "application/problem+json", "{answer}");
        let seconds: u32 = header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    Answer { status, code: answer["code"].as_str().unwrap_or_default().to_owned(), came: Instant::now() }
}

/// So many times what the server takes at once; every client sends one request. Gives how many were taken.
fn wave(server: &Server, token: &str, times: usize, body: &str) -> usize {
    let before = server.position();
    let mut answers: Vec<Answer> = std::thread::scope(|scope| {
        let sent: Vec<_> = (0..times * CAPACITY).map(|_| scope.spawn(|| ask(server, token, body))).collect();
        sent.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    answers.sort_by_key(|answer| answer.came);
    let mut kinds: BTreeMap<(u16, &str), usize> = BTreeMap::new();
    answers.iter().for_each(|answer| *kinds.entry((answer.status, &answer.code)).or_default() += 1);
    let known = [(200, ""), (429, "rate.exceeded"), (503, "node.overloaded")];
    assert!(kinds.keys().all(|kind| known.contains(kind)), "{kinds:?}");
    let taken = kinds[&(200, "")];
    assert!(taken >= CAPACITY, "{times} times the capacity still gets the capacity: {kinds:?}");
    assert!(taken < times * CAPACITY, "{times} times the capacity is too much: {kinds:?}");
    let refused: Vec<&Answer> = answers.iter().filter(|answer| answer.status != 200).collect();
    let last_taken = answers.iter().rfind(|answer| answer.status == 200).unwrap();
    assert!(refused[refused.len() / 2].came < last_taken.came, "refusals do not wait for what was taken");
    let written = server.position() - before;
    assert_eq!(written, (taken * BATCH) as u64, "what was taken is on record, and nothing else");
    taken
}

#[test]
fn fault_15_at_2_5_and_10_times_capacity_what_is_too_much_is_refused_and_the_rest_is_done() {
    let (directory, mut server) = Server::trading();
    let trader = token(directory.path(), "ann", "trader");
    let order =
        json!({"account": "ANN", "instrument": "ACME", "side": "buy", "price": "0.01", "quantity": "1"});
    let body = json!({"orders": vec![order.clone(); BATCH]}).to_string();
    for times in [2, 5, 10] {
        wave(&server, &trader, times, &body);
        assert_eq!(server.get("", "/readyz").0, 200);
        let (status, answer) = server.post(&trader, "/trading/orders", &order).unwrap();
        assert_eq!(status, 201, "afterwards it answers as before: {answer}");
        // So that the next wave meets the bound of the node, the trader's own rate is to be full again.
        std::thread::sleep(Duration::from_secs(1));
    }
    let peak_kib = server.memory_kib("VmHWM");
    assert!(peak_kib < PEAK_KIB_MAX, "{peak_kib} KiB");
    let said = server.log();
    assert!(
        !said.contains("a request failed"),
        "a flood of refusals is counted, and no flood of lines: {said}"
    );
    assert_eq!(server.terminate(), Some(0));
}
