//! How events and state are written down.

use super::{SECOND_NS, World, account, buy, date, gross, notional, participant, position, quantity, sell};
use crate::{Command, Event, Measure, Risk, Switch};
use vocabulary::{Amount, CorrelationId, SettledSide};

/// One of every kind of event. A new kind is added at the end.
fn events() -> Vec<Event> {
    let order = sell(258, 10);
    let fill = order.fill(1, 4);
    vec![
        Event::LimitSet { scope: account("A1"), measure: gross(), limit: Some(Amount(1_000_000)) },
        Event::LimitSet { scope: participant("P"), measure: Measure::OrderRate, limit: None },
        Event::LimitSet { scope: account("A1"), measure: notional(), limit: Some(Amount::MAX) },
        Event::LimitSet { scope: account("A1"), measure: quantity(), limit: Some(Amount(0)) },
        Event::AlertThresholdsSet { percents: vec![50, 100] },
        Event::KillSwitchEngaged { switch: Switch::All, reason: "drill".to_owned() },
        Event::KillSwitchEngaged { switch: Switch::Participant("P".parse().unwrap()), reason: String::new() },
        Event::KillSwitchLifted { switch: Switch::Account("A1".parse().unwrap()) },
        Event::KillSwitchLifted { switch: Switch::Instrument("X".parse().unwrap()) },
        Event::ExposureHeld { terms: order.terms, reserved: order.reserved(10) },
        Event::ExposureConfirmed { terms: order.terms, fill },
        Event::ExposureReduced { terms: order.terms, part: 2, what: order.reserved(1) },
        Event::ExposureReleased {
            terms: order.terms,
            released: order.reserved(5),
            until: vocabulary::Timestamp(7),
        },
        Event::ExposureSettled { side: SettledSide { terms: order.terms, fill, date: date("2023-02-08") } },
        Event::AlertRaised {
            scope: account("A1"),
            measure: position(),
            percent: 80,
            used: Amount(8),
            limit: Amount(10),
            correlation: CorrelationId(258),
        },
    ]
}

/// What was written must be readable for good: lines are added here; one is edited only where a field was
/// added, and its old form stands below.
const GOLDEN: &str = include_str!("events.golden");

#[test]
fn events_are_written_as_they_always_were() {
    let hex = |event: &Event| -> String {
        minicbor::to_vec(event).unwrap().iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let written: Vec<String> = events().iter().map(hex).collect();
    assert_eq!(written, GOLDEN.lines().collect::<Vec<_>>(), "{}", written.join("\n"));
}

fn read(line: &str) -> Event {
    let byte = |at| u8::from_str_radix(&line[at..at + 2], 16).unwrap();
    let bytes: Vec<u8> = (0..line.len()).step_by(2).map(byte).collect();
    minicbor::decode(&bytes).unwrap()
}

#[test]
fn events_are_read_as_they_always_were() {
    assert_eq!(GOLDEN.lines().map(read).collect::<Vec<_>>(), events());
}

/// As releases were written before they said until when they are remembered.
const RELEASED_BEFORE: &str =
    "8207828919010262413161506158614d615863434e5901500000000000000000000000000000010282051901f4";

#[test]
fn a_release_of_before_is_still_read() {
    let (order, until) = (sell(258, 10), vocabulary::Timestamp::default());
    let released = order.reserved(5);
    assert_eq!(read(RELEASED_BEFORE), Event::ExposureReleased { terms: order.terms, released, until });
}

#[test]
fn commands_survive_encoding() {
    let order = buy(1, 10);
    let commands = [
        Command::SetLimit { scope: account("A1"), measure: gross(), limit: None },
        Command::SetAlertThresholds { percents: vec![1, 2] },
        Command::EngageKillSwitch { switch: Switch::All, reason: "drill".to_owned() },
        Command::LiftKillSwitch { switch: Switch::All },
        order.hold(),
        order.confirm(0, 1),
        order.reduce(1, 1),
        order.release(2),
        order.settle(0, 1),
    ];
    for command in commands {
        let bytes = minicbor::to_vec(&command).unwrap();
        assert_eq!(minicbor::decode::<Command>(&bytes).unwrap(), command);
    }
}

#[test]
fn a_snapshot_restores_the_state_and_goes_on_as_before() {
    let mut world = World::default();
    world.waits_ns(5 * SECOND_NS);
    world.limits(account("A1"), Measure::OrderRate, 2);
    world.does(&Command::SetAlertThresholds { percents: vec![10] });
    world.does(&Command::EngageKillSwitch {
        switch: Switch::Account("A9".parse().unwrap()),
        reason: "drill".to_owned(),
    });
    world.does(&buy(1, 10).hold());
    world.does(&buy(1, 10).confirm(0, 4));
    world.does(&sell(2, 5).release(0));
    let bytes = minicbor::to_vec(&world.state).unwrap();
    let restored: Risk = minicbor::decode(&bytes).unwrap();
    assert_eq!(restored, world.state);
    assert_eq!(minicbor::to_vec(&restored).unwrap(), bytes, "the same state is the same bytes");
    for command in [buy(1, 10).confirm(1, 6), buy(3, 1).hold(), sell(2, 5).hold(), buy(1, 10).settle(0, 4)] {
        assert_eq!(restored.decide(&command, world.at), world.state.decide(&command, world.at));
    }
}
