//! The documentation is true: every route is in it, every problem has a page, answers look as it says.

use super::house::{House, order, order_with};
use crate::problem::kinds;
use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn document() -> Value {
    serde_json::to_value(crate::openapi()).unwrap()
}

/// Every operation: method, path, description.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in
            item.as_object().unwrap().iter().filter(|(_, operation)| operation.is_object())
        {
            all.push((method.to_uppercase(), path.clone(), operation.clone()));
        }
    }
    all
}

#[test]
fn the_document_is_openapi_3_1_and_every_reference_in_it_leads_somewhere() {
    let document = document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut references = BTreeSet::new();
    collect_references(&document, &mut references);
    assert!(references.len() > 30);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let name = format!("{method} {path}");
        assert!(
            ids.insert(operation["operationId"].as_str().unwrap().to_owned()),
            "{name}: a second of this id"
        );
        assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{name} has no summary");
        let tag = &operation["tags"][0];
        assert!(
            document["tags"].as_array().unwrap().iter().any(|known| known["name"] == *tag),
            "{name}: {tag}"
        );
        let named: BTreeSet<&str> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let in_path: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(named, in_path, "{name}");
        let open = operation["security"] == json!([{}]);
        assert_eq!(operation["responses"]["401"].is_object(), !open, "{name}");
    }
}

