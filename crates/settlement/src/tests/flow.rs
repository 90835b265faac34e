//! The order flow's properties B1 to B11, as far as settlement takes part in them.

use super::{DEADLINE, Deal, World, asset, deal, participant};
use crate::{Command, Event, Refusal, Settlement};
use vocabulary::{Amount, HoldRefusal, Quantity, Reserved, Side, StepBound};

/// An order of A to buy 10 XYZ for 1,000 CNY at most.
fn order() -> Deal {
    deal(7, "GROSS", "A", "B", 10, 1_000)
}

/// One fill of that order: its number, and what it uses of the hold. It may cost less than was held.
fn fill(part: u32, quantity: i64, amount: i64, notional: i128) -> Command {
    let Command::Confirm { terms, mut fill, cycle } = order().confirm(Side::Buy) else { unreachable!() };
    fill.trade.index = part;
    fill.part = part;
    fill.used = Reserved { quantity, amount };
    fill.quantity = Quantity(quantity);
    fill.notional = Amount(notional);
    Command::Confirm { terms, fill, cycle }
}

fn reduce(part: u32, quantity: i64, amount: i64) -> Command {
    Command::Reduce { terms: order().terms(Side::Buy), part, what: Reserved { quantity, amount } }
}

#[test]
fn b1_the_hold_and_the_quota_it_takes_are_one_event() {
    let mut world = World::open();
    assert_eq!(world.does(order().hold(Side::Buy)).len(), 1);
    assert_eq!(world.quota("A").1, 1_000);
    let confirmed = world.does(order().confirm(Side::Buy));
    assert!(matches!(confirmed[..], [Event::ObligationRecorded { .. }]));
    assert_eq!((world.quota("A").1, world.quota("A").2), (0, 1_000));
    assert_eq!(world.state.unsettled_count(), 1);
}

#[test]
fn b2_any_operation_repeated_has_the_effect_of_one() {
    let commands = [
        order().hold(Side::Buy),
        fill(0, 4, 400, 390),
        reduce(1, 2, 200),
        fill(2, 1, 100, 100),
        order().release(Side::Buy, 3),
    ];
    let mut once = World::open();
    let mut often = World::open();
    for (seen, command) in commands.iter().enumerate() {
        assert_eq!(once.does(command.clone()).len(), 1);
        often.does(command.clone());
        for earlier in &commands[..=seen] {
            // A hold that was released in the meantime says so instead of taking effect again (B4).
            match often.state.decide(earlier, often.at, StepBound::USUAL) {
                Ok(events) => assert!(events.is_empty(), "{earlier:?}"),
                Err(no) => {
                    assert_eq!(no, Refusal::Hold(HoldRefusal::AlreadyReleased));
                    assert!(matches!(earlier, Command::Hold { .. }));
                }
            }
        }
        assert_eq!(once.state, often.state);
    }
}

#[test]
fn b3_a_release_without_a_hold_succeeds_and_leaves_a_tombstone() {
    let mut world = World::open();
    let quota = world.quota("A");
    let events = world.does(order().release(Side::Buy, 0));
    assert!(matches!(events[..], [Event::QuotaReleased { released, .. }] if released == Reserved::default()));
    assert_eq!(world.quota("A"), quota);
    world.finds_done(order().release(Side::Buy, 0));
}

#[test]
fn b4_a_hold_after_its_release_is_refused_however_late_or_often() {
    let mut world = World::open();
    world.does(order().release(Side::Buy, 0));
    for wait_s in [0, 1, 59, 200, 1_000, 10_000] {
        world.waits_s(wait_s);
        // Another order's business lets the tombstones expire.
        let busy = deal(100 + wait_s, "GROSS", "A", "B", 1, 1);
        world.does(busy.release(Side::Buy, 0));
        let late = Command::Hold {
            terms: order().terms(Side::Buy),
            reserved: order().reserved(),
            deadline: vocabulary::Timestamp(10 * super::SECOND_NS),
        };
        assert_eq!(world.refuses(&late), Refusal::Hold(HoldRefusal::AlreadyReleased));
    }
    assert_eq!(world.quota("A").1, 0);
}

#[test]
fn b5_hold_and_release_racing_end_as_nothing_held() {
    let quota = World::open().quota("A");
    let mut hold_first = World::open();
    hold_first.does(order().hold(Side::Buy));
    hold_first.does(order().release(Side::Buy, 0));
    let mut release_first = World::open();
    release_first.does(order().release(Side::Buy, 0));
    release_first.refuses(&order().hold(Side::Buy));
    assert_eq!(hold_first.quota("A"), quota);
    assert_eq!(release_first.quota("A"), quota);
}

#[test]
fn b6_a_confirm_without_a_hold_is_refused() {
    let mut world = World::open();
    assert_eq!(world.refuses(&order().confirm(Side::Buy)), Refusal::Hold(HoldRefusal::NoHold));
    assert_eq!(world.state.unsettled_count(), 0);
}

#[test]
fn b7_confirm_after_release_and_release_of_what_is_confirmed_are_refused() {
    let mut world = World::open();
    world.does(order().hold(Side::Buy));
    world.does(fill(0, 4, 400, 400));
    assert_eq!(world.refuses(&order().release(Side::Buy, 0)), Refusal::Hold(HoldRefusal::AlreadyConfirmed));
    world.does(order().release(Side::Buy, 1));
    assert_eq!(world.refuses(&fill(1, 1, 100, 100)), Refusal::Hold(HoldRefusal::AlreadyReleased));
}

