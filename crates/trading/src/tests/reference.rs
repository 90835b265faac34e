//! Reference data and funds: what may be defined, that defining it again changes nothing, and every refusal.

use super::market::{Market, acme, id};
use crate::{Command, Refusal};
use vocabulary::{Amount, Asset, AssetKind, Instrument, Price, Quantity};

#[track_caller]
fn check_no(market: &mut Market, command: Command, code: &str, sentence: &str) {
    let refusal: Refusal = market.command(command).unwrap_err();
    assert_eq!((refusal.code(), refusal.to_string().as_str()), (code, sentence));
}

fn asset(code: &str, scale: u8) -> Command {
    Command::DefineAsset(Asset { asset: id(code), kind: AssetKind::Currency, scale })
}

#[test]
fn defining_the_same_again_changes_nothing() {
    let mut market = Market::closed(5, 5);
    let before = market.trading.clone();
    let (account, participant) = (id("ANN"), id("NORTH"));
    for command in [
        asset("EUR", 2),
        Command::DefineInstrument(Box::new(acme())),
        Command::RegisterParticipant { participant },
        Command::OpenAccount { account, participant, owner: id("owner-1") },
    ] {
        assert_eq!(market.command(command.clone()), Ok(Vec::new()), "{command:?}");
    }
    assert!(market.trading == before);
}

#[test]
fn defining_it_differently_is_refused() {
    let market = &mut Market::closed(5, 5);
    let code = "trading.already-defined";
    check_no(market, asset("EUR", 3), code, "asset EUR is already defined, and differently");
    let other = Instrument { settlement_days: 1, ..acme() };
    let sentence = "instrument ACME is already defined, and differently";
    check_no(market, Command::DefineInstrument(Box::new(other)), code, sentence);
    let (account, participant) = (id("ANN"), id("NORTH"));
    let open = Command::OpenAccount { account, participant, owner: id("owner-2") };
    check_no(market, open, code, "account ANN is already defined, and differently");
}

#[test]
fn assets_instruments_and_accounts_must_be_right() {
    let market = &mut Market::closed(5, 5);
    check_no(market, asset("BIG", 13), "trading.invalid-definition", "scale must be at most 12");
    let open = Command::OpenAccount { account: id("DORA"), participant: id("WEST"), owner: id("o") };
    check_no(market, open, "trading.unknown-participant", "there is no participant WEST");
    type Change = fn(&mut Instrument);
    let wrong: [(Change, &str); 15] = [
        (|i| i.base = id("NONE"), "there is no asset NONE"),
        (|i| i.quote = id("NONE"), "there is no asset NONE"),
        (|i| i.quote = id("ACME"), "quote must be another asset than base"),
        (|i| i.base_scale = 3, "base_scale and quote_scale must be those of the assets"),
        (|i| i.price_scale = 13, "price_scale must be at most 12"),
        (|i| i.tick = Price(0), "tick must be above 0 and at most 10^15 minor units"),
        (|i| i.lot = Quantity(0), "lot must be above 0 and at most 10^15 minor units"),
        (
            |i| i.price_scale = 3,
            "tick times lot must be a whole number of the quote's minor units: use a larger tick or lot, or a quote with more decimals",
        ),
        (|i| i.band_bp = Some(0), "band_percent must be above 0 and below 100"),
        (|i| i.band_bp = Some(10_000), "band_percent must be above 0 and below 100"),
        (|i| i.reference_price = Price(0), "reference_price must be above 0 and at most 10^15 minor units"),
        (
            |i| (i.tick, i.reference_price) = (Price(3), Price(100)),
            "reference_price must be a multiple of the tick size",
        ),
        (|i| i.settlement_days = 3, "settlement_days must be 0, 1 or 2"),
        (|i| i.fees.taker_ppm = 100_001, "fees must be at most 10 percent"),
        (|i| i.lot = Quantity(Quantity::MAX.0 + 1), "lot must be above 0 and at most 10^15 minor units"),
    ];
    for (change, sentence) in wrong {
        let mut instrument = Instrument { instrument: id("NEW"), ..acme() };
        change(&mut instrument);
        let refusal = market.command(Command::DefineInstrument(Box::new(instrument))).unwrap_err();
        assert_eq!(refusal.to_string(), sentence);
    }
}

#[test]
fn the_largest_tick_and_lot_do_not_overflow() {
    let mut market = Market::empty();
    for (code, scale) in [("BASE", 0), ("QUOTE", 12)] {
        market.command(asset(code, scale)).unwrap();
    }
    let instrument = Instrument {
        base: id("BASE"),
        quote: id("QUOTE"),
        price_scale: 0,
        quote_scale: 12,
        tick: Price::MAX,
        lot: Quantity::MAX,
        reference_price: Price::MAX,
        ..acme()
    };
    let refusal = market.command(Command::DefineInstrument(Box::new(instrument))).unwrap_err();
    assert_eq!(refusal.field(), Some("tick"));
}

#[test]
fn reference_prices_must_be_right() {
    let market = &mut Market::closed(5, 5);
    let set = |instrument: &str, price| Command::SetReferencePrice { instrument: id(instrument), price };
    check_no(market, set("NONE", Price(1)), "trading.unknown-instrument", "there is no instrument NONE");
    let sentence = "reference_price must be above 0 and at most 10^15 minor units";
    check_no(market, set("ACME", Price(-1)), "trading.invalid-definition", sentence);
}

#[test]
fn money_comes_in_and_goes_out_within_bounds() {
    let market = &mut Market::closed(5, 5);
    let (ann, eur) = (id("ANN"), id("EUR"));
    let deposit = |account, asset, amount| Command::Deposit { account, asset, amount: Amount(amount) };
    let withdraw = |account, asset, amount| Command::Withdraw { account, asset, amount: Amount(amount) };
    for command in [deposit, withdraw] {
        check_no(market, command(id("DORA"), eur, 1), "trading.unknown-account", "there is no account DORA");
        check_no(market, command(ann, id("NONE"), 1), "trading.unknown-asset", "there is no asset NONE");
        for amount in [0, -1, Amount::MAX.0 + 1] {
            let sentence = "amount must be above 0 and at most 10^30 minor units";
            check_no(market, command(ann, eur, amount), "trading.amount-out-of-range", sentence);
        }
    }
    let sentence = "account ANN has 0.05 EUR available and needs 0.06";
    check_no(market, withdraw(ann, eur, 6), "trading.insufficient-funds", sentence);
    market.command(withdraw(ann, eur, 5)).unwrap();
    market.command(deposit(ann, eur, Amount::MAX.0)).unwrap();
    market.verify();
}

#[test]
fn business_days_go_forward() {
    let market = &mut Market::closed(5, 5);
    let open = |date: &str| Command::OpenBusinessDay { date: id(date) };
    assert_eq!(market.command(open("2023-02-07")).unwrap().len(), 1);
    assert_eq!(market.command(open("2023-02-07")).unwrap(), []);
    let sentence = "date must not be before 2023-02-07";
    check_no(market, open("2023-02-06"), "trading.business-day-not-later", sentence);
    assert_eq!(market.command(open("2023-02-08")).unwrap().len(), 1);
}
