//! Boundaries of the shipped rules, and what bundles may and may not do.

use super::*;
use crate::test_orders::an_order;
use crate::{Module, default_bundle};

const OVER_AMOUNT: &str = "交易金额超过单笔限额（100 万）";
const OVER_COUNT: &str = "交易频率超过限制（每小时 100 笔）";
const MILLION: Amount = Amount(100_000_000);

fn bundle(compliance: &str) -> Bundle {
    let text = format!("package finance.compliance\nimport rego.v1\n{compliance}");
    Bundle { modules: vec![Module { name: "compliance.rego".into(), text }], data: "{}".into() }
}

fn reason(code: &str, message: &str) -> Reason {
    Reason { code: code.into(), message: message.into() }
}

fn judged(bundle: &Bundle, order: CheckInput) -> Vec<Reason> {
    Rules::compile(bundle).unwrap().judge(&order).reasons
}

fn refused(rule: &str) -> BadBundle {
    Rules::compile(&bundle(rule)).unwrap_err()
}

#[test]
fn rules_are_for_one_thread_at_a_time_but_may_move() {
    fn movable<T: Send>() {}
    movable::<Rules>();
}

#[test]
fn a_million_passes_and_one_minor_unit_more_does_not() {
    let order = |notional| CheckInput { notional, ..an_order() };
    let mut rules = Rules::compile(&default_bundle()).unwrap();
    assert!(rules.judge(&order(MILLION)).allowed());
    let over = [reason("compliance.single-order-limit", OVER_AMOUNT)];
    assert_eq!(rules.judge(&order(MILLION + Amount(1))).reasons, over);
    assert_eq!(rules.judge(&order(Amount::MAX)).reasons, over);
    assert!(rules.judge(&order(MILLION)).allowed(), "one order's verdict does not touch the next");
}

#[test]
fn the_hundredth_order_of_the_hour_passes_and_the_next_does_not() {
    let order = |orders_in_hour| CheckInput { orders_in_hour, ..an_order() };
    assert_eq!(judged(&default_bundle(), order(100)), []);
    let over = [reason("compliance.orders-per-hour", OVER_COUNT)];
    assert_eq!(judged(&default_bundle(), order(101)), over);
}

#[test]
fn reasons_come_in_the_order_of_their_messages() {
    let order = CheckInput { notional: MILLION + Amount(1), orders_in_hour: 101, ..an_order() };
    let messages: Vec<String> = judged(&default_bundle(), order).into_iter().map(|r| r.message).collect();
    assert_eq!(messages, [OVER_AMOUNT, OVER_COUNT]);
}

#[test]
fn a_market_sets_its_own_limit_and_the_message_names_it() {
    let data = r#"{"finance": {"limits": {
        "base": {"single_order": 1000000, "orders_per_hour": 100},
        "markets": {"SSE": {"single_order": 5000000}}}}}"#;
    let bundle = default_bundle().with_data(data);
    let order = CheckInput { notional: Amount(500_000_000), ..an_order() };
    assert_eq!(judged(&bundle, order), []);
    let over = CheckInput { notional: Amount(500_000_001), ..order };
    let message = "交易金额超过单笔限额（500 万）";
    assert_eq!(judged(&bundle, over), [reason("compliance.single-order-limit", message)]);
    let mut elsewhere = order;
    elsewhere.terms.market = "SZSE".parse().unwrap();
    assert_eq!(judged(&bundle, elsewhere), [reason("compliance.single-order-limit", OVER_AMOUNT)]);
}

#[test]
fn without_data_the_limits_are_those_of_the_rules() {
    let bundle = default_bundle().with_data("{}");
    assert_eq!(judged(&bundle, CheckInput { notional: MILLION, orders_in_hour: 100, ..an_order() }), []);
    let over = CheckInput { notional: MILLION + Amount(1), orders_in_hour: 101, ..an_order() };
    assert_eq!(judged(&bundle, over).len(), 2);
}

