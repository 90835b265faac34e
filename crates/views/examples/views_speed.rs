//! How many orders a second the views take in: `cargo run --release --example views_speed -p views`.

#![allow(clippy::print_stdout)] // Its output is what it is for.

#[path = "../tests/market/mod.rs"]
mod market;

use market::{IntoCommand, Market, id, limit, opening, phase};
use std::time::Instant;
use trading::Phase;
use views::ViewsWriter;
use vocabulary::{Quantity, Side};

const ACCOUNTS: u64 = 1_000;
const ORDERS: u64 = 200_000;
const BATCH: usize = 8_192;

/// A deterministic stream of numbers: Knuth's linear congruence.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Limit orders around one price, about half of which trade; each hundredth is cancelled.
fn a_busy_day() -> Market {
    let mut market = Market::empty();
    market::definitions().into_iter().for_each(|command| drop(market.must(command)));
    for account in 0..ACCOUNTS {
        for command in opening(
            &format!("A{account}"),
            &format!("P{}", account % 20),
            &format!("owner-{account}"),
            10_i128.pow(12),
        ) {
            market.must(command);
        }
    }
    market.must(phase("ACME", Phase::Continuous));
    let mut numbers = Numbers(7);
    for number in 0..ORDERS {
        let account = numbers.below(ACCOUNTS);
        let side = if numbers.below(2) == 0 { Side::Buy } else { Side::Sell };
        let price = 100_00 + i64::try_from(numbers.below(40)).expect("small") - 20;
        let mut order = limit(&format!("A{account}"), side, price, 1);
        order.quantity = Quantity(1 + i64::try_from(numbers.below(20)).expect("small"));
        order.user = id(&format!("user-{}", number % 5_000));
        order.client_order_id = Some(id(&format!("client-{number}")));
        let placed = market.place(order);
        if number % 100 == 0 && market.engine.state().trading.order(placed).is_some_and(|o| o.resting) {
            market.must(trading::Command::CancelOrder { order: placed }.into_command());
        }
    }
    market
}

fn main() {
    let start = Instant::now();
    let mut market = a_busy_day();
    let decided = start.elapsed();
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("views.db");
    let mut views = ViewsWriter::open(&path).expect("new views");
    let start = Instant::now();
    for records in market.records.chunks(BATCH) {
        views.follow(records).expect("records that fit");
    }
    let taken = start.elapsed();
    let traded = market.records.len();
    market.process("2023-02-09");
    let start = Instant::now();
    for records in market.records[traded..].chunks(BATCH) {
        views.follow(records).expect("records that fit");
    }
    let settled = start.elapsed();
    let size = std::fs::metadata(&path).map_or(0, |file| file.len());
    let rate = u128::from(ORDERS) * 1_000_000 / taken.as_micros().max(1);
    println!("orders: {ORDERS} in {} records, decided in {decided:?}", market.records.len());
    println!("views: {taken:?}, {rate} orders/s, {} bytes an order", size / ORDERS);
    println!("settlement of the day in views: {settled:?}");
}
