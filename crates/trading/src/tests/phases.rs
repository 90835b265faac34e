//! Market phases: what each takes, what follows what, and what becomes of orders in between.

use super::check;
use super::market::Market;
use crate::Phase;

const ALL: [Phase; 5] =
    [Phase::Closed, Phase::OpeningAuction, Phase::Continuous, Phase::Halted, Phase::ClosingAuction];

#[test]
fn every_phase_can_be_left_and_any_of_them_leads_to_the_close() {
    for from in ALL {
        assert!(!from.may_become(from), "{from:?}");
        assert!(ALL.iter().any(|to| from.may_become(*to)), "{from:?}");
        assert_eq!(from.may_become(Phase::Closed), from != Phase::Closed, "{from:?}");
    }
}

#[test]
fn the_table_of_phases_is_kept() {
    check(
        &["phase closed", "sweep on"],
        &["phase closing", "phase halted", "phase closed", "phase opening", "phase closing"],
        &[
            "no: ACME is closed and cannot go from there to a closing auction",
            "no: ACME is closed and cannot go from there to a halt",
            "phase OpeningAuction",
            "no: ACME is in its opening auction and cannot go from there to a closing auction",
        ],
    );
    check(
        &["phase closing"],
        &["phase continuous", "phase opening", "phase halted"],
        &[
            "no: ACME is in its closing auction and cannot go from there to continuous trading",
            "no: ACME is in its closing auction and cannot go from there to an opening auction",
            "phase Halted",
        ],
    );
}

#[test]
fn trading_needs_a_business_day() {
    let mut market = Market::closed(1, 1);
    let refusal = market.run("phase continuous").unwrap_err();
    assert_eq!(refusal.to_string(), "no business day is open: open one first");
}

#[test]
fn closed_and_halted_take_no_orders_but_let_them_be_canceled_and_shrunk() {
    for (phase, name) in [("halted", "halted"), ("closed", "closed")] {
        check(
            &["ann buys 5 at 100.00", "bob buys 5 at 100.00", &format!("phase {phase}")],
            &["cat buys 5 at 100.00", "replace #2 at 99.00", "replace #2 to 3", "cancel #1"],
            &[
                &format!("no: ACME is {name} and takes no new orders"),
                &format!("no: ACME is {name} and takes no new orders"),
                "#2 reduced by 2 as part 0",
                "#1 canceled with 5 left: Requested",
            ],
        );
    }
}

#[test]
fn auctions_take_only_orders_that_can_wait() {
    for (phase, name) in [("opening", "opening"), ("closing", "closing")] {
        let before = if phase == "opening" { "phase closed" } else { "ann buys 1 at 90.00" };
        let settle = if phase == "opening" { "sweep on" } else { "cancel #1" };
        check(
            &[before, settle, &format!("phase {phase}")],
            &["ann buys 5 at market ioc", "ann buys 5 at 100.00 ioc", "ann buys 5 at 100.00 fok"],
            &[
                &format!("no: ACME is in its {name} auction and takes no market orders"),
                &format!("no: ACME is in its {name} auction and takes no orders that must match at once"),
                &format!("no: ACME is in its {name} auction and takes no orders that must match at once"),
            ],
        );
    }
}

#[test]
fn the_close_expires_day_orders_and_keeps_the_others() {
    check(
        &["ann buys 5 at 100.00 day", "bob buys 5 at 100.00", "cat sells 5 at 101.00 day"],
        &[
            "phase closed",
            "sweep on",
            "sweep on",
            "phase opening",
            "phase continuous",
            "cat sells 5 at 100.00",
        ],
        &[
            "phase Closed",
            "sweep starts: DayEnded",
            "#1 expired with 5 left",
            "#3 expired with 5 left",
            "sweep ends",
            "no: there is no sweep to continue",
            "phase OpeningAuction",
            "phase Continuous",
            "#4 created",
            "#4 accepted",
            "#4 sells 5 at 100.00 to #2",
        ],
    );
}

#[test]
fn yesterdays_day_orders_are_gone_before_the_next_session() {
    check(
        &["ann buys 5 at 100.00 day", "phase closed"],
        &["phase opening", "phase continuous", "sweep on", "phase continuous"],
        &[
            "no: day orders in ACME still expire: try again",
            "no: day orders in ACME still expire: try again",
            "#1 expired with 5 left",
            "sweep ends",
            "phase Continuous",
        ],
    );
}

