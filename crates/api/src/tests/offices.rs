//! What offices do: reference data, limits, kill switches, policies, settlement.

use super::house::{House, order, order_with};
use axum::http::Method;
use compliance::default_bundle;
use serde_json::{Value, json};

fn bundle(limits: Value) -> Value {
    let modules: Vec<Value> = default_bundle()
        .modules
        .iter()
        .map(|module| json!({"name": module.name, "text": module.text}))
        .collect();
    json!({"modules": modules, "data": {"finance": {"limits": limits}}})
}

#[tokio::test]
async fn reference_data_is_defined_once_and_shown_as_text() {
    let house = House::trading().await;
    let shown = house.get("ann", "trader", "/trading/instruments/ACME").await.good();
    assert_eq!(
        (
            shown["tick"].as_str(),
            shown["lot"].as_str(),
            shown["band_percent"].as_str(),
            shown["phase"].as_str()
        ),
        (Some("0.01"), Some("1"), Some("50.00"), Some("continuous"))
    );
    let again =
        house.office("operator", "/trading/assets", json!({"asset": "EUR", "kind": "currency", "scale": 2}));
    assert_eq!(again.await["changed"], false);
    let other = json!({"asset": "EUR", "kind": "currency", "scale": 3});
    let reply = house.post("operator-1", "operator", "/trading/assets", other).await;
    assert_eq!(reply.problem(), (409, "trading.already-defined"));
    let orphan = json!({"account": "X", "participant": "NONE", "owner": "x"});
    let reply = house.post("operator-1", "operator", "/trading/accounts", orphan).await;
    assert_eq!(
        (reply.problem(), reply.body["field"].as_str()),
        ((400, "request.unknown-reference"), Some("participant"))
    );
    assert_eq!(house.get("o", "operator", "/trading/business-day").await.good()["date"], "2023-02-07");
    let back =
        house.post("operator-1", "operator", "/trading/business-day", json!({"date": "2023-02-06"})).await;
    assert_eq!(back.problem(), (409, "trading.business-day-not-later"));
    let bad =
        house.post("operator-1", "operator", "/trading/business-day", json!({"date": "2023-02-30"})).await;
    assert_eq!((bad.problem().0, bad.body["field"].as_str()), (400, Some("date")));
}

#[tokio::test]
async fn a_book_and_an_auction_are_shown() {
    let house = House::trading().await;
    house.post("ann", "trader", "/trading/orders", order()).await.good();
    let depth = house.get("bob", "trader", "/trading/instruments/ACME/depth").await.good();
    assert_eq!(depth["bids"], json!([{"price": "90.00", "quantity": "10", "orders": 1}]));
    let shown = house.get("bob", "trader", "/trading/instruments/ACME").await.good();
    assert_eq!((shown["best_bid"].as_str(), shown["best_offer"].as_str()), (Some("90.00"), None));
    house.office("operator", "/trading/instruments/ACME/phase", json!({"phase": "closing_auction"})).await;
    let sell = order_with(
        json!({"account": "BOB", "side": "sell", "price": "89.00", "time_in_force": "good_till_cancel"}),
    );
    house.post("bob", "trader", "/trading/orders", sell).await.good();
    let auction = house.get("bob", "trader", "/trading/instruments/ACME/auction").await.good();
    assert_eq!(
        (auction["quantity"].as_str(), auction["surplus"].as_str()),
        (Some("10"), Some("0")),
        "{auction}"
    );
}

#[tokio::test]
async fn a_kill_switch_stops_orders_and_is_lifted() {
    let house = House::trading().await;
    let engage = json!({"switch": {"account": "ANN"}, "reason": "INC-2023-17"});
    house.office("risk", "/risk/kill-switches", engage).await;
    let reply = house.post("ann", "trader", "/trading/orders", order()).await;
    assert_eq!(reply.problem(), (422, "risk.kill-switch-engaged"));
    let shown = house.get("r", "risk", "/risk/kill-switches").await.good();
    assert_eq!(shown["items"], json!([{"switch": {"account": "ANN"}, "reason": "INC-2023-17"}]));
    house.office("risk", "/risk/kill-switches/lift", json!({"switch": {"account": "ANN"}})).await;
    house.post("ann", "trader", "/trading/orders", order()).await.good();
    let reply = house.post("risk-1", "risk", "/risk/kill-switches/lift", json!({"switch": "all"})).await;
    assert_eq!(reply.problem(), (409, "risk.switch-not-engaged"));
    let history = house.get("r", "risk", "/risk/kill-switches/history").await.good();
    assert!(history["items"][0]["lifted_position"].is_u64(), "{history}");
}

