//! An order's whole life within one node.

use super::market::{Market, id, limit};
use crate::{Command, Event, ReceiptResult};
use trading::Status;
use vocabulary::{Amount, Side};

fn names(events: &[Event]) -> Vec<String> {
    let name = |event: &Event| {
        let text = format!("{event:?}");
        let inner = text.split_once('(').map_or(text.as_str(), |(_, rest)| rest);
        inner.chars().take_while(char::is_ascii_alphanumeric).collect()
    };
    events.iter().map(name).collect()
}

#[test]
fn an_order_is_one_record_from_creation_to_execution() {
    let mut market = Market::open();
    market.place(limit("BOB", Side::Sell, 100_00, 10));
    let events =
        market.must(Command::Trading(trading::Command::PlaceOrder(limit("ANN", Side::Buy, 101_00, 4))));
    let expected = [
        "OrderCreated",
        "OrderChecked",
        "BranchAnswered",
        "ExposureHeld",
        "BranchAnswered",
        "QuotaHeld",
        "BranchAnswered",
        "OrderAccepted",
        "OrderExecuted",
        "ExposureConfirmed",
        "ObligationRecorded",
        "ExposureConfirmed",
        "ObligationRecorded",
    ];
    assert_eq!(names(&events), expected);
    let ReceiptResult::Order(receipt) = market.records.last().unwrap().receipt().result else { panic!() };
    assert_eq!((receipt.status, receipt.executed.0), (Status::Executed, 4));
    market.check_replay();
}

#[test]
fn settlement_pays_and_delivers_and_ends_the_order() {
    let mut market = Market::open();
    market.place(limit("BOB", Side::Sell, 100_00, 10));
    market.place(limit("ANN", Side::Buy, 100_00, 10));
    market.must(Command::Settlement(settlement::Command::Process { date: id("2023-02-09") }));
    market.settle_down();
    let ledger = market.engine.state().trading.ledger();
    let ann = ledger.account(id("ANN")).unwrap();
    let bob = ledger.account(id("BOB")).unwrap();
    assert_eq!(ann.balance(id("ACME")).available, Amount(10_010));
    assert_eq!(ann.balance(id("EUR")).available, Amount(500_000_00 - 1_000_00 - 30));
    assert_eq!(bob.balance(id("EUR")).available, Amount(500_000_00 + 1_000_00 - 10));
    assert_eq!(ledger.totals()[&id("EUR")].fees, Amount(40));
    assert_eq!(market.engine.state().trading.order_count(), 0, "both orders are settled and gone");
    market.check_replay();
}

#[test]
fn a_rejected_order_leaves_nothing_held() {
    let mut market = Market::open();
    let (scope, measure) = (risk::Scope::Account(id("ANN")), risk::Measure::OrderNotional(id("EUR")));
    market.must(Command::Risk(risk::Command::SetLimit { scope, measure, limit: Some(Amount(100_00)) }));
    let before = market.engine.state().trading.ledger().clone();
    let events =
        market.must(Command::Trading(trading::Command::PlaceOrder(limit("ANN", Side::Buy, 100_00, 2))));
    let names = names(&events);
    assert_eq!(names.last().unwrap(), "QuotaReleased", "{names:?}");
    assert!(!names.iter().any(|name| name == "ExposureReleased"), "risk said no, so it holds nothing");
    assert_eq!(market.engine.state().trading.ledger(), &before);
    market.check_replay();
}
