//! The order in which a request is refused: one with every fault at once, repaired step by step.

use super::house::{House, Reply, order};
use axum::body::Body;
use axum::http::Request;
use serde_json::json;

/// What is wrong with the request; each step takes the first of these away.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Repaired {
    Nothing,
    Path,
    Method,
    Headers,
    Size,
    ContentType,
    Syntax,
    Token,
    Role,
    Rate,
    Header,
    Field,
    Everything,
}

async fn send(house: &House, repaired: Repaired) -> Reply {
    use Repaired as R;
    let good = |step: R| repaired >= step;
    let path = if good(R::Path) { "/trading/orders" } else { "/trading/nothing" };
    let mut request = Request::builder().uri(path).method(if good(R::Method) { "POST" } else { "PUT" });
    if !good(R::Headers) {
        request = request.header("x-filler", "x".repeat(20_000));
    }
    request =
        request.header("content-type", if good(R::ContentType) { "application/json" } else { "text/plain" });
    let role = if good(R::Role) { "trader" } else { "auditor" };
    // Somebody else's bucket is full.
    let user = if good(R::Rate) { "ann" } else { "greedy" };
    if good(R::Token) {
        request = request.header("authorization", format!("Bearer {}", house.token(user, role)));
    } else {
        request = request.header("authorization", "Bearer nonsense");
    }
    if !good(R::Header) {
        request = request.header("idempotency-key", "k".repeat(99));
    }
    let text = order().to_string();
    let body = if good(R::Everything) {
        text
    } else if good(R::Field) {
        text.replace("90.00", "1.00")
    } else if good(R::Syntax) {
        text.replace("90.00", "ninety")
    } else if good(R::Size) {
        "{".to_owned()
    } else {
        "{".repeat(100_000)
    };
    house.send(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn a_request_is_refused_for_the_first_of_its_faults_in_the_documented_order() {
    use Repaired as R;
    let settings =
        crate::Settings { rate: crate::Rate { per_second: 1, burst: 30 }, ..crate::Settings::default() };
    let house = House::with(settings, node::NodeConfig::default());
    house.open_market().await;
    for _ in 0..30 {
        house.get("greedy", "trader", "/trading/assets").await;
    }
    let steps = [
        (R::Nothing, 404, "request.not-found"),
        (R::Path, 405, "request.method-not-allowed"),
        (R::Method, 431, "request.headers-too-large"),
        (R::Headers, 413, "request.body-too-large"),
        (R::Size, 415, "request.unsupported-media-type"),
        (R::ContentType, 400, "request.malformed-json"),
        (R::Syntax, 401, "auth.invalid-token"),
        (R::Token, 403, "auth.forbidden"),
        (R::Role, 429, "rate.exceeded"),
        (R::Rate, 400, "request.invalid-header"),
        (R::Header, 400, "request.invalid-field"),
        (R::Field, 422, "trading.price-outside-band"),
    ];
    for (repaired, status, code) in steps {
        let reply = send(&house, repaired).await;
        assert_eq!(reply.problem(), (status, code), "{}", reply.text);
    }
    assert_eq!(send(&house, R::Everything).await.status, 201);
}

#[tokio::test]
async fn a_path_with_other_methods_says_which() {
    let house = House::open();
    let reply = house.ask("ann", "trader", axum::http::Method::PUT, "/trading/orders").await;
    assert_eq!(reply.problem(), (405, "request.method-not-allowed"));
    assert_eq!(reply.header("allow"), "GET, POST, DELETE, HEAD");
}

#[tokio::test]
async fn whose_account_it_is_comes_after_the_form_of_its_numbers() {
    let house = House::trading().await;
    let both =
        json!({"account": "BOB", "instrument": "ACME", "side": "buy", "price": "1e3", "quantity": "1"});
    let reply = house.post("ann", "trader", "/trading/orders", both).await;
    assert_eq!((reply.problem().0, reply.body["field"].as_str()), (400, Some("price")));
}
