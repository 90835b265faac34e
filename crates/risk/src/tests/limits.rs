//! Limits: what each bounds, for whom, and which comes first.

use super::{
    SECOND_NS, World, account, buy, exceeded, gross, notional, participant, position, quantity, sell,
};
use crate::{Command, Measure, Refusal, Switch};
use vocabulary::{Amount, HoldRefusal};

#[test]
fn without_limits_everything_goes() {
    let mut world = World::default();
    for id in 0..100 {
        world.does(&buy(id, 1_000_000_000_000).hold());
    }
}

#[test]
fn every_measure_is_bounded_at_its_limit_and_not_before() {
    let cases = [
        (notional(), 1_000, "risk.order-notional"),
        (quantity(), 10, "risk.order-quantity"),
        (position(), 10, "risk.position"),
        (gross(), 1_000, "risk.gross-exposure"),
    ];
    for scope in [account("A1"), participant("P")] {
        for (measure, limit, code) in cases {
            let mut world = World::default();
            world.limits(scope, measure, limit);
            let refusal = world.refuses(&buy(1, 11).hold());
            assert_eq!(refusal, exceeded(scope, measure, limit, limit / 10 * 11));
            assert_eq!(refusal.code(), code);
            world.does(&buy(1, 10).hold());
        }
    }
}

#[test]
fn limits_on_single_orders_do_not_add_up() {
    let mut world = World::default();
    world.limits(account("A1"), notional(), 1_000);
    world.limits(account("A1"), quantity(), 10);
    for id in 0..5 {
        world.does(&buy(id, 10).hold());
    }
}

#[test]
fn the_order_rate_counts_accepted_orders_of_the_same_second() {
    let mut world = World::default();
    world.limits(account("A1"), Measure::OrderRate, 2);
    world.waits_ns(SECOND_NS / 2);
    world.does(&buy(1, 1).hold());
    world.does(&buy(2, 1).hold());
    world.finds_done(&buy(2, 1).hold());
    let refusal = world.refuses(&buy(3, 1).hold());
    assert_eq!(refusal, exceeded(account("A1"), Measure::OrderRate, 2, 3));
    assert_eq!(refusal.code(), "risk.order-rate");
    world.waits_ns(SECOND_NS / 2 - 1);
    world.refuses(&buy(3, 1).hold());
    world.waits_ns(1);
    world.does(&buy(3, 1).hold());
}

#[test]
fn a_participant_answers_for_all_its_accounts() {
    let mut world = World::default();
    world.limits(participant("P"), gross(), 2_000);
    world.does(&buy(1, 10).hold());
    world.does(&buy(2, 10).of("A2", "P").hold());
    let third = buy(3, 1).of("A3", "P");
    assert_eq!(world.refuses(&third.hold()), exceeded(participant("P"), gross(), 2_000, 2_100));
    world.does(&third.of("A3", "Q").hold());
}

#[test]
fn limits_bind_only_their_own_asset_instrument_and_account() {
    let mut world = World::default();
    world.limits(account("A1"), position(), 1);
    world.limits(account("A1"), quantity(), 1);
    world.limits(account("A2"), gross(), 1);
    world.limits(account("A1"), Measure::GrossExposure("USD".parse().unwrap()), 1);
    world.does(&buy(1, 10).for_instrument("Y").hold());
}

#[test]
fn a_position_counts_the_open_orders_of_each_side_with_what_was_filled() {
    let mut world = World::default();
    world.limits(account("A1"), position(), 10);
    world.does(&buy(1, 10).hold());
    world.does(&buy(1, 10).confirm(0, 6));
    assert_eq!(world.refuses(&buy(2, 1).hold()), exceeded(account("A1"), position(), 10, 11));
    // Long 6, so it may sell 16 before it is short by 10; open buys do not help, as they may never be filled.
    assert_eq!(world.refuses(&sell(3, 17).hold()), exceeded(account("A1"), position(), 10, 11));
    world.does(&sell(3, 16).hold());
    assert_eq!(world.used(account("A1"), position()), 10);
    world.does(&sell(3, 16).confirm(0, 16));
    assert_eq!(world.used(account("A1"), position()), 10, "short by 10");
    world.does(&buy(1, 10).release(1));
    world.does(&buy(4, 20).hold());
}

