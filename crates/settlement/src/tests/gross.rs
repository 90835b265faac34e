//! Gross settlement (model 1): trade by trade, delivery versus payment, a short leg fails alone (fault 21).

use super::{Deal, THURSDAY, TUESDAY, WEDNESDAY, World, date, deal, gone, recycled, settled};
use crate::{Command, Event};
use vocabulary::{Calendar, SettlementModel, Side};

#[test]
fn a_settled_trade_is_final_frees_its_quota_and_leaves() {
    let mut world = World::open();
    world.trades(&Deal { buy_fee: 3, sell_fee: 2, ..deal(1, "GROSS", "A", "B", 10, 1_000) });
    assert_eq!((world.quota("A").2, world.quota("B").2), (1_000, 1_000));
    let events = world.processes(TUESDAY);
    let [
        Event::RunStarted { run: 1, trades: 1, totals: due, .. },
        Event::TradeSettled { model: SettlementModel::Gross, buy, sell, .. },
        Event::RunCompleted { run: 1, settled: 1, recycled: 0, totals, .. },
    ] = &events[..]
    else {
        panic!("{events:#?}")
    };
    assert_eq!(due, totals);
    assert_eq!((buy.terms.side, sell.terms.side, buy.date), (Side::Buy, Side::Sell, date(TUESDAY)));
    assert_eq!((world.quota("A").2, world.quota("B").2), (0, 0));
    assert_eq!(world.state.unsettled_count(), 0);
    assert_eq!(world.processes(TUESDAY), [], "safe to repeat");
}

#[test]
fn a_trade_waits_for_its_other_side() {
    let mut world = World::open();
    let trade = deal(1, "GROSS", "A", "B", 10, 1_000);
    world.does(trade.hold(Side::Buy));
    world.does(trade.confirm(Side::Buy));
    assert_eq!(world.processes(TUESDAY), []);
    world.trades(&deal(2, "GROSS", "A", "B", 10, 1_000));
    assert_eq!(settled(&world.processes(TUESDAY)), [2]);
    world.does(trade.hold(Side::Sell));
    world.does(trade.confirm(Side::Sell));
    assert_eq!(settled(&world.processes(TUESDAY)), [1]);
}

#[test]
fn a_trade_that_comes_during_a_run_is_settled_by_the_next() {
    let mut world = World::open();
    world.trades(&deal(2, "GROSS", "A", "B", 10, 1_000));
    world.does(Command::Process { date: date(TUESDAY) });
    world.trades(&deal(1, "GROSS", "A", "B", 10, 1_000));
    assert_eq!(settled(&world.processes(TUESDAY)), [2]);
    let events = world.processes(TUESDAY);
    assert_eq!(settled(&events), [1]);
    assert!(matches!(events[0], Event::RunStarted { run: 2, .. }));
}

#[test]
fn fault_21_a_short_seller_fails_the_trades_it_cannot_cover_and_no_other() {
    let mut world = World::open();
    for (number, buyer, seller, quantity) in
        [(1, "A", "B", 40), (2, "C", "B", 70), (3, "A", "B", 20), (4, "A", "C", 5)]
    {
        world.trades(&deal(number, "GROSS", buyer, seller, quantity, 1_000));
    }
    world.misses("B", "XYZ", 60);
    let events = world.processes(TUESDAY);
    // B must deliver 130 and has 70: 40, then 70 do not both fit, then 20 does.
    assert_eq!(settled(&events), [1, 3, 4]);
    assert_eq!(recycled(&events), [gone(2, WEDNESDAY, "B", "XYZ", 40)]);
    assert_eq!(world.quota("C").2, 1_000, "the recycled trade still uses quota");
    assert_eq!(world.processes(TUESDAY), [], "it is not due any more");
    world.misses("B", "XYZ", 0);
    assert_eq!(settled(&world.processes(WEDNESDAY)), [2]);
    assert_eq!(world.quota("C").2, 0);
}

