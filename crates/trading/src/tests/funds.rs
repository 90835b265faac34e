//! What orders freeze, what executions take, what comes back, and what settlement pays out: cent by cent.

use super::market::{Market, id};
use crate::Balance;
use vocabulary::{Amount, Side};

fn balance(market: &Market, account: &str, asset: &str) -> Balance {
    market.trading.ledger().account(id(account)).unwrap().balance(id(asset))
}

#[track_caller]
fn check_euros(market: &Market, account: &str, available: i128, frozen: i128, clearing: i128) {
    let expected =
        Balance { available: Amount(available), frozen: Amount(frozen), clearing: Amount(clearing) };
    assert_eq!(balance(market, account, "EUR"), expected, "EUR of {account}");
}

#[track_caller]
fn check_shares(market: &Market, account: &str, available: i128, frozen: i128, clearing: i128) {
    let expected =
        Balance { available: Amount(available), frozen: Amount(frozen), clearing: Amount(clearing) };
    assert_eq!(balance(market, account, "ACME"), expected, "shares of {account}");
}

#[test]
fn a_buy_freezes_its_limit_and_the_higher_fee_and_a_sell_its_shares() {
    let mut market = Market::open();
    market.must("ann buys 10 at 100.00");
    check_euros(&market, "ANN", 1_000_000_00 - 1_002_00, 1_002_00, 0);
    market.must("bob sells 7 at 101.00");
    check_shares(&market, "BOB", 9_993, 7, 0);
    check_euros(&market, "BOB", 1_000_000_00, 0, 0);
    market.must("cancel #1");
    market.must("cancel #2");
    check_euros(&market, "ANN", 1_000_000_00, 0, 0);
    check_shares(&market, "BOB", 10_000, 0, 0);
}

#[test]
fn a_market_order_freezes_the_end_of_the_band_until_it_knows_better() {
    let mut market = Market::open();
    market.must("ann buys 10 at market ioc undecided");
    check_euros(&market, "ANN", 1_000_000_00 - 1_202_40, 1_202_40, 0);
    market.must("accept #1");
    check_euros(&market, "ANN", 1_000_000_00, 0, 0);
}

#[test]
fn a_taker_that_buys_better_than_its_limit_gets_the_difference_back() {
    let mut market = Market::open();
    market.must("bob sells 4 at 99.00");
    market.must("ann buys 10 at 100.00");
    // Four at 99.00 cost 396.00 and a taker's fee of 0.79; six at 100.00 with 0.2 % stay frozen.
    check_euros(&market, "ANN", 1_000_000_00 - 396_79 - 601_20, 601_20, 396_79);
    check_shares(&market, "BOB", 9_996, 0, 4);
    check_shares(&market, "ANN", 10_000, 0, 0);
}

#[test]
fn a_maker_that_buys_pays_the_lower_fee_and_gets_the_difference_back() {
    let mut market = Market::open();
    market.must("ann buys 10 at 100.00");
    market.must("bob sells 10 at 99.00");
    // 1000.00 and a maker's fee of 1.00.
    check_euros(&market, "ANN", 1_000_000_00 - 1_001_00, 0, 1_001_00);
    check_shares(&market, "BOB", 9_990, 0, 10);
}

#[test]
fn many_small_fills_never_cost_more_than_was_frozen() {
    let mut market = Market::open();
    for _ in 0..7 {
        market.must("bob sells 1 at 99.99");
    }
    market.must("ann buys 7 at 99.99");
    // Each fill's fee of 0.19998 rounds down to 0.19; the whole would be 1.39.
    check_euros(&market, "ANN", 1_000_000_00 - 699_93 - 7 * 19, 0, 699_93 + 7 * 19);
    market.verify();
}

#[test]
fn shrinking_gives_back_its_part() {
    let mut market = Market::open();
    market.must("ann buys 10 at 100.00");
    market.must("replace #1 to 4");
    check_euros(&market, "ANN", 1_000_000_00 - 400_80, 400_80, 0);
}

#[test]
fn settlement_hands_over_shares_money_and_fees() {
    let mut market = Market::open();
    market.must("bob sells 10 at 100.00");
    market.must("ann buys 10 at 100.00");
    market.must("settle 1 buy");
    check_euros(&market, "ANN", 1_000_000_00 - 1_002_00, 0, 0);
    check_shares(&market, "ANN", 10_010, 0, 0);
    check_euros(&market, "BOB", 1_000_000_00, 0, 0);
    market.must("settle 1 sell");
    check_euros(&market, "BOB", 1_000_000_00 + 999_00, 0, 0);
    check_shares(&market, "BOB", 9_990, 0, 0);
    let totals = market.trading.ledger().totals()[&id("EUR")];
    assert_eq!((totals.fees, totals.counterparty, totals.clearing), (Amount(3_00), Amount(0), Amount(0)));
    assert_eq!(market.trading.order_count(), 0);
}

#[test]
fn a_report_that_comes_again_changes_nothing() {
    let mut market = Market::open();
    market.must("bob sells 10 at 100.00");
    market.must("ann buys 10 at 100.00");
    for side in [Side::Sell, Side::Buy] {
        assert!(!market.settle(0, side).unwrap().is_empty());
        let before = market.trading.clone();
        for again in [Side::Sell, side] {
            assert_eq!(market.settle(0, again), Ok(Vec::new()));
        }
        assert!(market.trading == before);
    }
    market.verify();
}

#[test]
fn what_is_frozen_or_in_clearing_cannot_be_spent_or_taken_out() {
    let mut market = Market::open_with(1_002_00, 10);
    market.must("ann buys 10 at 100.00");
    let refusal = market.run("ann buys 1 at 100.00").unwrap_err();
    assert_eq!(refusal.to_string(), "account ANN has 0.00 EUR available and needs 100.20");
    let refusal = market.run("bob sells 11 at 100.00").unwrap_err();
    assert_eq!(refusal.to_string(), "account BOB has 10 ACME available and needs 11");
    market.must("bob sells 10 at 100.00");
    let refusal = market.run("bob sells 1 at 100.00").unwrap_err();
    assert_eq!(refusal.to_string(), "account BOB has 0 ACME available and needs 1");
    let (account, asset) = (id("ANN"), id("EUR"));
    // The maker's fee is half of what was frozen for fees: 1.00 came back.
    let withdraw = |amount| crate::Command::Withdraw { account, asset, amount: Amount(amount) };
    assert!(market.command(withdraw(1_01)).is_err());
    assert!(market.command(withdraw(1_00)).is_ok());
    market.verify();
}
