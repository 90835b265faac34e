//! The order flow: B1 to B11 as far as risk is concerned, and settlement of what was confirmed.

use super::{Order, SECOND_NS, World, account, buy, exceeded, gross, participant, position, sell};
use crate::{Command, Event, Refusal, Switch};
use vocabulary::{HoldRefusal, Reserved, Timestamp};

const RELEASED: Refusal = Refusal::Hold(HoldRefusal::AlreadyReleased);

/// Uses of position and gross exposure, the same for the account and for its participant.
fn uses(world: &World) -> (i128, i128) {
    let uses = |scope| (world.used(scope, position()), world.used(scope, gross()));
    assert_eq!(uses(account("A1")), uses(participant("P")));
    uses(account("A1"))
}

#[test]
fn b1_the_hold_and_the_exposure_it_stands_for_are_one_event() {
    let mut world = World::default();
    assert!(matches!(world.does(&buy(1, 10).hold())[..], [Event::ExposureHeld { .. }]));
    assert_eq!(uses(&world), (10, 1_000));
    assert_eq!(world.state.held(buy(1, 10).terms.order), Some(Reserved { quantity: 10, amount: 1_000 }));
    assert!(matches!(world.does(&buy(1, 10).confirm(0, 10))[..], [Event::ExposureConfirmed { .. }]));
    assert_eq!((world.state.open_count(), world.state.unsettled_count()), (0, 1));
}

#[test]
fn b2_any_operation_repeated_has_the_effect_of_one() {
    let order = buy(1, 10);
    let commands = [
        order.hold(),
        order.confirm(0, 4),
        order.reduce(1, 2),
        order.settle(0, 4),
        order.confirm(2, 4),
        order.release(3),
        order.settle(2, 4),
    ];
    let mut world = World::default();
    for (seen, command) in commands.iter().enumerate() {
        world.does(command);
        for earlier in &commands[..=seen] {
            world.finds_done(earlier);
        }
    }
    assert_eq!(uses(&world), (8, 0));
}

#[test]
fn b2_a_repeated_hold_succeeds_whatever_became_of_switches_and_limits() {
    let mut world = World::default();
    world.does(&buy(1, 10).hold());
    world.limits(account("A1"), gross(), 0);
    world.does(&Command::EngageKillSwitch { switch: Switch::All, reason: "drill".to_owned() });
    world.finds_done(&buy(1, 10).hold());
}

#[test]
fn b3_a_release_without_a_hold_succeeds_and_leaves_a_tombstone() {
    let mut world = World::default();
    let events = world.does(&buy(1, 10).release(0));
    assert!(
        matches!(events[..], [Event::ExposureReleased { released, .. }] if released == Reserved::default())
    );
    assert!(world.state.scopes(None).next().is_none(), "nobody's exposure is touched");
    world.finds_done(&buy(1, 10).release(0));
    assert_eq!(world.refuses(&buy(1, 10).hold()), RELEASED);
}

#[test]
fn b4_a_hold_after_its_release_has_no_effect_however_late_or_often() {
    let mut world = World::default();
    world.does(&buy(1, 10).release(0));
    let deadline = Timestamp(30 * SECOND_NS);
    let late = Command::Hold { terms: buy(1, 10).terms, reserved: buy(1, 10).reserved(10), deadline };
    for wait_s in [0, 1, 29, 60, 3_600] {
        world.waits_ns(wait_s * SECOND_NS);
        // Another order's business lets the tombstones expire.
        world.does(&buy(100 + wait_s, 1).release(0));
        assert_eq!(world.refuses(&late), RELEASED);
    }
    assert_eq!(uses(&world), (0, 0));
}

#[test]
fn b5_hold_and_release_racing_end_as_nothing_held() {
    let mut hold_first = World::default();
    hold_first.does(&sell(1, 10).hold());
    hold_first.does(&sell(1, 10).release(0));
    let mut release_first = World::default();
    release_first.does(&sell(1, 10).release(0));
    assert_eq!(release_first.refuses(&sell(1, 10).hold()), RELEASED);
    assert_eq!((uses(&hold_first), uses(&release_first)), ((0, 0), (0, 0)));
}

