//! What holds for whatever is traded and whoever is short.

use super::{Deal, World, recycled, settled};
use crate::{Event, Obligation, Party, Total};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use vocabulary::{Amount, AssetId, ParticipantId, SettledSide, SettlementModel, TradeId};

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

    #[test]
    fn the_order_in_which_sides_arrive_changes_nothing_that_settles(deals in deals(), back in any::<bool>()) {
        let (mut forth, mut other) = (World::open(), World::open());
        deals.iter().for_each(|deal| forth.trades(deal));
        let mut sides: Vec<_> = deals.iter().map(|deal| (deal, vocabulary::Side::Sell)).collect();
        sides.extend(deals.iter().map(|deal| (deal, vocabulary::Side::Buy)));
        if back {
            sides.reverse();
        }
        for (deal, side) in sides {
            other.does(deal.hold(side));
            other.does(deal.confirm(side));
        }
        for world in [&mut forth, &mut other] {
            world.misses("A", "CNY", 50_000);
            world.misses("B", "XYZ", 400);
        }
        prop_assert_eq!(forth.processes(DAYS[3]), other.processes(DAYS[3]));
    }
}
