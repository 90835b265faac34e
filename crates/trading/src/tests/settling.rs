//! The end of an order: closed in the market, and every execution final, in whatever order that happens.

use super::check;
use super::market::Market;
use vocabulary::Side;

#[test]
fn an_executed_order_is_settled_with_its_last_execution() {
    check(
        &["ann sells 2 at 100.00", "bob sells 3 at 100.00", "cat buys 5 at 100.00"],
        &["settle 2 buy", "settle 1 buy", "settle 1 sell", "settle 2 sell"],
        &[
            "#3 has trade 2 settled",
            "#3 has trade 1 settled",
            "#3 settled",
            "#1 has trade 1 settled",
            "#1 settled",
            "#2 has trade 2 settled",
            "#2 settled",
        ],
    );
}

#[test]
fn an_order_that_is_canceled_after_its_last_settlement_is_settled_then() {
    check(
        &["ann sells 5 at 100.00", "bob buys 2 at 100.00", "settle 1 sell", "settle 1 buy"],
        &["cancel #1"],
        &["#1 canceled with 3 left: Requested", "#1 settled"],
    );
}

#[test]
fn an_order_that_expires_or_is_swept_after_its_last_settlement_is_settled_then() {
    let given = ["ann sells 5 at 100.00 day", "bob buys 2 at 100.00", "settle 1 sell", "settle 1 buy"];
    check(
        &given,
        &["phase closed", "sweep on"],
        &["phase Closed", "sweep starts: DayEnded", "#1 expired with 3 left", "#1 settled", "sweep ends"],
    );
    check(
        &given,
        &["cancel all"],
        &["sweep starts: Requested", "#1 canceled with 3 left: Requested", "#1 settled", "sweep ends"],
    );
}

#[test]
fn an_order_that_prevention_takes_out_after_its_last_settlement_is_settled_then() {
    check(
        &["ann sells 5 at 100.00", "bob buys 2 at 100.00", "settle 1 sell", "settle 1 buy"],
        &["ann buys 5 at 100.00 stp-both"],
        &[
            "#3 created",
            "#3 accepted",
            "#1 canceled with 3 left: SelfTrade",
            "#1 settled",
            "#3 canceled with 5 left: SelfTrade",
        ],
    );
}

#[test]
fn a_replaced_order_is_settled_when_its_executions_are_final() {
    check(
        &["ann sells 5 at 100.00", "bob buys 2 at 100.00", "settle 1 sell"],
        &["replace #1 at 101.00"],
        &["#3 created for #1", "#1 canceled with 3 left: Replaced", "#1 settled", "#3 accepted", "#3 rests"],
    );
    check(
        &["ann sells 5 at 100.00", "bob buys 2 at 100.00", "replace #1 at 101.00"],
        &["settle 1 sell"],
        &["#1 has trade 1 settled", "#1 settled"],
    );
}

#[test]
fn an_order_executed_and_ended_in_one_go_waits_for_settlement() {
    check(
        &["ann sells 2 at 100.00", "bob buys 5 at 100.00 ioc"],
        &["settle 1 buy", "settle 1 sell"],
        &["#2 has trade 1 settled", "#2 settled", "#1 has trade 1 settled", "#1 settled"],
    );
}

#[test]
fn a_live_order_goes_on_after_its_first_executions_are_final() {
    check(
        &["ann sells 5 at 100.00", "bob buys 2 at 100.00", "settle 1 sell", "cat buys 3 at 100.00"],
        &["settle 2 sell"],
        &["#1 has trade 2 settled", "#1 settled"],
    );
}

#[test]
fn nothing_is_left_when_all_is_settled() {
    let mut market = Market::open();
    for line in [
        "ann sells 5 at 100.00",
        "bob buys 2 at 100.00",
        "cat buys 9 at 100.00 day",
        "replace #3 at 101.00",
        "bob sells 1 at 101.00",
        "cancel all",
    ] {
        market.must(line);
    }
    for trade in 0..market.trades.len() {
        for side in [Side::Buy, Side::Sell] {
            market.settle(trade, side).unwrap();
            market.verify();
        }
    }
    assert_eq!(market.trading.order_count(), 0);
    assert!(market.trading.unsettled.is_empty());
    for totals in market.trading.ledger().totals().values() {
        assert!(totals.frozen.is_zero() && totals.clearing.is_zero() && totals.counterparty.is_zero());
    }
    market.check_replay();
}
