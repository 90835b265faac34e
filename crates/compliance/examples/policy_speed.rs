//! How long one check takes: `cargo run --release --example policy_speed -p compliance`.

#![allow(clippy::print_stdout)] // Its output is what it is for.

use compliance::{Access, Authorizer, Command, Compliance, Event, Rules, default_bundle};
use std::hint::black_box;
use std::time::{Duration, Instant};
use vocabulary::{
    Amount, CorrelationId, Moment, OrderId, OrderTerms, Price, Quantity, Side, Timestamp, UserId,
};

const CHECKS: u64 = 500;
const ROUNDS: usize = 1_000;

/// Nanoseconds a call in the best of many short rounds, so that other work on the machine shows little.
fn per_call(mut round: impl FnMut() -> Duration) -> u128 {
    let best = (0..ROUNDS).map(|_| round()).min().unwrap_or_default();
    best.as_nanos() / u128::from(CHECKS)
}

fn order(number: u64, users: &[UserId]) -> Command {
    let code = |text: &str| vocabulary::Code::new(text).expect("a code");
    Command::Check {
        terms: OrderTerms {
            order: OrderId(number),
            account: vocabulary::AccountId(code(&format!("A{}", number % 1_000))),
            participant: vocabulary::ParticipantId(code("P1")),
            instrument: vocabulary::InstrumentId(code("600519")),
            market: vocabulary::MarketId(code("SSE")),
            base: vocabulary::AssetId(code("600519")),
            quote: vocabulary::AssetId(code("CNY")),
            side: if number.is_multiple_of(2) { Side::Buy } else { Side::Sell },
            correlation: CorrelationId(u128::from(number)),
        },
        user: users[usize::try_from(number).expect("fits") % users.len()],
        price: Price(180_000),
        quantity: Quantity(100),
        notional: Amount(18_000_000),
        quote_scale: 2,
        deadline: Timestamp(1_000_000_000),
    }
}

fn main() {
    let users: Vec<UserId> = (0..10_000).map(|n| format!("user-{n}").parse().expect("a user")).collect();
    let commands: Vec<Command> = (0..CHECKS).map(|n| order(n, &users)).collect();
    let at = Moment::default();
    let mut rules = Rules::default();
    let mut ready = Compliance::default();
    let activate = Command::ActivatePolicy { bundle: default_bundle() };
    for event in ready.decide(&mut rules, &activate, at).expect("the shipped bundle is fit") {
        ready.apply(&event, at);
    }
    let sample = ready.decide(&mut rules, &commands[0], at).expect("a decision");
    let input = sample.first().and_then(Event::check_input).expect("a check");

    let judge = per_call(|| {
        let start = Instant::now();
        for _ in 0..CHECKS {
            black_box(rules.judge(black_box(&input)));
        }
        start.elapsed()
    });
    let whole = per_call(|| {
        let mut compliance = ready.clone();
        let start = Instant::now();
        for command in &commands {
            for event in compliance.decide(&mut rules, command, at).expect("a decision") {
                compliance.apply(&event, at);
            }
        }
        start.elapsed()
    });
    let mut authorizer = Authorizer::compile(&default_bundle()).expect("the shipped bundle is fit");
    let access = Access { roles: &["trader"], method: "POST", path: "/trading/orders", ..Access::default() };
    let authorize = per_call(|| {
        let start = Instant::now();
        for _ in 0..CHECKS {
            assert!(authorizer.allow(black_box(&access)));
        }
        start.elapsed()
    });
    println!("judge: {judge} ns an order");
    println!("decide and apply: {whole} ns an order");
    println!("authorize: {authorize} ns a request");
}
