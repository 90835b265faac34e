//! Safe to repeat: under an idempotency key, and by client order id (faults 2 and 3).

use super::house::{House, Reply, order, order_with};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn keyed(
    house: &House,
    key: &str,
    path: &str,
    user: &str,
    role: &str,
    body: &Value,
) -> impl Future<Output = Reply> + use<> {
    let request = Request::post(path)
        .header("authorization", format!("Bearer {}", house.token(user, role)))
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(Body::from(body.to_string()));
    house.send(request.unwrap())
}

/// The different answers to 50 requests at once.
async fn answers(
    house: &House,
    send: impl Fn() -> std::pin::Pin<Box<dyn Future<Output = Reply> + Send>>,
) -> BTreeSet<String> {
    let sent: Vec<_> = (0..50).map(|_| tokio::spawn(send())).collect();
    let mut different = BTreeSet::new();
    for reply in sent {
        let mut body = reply.await.unwrap().good();
        // Each request hangs on a thread of its own; the answer is otherwise the same.
        body.as_object_mut().unwrap().remove("correlation");
        different.insert(body.to_string());
    }
    house.node.read(|_| ()).await.unwrap();
    different
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_2_fifty_requests_with_one_key_are_one_order() {
    let house = House::trading().await;
    let different =
        answers(&house, || Box::pin(keyed(&house, "k-1", "/trading/orders", "ann", "trader", &order())))
            .await;
    assert_eq!(different.len(), 1, "{different:?}");
    let (_, orders) = house.node.read(|state| state.trading.order_count()).await.unwrap();
    assert_eq!(orders, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_2_fifty_requests_with_one_client_order_id_are_one_order() {
    let house = House::trading().await;
    let body = order_with(json!({"client_order_id": "c-1"}));
    let different =
        answers(&house, || Box::pin(house.post("ann", "trader", "/trading/orders", body.clone()))).await;
    assert_eq!(different.len(), 1, "{different:?}");
    let (_, orders) = house.node.read(|state| state.trading.order_count()).await.unwrap();
    assert_eq!(orders, 1);
}

#[tokio::test]
async fn fault_3_the_same_key_with_another_body_is_refused_and_changes_nothing() {
    let house = House::trading().await;
    let first = keyed(&house, "k-1", "/trading/orders", "ann", "trader", &order()).await.good();
    let other = order_with(json!({"quantity": "11"}));
    let reply = keyed(&house, "k-1", "/trading/orders", "ann", "trader", &other).await;
    assert_eq!(reply.problem(), (422, "node.idempotency-key-reused"));
    let reused = order_with(json!({"client_order_id": "c-1"}));
    house.post("ann", "trader", "/trading/orders", reused).await.good();
    let other = order_with(json!({"client_order_id": "c-1", "quantity": "11"}));
    let reply = house.post("ann", "trader", "/trading/orders", other).await;
    assert_eq!(reply.problem(), (422, "trading.client-order-id-reused"));
    assert_eq!(reply.body["field"], "client_order_id");
    let (_, orders) = house.node.read(|state| state.trading.order_count()).await.unwrap();
    assert_eq!(orders, 2);
    let again = keyed(&house, "k-1", "/trading/orders", "ann", "trader", &order()).await.good();
    assert_eq!(again["position"], first["position"], "the first answer stands");
}

#[tokio::test]
async fn a_key_belongs_to_its_principal_and_a_deposit_happens_once() {
    let house = House::trading().await;
    let deposit = json!({"asset": "EUR", "amount": "5.00"});
    let path = "/trading/accounts/ANN/deposits";
    for _ in 0..3 {
        keyed(&house, "k", path, "operator-1", "operator", &deposit).await.good();
    }
    keyed(&house, "k", path, "operator-2", "operator", &deposit).await.good();
    let account = house.get("ann", "trader", "/trading/accounts/ANN").await.good();
    let eur = account["balances"].as_array().unwrap().iter().find(|line| line["asset"] == "EUR").unwrap();
    assert_eq!(eur["available"], "1000010.00");
}

#[tokio::test]
async fn a_repeated_batch_places_nothing_twice() {
    let house = House::trading().await;
    let batch = json!({"orders": [order(), order(), order_with(json!({"price": "1.00"}))]});
    let first = keyed(&house, "k", "/trading/orders/batch", "ann", "trader", &batch).await.good();
    let again = keyed(&house, "k", "/trading/orders/batch", "ann", "trader", &batch).await.good();
    let orders = |reply: &Value| -> Vec<Value> {
        reply["results"].as_array().unwrap().iter().map(|result| result["order"]["order"].clone()).collect()
    };
    assert_eq!(orders(&first), orders(&again));
    assert_ne!(orders(&first)[0], orders(&first)[1], "equal orders of one batch are two orders");
    let (_, count) = house.node.read(|state| state.trading.order_count()).await.unwrap();
    assert_eq!(count, 2);
}

#[tokio::test]
async fn a_key_out_of_form_is_refused() {
    let house = House::trading().await;
    for bad in ["", &"k".repeat(65)] {
        let reply = keyed(&house, bad, "/trading/orders", "ann", "trader", &order()).await;
        assert_eq!(reply.problem(), (400, "request.invalid-header"));
    }
}
