//! Orders from entry to settlement, through every operation that touches them.

use super::house::{House, order, order_with};
use axum::http::Method;
use serde_json::{Value, json};

async fn place(house: &House, user: &str, body: Value) -> Value {
    house.post(user, "trader", "/trading/orders", body).await.good()
}

fn sell_of_bob() -> Value {
    order_with(json!({"account": "BOB", "side": "sell", "price": "100.00"}))
}

#[tokio::test]
async fn an_order_is_placed_matched_settled_listed_and_traced() {
    let house = House::trading().await;
    let sell = place(&house, "bob", sell_of_bob()).await;
    assert_eq!((sell["status"].as_str(), sell["executed"].as_str()), (Some("open"), Some("0")));
    let buy = place(&house, "ann", order_with(json!({"price": "101.00", "quantity": "4"}))).await;
    assert_eq!((buy["status"].as_str(), buy["executed"].as_str()), (Some("executed"), Some("4")));
    let path = format!("/trading/orders/{}", buy["order"]);
    let shown = house.get("ann", "trader", &path).await.good();
    assert_eq!((shown["limit"].as_str(), shown["executed"].as_str()), (Some("101.00"), Some("4")));
    let trades = house.get("ann", "trader", "/trading/trades").await.good();
    assert_eq!(trades["items"][0]["price"], "100.00");
    assert!(trades["items"][0]["sell"].is_null(), "an owner sees the own side only: {trades}");
    let settled = house.office("operator", "/settlement/process", json!({"date": "2023-02-07"})).await;
    assert_eq!(
        (settled["status"].as_str(), settled["settled"].as_u64()),
        (Some("complete"), Some(1)),
        "{settled}"
    );
    let again = house.office("operator", "/settlement/process", json!({"date": "2023-02-07"})).await;
    assert_eq!((again["run"].as_u64(), again["settled"].as_u64()), (None, Some(0)), "safe to repeat");
    let trace = house.get("ann", "trader", &format!("{path}/trace")).await.good();
    let events: Vec<&str> =
        trace["items"].as_array().unwrap().iter().map(|item| item["event"].as_str().unwrap()).collect();
    let mut life = events.iter();
    for event in [
        "OrderCreated",
        "OrderChecked",
        "ExposureHeld",
        "QuotaHeld",
        "OrderAccepted",
        "OrderExecuted",
        "TradeSettled",
        "ExecutionSettled",
        "OrderSettled",
    ] {
        assert!(life.any(|told| *told == event), "{event} in {events:?}");
    }
    assert!(!trace.to_string().contains("BOB"), "nothing of the other side: {trace}");
    assert_eq!(trace["missing"], json!([]), "all services are in one process");
    for (service, event) in
        [("settlement", "QuotaHeld"), ("risk", "ExposureHeld"), ("compliance", "OrderChecked")]
    {
        let part = path.replace("/trading/", &format!("/{service}/")) + "/trace";
        let part = house.get("auditor-1", "auditor", &part).await.good();
        let items = part["items"].as_array().unwrap();
        assert_eq!(items[0]["event"], event, "{part}");
        assert!(items.iter().all(|item| item["service"] == service), "{part}");
    }
    let unknown = house.get("auditor-1", "auditor", "/risk/orders/999999/trace").await.good();
    assert_eq!(unknown["items"], json!([]), "risk has not heard of it");
    let balances = house.get("ann", "trader", "/trading/accounts/ANN/balances").await.good();
    let acme = balances["items"].as_array().unwrap().iter().find(|line| line["asset"] == "ACME").unwrap();
    assert_eq!(acme["available"], "10004");
}

#[tokio::test]
async fn whoever_is_told_of_an_id_finds_what_it_names() {
    let house = House::trading().await;
    let propose = json!({"account": "ANN", "counterparty": "BOB", "instrument": "ACME", "side": "sell",
        "price": "99.00", "quantity": "1"});
    for _ in 0..20 {
        let path = format!("/trading/orders/{}", place(&house, "ann", order()).await["order"]);
        house.ask("ann", "trader", Method::GET, &path).await.good();
        let path = format!("/trading/orders/{}/trace", place(&house, "ann", order()).await["order"]);
        house.ask("ann", "trader", Method::GET, &path).await.good();
        let block = house.post("ann", "trader", "/trading/blocks", propose.clone()).await;
        house.ask("ann", "trader", Method::GET, block.header("location")).await.good();
    }
    let nobodys = house.ask("ann", "trader", Method::GET, "/trading/orders/999999").await;
    assert_eq!(nobodys.problem(), (404, "trading.unknown-order"), "what is not there is not waited for");
}

