//! A market as plain as can be: two lists of orders, scanned from end to end for everything.
//!
//! Quantities and prices are in minor units. Invariant: an order is in the line from its creation to the decision on it,
//! and on the book while it rests. Deliberately absent: price levels, indexes, and whatever else makes a book fast.

use trading::{Cause, CreatedOrder, Phase};
use vocabulary::{
    AccountId, Instrument, InstrumentId, OrderId, ParticipantId, SelfTradePrevention, Side, TimeInForce,
    UserId,
};

/// An order as the rule sees it.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) id: OrderId,
    pub(super) instrument: InstrumentId,
    pub(super) account: AccountId,
    pub(super) participant: ParticipantId,
    pub(super) owner: Option<UserId>,
    pub(super) side: Side,
    /// The worst price it can trade at.
    pub(super) limit: i64,
    /// What it asks for in all; what it gave up by shrinking is off.
    pub(super) total: i64,
    pub(super) executed: i64,
    /// Executions and reductions so far: the number of the next.
    pub(super) parts: u32,
    pub(super) time_in_force: TimeInForce,
    pub(super) post_only: bool,
    pub(super) prevention: SelfTradePrevention,
    /// The order whose place it takes, and what that had executed when this one was created.
    pub(super) replaces: Option<(OrderId, i64)>,
    /// A sweep that means it has passed while it was not decided.
    pub(super) swept: Option<Cause>,
    pub(super) is_accepted: bool,
}

impl Order {
    pub(super) fn new(created: &CreatedOrder, owner: Option<UserId>) -> Self {
        let terms = &created.terms;
        Self {
            id: terms.order,
            instrument: terms.instrument,
            account: terms.account,
            participant: terms.participant,
            owner,
            side: terms.side,
            limit: created.limit.0,
            total: created.quantity.0,
            executed: 0,
            parts: 0,
            time_in_force: created.time_in_force,
            post_only: created.post_only,
            prevention: created.self_trade_prevention,
            replaces: None,
            swept: None,
            is_accepted: false,
        }
    }

    /// What is still to be executed.
    pub(super) fn left(&self) -> i64 {
        self.total - self.executed
    }

    pub(super) fn fill(&mut self, quantity: i64) {
        self.executed += quantity;
        self.parts += 1;
    }

    pub(super) fn shrink(&mut self, by: i64) {
        self.total -= by;
        self.parts += 1;
    }

    /// Whether its limit allows that price.
    pub(super) fn takes(&self, price: i64) -> bool {
        match self.side {
            Side::Buy => price <= self.limit,
            Side::Sell => price >= self.limit,
        }
    }

    pub(super) fn may_rest(&self) -> bool {
        !must_match_at_once(self.time_in_force)
    }

    /// Whether the two are of one owner, whatever accounts and participants carry them.
    pub(super) fn is_same_self(&self, other: &Self) -> bool {
        self.account == other.account || (self.owner.is_some() && self.owner == other.owner)
    }
}

pub(super) fn must_match_at_once(time_in_force: TimeInForce) -> bool {
    match time_in_force {
        TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => true,
        TimeInForce::GoodTillCancel | TimeInForce::Day => false,
    }
}

/// An instrument with its orders.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) instrument: Instrument,
    pub(super) phase: Phase,
    /// Not decided yet, in the order of creation.
    pub(super) line: Vec<Order>,
    /// In the order in which they came to rest.
    pub(super) book: Vec<Order>,
}

impl Market {
    pub(super) fn new(instrument: Instrument) -> Self {
        Self { instrument, phase: Phase::Closed, line: Vec::new(), book: Vec::new() }
    }

    /// The first of a side: the best price, and of one price the earliest.
    pub(super) fn best(&self, side: Side) -> Option<&Order> {
        let mut best: Option<&Order> = None;
        for order in self.book.iter().filter(|order| order.side == side) {
            let is_better = best.is_none_or(|best| match side {
                Side::Buy => order.limit > best.limit,
                Side::Sell => order.limit < best.limit,
            });
            if is_better {
                best = Some(order);
            }
        }
        best
    }

    /// The first order of the other side that an incoming one would meet, if its limit reaches any.
    pub(super) fn meets(&self, incoming: &Order) -> Option<&Order> {
        self.best(incoming.side.opposite()).filter(|resting| incoming.takes(resting.limit))
    }

    /// Whether the book fills an order whole, counting only what it may trade with.
    pub(super) fn can_fill(&self, incoming: &Order) -> bool {
        let mut met: Vec<&Order> = self.book.iter().filter(|order| order.side != incoming.side).collect();
        met.retain(|resting| incoming.takes(resting.limit));
        // Sorting keeps the earlier first where prices are the same.
        match incoming.side {
            Side::Buy => met.sort_by_key(|resting| resting.limit),
            Side::Sell => met.sort_by_key(|resting| -resting.limit),
        }
        let mut needed = incoming.left();
        for resting in met {
            if incoming.is_same_self(resting) {
                match incoming.prevention {
                    SelfTradePrevention::Off => {}
                    SelfTradePrevention::CancelOldest => continue,
                    SelfTradePrevention::CancelNewest | SelfTradePrevention::CancelBoth => return false,
                }
            }
            needed -= resting.left();
            if needed <= 0 {
                return true;
            }
        }
        false
    }

    /// The two that could trade with each other and have not.
    pub(super) fn crossed(&self) -> Option<(&Order, &Order)> {
        let (buy, sell) = (self.best(Side::Buy)?, self.best(Side::Sell)?);
        (buy.limit >= sell.limit).then_some((buy, sell))
    }

    /// Takes an order out, wherever it is.
    pub(super) fn take_off(&mut self, id: OrderId) -> Option<Order> {
        [&mut self.book, &mut self.line].into_iter().find_map(|orders| {
            let at = orders.iter().position(|order| order.id == id)?;
            Some(orders.remove(at))
        })
    }

    pub(super) fn on_book(&self, id: OrderId) -> Option<&Order> {
        self.book.iter().find(|order| order.id == id)
    }

    /// Executes a part of a resting order. True when nothing is left of it: then it is off the book.
    pub(super) fn fill(&mut self, id: OrderId, quantity: i64) -> bool {
        let Some(at) = self.book.iter().position(|order| order.id == id) else { return false };
        self.book[at].fill(quantity);
        let is_over = self.book[at].left() <= 0;
        if is_over {
            self.book.remove(at);
        }
        is_over
    }
}
