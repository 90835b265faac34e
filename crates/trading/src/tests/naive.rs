//! A market as plain as possible, written from the rules alone: one list of orders, scanned from end to end for
//! everything. What it comes to is what the real one must come to.

use crate::Phase;
use vocabulary::{SelfTradePrevention, TimeInForce};

/// An order as the plain market sees it; `number` counts orders from 1 as they are created.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plain {
    pub(crate) number: usize,
    pub(crate) owner: usize,
    pub(crate) account: usize,
    pub(crate) buys: bool,
    pub(crate) limit: i64,
    pub(crate) left: i64,
    pub(crate) total: i64,
    pub(crate) time_in_force: TimeInForce,
    pub(crate) post_only: bool,
    pub(crate) prevention: SelfTradePrevention,
}

/// Buyer, seller, price, quantity.
pub(crate) type Deal = (usize, usize, i64, i64);

#[derive(Clone, Debug)]
pub(crate) struct Naive {
    /// In the order in which they came to rest.
    pub(crate) resting: Vec<Plain>,
    pub(crate) deals: Vec<Deal>,
    pub(crate) phase: Phase,
    pub(crate) reference: i64,
    /// Prices are multiples of this.
    pub(crate) tick: usize,
}

impl Plain {
    fn takes(&self, price: i64) -> bool {
        if self.buys { price <= self.limit } else { price >= self.limit }
    }
}

impl Naive {
    pub(crate) fn new(reference: i64, tick: usize) -> Self {
        Self { resting: Vec::new(), deals: Vec::new(), phase: Phase::Continuous, reference, tick }
    }

    /// Index of the order that comes first on that side: best price, then earliest.
    fn first(&self, buys: bool) -> Option<usize> {
        let mut first: Option<usize> = None;
        for (at, order) in self.resting.iter().enumerate() {
            let better = |other: &Plain| {
                if buys { order.limit > other.limit } else { order.limit < other.limit }
            };
            if order.buys == buys && first.is_none_or(|first| better(&self.resting[first])) {
                first = Some(at);
            }
        }
        first
    }

    pub(crate) fn enter(&mut self, mut order: Plain) {
        let at_once = matches!(order.time_in_force, TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill);
        if self.phase == Phase::Continuous {
            let met = self.first(!order.buys).filter(|at| order.takes(self.resting[*at].limit));
            if met.is_some() && order.post_only {
                return;
            }
            let before = self.clone();
            let stopped = self.trade_with_all(&mut order);
            if order.time_in_force == TimeInForce::FillOrKill && order.left > 0 {
                *self = before;
                return;
            }
            if stopped {
                return;
            }
        }
        if order.left > 0 && !at_once {
            self.resting.push(order);
        }
    }

    /// Whether self-trade prevention took the order out.
    fn trade_with_all(&mut self, order: &mut Plain) -> bool {
        while order.left > 0 {
            let Some(at) = self.first(!order.buys).filter(|at| order.takes(self.resting[*at].limit)) else {
                return false;
            };
            if self.resting[at].owner == order.owner {
                match order.prevention {
                    SelfTradePrevention::Off => {}
                    SelfTradePrevention::CancelNewest => return true,
                    SelfTradePrevention::CancelOldest => {
                        self.resting.remove(at);
                        continue;
                    }
                    SelfTradePrevention::CancelBoth => {
                        self.resting.remove(at);
                        return true;
                    }
                }
            }
            let (other, price) = (self.resting[at].number, self.resting[at].limit);
            let quantity = order.left.min(self.resting[at].left);
            let (buyer, seller) = if order.buys { (order.number, other) } else { (other, order.number) };
            self.deals.push((buyer, seller, price, quantity));
            order.left -= quantity;
            self.fill(at, quantity);
        }
        false
    }

    fn fill(&mut self, at: usize, quantity: i64) {
        self.resting[at].left -= quantity;
        if self.resting[at].left == 0 {
            self.resting.remove(at);
        }
    }

    pub(crate) fn remove(&mut self, keep: impl Fn(&Plain) -> bool) {
        self.resting.retain(keep);
    }

    pub(crate) fn find(&mut self, number: usize) -> Option<&mut Plain> {
        self.resting.iter_mut().find(|order| order.number == number)
    }

    pub(crate) fn change_phase(&mut self, to: Phase) {
        let from = self.phase;
        self.phase = to;
        let auction = matches!(from, Phase::OpeningAuction | Phase::ClosingAuction);
        if to == Phase::Continuous || (auction && to == Phase::Closed) {
            self.uncross();
        }
        if to == Phase::Closed {
            self.remove(|order| order.time_in_force != TimeInForce::Day);
        }
    }

    /// Volume and surplus at a price.
    fn at_price(&self, price: i64) -> (i64, i64) {
        let side = |buys: bool| -> i64 {
            let there = self.resting.iter().filter(|order| order.buys == buys && order.takes(price));
            there.map(|order| order.left).sum()
        };
        let (demand, supply) = (side(true), side(false));
        (demand.min(supply), demand - supply)
    }

    /// The auction's price, volume and surplus, by trying every price there is.
    pub(crate) fn auction(&self) -> Option<(i64, i64, i64)> {
        let low = self.resting.iter().map(|order| order.limit).min()?;
        let high = self.resting.iter().map(|order| order.limit).max()?;
        let mut all: Vec<(i64, i64, i64)> = (low..=high)
            .step_by(self.tick)
            .map(|price| {
                let (volume, surplus) = self.at_price(price);
                (price, volume, surplus)
            })
            .collect();
        let most = all.iter().map(|(_, volume, _)| *volume).max()?;
        if most == 0 {
            return None;
        }
        all.retain(|(_, volume, _)| *volume == most);
        let least = all.iter().map(|(_, _, surplus)| surplus.abs()).min()?;
        all.retain(|(_, _, surplus)| surplus.abs() == least);
        if all.iter().all(|(_, _, surplus)| *surplus > 0) {
            return all.last().copied();
        }
        if all.iter().all(|(_, _, surplus)| *surplus < 0) {
            return all.first().copied();
        }
        let distance = |price: i64| (price - self.reference).abs();
        let nearest = all.iter().map(|(price, _, _)| distance(*price)).min()?;
        all.into_iter().rfind(|(price, _, _)| distance(*price) == nearest)
    }

    fn uncross(&mut self) {
        let Some((price, mut volume, _)) = self.auction() else { return };
        while volume > 0 {
            let (buy, sell) = (self.first(true).unwrap(), self.first(false).unwrap());
            let quantity = volume.min(self.resting[buy].left).min(self.resting[sell].left);
            self.deals.push((self.resting[buy].number, self.resting[sell].number, price, quantity));
            volume -= quantity;
            // The later one first: taking out the earlier one would move it.
            self.fill(buy.max(sell), quantity);
            self.fill(buy.min(sell), quantity);
        }
    }
}
