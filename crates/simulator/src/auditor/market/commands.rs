//! What is asked in the market of the tests: reference data, and orders and commands in a few words.

use engine::Command;
use engine::block::ProposeBlock;
use trading::{OrderKind, Phase, PlaceOrder};
use vocabulary::{
    Amount, Asset, AssetKind, FeeSchedule, Instrument, OrderId, Price, Quantity, SelfTradePrevention, Side,
    TimeInForce,
};

use super::SECOND_NS;

pub(crate) fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

pub(crate) fn instrument() -> Instrument {
    Instrument {
        instrument: id("ACME"),
        isin: None,
        market: id("MAIN"),
        base: id("ACME"),
        quote: id("EUR"),
        price_scale: 2,
        tick: Price(1),
        lot: Quantity(1),
        band_bp: Some(2_000),
        reference_price: Price(100_00),
        settlement_days: 2,
        calendar: id("DAYS"),
        fees: FeeSchedule { maker_ppm: 100, taker_ppm: 333 },
        base_scale: 0,
        quote_scale: 2,
    }
}

/// An order that rests until it is cancelled.
pub(crate) fn limit(account: &str, side: Side, price: i64, quantity: i64) -> PlaceOrder {
    PlaceOrder {
        account: id(account),
        instrument: id("ACME"),
        side,
        kind: OrderKind::Limit(Price(price)),
        quantity: Quantity(quantity),
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        self_trade_prevention: SelfTradePrevention::Off,
        client_order_id: None,
        user: id("user-1"),
    }
}

pub(crate) fn named(order: PlaceOrder, name: &str) -> PlaceOrder {
    PlaceOrder { client_order_id: Some(id(name)), ..order }
}

pub(crate) fn place(order: PlaceOrder) -> Command {
    Command::Trading(trading::Command::PlaceOrder(order))
}

pub(crate) fn phase(phase: Phase) -> Command {
    Command::Trading(trading::Command::SetPhase { instrument: id("ACME"), phase })
}

pub(crate) fn process(date: &str) -> Command {
    Command::Settlement(settlement::Command::Process { date: id(date) })
}

pub(crate) fn replace(order: OrderId, price: Option<i64>, quantity: i64) -> Command {
    let (price, quantity, user) = (price.map(Price), Some(Quantity(quantity)), id("user-1"));
    Command::Trading(trading::Command::ReplaceOrder { order, price, quantity, user })
}

pub(crate) fn block(quantity: i64) -> ProposeBlock {
    ProposeBlock {
        account: id("ANN"),
        counterparty: id("BOB"),
        instrument: id("ACME"),
        side: Side::Buy,
        price: Price(101_00),
        quantity: Quantity(quantity),
        consent_ns: 60 * SECOND_NS,
        user: id("user-ann"),
    }
}

pub(crate) fn consent(block: OrderId) -> Command {
    Command::ConsentBlock { block, account: id("BOB"), user: id("user-bob") }
}

/// Commands that make the market known, with funds in every account. ANN and ANNA have one owner.
pub(super) fn definitions() -> Vec<Command> {
    let asset = |code: &str, kind, scale| {
        Command::Trading(trading::Command::DefineAsset(Asset { asset: id(code), kind, scale }))
    };
    let data = r#"{"finance":{"limits":{"base":{"single_order":5000,"orders_per_hour":100000}}}}"#;
    let bundle = compliance::default_bundle().with_data(data);
    let mut all = vec![
        asset("EUR", AssetKind::Currency, 2),
        asset("ACME", AssetKind::Security, 0),
        Command::Trading(trading::Command::DefineInstrument(Box::new(instrument()))),
        Command::Compliance(compliance::Command::ActivatePolicy { bundle }),
        Command::Trading(trading::Command::OpenBusinessDay { date: id("2023-02-07") }),
        phase(Phase::Continuous),
    ];
    let accounts = [("ANN", "NORTH", "owner-a"), ("ANNA", "NORTH", "owner-a"), ("BOB", "SOUTH", "owner-b")];
    for (account, participant, owner) in accounts {
        let (participant, asset, quota) = (id(participant), id("EUR"), Amount(1_000_000_00));
        all.push(Command::Trading(trading::Command::RegisterParticipant { participant }));
        all.push(Command::Settlement(settlement::Command::SetQuota { participant, asset, quota }));
        let (account, owner) = (id(account), id(owner));
        all.push(Command::Trading(trading::Command::OpenAccount { account, participant, owner }));
        for (asset, amount) in [("EUR", 500_000_00), ("ACME", 10_000)] {
            let (asset, amount) = (id(asset), Amount(amount));
            all.push(Command::Trading(trading::Command::Deposit { account, asset, amount }));
        }
    }
    all
}
