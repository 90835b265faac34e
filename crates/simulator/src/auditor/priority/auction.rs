//! The price of an auction, found by looking at every price there is.
//!
//! Prices between two limits all move the same volume, so they are looked at as one stretch. The rules, in this order:
//! the largest volume, the smallest imbalance, the side of the surplus (buyers left over: the highest price, sellers
//! left over: the lowest), nearest to the reference price (the higher of two as near).

use std::collections::BTreeSet;
use vocabulary::Side;

use super::book::Market;

/// What an auction comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Uncross {
    pub(super) price: i64,
    pub(super) quantity: i64,
    /// Buy less sell quantity left over at that price.
    pub(super) surplus: i64,
}

/// Neighbouring prices with the same demand and supply, from the lowest to the highest.
#[derive(Clone, Copy)]
struct Stretch {
    low: i64,
    high: i64,
    demand: i64,
    supply: i64,
}

impl Stretch {
    fn of(market: &Market, low: i64, high: i64) -> Self {
        let wanted = |side: Side| -> i64 {
            let takers = market.book.iter().filter(|order| order.side == side && order.takes(low));
            takers.map(super::book::Order::left).sum()
        };
        Self { low, high, demand: wanted(Side::Buy), supply: wanted(Side::Sell) }
    }

    fn volume(&self) -> i64 {
        self.demand.min(self.supply)
    }

    fn surplus(&self) -> i64 {
        self.demand - self.supply
    }
}

/// Price, volume and surplus; none if nothing crosses.
pub(super) fn uncross(market: &Market) -> Option<Uncross> {
    let (buy, sell) = market.crossed()?;
    let mut all = stretches(market, sell.limit, buy.limit);
    let volume = all.iter().map(Stretch::volume).max()?;
    all.retain(|stretch| stretch.volume() == volume);
    let imbalance = all.iter().map(|stretch| stretch.surplus().abs()).min()?;
    all.retain(|stretch| stretch.surplus().abs() == imbalance);
    let reference = market.instrument.reference_price.0;
    let (price, stretch) = if all.iter().all(|stretch| stretch.surplus() > 0) {
        all.iter().map(|stretch| (stretch.high, stretch)).max_by_key(|(price, _)| *price)?
    } else if all.iter().all(|stretch| stretch.surplus() < 0) {
        all.iter().map(|stretch| (stretch.low, stretch)).min_by_key(|(price, _)| *price)?
    } else {
        let nearest = all.iter().map(|stretch| (reference.clamp(stretch.low, stretch.high), stretch));
        nearest.min_by_key(|(price, _)| ((price - reference).abs(), -price))?
    };
    Some(Uncross { price, quantity: volume, surplus: stretch.surplus() })
}

/// Every limit from `low` to `high` by itself, and what lies between two of them.
fn stretches(market: &Market, low: i64, high: i64) -> Vec<Stretch> {
    let tick = market.instrument.tick.0;
    let limits: BTreeSet<i64> = market.book.iter().map(|order| order.limit).collect();
    let limits: Vec<i64> = limits.range(low..=high).copied().collect();
    let mut all: Vec<Stretch> = limits.iter().map(|limit| Stretch::of(market, *limit, *limit)).collect();
    for neighbours in limits.windows(2) {
        let (above, below) = (neighbours[0] + tick, neighbours[1] - tick);
        if above <= below {
            all.push(Stretch::of(market, above, below));
        }
    }
    all
}
