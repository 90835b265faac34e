//! Net settlement (model 3): positions that sum to zero, and whole trades that leave when one is not covered.

use super::{Deal, TUESDAY, WEDNESDAY, World, asset, deal, gone, participant, recycled, settled};
use crate::{Event, Party};
use vocabulary::SettlementModel;

/// Party, asset, gross in, gross out, net.
fn positions(events: &[Event]) -> Vec<(String, String, i128, i128, i128)> {
    let line = |event: &Event| {
        let Event::PositionNetted { party, asset, gross_in, gross_out, net, .. } = event else { return None };
        let party = match party {
            Party::Participant(code) => code.to_string(),
            Party::CentralCounterparty => "ccp".into(),
        };
        Some((party, asset.to_string(), gross_in.0, gross_out.0, net.0))
    };
    events.iter().filter_map(line).collect()
}

fn line(party: &str, of: &str, gross_in: i128, gross_out: i128) -> (String, String, i128, i128, i128) {
    (party.into(), of.into(), gross_in, gross_out, gross_in - gross_out)
}

#[test]
fn a_circle_nets_to_the_fees_of_the_central_counterparty() {
    let mut world = World::open();
    for (number, buyer, seller) in [(1, "A", "B"), (2, "B", "C"), (3, "C", "A")] {
        world.trades(&Deal { buy_fee: 2, sell_fee: 1, ..deal(number, "NET", buyer, seller, 10, 100) });
    }
    let events = world.processes(TUESDAY);
    assert_eq!(
        positions(&events),
        [
            line("A", "CNY", 99, 102),
            line("B", "CNY", 99, 102),
            line("C", "CNY", 99, 102),
            line("ccp", "CNY", 306, 297),
            line("A", "XYZ", 10, 10),
            line("B", "XYZ", 10, 10),
            line("C", "XYZ", 10, 10),
            line("ccp", "XYZ", 30, 30),
        ]
    );
    assert_eq!(settled(&events), [1, 2, 3]);
    assert!(
        events.iter().all(
            |event| !matches!(event, Event::TradeSettled { model, .. } if *model != SettlementModel::Net)
        )
    );
}

#[test]
fn trades_that_settle_gross_are_not_in_the_positions() {
    let mut world = World::open();
    world.trades(&deal(1, "NET", "A", "B", 10, 100));
    world.trades(&deal(2, "GROSS", "A", "B", 7, 70));
    let events = world.processes(TUESDAY);
    assert!(positions(&events).contains(&line("A", "XYZ", 10, 0)));
    assert_eq!(settled(&events), [1, 2]);
}

#[test]
fn a_shortfall_within_what_netting_saves_stops_nothing() {
    let mut world = World::open();
    world.trades(&deal(1, "NET", "A", "B", 100, 1_000));
    world.trades(&deal(2, "NET", "B", "C", 90, 900));
    world.misses("B", "XYZ", 90);
    let events = world.processes(TUESDAY);
    assert_eq!((settled(&events), recycled(&events)), (vec![1, 2], vec![]));
}

#[test]
fn fault_21_the_latest_trades_that_take_from_the_short_participant_leave_as_a_whole() {
    let mut world = World::open();
    for (number, buyer, seller, quantity) in
        [(1, "A", "B", 50), (2, "C", "B", 30), (3, "B", "A", 10), (4, "D", "B", 20), (5, "A", "C", 1)]
    {
        world.trades(&deal(number, "NET", buyer, seller, quantity, 100));
    }
    // B delivers 100 and receives 10: net 90, of which it has 100 - 45 = 55.
    world.misses("B", "XYZ", 45);
    let events = world.processes(TUESDAY);
    assert_eq!(recycled(&events), [gone(4, WEDNESDAY, "B", "XYZ", 35), gone(2, WEDNESDAY, "B", "XYZ", 15)]);
    assert_eq!(settled(&events), [1, 3, 5]);
    assert!(positions(&events).contains(&line("B", "XYZ", 10, 50)));
    assert!(positions(&events).contains(&line("C", "CNY", 100, 0)), "C has no part of the trade that left");
    world.misses("B", "XYZ", 0);
    assert_eq!(settled(&world.processes(WEDNESDAY)), [2, 4]);
    assert_eq!(world.state.unsettled_count(), 0);
}