#[test]
fn fault_21_a_missing_payment_keeps_the_securities_back_too() {
    let mut world = World::open();
    world.trades(&Deal { buy_fee: 5, ..deal(1, "GROSS", "A", "B", 10, 1_000) });
    world.misses("A", "CNY", 1);
    let events = world.processes(TUESDAY);
    assert_eq!(settled(&events), [] as [u64; 0]);
    assert_eq!(recycled(&events), [gone(1, WEDNESDAY, "A", "CNY", 1)]);
    assert!(matches!(&events.last(), Some(Event::RunCompleted { totals, .. }) if totals.is_empty()));
}

#[test]
fn a_trade_that_fails_on_one_leg_draws_nothing_on_the_other() {
    let mut world = World::open();
    world.trades(&deal(1, "GROSS", "A", "B", 10, 1_000));
    world.trades(&deal(2, "GROSS", "A", "C", 10, 600));
    world.misses("B", "XYZ", 10);
    world.misses("A", "CNY", 1_000);
    let events = world.processes(TUESDAY);
    // A can pay 600. The first trade is short at both; the second finds the 600 untouched.
    assert_eq!(recycled(&events), [gone(1, WEDNESDAY, "A", "CNY", 400)]);
    assert_eq!(settled(&events), [2]);
}

#[test]
fn a_shortfall_beyond_all_that_is_due_stops_all_of_it_and_no_more() {
    let mut world = World::open();
    world.trades(&deal(1, "GROSS", "A", "B", 10, 1_000));
    world.trades(&deal(2, "GROSS", "B", "A", 10, 1_000));
    world.misses("B", "XYZ", 1_000_000);
    let events = world.processes(TUESDAY);
    assert_eq!((settled(&events), recycled(&events)), (vec![2], vec![gone(1, WEDNESDAY, "B", "XYZ", 10)]));
}

#[test]
fn a_shortfall_told_during_a_run_counts_for_the_next() {
    let mut world = World::open();
    world.trades(&deal(1, "GROSS", "A", "B", 10, 1_000));
    world.does(Command::Process { date: date(TUESDAY) });
    world.misses("B", "XYZ", 10);
    assert_eq!(settled(&world.processes(TUESDAY)), [1]);
}

#[test]
fn a_recycled_trade_skips_weekends_and_holidays_and_can_fail_again() {
    let mut world = World::open();
    let holidays = [date(WEDNESDAY)].into();
    let days = Calendar { holidays, ..Calendar::default() };
    world.does(Command::DefineCalendar { calendar: super::calendar("SSE"), days });
    world.trades(&deal(1, "GROSS", "A", "B", 10, 1_000));
    world.misses("B", "XYZ", 10);
    assert_eq!(recycled(&world.processes(TUESDAY)), [gone(1, THURSDAY, "B", "XYZ", 10)]);
    assert_eq!(recycled(&world.processes("2023-02-10")), [gone(1, "2023-02-13", "B", "XYZ", 10)]);
}

#[test]
fn a_run_on_a_saturday_recycles_to_monday() {
    let mut world = World::open();
    world.trades(&deal(1, "GROSS", "A", "B", 10, 1_000));
    world.misses("B", "XYZ", 10);
    assert_eq!(recycled(&world.processes("2023-02-11")), [gone(1, "2023-02-13", "B", "XYZ", 10)]);
}

#[test]
fn what_was_delivered_in_one_step_is_gone_in_the_next() {
    let mut world = World::open();
    for number in 0..600 {
        world.trades(&deal(number, "GROSS", "A", "B", 1, 10));
    }
    world.misses("B", "XYZ", 300);
    let events = world.processes(TUESDAY);
    assert_eq!(settled(&events), (0..300).collect::<Vec<_>>());
    assert_eq!(recycled(&events).len(), 300);
}

#[test]
fn steps_are_bounded_and_many_trades_take_many() {
    let mut world = World::open();
    for number in 0..600 {
        world.trades(&deal(number, "GROSS", "A", "B", 1, 10));
    }
    world.does(Command::Process { date: date(TUESDAY) });
    let mut steps = Vec::new();
    while world.state.running().is_some() {
        steps.push(world.does(Command::Advance).len());
    }
    assert_eq!(steps, [128, 128, 128, 128, 88, 1]);
}
