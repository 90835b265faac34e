//! Call auctions: price, volume, surplus, and who trades with whom.

use super::check;
use super::market::{Market, id};
use vocabulary::{Price, Quantity};

/// Collects the orders in a closing auction and ends it.
fn collect(orders: &[&str], then: &[&str]) {
    let given: Vec<&str> = [&["phase closing"], orders].concat();
    let end = ["phase Closed", "sweep starts: DayEnded"];
    check(&given, &["phase closed"], &[then, &end].concat());
}

#[test]
fn nothing_trades_when_nothing_crosses() {
    collect(&["ann buys 5 at 99.00", "bob sells 5 at 99.01"], &[]);
    collect(&["ann buys 5 at 99.00"], &[]);
    collect(&[], &[]);
}

#[test]
fn the_largest_volume_decides_first() {
    collect(
        &["ann buys 5 at 102.00", "ann buys 5 at 100.00", "bob sells 4 at 99.00", "bob sells 6 at 100.00"],
        &[
            "uncross 10 at 100.00, surplus 0",
            "#1 and #3 trade 4 at 100.00",
            "#1 and #4 trade 1 at 100.00",
            "#2 and #4 trade 5 at 100.00",
        ],
    );
}

#[test]
fn then_the_smallest_imbalance() {
    // Five trade at any price from 98.00 to 102.00; above 99.00 two buyers fewer are left over.
    collect(
        &["ann buys 6 at 102.00", "ann buys 2 at 99.00", "bob sells 5 at 98.00"],
        &["uncross 5 at 102.00, surplus 1", "#1 and #3 trade 5 at 102.00"],
    );
}

#[test]
fn then_the_side_of_the_surplus() {
    collect(
        &["ann buys 6 at 102.00", "bob sells 5 at 98.00"],
        &["uncross 5 at 102.00, surplus 1", "#1 and #2 trade 5 at 102.00"],
    );
    collect(
        &["ann buys 5 at 102.00", "bob sells 6 at 98.00"],
        &["uncross 5 at 98.00, surplus -1", "#1 and #2 trade 5 at 98.00"],
    );
}

#[test]
fn then_the_reference_price_or_what_is_nearest_to_it() {
    collect(
        &["ann buys 5 at 102.00", "bob sells 5 at 98.00"],
        &["uncross 5 at 100.00, surplus 0", "#1 and #2 trade 5 at 100.00"],
    );
    collect(
        &["ann buys 5 at 99.00", "bob sells 5 at 98.00"],
        &["uncross 5 at 99.00, surplus 0", "#1 and #2 trade 5 at 99.00"],
    );
    collect(
        &["ann buys 5 at 103.00", "bob sells 5 at 101.00"],
        &["uncross 5 at 101.00, surplus 0", "#1 and #2 trade 5 at 101.00"],
    );
}

#[test]
fn the_nearest_price_may_be_one_that_no_order_names() {
    // Balanced from 97.00 up to just below 99.00, where another seller would come in.
    collect(
        &["ann buys 5 at 103.00", "bob sells 5 at 97.00", "cat sells 5 at 99.00"],
        &["uncross 5 at 98.99, surplus 0", "#1 and #2 trade 5 at 98.99"],
    );
    // Balanced from just above 101.00, where another buyer would come in, up to 103.00.
    collect(
        &["ann buys 5 at 103.00", "cat buys 5 at 101.00", "bob sells 5 at 97.00"],
        &["uncross 5 at 101.01, surplus 0", "#1 and #3 trade 5 at 101.01"],
    );
}

#[test]
fn of_two_prices_as_near_the_higher_counts() {
    // One buyer left over at 99.99 and below, one seller left over at 100.01 and above, and 100.00 trades less.
    let mut market = Market::open();
    for line in ["phase halted", "reference 100.00", "phase closing"] {
        market.must(line);
    }
    for line in
        ["ann buys 3 at 101.00", "cat buys 1 at 99.50", "bob sells 3 at 99.00", "bob sells 1 at 100.50"]
    {
        market.must(line);
    }
    let found = market.trading.indicative_auction(id("ACME")).unwrap();
    assert_eq!((found.price, found.quantity, found.surplus), (Price(100_00), Quantity(3), 0));
    market.must("phase halted");
    market.must("reference 102.00");
    assert_eq!(market.trading.indicative_auction(id("ACME")), None, "not while halted");
    market.must("phase closing");
    let found = market.trading.indicative_auction(id("ACME")).unwrap();
    assert_eq!(found.price, Price(100_49), "as near as the balance lets it");
}

#[test]
fn executions_follow_priority_and_what_is_left_is_carried_over() {
    check(
        &[
            "phase closed",
            "sweep on",
            "phase opening",
            "ann buys 4 at 101.00",
            "bob buys 4 at 102.00",
            "cat buys 4 at 101.00",
            "bob sells 9 at 99.00",
            "cat sells 1 at 103.00",
        ],
        &["phase continuous", "ann sells 5 at 101.00", "ann buys 1 at 103.00"],
        &[
            "uncross 9 at 101.00, surplus 3",
            "#2 and #4 trade 4 at 101.00",
            "#1 and #4 trade 4 at 101.00",
            "#3 and #4 trade 1 at 101.00",
            "phase Continuous",
            "#6 created",
            "#6 accepted",
            "#6 sells 3 at 101.00 to #3",
            "#6 rests",
            "#7 created",
            "#7 accepted",
            "#7 buys 1 at 101.00 from #6",
        ],
    );
}

#[test]
fn orders_of_one_owner_may_trade_and_both_sides_pay_the_makers_fee() {
    let mut market = Market::open();
    for line in
        ["phase closing", "ann buys 5 at 100.00 stp-both", "anna sells 5 at 100.00 stp-both", "phase closed"]
    {
        market.must(line);
    }
    let trade = market.trades[0];
    assert_eq!((trade.buy.fee.0, trade.sell.fee.0, trade.aggressor), (50, 50, None));
    market.verify();
}