#[test]
fn b6_a_confirm_or_reduction_without_a_hold_is_refused() {
    let world = World::default();
    assert_eq!(world.refuses(&buy(1, 10).confirm(0, 1)), Refusal::Hold(HoldRefusal::NoHold));
    assert_eq!(world.refuses(&buy(1, 10).reduce(0, 1)), Refusal::Hold(HoldRefusal::NoHold));
}

#[test]
fn b7_confirm_after_release_and_release_of_what_is_confirmed_are_refused() {
    let mut world = World::default();
    world.does(&buy(1, 10).hold());
    world.does(&buy(1, 10).confirm(0, 4));
    assert_eq!(world.refuses(&buy(1, 10).release(0)), Refusal::Hold(HoldRefusal::AlreadyConfirmed));
    world.does(&buy(1, 10).release(1));
    assert_eq!(world.refuses(&buy(1, 10).confirm(1, 1)), RELEASED);
}

#[test]
fn b8_held_is_confirmed_and_given_back_and_outstanding_at_every_step() {
    let order = buy(1, 10);
    let mut world = World::default();
    world.does(&order.hold());
    let steps: [(Command, i128, i128); 4] = [
        (order.confirm(0, 4), 4, 0),
        (order.reduce(1, 2), 4, 2),
        (order.confirm(2, 1), 5, 2),
        (order.release(3), 5, 5),
    ];
    for (command, confirmed, given_back) in steps {
        world.does(&command);
        let held = world.state.held(order.terms.order).unwrap_or_default();
        assert_eq!(i128::from(held.quantity) + confirmed + given_back, 10);
        // A confirmed buy stays in the position; its amount stays until it is settled.
        assert_eq!(uses(&world), (10 - given_back, (10 - given_back) * 100));
    }
    assert_eq!(world.state.held(order.terms.order), None);
}

#[test]
fn b8_parts_out_of_order_are_early_and_more_than_is_held_is_refused() {
    let mut world = World::default();
    world.does(&buy(1, 10).hold());
    assert_eq!(world.refuses(&buy(1, 10).confirm(1, 1)), Refusal::Hold(HoldRefusal::Early));
    assert_eq!(world.refuses(&buy(1, 10).release(1)), Refusal::Hold(HoldRefusal::Early));
    assert_eq!(world.refuses(&buy(1, 10).confirm(0, 11)), Refusal::Hold(HoldRefusal::ExceedsHold));
    assert_eq!(world.refuses(&buy(1, 10).reduce(0, 11)), Refusal::Hold(HoldRefusal::ExceedsHold));
}

#[test]
fn b9_a_duplicate_hold_does_not_remove_the_tombstone() {
    let mut world = World::default();
    world.does(&buy(1, 10).hold());
    world.does(&buy(1, 10).release(0));
    for _ in 0..4 {
        world.waits_ns(15 * SECOND_NS);
        world.does(&buy(world.at.time.0, 1).release(0));
        assert_eq!(world.refuses(&buy(1, 10).hold()), RELEASED);
        world.finds_done(&buy(1, 10).release(0));
    }
}

#[test]
fn b10_a_confirm_succeeds_whatever_became_of_switches_and_limits() {
    let mut world = World::default();
    world.does(&buy(1, 10).hold());
    for scope in [account("A1"), participant("P")] {
        for measure in [position(), gross(), super::notional(), super::quantity(), crate::Measure::OrderRate]
        {
            world.limits(scope, measure, 0);
        }
    }
    world.does(&Command::EngageKillSwitch { switch: Switch::All, reason: "drill".to_owned() });
    world.waits_ns(u64::MAX / 2);
    assert_eq!(world.does(&buy(1, 10).confirm(0, 10)).len(), 1);
    assert_eq!(uses(&world), (10, 1_000));
}