fn collect_references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                found.insert(reference.clone());
            }
            members.values().for_each(|member| collect_references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn unsigned_integers_carry_their_bounds() {
    let document = document();
    let parameters = document["paths"]["/trading/orders/{order}"]["get"]["parameters"].as_array().unwrap();
    let order = parameters.iter().find(|parameter| parameter["name"] == "order").unwrap();
    let schema = &order["schema"];
    assert_eq!((&schema["format"], schema["minimum"].as_u64()), (&json!("uint64"), Some(0)));
    assert_eq!(schema["maximum"].as_f64(), Some(u64::MAX as f64), "{schema}");
    assert!(!document.to_string().contains("u-int"));
}

#[tokio::test]
async fn every_operation_of_the_document_is_served_and_asks_for_a_token() {
    let house = House::open();
    let open = ["/", "/docs", "/openapi.json", "/healthz", "/readyz", "/problems", "/problems/{code}"];
    let all = operations(&document());
    assert!(all.len() > 60, "{}", all.len());
    for (method, path, operation) in all {
        let target = path.replace("{code}", "request.not-found").replace(['{', '}'], "");
        let mut request = Request::builder().method(method.as_str()).uri(target);
        if operation["requestBody"].is_object() {
            request = request.header("content-type", "application/json");
        }
        let body = if operation["requestBody"].is_object() { "{}" } else { "" };
        let reply = house.send(request.body(Body::from(body)).unwrap()).await;
        let expected = if open.contains(&path.as_str()) { 200 } else { 401 };
        assert_eq!(reply.status, expected, "{method} {path}: {}", reply.text);
    }
    let served = house.send(Request::get("/openapi.json").body(Body::empty()).unwrap()).await;
    assert_eq!(served.body, document());
}

#[tokio::test]
async fn the_three_routes_of_the_requirements_are_exactly_there() {
    let paths: BTreeSet<(String, String)> =
        operations(&document()).into_iter().map(|(method, path, _)| (method, path)).collect();
    for (method, path) in
        [("POST", "/trading/orders"), ("GET", "/trading/orders"), ("POST", "/settlement/process")]
    {
        assert!(paths.contains(&(method.to_owned(), path.to_owned())));
    }
}

#[tokio::test]
async fn every_problem_has_a_page_and_its_type_leads_there() {
    let house = House::open();
    let page = |path: String| house.send(Request::get(path).body(Body::empty()).unwrap());
    let all = page("/problems".into()).await;
    for kind in kinds::ALL {
        assert!(all.text.contains(kind.code), "{}", kind.code);
        let one = page(format!("/problems/{}", kind.code)).await;
        assert_eq!(one.status, 200, "{}", kind.code);
        assert!(one.text.contains(kind.title), "{}", kind.code);
    }
    assert_eq!(page("/problems/no.such".into()).await.problem(), (404, "request.not-found"));
    let problem = page("/nothing".into()).await;
    assert_eq!(page(problem.body["type"].as_str().unwrap().to_owned()).await.status, 200);
}

#[tokio::test]
async fn the_documentation_needs_nothing_from_elsewhere() {
    let house = House::open();
    let docs = house.send(Request::get("/docs").body(Body::empty()).unwrap()).await;
    assert!(docs.header("content-type").starts_with("text/html"));
    assert!(!docs.text.contains("https://") && !docs.text.contains("http://"), "everything is in the page");
    assert!(docs.header("content-security-policy").contains("default-src 'none'"));
}

#[tokio::test]
async fn answers_look_as_documented() {
    let house = House::trading().await;
    let document = document();
    house
        .post("bob", "trader", "/trading/orders", order_with(json!({"account": "BOB", "side": "sell"})))
        .await
        .good();
    let placed = house.post("ann", "trader", "/trading/orders", order()).await;
    check(&document, "POST", "/trading/orders", placed.status, &placed.body);
    let limit =
        json!({"scope": {"account": "ANN"}, "measure": {"gross_exposure": "EUR"}, "limit": "1000.00"});
    house.office("risk", "/risk/limits", limit).await;
    house
        .post("ann", "trader", "/trading/orders", order_with(json!({"quantity": "8", "price": "60.00"})))
        .await;
    let denied = house.post("ann", "trader", "/trading/orders", order_with(json!({"quantity": "99"}))).await;
    check(&document, "POST", "/trading/orders", denied.status, &denied.body);
    let switch = json!({"switch": {"instrument": "ACME"}, "reason": "TEST-1"});
    house.office("risk", "/risk/kill-switches", switch).await;
    let entry = json!({"restriction": {"user": "mallory"}});
    house.office("compliance", "/compliance/restrictions", entry).await;
    let run = house.post("o", "operator", "/settlement/process", json!({"date": "2023-02-07"})).await;
    check(&document, "POST", "/settlement/process", run.status, &run.body);
    let order = placed.body["order"].to_string();
    for (method, path, operation) in operations(&document) {
        let streams = path.ends_with("/stream");
        if method != "GET" || streams || operation["security"] == json!([{}]) || path == "/metrics" {
            continue;
        }
        let target =
            path.replace("{order}", &order).replace("{instrument}", "ACME").replace("{account}", "ANN");
        let target = target.replace("{run}", "1").replace("{date}", "2023-02-07").replace("{block}", "1");
        let query = if path == "/settlement/due" { "?date=2023-02-07" } else { "" };
        let role = if path.starts_with("/trading") { "auditor" } else { "compliance" };
        let reply = house.get("w", role, &format!("{target}{query}")).await;
        assert!(reply.status == 200 || path.contains("{block}"), "{path}: {}", reply.text);
        check(&document, &method, &path, reply.status, &reply.body);
    }
}

/// An answer against the schema of its operation and status.
fn check(document: &Value, method: &str, path: &str, status: u16, answer: &Value) {
    let operation = &document["paths"][path][method.to_lowercase()];
    let response = &operation["responses"][status.to_string()];
    let content = response["content"]
        .as_object()
        .unwrap_or_else(|| panic!("{method} {path} {status} is not documented"));
    let (_, content) = content.iter().find(|(kind, _)| kind.ends_with("json")).unwrap();
    let schema = &content["schema"];
    let flaws = flaws(document, schema, answer, "$");
    assert!(flaws.is_empty(), "{method} {path} {status}: {flaws:?} in {answer}");
}

/// Where a value is not what its schema says. Knows as much of JSON Schema as the document uses.
fn flaws(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return flaws(document, document.pointer(&reference[1..]).unwrap(), value, at);
    }
    if let Some(any) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        let all: Vec<Vec<String>> = any.iter().map(|one| flaws(document, one, value, at)).collect();
        return if all.iter().any(Vec::is_empty) { Vec::new() } else { all.concat() };
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return vec![format!("{at}: {value} is not one of {allowed:?}")];
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return Vec::new(),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !kinds.contains(&kind) {
        return vec![format!("{at} is {kind}, not {kinds:?}")];
    }
    let mut found = Vec::new();
    if let (Some(properties), Some(members)) = (schema["properties"].as_object(), value.as_object()) {
        for (name, member) in members {
            match properties.get(name) {
                Some(schema) => found.extend(flaws(document, schema, member, &format!("{at}.{name}"))),
                None => found.push(format!("{at}.{name} is not documented")),
            }
        }
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        found.extend(
            required
                .filter(|name| !members.contains_key(*name))
                .map(|name| format!("{at}.{name} is missing")),
        );
    }
    if let Some(items) = value.as_array() {
        let each = items.iter().enumerate();
        found.extend(
            each.flat_map(|(n, item)| flaws(document, &schema["items"], item, &format!("{at}[{n}]"))),
        );
    }
    found
}

