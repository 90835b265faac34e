//! Bytes of recorded events. These are never edited: what was written once must be read for good.

use super::market::{Market, acme, id};
use crate::{Cause, CreatedOrder, Event, OrderKind, Phase, Scope};
use vocabulary::{
    Amount, Asset, AssetKind, CorrelationId, Fill, OrderId, OrderTerms, Price, Quantity, Reason, Reserved,
    SelfTradePrevention, SettledSide, Side, TimeInForce, Trade, TradeId, TradeSide,
};

const ORDER: OrderId = OrderId(7);
const TRADE: TradeId = TradeId { position: 9, index: 1 };

fn terms() -> OrderTerms {
    OrderTerms {
        order: ORDER,
        account: id("ANN"),
        participant: id("NORTH"),
        instrument: id("ACME"),
        market: id("MAIN"),
        base: id("ACME"),
        quote: id("EUR"),
        side: Side::Buy,
        correlation: CorrelationId(0xab),
    }
}

fn created(kind: OrderKind) -> Event {
    Event::OrderCreated(Box::new(CreatedOrder {
        terms: terms(),
        kind,
        limit: Price(100_00),
        quantity: Quantity(10),
        time_in_force: TimeInForce::Day,
        post_only: true,
        self_trade_prevention: SelfTradePrevention::CancelOldest,
        client_order_id: Some(id("C-1")),
        user: id("user-1"),
        frozen: Amount(1_002_00),
        notional: Amount(1_000_00),
        replaces: Some(OrderId(3)),
        digest: 0x0123_4567_89ab_cdef,
        quote_scale: 2,
    }))
}

fn trade() -> Trade {
    let side = |order| TradeSide {
        order,
        account: id("ANN"),
        participant: id("NORTH"),
        fee: Amount(50),
        reserved: Amount(500_00),
        part: 2,
        correlation: CorrelationId(0xab),
    };
    Trade {
        trade: TRADE,
        instrument: id("ACME"),
        price: Price(100_00),
        quantity: Quantity(5),
        notional: Amount(500_00),
        trade_date: id("2023-02-07"),
        aggressor: Some(Side::Sell),
        buy: side(ORDER),
        sell: side(OrderId(8)),
    }
}

fn settled() -> SettledSide {
    let fill = Fill {
        trade: TRADE,
        part: 2,
        used: Reserved { quantity: 5, amount: 500_00 },
        quantity: Quantity(5),
        notional: Amount(500_00),
        fee: Amount(50),
        trade_date: id("2023-02-07"),
    };
    SettledSide { terms: terms(), fill, date: id("2023-02-09") }
}

