//! Sweeps: whom they take, in what steps, and that none slips through.

use super::check;
use super::market::{Market, id};
use crate::sweep::SWEEP_CANCELS_MAX;
use crate::{Command, Event, Phase};
use vocabulary::Side;

const FOUR: [&str; 4] =
    ["ann buys 1 at 100.00", "anna buys 2 at 100.00", "bob buys 3 at 99.00", "ann sells 4 at 101.00"];

#[test]
fn cancel_all_takes_what_is_in_its_scope() {
    let starts = "sweep starts: Requested";
    let (first, second, third, fourth) = (
        "#1 canceled with 1 left: Requested",
        "#2 canceled with 2 left: Requested",
        "#3 canceled with 3 left: Requested",
        "#4 canceled with 4 left: Requested",
    );
    check(&FOUR, &["cancel all of ann"], &[starts, first, fourth, "sweep ends"]);
    check(&FOUR, &["cancel all of SOUTH"], &[starts, second, third, "sweep ends"]);
    check(&FOUR, &["cancel all in ACME"], &[starts, first, second, third, fourth, "sweep ends"]);
    check(&FOUR, &["cancel all"], &[starts, first, second, third, fourth, "sweep ends"]);
    check(&FOUR, &["cancel all of cat"], &[starts, "sweep ends"]);
    check(&[], &["cancel all", "sweep on"], &[starts, "sweep ends", "no: there is no sweep to continue"]);
}

#[test]
fn the_scope_must_exist() {
    check(
        &[],
        &["cancel all of dora", "cancel all of WEST", "cancel all in NONE"],
        &[
            "no: there is no account DORA",
            "no: there is no participant WEST",
            "no: there is no instrument NONE",
        ],
    );
}

#[test]
fn an_order_that_is_undecided_is_taken_when_its_turn_comes() {
    check(
        &[
            "ann buys 1 at 100.00 undecided",
            "bob buys 1 at 100.00 undecided",
            "ann buys 2 at 100.00 undecided",
        ],
        &["cancel all of ann", "kill all of ann", "accept #3", "accept #1", "accept #2"],
        &[
            "sweep starts: Requested",
            "sweep ends",
            "sweep starts: KillSwitch",
            "sweep ends",
            "#3 cleared",
            "#1 accepted",
            "#1 canceled with 1 left: Requested",
            "#2 accepted",
            "#2 rests",
            "#3 accepted",
            "#3 canceled with 2 left: Requested",
        ],
    );
    check(
        &["ann buys 1 at 100.00 undecided"],
        &["kill all of NORTH", "reject #1"],
        &["sweep starts: KillSwitch", "sweep ends", "#1 rejected"],
    );
}

#[test]
fn a_replacement_that_a_sweep_passed_goes_with_the_old_order() {
    check(
        &["ann buys 1 at 100.00", "replace #1 at 101.00 undecided"],
        &["cancel all of ann", "accept #2"],
        &[
            "sweep starts: Requested",
            "#1 canceled with 1 left: Requested",
            "sweep ends",
            "#2 accepted",
            "#2 canceled with 1 left: Requested",
        ],
    );
}

#[test]
fn orders_placed_after_a_sweep_are_not_meant() {
    check(
        &["ann buys 1 at 100.00", "kill all", "ann buys 2 at 100.00 undecided"],
        &["accept #2"],
        &["#2 accepted", "#2 rests"],
    );
}

#[test]
fn a_kill_switch_stops_block_trades_and_a_mass_cancel_does_not() {
    let given = ["ann buys 5 at 100.00 block", "bob sells 5 at 100.00 block"];
    check(
        &given,
        &["cancel all of ann", "execute #1 #2"],
        &["sweep starts: Requested", "sweep ends", "#1 and #2 trade 5 at 100.00"],
    );
    for scope in ["", "of ann", "of NORTH", "in ACME"] {
        check(
            &given,
            &[&format!("kill all {scope}"), "execute #1 #2", "withdraw #1", "withdraw #2"],
            &[
                "sweep starts: KillSwitch",
                "sweep ends",
                "no: order #1 was stopped by a kill switch",
                "#1 canceled with 5 left: BlockUndone",
                "#2 canceled with 5 left: BlockUndone",
            ],
        );
    }
    check(
        &given,
        &["kill all of bob", "execute #1 #2"],
        &["sweep starts: KillSwitch", "sweep ends", "no: order #2 was stopped by a kill switch"],
    );
}

/// `many` buy orders of each of two accounts, mixed, every second of each a day order.
fn crowded(many: usize) -> Market {
    let mut market = Market::open_with(1 << 60, 1 << 40);
    for number in 0..many {
        let option = if number % 2 == 0 { "day" } else { "" };
        let price = 90 + number % 7;
        market.must(&format!("ann buys 1 at {price}.00 {option}"));
        market.must(&format!("bob buys 1 at {price}.00 {option}"));
    }
    market
}

fn canceled(events: &[Event]) -> usize {
    events
        .iter()
        .filter(|event| matches!(event, Event::OrderCanceled { .. } | Event::OrderExpired { .. }))
        .count()
}

