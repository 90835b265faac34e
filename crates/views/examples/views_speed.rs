//! What the views cost an order: `cargo run --release --example views_speed -p views [-- records in a transaction
//! [http | busy]]`.
//!
//! Two loads: the one of the HTTP benchmark, and a busier one of many users with ids of their own. Processor time is that of
//! this thread, so what else the machine does matters little.

#![allow(clippy::print_stdout)] // Its output is what it is for.

#[path = "../tests/market/mod.rs"]
mod market;

use engine::Record;
use market::{IntoCommand, Market, id, limit, opening, phase};
use std::time::{Duration, Instant};
use trading::Phase;
use views::ViewsWriter;
use vocabulary::{Quantity, Side};

const ORDERS: u64 = 100_000;
const PASSES: usize = 4;
/// What comes in 25 milliseconds at 20,000 orders a second.
const TRANSACTION_RECORDS: usize = 500;

/// A deterministic stream of numbers: Knuth's linear congruence.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn open(accounts: u64) -> Market {
    let mut market = Market::empty();
    market::definitions().into_iter().for_each(|command| drop(market.must(command)));
    for number in 0..accounts {
        let (account, participant) = (format!("A-{number}"), format!("P{}", number % 20));
        for command in opening(&account, &participant, &format!("owner-{number}"), 10_i128.pow(12)) {
            market.must(command);
        }
    }
    market.must(phase("ACME", Phase::Continuous));
    market
}

/// As the HTTP benchmark: 64 accounts at one price, half of them sell and half of them buy, so every second order trades.
fn as_over_http() -> Market {
    let mut market = open(64);
    let mut numbers = Numbers(11);
    for _ in 0..ORDERS {
        let account = numbers.below(64);
        let side = if account.is_multiple_of(2) { Side::Sell } else { Side::Buy };
        let mut order = limit(&format!("A-{account}"), side, 100_00, 1);
        order.user = id(&format!("owner-{account}"));
        // Slowly enough that compliance denies nobody for too many orders in an hour.
        market.now += 1_000_000_000;
        market.place(order);
    }
    market
}

/// Limit orders around one price, about half of which trade; each hundredth is cancelled.
fn a_busy_day() -> Market {
    let mut market = open(1_000);
    let mut numbers = Numbers(7);
    for number in 0..ORDERS {
        let account = numbers.below(1_000);
        let side = if numbers.below(2) == 0 { Side::Buy } else { Side::Sell };
        let price = 100_00 + i64::try_from(numbers.below(40)).expect("small") - 20;
        let mut order = limit(&format!("A-{account}"), side, price, 1);
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

/// Processor time of this thread, where the system tells it (Linux), else the time that has passed.
fn processor_time(since: Instant) -> Duration {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = schedule.split(' ').next().and_then(|first| first.parse().ok());
    nanoseconds.map_or_else(|| since.elapsed(), Duration::from_nanos)
}

/// What one pass cost.
#[derive(Clone, Copy, Default)]
struct Cost {
    trading: Duration,
    settling: Duration,
    bytes: u64,
}

/// Takes all records into new views; those after `traded` are the settlement of the day.
fn pass(records: &[Record], traded: usize, at_once: usize) -> Cost {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("views.db");
    let mut views = ViewsWriter::open(&path, 0).expect("new views");
    let start = Instant::now();
    let mut take_in = |records: &[Record]| {
        let before = processor_time(start);
        for records in records.chunks(at_once) {
            views.follow(records).expect("records that fit");
        }
        processor_time(start).saturating_sub(before)
    };
    let (trading, settling) = (take_in(&records[..traded]), take_in(&records[traded..]));
    drop(views);
    Cost { trading, settling, bytes: std::fs::metadata(&path).map_or(0, |file| file.len()) }
}

/// The least of a few passes, in a thread that a profiler can tell from the one that made the records.
fn measure(name: &str, mut market: Market, at_once: usize) {
    let traded = market.records.len();
    market.process("2023-02-09");
    let records = &market.records;
    let passes = || (0..PASSES).map(|_| pass(records, traded, at_once)).collect::<Vec<_>>();
    let costs = std::thread::scope(|scope| {
        let views = std::thread::Builder::new().name("views".to_owned());
        views.spawn_scoped(scope, passes).expect("a thread").join().expect("no pass fails")
    });
    let least = |of: fn(&Cost) -> Duration| costs.iter().map(of).min().unwrap_or_default();
    let an_order = |time: Duration| time.as_nanos() / u128::from(ORDERS);
    let (trading, settling) = (an_order(least(|cost| cost.trading)), an_order(least(|cost| cost.settling)));
    let bytes = costs.last().copied().unwrap_or_default().bytes / ORDERS;
    println!("{name}: {trading} ns an order, {settling} ns to settle it, {bytes} bytes on disk");
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let at_once = arguments.next().map_or(TRANSACTION_RECORDS, |text| text.parse().expect("a number"));
    let only = arguments.next();
    let is_wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    if is_wanted("http") {
        measure("http", as_over_http(), at_once);
    }
    if is_wanted("busy") {
        measure("busy", a_busy_day(), at_once);
    }
}
