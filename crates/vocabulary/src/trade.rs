//! A trade: the agreement that trading makes, and that risk and settlement carry on with.

use crate::{
    AccountId, Amount, CorrelationId, Date, InstrumentId, OrderId, ParticipantId, Price, Quantity, Side,
    TradeId,
};
use minicbor::{Decode, Encode};
use serde::Serialize;

/// One of the two sides of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub struct TradeSide {
    /// The order that was executed.
    #[n(0)]
    pub order: OrderId,
    /// Whose it was.
    #[n(1)]
    pub account: AccountId,
    /// Who clears it.
    #[n(2)]
    pub participant: ParticipantId,
    /// Fee in quote.
    #[n(3)]
    pub fee: Amount,
    /// The part of the order's reservations that this trade uses, in quote: its quantity at the order's own limit.
    #[n(4)]
    pub reserved: Amount,
    /// Counts the executions of that order from 0: the number of the part to confirm.
    #[n(5)]
    pub part: u32,
    /// The thread that the order hangs on.
    #[n(6)]
    pub correlation: CorrelationId,
}

/// An execution, from both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub struct Trade {
    /// Its id.
    #[n(0)]
    pub trade: TradeId,
    /// What was traded.
    #[n(1)]
    pub instrument: InstrumentId,
    /// At what price.
    #[n(2)]
    pub price: Price,
    /// How much base changes hands.
    #[n(3)]
    pub quantity: Quantity,
    /// How much quote changes hands, fees apart.
    #[n(4)]
    pub notional: Amount,
    /// The business day on which it was agreed.
    #[n(5)]
    pub trade_date: Date,
    /// The side that came in and matched; none in an auction or a block trade.
    #[n(6)]
    pub aggressor: Option<Side>,
    /// The buyer.
    #[n(7)]
    pub buy: TradeSide,
    /// The seller.
    #[n(8)]
    pub sell: TradeSide,
}

impl Trade {
    /// The side of the buyer or of the seller.
    pub fn side(&self, side: Side) -> &TradeSide {
        match side {
            Side::Buy => &self.buy,
            Side::Sell => &self.sell,
        }
    }
}