#[test]
fn an_order_that_brings_a_position_back_passes_a_limit_lowered_since() {
    let mut world = World::default();
    world.does(&sell(1, 100).hold());
    world.does(&sell(1, 100).confirm(0, 100));
    world.limits(account("A1"), position(), 50);
    assert_eq!(world.refuses(&sell(2, 1).hold()), exceeded(account("A1"), position(), 50, 101));
    assert_eq!(world.refuses(&buy(2, 151).hold()), exceeded(account("A1"), position(), 50, 51));
    world.does(&buy(2, 150).hold());
}

#[test]
fn a_limit_can_be_lowered_below_what_is_in_use_and_lifted_again() {
    let mut world = World::default();
    world.does(&buy(1, 10).hold());
    world.limits(account("A1"), gross(), 500);
    assert_eq!(world.refuses(&buy(2, 1).hold()), exceeded(account("A1"), gross(), 500, 1_100));
    let lift = Command::SetLimit { scope: account("A1"), measure: gross(), limit: None };
    world.does(&lift);
    world.does(&buy(2, 1).hold());
    world.finds_done(&lift);
}

#[test]
fn a_limit_set_twice_is_set_once() {
    let mut world = World::default();
    let set = Command::SetLimit { scope: account("A1"), measure: gross(), limit: Some(Amount(5)) };
    assert_eq!(world.does(&set).len(), 1);
    world.finds_done(&set);
    assert_eq!(world.state.limits(account("A1")).collect::<Vec<_>>(), [(gross(), Amount(5))]);
}

#[test]
fn limits_must_be_between_zero_and_the_largest_amount() {
    let mut world = World::default();
    let set = |limit| Command::SetLimit { scope: account("A1"), measure: gross(), limit: Some(limit) };
    assert_eq!(world.refuses(&set(Amount(-1))), Refusal::NegativeLimit(Amount(-1)));
    let large = Amount::MAX + Amount(1);
    assert_eq!(world.refuses(&set(large)), Refusal::LimitTooLarge(large));
    world.does(&set(Amount::MAX));
    world.does(&buy(1, 10).hold());
    world.does(&set(Amount::ZERO));
    world.refuses(&buy(2, 1).hold());
}

/// Walks down the documented order: each time the first obstacle is taken away, the next one shows.
#[test]
fn refusals_come_in_their_documented_order() {
    let mut world = World::default();
    let hold = buy(1, 10);
    let obstacles: Vec<(_, _)> = [account("A1"), participant("P")]
        .into_iter()
        .flat_map(|scope| {
            let measures = [notional(), quantity(), position(), gross(), Measure::OrderRate];
            measures.map(|measure| (scope, measure))
        })
        .collect();
    for (scope, measure) in &obstacles {
        world.limits(*scope, *measure, 0);
    }
    let switches = [
        Switch::All,
        Switch::Participant(hold.terms.participant),
        Switch::Instrument(hold.terms.instrument),
        Switch::Account(hold.terms.account),
    ];
    for switch in switches {
        world.does(&Command::EngageKillSwitch { switch, reason: "drill".to_owned() });
    }
    let mut released = world.clone();
    released.does(&hold.release(0));
    assert_eq!(released.refuses(&hold.hold()), Refusal::Hold(HoldRefusal::AlreadyReleased));
    for switch in switches {
        assert_eq!(world.refuses(&hold.hold()), Refusal::KillSwitchEngaged(switch));
        world.does(&Command::LiftKillSwitch { switch });
    }
    for (scope, measure) in obstacles {
        let refusal = world.refuses(&hold.hold());
        assert!(
            matches!(refusal, Refusal::LimitExceeded { scope: s, measure: m, .. } if (s, m) == (scope, measure)),
            "{refusal:?} came before {scope} {measure}"
        );
        world.does(&Command::SetLimit { scope, measure, limit: None });
    }
    world.does(&hold.hold());
}

#[test]
fn a_refusal_says_what_the_limit_is_and_what_would_be_used() {
    let mut world = World::default();
    world.limits(account("A1"), gross(), 500);
    assert_eq!(
        world.refuses(&buy(1, 10).hold()).to_string(),
        "the gross exposure in CNY of account A1 would be 1000; the limit is 500 (minor units)"
    );
    world.limits(account("A1"), Measure::OrderRate, 0);
    world.limits(account("A1"), gross(), 1_000);
    assert_eq!(
        world.refuses(&buy(1, 10).hold()).to_string(),
        "the orders per second of account A1 would be 1; the limit is 0"
    );
}
