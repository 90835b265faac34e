//! An order's life after it was accepted: cancel, replace, block trades.

use super::check;
use super::market::Market;

#[test]
fn a_canceled_order_is_gone() {
    check(
        &["ann buys 10 at 100.00"],
        &["cancel #1", "cancel #1", "bob sells 5 at 100.00 ioc"],
        &[
            "#1 canceled with 10 left: Requested",
            "no: there is no open order #1",
            "#2 created",
            "#2 accepted",
            "#2 canceled with 5 left: ImmediateOrCancel",
        ],
    );
}

#[test]
fn cancel_takes_an_order_from_between_two_others() {
    check(
        &["ann sells 1 at 100.00", "bob sells 1 at 100.00", "cat sells 1 at 100.00", "cancel #2"],
        &["bob buys 3 at 100.00"],
        &[
            "#4 created",
            "#4 accepted",
            "#4 buys 1 at 100.00 from #1",
            "#4 buys 1 at 100.00 from #3",
            "#4 rests",
        ],
    );
}

#[test]
fn cancel_by_the_clients_own_id() {
    check(
        &["ann buys 10 at 100.00 as A-1"],
        &["cancel A-2 of ann", "cancel A-1 of bob", "cancel A-1 of ann"],
        &[
            "no: the account has placed no order with client_order_id A-2",
            "no: the account has placed no order with client_order_id A-1",
            "#1 canceled with 10 left: Requested",
        ],
    );
}

#[test]
fn shrinking_keeps_the_place() {
    check(
        &["ann sells 5 at 100.00", "bob sells 5 at 100.00"],
        &["replace #1 to 3", "cat buys 4 at 100.00"],
        &[
            "#1 reduced by 2 as part 0",
            "#3 created",
            "#3 accepted",
            "#3 buys 3 at 100.00 from #1",
            "#3 buys 1 at 100.00 from #2",
        ],
    );
}

#[test]
fn growing_loses_the_place() {
    check(
        &["ann sells 5 at 100.00", "bob sells 5 at 100.00"],
        &["replace #1 to 6", "cat buys 6 at 100.00"],
        &[
            "#3 created for #1",
            "#1 canceled with 5 left: Replaced",
            "#3 accepted",
            "#3 rests",
            "#4 created",
            "#4 accepted",
            "#4 buys 5 at 100.00 from #2",
            "#4 buys 1 at 100.00 from #3",
        ],
    );
}

#[test]
fn a_new_price_loses_the_place_and_may_match() {
    check(
        &["ann sells 5 at 100.05", "bob buys 3 at 100.00"],
        &["replace #1 at 100.00"],
        &[
            "#3 created for #1",
            "#1 canceled with 5 left: Replaced",
            "#3 accepted",
            "#3 sells 3 at 100.00 to #2",
            "#3 rests",
        ],
    );
}

#[test]
fn the_new_quantity_is_a_total_with_what_is_executed() {
    check(
        &["ann sells 5 at 100.00", "bob buys 2 at 100.00"],
        &["replace #1 to 2", "replace #1 to 4", "replace #1 to 4", "replace #1 to 7 at 101.00"],
        &[
            "no: quantity must be above what is already executed, 2",
            "#1 reduced by 1 as part 1",
            "no: a replacement needs a new price or quantity",
            "#3 created for #1",
            "#1 canceled with 2 left: Replaced",
            "#3 accepted",
            "#3 rests",
        ],
    );
    let mut market = Market::open();
    for line in ["ann sells 5 at 100.00", "bob buys 2 at 100.00", "replace #1 to 7 at 101.00"] {
        market.must(line);
    }
    assert_eq!(market.trading.order(market.orders[2]).unwrap().quantity.0, 5);
}

#[test]
fn a_rejected_replacement_leaves_the_old_order_as_it_was() {
    check(
        &["ann sells 5 at 100.00", "bob sells 5 at 100.00", "replace #1 to 6 undecided"],
        &["reject #3", "cat buys 6 at 100.00"],
        &[
            "#3 rejected",
            "#4 created",
            "#4 accepted",
            "#4 buys 5 at 100.00 from #1",
            "#4 buys 1 at 100.00 from #2",
        ],
    );
}

#[test]
fn a_replacement_shrinks_by_what_the_old_order_executed_in_the_meantime() {
    check(
        &["ann sells 5 at 100.00", "bob buys 1 at 100.00", "replace #1 to 8 at 99.00 undecided"],
        &["bob buys 2 at 100.00 undecided", "accept #3"],
        &["#4 created", "#1 canceled with 4 left: Replaced", "#3 accepted", "#3 rests"],
    );
    // The execution is older than the decision when it comes from an order that was in line before.
    check(
        &["ann sells 5 at 100.00", "bob buys 1 at 100.00", "bob buys 2 at 100.00 undecided"],
        &["replace #1 to 8 at 99.00 undecided", "accept #3", "accept #4", "cat buys 9 at 99.00"],
        &[
            "#4 created for #1",
            "#3 accepted",
            "#3 buys 2 at 100.00 from #1",
            "#1 canceled with 2 left: Replaced",
            "#4 accepted",
            "#4 reduced by 2 as part 0",
            "#4 rests",
            "#5 created",
            "#5 accepted",
            "#5 buys 5 at 99.00 from #4",
            "#5 rests",
        ],
    );
}

#[test]
fn a_replacement_that_shrank_matches_with_what_is_left() {
    check(
        &["ann sells 5 at 100.00", "cat buys 9 at 98.00", "bob buys 2 at 100.00 undecided"],
        &["replace #1 at 98.00 undecided", "accept #3", "accept #4"],
        &[
            "#4 created for #1",
            "#3 accepted",
            "#3 buys 2 at 100.00 from #1",
            "#1 canceled with 3 left: Replaced",
            "#4 accepted",
            "#4 reduced by 2 as part 0",
            "#4 sells 3 at 98.00 to #2",
        ],
    );
}