#[tokio::test]
async fn a_rejected_order_is_a_problem_that_names_it() {
    let house = House::trading().await;
    let limit = json!({"scope": {"account": "ANN"}, "measure": {"order_quantity": "ACME"}, "limit": "5"});
    house.office("risk", "/risk/limits", limit).await;
    let reply = house.post("ann", "trader", "/trading/orders", order()).await;
    assert_eq!(reply.problem(), (422, "risk.order-quantity"));
    let shown = house.get("ann", "trader", &format!("/trading/orders/{}", reply.body["order"])).await.good();
    assert_eq!(
        (shown["status"].as_str(), shown["closed_code"].as_str()),
        (Some("rejected"), Some("risk.order-quantity"))
    );
    assert_eq!(reply.body["position"], shown["position"]);
    let refused = house.post("ann", "trader", "/trading/orders", order_with(json!({"price": "1.00"}))).await;
    assert_eq!(refused.problem(), (422, "trading.price-outside-band"));
    let refusals = house.get("c", "compliance", "/compliance/refusals").await.good();
    assert_eq!(refusals["items"][0]["position"], refused.body["position"]);
}

#[tokio::test]
async fn a_policy_denial_carries_its_code_and_words() {
    let house = House::trading().await;
    let large = order_with(json!({"account": "BOB", "side": "sell", "price": "149.00", "quantity": "10000"}));
    let reply = house.post("bob", "trader", "/trading/orders", large).await;
    assert_eq!(reply.problem(), (422, "compliance.single-order-limit"));
    let decision =
        house.get("c", "compliance", &format!("/compliance/decisions/{}", reply.body["order"])).await.good();
    assert_eq!((decision["allowed"].as_bool(), decision["policy"].as_u64()), (Some(false), Some(1)));
}

