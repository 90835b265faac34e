//! Continuous trading: priority, time in force, post-only, self-trade prevention.

use super::check;
use super::market::{Market, id};
use vocabulary::{Price, Quantity, Side};

#[test]
fn an_order_that_meets_nobody_rests() {
    check(&[], &["ann buys 10 at 100.00"], &["#1 created", "#1 accepted", "#1 rests"]);
}

#[test]
fn the_best_price_comes_first_and_then_the_earliest() {
    check(
        &[
            "ann sells 5 at 100.02",
            "bob sells 5 at 100.01",
            "cat sells 5 at 100.01",
            "ann sells 5 at 100.00",
            "ann sells 5 at 100.03",
        ],
        &["cat buys 18 at 100.02"],
        &[
            "#6 created",
            "#6 accepted",
            "#6 buys 5 at 100.00 from #4",
            "#6 buys 5 at 100.01 from #2",
            "#6 buys 5 at 100.01 from #3",
            "#6 buys 3 at 100.02 from #1",
        ],
    );
}

#[test]
fn the_highest_buyer_comes_first_for_a_seller() {
    check(
        &["ann buys 5 at 99.98", "bob buys 5 at 100.00", "cat buys 5 at 99.99", "ann buys 1 at 100.00"],
        &["cat sells 20 at 99.99"],
        &[
            "#5 created",
            "#5 accepted",
            "#5 sells 5 at 100.00 to #2",
            "#5 sells 1 at 100.00 to #4",
            "#5 sells 5 at 99.99 to #3",
            "#5 rests",
        ],
    );
}

#[test]
fn what_is_executed_in_part_keeps_its_place() {
    check(
        &["ann sells 5 at 100.00", "bob sells 5 at 100.00", "cat buys 2 at 100.00"],
        &["cat buys 4 at 100.00"],
        &["#4 created", "#4 accepted", "#4 buys 3 at 100.00 from #1", "#4 buys 1 at 100.00 from #2"],
    );
}

#[test]
fn day_and_good_till_cancel_rest_with_what_is_left() {
    for option in ["", "day"] {
        check(
            &["ann sells 5 at 100.00"],
            &[&format!("bob buys 8 at 100.00 {option}")],
            &["#2 created", "#2 accepted", "#2 buys 5 at 100.00 from #1", "#2 rests"],
        );
    }
}

#[test]
fn immediate_or_cancel_takes_what_there_is() {
    check(
        &["ann sells 5 at 100.00", "ann sells 5 at 100.01"],
        &["bob buys 8 at 100.00 ioc"],
        &[
            "#3 created",
            "#3 accepted",
            "#3 buys 5 at 100.00 from #1",
            "#3 canceled with 3 left: ImmediateOrCancel",
        ],
    );
    check(
        &[],
        &["bob buys 8 at 100.00 ioc"],
        &["#1 created", "#1 accepted", "#1 canceled with 8 left: ImmediateOrCancel"],
    );
}

#[test]
fn fill_or_kill_takes_all_or_nothing() {
    let given = ["ann sells 5 at 100.00", "bob sells 5 at 100.01"];
    check(
        &given,
        &["cat buys 11 at 100.01 fok"],
        &["#3 created", "#3 accepted", "#3 canceled with 11 left: FillOrKill"],
    );
    check(
        &given,
        &["cat buys 10 at 100.00 fok"],
        &["#3 created", "#3 accepted", "#3 canceled with 10 left: FillOrKill"],
    );
    check(
        &given,
        &["cat buys 10 at 100.01 fok"],
        &["#3 created", "#3 accepted", "#3 buys 5 at 100.00 from #1", "#3 buys 5 at 100.01 from #2"],
    );
    check(
        &[],
        &["cat buys 1 at 100.00 fok"],
        &["#1 created", "#1 accepted", "#1 canceled with 1 left: FillOrKill"],
    );
}

#[test]
fn a_market_order_goes_to_the_end_of_the_band() {
    check(
        &["ann sells 5 at 119.99", "ann sells 5 at 120.00"],
        &["bob buys 12 at market ioc"],
        &[
            "#3 created",
            "#3 accepted",
            "#3 buys 5 at 119.99 from #1",
            "#3 buys 5 at 120.00 from #2",
            "#3 canceled with 2 left: ImmediateOrCancel",
        ],
    );
    check(
        &["ann buys 5 at 80.00"],
        &["bob sells 5 at market fok"],
        &["#2 created", "#2 accepted", "#2 sells 5 at 80.00 to #1"],
    );
}

#[test]
fn post_only_rests_or_goes() {
    check(
        &["ann sells 5 at 100.00"],
        &["bob buys 5 at 100.00 post-only", "bob buys 5 at 99.99 post-only"],
        &[
            "#2 created",
            "#2 accepted",
            "#2 canceled with 5 left: PostOnly",
            "#3 created",
            "#3 accepted",
            "#3 rests",
        ],
    );
}