#[test]
fn a_removal_can_uncover_another_and_cascades_until_all_are_covered() {
    let mut world = World::open();
    world.trades(&deal(1, "NET", "C", "A", 100, 1_000));
    world.trades(&deal(2, "NET", "D", "C", 100, 1_000));
    world.trades(&deal(3, "NET", "E", "D", 100, 1_000));
    world.trades(&deal(4, "NET", "B", "E", 5, 50));
    // None of C and D holds any XYZ: each passes on what it receives, and A has nothing to begin with.
    for code in ["A", "C", "D"] {
        world.misses(code, "XYZ", 100);
    }
    let events = world.processes(TUESDAY);
    assert_eq!(
        recycled(&events),
        [
            gone(1, WEDNESDAY, "A", "XYZ", 100),
            gone(2, WEDNESDAY, "C", "XYZ", 100),
            gone(3, WEDNESDAY, "D", "XYZ", 100)
        ]
    );
    assert_eq!(settled(&events), [4]);
}

#[test]
fn a_missing_payment_cascades_to_the_securities_of_others() {
    let mut world = World::open();
    world.trades(&deal(1, "NET", "A", "B", 10, 1_000));
    world.trades(&deal(2, "NET", "C", "A", 10, 900));
    // A has to pay 100 net and can pay 50, so its purchase leaves; then it cannot deliver what it sold on.
    world.misses("A", "CNY", 950);
    world.misses("A", "XYZ", 10);
    let events = world.processes(TUESDAY);
    assert_eq!(recycled(&events), [gone(1, WEDNESDAY, "A", "CNY", 50), gone(2, WEDNESDAY, "A", "XYZ", 10)]);
    assert_eq!(positions(&events), []);
}

#[test]
fn trades_of_a_participant_with_itself_are_not_taken_out_for_nothing() {
    let mut world = World::open();
    world.trades(&deal(1, "NET", "A", "B", 10, 100));
    world.trades(&deal(2, "NET", "B", "B", 50, 500));
    world.misses("B", "XYZ", 55);
    let events = world.processes(TUESDAY);
    assert_eq!((settled(&events), recycled(&events)), (vec![2], vec![gone(1, WEDNESDAY, "B", "XYZ", 5)]));
}

#[test]
fn netting_draws_on_what_is_deliverable_before_gross_settlement() {
    let mut world = World::open();
    world.trades(&deal(1, "GROSS", "A", "B", 30, 100));
    world.trades(&deal(2, "NET", "A", "B", 60, 100));
    world.trades(&deal(3, "GROSS", "A", "B", 10, 100));
    world.misses("B", "XYZ", 25);
    let events = world.processes(TUESDAY);
    // 75 of 100: 60 for the netting leave 15, too little for 30 and enough for 10.
    assert_eq!((settled(&events), recycled(&events)), (vec![2, 3], vec![gone(1, WEDNESDAY, "B", "XYZ", 15)]));
    let start = &events[0];
    assert!(matches!(start, Event::RunStarted { covers, .. }
        if covers.len() == 1 && covers[0].participant == participant("B") && covers[0].asset == asset("XYZ")
            && covers[0].deliverable().0 == 75));
}

#[test]
fn a_removal_of_many_trades_takes_bounded_steps() {
    let mut world = World::open();
    for number in 0..600 {
        world.trades(&deal(number, "NET", "A", "B", 1, 10));
    }
    world.misses("B", "XYZ", 590);
    let events = world.processes(TUESDAY);
    assert_eq!(settled(&events), (0..10).collect::<Vec<_>>());
    assert_eq!(recycled(&events).len(), 590);
    assert_eq!(recycled(&events)[0], gone(599, WEDNESDAY, "B", "XYZ", 590));
}
