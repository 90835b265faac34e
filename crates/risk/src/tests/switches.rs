//! Kill switches.

use super::{World, account, buy, gross};
use crate::{Command, Event, Refusal, Switch};

fn engage(switch: Switch) -> Command {
    Command::EngageKillSwitch { switch, reason: "runaway algorithm".to_owned() }
}

fn switches() -> [Switch; 4] {
    [
        Switch::All,
        Switch::Participant("P".parse().unwrap()),
        Switch::Account("A1".parse().unwrap()),
        Switch::Instrument("X".parse().unwrap()),
    ]
}

#[test]
fn each_switch_refuses_what_it_covers_until_it_is_lifted() {
    for switch in switches() {
        let mut world = World::default();
        world.does(&engage(switch));
        let refusal = world.refuses(&buy(1, 10).hold());
        assert_eq!(refusal, Refusal::KillSwitchEngaged(switch));
        assert_eq!(refusal.code(), "risk.kill-switch-engaged");
        world.does(&Command::LiftKillSwitch { switch });
        world.does(&buy(1, 10).hold());
    }
}

#[test]
fn each_switch_lets_pass_what_it_does_not_cover() {
    let others = [
        (Switch::Participant("P".parse().unwrap()), buy(1, 1).of("A2", "Q")),
        (Switch::Account("A1".parse().unwrap()), buy(1, 1).of("A2", "P")),
        (Switch::Instrument("X".parse().unwrap()), buy(1, 1).for_instrument("Y")),
    ];
    for (switch, other) in others {
        let mut world = World::default();
        world.does(&engage(switch));
        world.does(&other.hold());
    }
}

#[test]
fn what_is_held_already_can_still_be_confirmed_reduced_released_and_settled() {
    let mut world = World::default();
    world.does(&buy(1, 10).hold());
    for switch in switches() {
        world.does(&engage(switch));
    }
    for command in
        [buy(1, 10).confirm(0, 4), buy(1, 10).reduce(1, 1), buy(1, 10).release(2), buy(1, 10).settle(0, 4)]
    {
        assert_eq!(world.does(&command).len(), 1);
    }
    assert_eq!(world.used(account("A1"), gross()), 0);
}

#[test]
fn a_switch_engaged_twice_is_engaged_once_and_keeps_its_first_reason() {
    let mut world = World::default();
    assert!(matches!(world.does(&engage(Switch::All))[..], [Event::KillSwitchEngaged { .. }]));
    world.finds_done(&Command::EngageKillSwitch { switch: Switch::All, reason: "again".to_owned() });
    assert_eq!(world.state.switch_reason(&Switch::All), Some("runaway algorithm"));
}

#[test]
fn a_switch_that_is_not_engaged_cannot_be_lifted() {
    for switch in switches() {
        let refusal = World::default().refuses(&Command::LiftKillSwitch { switch });
        assert_eq!(refusal, Refusal::SwitchNotEngaged(switch));
    }
}

#[test]
fn engaged_switches_are_listed_in_order() {
    let mut world = World::default();
    for switch in switches().into_iter().rev() {
        world.does(&engage(switch));
        assert!(world.state.is_engaged(&switch));
    }
    assert_eq!(world.state.switches().copied().collect::<Vec<_>>(), switches());
    world.does(&Command::LiftKillSwitch { switch: Switch::All });
    assert!(!world.state.is_engaged(&Switch::All));
}