#[test]
fn b8_held_is_confirmed_and_released_and_outstanding_at_every_step() {
    let mut world = World::open();
    world.does(order().hold(Side::Buy));
    let mut given_back = 0;
    for (command, back) in [
        (fill(0, 4, 400, 390), 0),
        (reduce(1, 2, 200), 200),
        (fill(2, 1, 100, 100), 0),
        (order().release(Side::Buy, 3), 300),
    ] {
        world.does(command);
        given_back += back;
        let (_, held, used) = world.quota("A");
        assert_eq!(held + used + given_back, 1_000);
    }
    assert_eq!(world.quota("A").1, 0, "the release closed the hold");
}

#[test]
fn b8_the_last_confirm_closes_the_hold() {
    let mut world = World::open();
    world.does(order().hold(Side::Buy));
    world.does(fill(0, 10, 1_000, 900));
    world.finds_done(order().release(Side::Buy, 1));
    assert_eq!(world.refuses(&fill(1, 1, 1, 1)), Refusal::Hold(HoldRefusal::AlreadyReleased));
}

#[test]
fn b9_a_duplicate_hold_does_not_remove_the_tombstone() {
    let mut world = World::open();
    world.does(order().hold(Side::Buy));
    world.does(order().release(Side::Buy, 0));
    for _ in 0..3 {
        world.waits_s(15);
        assert_eq!(world.refuses(&order().hold(Side::Buy)), Refusal::Hold(HoldRefusal::AlreadyReleased));
        world.finds_done(order().release(Side::Buy, 0));
    }
}

#[test]
fn b9_tombstones_go_when_their_time_has_come_so_that_memory_is_bounded() {
    let mut world = World::open();
    let mut sizes = Vec::new();
    for number in 1_000..1_300 {
        world.waits_s(1);
        world.does(deal(number, "GROSS", "A", "B", 1, 1).release(Side::Buy, 0));
        sizes.push(minicbor::to_vec(&world.state).unwrap().len());
    }
    assert!(sizes[299] < sizes[99] + 500, "{} bytes grew to {}", sizes[99], sizes[299]);
}

#[test]
fn b10_a_confirm_succeeds_whatever_became_of_quota_and_reference_data() {
    let mut world = World::open();
    world.does(order().hold(Side::Buy));
    world.set_quota("A", 0);
    let events = world.does(order().confirm(Side::Buy));
    let [Event::ObligationRecorded { obligation }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(obligation.date, super::date(super::TUESDAY), "its calendar was never defined");
    assert_eq!(world.quota("A"), (0, 0, 1_000));
}

#[test]
fn b11_holds_never_take_more_than_the_quota_and_nothing_goes_negative() {
    let mut world = World::default();
    world.set_quota("A", 2_500);
    let orders: Vec<_> = (0..3).map(|n| deal(n, "GROSS", "A", "B", 10, 1_000)).collect();
    world.does(orders[0].hold(Side::Buy));
    world.does(orders[0].confirm(Side::Buy));
    world.does(orders[1].hold(Side::Buy));
    let exceeded = Refusal::QuotaExceeded {
        participant: participant("A"),
        asset: asset("CNY"),
        quota: Amount(2_500),
        used: Amount(2_000),
        wanted: Amount(1_000),
    };
    assert_eq!(world.refuses(&orders[2].hold(Side::Buy)), exceeded);
    world.does(orders[1].release(Side::Buy, 0));
    world.does(orders[2].hold(Side::Buy));
    assert_eq!(world.quota("A"), (2_500, 1_000, 1_000));
}

#[test]
fn a_hold_beyond_what_is_left_of_it_is_not_confirmed() {
    let mut world = World::open();
    world.does(order().hold(Side::Buy));
    assert_eq!(world.refuses(&fill(0, 11, 1_000, 1_000)), Refusal::Hold(HoldRefusal::ExceedsHold));
    assert_eq!(world.refuses(&fill(1, 1, 100, 100)), Refusal::Hold(HoldRefusal::Early));
}

#[test]
fn without_a_quota_nothing_can_be_held() {
    let no = Settlement::default()
        .decide(&order().hold(Side::Buy), World::default().at, StepBound::USUAL)
        .unwrap_err();
    assert_eq!(no.code(), "settlement.quota-exceeded");
    assert_eq!(
        no.to_string(),
        "participant A has a clearing quota of 0 CNY and uses 0 of it, which leaves no room for 1000 (minor units)"
    );
}

#[test]
fn a_negative_reservation_is_refused() {
    let reserved = Reserved { quantity: 1, amount: -5 };
    let command = Command::Hold { terms: order().terms(Side::Buy), reserved, deadline: DEADLINE };
    assert_eq!(World::open().refuses(&command), Refusal::NegativeAmount(Amount(-5)));
}

#[test]
fn a_duplicate_hold_succeeds_even_when_the_quota_is_used_up() {
    let mut world = World::default();
    world.set_quota("A", 1_000);
    world.does(order().hold(Side::Buy));
    world.finds_done(order().hold(Side::Buy));
}
