//! What holds for whatever is traded and whoever is short.

use super::{Deal, TUESDAY, World, calendar, date, recycled, settled};
use crate::{Command, Event, Obligation, Party, Total};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use vocabulary::{
    Amount, AssetId, Calendar, Date, ParticipantId, SettledSide, SettlementModel, Side, TradeId,
};

const CODES: [&str; 5] = ["A", "B", "C", "D", "E"];
const ASSETS: [&str; 3] = ["CNY", "XYZ", "UVW"];
const DAYS: [&str; 4] = ["2023-02-07", "2023-02-08", "2023-02-09", "2023-02-10"];

type Flows = BTreeMap<(AssetId, ParticipantId), (Amount, Amount)>;

fn deals() -> impl Strategy<Value = Vec<Deal>> {
    let code = || prop::sample::select(&CODES[..]);
    let (market, base) =
        (prop::sample::select(vec!["GROSS", "NET"]), prop::sample::select(vec!["XYZ", "UVW"]));
    let fees = (0..=100_i64, 0..=100_i64);
    let deal = (market, base, code(), code(), 1..1_000_i64, 1_000..100_000_i64, fees, 0..=2_u8).prop_map(
        |(market, base, buyer, seller, quantity, notional, (buy_fee, sell_fee), days)| {
            let number = 0;
            Deal { number, market, base, buyer, seller, quantity, notional, buy_fee, sell_fee, days }
        },
    );
    prop::collection::vec(deal, 1..40).prop_map(|mut deals| {
        (1..).zip(&mut deals).for_each(|(number, deal)| deal.number = number);
        deals
    })
}

/// Who misses how much of what, as a share of a plausible amount.
fn shortfalls() -> impl Strategy<Value = Vec<(&'static str, &'static str, i128)>> {
    let (code, of) = (prop::sample::select(&CODES[..]), prop::sample::select(&ASSETS[..]));
    let line = (code, of, 0..1_000_i128)
        .prop_map(|(code, of, share)| (code, of, if of == "CNY" { share * 500 } else { share * 3 }));
    prop::collection::vec(line, 0..6)
}

/// What the sides that settled under `model` deliver and receive, from the fills alone.
fn flows(events: &[Event], wanted: SettlementModel) -> Flows {
    let mut flows = Flows::new();
    for event in events {
        let Event::TradeSettled { model, buy, sell, .. } = event else { continue };
        if *model != wanted {
            continue;
        }
        let (b, s): (&SettledSide, &SettledSide) = (buy, sell);
        let mut flow = |asset, who, incoming: Amount, outgoing: Amount| {
            let line = flows.entry((asset, who)).or_insert((Amount::ZERO, Amount::ZERO));
            *line = (line.0 + incoming, line.1 + outgoing);
        };
        flow(b.terms.base, b.terms.participant, b.fill.quantity.into(), Amount::ZERO);
        flow(b.terms.quote, b.terms.participant, Amount::ZERO, b.fill.notional + b.fill.fee);
        flow(s.terms.base, s.terms.participant, Amount::ZERO, s.fill.quantity.into());
        flow(s.terms.quote, s.terms.participant, s.fill.notional - s.fill.fee, Amount::ZERO);
    }
    flows
}

/// Positions sum to zero per asset, and are exactly what the trades that settled net add up to.
fn check_netting(events: &[Event]) {
    let (mut nets, mut lines) = (BTreeMap::<AssetId, Amount>::new(), Flows::new());
    for event in events {
        let Event::PositionNetted { party, asset, gross_in, gross_out, net, .. } = event else { continue };
        assert_eq!(*net, *gross_in - *gross_out);
        *nets.entry(*asset).or_default() += *net;
        if let Party::Participant(who) = party {
            assert!(lines.insert((*asset, *who), (*gross_in, *gross_out)).is_none(), "one position each");
        }
    }
    assert!(nets.values().all(|net| net.is_zero()), "{nets:?}");
    assert_eq!(lines, flows(events, SettlementModel::Net));
}