#[tokio::test]
async fn the_correlation_id_of_the_client_is_kept_and_another_is_made() {
    let house = House::trading().await;
    let request = |id: Option<&str>| {
        let mut request = Request::post("/trading/orders")
            .header("authorization", format!("Bearer {}", house.token("ann", "trader")))
            .header("content-type", "application/json");
        if let Some(id) = id {
            request = request.header("x-correlation-id", id);
        }
        house.send(request.body(Body::from(order().to_string())).unwrap())
    };
    let kept = request(Some("0193e2a7-c1d2-7f3a-9b1c-5d6e7f809a1b")).await;
    assert_eq!(kept.header("x-correlation-id"), "0193e2a7c1d27f3a9b1c5d6e7f809a1b");
    let listed = house
        .get("ann", "trader", "/trading/orders?correlation=0193e2a7c1d27f3a9b1c5d6e7f809a1b")
        .await
        .good();
    assert_eq!(listed["items"][0]["order"], kept.body["order"]);
    assert_eq!(request(None).await.header("x-correlation-id").len(), 32);
    assert_eq!(request(Some("not hexadecimal")).await.problem(), (400, "request.invalid-header"));
}

#[tokio::test]
async fn writes_answer_their_position_and_reads_wait_for_it() {
    let house = House::trading().await;
    let placed = house.post("ann", "trader", "/trading/orders", order()).await;
    assert_eq!(placed.header("x-rialto-position"), placed.body["position"].to_string());
    let path = format!("/trading/orders/{}?at_least={}", placed.body["order"], placed.body["position"]);
    let shown = house.ask("ann", "trader", Method::GET, &path).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    let seen: u64 = shown.header("x-rialto-position").parse().unwrap();
    assert!(seen >= placed.body["position"].as_u64().unwrap());
}

#[tokio::test]
async fn metrics_count_requests_orders_and_refusals() {
    let house = House::trading().await;
    house.post("ann", "trader", "/trading/orders", order()).await.good();
    house.post("ann", "trader", "/trading/orders", order_with(json!({"price": "1.00"}))).await;
    let text = house.ask("a", "auditor", Method::GET, "/metrics").await.text;
    for line in [
        "orders_total{code=\"accepted\"} 1",
        "orders_total{code=\"trading.price-outside-band\"} 1",
        "refusals_total{code=\"trading.price-outside-band\"} 1",
        "http_requests_total{method=\"POST\",route=\"/trading/orders\",status=\"2xx\"} 1",
        "node_halted 0",
        "follower_failed{follower=\"views\"} 0",
    ] {
        assert!(text.lines().any(|known| known == line), "{line} in\n{text}");
    }
    assert!(text.contains("http_request_duration_seconds_bucket"));
}
