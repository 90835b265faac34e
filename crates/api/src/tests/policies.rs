//! Policies that are broken, slow or not there (fault 19): the last good bundle stays, and no decision means deny.

use super::house::{House, order, order_with};
use compliance::default_bundle;
use node::NodeConfig;
use serde_json::{Value, json};

/// The shipped bundle with other rules for orders.
fn with_rules(text: &str) -> Value {
    let module = |module: compliance::Module| match module.name.as_str() {
        "finance/compliance.rego" => json!({"name": module.name, "text": text}),
        _ => json!({"name": module.name, "text": module.text}),
    };
    let modules: Vec<Value> = default_bundle().modules.into_iter().map(module).collect();
    json!({"modules": modules, "data": {}})
}

/// Rules that say no to nothing, and these.
fn rules(more: &str) -> String {
    format!("package finance.compliance\nimport rego.v1\ndeny contains \"never\" if false\n{more}")
}

/// More steps than a decision may take, or for ever: a rule cannot tell.
const SLOW: &str = "many := [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]\n\
    slow if { some a in many; some b in many; some c in many; some d in many; a + b + c + d > 1000 }\n";

#[tokio::test]
async fn fault_19_a_bundle_that_is_broken_slow_or_lacks_its_rules_leaves_the_last_good_one_in_force() {
    let house = House::trading().await;
    let in_force = house.get("c", "compliance", "/compliance/policies").await.good();
    let over_all = json!({"modules": in_force["modules"], "data": {"finance": {"limits": {"base": {}}}}});
    let mut without_authz = with_rules(&rules(""));
    without_authz["modules"].as_array_mut().unwrap().retain(|module| module["name"] != "finance/authz.rego");
    let cases = [
        (with_rules("package finance.compliance\nnonsense {"), "compliance.bundle-does-not-compile"),
        (
            with_rules("package finance.compliance\nimport rego.v1\nallow := true"),
            "compliance.bundle-lacks-rule",
        ),
        (without_authz, "compliance.bundle-lacks-rule"),
        (with_rules(&rules(&format!("{SLOW}deny contains \"x\" if slow"))), "compliance.bundle-over-budget"),
        (
            with_rules(&rules("again(x) := again(x)\ndeny contains \"x\" if again(1)")),
            "compliance.bundle-over-budget",
        ),
        (
            with_rules(&rules(
                "deny contains \"x\" if http.send({\"method\": \"get\", \"url\": \"http://x\"})",
            )),
            "compliance.bundle-does-not-compile",
        ),
        (
            with_rules("package finance.compliance\nimport rego.v1\ndeny := 1"),
            "compliance.bundle-gives-no-decision",
        ),
        (over_all, "compliance.bundle-bad-data"),
        (json!({"modules": [], "data": {}}), "compliance.bundle-lacks-rule"),
    ];
    for (bundle, code) in cases {
        let reply = house.post("compliance-1", "compliance", "/compliance/policies", bundle).await;
        assert_eq!(reply.problem(), (422, code), "{}", reply.text);
        assert_eq!(reply.body["position"], house.node.durable_position(), "the refusal is on record: {code}");
        assert_eq!(house.get("c", "compliance", "/compliance/policies").await.good(), in_force, "{code}");
        house.post("ann", "trader", "/trading/orders", order()).await.good();
    }
    let history = house.get("c", "compliance", "/compliance/policies/history").await.good();
    assert_eq!(history["items"].as_array().unwrap().len(), 1, "none of them ever was in force");
    let refusals = house.get("c", "compliance", "/compliance/refusals").await.good();
    let refused: Vec<&str> =
        refusals["items"].as_array().unwrap().iter().map(|item| item["code"].as_str().unwrap()).collect();
    assert_eq!(refused.len(), 9, "each is listed: {refused:?}");
}

#[tokio::test]
async fn fault_19_an_order_on_which_the_policy_does_not_come_to_a_decision_is_denied_and_no_other() {
    let house = House::trading().await;
    let one_side = "deny contains \"x\" if { input.attributes.request.body.account == \"ANN\"; slow }";
    let bundle = with_rules(&rules(&format!("{SLOW}{one_side}")));
    house.office("compliance", "/compliance/policies", bundle).await;
    let available = |account: &'static str, user: &'static str| {
        let path = format!("/trading/accounts/{account}/balances");
        let asked = house.get(user, "trader", &path);
        async move { asked.await.good()["items"].clone() }
    };
    let before = available("ANN", "ann").await;
    for _ in 0..2 {
        let reply = house.post("ann", "trader", "/trading/orders", order()).await;
        assert_eq!(reply.problem(), (422, "compliance.no-decision"), "{}", reply.text);
        let bobs = order_with(json!({"account": "BOB"}));
        house.post("bob", "trader", "/trading/orders", bobs).await.good();
    }
    assert_eq!(available("ANN", "ann").await, before, "nothing is left held for what was denied");
}

#[tokio::test]
async fn fault_19_without_a_policy_every_order_is_denied() {
    let house = House::with(crate::Settings::default(), NodeConfig::default());
    house.define_market().await;
    let reply = house.post("ann", "trader", "/trading/orders", order()).await;
    assert_eq!(reply.problem(), (422, "compliance.no-decision"), "{}", reply.text);
}
