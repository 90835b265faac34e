//! Input that nobody means well with, and clients that are slow, at the real server: 4xx with a problem, bounded memory,
//! nothing written, and nobody else held up.

use crate::server::{Server, token};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// What hostile input may cost in memory while it is looked at, and for buffers that stay.
const GROWTH_KIB_MAX: u64 = 128 << 10;

/// Sends these bytes, as far as they are taken, and gives status and problem of the answer.
fn talk(server: &Server, bytes: &[u8]) -> (u16, Value) {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // It may answer and close before it has read all.
    drop(stream.write_all(bytes));
    let mut answer = Vec::new();
    let mut piece = [0; 4_096];
    let body = loop {
        let count = stream.read(&mut piece).unwrap();
        answer.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&answer).into_owned();
        let whole = text.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str(body).ok());
        match whole {
            Some(body) => break body,
            None => assert!(count > 0, "{text:?}"),
        }
    };
    let head = String::from_utf8_lossy(&answer).into_owned();
    assert!(head.contains("content-type: application/problem+json\r\n"), "{head}");
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
}

#[test]
fn fault_16_hostile_requests_are_refused_as_problems_and_cost_little_memory() {
    let (directory, server) = Server::trading();
    let trader = token(directory.path(), "ann", "trader");
    let request = |headers: &str, body: &[u8]| {
        let head = format!(
            "POST /trading/orders HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {trader}\r\n{headers}\r\n"
        );
        [head.as_bytes(), body].concat()
    };
    let json = |body: &[u8]| {
        request(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()), body)
    };
    let typed = |kind: &str| request(&format!("content-type: {kind}\r\ncontent-length: 2\r\n"), b"{}");
    let header = |bytes: usize| format!("x-filler: {}\r\n", "y".repeat(bytes));
    let chunk = format!("8000\r\n{}\r\n", " ".repeat(0x8000));
    let chunked = "content-type: application/json\r\ntransfer-encoding: chunked\r\n";
    let huge = "content-type: application/json\r\ncontent-length: 99999999999\r\n";
    let (malformed, too_large) = ("request.malformed-json", "request.body-too-large");
    let cases: [(&str, Vec<u8>, u16, &str); 13] = [
        ("64 KiB of headers", request(&header(64 << 10), b""), 431, "request.headers-too-large"),
        ("1 MiB of headers", request(&header(1 << 20), b""), 431, "request.headers-too-large"),
        (
            "a long address",
            b"GET /trading/orders?x="
                .iter()
                .copied()
                .chain([b'y'; 9_000])
                .chain(b" HTTP/1.1\r\nhost: x\r\n\r\n".iter().copied())
                .collect(),
            414,
            "request.uri-too-long",
        ),
        ("deep JSON", json(&[b'['; 60_000]), 400, malformed),
        ("deep objects", json("{\"a\":".repeat(10_000).as_bytes()), 400, malformed),
        ("huge JSON", json(&vec![b' '; 10 << 20]), 413, too_large),
        ("huge JSON announced", request(huge, b"{"), 413, too_large),
        ("huge JSON in chunks", request(chunked, chunk.repeat(300).as_bytes()), 413, too_large),
        ("XML", typed("application/xml"), 415, "request.unsupported-media-type"),
        ("a form", typed("application/x-www-form-urlencoded"), 415, "request.unsupported-media-type"),
        ("invalid UTF-8", json(b"{\"account\": \"A\xff\xfe\"}"), 400, malformed),
        ("an unfinished escape", json(b"{\"account\": \"\\ud800\"}"), 400, "request.invalid-field"),
        (
            "no HTTP",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(),
            400,
            "request.malformed-http",
        ),
    ];
    let (position, before_kib) = (server.position(), server.memory_kib("VmRSS"));
    for round in 0..8 {
        for (what, bytes, status, code) in &cases {
            let (answered, problem) = talk(&server, bytes);
            assert_eq!((answered, problem["code"].as_str()), (*status, Some(*code)), "{what}: {problem}");
            assert_eq!(problem["status"], *status, "{what}");
        }
        assert_eq!(server.position(), position, "nothing is written, round {round}");
    }
    let growth_kib = server.memory_kib("VmHWM").saturating_sub(before_kib);
    assert!(growth_kib < GROWTH_KIB_MAX, "{growth_kib} KiB");
    assert_eq!(server.post(&trader, "/trading/orders", &Server::order("c-1")).unwrap().0, 201);
}

/// How many connections the test may hold open: half of what the system gives a process, for the server has a side of
/// each as well, under the same limit.
fn connections_max() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let soft: usize = line.split_whitespace().nth(3).unwrap().parse().unwrap_or(usize::MAX);
    (soft / 2).min(2_000)
}

#[test]
fn fault_15_thousands_of_connections_that_never_finish_their_heads_cost_little_memory() {
    let (directory, mut server) = Server::trading();
    let trader = token(directory.path(), "ann", "trader");
    let before_kib = server.memory_kib("VmRSS");
    let head = format!("GET /trading/orders HTTP/1.1\r\nhost: x\r\nx-filler: {}", "y".repeat(15 << 10));
    let open = |_| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let held: Vec<TcpStream> = (0..connections_max()).map(open).collect();
    for number in 0..100 {
        let placed = server.post(&trader, "/trading/orders", &Server::order(&format!("c-{number}"))).unwrap();
        assert_eq!(placed.0, 201, "{}", placed.1);
    }
    let growth_kib = server.memory_kib("VmHWM").saturating_sub(before_kib);
    assert!(growth_kib < GROWTH_KIB_MAX, "{growth_kib} KiB for {} connections", held.len());
    drop(held);
    assert_eq!(server.list(&trader, "/trading/orders").len(), 100);
    assert_eq!(server.terminate(), Some(0), "none of them keeps it from ending");
}

