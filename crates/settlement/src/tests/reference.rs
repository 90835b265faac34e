//! Quotas, calendars, models, settlement dates, and the reports on them.

use super::{
    Deal, THURSDAY, TUESDAY, WEDNESDAY, World, asset, calendar, date, deal, market, participant, trade_id,
};
use crate::{Command, Event, Refusal, Total};
use std::collections::BTreeSet;
use vocabulary::{Amount, Calendar, Date, SettlementModel, Side};

fn holiday(days: &[&str]) -> Command {
    let holidays = days.iter().map(|day| date(day)).collect();
    Command::DefineCalendar { calendar: calendar("SSE"), days: Calendar { holidays, ..Calendar::default() } }
}

fn due_dates(world: &World) -> Vec<(u64, Date)> {
    let line = |o: crate::Obligation| (o.fill.trade.position, o.date);
    world.state.obligations(None, 100).into_iter().map(line).collect()
}

#[test]
fn a_quota_can_be_lowered_below_what_is_in_use_and_then_only_refuses() {
    let mut world = World::open();
    let (first, second) = (deal(1, "GROSS", "A", "B", 1, 500), deal(2, "GROSS", "A", "B", 1, 1));
    world.does(first.hold(Side::Buy));
    world.set_quota("A", 100);
    assert_eq!(world.quota("A"), (100, 500, 0));
    assert_eq!(world.refuses(&second.hold(Side::Buy)).code(), "settlement.quota-exceeded");
    world.does(first.release(Side::Buy, 0));
    world.does(second.hold(Side::Buy));
}

#[test]
fn what_is_so_already_yields_no_events() {
    let mut world = World::open();
    world.misses("A", "XYZ", 5);
    world.does(holiday(&[]));
    let (a, xyz, cny) = (participant("A"), asset("XYZ"), asset("CNY"));
    for command in [
        Command::SetQuota { participant: a, asset: cny, quota: Amount(1_000_000_000_000) },
        Command::SetQuota { participant: a, asset: xyz, quota: Amount(0) },
        Command::RecordShortfall { participant: a, asset: xyz, missing: Amount(5) },
        Command::RecordShortfall { participant: a, asset: cny, missing: Amount(0) },
        Command::SetSettlementModel { market: market("NET"), model: SettlementModel::Net },
        Command::SetSettlementModel { market: market("OTHER"), model: SettlementModel::Gross },
        holiday(&[]),
        Command::Process { date: date(TUESDAY) },
        Command::Advance,
    ] {
        world.finds_done(command);
    }
    world.misses("A", "XYZ", 0);
    assert_eq!(world.state.shortfalls().count(), 0);
}

#[test]
fn nonsense_is_refused_by_name() {
    let mut world = World::open();
    let (a, cny) = (participant("A"), asset("CNY"));
    let calendar_of = |weekend: &[u8]| {
        let days = Calendar { weekend: weekend.iter().copied().collect(), holidays: BTreeSet::new() };
        Command::DefineCalendar { calendar: calendar("SSE"), days }
    };
    for (command, code) in [
        (Command::SetQuota { participant: a, asset: cny, quota: Amount(-1) }, "settlement.negative-amount"),
        (
            Command::RecordShortfall { participant: a, asset: cny, missing: Amount(-1) },
            "settlement.negative-amount",
        ),
        (calendar_of(&[0, 1, 2, 3, 4, 5, 6]), "settlement.no-business-day"),
        (calendar_of(&[5, 7]), "settlement.not-a-weekday"),
    ] {
        let no = world.refuses(&command);
        assert_eq!(no.code(), code);
        assert!(no.to_string().contains("must"), "{no}");
    }
}

#[test]
fn trades_settle_on_t_plus_0_to_2_business_days() {
    let mut world = World::open();
    world.does(holiday(&[WEDNESDAY]));
    for days in 0..=2 {
        world.trades(&Deal { days, ..deal(u64::from(days), "GROSS", "A", "B", 1, 10) });
    }
    let (first, second, third) = (date(TUESDAY), date(THURSDAY), date("2023-02-10"));
    assert_eq!(due_dates(&world), [(0, first), (0, first), (1, second), (1, second), (2, third), (2, third)]);
    assert_eq!(super::settled(&world.processes(TUESDAY)), [0]);
    assert_eq!(super::settled(&world.processes(WEDNESDAY)), [] as [u64; 0]);
    assert_eq!(super::settled(&world.processes("2023-02-11")), [1, 2]);
}

