//! What an order must be like, the order of refusals, and the client's own id.

use super::check;
use super::market::{Market, acme, id, order};
use crate::{Command, OrderKind, Phase, PlaceOrder};
use vocabulary::{Amount, Asset, AssetKind, Instrument, Price, Quantity, Side, TimeInForce};

/// The order is wrong in everything. It is refused for the first reason; that is put right, and the next one shows.
#[test]
fn refusals_come_in_the_documented_order() {
    let mut market = Market::closed(100_00, 1);
    let open_day = Command::OpenBusinessDay { date: id("2023-02-07") };
    let unbanded =
        Instrument { instrument: id("FREE"), tick: Price(5), lot: Quantity(10), band_bp: None, ..acme() };
    let unbanded = Instrument { reference_price: Price(100_00), ..unbanded };
    market.command(Command::DefineInstrument(Box::new(unbanded))).unwrap();
    let mut wrong = order(Side::Buy, 0, 15);
    wrong.account = id("DORA");
    wrong.instrument = id("NONE");
    wrong.kind = OrderKind::Market;
    wrong.time_in_force = TimeInForce::Day;
    wrong.post_only = true;
    wrong.client_order_id = Some(id("C-1"));
    let mut walked = Vec::new();
    let mut expect = |market: &mut Market, wrong: &PlaceOrder, code: &str| {
        let refusal = market.command(Command::PlaceOrder(*wrong)).unwrap_err();
        assert_eq!(refusal.code(), format!("trading.{code}"), "{refusal}");
        walked.push(code.to_owned());
    };
    expect(&mut market, &wrong, "unknown-account");
    wrong.account = id("ANN");
    expect(&mut market, &wrong, "unknown-instrument");
    wrong.instrument = id("FREE");
    expect(&mut market, &wrong, "no-business-day");
    market.command(open_day).unwrap();
    expect(&mut market, &wrong, "phase-forbids");
    for instrument in ["FREE", "ACME"] {
        let (instrument, phase) = (id(instrument), Phase::Continuous);
        market.command(Command::SetPhase { instrument, phase }).unwrap();
    }
    expect(&mut market, &wrong, "contradiction");
    wrong.time_in_force = TimeInForce::ImmediateOrCancel;
    expect(&mut market, &wrong, "contradiction");
    wrong.post_only = false;
    expect(&mut market, &wrong, "quantity-not-in-lots");
    wrong.quantity = Quantity(0);
    expect(&mut market, &wrong, "quantity-out-of-range");
    wrong.quantity = Quantity::MAX;
    expect(&mut market, &wrong, "market-order-needs-band");
    wrong.kind = OrderKind::Limit(Price(0));
    expect(&mut market, &wrong, "price-out-of-range");
    wrong.kind = OrderKind::Limit(Price(123));
    expect(&mut market, &wrong, "price-not-in-ticks");
    (wrong.instrument, wrong.kind) = (id("ACME"), OrderKind::Limit(Price(120_01)));
    expect(&mut market, &wrong, "price-outside-band");
    wrong.kind = OrderKind::Limit(Price(100_00));
    expect(&mut market, &wrong, "notional-too-large");
    wrong.quantity = Quantity(10);
    let used = PlaceOrder { quantity: Quantity(1), kind: OrderKind::Limit(Price(90_00)), ..wrong };
    market.enter(Command::PlaceOrder(used)).unwrap();
    expect(&mut market, &wrong, "client-order-id-reused");
    wrong.client_order_id = Some(id("C-2"));
    expect(&mut market, &wrong, "insufficient-funds");
    let (account, asset) = (id("ANN"), id("EUR"));
    market.command(Command::Deposit { account, asset, amount: Amount(1_000_00) }).unwrap();
    market.enter(Command::PlaceOrder(wrong)).unwrap();
    assert_eq!(walked.len(), 15);
    market.verify();
}

#[test]
fn an_order_with_room_for_nothing_is_refused_before_its_funds() {
    let mut market = Market::empty();
    for code in ["TINY", "SHARE"] {
        let asset = Asset { asset: id(code), kind: AssetKind::Security, scale: 12 };
        market.command(Command::DefineAsset(asset)).unwrap();
    }
    let tiny = Instrument {
        base: id("SHARE"),
        quote: id("TINY"),
        price_scale: 0,
        base_scale: 12,
        quote_scale: 12,
        band_bp: None,
        ..acme()
    };
    market.command(Command::DefineInstrument(Box::new(tiny))).unwrap();
    market.command(Command::RegisterParticipant { participant: id("NORTH") }).unwrap();
    let (account, participant) = (id("ANN"), id("NORTH"));
    market.command(Command::OpenAccount { account, participant, owner: id("o") }).unwrap();
    market.command(Command::Deposit { account, asset: id("SHARE"), amount: Amount::MAX }).unwrap();
    market.command(Command::OpenBusinessDay { date: id("2023-02-07") }).unwrap();
    market.set_phase(Phase::Continuous).unwrap();
    let most = Command::PlaceOrder(order(Side::Sell, 1, Quantity::MAX.0));
    for _ in 0..9_223 {
        market.enter(most.clone()).unwrap();
    }
    let refusal = market.enter(most).unwrap_err();
    assert_eq!(refusal.code(), "trading.book-full");
    market.verify();
    market.must("cancel #1");
    market.enter(Command::PlaceOrder(order(Side::Sell, 1, 1))).unwrap();
}

