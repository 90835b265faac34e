//! Over a real connection: what is not HTTP, slow clients, graceful shutdown.

use super::house::{House, order};
use crate::{Settings, serve};
use node::NodeConfig;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

pub(super) struct Served {
    pub(super) address: SocketAddr,
    pub(super) shutdown: Option<oneshot::Sender<()>>,
    pub(super) ended: JoinHandle<std::io::Result<()>>,
}

pub(super) async fn served(house: &House) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (shutdown, told) = oneshot::channel();
    let router = house.router.clone();
    let ended = tokio::spawn(serve(listener, router, async {
        drop(told.await);
    }));
    Served { address, shutdown: Some(shutdown), ended }
}

/// Sends these bytes and reads until the other side closes or nothing comes.
async fn talk(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may close before it has read all.
    drop(stream.write_all(bytes).await);
    let mut answer = Vec::new();
    drop(timeout(Duration::from_millis(700), stream.read_to_end(&mut answer)).await);
    String::from_utf8_lossy(&answer).into_owned()
}

fn problem(answer: &str) -> (u16, String) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    assert!(head.contains("content-type: application/problem+json"), "{answer}");
    let body: Value = serde_json::from_str(body).unwrap();
    assert!(head.contains(&format!("x-correlation-id: {}", body["instance"].as_str().unwrap())));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn fault_16_what_is_not_http_or_too_large_is_refused_as_a_problem() {
    let house = House::open();
    let served = served(&house).await;
    let many: String = (0..150).map(|n| format!("x-{n}: y\r\n")).collect();
    let head = |extra: &str| format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{extra}\r\n");
    let cases = [
        (b"nonsense\r\n\r\n".to_vec(), 400, "request.malformed-http"),
        (head("bad header\r\n").into_bytes(), 400, "request.malformed-http"),
        (head(&many).into_bytes(), 431, "request.headers-too-large"),
        (head(&format!("x: {}\r\n", "y".repeat(64 * 1024))).into_bytes(), 431, "request.headers-too-large"),
        (head(&format!("x: {}\r\n", "y".repeat(400 * 1024))).into_bytes(), 431, "request.headers-too-large"),
        (
            format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(20_000)).into_bytes(),
            404,
            "request.not-found",
        ),
    ];
    for (bytes, status, code) in cases {
        let answer = talk(served.address, &bytes).await;
        assert_eq!(
            problem(&answer),
            (status, code.to_owned()),
            "{}",
            String::from_utf8_lossy(&bytes[..40.min(bytes.len())])
        );
    }
    assert!(talk(served.address, head("").as_bytes()).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn fault_16_a_body_that_does_not_come_is_not_waited_for_without_end() {
    let settings = Settings { body_timeout: Duration::from_millis(100), ..Settings::default() };
    let house = House::with(settings, NodeConfig::default());
    let served = served(&house).await;
    let head = "POST /trading/orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{";
    assert_eq!(problem(&talk(served.address, head.as_bytes()).await), (408, "request.timeout".to_owned()));
    let large = head.replace("content-length: 50", "content-length: 99999999");
    assert_eq!(
        problem(&talk(served.address, large.as_bytes()).await),
        (413, "request.body-too-large".to_owned())
    );
    let chunked =
        head.replace("content-length: 50", "transfer-encoding: chunked").replace("\r\n\r\n{", "\r\n\r\n");
    let endless = format!("{chunked}{}", format!("8000\r\n{}\r\n", " ".repeat(0x8000)).repeat(4));
    assert_eq!(
        problem(&talk(served.address, endless.as_bytes()).await),
        (413, "request.body-too-large".to_owned())
    );
}

/// Whoever sends them is not known yet, and may be many.
#[tokio::test]
async fn fault_15_unfinished_bodies_have_one_budget_and_give_it_back() {
    let settings = Settings { bodies_size_max: 300_000, ..Settings::default() };
    let house = House::with(settings, NodeConfig::default());
    let served = served(&house).await;
    let head = "POST /trading/orders/batch HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n";
    let some = format!("{head}{}", " ".repeat(250_000));
    let mut first = TcpStream::connect(served.address).await.unwrap();
    first.write_all(some.as_bytes()).await.unwrap();
    // What has been read of it cannot be seen from here: another one is turned away when it has.
    let overloaded = (503, "gateway.overloaded".to_owned());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    let mut turned_away = false;
    while !turned_away {
        assert!(tokio::time::Instant::now() < deadline, "no second body is turned away");
        let answer = talk(served.address, format!("{head}{}", " ".repeat(100_000)).as_bytes()).await;
        turned_away = answer.starts_with("HTTP") && problem(&answer) == overloaded;
    }
    drop(first);
    let whole = format!("{}{}", head.replace("1000000", "200000"), " ".repeat(200_000));
    let mut last = String::new();
    while !last.contains("request.malformed-json") {
        assert!(tokio::time::Instant::now() < deadline, "the budget is not given back: {last}");
        last = talk(served.address, whole.as_bytes()).await;
    }
}

/// Sends the bytes one by one, with so much time between them, until the other side closes; gives what it said.
async fn drip(address: SocketAddr, bytes: &[u8], pause: Duration) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut answer, mut read) = (Vec::new(), [0; 1_024]);
    for byte in bytes {
        // It may be closed by now, which reading tells as well.
        drop(stream.write_all(&[*byte]).await);
        match timeout(pause, stream.read(&mut read)).await {
            Ok(Ok(0) | Err(_)) => return Some(String::from_utf8_lossy(&answer).into_owned()),
            Ok(Ok(count)) => answer.extend_from_slice(&read[..count]),
            Err(_) => {}
        }
    }
    None
}