#[test]
fn without_prevention_an_owner_trades_with_itself() {
    check(
        &["ann sells 5 at 100.00"],
        &["ann buys 5 at 100.00"],
        &["#2 created", "#2 accepted", "#2 buys 5 at 100.00 from #1"],
    );
}

#[test]
fn cancel_newest_stops_at_the_first_own_order() {
    check(
        &["bob sells 2 at 100.00", "ann sells 5 at 100.00", "bob sells 5 at 100.00"],
        &["ann buys 9 at 100.00 stp-newest"],
        &["#4 created", "#4 accepted", "#4 buys 2 at 100.00 from #1", "#4 canceled with 7 left: SelfTrade"],
    );
}

#[test]
fn cancel_oldest_clears_own_orders_out_of_the_way() {
    check(
        &[
            "ann sells 5 at 99.99",
            "bob sells 2 at 100.00",
            "anna sells 5 at 100.00",
            "ann sells 5 at 100.00",
            "bob sells 2 at 100.00",
            "ann sells 5 at 100.01",
        ],
        &["ann buys 9 at 100.00 stp-oldest"],
        &[
            "#7 created",
            "#7 accepted",
            "#1 canceled with 5 left: SelfTrade",
            "#7 buys 2 at 100.00 from #2",
            "#3 canceled with 5 left: SelfTrade",
            "#4 canceled with 5 left: SelfTrade",
            "#7 buys 2 at 100.00 from #5",
            "#7 rests",
        ],
    );
}

#[test]
fn cancel_both_takes_out_the_one_met_and_itself() {
    check(
        &["ann sells 5 at 100.00", "ann sells 5 at 100.00"],
        &["ann buys 9 at 100.00 stp-both"],
        &[
            "#3 created",
            "#3 accepted",
            "#1 canceled with 5 left: SelfTrade",
            "#3 canceled with 9 left: SelfTrade",
        ],
    );
}

#[test]
fn the_incoming_order_says_what_happens_and_the_owner_counts_not_the_account() {
    check(
        &["anna sells 5 at 100.00 stp-both", "bob sells 5 at 100.00 stp-both"],
        &["ann buys 5 at 100.00 stp-newest", "cat buys 5 at 100.00 stp-newest"],
        &[
            "#3 created",
            "#3 accepted",
            "#3 canceled with 5 left: SelfTrade",
            "#4 created",
            "#4 accepted",
            "#4 buys 5 at 100.00 from #1",
        ],
    );
}

#[test]
fn nobody_is_canceled_behind_the_last_fill() {
    check(
        &["bob sells 5 at 100.00", "ann sells 5 at 100.00"],
        &["ann buys 5 at 100.00 stp-oldest"],
        &["#3 created", "#3 accepted", "#3 buys 5 at 100.00 from #1"],
    );
}

#[test]
fn fill_or_kill_counts_only_what_it_may_trade_with() {
    let given = ["ann sells 5 at 100.00", "bob sells 5 at 100.00"];
    for (option, many) in [("stp-oldest", 6), ("stp-newest", 5), ("stp-both", 5)] {
        check(
            &given,
            &[&format!("ann buys {many} at 100.00 fok {option}")],
            &["#3 created", "#3 accepted", &format!("#3 canceled with {many} left: FillOrKill")],
        );
    }
    check(
        &given,
        &["ann buys 5 at 100.00 fok stp-oldest"],
        &["#3 created", "#3 accepted", "#1 canceled with 5 left: SelfTrade", "#3 buys 5 at 100.00 from #2"],
    );
}

#[test]
fn best_prices_depth_and_last_trade_show_the_book() {
    let mut market = Market::open();
    for line in ["ann buys 5 at 99.00", "bob buys 2 at 99.00", "cat buys 1 at 98.00", "ann sells 4 at 101.00"]
    {
        market.must(line);
    }
    let trading = &market.trading;
    assert_eq!(trading.best(id("ACME"), Side::Buy), Some(Price(99_00)));
    assert_eq!(trading.best(id("ACME"), Side::Sell), Some(Price(101_00)));
    let depth = trading.depth(id("ACME"), Side::Buy, 2);
    let rows: Vec<_> = depth.iter().map(|row| (row.price.0, row.quantity.0, row.orders)).collect();
    assert_eq!(rows, [(99_00, 7, 2), (98_00, 1, 1)]);
    assert_eq!(trading.depth(id("ACME"), Side::Buy, 1).len(), 1);
    assert_eq!(trading.last_trade(id("ACME")), None);
    market.must("cat sells 6 at 99.00");
    assert_eq!(market.trading.last_trade(id("ACME")), Some((Price(99_00), Quantity(1))));
    assert_eq!(market.trading.best(id("NONE"), Side::Buy), None);
}