#[tokio::test]
async fn what_would_bind_nobody_is_refused_by_the_name_that_is_not_known() {
    let house = House::trading().await;
    let before = house.node.durable_position();
    let switch = |switch: Value| json!({"switch": switch, "reason": "INC-1"});
    let entry = |restriction: Value| json!({"restriction": restriction});
    let limit = |scope: Value| json!({"scope": scope, "measure": "order_rate", "limit": "1"});
    let pair = |instrument, account| json!({"restriction": {"instrument_for_account": {"instrument": instrument, "account": account}}});
    let (switches, entries) = ("/risk/kill-switches", "/compliance/restrictions");
    for (role, path, body, field) in [
        ("risk", switches, switch(json!({"account": "ANNE"})), "switch.account"),
        ("risk", switches, switch(json!({"participant": "NORD"})), "switch.participant"),
        ("risk", switches, switch(json!({"instrument": "ACNE"})), "switch.instrument"),
        ("risk", "/risk/limits", limit(json!({"account": "ANNE"})), "scope.account"),
        ("risk", "/risk/limits", limit(json!({"participant": "NORD"})), "scope.participant"),
        ("compliance", entries, entry(json!({"account": "ANNE"})), "restriction.account"),
        ("compliance", entries, entry(json!({"instrument": "ACNE"})), "restriction.instrument"),
        ("compliance", entries, pair("ACNE", "ANN"), "restriction.instrument_for_account.instrument"),
        ("compliance", entries, pair("ACME", "ANNE"), "restriction.instrument_for_account.account"),
        ("operator", "/settlement/models/MIAN", json!({"model": "net"}), "market"),
    ] {
        let reply = house.post("someone", role, path, body).await;
        assert_eq!(reply.problem(), (400, "request.unknown-reference"), "{path}: {}", reply.text);
        assert_eq!(reply.body["field"], field);
    }
    assert_eq!(house.node.durable_position(), before, "nothing was written");
    for reason in ["", "orders of J. Doe", "INC-2023-17\n", "ünfug", &"1".repeat(37)] {
        let engage = json!({"switch": "all", "reason": reason});
        let reply = house.post("risk-1", "risk", switches, engage).await;
        assert_eq!(reply.problem(), (400, "request.invalid-field"), "{reason}");
        assert_eq!(reply.body["field"], "reason", "a reference holds no personal data: {reason}");
    }
    assert_eq!(house.node.durable_position(), before, "nothing was written");
}

#[tokio::test]
async fn limits_are_text_in_their_own_scale_and_alerts_follow() {
    let house = House::trading().await;
    let limit =
        json!({"scope": {"account": "ANN"}, "measure": {"gross_exposure": "EUR"}, "limit": "1000.00"});
    house.office("risk", "/risk/limits", limit.clone()).await;
    let shown = house.get("r", "risk", "/risk/limits?account=ANN").await.good();
    assert_eq!(shown["items"], json!([limit]));
    house.post("ann", "trader", "/trading/orders", order()).await.good();
    let exposures = house.get("r", "risk", "/risk/exposures?account=ANN").await.good();
    let gross =
        exposures["items"].as_array().unwrap().iter().find(|line| line["measure"]["gross_exposure"] == "EUR");
    assert_eq!(gross.unwrap()["utilisation_percent"], "90.00");
    let alerts = house.get("r", "risk", "/risk/alerts?account=ANN").await.good();
    assert_eq!(
        (alerts["items"][0]["percent"].as_u64(), alerts["items"][0]["used"].as_str()),
        (Some(80), Some("900.00"))
    );
    let lift = json!({"scope": {"account": "ANN"}, "measure": {"gross_exposure": "EUR"}, "limit": null});
    house.office("risk", "/risk/limits", lift).await;
    assert_eq!(house.get("r", "risk", "/risk/limits?account=ANN").await.good()["items"], json!([]));
    house.office("risk", "/risk/alert-thresholds", json!({"percents": [50]})).await;
    assert_eq!(house.get("r", "risk", "/risk/alert-thresholds").await.good()["percents"], json!([50]));
    let bad = house.post("risk-1", "risk", "/risk/alert-thresholds", json!({"percents": [0]})).await;
    assert_eq!(bad.problem(), (422, "risk.bad-thresholds"));
}