#[test]
fn contradictions_say_what_does_not_go_together() {
    check(
        &[],
        &[
            "ann buys 1 at market",
            "ann buys 1 at market day",
            "ann buys 1 at 100.00 ioc post-only",
            "ann buys 1 at 100.00 fok post-only",
            "ann buys 1 at market ioc post-only",
            "ann buys 1 at 100.00 day block",
            "ann buys 1 at 100.00 post-only block",
        ],
        &[
            "no: time_in_force of a market order must be immediate_or_cancel or fill_or_kill, because it has no price to rest at",
            "no: time_in_force of a market order must be immediate_or_cancel or fill_or_kill, because it has no price to rest at",
            "no: post_only cannot go with an order that must match at once",
            "no: post_only cannot go with an order that must match at once",
            "no: post_only cannot go with an order that must match at once",
            "no: time_in_force of a leg of a block trade must be good_till_cancel",
            "no: post_only cannot go with a leg of a block trade, which is never on the book",
        ],
    );
}

#[test]
fn prices_and_quantities_of_any_size_are_answered() {
    let mut market = Market::open();
    for (price, quantity) in [
        (i64::MAX, 1),
        (i64::MIN, 1),
        (100_00, i64::MAX),
        (100_00, i64::MIN),
        (Price::MAX.0, Quantity::MAX.0),
        (-1, -1),
    ] {
        for kind in [OrderKind::Limit(Price(price)), OrderKind::Block(Price(price))] {
            let place = PlaceOrder { kind, ..order(Side::Buy, price, quantity) };
            assert!(market.command(Command::PlaceOrder(place)).is_err());
        }
    }
    let place = PlaceOrder { kind: OrderKind::Market, ..order(Side::Buy, 0, Quantity::MAX.0) };
    let place = PlaceOrder { time_in_force: TimeInForce::FillOrKill, ..place };
    assert_eq!(market.command(Command::PlaceOrder(place)).unwrap_err().code(), "trading.notional-too-large");
}

/// In an instrument of the widest scales, price times quantity goes beyond 128 bits.
#[test]
fn a_notional_beyond_all_bounds_is_refused_like_any_that_is_too_large() {
    let mut market = Market::open();
    let asset = Asset { asset: id("FINE"), kind: AssetKind::Currency, scale: 12 };
    market.command(Command::DefineAsset(asset)).unwrap();
    let wide =
        Instrument { instrument: id("WIDE"), quote: id("FINE"), price_scale: 0, quote_scale: 12, ..acme() };
    let wide = Instrument { band_bp: None, ..wide };
    market.command(Command::DefineInstrument(Box::new(wide))).unwrap();
    let (instrument, phase) = (id("WIDE"), Phase::Continuous);
    market.command(Command::SetPhase { instrument, phase }).unwrap();
    let place = PlaceOrder { instrument, ..order(Side::Buy, Price::MAX.0, Quantity::MAX.0) };
    assert_eq!(market.command(Command::PlaceOrder(place)).unwrap_err().code(), "trading.notional-too-large");
}

#[test]
fn the_band_includes_its_ends() {
    check(
        &[],
        &["ann buys 1 at 79.99", "ann buys 1 at 80.00", "ann sells 1 at 120.01", "ann sells 1 at 120.00"],
        &[
            "no: price must lie within the price band, from 80.00 to 120.00",
            "#1 created",
            "#1 accepted",
            "#1 rests",
            "no: price must lie within the price band, from 80.00 to 120.00",
            "#2 created",
            "#2 accepted",
            "#2 rests",
        ],
    );
}

#[test]
fn the_ends_of_the_band_are_rounded_inwards() {
    let of = |reference: i64, band_bp: u32, tick: i64| {
        let banded = Instrument {
            reference_price: Price(reference),
            band_bp: Some(band_bp),
            tick: Price(tick),
            ..acme()
        };
        banded.band().unwrap()
    };
    // 20 % of 8.99 is 1.798: 7.192 to 10.788.
    assert_eq!(of(8_99, 2_000, 1), (Price(7_20), Price(10_78)));
    assert_eq!(of(8_99, 2_000, 5), (Price(7_20), Price(10_75)));
    assert_eq!(of(100_00, 2_000, 5), (Price(80_00), Price(120_00)));
    assert_eq!(of(8_99, 20_000, 5), (Price(5), Price(26_95)));
}

#[test]
fn a_retry_with_the_same_client_order_id_changes_nothing_whatever_has_changed_since() {
    check(
        &["ann buys 1 at 100.00 as C-1"],
        &["ann buys 1 at 100.00 as C-1", "phase closed", "ann buys 1 at 100.00 as C-1"],
        &["phase Closed", "sweep starts: DayEnded"],
    );
    check(&["ann buys 1 at 100.00 as C-1", "cancel #1"], &["ann buys 1 at 100.00 as C-1"], &[]);
}

#[test]
fn a_client_order_id_is_used_once_per_account() {
    check(
        &["ann buys 1 at 100.00 as C-1"],
        &["ann buys 2 at 100.00 as C-1", "ann buys 1 at 100.00 day as C-1", "bob buys 2 at 100.00 as C-1"],
        &[
            "no: client_order_id C-1 was used for order #1, which differs: choose a new one",
            "no: client_order_id C-1 was used for order #1, which differs: choose a new one",
            "#2 created",
            "#2 accepted",
            "#2 rests",
        ],
    );
    let mut market = Market::open();
    market.must("ann buys 1 at 100.00 as C-1");
    assert_eq!(market.trading.order_of_client(id("ANN"), id("C-1")), Some(market.orders[0]));
    assert_eq!(market.trading.order_of_client(id("BOB"), id("C-1")), None);
}

#[test]
fn a_refused_order_does_not_use_up_its_id() {
    check(
        &[],
        &["ann buys 1 at 10.00 as C-1", "ann buys 1 at 100.00 as C-1"],
        &[
            "no: price must lie within the price band, from 80.00 to 120.00",
            "#1 created",
            "#1 accepted",
            "#1 rests",
        ],
    );
}