#[test]
fn an_order_that_is_undecided_at_the_close_meets_what_the_others_met() {
    check(
        &[
            "ann buys 5 at 100.00 day undecided",
            "ann buys 5 at 100.00 undecided",
            "ann buys 5 at 100.00 ioc undecided",
            "phase closed",
            "sweep on",
        ],
        &["accept #1", "accept #2", "accept #3"],
        &[
            "#1 accepted",
            "#1 expired with 5 left",
            "#2 accepted",
            "#2 rests",
            "#3 accepted",
            "#3 canceled with 5 left: PhaseEnded",
        ],
    );
}

#[test]
fn a_day_order_left_undecided_does_not_come_alive_in_the_next_session() {
    check(
        &["ann buys 5 at 100.00 day undecided", "phase closed", "sweep on", "phase continuous"],
        &["accept #1"],
        &["#1 accepted", "#1 expired with 5 left"],
    );
}

#[test]
fn an_order_that_is_undecided_when_an_auction_begins_collects_or_goes() {
    check(
        &[
            "ann sells 5 at 100.00",
            "bob buys 5 at 100.00 undecided",
            "bob buys 5 at 100.00 post-only undecided",
            "bob buys 5 at 100.00 fok undecided",
            "phase closing",
        ],
        &["accept #2", "accept #3", "accept #4", "phase closed"],
        &[
            "#2 accepted",
            "#2 rests",
            "#3 accepted",
            "#3 rests",
            "#4 accepted",
            "#4 canceled with 5 left: PhaseEnded",
            "uncross 5 at 100.00, surplus 5",
            "#2 and #1 trade 5 at 100.00",
            "phase Closed",
            "sweep starts: DayEnded",
        ],
    );
}

#[test]
fn an_order_that_is_undecided_when_a_halt_begins_trades_when_it_ends() {
    check(
        &["ann sells 5 at 99.00", "bob buys 9 at 101.00 undecided", "phase halted"],
        &["accept #2", "phase continuous"],
        &[
            "#2 accepted",
            "#2 rests",
            "uncross 5 at 101.00, surplus 4",
            "#2 and #1 trade 5 at 101.00",
            "phase Continuous",
        ],
    );
}

#[test]
fn an_order_that_is_undecided_through_an_auction_matches_after_it() {
    check(
        &["ann sells 5 at 99.00", "bob buys 5 at 101.00 ioc undecided", "phase halted", "phase continuous"],
        &["accept #2"],
        &["#2 accepted", "#2 buys 5 at 99.00 from #1"],
    );
}

#[test]
fn a_halt_trades_nothing_not_even_what_an_auction_has_collected() {
    check(
        &["phase closing", "ann sells 5 at 99.00", "bob buys 9 at 101.00"],
        &["phase halted", "phase closing", "phase closed"],
        &[
            "phase Halted",
            "phase ClosingAuction",
            "uncross 5 at 101.00, surplus 4",
            "#2 and #1 trade 5 at 101.00",
            "phase Closed",
            "sweep starts: DayEnded",
        ],
    );
    check(
        &["phase closing", "ann sells 5 at 99.00", "bob buys 9 at 101.00", "phase halted", "phase closed"],
        &["sweep on", "phase opening", "phase continuous"],
        &[
            "sweep ends",
            "phase OpeningAuction",
            "uncross 5 at 101.00, surplus 4",
            "#2 and #1 trade 5 at 101.00",
            "phase Continuous",
        ],
    );
}

#[test]
fn the_reference_price_changes_only_while_nothing_trades() {
    check(
        &[],
        &["reference 90.00", "phase halted", "reference 90.00", "reference 90.00", "phase continuous"],
        &[
            "no: ACME is in continuous trading and takes no new reference price",
            "phase Halted",
            "reference 90.00",
            "phase Continuous",
        ],
    );
    check(
        &["phase closed", "reference 90.00", "sweep on", "phase continuous"],
        &["ann buys 1 at 108.01", "ann buys 1 at 108.00"],
        &[
            "no: price must lie within the price band, from 72.00 to 108.00",
            "#1 created",
            "#1 accepted",
            "#1 rests",
        ],
    );
}
