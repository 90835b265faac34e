//! Fault 13 for settlement: a crash between any two events of a run resumes to the same end.

use super::{Deal, TUESDAY, World, date, deal};
use crate::{Command, Settlement};
use vocabulary::StepBound;

/// A day of both models with shortfalls in each, large enough for several steps of every stage.
fn day() -> World {
    let mut world = World::open();
    let codes = ["A", "B", "C", "D", "E"];
    for number in 0..400_u64 {
        let (buyer, seller) = (codes[(number % 5) as usize], codes[((number * 3 + 1) % 5) as usize]);
        let (market, base) = if number % 3 == 0 { ("GROSS", "UVW") } else { ("NET", "XYZ") };
        let notional = 1_000 + i64::try_from(number * 7 % 90).unwrap();
        let trade = deal(number, market, buyer, seller, 1 + i64::try_from(number % 11).unwrap(), notional);
        world.trades(&Deal { base, buy_fee: 2, sell_fee: 1, ..trade });
    }
    world.misses("B", "XYZ", 700);
    world.misses("C", "UVW", 30);
    world.misses("C", "CNY", 150_000);
    world
}

#[test]
fn fault_13_a_run_resumes_from_every_event() {
    let mut world = day();
    let before = world.history.len();
    let events = world.processes(TUESDAY);
    let (settled, recycled) = (super::settled(&events).len(), super::recycled(&events).len());
    assert!(settled > 200 && recycled > 20, "{settled} settled, {recycled} recycled");
    let mut rebuilt = Settlement::default();
    for (number, (event, at)) in world.history.iter().enumerate() {
        rebuilt.apply(event, *at);
        if number < before {
            continue;
        }
        let mut resumed = World { state: snapshot(&rebuilt), at: *at, history: Vec::new() };
        resumed.processes(TUESDAY);
        assert_eq!(resumed.state, world.state, "after event {number}");
    }
    assert_eq!(rebuilt, world.state);
}

#[test]
fn a_run_comes_to_the_same_end_in_steps_of_any_size() {
    let mut whole = day();
    whole.processes(TUESDAY);
    for step in [1, 3, 8, 100] {
        let mut world = day();
        let events = world.processes_within(StepBound::at_most(step), TUESDAY);
        assert_eq!(world.state, whole.state, "in steps of {step}");
        let events_of_whole: Vec<_> = whole.history.iter().map(|(event, _)| event.clone()).collect();
        assert!(events_of_whole.ends_with(&events), "in steps of {step}");
    }
}

#[test]
fn a_snapshot_is_the_state_and_always_the_same_bytes() {
    let mut world = day();
    world.does(Command::Process { date: date(TUESDAY) });
    world.does(Command::Advance);
    world.does(Command::Advance);
    assert!(world.state.running().is_some());
    let copy = snapshot(&world.state);
    assert_eq!(copy, world.state);
    assert_eq!(minicbor::to_vec(&copy).unwrap(), minicbor::to_vec(&world.state).unwrap());
}

fn snapshot(state: &Settlement) -> Settlement {
    minicbor::decode(&minicbor::to_vec(state).unwrap()).unwrap()
}