fn events() -> Vec<(&'static str, Event)> {
    let (ann, acme_id, eur) = (id("ANN"), id("ACME"), id("EUR"));
    let (order, released) = (ORDER, Amount(400_80));
    let reason = Reason { code: "risk.order-notional".to_owned(), message: "too much".to_owned() };
    let asset = Asset { asset: eur, kind: AssetKind::Currency, scale: 2 };
    let (from, to) = (Phase::OpeningAuction, Phase::Continuous);
    vec![
        ("AssetDefined", Event::AssetDefined(asset)),
        ("InstrumentDefined", Event::InstrumentDefined(Box::new(acme()))),
        ("ReferencePriceSet", Event::ReferencePriceSet { instrument: acme_id, price: Price(90_00) }),
        ("ParticipantRegistered", Event::ParticipantRegistered { participant: id("NORTH") }),
        (
            "AccountOpened",
            Event::AccountOpened { account: ann, participant: id("NORTH"), owner: id("owner-1") },
        ),
        ("Deposited", Event::Deposited { account: ann, asset: eur, amount: Amount(1_i128 << 70) }),
        ("Withdrawn", Event::Withdrawn { account: ann, asset: eur, amount: Amount(5) }),
        ("BusinessDayOpened", Event::BusinessDayOpened { date: id("2023-02-07") }),
        ("PhaseChanged", Event::PhaseChanged { instrument: acme_id, from, to }),
        (
            "AuctionUncrossed",
            Event::AuctionUncrossed {
                instrument: acme_id,
                price: Price(100_00),
                quantity: Quantity(5),
                surplus: -3,
            },
        ),
        ("OrderCreated (limit)", created(OrderKind::Limit(Price(100_00)))),
        ("OrderCreated (market)", created(OrderKind::Market)),
        ("OrderCreated (block)", created(OrderKind::Block(Price(100_00)))),
        ("OrderCleared", Event::OrderCleared { order }),
        ("OrderAccepted", Event::OrderAccepted { order }),
        ("OrderRejected", Event::OrderRejected { order, reason, released }),
        ("OrderRested", Event::OrderRested { order }),
        ("OrderExecuted", Event::OrderExecuted(trade())),
        ("OrderReduced", Event::OrderReduced { order, by: Quantity(6), released, part: 1 }),
        (
            "OrderCanceled",
            Event::OrderCanceled { order, cause: Cause::DayEnded, remaining: Quantity(4), released },
        ),
        ("OrderExpired", Event::OrderExpired { order, remaining: Quantity(4), released }),
        ("ExecutionSettled", Event::ExecutionSettled(Box::new(settled()))),
        ("OrderSettled", Event::OrderSettled { order }),
        ("SweepStarted (all)", Event::SweepStarted { scope: Scope::All, cause: Cause::KillSwitch }),
        (
            "SweepStarted (participant)",
            Event::SweepStarted { scope: Scope::Participant(id("NORTH")), cause: Cause::KillSwitch },
        ),
        (
            "SweepStarted (account)",
            Event::SweepStarted { scope: Scope::Account(ann), cause: Cause::Requested },
        ),
        (
            "SweepStarted (instrument)",
            Event::SweepStarted { scope: Scope::Instrument(acme_id), cause: Cause::DayEnded },
        ),
        ("SweepAdvanced", Event::SweepAdvanced { next: Some(500) }),
        ("SweepAdvanced (ended)", Event::SweepAdvanced { next: None }),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Counts the variants by the number that each begins with.
#[test]
fn events_keep_their_bytes() {
    let golden = include_str!("events.golden");
    let written: Vec<_> = golden.lines().filter_map(|line| line.split_once(": ")).collect();
    let events = events();
    assert_eq!(written.len(), events.len(), "one line for each");
    let mut numbers = Vec::new();
    for ((name, event), (golden_name, golden)) in events.iter().zip(written) {
        let bytes = minicbor::to_vec(event).unwrap();
        assert_eq!((*name, hex(&bytes).as_str()), (golden_name, golden));
        assert_eq!(&minicbor::decode::<Event>(&bytes).unwrap(), event);
        let mut decoder = minicbor::Decoder::new(&bytes);
        decoder.array().unwrap();
        numbers.push(decoder.u32().unwrap());
    }
    numbers.dedup();
    assert_eq!(numbers, (0..=22).collect::<Vec<_>>(), "every variant, in the order of its number");
}

#[test]
fn events_show_by_name() {
    let shown = serde_json::to_value(Event::OrderRested { order: ORDER }).unwrap();
    assert_eq!(shown, serde_json::json!({ "OrderRested": { "order": 7 } }));
    let shown = serde_json::to_value(Event::OrderExecuted(trade())).unwrap();
    assert_eq!(shown["OrderExecuted"]["notional"], "50000");
    assert_eq!(shown["OrderExecuted"]["trade"], "9-1");
}

#[test]
fn bytes_that_are_no_state_are_refused() {
    let market = Market::open();
    let bytes = minicbor::to_vec(&market.trading).unwrap();
    assert!(minicbor::decode::<crate::Trading>(&bytes[..bytes.len() - 1]).is_err());
    assert!(minicbor::decode::<crate::Trading>(&[0x01]).is_err());
}

/// The history ends in the middle of everything: undecided, cleared, swept, replaced, unsettled, sweeping.
#[test]
fn a_snapshot_in_the_middle_of_everything_goes_on_as_if_nothing_was() {
    let mut market = Market::open();
    for line in [
        "ann sells 5 at 100.00 as C-1",
        "bob buys 2 at 100.00",
        "cat buys 3 at 99.00 day",
        "ann buys 9 at 98.00 block",
        "bob buys 1 at 97.00 undecided",
        "replace #1 to 8 at 101.00 undecided",
        "cat buys 1 at 97.00 undecided",
        "kill all of bob",
        "accept #7",
        "kill all of NORTH",
        "phase halted",
    ] {
        market.must(line);
    }
    let bytes = minicbor::to_vec(&market.trading).unwrap();
    let restored: crate::Trading = minicbor::decode(&bytes).unwrap();
    assert!(restored == market.trading);
    let rest =
        ["accept #5", "accept #6", "settle 1 buy", "phase continuous", "cat sells 9 at 97.00", "cancel all"];
    let mut again = market.clone();
    again.trading = restored;
    for line in rest {
        assert_eq!(again.run(line), market.run(line), "{line}");
        market.verify();
    }
    assert!(again.trading == market.trading);
    market.check_replay();
}