fn orders_of(market: &Market, account: &str) -> usize {
    let slot = market.trading.ledger().slot(id(account)).unwrap();
    super::invariants::orders(&market.trading).iter().filter(|order| order.account == slot).count()
}

/// Continues until the sweeps have ended; gives how many orders each step took.
fn steps(market: &mut Market) -> Vec<usize> {
    let mut steps = Vec::new();
    while market.trading.is_sweeping() {
        steps.push(canceled(&market.command(Command::ContinueSweep).unwrap()));
        market.verify();
    }
    steps
}

#[test]
fn a_step_is_bounded_and_the_steps_take_all() {
    for scope in ["", "of ann", "of NORTH", "in ACME"] {
        let mut market = crowded(SWEEP_CANCELS_MAX + 3);
        let both = ["", "in ACME"].contains(&scope);
        let first = market.must(&format!("kill all {scope}"));
        assert_eq!(
            first.len(),
            SWEEP_CANCELS_MAX + 2,
            "start, {SWEEP_CANCELS_MAX} orders, and where it goes on"
        );
        assert_eq!(first.last().unwrap(), "sweep goes on");
        let expected = if both { vec![SWEEP_CANCELS_MAX, 6] } else { vec![3] };
        assert_eq!(steps(&mut market), expected, "{scope}");
        assert_eq!(orders_of(&market, "ANN"), 0);
        assert_eq!(orders_of(&market, "BOB"), if both { 0 } else { SWEEP_CANCELS_MAX + 3 });
        market.check_replay();
    }
}

#[test]
fn a_replacement_that_a_sweep_passed_takes_out_the_old_order_that_the_sweep_has_not_come_to() {
    let mut market = crowded(SWEEP_CANCELS_MAX);
    market.must("ann buys 1 at 80.00");
    let old = 2 * SWEEP_CANCELS_MAX + 1;
    let new = old + 1;
    market.must(&format!("replace #{old} at 81.00 undecided"));
    market.must("cancel all of ann");
    assert!(market.trading.is_sweeping(), "one order is left for the next step");
    let accepted = market.must(&format!("accept #{new}"));
    let expected = [
        format!("#{old} canceled with 1 left: Replaced"),
        format!("#{new} accepted"),
        format!("#{new} canceled with 1 left: Requested"),
    ];
    assert_eq!(accepted, expected);
    market.verify();
    assert_eq!(steps(&mut market), [0]);
    assert_eq!(orders_of(&market, "ANN"), 0);
    market.check_replay();
}

#[test]
fn the_end_of_the_day_passes_over_what_stays_once() {
    let mut market = crowded(SWEEP_CANCELS_MAX + 4);
    market.set_phase(Phase::Closed).unwrap();
    assert_eq!(steps(&mut market), [SWEEP_CANCELS_MAX, 4]);
    assert_eq!(orders_of(&market, "ANN"), SWEEP_CANCELS_MAX / 2 + 2);
    market.check_replay();
}

#[test]
fn a_sweep_goes_on_where_orders_have_left_and_come_in_between() {
    for scope in ["of ann", "in ACME", ""] {
        let mut market = crowded(SWEEP_CANCELS_MAX + 3);
        market.must(&format!("kill all {scope}"));
        // Whatever order the sweep would go on with is executed or cancelled by others first.
        market.must("cat sells 2 at 90.00");
        market.must("ann buys 1 at 96.00");
        let slots: Vec<_> = super::invariants::orders(&market.trading)
            .iter()
            .filter(|order| order.resting)
            .map(|order| order.id)
            .collect();
        let newest = *slots.iter().max().unwrap();
        for order in slots.into_iter().filter(|order| *order != newest).step_by(2) {
            market.command(Command::CancelOrder { order }).unwrap();
            market.verify();
        }
        steps(&mut market);
        let left: Vec<_> = super::invariants::orders(&market.trading)
            .iter()
            .filter(|order| order.resting && order.account == 0)
            .map(|order| order.id)
            .collect();
        assert_eq!(left, [newest], "only what was placed after the sweep: {scope}");
        market.check_replay();
    }
}

#[test]
fn the_cursor_runs_off_the_end_when_all_that_was_left_is_gone() {
    let mut market = crowded(SWEEP_CANCELS_MAX + 1);
    market.must("kill all of ann");
    let slot = market.trading.ledger().slot(id("ANN")).unwrap();
    let last = market.trading.orders.at(market.trading.orders.first_of_account(slot)).id;
    market.command(Command::CancelOrder { order: last }).unwrap();
    assert_eq!(steps(&mut market), [0]);
}

#[test]
fn sweeps_take_their_turns() {
    let mut market = crowded(SWEEP_CANCELS_MAX + 1);
    market.must("kill all of ann");
    assert_eq!(market.must("kill all of bob"), ["sweep starts: KillSwitch"]);
    market.must("bob buys 1 at 90.00");
    assert_eq!(steps(&mut market), [1, SWEEP_CANCELS_MAX, 1]);
    assert_eq!(orders_of(&market, "BOB"), 1, "what was placed after its sweep started");
    assert!(market.trading.depth(id("ACME"), Side::Buy, 9).len() == 1);
}