/// Each party moves an asset in one direction, no more of it than gross, and all together as little as the balances
/// allow; so with n parties, n - 1 transfers are enough.
fn check_netting_is_minimal(events: &[Event]) {
    let mut balances = BTreeMap::<AssetId, BTreeMap<Party, Amount>>::new();
    for event in events {
        let Event::PositionNetted { party, asset, gross_in, gross_out, net, .. } = event else { continue };
        assert!(!gross_in.is_negative() && !gross_out.is_negative());
        assert!(
            net.abs() <= (*gross_in).max(*gross_out),
            "{party:?} moves more {asset} than without netting"
        );
        let before = balances.entry(*asset).or_default().insert(*party, *net);
        assert_eq!(before, None, "{party:?} pays and receives {asset} at once");
    }
    for (asset, mut nets) in balances {
        let (parties, mut transfers) = (nets.len(), 0);
        while let Some((from, owed)) = nets.iter().find(|(_, net)| net.is_negative()).map(|(p, n)| (*p, -*n))
        {
            let (to, due) = nets.iter().find(|(_, net)| **net > Amount::ZERO).map(|(p, n)| (*p, *n)).unwrap();
            let moved = owed.min(due);
            *nets.get_mut(&from).unwrap() += moved;
            *nets.get_mut(&to).unwrap() -= moved;
            transfers += 1;
        }
        assert!(nets.values().all(|net| net.is_zero()), "{asset} balances");
        assert!(transfers < parties, "{transfers} transfers of {asset} between {parties}");
    }
}

/// Nobody delivers more than it can, and only who can deliver less than is due makes a trade fail.
fn check_cover(events: &[Event]) {
    let Some(Event::RunStarted { covers, .. }) = events.first() else { return };
    let (net, gross) = (flows(events, SettlementModel::Net), flows(events, SettlementModel::Gross));
    for cover in covers {
        let key = (cover.asset, cover.participant);
        let net = net.get(&key).map_or(Amount::ZERO, |line| (line.1 - line.0).max(Amount::ZERO));
        let gross = gross.get(&key).map_or(Amount::ZERO, |line| line.1);
        assert!(net + gross <= cover.deliverable(), "{cover:?}: net {net}, gross {gross}");
    }
    let short: BTreeSet<_> = covers.iter().map(|cover| (cover.participant, cover.asset)).collect();
    for event in events {
        let Event::TradeRecycled { short: why, from, to, .. } = event else { continue };
        assert!(short.contains(&(why.participant, why.asset)) && why.missing > Amount::ZERO && to > from);
    }
}

/// The counts and totals of a run are those of its trades, and balance.
fn check_totals(events: &[Event]) {
    let [Event::RunStarted { trades, totals: due, .. }, .., Event::RunCompleted { totals, .. }] = events
    else {
        assert!(events.is_empty());
        return;
    };
    assert_eq!(*trades as usize, settled(events).len() + recycled(events).len());
    assert!(due.iter().chain(totals).all(Total::is_balanced));
    let mut moved = BTreeMap::<AssetId, (Amount, Amount)>::new();
    for model in [SettlementModel::Gross, SettlementModel::Net] {
        for ((asset, _), (incoming, outgoing)) in flows(events, model) {
            let line = moved.entry(asset).or_default();
            *line = (line.0 + incoming, line.1 + outgoing);
        }
    }
    let told = totals.iter().map(|total| (total.asset, (total.received, total.delivered)));
    assert_eq!(moved, told.collect());
}

