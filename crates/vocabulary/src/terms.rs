//! What the order flow tells its participants about an order: the words of its messages.

use crate::reservation::Reserved;
use crate::{
    AccountId, Amount, AssetId, CorrelationId, Date, InstrumentId, MarketId, OrderId, ParticipantId,
    Quantity, Side, TradeId,
};
use minicbor::{Decode, Encode};
use serde::Serialize;

/// Whose order it is and what for. Every message about an order carries it, so that participants keep no copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub struct OrderTerms {
    /// The order.
    #[n(0)]
    pub order: OrderId,
    /// Whose it is.
    #[n(1)]
    pub account: AccountId,
    /// Who clears it.
    #[n(2)]
    pub participant: ParticipantId,
    /// What it trades.
    #[n(3)]
    pub instrument: InstrumentId,
    /// The market of the instrument.
    #[n(4)]
    pub market: MarketId,
    /// What is bought and sold.
    #[n(5)]
    pub base: AssetId,
    /// What is paid.
    #[n(6)]
    pub quote: AssetId,
    /// Buy or sell.
    #[n(7)]
    pub side: Side,
    /// The thread that the order hangs on.
    #[n(8)]
    pub correlation: CorrelationId,
}

/// One execution of an order, as its participants hear of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub struct Fill {
    /// The trade.
    #[n(0)]
    pub trade: TradeId,
    /// Counts the parts of this order's holds that were confirmed or given back, from 0.
    #[n(1)]
    pub part: u32,
    /// The part of the hold that this fill uses: its quantity, and that quantity at the order's own limit.
    #[n(2)]
    pub used: Reserved,
    /// How much base changes hands.
    #[n(3)]
    pub quantity: Quantity,
    /// How much quote changes hands, fees apart.
    #[n(4)]
    pub notional: Amount,
    /// This side's fee in quote.
    #[n(5)]
    pub fee: Amount,
    /// The business day on which it was agreed.
    #[n(6)]
    pub trade_date: Date,
}

/// One side of a trade that settlement has made final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub struct SettledSide {
    /// Whose order it was.
    #[n(0)]
    pub terms: OrderTerms,
    /// What was executed.
    #[n(1)]
    pub fill: Fill,
    /// The day on which it settled.
    #[n(2)]
    pub date: Date,
}

/// Why something was refused, in words that cross contexts: a stable code and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub struct Reason {
    /// Stable, like `risk.order-notional`.
    #[n(0)]
    pub code: String,
    /// Which rule, and what would be right.
    #[n(1)]
    pub message: String,
}
