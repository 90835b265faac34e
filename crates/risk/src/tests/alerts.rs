//! Alerts at shares of a limit.

use super::{SECOND_NS, World, account, buy, gross, notional, participant, position, quantity, sell};
use crate::{Command, Event, Measure, Refusal, Scope};
use vocabulary::{Amount, CorrelationId};

/// The alerts of a hold, as scope, measure, percent and use. The hold itself comes first.
fn alerts(world: &mut World, command: &Command) -> Vec<(Scope, Measure, u8, i128)> {
    let events = world.does(command);
    let (first, rest) = events.split_first().expect("a hold is recorded");
    assert!(matches!(first, Event::ExposureHeld { .. }));
    let alert = |event: &Event| {
        let Event::AlertRaised { scope, measure, percent, used, .. } = *event else { panic!("{event:?}") };
        (scope, measure, percent, used.0)
    };
    rest.iter().map(alert).collect()
}

fn set(percents: &[u8]) -> Command {
    Command::SetAlertThresholds { percents: percents.to_vec() }
}

#[test]
fn an_alert_is_raised_when_80_and_when_100_percent_are_reached() {
    let mut world = World::default();
    world.limits(account("A1"), gross(), 10_000);
    assert_eq!(alerts(&mut world, &buy(1, 79).hold()), []);
    assert_eq!(alerts(&mut world, &buy(2, 1).hold()), [(account("A1"), gross(), 80, 8_000)]);
    assert_eq!(alerts(&mut world, &buy(3, 19).hold()), []);
    assert_eq!(alerts(&mut world, &buy(4, 1).hold()), [(account("A1"), gross(), 100, 10_000)]);
}

#[test]
fn one_order_that_crosses_two_thresholds_raises_both() {
    let mut world = World::default();
    world.limits(account("A1"), gross(), 10_000);
    let both = [80, 100].map(|percent| (account("A1"), gross(), percent, 10_000));
    assert_eq!(alerts(&mut world, &buy(1, 100).hold()), both);
}

#[test]
fn an_alert_is_raised_again_after_use_has_fallen_below_its_threshold() {
    let mut world = World::default();
    world.limits(account("A1"), gross(), 10_000);
    assert_eq!(alerts(&mut world, &buy(1, 80).hold()).len(), 1);
    world.does(&buy(1, 80).reduce(0, 1));
    assert_eq!(alerts(&mut world, &buy(2, 1).hold()).len(), 1);
}

#[test]
fn an_alert_names_limit_use_and_the_thread_of_the_order() {
    let mut world = World::default();
    world.limits(participant("P"), position(), 10);
    let events = world.does(&sell(7, 8).hold());
    let expected = Event::AlertRaised {
        scope: participant("P"),
        measure: position(),
        percent: 80,
        used: Amount(8),
        limit: Amount(10),
        correlation: CorrelationId(7),
    };
    assert_eq!(events[1..], [expected]);
}

#[test]
fn every_measure_of_account_and_participant_raises_its_own_alert() {
    let mut world = World::default();
    let mut expected = Vec::new();
    for scope in [account("A1"), participant("P")] {
        let uses =
            [(notional(), 900), (quantity(), 9), (position(), 9), (gross(), 900), (Measure::OrderRate, 1)];
        for (measure, used) in uses {
            world.limits(scope, measure, used * 10 / 9);
            expected.push((scope, measure, 80, used));
            if measure == Measure::OrderRate {
                expected.push((scope, measure, 100, used));
            }
        }
    }
    world.waits_ns(SECOND_NS);
    assert_eq!(alerts(&mut world, &buy(1, 9).hold()), expected);
}

#[test]
fn a_threshold_between_two_units_is_reached_by_the_upper_one() {
    let mut world = World::default();
    world.does(&set(&[50]));
    world.limits(account("A1"), position(), 3);
    assert_eq!(alerts(&mut world, &buy(1, 1).hold()), []);
    assert_eq!(alerts(&mut world, &buy(2, 1).hold()), [(account("A1"), position(), 50, 2)]);
}

#[test]
fn a_refused_or_repeated_hold_raises_no_alert() {
    let mut world = World::default();
    world.limits(account("A1"), gross(), 10_000);
    world.limits(participant("P"), gross(), 100);
    assert!(matches!(world.refuses(&buy(1, 90).hold()), Refusal::LimitExceeded { .. }));
    world.limits(participant("P"), gross(), 100_000);
    world.does(&buy(1, 90).hold());
    world.finds_done(&buy(1, 90).hold());
}

#[test]
fn a_limit_of_zero_raises_no_alert() {
    let mut world = World::default();
    world.does(&buy(1, 10).hold());
    world.does(&buy(1, 10).confirm(0, 10));
    world.limits(account("A1"), position(), 0);
    assert_eq!(alerts(&mut world, &sell(2, 10).hold()), []);
}

#[test]
fn the_largest_limit_is_watched_without_overflow() {
    let mut world = World::default();
    world.limits(account("A1"), gross(), Amount::MAX.0);
    assert_eq!(alerts(&mut world, &buy(1, 1).hold()), []);
}

#[test]
fn thresholds_can_be_chosen_in_any_order() {
    let mut world = World::default();
    assert_eq!(world.state.alert_thresholds(), [80, 100]);
    assert_eq!(world.does(&set(&[90, 50, 90])), [Event::AlertThresholdsSet { percents: vec![50, 90] }]);
    world.finds_done(&set(&[50, 90]));
    world.limits(account("A1"), gross(), 10_000);
    let both = [50, 90].map(|percent| (account("A1"), gross(), percent, 9_000));
    assert_eq!(alerts(&mut world, &buy(1, 90).hold()), both);
}

#[test]
fn no_thresholds_mean_no_alerts() {
    let mut world = World::default();
    world.does(&set(&[]));
    world.limits(account("A1"), gross(), 1_000);
    assert_eq!(alerts(&mut world, &buy(1, 10).hold()), []);
}

#[test]
fn thresholds_must_be_at_most_eight_percents() {
    let mut world = World::default();
    for bad in [&[0][..], &[101], &[1, 2, 3, 4, 5, 6, 7, 8, 9]] {
        assert_eq!(world.refuses(&set(bad)), Refusal::BadThresholds);
    }
    world.does(&set(&[1, 2, 3, 4, 5, 6, 7, 100]));
}
