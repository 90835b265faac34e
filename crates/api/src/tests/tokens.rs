//! Who comes in and who does not, and that both are on record (fault 18).

use super::house::{House, order};
use crate::auth::{Role, Roles};
use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;

#[tokio::test]
async fn fault_18_a_request_without_a_good_token_is_401_and_on_record() {
    let house = House::trading().await;
    let stranger = House::open();
    let foreign = format!("Bearer {}", stranger.token("ann", "trader"));
    let cases = [
        (None, "auth.missing-token"),
        (Some("Basic YTpi".to_owned()), "auth.missing-token"),
        (Some("Bearer".to_owned()), "auth.missing-token"),
        (Some("Bearer e30.e30.e30".to_owned()), "auth.invalid-token"),
        (Some(foreign), "auth.invalid-token"),
    ];
    for (authorization, code) in cases {
        let mut request = Request::get("/trading/orders");
        if let Some(authorization) = &authorization {
            request = request.header("authorization", authorization);
        }
        let reply = house.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(reply.problem(), (401, code));
        assert!(reply.header("www-authenticate").starts_with("Bearer"));
        let last = house.access_records().await.pop().unwrap();
        assert_eq!(last, ("anonymous".into(), "GET /trading/orders".into(), 401, Some(code.into())));
    }
}

#[tokio::test]
async fn fault_18_a_role_that_may_not_is_403_and_on_record() {
    let house = House::trading().await;
    for (role, method, path) in [
        ("auditor", Method::DELETE, "/trading/orders?account=ANN"),
        ("trader", Method::GET, "/risk/limits"),
        ("operator", Method::GET, "/compliance/decisions"),
        ("service", Method::GET, "/trading/accounts"),
        ("trader", Method::GET, "/metrics"),
    ] {
        let reply = house.ask("someone", role, method.clone(), path).await;
        assert_eq!(reply.problem(), (403, "auth.forbidden"), "{role} {path}");
        let last = house.access_records().await.pop().unwrap();
        assert_eq!((last.0.as_str(), last.2, last.3.as_deref()), ("someone", 403, Some("auth.forbidden")));
        let asked = path.split('?').next().unwrap();
        assert_eq!(last.1, format!("{method} {asked}"));
    }
    let long = format!("/trading/accounts/{}", "A".repeat(1_000));
    house.ask("someone", "service", Method::GET, &long).await;
    let last = house.access_records().await.pop().unwrap();
    assert_eq!((last.1.len(), &last.1[..23]), (200, "GET /trading/accounts/A"), "a record is bounded");
}

#[tokio::test]
async fn fault_18_what_is_somebody_elses_does_not_exist_and_reaching_for_it_is_on_record() {
    let house = House::trading().await;
    let id = house.post("ann", "trader", "/trading/orders", order()).await.good()["order"].clone();
    let path = format!("/trading/orders/{id}");
    let cases = [
        (Method::GET, path.clone(), "trading.unknown-order"),
        (Method::GET, format!("{path}/trace"), "trading.unknown-order"),
        (Method::DELETE, path.clone(), "trading.order-not-open"),
        (Method::GET, "/trading/accounts/ANN".into(), "trading.unknown-account"),
        (Method::GET, "/trading/accounts/ANN/balances".into(), "trading.unknown-account"),
        (Method::DELETE, "/trading/orders?account=ANN".into(), "trading.unknown-account"),
    ];
    for (method, path, code) in cases {
        let before = house.access_records().await.len();
        let position = house.node.durable_position();
        let path = if method == Method::GET { format!("{path}?at_least={position}") } else { path };
        let reply = house.ask("bob", "trader", method.clone(), &path).await;
        assert_eq!(reply.problem(), (404, code), "{method} {path}");
        let recorded = house.access_records().await;
        assert_eq!(recorded.len(), before + 1, "{method} {path}");
        let operation = format!("{method} {}", path.split('?').next().unwrap());
        assert_eq!(recorded.last().unwrap().1, operation, "the very object is named");
    }
    let foreign = house.post("bob", "trader", "/trading/orders", order()).await;
    assert_eq!(foreign.problem(), (404, "trading.unknown-account"));
    let nobodys = house.ask("bob", "trader", Method::DELETE, "/trading/orders/999999").await;
    assert_eq!(nobodys.problem(), (404, "trading.order-not-open"), "the same answer as for ANN's");
    for list in ["/trading/orders", "/trading/accounts?participant=SOUTH", "/trading/orders?account=ANN"] {
        let shown = house.get("bob", "trader", list).await.good();
        assert!(!shown.to_string().contains("ANN"), "{list}: {shown}");
    }
}

#[tokio::test]
async fn fault_18_a_flood_of_refused_requests_fills_no_journal_and_is_counted_on_record() {
    let settings = crate::Settings {
        access_rate: crate::Rate { per_second: 1, burst: 5 },
        ..crate::Settings::default()
    };
    let house = House::with(settings, node::NodeConfig::default());
    let knock = async || {
        let request = Request::get("/trading/orders").body(Body::empty()).unwrap();
        assert_eq!(house.send(request).await.status, 401);
    };
    let mut knocks = 100;
    for _ in 0..knocks {
        knock().await;
    }
    assert!(house.access_records().await.len() <= 7);
    let metrics = house.ask("a", "auditor", Method::GET, "/metrics").await;
    let suppressed =
        metrics.text.lines().find(|line| line.starts_with("access_records_suppressed_total")).unwrap();
    assert!(suppressed.split(' ').nth(1).unwrap().parse::<u32>().unwrap() >= 93, "{suppressed}");
    // The next that is recorded says how many were not.
    let before = house.accesses().await.len();
    while house.accesses().await.len() == before {
        knock().await;
        knocks += 1;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let recorded = house.accesses().await;
    let counted: u64 = recorded.iter().filter_map(|(_, access)| access.unrecorded).sum();
    assert_eq!(recorded.len() as u64 + counted, knocks);
}

#[tokio::test]
async fn fault_18_an_operator_revokes_a_token_and_its_bearer_is_out() {
    let house = House::open();
    let minted = house.issuer.mint("ann".parse().unwrap(), Roles::of([Role::Trader]), 600);
    let get = || {
        let request =
            Request::get("/trading/assets").header("authorization", format!("Bearer {}", minted.token));
        house.send(request.body(Body::empty()).unwrap())
    };
    assert_eq!(get().await.status, 200);
    let body = json!({"id": minted.id, "expires_s": minted.expires_s});
    house.office("operator", "/operations/revoked-tokens", body.clone()).await;
    assert_eq!(get().await.problem(), (401, "auth.revoked-token"));
    let other = house.post("ann", "trader", "/operations/revoked-tokens", body).await;
    assert_eq!(other.problem(), (403, "auth.forbidden"));
}

#[tokio::test]
async fn what_an_office_reads_is_on_record_before_it_is_answered_and_what_an_owner_reads_is_not() {
    let house = House::trading().await;
    let before = house.access_records().await.len();
    house.get("ann", "trader", "/trading/orders").await.good();
    house.get("ann", "trader", "/trading/accounts/ANN").await.good();
    assert_eq!(house.access_records().await.len(), before);
    house.get("watcher", "auditor", "/trading/accounts/ANN").await.good();
    let last = house.access_records().await.pop().unwrap();
    assert_eq!(last, ("watcher".into(), "GET /trading/accounts/ANN".into(), 200, None));
    house.ask("watcher", "auditor", Method::GET, "/metrics").await;
    assert_eq!(house.access_records().await.len(), before + 1, "metrics tell nothing about anybody");
}