#[tokio::test]
async fn an_order_shrinks_moves_and_is_cancelled() {
    let house = House::trading().await;
    let path = format!("/trading/orders/{}", place(&house, "ann", order()).await["order"]);
    let patch = |body: Value| {
        let token = house.token("ann", "trader");
        let request = axum::http::Request::patch(&path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(body.to_string().into());
        house.send(request.unwrap())
    };
    assert_eq!(patch(json!({"quantity": "5"})).await.status, 200, "shrunk in place");
    let moved = patch(json!({"price": "91.00"})).await;
    assert_eq!(moved.status, 201, "{}", moved.text);
    let gone = house.ask("ann", "trader", Method::DELETE, &path).await;
    assert_eq!(gone.problem(), (404, "trading.order-not-open"));
    let new = format!("/trading/orders/{}", moved.body["order"]);
    assert_eq!(house.ask("ann", "trader", Method::DELETE, &new).await.good()["changed"], true);
    assert_eq!(house.get("ann", "trader", &new).await.good()["status"], "canceled");
}

#[tokio::test]
async fn an_order_that_is_cancelled_at_once_says_why() {
    let house = House::trading().await;
    for (wish, why) in [("immediate_or_cancel", "immediate_or_cancel"), ("fill_or_kill", "fill_or_kill")] {
        let gone = place(&house, "ann", order_with(json!({"time_in_force": wish}))).await;
        assert_eq!((&gone["status"], &gone["closed_code"]), (&json!("canceled"), &json!(why)), "{gone}");
    }
    let open = place(&house, "ann", order()).await;
    assert_eq!(open.get("closed_code"), None, "{open}");
}

#[tokio::test]
async fn all_orders_of_an_account_or_the_one_of_a_client_order_id_are_cancelled() {
    let house = House::trading().await;
    for number in 1..=3 {
        place(&house, "ann", order_with(json!({"client_order_id": format!("c-{number}")}))).await;
    }
    let one = "/trading/orders?account=ANN&client_order_id=c-2";
    assert_eq!(house.ask("ann", "trader", Method::DELETE, one).await.good()["changed"], true);
    let unknown = "/trading/orders?account=ANN&client_order_id=c-9";
    let reply = house.ask("ann", "trader", Method::DELETE, unknown).await;
    assert_eq!(reply.problem(), (404, "trading.unknown-client-order"));
    let all = "/trading/orders?account=ANN";
    assert_eq!(house.ask("o", "operator", Method::DELETE, all).await.good()["changed"], true);
    // The sweep goes on in steps of its own.
    for _ in 0..200 {
        let open = house.get("ann", "trader", "/trading/orders?status=active").await.good();
        if open["items"].as_array().unwrap().is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("orders stay open");
}

#[tokio::test]
async fn a_batch_is_decided_order_by_order() {
    let house = House::trading().await;
    let orders = json!({"orders": [
        order(), order_with(json!({"quantity": "-1"})), order_with(json!({"account": "BOB"})),
        order_with(json!({"price": "1.00"})), order_with(json!({"quantity": "3"})),
    ]});
    let reply = house.post("ann", "trader", "/trading/orders/batch", orders).await.good();
    let results = reply["results"].as_array().unwrap();
    let told: Vec<(u64, &str)> = results
        .iter()
        .map(|result| (result["status"].as_u64().unwrap(), result["problem"]["code"].as_str().unwrap_or("")))
        .collect();
    assert_eq!(
        told,
        [
            (201, ""),
            (400, "request.invalid-field"),
            (404, "trading.unknown-account"),
            (422, "trading.price-outside-band"),
            (201, ""),
        ]
    );
    assert_eq!(results[4]["order"]["quantity"], "3");
    let many: Vec<Value> = (0..1_001).map(|_| order()).collect();
    let reply = house.post("ann", "trader", "/trading/orders/batch", json!({"orders": many})).await;
    assert_eq!(reply.problem(), (400, "request.invalid-field"));
    let misfit = json!({"orders": [order(), {"account": "ANN"}]});
    let reply = house.post("ann", "trader", "/trading/orders/batch", misfit).await;
    assert_eq!((reply.problem().0, reply.body["field"].as_str()), (400, Some("orders[1].instrument")));
}

#[tokio::test]
async fn a_block_trade_that_a_step_turns_round_says_which_and_why() {
    let house = House::trading().await;
    let limit = json!({"scope": {"account": "BOB"}, "measure": {"order_quantity": "ACME"}, "limit": "5"});
    house.office("risk", "/risk/limits", limit).await;
    let propose = json!({"account": "ANN", "counterparty": "BOB", "instrument": "ACME", "side": "sell",
        "price": "99.00", "quantity": "100"});
    let reply = house.post("ann", "trader", "/trading/blocks", propose).await;
    let path = reply.header("location").to_owned();
    house.post("bob", "trader", &format!("{path}/consent"), json!({"account": "BOB"})).await.good();
    let undone = house.get("bob", "trader", &path).await.good();
    assert_eq!(
        (&undone["block"]["stage"], &undone["block"]["code"]),
        (&json!("undone"), &json!("risk.order-quantity")),
        "{undone}"
    );
    let trace =
        house.get("ann", "trader", &format!("{}/trace", path.replace("blocks", "orders"))).await.good();
    let told = "validate-risk of the counterparty's leg failed, risk.order-quantity";
    assert!(trace.to_string().contains(told), "{trace}");
}

#[tokio::test]
async fn a_block_trade_waits_for_the_other_side() {
    let house = House::trading().await;
    let propose = json!({"account": "ANN", "counterparty": "BOB", "instrument": "ACME", "side": "sell",
        "price": "99.00", "quantity": "100"});
    let reply = house.post("ann", "trader", "/trading/blocks", propose.clone()).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let path = reply.header("location").to_owned();
    assert_eq!(house.get("bob", "trader", &path).await.good()["block"]["stage"], "awaiting_consent");
    let eve = house.get("eve", "trader", &path).await;
    assert_eq!(eve.problem(), (404, "block.unknown"));
    let own = house.post("ann", "trader", &format!("{path}/consent"), json!({"account": "ANN"})).await;
    assert_eq!(own.problem(), (403, "block.not-a-party"));
    let foreign = house.post("ann", "trader", &format!("{path}/consent"), json!({"account": "BOB"})).await;
    assert_eq!(foreign.problem(), (404, "trading.unknown-account"));
    house.post("bob", "trader", &format!("{path}/consent"), json!({"account": "BOB"})).await.good();
    let life = house.get("ann", "trader", &path).await.good();
    assert_eq!(life["block"]["stage"], "complete");
    assert!(life["stages"].as_array().unwrap().len() > 8, "{life}");
    let second = house.post("ann", "trader", "/trading/blocks", propose).await;
    let path = second.header("location").to_owned();
    let nobody = json!({"account": "ANN", "counterparty": "NOBODY", "instrument": "ACME", "side": "sell",
        "price": "99.00", "quantity": "100"});
    let reply = house.post("ann", "trader", "/trading/blocks", nobody).await;
    assert_eq!(reply.problem(), (404, "trading.unknown-account"));
    assert_eq!(reply.body["field"], "counterparty");
    house.post("bob", "trader", &format!("{path}/refuse"), json!({"account": "BOB"})).await.good();
    let undone = house.get("ann", "trader", &path).await.good();
    assert_eq!(
        (&undone["block"]["stage"], &undone["block"]["code"], &undone["block"]["message"]),
        (&json!("undone"), &json!("block.refused"), &json!("the counterparty's account BOB refused it"))
    );
    let trace = house.get("ann", "trader", &path.replace("blocks", "orders")).await.good();
    assert_eq!(trace["status"], "canceled", "the leg is an order too: {trace}");
    let trace =
        house.get("ann", "trader", &format!("{}/trace", path.replace("blocks", "orders"))).await.good();
    for told in [
        "validate-risk of the proposer's leg is done",
        "refused by BOB",
        "process-settlement of the proposer's leg is undone",
    ] {
        assert!(trace.to_string().contains(told), "{told} in {trace}");
    }
}