#[test]
fn b11_the_limit_holds_for_open_orders_and_unsettled_trades_together() {
    let mut world = World::default();
    world.limits(account("A1"), gross(), 2_000);
    world.does(&buy(1, 10).hold());
    world.does(&buy(1, 10).confirm(0, 10));
    world.does(&buy(2, 10).hold());
    assert_eq!(world.refuses(&buy(3, 1).hold()), exceeded(account("A1"), gross(), 2_000, 2_100));
    world.does(&buy(1, 10).settle(0, 10));
    world.does(&buy(3, 10).hold());
}

#[test]
#[should_panic(expected = "more exposure was taken back than there was")]
fn b11_history_that_gives_back_someone_elses_exposure_halts() {
    let mut world = World::default();
    world.does(&buy(1, 10).hold());
    world.does(&buy(1, 10).of("A2", "P").release(0));
}

#[test]
fn a_hold_of_less_than_nothing_is_refused() {
    for (quantity, amount) in [(-1, 0), (0, -1)] {
        let reserved = Reserved { quantity, amount };
        let hold = Command::Hold { terms: buy(1, 10).terms, reserved, deadline: Timestamp(1) };
        assert_eq!(World::default().refuses(&hold), Refusal::NegativeHold(reserved));
    }
}

#[test]
fn a_settled_side_is_unsettled_no_longer_and_stays_in_the_position() {
    let mut world = World::default();
    world.does(&sell(1, 10).hold());
    world.does(&sell(1, 10).confirm(0, 4));
    world.does(&sell(1, 10).settle(0, 4));
    assert_eq!(uses(&world), (10, 600));
    assert_eq!(world.state.unsettled_count(), 0);
}

#[test]
fn a_settlement_that_overtakes_its_confirm_is_early_and_leaves_nothing_behind_later() {
    let order = buy(1, 10);
    let mut world = World::default();
    world.does(&order.hold());
    for part in [0, 1] {
        assert_eq!(world.refuses(&order.settle(part, 5)), Refusal::Hold(HoldRefusal::Early));
    }
    world.does(&order.confirm(0, 5));
    world.does(&order.settle(0, 5));
    assert_eq!(world.refuses(&order.settle(1, 5)), Refusal::Hold(HoldRefusal::Early));
    world.does(&order.confirm(1, 5));
    world.does(&order.settle(1, 5));
    assert_eq!(uses(&world), (10, 0));
}

#[test]
fn a_settlement_repeated_long_after_the_order_was_forgotten_is_done_already() {
    let order = buy(1, 10);
    let mut world = World::default();
    for command in [order.hold(), order.confirm(0, 10), order.settle(0, 10)] {
        world.does(&command);
    }
    world.finds_done(&order.settle(0, 10));
    world.waits_ns(3_600 * SECOND_NS);
    world.does(&buy(2, 1).release(0));
    world.finds_done(&order.settle(0, 10));
}

#[test]
fn a_settlement_of_a_fill_that_was_never_confirmed_is_refused() {
    let mut world = World::default();
    world.does(&buy(1, 10).hold());
    world.does(&buy(1, 10).release(0));
    assert_eq!(world.refuses(&buy(1, 10).settle(0, 10)), RELEASED);
}

#[test]
fn both_sides_of_a_trade_settle_each_for_itself() {
    let mut world = World::default();
    let both: [Order; 2] = [buy(1, 10), sell(2, 10).of("A2", "P")];
    for order in both {
        world.does(&order.hold());
        let mut fill = order.fill(0, 10);
        fill.trade = both[0].fill(0, 10).trade;
        world.does(&Command::Confirm { terms: order.terms, fill });
    }
    assert_eq!(world.used(participant("P"), gross()), 2_000);
    assert_eq!(world.used(participant("P"), position()), 0, "what is bought and sold cancels out");
    world.does(&both[0].settle(0, 10));
    assert_eq!(world.used(participant("P"), gross()), 1_000);
    assert_eq!(world.used(account("A1"), gross()), 0);
    assert_eq!(world.used(account("A2"), gross()), 1_000);
}
