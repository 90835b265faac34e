//! Input that nobody means well with (faults 16 and 17): refused by name, and nothing is written.

use super::house::{House, Reply, order, order_with};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

async fn raw(house: &House, content_type: &str, body: Vec<u8>) -> Reply {
    let request = Request::post("/trading/orders")
        .header("authorization", format!("Bearer {}", house.token("ann", "trader")))
        .header("content-type", content_type);
    house.send(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn fault_16_what_is_not_json_of_the_right_size_is_refused_with_its_place() {
    let house = House::trading().await;
    let before = house.node.durable_position();
    let cases: [(&str, Vec<u8>, u16, &str); 9] = [
        ("application/json", b"{\"account\": \"A\xff\"}".to_vec(), 400, "request.malformed-json"),
        ("application/json", vec![b'['; 60_000], 400, "request.malformed-json"),
        ("application/json", b"{\"a\": 1,}".to_vec(), 400, "request.malformed-json"),
        ("application/json", Vec::new(), 400, "request.malformed-json"),
        ("application/json", vec![b' '; 64 * 1024 + 1], 413, "request.body-too-large"),
        ("application/xml", b"<a/>".to_vec(), 415, "request.unsupported-media-type"),
        ("application/json; charset=latin1", b"{}".to_vec(), 415, "request.unsupported-media-type"),
        ("application/x-www-form-urlencoded", b"a=1".to_vec(), 415, "request.unsupported-media-type"),
        ("application/json", b"[]".to_vec(), 400, "request.invalid-field"),
    ];
    for (content_type, body, status, code) in cases {
        let reply = raw(&house, content_type, body).await;
        assert_eq!(reply.problem(), (status, code), "{}", reply.text);
        if code == "request.malformed-json" {
            assert!(reply.body["line"].is_u64() && reply.body["column"].is_u64(), "{}", reply.text);
        }
    }
    assert_eq!(house.node.durable_position(), before, "nothing was written");
}

#[tokio::test]
async fn fault_17_amounts_out_of_form_are_refused_by_field_and_nothing_is_written() {
    let house = House::trading().await;
    let before = house.node.durable_position();
    let long = "170141183460469231731687303715884105728";
    let bad: [Value; 14] = [
        json!("-1"),
        json!("0"),
        json!("-0"),
        json!("1e400"),
        json!("NaN"),
        json!("Infinity"),
        json!(long),
        json!("0.001"),
        json!(""),
        json!("1,5"),
        json!(" 1"),
        json!(1.5),
        json!(7),
        json!(null),
    ];
    for value in &bad {
        let reply = house.post(
            "operator-1",
            "operator",
            "/trading/accounts/ANN/deposits",
            json!({"asset": "EUR", "amount": value}),
        );
        let reply = reply.await;
        assert_eq!(reply.problem(), (400, "request.invalid-field"), "{value}");
        assert_eq!(reply.body["field"], "amount", "{value}: {}", reply.text);
        for field in ["price", "quantity"] {
            let mut order = order();
            order[field] = value.clone();
            let reply = house.post("ann", "trader", "/trading/orders", order).await;
            assert_eq!(
                (reply.problem().0, reply.body["field"].as_str()),
                (400, Some(field)),
                "{value}: {}",
                reply.text
            );
        }
    }
    for (changes, code, field) in [
        (json!({"instrument": "NONE"}), "request.unknown-reference", "instrument"),
        (json!({"side": "long"}), "request.invalid-field", "side"),
        (json!({"quantity": "1.5"}), "request.invalid-field", "quantity"),
        (json!({"quantity": "1000000000000001"}), "request.invalid-field", "quantity"),
        (json!({"account": "no such account, and too long"}), "request.invalid-field", "account"),
        (json!({"client_order_id": "ünicode"}), "request.invalid-field", "client_order_id"),
        (json!({"price": "1.00", "type": "market"}), "request.invalid-field", "price"),
        (json!({"post_only": "yes"}), "request.invalid-field", "post_only"),
        (json!({"surprise": 1}), "request.invalid-field", "surprise"),
    ] {
        let reply = house.post("ann", "trader", "/trading/orders", order_with(changes.clone())).await;
        assert_eq!(reply.problem(), (400, code), "{changes}: {}", reply.text);
        assert_eq!(reply.body["field"], field, "{changes}");
    }
    let unknown = json!({"asset": "DOGE", "amount": "1"});
    let reply = house.post("operator-1", "operator", "/trading/accounts/ANN/deposits", unknown).await;
    assert_eq!(
        (reply.problem(), reply.body["field"].as_str()),
        ((400, "request.unknown-reference"), Some("asset"))
    );
    assert_eq!(house.node.durable_position(), before, "nothing was written");
}

/// What JSON has no number for is not even JSON; what is a number is still no decimal text.
#[tokio::test]
async fn fault_17_numbers_that_are_no_text_are_refused_and_nothing_is_written() {
    let house = House::trading().await;
    let before = house.node.durable_position();
    let long = "170141183460469231731687303715884105728";
    for (number, code) in [
        ("NaN", "request.malformed-json"),
        ("Infinity", "request.malformed-json"),
        ("-", "request.malformed-json"),
        ("1e400", "request.invalid-field"),
        ("-0", "request.invalid-field"),
        (long, "request.invalid-field"),
    ] {
        for field in ["price", "quantity"] {
            let mut order = order();
            order[field] = json!("here");
            let body = order.to_string().replace("\"here\"", number);
            let reply = raw(&house, "application/json", body.into_bytes()).await;
            assert_eq!(reply.problem(), (400, code), "{number}: {}", reply.text);
            if code == "request.invalid-field" {
                assert_eq!(reply.body["field"], field, "{number}: {}", reply.text);
            }
        }
    }
    assert_eq!(house.node.durable_position(), before, "nothing was written");
}

#[tokio::test]
async fn paths_and_queries_out_of_form_are_refused_by_name() {
    let house = House::trading().await;
    house.get("ann", "trader", "/trading/orders").await.good();
    for (path, status, code) in [
        ("/trading/orders/abc", 400, "request.invalid-path"),
        ("/trading/orders/99999999999999999999999", 400, "request.invalid-path"),
        ("/trading/orders/-1", 400, "request.invalid-path"),
        ("/trading/orders/+1", 400, "request.invalid-path"),
        ("/trading/orders/%ff", 400, "request.invalid-path"),
        ("/trading/orders/..", 400, "request.invalid-path"),
        ("/trading/orders?acount=ANN", 400, "request.invalid-query"),
        ("/trading/orders?status=sleeping", 400, "request.invalid-query"),
        ("/trading/blocks?stage=sleeping", 400, "request.invalid-query"),
        ("/trading/orders?limit=0", 400, "request.invalid-query"),
        ("/trading/orders?limit=1001", 400, "request.invalid-query"),
        ("/trading/orders?limit=many", 400, "request.invalid-query"),
        ("/trading/orders?cursor=nonsense", 400, "request.invalid-query"),
        ("/trading/orders?at_least=soon", 400, "request.invalid-query"),
        ("/trading/orders?at_least=1&at_least=-1", 400, "request.invalid-query"),
        ("/trading/orders?at_least", 400, "request.invalid-query"),
        ("/trading/instruments/NONE", 404, "trading.unknown-instrument"),
        ("/trading/instruments/ACME/depth?levels=0", 400, "request.invalid-query"),
        ("/trading//orders", 404, "request.not-found"),
        ("/trading/orders/", 404, "request.not-found"),
    ] {
        let reply = house.ask("ann", "trader", axum::http::Method::GET, path).await;
        assert_eq!(reply.problem(), (status, code), "{path}: {}", reply.text);
    }
    let reply = house.ask("ann", "trader", axum::http::Method::GET, "/trading/orders/abc").await;
    assert_eq!(reply.body["detail"], "order in the path must be a whole number");
    assert_eq!(reply.body["field"], "order");
    for (path, field) in [
        ("/trading/orders?acount=ANN", "acount"),
        ("/trading/orders?limit=many", "limit"),
        ("/trading/orders?limit=1&limit=2", "limit"),
        ("/trading/orders?status=sleeping", "status"),
    ] {
        let reply = house.ask("ann", "trader", axum::http::Method::GET, path).await;
        assert_eq!(reply.body["field"], field, "{}", reply.text);
    }
    let due = house.ask("o", "operator", axum::http::Method::GET, "/settlement/due").await;
    assert_eq!((due.problem().0, &due.body["field"]), (400, &json!("date")), "{}", due.text);
    let twice = br#"{"account": "ANN", "account": "BOB"}"#.to_vec();
    assert_eq!(raw(&house, "application/json", twice).await.body["field"], "account");
    let array = br#"["ANN", "ACME", "buy", "limit", "90.00", "10"]"#.to_vec();
    let reply = raw(&house, "application/json", array).await;
    assert_eq!(reply.problem(), (400, "request.invalid-field"));
    assert_eq!(reply.body["detail"], "the body must be a JSON object");
    let nested = br#"{"orders": [["ANN", "ACME", "buy", "limit", "90.00", "10"]]}"#.to_vec();
    let reply =
        house.post("ann", "trader", "/trading/orders/batch", serde_json::from_slice(&nested).unwrap());
    let reply = reply.await;
    assert_eq!(
        (reply.problem(), &reply.body["field"]),
        ((400, "request.invalid-field"), &json!("orders[0]"))
    );
    let long = format!("/trading/orders?account={}", "A".repeat(9_000));
    let reply = house.ask("ann", "trader", axum::http::Method::GET, &long).await;
    assert_eq!(reply.problem(), (414, "request.uri-too-long"));
}

#[tokio::test]
async fn headers_out_of_form_are_refused_by_name_whatever_the_query_says() {
    let house = House::trading().await;
    for (name, value, path, status, field) in [
        ("x-rialto-at-least", "soon", "/trading/orders", 400, "x-rialto-at-least"),
        ("x-rialto-at-least", "+1", "/trading/orders", 400, "x-rialto-at-least"),
        ("x-rialto-at-least", "0", "/trading/orders?at_least=-1", 400, "at_least"),
        ("x-rialto-at-least", "0", "/trading/orders?at_least=1", 200, ""),
        ("x-correlation-id", "--", "/trading/orders", 400, "x-correlation-id"),
        ("idempotency-key", "two words", "/trading/orders", 400, "idempotency-key"),
        ("idempotency-key", "", "/trading/orders", 400, "idempotency-key"),
    ] {
        let token = format!("Bearer {}", house.token("ann", "trader"));
        let request = Request::get(path).header("authorization", token).header(name, value);
        let reply = house.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(reply.status, status, "{name}: {value}: {}", reply.text);
        assert_eq!(reply.body["field"].as_str().unwrap_or_default(), field, "{}", reply.text);
    }
}

#[tokio::test]
async fn a_position_that_is_not_reached_is_said_and_not_waited_for_without_end() {
    let settings = crate::Settings {
        position_timeout: std::time::Duration::from_millis(50),
        ..crate::Settings::default()
    };
    let house = House::with(settings, node::NodeConfig::default());
    let reply = house.ask("a", "auditor", axum::http::Method::GET, "/trading/assets?at_least=1000").await;
    assert_eq!(reply.problem(), (503, "node.position-not-reached"));
    assert_eq!(reply.header("retry-after"), "1");
}

/// With a patience beyond any test's, the answer can only come at once.
#[tokio::test]
async fn a_position_further_ahead_than_can_be_reached_is_not_waited_for() {
    let settings = crate::Settings {
        position_timeout: std::time::Duration::from_secs(100_000),
        ..crate::Settings::default()
    };
    let house = House::with(settings, node::NodeConfig::default());
    let path = format!("/trading/assets?at_least={}", u64::MAX);
    let reply = house.ask("a", "auditor", axum::http::Method::GET, &path).await;
    assert_eq!(reply.problem(), (503, "node.position-not-reached"));
}
