//! An order that was accepted a moment ago, and what must happen to it next.
//!
//! Invariant: the next step follows from the order, the phase and the book as it is now, so that after any deviation
//! the rule goes on from what was recorded.

use trading::{Cause, Phase};
use vocabulary::{OrderId, SelfTradePrevention, TimeInForce};

use super::book::{Market, Order};

/// On its way to the book.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) order: Order,
    /// It was to take the place of an order that is gone, or of one that has executed all that this one asks for.
    pub(super) is_gone: bool,
    /// What the order whose place it takes has executed since this one was created.
    pub(super) since: i64,
    /// It has met an order of its own owner, and both are to be cancelled.
    pub(super) is_stopped: bool,
}

/// What must come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Trade { with: OrderId, price: i64, quantity: i64 },
    CancelOwn { resting: OrderId },
    Cancel(Cause),
    Expire,
    Reduce { by: i64 },
    Rest,
    Nothing,
}

impl Incoming {
    pub(super) fn next(&self, market: &Market) -> Step {
        let order = &self.order;
        if let Some(cause) = order.swept {
            return if cause == Cause::DayEnded { Step::Expire } else { Step::Cancel(cause) };
        }
        if self.is_gone {
            return Step::Cancel(Cause::ReplacedOrderGone);
        }
        if self.since > 0 {
            return Step::Reduce { by: self.since };
        }
        if self.is_stopped {
            return Step::Cancel(Cause::SelfTrade);
        }
        if order.left() <= 0 {
            return Step::Nothing;
        }
        if market.phase == Phase::Continuous { self.step_in_market(market) } else { self.step_aside() }
    }

    /// Where nothing matches, it waits if it may.
    fn step_aside(&self) -> Step {
        if self.order.may_rest() { Step::Rest } else { Step::Cancel(Cause::PhaseEnded) }
    }

    fn step_in_market(&self, market: &Market) -> Step {
        let order = &self.order;
        let met = market.meets(order);
        if met.is_some() && order.post_only {
            return Step::Cancel(Cause::PostOnly);
        }
        if order.time_in_force == TimeInForce::FillOrKill && !market.can_fill(order) {
            return Step::Cancel(Cause::FillOrKill);
        }
        let Some(met) = met else {
            return if order.may_rest() { Step::Rest } else { Step::Cancel(Cause::ImmediateOrCancel) };
        };
        let trade = Step::Trade { with: met.id, price: met.limit, quantity: order.left().min(met.left()) };
        if !order.is_same_self(met) {
            return trade;
        }
        match order.prevention {
            SelfTradePrevention::Off => trade,
            SelfTradePrevention::CancelNewest => Step::Cancel(Cause::SelfTrade),
            SelfTradePrevention::CancelOldest | SelfTradePrevention::CancelBoth => {
                Step::CancelOwn { resting: met.id }
            }
        }
    }
}