#[tokio::test]
async fn fault_19_a_bundle_that_is_not_fit_leaves_the_last_good_one_in_force() {
    let house = House::trading().await;
    let good = bundle(json!({"base": {"single_order": 500, "orders_per_hour": 10}, "markets": {}}));
    let mut broken = good.clone();
    broken["modules"][0]["text"] = json!("package finance.compliance\nnonsense {");
    let mut without_authz = good.clone();
    without_authz["modules"].as_array_mut().unwrap().retain(|module| module["name"] != "finance/authz.rego");
    for (bad, code) in
        [(broken, "compliance.bundle-does-not-compile"), (without_authz, "compliance.bundle-lacks-rule")]
    {
        let reply = house.post("compliance-1", "compliance", "/compliance/policies", bad).await;
        assert_eq!(reply.problem(), (422, code), "{}", reply.text);
    }
    house.post("ann", "trader", "/trading/orders", order()).await.good();
    let trial = house.office("compliance", "/compliance/policies/dry-run", json!({"bundle": good})).await;
    assert_eq!(
        (trial["examined"].as_u64(), trial["newly_denied"].as_array().unwrap().len()),
        (Some(1), 1),
        "{trial}"
    );
    assert_eq!(
        house.get("c", "compliance", "/compliance/policies").await.good()["version"],
        1,
        "nothing changed"
    );
    house.office("compliance", "/compliance/policies", good).await;
    let denied = house.post("ann", "trader", "/trading/orders", order()).await;
    assert_eq!(denied.problem(), (422, "compliance.single-order-limit"));
    let history = house.get("c", "compliance", "/compliance/policies/history").await.good();
    assert_eq!(history["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_new_policy_governs_who_may_call_what_at_once() {
    let house = House::trading().await;
    assert_eq!(house.ask("ann", "trader", Method::GET, "/trading/assets").await.status, 200);
    let mut closed = bundle(json!({"base": {"single_order": 500, "orders_per_hour": 10}, "markets": {}}));
    let modules = closed["modules"].as_array_mut().unwrap();
    let authz = modules.iter_mut().find(|module| module["name"] == "finance/authz.rego").unwrap();
    authz["text"] = json!(
        "package finance.authz\nimport rego.v1\ndefault allow := false\nallow if \"compliance\" in input.token.roles"
    );
    house.office("compliance", "/compliance/policies", closed).await;
    assert_eq!(
        house.ask("ann", "trader", Method::GET, "/trading/assets").await.problem(),
        (403, "auth.forbidden")
    );
    assert_eq!(house.ask("c", "compliance", Method::GET, "/trading/assets").await.status, 200);
    assert_eq!(
        house.ask("x", "trader", Method::GET, "/healthz").await.status,
        200,
        "probes do not depend on a policy"
    );
}

#[tokio::test]
async fn the_restricted_list_denies_and_shows() {
    let house = House::trading().await;
    let entry = json!({"restriction": {"instrument_for_account": {"instrument": "ACME", "account": "ANN"}}});
    house.office("compliance", "/compliance/restrictions", entry.clone()).await;
    assert_eq!(
        house.post("ann", "trader", "/trading/orders", order()).await.problem(),
        (422, "compliance.restricted")
    );
    let shown = house.get("c", "compliance", "/compliance/restrictions").await.good();
    assert_eq!(shown["items"][0]["restriction"], entry["restriction"]);
    house.office("compliance", "/compliance/restrictions/remove", entry).await;
    house.post("ann", "trader", "/trading/orders", order()).await.good();
    let status = house.get("c", "compliance", "/compliance/status").await.good();
    assert_eq!((status["policy"].as_u64(), status["restrictions"].as_u64()), (Some(1), Some(0)));
    assert_eq!(status["followers"][0]["name"], "views");
}

#[tokio::test]
async fn limits_and_exposures_come_in_pages_of_scopes() {
    let house = House::trading().await;
    for scope in [json!({"account": "ANN"}), json!({"account": "BOB"}), json!({"participant": "SOUTH"})] {
        let limit = json!({"scope": scope, "measure": {"gross_exposure": "EUR"}, "limit": "1000.00"});
        house.office("risk", "/risk/limits", limit).await;
    }
    for list in ["/risk/limits", "/risk/exposures"] {
        let whole = house.get("r", "risk", list).await.good();
        assert_eq!((whole["items"].as_array().unwrap().len(), &whole["next"]), (3, &Value::Null), "{whole}");
        let (mut paged, mut next) = (Vec::new(), String::new());
        loop {
            let page = house.get("r", "risk", &format!("{list}?limit=1{next}")).await.good();
            paged.extend(page["items"].as_array().unwrap().clone());
            let Some(cursor) = page["next"].as_str() else { break };
            next = format!("&cursor={cursor}");
        }
        assert_eq!(Value::Array(paged), whole["items"]);
        let bad = house.get("r", "risk", &format!("{list}?cursor=ANN")).await;
        assert_eq!(bad.problem(), (400, "request.invalid-query"), "{}", bad.text);
        assert_eq!(house.get("r", "risk", &format!("{list}?limit=0")).await.body["field"], "limit");
    }
}

#[tokio::test]
async fn nothing_settles_for_a_date_that_has_not_come() {
    let house = House::open();
    let process = |date| house.post("operator-1", "operator", "/settlement/process", json!({"date": date}));
    let reply = process("2023-02-07").await;
    assert_eq!(reply.problem(), (409, "settlement.date-not-reached"), "no day is open");
    house.open_market().await;
    let sell = order_with(json!({"account": "BOB", "side": "sell"}));
    house.post("bob", "trader", "/trading/orders", sell).await.good();
    house.post("ann", "trader", "/trading/orders", order()).await.good();
    for date in ["2023-02-08", "2099-01-01"] {
        let reply = process(date).await;
        assert_eq!(reply.problem(), (409, "settlement.date-not-reached"));
        assert_eq!(reply.body["field"], "date");
        let detail = reply.body["detail"].as_str().unwrap();
        assert!(detail.contains(date) && detail.contains("2023-02-07"), "{detail}");
    }
    assert_eq!(process("2023-02-06").await.good()["settled"], 0, "a day that is over may be settled again");
    assert_eq!(process("2023-02-07").await.good()["settled"], 1, "and nothing was settled ahead");
}

#[tokio::test]
async fn a_trader_sees_what_he_owes_and_nobody_elses_obligations() {
    let house = House::trading().await;
    let sell = order_with(json!({"account": "BOB", "side": "sell"}));
    house.post("bob", "trader", "/trading/orders", sell).await.good();
    house.post("ann", "trader", "/trading/orders", order()).await.good();
    let path = "/settlement/obligations";
    let own = house.get("ann", "trader", path).await.good();
    assert_eq!(own["items"].as_array().unwrap().len(), 1, "of both sides the own one: {own}");
    assert_eq!((&own["items"][0]["account"], &own["items"][0]["side"]), (&json!("ANN"), &json!("buy")));
    assert!(!own.to_string().contains("BOB") && !own.to_string().contains("SOUTH"), "{own}");
    for filter in ["account=BOB", "participant=SOUTH"] {
        let others = house.get("ann", "trader", &format!("{path}?{filter}")).await.good();
        assert_eq!(others["items"], json!([]), "{filter}");
    }
    let all = house.get("o", "operator", path).await.good();
    assert_eq!(all["items"].as_array().unwrap().len(), 2, "an office sees both sides");
}

#[tokio::test]
async fn fault_21_a_short_leg_is_recycled_and_reported() {
    let house = House::trading().await;
    house.office("operator", "/settlement/models/MAIN", json!({"model": "net"})).await;
    house.office("operator", "/settlement/calendars/DAYS", json!({"weekend": [5, 6]})).await;
    let days = json!({"calendar": "DAYS", "weekend": [5, 6], "holidays": []});
    assert_eq!(house.get("o", "operator", "/settlement/calendars").await.good()["items"], json!([days]));
    let sell = order_with(json!({"account": "BOB", "side": "sell"}));
    house.post("bob", "trader", "/trading/orders", sell).await.good();
    house.post("ann", "trader", "/trading/orders", order()).await.good();
    let due = house.get("o", "operator", "/settlement/due?date=2023-02-07").await.good();
    assert_eq!((due["trades"].as_u64(), due["totals"].as_array().unwrap().len()), (Some(1), 2), "{due}");
    let short = json!({"participant": "SOUTH", "asset": "ACME", "missing": "10"});
    house.office("operator", "/settlement/shortfalls", short.clone()).await;
    assert_eq!(house.get("o", "operator", "/settlement/shortfalls").await.good()["items"], json!([short]));
    let run = house.office("operator", "/settlement/process", json!({"date": "2023-02-07"})).await;
    assert_eq!((run["settled"].as_u64(), run["recycled"].as_u64()), (Some(0), Some(1)), "{run}");
    let shown = house.get("o", "operator", &format!("/settlement/runs/{}", run["run"])).await.good();
    assert_eq!(shown["recycled"][0]["due_next"], "2023-02-08");
    assert_eq!(
        house.get("o", "operator", "/settlement/runs/99").await.problem(),
        (404, "settlement.unknown-run")
    );
    let clear = json!({"participant": "SOUTH", "asset": "ACME", "missing": "0"});
    house.office("operator", "/settlement/shortfalls", clear).await;
    house.office("operator", "/trading/business-day", json!({"date": "2023-02-08"})).await;
    let next = house.office("service", "/settlement/process", json!({"date": "2023-02-08"})).await;
    assert_eq!(next["settled"], 1, "a machine may start it: {next}");
    let obligations = house.get("o", "operator", "/settlement/obligations?account=ANN").await.good();
    assert_eq!(obligations["items"][0]["status"], "settled");
    let net = house.get("o", "operator", "/settlement/net-positions").await.good();
    assert!(!net["items"].as_array().unwrap().is_empty(), "{net}");
    let models = house.get("o", "operator", "/settlement/models").await.good();
    assert_eq!(models["items"], json!([{"market": "MAIN", "model": "net"}]));
    let quotas = house.get("o", "operator", "/settlement/quotas").await.good();
    assert_eq!(quotas["items"][0]["quota"], "1000000000.00");
}

#[tokio::test]
async fn reports_come_as_json_csv_and_a_page() {
    let house = House::trading().await;
    house.post("ann", "trader", "/trading/orders", order()).await.good();
    for path in ["/settlement/reports/2023-02-07", "/risk/report", "/compliance/report"] {
        let json = house.get("c", "compliance", path).await;
        assert_eq!(json.header("content-type"), "application/json", "{}", json.text);
        assert_eq!(json.body["date"], "2023-02-07", "of the open business day: {}", json.text);
        assert_eq!(json.body["journal_hash"].as_str().unwrap().len(), 64);
        let csv = house.get("c", "compliance", &format!("{path}?format=csv")).await;
        assert!(csv.header("content-type").starts_with("text/csv"), "{}", csv.text);
        let request = axum::http::Request::get(path)
            .header("authorization", format!("Bearer {}", house.token("c", "compliance")))
            .header("accept", "text/html");
        let html = house.send(request.body(axum::body::Body::empty()).unwrap()).await;
        assert!(html.header("content-type").starts_with("text/html"));
        assert!(html.text.contains("<html") && html.text.contains("2023-02-07"));
        let bad = house.get("c", "compliance", &format!("{path}?format=pdf")).await;
        assert_eq!(bad.problem(), (400, "request.invalid-query"));
    }
    let bad = house.get("c", "compliance", "/settlement/reports/yesterday").await;
    assert_eq!(bad.problem(), (400, "request.invalid-path"));
}

#[tokio::test]
async fn what_is_stuck_is_listed_and_only_what_is_stuck_is_retried() {
    let house = House::trading().await;
    assert_eq!(house.get("o", "operator", "/operations/stuck").await.good()["items"], json!([]));
    let message = json!({"from": "trading", "position": 1, "index": 0});
    let reply = house.post("o", "operator", "/operations/messages/retry", message).await;
    assert_eq!(reply.problem(), (404, "node.unknown-message"));
    let reply = house.ask("o", "operator", Method::POST, "/operations/blocks/1/retry").await;
    assert_eq!(reply.problem(), (404, "block.unknown"));
}
