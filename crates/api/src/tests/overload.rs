//! Too much of everything (fault 15): fast refusals that say when to come back, and nothing lost.

use super::house::{House, order};
use crate::{Rate, Settings};
use axum::body::Body;
use axum::http::{Method, Request};
use node::NodeConfig;
use serde_json::json;

#[tokio::test]
async fn fault_15_one_who_is_too_fast_waits_and_the_others_do_not() {
    let settings = Settings { rate: Rate { per_second: 1, burst: 40 }, ..Settings::default() };
    let house = House::with(settings, NodeConfig::default());
    house.open_market().await;
    let mut refused = 0;
    for _ in 0..60 {
        let reply = house.post("ann", "trader", "/trading/orders", order()).await;
        if reply.status == 429 {
            assert_eq!(reply.problem(), (429, "rate.exceeded"));
            assert!(reply.header("retry-after").parse::<u32>().unwrap() >= 1);
            refused += 1;
        }
    }
    assert!(refused >= 18, "{refused}");
    assert_eq!(house.ask("bob", "trader", Method::GET, "/trading/assets").await.status, 200);
}

#[tokio::test]
async fn a_batch_costs_what_its_orders_cost() {
    let settings = Settings { rate: Rate { per_second: 1, burst: 40 }, ..Settings::default() };
    let house = House::with(settings, NodeConfig::default());
    house.open_market().await;
    let batch = json!({"orders": vec![order(); 40]});
    house.post("ann", "trader", "/trading/orders/batch", batch.clone()).await.good();
    assert_eq!(
        house.post("ann", "trader", "/trading/orders/batch", batch).await.problem(),
        (429, "rate.exceeded")
    );
}

#[tokio::test]
async fn fault_15_a_full_node_answers_503_and_when_to_come_back() {
    let house = House::with(Settings::default(), NodeConfig { waiting_max: 4, ..NodeConfig::default() });
    house.open_market().await;
    let sent: Vec<_> =
        (0..200).map(|_| tokio::spawn(house.post("ann", "trader", "/trading/orders", order()))).collect();
    let (mut placed, mut overloaded) = (0, 0);
    for reply in sent {
        let reply = reply.await.unwrap();
        if reply.status == 201 {
            placed += 1;
        } else {
            assert_eq!(reply.problem(), (503, "node.overloaded"));
            assert_eq!(reply.header("retry-after"), "1");
            overloaded += 1;
        }
    }
    assert!(placed > 0 && overloaded > 0, "{placed} placed, {overloaded} turned away");
    let (_, orders) = house.node.read(|state| state.trading.order_count()).await.unwrap();
    assert_eq!(orders, placed, "what was acknowledged is there, and nothing else");
}

#[tokio::test]
async fn fault_15_more_requests_than_the_gateway_holds_are_turned_away_at_once() {
    let house = House::with(Settings { in_flight_max: 0, ..Settings::default() }, NodeConfig::default());
    let reply = house.ask("ann", "trader", Method::GET, "/trading/assets").await;
    assert_eq!(reply.problem(), (503, "gateway.overloaded"));
}

#[tokio::test]
async fn a_stopped_node_is_said_and_the_probe_knows() {
    let mut house = House::trading().await;
    assert_eq!(house.ask("x", "trader", Method::GET, "/readyz").await.status, 200);
    house.stop_node();
    assert_eq!(
        house.post("ann", "trader", "/trading/orders", order()).await.problem(),
        (503, "node.stopping")
    );
    let probe = house.send(Request::get("/readyz").body(Body::empty()).unwrap()).await;
    assert_eq!(probe.problem(), (503, "node.stopping"));
    let alive = house.send(Request::get("/healthz").body(Body::empty()).unwrap()).await;
    assert_eq!(alive.status, 200);
}
