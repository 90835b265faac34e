//! C10: orders reach a book in the order of their creation, whenever their participants answer.

use super::check;
use super::market::{Market, id};
use crate::{Command, Event, Status};

const THREE: [&str; 3] =
    ["ann sells 5 at 100.00 undecided", "bob sells 5 at 100.00 undecided", "cat buys 7 at 100.00 undecided"];

#[test]
fn c10_a_cleared_order_waits_behind_an_undecided_one() {
    check(
        &THREE,
        &["accept #3", "accept #2", "accept #3", "accept #1"],
        &[
            "#3 cleared",
            "#2 cleared",
            "#1 accepted",
            "#1 rests",
            "#2 accepted",
            "#2 rests",
            "#3 accepted",
            "#3 buys 5 at 100.00 from #1",
            "#3 buys 2 at 100.00 from #2",
        ],
    );
}

#[test]
fn c10_a_rejection_lets_the_next_through() {
    check(
        &THREE,
        &["accept #2", "reject #1", "accept #3"],
        &[
            "#2 cleared",
            "#1 rejected",
            "#2 accepted",
            "#2 rests",
            "#3 accepted",
            "#3 buys 5 at 100.00 from #2",
            "#3 rests",
        ],
    );
}

#[test]
fn c10_a_rejection_in_the_middle_leaves_the_first_in_front() {
    check(
        &THREE,
        &["accept #3", "reject #2", "accept #1"],
        &[
            "#3 cleared",
            "#2 rejected",
            "#1 accepted",
            "#1 rests",
            "#3 accepted",
            "#3 buys 5 at 100.00 from #1",
            "#3 rests",
        ],
    );
}

#[test]
fn c2_what_is_cleared_is_not_rejected_any_more_and_what_is_decided_is_not_decided_again() {
    check(
        &THREE,
        &["accept #2", "reject #2", "accept #1", "accept #1", "reject #1"],
        &[
            "#2 cleared",
            "no: order #2 is cleared and can no longer be rejected",
            "#1 accepted",
            "#1 rests",
            "#2 accepted",
            "#2 rests",
            "no: order #1 is already open",
        ],
    );
}

#[test]
fn c10_the_line_is_one_per_book() {
    let mut market = Market::open();
    let other = vocabulary::Instrument { instrument: id("ACME2"), ..super::market::acme() };
    market.command(Command::DefineInstrument(Box::new(other))).unwrap();
    let phase = crate::Phase::Continuous;
    market.command(Command::SetPhase { instrument: id("ACME2"), phase }).unwrap();
    market.must("ann buys 1 at 100.00 undecided");
    let mut place = super::market::order(vocabulary::Side::Buy, 100_00, 1);
    place.instrument = id("ACME2");
    let events = market.enter(Command::PlaceOrder(place)).unwrap();
    assert!(matches!(events.last(), Some(Event::OrderRested { .. })), "{events:?}");
    assert_eq!(market.trading.order(market.orders[0]).unwrap().status, Status::Created);
    market.verify();
}

#[test]
fn an_order_in_line_takes_no_part_in_the_book() {
    check(
        &["ann sells 5 at 100.00 undecided"],
        &["bob buys 5 at 100.00 undecided", "accept #2"],
        &["#2 created", "#2 cleared"],
    );
    let mut market = Market::open();
    market.must(THREE[0]);
    assert!(market.trading.depth(id("ACME"), vocabulary::Side::Sell, 9).is_empty());
}