fn unsettled(world: &World) -> BTreeSet<TradeId> {
    world.state.obligations(None, usize::MAX).iter().map(|o: &Obligation| o.fill.trade).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn every_run_sums_to_zero_is_covered_and_loses_nothing(deals in deals(), shortfalls in shortfalls()) {
        let mut world = World::open();
        deals.iter().for_each(|deal| world.trades(deal));
        for (code, of, missing) in shortfalls {
            world.misses(code, of, missing);
        }
        let mut open = unsettled(&world);
        prop_assert_eq!(open.len(), deals.len());
        for day in DAYS {
            let events = world.processes(day);
            check_netting(&events);
            check_netting_is_minimal(&events);
            check_cover(&events);
            check_totals(&events);
            for number in settled(&events) {
                prop_assert!(open.remove(&super::trade_id(number)), "a trade settles once");
            }
            prop_assert_eq!(&unsettled(&world), &open);
            prop_assert_eq!(world.processes(day), []);
        }
        for (code, of) in CODES.iter().flat_map(|code| ASSETS.map(|of| (code, of))) {
            world.misses(code, of, 0);
        }
        let events = world.processes("2023-02-13");
        prop_assert_eq!(settled(&events).len(), open.len());
        prop_assert_eq!(world.state.unsettled_count(), 0);
        let lines = world.state.quotas();
        prop_assert!(lines.iter().all(|line| line.held.is_zero() && line.used.is_zero()));
    }

    /// Each side is held before it is confirmed; otherwise anything may come before anything.
    #[test]
    fn the_order_in_which_sides_arrive_changes_nothing_that_settles(
        (deals, arrivals) in deals().prop_flat_map(|deals| {
            let holds_and_confirms = (0..deals.len() * 2).flat_map(|side| [side, side]).collect::<Vec<_>>();
            (Just(deals), Just(holds_and_confirms).prop_shuffle())
        }),
    ) {
        let (mut in_order, mut shuffled) = (World::open(), World::open());
        deals.iter().for_each(|deal| in_order.trades(deal));
        let mut held = BTreeSet::new();
        for arrival in arrivals {
            let deal = &deals[arrival / 2];
            let side = if arrival % 2 == 0 { Side::Buy } else { Side::Sell };
            let command = if held.insert(arrival) { deal.hold(side) } else { deal.confirm(side) };
            shuffled.does(command);
        }
        for world in [&mut in_order, &mut shuffled] {
            world.misses("A", "CNY", 50_000);
            world.misses("B", "XYZ", 400);
        }
        for day in DAYS {
            prop_assert_eq!(in_order.processes(day), shuffled.processes(day));
        }
    }

    /// Both sides of a trade are due on one day: so many business days after the trade, by whatever calendar was in
    /// force when the first of them came.
    #[test]
    fn a_trade_is_due_so_many_business_days_after_it_was_made(
        deals in deals(),
        calendars in prop::collection::vec(days_off(), 1..4),
        sell_first in any::<bool>(),
    ) {
        let mut world = World::open();
        let sides = if sell_first { [Side::Sell, Side::Buy] } else { [Side::Buy, Side::Sell] };
        let mut due = BTreeMap::new();
        for (step, deal) in deals.iter().enumerate() {
            for (turn, side) in sides.into_iter().enumerate() {
                let days = calendars[(step + turn) % calendars.len()].clone();
                let counted = nth_business_day(&days, date(TUESDAY), deal.days);
                world.does(Command::DefineCalendar { calendar: calendar("SSE"), days });
                world.does(deal.hold(side));
                let events = world.does(deal.confirm(side));
                let [Event::ObligationRecorded { obligation }] = &events[..] else { panic!("{events:?}") };
                prop_assert_eq!(obligation.date, *due.entry(deal.number).or_insert(counted));
            }
        }
    }
}

/// Saturdays and Sundays, and some of the days around the trade.
fn days_off() -> impl Strategy<Value = Calendar> {
    prop::collection::btree_set(0..12_usize, 0..8).prop_map(|offsets| {
        let day =
            |offset: usize| std::iter::successors(Some(date(TUESDAY)), |day| Some(day.next())).nth(offset);
        Calendar { holidays: offsets.into_iter().filter_map(day).collect(), ..Calendar::default() }
    })
}

/// By walking: day 0 is the first business day from `from` on.
fn nth_business_day(days: &Calendar, from: Date, nth: u8) -> Date {
    let all = std::iter::successors(Some(from), |day| Some(day.next()));
    let is_open = |day: &Date| day.weekday() < 5 && !days.holidays.contains(day);
    all.filter(is_open).nth(usize::from(nth)).unwrap()
}
