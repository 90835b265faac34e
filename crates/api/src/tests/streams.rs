//! Event streams: who hears what, and what becomes of one that does not listen.

use super::house::{House, order, order_with};
use super::network::served;
use crate::Settings;
use axum::body::Body;
use axum::http::{Method, Request};
use http_body_util::BodyExt;
use node::NodeConfig;
use serde_json::json;
use std::time::Duration;
use tokio::time::timeout;
use tower::ServiceExt;

/// Reads a stream until all of `wanted` have come, and gives everything that came.
async fn hear(
    house: &House,
    user: &str,
    role: &str,
    path: &str,
    wanted: &[&str],
    then: impl Future<Output = ()>,
) -> String {
    let request = Request::get(path).header("authorization", format!("Bearer {}", house.token(user, role)));
    let response = house.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    let mut heard = String::new();
    then.await;
    let read = async {
        while !wanted.iter().all(|wanted| heard.contains(wanted)) {
            let frame = body.frame().await.unwrap().unwrap();
            heard.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    };
    let complete = timeout(Duration::from_secs(5), read).await;
    assert!(complete.is_ok(), "{wanted:?} in {heard}");
    heard
}

#[tokio::test]
async fn a_trader_hears_of_his_own_orders_and_of_all_trades_and_books() {
    let house = House::trading().await;
    let trade = async {
        let sell = order_with(json!({"account": "BOB", "side": "sell"}));
        house.post("bob", "trader", "/trading/orders", sell).await.good();
        house.post("ann", "trader", "/trading/orders", order()).await.good();
    };
    let wanted = ["event: trades\n", "event: book\n", "\"what\":\"executed\""];
    let heard = hear(&house, "ann", "trader", "/trading/stream", &wanted, trade).await;
    assert!(heard.contains("\"account\":\"ANN\"") && !heard.contains("BOB"), "{heard}");
    let lines: Vec<&str> = heard.lines().filter(|line| line.starts_with("data: ")).collect();
    assert!(
        lines.iter().all(|line| serde_json::from_str::<serde_json::Value>(&line[6..]).is_ok()),
        "{heard}"
    );
}

#[tokio::test]
async fn an_office_hears_of_all_orders_and_a_filter_holds() {
    let house = House::trading().await;
    let trade = async {
        house.post("ann", "trader", "/trading/orders", order()).await.good();
        house.post("bob", "trader", "/trading/orders", order_with(json!({"account": "BOB"}))).await.good();
    };
    let heard =
        hear(&house, "w", "auditor", "/trading/stream?channels=orders", &["\"ANN\"", "\"BOB\""], trade).await;
    assert!(!heard.contains("event: book"), "{heard}");
    let cancel = async {
        house.ask("ann", "trader", Method::DELETE, "/trading/orders?account=ANN").await.good();
    };
    let heard = hear(&house, "w", "auditor", "/trading/stream?channels=orders", &["canceled"], cancel).await;
    assert!(heard.contains("\"account\":\"ANN\"") && heard.contains("\"code\":\"requested\""), "{heard}");
    let reply = house.ask("w", "auditor", Method::GET, "/trading/stream?channels=gossip").await;
    assert_eq!(reply.problem(), (400, "request.invalid-query"));
}

#[tokio::test]
async fn risk_hears_alerts() {
    let house = House::trading().await;
    let limit =
        json!({"scope": {"account": "ANN"}, "measure": {"gross_exposure": "EUR"}, "limit": "1000.00"});
    house.office("risk", "/risk/limits", limit).await;
    let place = async {
        house.post("ann", "trader", "/trading/orders", order()).await.good();
    };
    let heard = hear(&house, "r", "risk", "/risk/alerts/stream", &["event: alerts\n"], place).await;
    assert!(heard.contains("\"percent\":80"), "{heard}");
    assert!(heard.contains("\"used\":\"900.00\"") && heard.contains("\"limit\":\"1000.00\""), "{heard}");
}

#[tokio::test]
async fn there_are_only_so_many_streams_and_one_that_ends_makes_room() {
    let house = House::with(Settings { streams_max: 1, ..Settings::default() }, NodeConfig::default());
    let open = || {
        let request = Request::get("/trading/stream")
            .header("authorization", format!("Bearer {}", house.token("a", "trader")));
        house.router.clone().oneshot(request.body(Body::empty()).unwrap())
    };
    let first = open().await.unwrap();
    assert_eq!(first.status(), 200);
    assert_eq!(open().await.unwrap().status(), 503);
    drop(first);
    for _ in 0..100 {
        if open().await.unwrap().status() == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no room is made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_with_the_server() {
    let house = House::trading().await;
    let mut served = served(&house).await;
    let request = format!(
        "GET /trading/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        house.token("ann", "trader")
    );
    let mut stream = tokio::net::TcpStream::connect(served.address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    let mut first = [0; 64];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut first).await.unwrap();
    served.shutdown.take().unwrap().send(()).unwrap();
    timeout(Duration::from_secs(5), served.ended).await.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_16_a_client_that_does_not_read_is_told_that_it_missed_some() {
    let house = House::trading().await;
    let request = Request::get("/trading/stream?channels=orders")
        .header("authorization", format!("Bearer {}", house.token("w", "auditor")));
    let response = house.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let began = std::time::Instant::now();
    for _ in 0..700 {
        house.post("ann", "trader", "/trading/orders", order()).await.good();
    }
    // On a machine so slow that the client's time was over meanwhile, it was cut off before it could be told.
    let was_cut = began.elapsed() >= Duration::from_secs(10);
    let mut body = response.into_body();
    let mut heard = String::new();
    let read = async {
        while let Some(frame) = body.frame().await {
            heard.push_str(std::str::from_utf8(frame.unwrap().data_ref().unwrap()).unwrap());
        }
    };
    timeout(Duration::from_secs(10), read).await.expect("the stream ends");
    let was_told = heard.ends_with("event: lagged\ndata: {}\n\n");
    assert!(was_told || was_cut, "{}", &heard[heard.len() - 200..]);
    assert_eq!(counted(&house, "event_streams_lagged_total").await, 1);
}

/// As many of these as the metric with this name counts.
async fn counted(house: &House, metric: &str) -> u64 {
    let metrics = house.ask("a", "auditor", Method::GET, "/metrics").await.text;
    let line = metrics.lines().find(|line| line.split(' ').next() == Some(metric));
    line.unwrap_or_else(|| panic!("{metric} in {metrics}")).split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn fault_16_a_connection_that_does_not_read_its_stream_is_cut_and_orders_go_on() {
    let house = House::trading().await;
    let served = served(&house).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(served.address).await.unwrap();
    let token = house.token("w", "auditor");
    let request = format!("GET /trading/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    let mut first = [0; 64];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut first).await.unwrap();
    assert_eq!(counted(&house, "event_streams").await, 1);
    let small = order_with(json!({"price": "50.00", "quantity": "1"}));
    let batch = json!({"orders": vec![small; 1_000]});
    // Buffers below the server take some of it; when they are full, only time is missing.
    for _ in 0..15 {
        let placed = house.post("ann", "trader", "/trading/orders/batch", batch.clone()).await.good();
        assert!(placed["results"].as_array().unwrap().iter().all(|result| result["status"] == 201));
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(11)).await;
        tokio::time::resume();
        for _ in 0..50 {
            tokio::time::sleep(Duration::from_millis(2)).await;
            if counted(&house, "event_streams").await == 0 {
                assert_eq!(counted(&house, "event_streams_lagged_total").await, 1);
                return;
            }
        }
    }
    panic!("the stream takes everything");
}
