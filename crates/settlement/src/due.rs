//! Trades by the date on which they are due, and the sums over them.

use crate::obligation::CompleteTrade;
use crate::position::{Positions, Totals};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use vocabulary::{Date, MarketId, TradeId};

/// A trade and when it is due: the order in which a run takes its trades.
pub(crate) type Due = (Date, TradeId);

/// A set of trades by date. Those up to a date are taken out at a cost that does not grow with their number.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct DueTrades(#[n(0)] BTreeMap<Date, BTreeSet<TradeId>>);

impl DueTrades {
    pub(crate) fn insert(&mut self, (date, trade): Due) {
        self.0.entry(date).or_default().insert(trade);
    }

    /// Whether it was there.
    pub(crate) fn remove(&mut self, (date, trade): Due) -> bool {
        let Some(trades) = self.0.get_mut(&date) else { return false };
        let was_there = trades.remove(&trade);
        if trades.is_empty() {
            self.0.remove(&date);
        }
        was_there
    }

    /// In order of date and id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Due> {
        self.0.iter().flat_map(|(date, trades)| trades.iter().map(|trade| (*date, *trade)))
    }

    /// What comes after `after`, in order.
    pub(crate) fn after(&self, after: Option<Due>) -> impl Iterator<Item = Due> {
        let (first, rest) = match after {
            Some((date, trade)) => {
                let first = self.0.get(&date).map(|trades| trades.range((Excluded(trade), Unbounded)));
                (first.map(|trades| (date, trades)), self.0.range((Excluded(date), Unbounded)))
            }
            None => (None, self.0.range(..)),
        };
        let first = first.into_iter().flat_map(|(date, trades)| trades.map(move |trade| (date, *trade)));
        first.chain(rest.flat_map(|(date, trades)| trades.iter().map(|trade| (*date, *trade))))
    }

    /// What comes before `before`, the latest first.
    pub(crate) fn before(&self, before: Option<Due>) -> impl Iterator<Item = Due> {
        let (last, rest) = match before {
            Some((date, trade)) => {
                let last = self.0.get(&date).map(|trades| trades.range((Unbounded, Excluded(trade))));
                (last.map(|trades| (date, trades)), self.0.range((Unbounded, Excluded(date))))
            }
            None => (None, self.0.range(..)),
        };
        let last = last.into_iter().flat_map(|(date, trades)| trades.rev().map(move |trade| (date, *trade)));
        last.chain(rest.rev().flat_map(|(date, trades)| trades.iter().rev().map(|trade| (*date, *trade))))
    }

    /// Takes out those due on `last` or before.
    pub(crate) fn take_until(&mut self, last: Date) -> Self {
        Self(take_until(&mut self.0, last))
    }

    /// How many are due on `last` or before.
    pub(crate) fn count_until(&self, last: Date) -> u64 {
        self.0.range(..=last).map(|(_, trades)| trades.len() as u64).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What complete trades come to.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct Sums {
    #[n(0)]
    pub(crate) trades: u64,
    #[n(1)]
    pub(crate) positions: Positions,
    #[n(2)]
    pub(crate) totals: Totals,
}

impl Sums {
    fn add(&mut self, trade: &CompleteTrade) {
        self.trades += 1;
        self.positions.add(trade);
        self.totals.add(trade);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.trades += other.trades;
        self.positions.merge(&other.positions);
        self.totals.merge(&other.totals);
    }
}

/// Sums by market, since a market says whether its trades are netted, and by date. Only what is taken out leaves.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct DueSums(#[n(0)] BTreeMap<Date, BTreeMap<MarketId, Sums>>);

impl DueSums {
    pub(crate) fn add(&mut self, date: Date, trade: &CompleteTrade) {
        self.0.entry(date).or_default().entry(trade.buy.terms.market).or_default().add(trade);
    }

    /// Those of all trades due on `last` or before.
    pub(crate) fn until(&self, last: Date) -> Sums {
        let mut sums = Sums::default();
        self.0.range(..=last).flat_map(|(_, markets)| markets.values()).for_each(|more| sums.merge(more));
        sums
    }

    /// Takes out those of trades due on `last` or before, by market.
    pub(crate) fn take_until(&mut self, last: Date) -> BTreeMap<MarketId, Sums> {
        let mut taken: BTreeMap<MarketId, Sums> = BTreeMap::new();
        for (market, sums) in take_until(&mut self.0, last).into_values().flatten() {
            taken.entry(market).or_default().merge(&sums);
        }
        taken
    }
}

fn take_until<T>(days: &mut BTreeMap<Date, T>, last: Date) -> BTreeMap<Date, T> {
    let later = days.split_off(&last.next());
    std::mem::replace(days, later)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(day: u64, trade: u64) -> Due {
        let date = (0..day).fold("2023-02-01".parse::<Date>().unwrap(), |date, _| date.next());
        (date, TradeId { position: trade, index: 0 })
    }

    #[test]
    fn trades_by_date_are_what_a_sorted_set_is() {
        let all: BTreeSet<Due> = (0..60).map(|n| due(n * 7 % 5, n * 11 % 60)).collect();
        let mut trades = DueTrades::default();
        all.iter().rev().for_each(|due| trades.insert(*due));
        assert!(trades.iter().eq(all.iter().copied()));
        let around = (0..6).flat_map(|day| [0, 7, 59, 60].map(|trade| Some(due(day, trade)))).chain([None]);
        for place in around {
            let later = all.iter().copied().filter(|due| place.is_none_or(|place| *due > place));
            assert!(trades.after(place).eq(later), "after {place:?}");
            let earlier = all.iter().copied().rev().filter(|due| place.is_none_or(|place| *due < place));
            assert!(trades.before(place).eq(earlier), "before {place:?}");
        }
        let last = due(2, 0).0;
        let (until, rest): (BTreeSet<Due>, BTreeSet<Due>) = all.iter().partition(|due| due.0 <= last);
        assert_eq!(trades.count_until(last), until.len() as u64);
        assert!(trades.take_until(last).iter().eq(until));
        assert!(trades.iter().eq(rest.iter().copied()));
        assert!(rest.iter().all(|due| trades.remove(*due) && !trades.remove(*due)));
        assert!(trades.is_empty());
    }
}