/// The answer to a good request, whose end is that of the connection.
async fn healthy(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// The clock of the test runs as fast as there is nothing to do.
#[tokio::test(start_paused = true)]
async fn fault_16_a_head_that_comes_byte_by_byte_is_cut_off_and_others_are_answered() {
    let house = House::open();
    let served = served(&house).await;
    let head = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: {}\r\n\r\n", "y".repeat(500));
    let began = tokio::time::Instant::now();
    let slow = tokio::spawn(drip(served.address, head.clone().leak().as_bytes(), Duration::from_secs(1)));
    for _ in 0..10 {
        assert!(healthy(served.address).await.starts_with("HTTP/1.1 200"));
    }
    assert!(slow.await.unwrap().is_some(), "the server waits for all of {} bytes", head.len());
    assert!(began.elapsed() < Duration::from_secs(120), "{:?}", began.elapsed());
    assert!(healthy(served.address).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn fault_16_a_body_that_comes_byte_by_byte_is_408_and_others_are_answered() {
    let settings = Settings { body_timeout: Duration::from_millis(300), ..Settings::default() };
    let house = House::with(settings, NodeConfig::default());
    let served = served(&house).await;
    let head = "POST /trading/orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n";
    let bytes: &[u8] = format!("{head}{}", " ".repeat(9_999)).leak().as_bytes();
    let slow = tokio::spawn(drip(served.address, bytes, Duration::from_millis(10)));
    assert!(healthy(served.address).await.starts_with("HTTP/1.1 200"));
    let answer = slow.await.unwrap().expect("it is cut off");
    assert_eq!(problem(&answer), (408, "request.timeout".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_answers_what_is_in_progress_and_takes_nothing_new() {
    let house = House::trading().await;
    let mut served = served(&house).await;
    let (address, body) = (served.address, order().to_string());
    let request = format!(
        "POST /trading/orders HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        house.token("ann", "trader"),
        body.len()
    );
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(request.as_bytes()).await.unwrap();
    let mut idle = TcpStream::connect(address).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    served.shutdown.take().unwrap().send(()).unwrap();
    sleep(Duration::from_millis(50)).await;
    assert!(TcpStream::connect(address).await.is_err(), "nothing new is taken");
    slow.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let mut rest = Vec::new();
    assert_eq!(idle.read_to_end(&mut rest).await.unwrap(), 0, "an idle connection is closed");
    timeout(Duration::from_secs(5), served.ended).await.unwrap().unwrap().unwrap();
}
