//! An order's state and the table of its legal lives.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use vocabulary::{CorrelationId, OrderId, Price, Quantity, SelfTradePrevention, Side, TimeInForce};

/// Where an order is in its life.
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
                matches!(next, Self::Rejected | Self::Open | Self::Canceled | Self::Executed)
            }
            Self::Open | Self::PartiallyExecuted => {
                matches!(next, Self::PartiallyExecuted | Self::Executed | Self::Canceled | Self::Expired)
            }
            Self::Executed | Self::Canceled | Self::Expired => matches!(next, Self::Settled),
            Self::Rejected | Self::Settled => false,
        }
    }

    /// Whether it can still trade.
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
    /// A kill switch was engaged.
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
    /// Every participant said yes; an earlier order of the book is undecided.
    #[n(9)]
    pub(crate) cleared: bool,
    /// The worst price it can trade at.
    #[n(10)]
    pub limit: Price,
    /// How much it asked for in all.
    #[n(11)]
    pub quantity: Quantity,
    /// How much of it is still to be executed.
    #[n(12)]
    pub remaining: Quantity,
    /// Whether it is in the queue of its price.
    #[n(13)]
    pub resting: bool,
    /// The thread that it hangs on.
    #[n(14)]
    pub correlation: CorrelationId,
    /// How many parts of its holds were confirmed or given back.
    #[n(15)]
    pub parts: u32,
    /// How many of its executions are not final yet.
    #[n(16)]
    pub unsettled: u32,
    /// Slot before it in the queue of its price.
    #[n(17)]
    pub(crate) before: u32,
    /// Slot behind it.
    #[n(18)]
    pub(crate) behind: u32,
    /// The order whose place it takes when accepted.
    #[n(19)]
    pub(crate) replaces: Option<OrderId>,
}

impl Order {
    /// How much of it is executed.
    pub fn executed(&self) -> Quantity {
        self.quantity - self.remaining
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
