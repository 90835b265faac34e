//! An order's state and the table of its legal lives.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::fmt;
use vocabulary::{CorrelationId, OrderId, Price, Quantity, SelfTradePrevention, Side, TimeInForce};

/// Where an order is in its life. Whatever comes of an order that its participants cleared, it was open first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Status {
    /// Funds frozen, participants asked.
    #[n(0)]
    Created,
    /// A participant said no. Final.
    #[n(1)]
    Rejected,
    /// On its way to the book or resting there, nothing executed yet.
    #[n(2)]
    Open,
    /// Executed in part, the rest still alive.
    #[n(3)]
    PartiallyExecuted,
    /// Executed in full.
    #[n(4)]
    Executed,
    /// Taken out before it was executed in full.
    #[n(5)]
    Canceled,
    /// Its time in force ran out.
    #[n(6)]
    Expired,
    /// Closed, and every execution is final. Final.
    #[n(7)]
    Settled,
}

impl Status {
    /// The transition table: which status may follow which.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Created => {
                matches!(next, Self::Rejected | Self::Open | Self::Canceled)
            }
            Self::Open | Self::PartiallyExecuted => {
                matches!(next, Self::PartiallyExecuted | Self::Executed | Self::Canceled | Self::Expired)
            }
            Self::Executed | Self::Canceled | Self::Expired => matches!(next, Self::Settled),
            Self::Rejected | Self::Settled => false,
        }
    }

    /// Whether it can trade.
    pub fn is_live(self) -> bool {
        match self {
            Self::Open | Self::PartiallyExecuted => true,
            Self::Created
            | Self::Rejected
            | Self::Executed
            | Self::Canceled
            | Self::Expired
            | Self::Settled => false,
        }
    }

    /// Whether it has come to its end in the market; executions may still have to become final.
    pub fn is_closed(self) -> bool {
        match self {
            Self::Rejected | Self::Executed | Self::Canceled | Self::Expired | Self::Settled => true,
            Self::Created | Self::Open | Self::PartiallyExecuted => false,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "not decided",
            Self::Rejected => "rejected",
            Self::Open => "open",
            Self::PartiallyExecuted => "executed in part",
            Self::Executed => "executed in full",
            Self::Canceled => "cancelled",
            Self::Expired => "expired",
            Self::Settled => "settled",
        })
    }
}

/// Why an order was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Cause {
    /// Its owner, or an operator for him, asked for it.
    #[n(0)]
    Requested,
    /// Immediate-or-cancel or a market order: the rest found no match.
    #[n(1)]
    ImmediateOrCancel,
    /// Fill-or-kill: the book could not fill it.
    #[n(2)]
    FillOrKill,
    /// Post-only: it would have matched.
    #[n(3)]
    PostOnly,
    /// It would have traded with an order of the same owner.
    #[n(4)]
    SelfTrade,
    /// A replacement took its place.
    #[n(5)]
    Replaced,
    /// It was to replace an order that is gone.
    #[n(6)]
    ReplacedOrderGone,
    /// A kill switch was engaged that means this order.
    #[n(7)]
    KillSwitch,
    /// The instrument's phase no longer takes it.
    #[n(8)]
    PhaseEnded,
    /// A block trade was undone.
    #[n(9)]
    BlockUndone,
    /// Its time in force ended: only as the cause of a sweep; the orders themselves expire.
    #[n(10)]
    DayEnded,
}

/// No slot: the end of a queue.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// A live order, or a closed one with executions that are not final yet. 96 bytes.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Order {
    /// Its id.
    #[n(0)]
    pub id: OrderId,
    /// Slot of its account.
    #[n(1)]
    pub(crate) account: u32,
    /// Slot of its instrument.
    #[n(2)]
    pub(crate) instrument: u32,
    /// Buy or sell.
    #[n(3)]
    pub side: Side,
    /// Where it is in its life.
    #[n(4)]
    pub status: Status,
    /// How long it lives.
    #[n(5)]
    pub time_in_force: TimeInForce,
    /// What to do when it meets an order of the same owner.
    #[n(6)]
    pub(crate) self_trade_prevention: SelfTradePrevention,
    /// Must not match when it comes in.
    #[n(7)]
    pub(crate) post_only: bool,
    /// A leg of a block trade: never on the book.
    #[n(8)]
    pub block: bool,
    /// The worst price it can trade at.
    #[n(9)]
    pub limit: Price,
    /// How much it asked for in all.
    #[n(10)]
    pub quantity: Quantity,
    /// How much of it is still to be executed.
    #[n(11)]
    pub remaining: Quantity,
    /// Whether it is in the queue of its price.
    #[n(12)]
    pub resting: bool,
    /// The thread that it hangs on.
    #[n(13)]
    pub correlation: CorrelationId,
    /// How many parts of its holds were confirmed or given back.
    #[n(14)]
    pub parts: u32,
    /// How many of its executions are not final yet.
    #[n(15)]
    pub unsettled: u32,
    /// Slot before it in the queue of its price.
    #[n(16)]
    pub(crate) before: u32,
    /// Slot behind it.
    #[n(17)]
    pub(crate) behind: u32,
    /// Slot before it in the list of its account.
    #[n(18)]
    pub(crate) account_before: u32,
    /// Slot behind it there.
    #[n(19)]
    pub(crate) account_behind: u32,
}

// A million of these are kept at once.
const _: () = assert!(size_of::<Option<Order>>() == 96);

impl Order {
    /// How much of it is executed.
    pub fn executed(&self) -> Quantity {
        self.quantity - self.remaining
    }

    /// Whether what does not match at once may wait on the book.
    pub(crate) fn may_rest(&self) -> bool {
        match self.time_in_force {
            TimeInForce::GoodTillCancel | TimeInForce::Day => true,
            TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => false,
        }
    }

    /// Asks for less: one part of its holds is given back.
    pub(crate) fn reduce(&mut self, by: Quantity) {
        self.remaining -= by;
        self.quantity -= by;
        self.parts += 1;
    }

    /// Moves it on.
    ///
    /// # Panics
    /// When the transition table does not have that step: then history is corrupt.
    pub(crate) fn become_status(&mut self, next: Status) {
        assert!(
            self.status.may_become(next),
            "order {} cannot go from {:?} to {next:?}",
            self.id,
            self.status
        );
        self.status = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn final_statuses_have_no_way_out_and_every_other_has_one() {
        let all = [
            Status::Created,
            Status::Rejected,
            Status::Open,
            Status::PartiallyExecuted,
            Status::Executed,
            Status::Canceled,
            Status::Expired,
            Status::Settled,
        ];
        for status in all {
            let is_final = matches!(status, Status::Rejected | Status::Settled);
            assert_eq!(all.iter().all(|next| !status.may_become(*next)), is_final, "{status:?}");
            assert!(!status.may_become(Status::Created), "nothing is born twice");
        }
    }
}
