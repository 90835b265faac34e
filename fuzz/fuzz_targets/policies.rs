//! Any policy bundle is refused, or judges every order the same way each time; nothing that it holds stops the process.
//!
//! An input has up to three parts, each after a line `---`: rules, data, and an order's side, price, quantity, notional,
//! scale and count of orders in the hour. Where rules or data are empty, those that are shipped stand in.

#![no_main]

use compliance::{Authorizer, Bundle, CheckInput, Judgement, Module, Rules, default_bundle};
use libfuzzer_sys::{Corpus, fuzz_target};
use vocabulary::{Amount, CorrelationId, OrderId, OrderTerms, Price, Quantity, Side};

fuzz_target!(|text: &str| -> Corpus {
    if asks_for_width(text) {
        return Corpus::Reject;
    }
    let mut parts = text.splitn(3, "\n---\n").map(str::trim);
    let [rules, data, order] = [(); 3].map(|()| parts.next().unwrap_or_default());
    let bundle = bundle(rules, data);
    drop(Authorizer::compile(&bundle));
    let Ok(mut compiled) = Rules::compile(&bundle) else { return Corpus::Keep };
    for order in [order_of(order), order_of("sell 1 1 1 0 1")] {
        let judgement = compiled.judge(&order);
        check(&judgement);
        assert_eq!(compiled.judge(&order), judgement, "the same order is judged the same again");
        let mut fresh = Rules::compile(&bundle).expect("what compiles once compiles again");
        assert_eq!(fresh.judge(&order), judgement, "a judgement does not depend on those before");
        assert!(serde_json::from_str::<serde_json::Value>(&order.to_json()).is_ok());
    }
    Corpus::Keep
});

/// How wide a number is printed has no bound, which is known: see docs/testing.md, "Not covered".
fn asks_for_width(text: &str) -> bool {
    text.split('%').skip(1).any(|rest| rest.bytes().take_while(u8::is_ascii_digit).count() > 4)
}

fn bundle(rules: &str, data: &str) -> Bundle {
    let mut bundle = default_bundle();
    if !rules.is_empty() {
        bundle.modules = vec![Module { name: "drawn.rego".to_owned(), text: rules.to_owned() }];
    }
    if data.is_empty() { bundle } else { bundle.with_data(data) }
}

fn order_of(text: &str) -> CheckInput {
    let mut words = text.split_whitespace();
    let side = if words.next() == Some("sell") { Side::Sell } else { Side::Buy };
    let mut number = || words.next().and_then(|word| word.parse::<i128>().ok()).unwrap_or(1);
    let small = |number: i128| i64::try_from(number).unwrap_or(i64::MAX);
    CheckInput {
        terms: OrderTerms {
            order: OrderId(1),
            account: "A1".parse().expect("a code"),
            participant: "P1".parse().expect("a code"),
            instrument: "600519".parse().expect("a code"),
            market: "SSE".parse().expect("a code"),
            base: "600519".parse().expect("a code"),
            quote: "CNY".parse().expect("a code"),
            side,
            correlation: CorrelationId(1),
        },
        user: "u-1".parse().expect("an id"),
        price: Price(small(number())),
        quantity: Quantity(small(number())),
        notional: Amount(number()),
        quote_scale: u8::try_from(number()).unwrap_or(u8::MAX),
        orders_in_hour: u32::try_from(number()).unwrap_or(u32::MAX),
    }
}

/// What the decision log and the refusal of an order can hold.
fn check(judgement: &Judgement) {
    assert_eq!(judgement.allowed(), judgement.reasons.is_empty());
    assert!(judgement.reasons.len() <= 16);
    for reason in &judgement.reasons {
        assert!(reason.code.len() <= 512 && reason.message.len() <= 1_024, "{reason:?}");
    }
}