#[test]
fn the_virtual_machine_decides_as_the_interpreter_does() {
    let base = r#""base": {"single_order": 10, "orders_per_hour": 2}"#;
    let limits = [
        String::new(),
        base.to_owned(),
        format!(r#"{base}, "markets": {{}}"#),
        format!(r#"{base}, "markets": {{"SZSE": {{"single_order": 99}}}}"#),
        format!(r#"{base}, "markets": {{"SSE": {{"single_order": 990000}}}}"#),
        format!(r#"{base}, "markets": {{"SSE": {{"orders_per_hour": 7}}}}"#),
        format!(r#"{base}, "markets": {{"SSE": {{"orders_per_hour": 7, "single_order": 1}}}}"#),
    ];
    let amounts = [0, 100, 101, 1_000, 1_001, 9_900, 9_901, 99_000_000, 99_000_001, 100_000_000, 100_000_001];
    for limits in limits {
        let data = match limits.as_str() {
            "" => "{}".into(),
            limits => format!(r#"{{"finance": {{"limits": {{{limits}}}}}}}"#),
        };
        let bundle = default_bundle().with_data(data.clone());
        let mut rules = Rules::compile(&bundle).unwrap();
        let mut interpreter = regorus::Engine::new();
        interpreter.add_data_json(&data).unwrap();
        for module in bundle.modules {
            interpreter.add_policy(module.name, module.text).unwrap();
        }
        for notional in amounts {
            for orders_in_hour in [1, 2, 3, 7, 8, 100, 101] {
                let order = CheckInput { notional: Amount(notional), orders_in_hour, ..an_order() };
                interpreter.set_input_json(&order.to_json()).unwrap();
                let expected = interpreter.eval_rule(DENY_RULE.into()).unwrap();
                let messages = rules.judge(&order).reasons.into_iter().map(|r| Value::from(r.message));
                let denied = Value::from(messages.collect::<std::collections::BTreeSet<_>>());
                assert_eq!(denied, expected, "{data} {}", order.to_json());
            }
        }
    }
}

#[test]
fn a_denial_may_be_a_message_or_an_object_with_a_code() {
    let bundle = bundle(
        r#"deny contains "plain" if input.orders_in_hour > 0
           deny contains {"code": "house.rule", "message": "with a code"} if input.orders_in_hour > 0
           deny contains {"unexpected": 1} if input.orders_in_hour > 0"#,
    );
    let expected = [
        reason(POLICY_DENIED, "plain"),
        reason("house.rule", "with a code"),
        reason(POLICY_DENIED, r#"{"unexpected":1}"#),
    ];
    assert_eq!(judged(&bundle, an_order()), expected);
}

#[test]
fn a_flood_of_long_reasons_is_cut() {
    let bundle = bundle(
        r#"deny contains message if {
               some i in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]
               message := sprintf("%d%s", [i, replace("..............................", ".", "交易金额超过")])
           }"#,
    );
    let reasons = judged(&bundle, an_order());
    assert_eq!(reasons.len(), REASONS_MAX);
    assert!(reasons.iter().all(|reason| reason.message.len() <= crate::program::MESSAGE_MAX));
}

#[test]
fn without_rules_every_order_is_denied() {
    let reasons = Rules::default().judge(&an_order()).reasons;
    assert_eq!(reasons, [reason(NO_DECISION, "no policy is in force")]);
}

#[test]
fn fault_19_a_bundle_that_does_not_compile_is_refused_with_what_the_compiler_says() {
    let BadBundle::DoesNotCompile { message } = refused("deny[msg] { true }") else { panic!("compiled") };
    assert!(message.contains("compliance.rego:3"), "{message}");
    for broken in ["deny contains no_such_function(1)", "deny contains no_such_variable", "default deny ="] {
        assert!(matches!(refused(broken), BadBundle::DoesNotCompile { .. }), "{broken}");
    }
}

#[test]
fn a_bundle_whose_data_is_no_json_object_is_refused() {
    for data in ["", "[1]", "{", r#"{"a": 1e999}"#, r#"{"finance": {"compliance": {"deny": []}}}"#] {
        let refused = Rules::compile(&default_bundle().with_data(data)).unwrap_err();
        assert!(matches!(refused, BadBundle::DoesNotCompile { .. }), "{data}: {refused}");
    }
}

#[test]
fn limits_that_are_not_numbers_are_refused() {
    for (limits, error) in [
        (r#"{"base": {"single_order": 1}}"#, "finance.limits.base.orders_per_hour is not a number"),
        (
            r#"{"base": {"single_order": 1, "orders_per_hour": 1}, "markets": {"SSE": {"single_order": "5"}}}"#,
            "finance.limits.markets.SSE.single_order is not a number",
        ),
    ] {
        let bundle = default_bundle().with_data(format!(r#"{{"finance": {{"limits": {limits}}}}}"#));
        let message = format!(r#"["{error}"]"#);
        assert_eq!(Rules::compile(&bundle).unwrap_err(), BadBundle::BadData { message });
    }
}

#[test]
fn fault_19_a_bundle_without_the_deny_rule_is_refused() {
    assert_eq!(refused("allow := true"), BadBundle::LacksRule { rule: DENY_RULE.into() });
    let empty = Bundle { modules: Vec::new(), data: "{}".into() };
    assert_eq!(Rules::compile(&empty).unwrap_err(), BadBundle::LacksRule { rule: DENY_RULE.into() });
}

#[test]
fn a_bundle_with_two_modules_of_one_name_is_refused() {
    let mut twice = default_bundle();
    twice.modules.push(twice.modules[0].clone());
    assert!(matches!(Rules::compile(&twice), Err(BadBundle::DoesNotCompile { .. })));
}

#[test]
fn a_bundle_over_the_size_is_refused() {
    let large = bundle(&format!("# {}", "x".repeat(Bundle::SIZE_MAX)));
    assert_eq!(Rules::compile(&large).unwrap_err(), BadBundle::TooLarge);
}

#[test]
fn fault_19_a_bundle_that_is_slow_on_a_sample_is_refused() {
    let slow = r#"
        many := [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]
        deny contains "slow" if { some a in many; some b in many; some c in many; a + b + c > 100 }"#;
    assert_eq!(refused(slow), BadBundle::OverBudget);
}

#[test]
fn a_bundle_whose_answer_is_no_set_is_refused() {
    assert!(matches!(refused("deny := true"), BadBundle::GivesNoDecision { .. }));
    assert!(matches!(refused("deny := {1} if input.no_such_field"), BadBundle::GivesNoDecision { .. }));
}

#[test]
fn builtins_without_a_fixed_answer_or_cost_are_refused() {
    for call in [
        r#"rand.intn("dice", 6)"#,
        "count(numbers.range(1, 1000000000))",
        "bits.lsh(1, 4000000000)",
        r#"units.parse("1e999999999")"#,
        r#"units.parse_bytes("1e999999999G")"#,
        r#"trace("x")"#,
    ] {
        let refused = refused(&format!("deny contains \"x\" if {call} == 3"));
        assert!(matches!(refused, BadBundle::DoesNotCompile { .. }), "{call}: {refused}");
    }
    for call in
        ["time.now_ns()", r#"http.send({"method": "get", "url": "http://localhost"})"#, "opa.runtime()"]
    {
        let refused = refused(&format!("deny contains \"x\" if {call} == 3"));
        assert!(matches!(refused, BadBundle::DoesNotCompile { .. }), "{call}: {refused}");
    }
}

/// On the stack of the thread they would end the process before they end by themselves.
#[test]
fn fault_19_rules_that_call_themselves_are_refused_and_overflow_nothing() {
    let deep: String = (0..3_000).map(|n| format!("f{n}(x) := f{}(x)\n", n + 1)).collect();
    for rules in [
        "again(x) := again(x)\ndeny contains \"x\" if again(1)",
        "one(x) := two(x)\ntwo(x) := one(x)\ndeny contains \"x\" if one(1)",
        "again := data.finance.compliance.again\ndeny contains \"x\" if again",
        "deny contains x if some x in data.finance.compliance.deny",
        &format!("{deep}f3000(x) := x\ndeny contains \"x\" if f0(1)"),
    ] {
        assert_eq!(refused(rules), BadBundle::OverBudget, "{rules:.60}");
    }
    let by_input = "deny contains x if { some name; data.finance[name].deny[x] }";
    assert!(matches!(refused(by_input), BadBundle::DoesNotCompile { .. }));
    // What recurs only for some orders comes into force, and gives no decision for those.
    let sometimes = "again(x) := again(x)
        deny contains \"x\" if { input.attributes.request.body.account == \"SLOW\"; again(1) }";
    let mut rules = Rules::compile(&bundle(sometimes)).unwrap();
    let mut slow = an_order();
    slow.terms.account = "SLOW".parse().unwrap();
    assert_eq!(rules.judge(&slow).reasons[0].code, NO_DECISION);
    assert!(rules.judge(&an_order()).allowed());
}

#[test]
fn fault_19_an_order_on_which_the_policy_is_too_slow_is_denied_and_the_next_is_judged() {
    let slow_for_one_account = bundle(
        r#"many := [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]
        deny contains "slow" if {
            input.attributes.request.body.account == "SLOW"
            some a in many; some b in many; some c in many; a + b + c > 100
        }"#,
    );
    let mut rules = Rules::compile(&slow_for_one_account).unwrap();
    let mut slow = an_order();
    slow.terms.account = "SLOW".parse().unwrap();
    for _ in 0..2 {
        let reasons = rules.judge(&slow).reasons;
        assert_eq!(reasons, [reason(NO_DECISION, "the policy took more than 10000 instructions")]);
        assert!(rules.judge(&an_order()).allowed());
    }
}

#[test]
fn a_bundle_costs_the_same_number_of_instructions_whenever_it_is_compiled() {
    let cost = || {
        let mut program = Program::compile(&default_bundle(), DENY_RULE, &[CODES_RULE]).unwrap();
        let input = InputDocument::new().fill(&an_order());
        (1..1_000).find(|max| program.evaluate_within(*max, 0, input.clone()).is_ok()).unwrap()
    };
    let first = cost();
    assert!((0..20).all(|_| cost() == first));
}

#[test]
fn compiled_rules_follow_the_bundle_in_force() {
    let open = bundle("deny contains \"never\" if false");
    let closed = bundle("deny contains \"always\"");
    let mut rules = Rules::default();
    for (in_force, allowed) in
        [(Some(&open), true), (Some(&closed), false), (Some(&open), true), (None, false)]
    {
        rules.follow(in_force.map(|bundle| (bundle, bundle.digest())));
        assert_eq!(rules.judge(&an_order()).allowed(), allowed);
    }
}

#[test]
fn fault_19_a_bundle_in_force_that_no_longer_compiles_denies() {
    let broken = bundle("deny[x] { true }");
    let mut rules = Rules::default();
    rules.follow(Some((&broken, broken.digest())));
    assert_eq!(rules.judge(&an_order()).reasons[0].code, NO_DECISION);
}