#[test]
fn a_trade_has_one_settlement_date_though_its_calendar_changes_between_its_sides() {
    let mut world = World::open();
    let trade = Deal { days: 1, ..deal(1, "GROSS", "A", "B", 1, 10) };
    world.does(trade.hold(Side::Buy));
    world.does(trade.hold(Side::Sell));
    world.does(trade.confirm(Side::Sell));
    world.does(holiday(&[WEDNESDAY]));
    world.does(trade.confirm(Side::Buy));
    assert_eq!(due_dates(&world), [(1, date(WEDNESDAY)), (1, date(WEDNESDAY))]);
}

#[test]
fn each_side_owes_the_central_counterparty_its_own_part() {
    let mut world = World::open();
    world.trades(&Deal { buy_fee: 3, sell_fee: 2, ..deal(1, "GROSS", "A", "B", 10, 1_000) });
    let both = world.state.obligations(None, 10);
    let owed: Vec<_> = both.iter().map(|o| (o.terms.side, o.base().0, o.quote().0)).collect();
    assert_eq!(owed, [(Side::Buy, 10, -1_003), (Side::Sell, -10, 998)]);
    assert_eq!(both[0].terms, deal(1, "GROSS", "A", "B", 10, 1_000).terms(Side::Buy));
}

#[test]
fn what_is_due_is_told_with_totals_and_what_is_still_incomplete() {
    let mut world = World::open();
    world.trades(&Deal { buy_fee: 3, sell_fee: 2, ..deal(1, "GROSS", "A", "B", 10, 1_000) });
    let half = deal(2, "GROSS", "A", "B", 5, 500);
    world.does(half.hold(Side::Buy));
    world.does(half.confirm(Side::Buy));
    let due = world.state.due(date(TUESDAY));
    assert_eq!((due.trades, due.incomplete), (1, 1));
    let total = |code, delivered, received, fees| Total {
        asset: asset(code),
        delivered: Amount(delivered),
        received: Amount(received),
        fees: Amount(fees),
    };
    assert_eq!(due.totals, [total("CNY", 1_003, 998, 5), total("XYZ", 10, 10, 0)]);
    assert!(due.totals.iter().all(Total::is_balanced));
    assert_eq!(world.state.due(date("2023-02-06")).trades, 0);
}

#[test]
fn obligations_come_in_pages_also_while_a_run_has_taken_some() {
    let mut world = World::open();
    for number in 1..=5 {
        world.trades(&Deal { days: (number % 2) as u8, ..deal(number, "GROSS", "A", "B", 1, 10) });
    }
    let walk = |world: &World| {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = world.state.obligations(after, 2);
            let Some(last) = page.last() else { return seen };
            after = Some((last.date, last.fill.trade));
            seen.extend(page.iter().filter(|o| o.terms.side == Side::Buy).map(|o| o.fill.trade.position));
        }
    };
    assert_eq!(walk(&world), [2, 4, 1, 3, 5]);
    world.does(Command::Process { date: date(TUESDAY) });
    assert_eq!(walk(&world), [2, 4, 1, 3, 5]);
}

#[test]
fn two_sides_that_disagree_stop_the_date_before_anything_settles() {
    let mut world = World::open();
    world.trades(&deal(1, "GROSS", "A", "B", 10, 1_000));
    let (bought, sold) = (deal(2, "GROSS", "A", "B", 10, 1_000), deal(2, "GROSS", "A", "B", 10, 990));
    for command in
        [bought.hold(Side::Buy), bought.confirm(Side::Buy), sold.hold(Side::Sell), sold.confirm(Side::Sell)]
    {
        world.does(command);
    }
    let no = world.refuses(&Command::Process { date: date(TUESDAY) });
    assert_eq!(no, Refusal::Unbalanced { trade: trade_id(2), asset: asset("CNY"), difference: Amount(-10) });
    assert_eq!(no.code(), "settlement.unbalanced");
}

#[test]
fn one_run_at_a_time_and_models_stay_while_it_lasts() {
    let mut world = World::open();
    world.trades(&deal(1, "GROSS", "A", "B", 1, 10));
    world.does(Command::Process { date: date(TUESDAY) });
    assert_eq!(world.state.running(), Some(date(TUESDAY)));
    world.finds_done(Command::Process { date: date(TUESDAY) });
    let running = Refusal::RunInProgress(date(TUESDAY));
    assert_eq!(world.refuses(&Command::Process { date: date(WEDNESDAY) }), running);
    let to_net = Command::SetSettlementModel { market: market("GROSS"), model: SettlementModel::Net };
    assert_eq!(world.refuses(&to_net), running);
    let events = world.processes(TUESDAY);
    assert!(matches!(events.last(), Some(Event::RunCompleted { settled: 1, recycled: 0, .. })));
    world.does(to_net);
}