#[test]
fn a_replacement_of_an_order_that_is_gone_goes_too() {
    let replaced_away =
        ["ann sells 5 at 100.00", "bob buys 5 at 100.00 undecided", "replace #1 to 8 undecided"];
    check(
        &replaced_away,
        &["accept #2", "accept #3"],
        &[
            "#2 accepted",
            "#2 buys 5 at 100.00 from #1",
            "#3 accepted",
            "#3 canceled with 8 left: ReplacedOrderGone",
        ],
    );
    check(
        &["ann sells 5 at 100.00", "replace #1 to 8 undecided"],
        &["cancel #1", "accept #2"],
        &["#1 canceled with 5 left: Requested", "#2 accepted", "#2 canceled with 8 left: ReplacedOrderGone"],
    );
    // Two changes of one order: the first to be created wins.
    check(
        &["ann sells 5 at 100.00", "replace #1 to 8 undecided", "replace #1 to 9 undecided"],
        &["accept #3", "accept #2"],
        &[
            "#3 cleared",
            "#1 canceled with 5 left: Replaced",
            "#2 accepted",
            "#2 rests",
            "#3 accepted",
            "#3 canceled with 9 left: ReplacedOrderGone",
        ],
    );
}

#[test]
fn nothing_is_left_of_a_replacement_whose_total_is_executed() {
    check(
        &["ann sells 9 at 100.00", "bob buys 6 at 100.00 undecided"],
        &["replace #1 to 6 at 101.00 undecided", "accept #2", "accept #3"],
        &[
            "#3 created for #1",
            "#2 accepted",
            "#2 buys 6 at 100.00 from #1",
            "#1 canceled with 3 left: Replaced",
            "#3 accepted",
            "#3 canceled with 6 left: ReplacedOrderGone",
        ],
    );
}

#[test]
fn shrinking_the_old_order_meanwhile_does_not_count_as_executed() {
    check(
        &["ann sells 9 at 100.00", "replace #1 to 12 undecided"],
        &["replace #1 to 4", "accept #2"],
        &["#1 reduced by 5 as part 0", "#1 canceled with 4 left: Replaced", "#2 accepted", "#2 rests"],
    );
}

#[test]
fn what_is_closed_or_undecided_cannot_be_changed() {
    check(
        &["ann sells 5 at 100.00", "bob buys 5 at 100.00", "cat buys 5 at 90.00 undecided"],
        &["cancel #1", "replace #2 to 3", "cancel #3", "replace #3 to 3", "cancel #9", "replace #9 to 1"],
        &[
            "no: order #1 is already executed in full",
            "no: order #2 is already executed in full",
            "no: order #3 is not decided yet: try again",
            "no: order #3 is not decided yet: try again",
            "no: there is no open order 9999",
            "no: there is no open order 9999",
        ],
    );
}

#[test]
fn a_canceled_order_is_kept_until_its_executions_are_final() {
    check(
        &["ann sells 5 at 100.00", "bob buys 2 at 100.00", "cancel #1"],
        &["cancel #1", "settle 1 sell", "cancel #1"],
        &[
            "no: order #1 is already cancelled",
            "#1 has trade 1 settled",
            "#1 settled",
            "no: there is no open order #1",
        ],
    );
}

#[test]
fn a_block_trade_executes_its_legs_against_each_other_in_any_phase() {
    check(
        &["ann buys 100 at 99.00 block", "phase halted", "bob sells 100 at 99.00 block"],
        &["execute #1 #2", "execute #1 #2", "settle 1 buy", "settle 1 sell"],
        &[
            "#1 and #2 trade 100 at 99.00",
            "#1 has trade 1 settled",
            "#1 settled",
            "#2 has trade 1 settled",
            "#2 settled",
        ],
    );
}

#[test]
fn legs_stay_off_the_book_and_out_of_line() {
    check(
        &["ann buys 100 at 99.00 block undecided"],
        &["bob sells 5 at 99.00", "cancel #1", "replace #1 to 3"],
        &[
            "#2 created",
            "#2 accepted",
            "#2 rests",
            "no: order #1 is a leg of a block trade: refuse the block trade instead",
            "no: order #1 is a leg of a block trade: refuse the block trade instead",
        ],
    );
}

#[test]
fn legs_that_do_not_mirror_each_other_are_refused() {
    let no = "no: a block trade needs two accepted legs, a buy and a sell of the same instrument, price and quantity";
    for other in [
        "bob sells 100 at 99.01 block",
        "bob sells 99 at 99.00 block",
        "bob buys 100 at 99.00 block",
        "bob sells 100 at 99.00 block undecided",
        "bob sells 100 at 99.00",
    ] {
        check(&["ann buys 100 at 99.00 block", other], &["execute #1 #2"], &[no]);
    }
    check(
        &["ann buys 100 at 99.00 block", "bob sells 100 at 99.00 block"],
        &["execute #2 #1", "execute #1 #9"],
        &[no, "no: there is no open order 9999"],
    );
}

#[test]
fn a_leg_is_given_up_once_and_not_after_its_execution() {
    check(
        &["ann buys 100 at 99.00 block undecided", "ann buys 1 at 99.00"],
        &["withdraw #1", "withdraw #1", "withdraw #2"],
        &["#1 canceled with 100 left: BlockUndone", "no: order #2 is already open"],
    );
    check(
        &["ann buys 1 at 99.00 block", "bob sells 1 at 99.00 block", "execute #1 #2"],
        &["withdraw #1"],
        &["no: order #1 is already executed in full"],
    );
}