/// Nobody has asked who sends them: a body is read before its token is looked at.
#[test]
fn fault_16_hundreds_of_large_bodies_that_never_end_cost_little_memory() {
    let (directory, mut server) = Server::trading();
    let trader = token(directory.path(), "ann", "trader");
    let before_kib = server.memory_kib("VmRSS");
    let size = (1 << 20) - 1;
    let head = format!(
        "POST /trading/orders/batch HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        size + 1
    );
    let body = [head.as_bytes(), &vec![b' '; size]].concat();
    let send = || {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
        // Most are turned away before all of it is sent.
        drop(stream.write_all(&body));
        stream
    };
    let held: Vec<TcpStream> = std::thread::scope(|scope| {
        let senders: Vec<_> =
            (0..8).map(|_| scope.spawn(|| (0..50).map(|_| send()).collect::<Vec<_>>())).collect();
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
    });
    for number in 0..100 {
        let placed = server.post(&trader, "/trading/orders", &Server::order(&format!("c-{number}"))).unwrap();
        assert_eq!(placed.0, 201, "a small body is let in: {}", placed.1);
    }
    let growth_kib = server.memory_kib("VmHWM").saturating_sub(before_kib);
    assert!(growth_kib < 2 * GROWTH_KIB_MAX, "{growth_kib} KiB");
    drop(held);
    let batch = json!({"orders": vec![Server::order("batch"); 1]}).to_string();
    let deadline = Instant::now() + Duration::from_secs(30);
    while server.exchange(&trader, "/trading/orders/batch", &batch).0 != 200 {
        assert!(Instant::now() < deadline, "no batch is let in afterwards");
    }
    assert_eq!(server.terminate(), Some(0));
}

/// What the metrics say of this gauge.
fn gauge(server: &Server, auditor: &str, name: &str) -> u64 {
    let (_, metrics) = server.get(auditor, "/metrics");
    let line = metrics.as_str().unwrap().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

#[test]
fn fault_16_readers_of_streams_who_never_read_are_cut_off_and_cost_little_memory() {
    let (directory, mut server) = Server::trading();
    let trader = token(directory.path(), "ann", "trader");
    let auditor = token(directory.path(), "auditor-1", "auditor");
    let request =
        format!("GET /trading/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {trader}\r\n\r\n");
    let open = |_| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        // The answer has begun: it is listening.
        stream.read_exact(&mut [0]).unwrap();
        stream
    };
    let order = json!({"account": "ANN", "instrument": "ACME", "side": "buy", "price": "1.00", "quantity": "1",
                       "time_in_force": "immediate_or_cancel"});
    let batch = json!({"orders": vec![order; 1_000]});
    let deadline = Instant::now() + Duration::from_secs(120);
    let place = || {
        let (status, placed) = server.post(&trader, "/trading/orders/batch", &batch).unwrap();
        assert_eq!(status, 200, "{placed}");
        // What waits for the views is not what is weighed here.
        let orders = format!("/trading/orders?limit=1&at_least={}", placed["position"]);
        while server.get(&trader, &orders).0 != 200 {
            assert!(Instant::now() < deadline, "the views do not catch up");
        }
    };
    // Nor is what the work itself takes.
    (0..20).for_each(|_| place());
    let before_kib = server.memory_kib("VmHWM");
    let readers: Vec<TcpStream> = (0..8).map(open).collect();
    assert_eq!(gauge(&server, &auditor, "event_streams"), 8);
    // What the system keeps for each connection is filled long before, whatever its size.
    while gauge(&server, &auditor, "event_streams") > 0 {
        assert!(Instant::now() < deadline, "they are not cut off");
        place();
    }
    let growth_kib = server.memory_kib("VmHWM").saturating_sub(before_kib);
    assert!(growth_kib < 2 * GROWTH_KIB_MAX, "{growth_kib} KiB");
    assert_eq!(server.post(&trader, "/trading/orders", &Server::order("c-1")).unwrap().0, 201);
    drop(readers);
    assert_eq!(server.terminate(), Some(0));
}

/// How long the server bears each of them before it cuts it off is tested where its patience can be set.
#[test]
fn fault_16_slow_clients_and_readers_hold_up_nobody_and_cost_little_memory() {
    let (directory, mut server) = Server::trading();
    let trader = token(directory.path(), "ann", "trader");
    let before_kib = server.memory_kib("VmRSS");
    let open = |bytes: &str| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        stream
    };
    let stream = format!("GET /trading/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {trader}\r\n\r\n");
    let body = "POST /trading/orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 60000\r\n\r\n";
    let mut slow: Vec<TcpStream> = (0..300).map(|_| open("G")).collect();
    slow.extend((0..100).map(|_| open(body)));
    let readers: Vec<TcpStream> = (0..50).map(|_| open(&stream)).collect();
    for number in 0..200 {
        // A byte more from each now and then: they are slow, not gone.
        if number % 20 == 0 {
            slow.iter_mut().for_each(|stream| drop(stream.write_all(b" ")));
        }
        let placed = server.post(&trader, "/trading/orders", &Server::order(&format!("c-{number}"))).unwrap();
        assert_eq!(placed.0, 201, "{}", placed.1);
    }
    assert_eq!(server.list(&trader, "/trading/orders").len(), 200);
    let growth_kib = server.memory_kib("VmHWM").saturating_sub(before_kib);
    assert!(growth_kib < GROWTH_KIB_MAX, "{growth_kib} KiB");
    drop((slow, readers));
    assert_eq!(server.terminate(), Some(0), "none of them keeps it from ending");
}
