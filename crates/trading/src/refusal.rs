//! Why trading says no. Codes are stable; the sentence says which rule and what would be right.

use minicbor::{Decode, Encode};
use serde::Serialize;
use std::fmt;
use vocabulary::{
    AccountId, Amount, AssetId, ClientOrderId, Date, InstrumentId, OrderId, ParticipantId, Price, Quantity,
    format_decimal,
};

use crate::order::Status;
use crate::phase::Phase;

/// A refusal. It is expected, recorded, and changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
#[allow(missing_docs, reason = "the sentence in Display says what each holds")]
pub enum Refusal {
    #[n(0)]
    AlreadyDefined {
        #[n(0)]
        what: String,
    },
    #[n(1)]
    InvalidDefinition {
        #[n(0)]
        field: String,
        #[n(1)]
        rule: String,
    },
    #[n(2)]
    UnknownAsset(#[n(0)] AssetId),
    #[n(3)]
    UnknownInstrument(#[n(0)] InstrumentId),
    #[n(4)]
    UnknownParticipant(#[n(0)] ParticipantId),
    #[n(5)]
    UnknownAccount(#[n(0)] AccountId),
    #[n(6)]
    AmountOutOfRange,
    #[n(7)]
    InsufficientFunds {
        #[n(0)]
        account: AccountId,
        #[n(1)]
        asset: AssetId,
        #[n(2)]
        available: Amount,
        #[n(3)]
        needed: Amount,
        #[n(4)]
        scale: u8,
    },
    #[n(8)]
    BusinessDayNotLater {
        #[n(0)]
        current: Date,
    },
    #[n(9)]
    NoBusinessDay,
    #[n(10)]
    PhaseForbids {
        #[n(0)]
        instrument: InstrumentId,
        #[n(1)]
        phase: Phase,
        #[n(2)]
        what: String,
    },
    #[n(11)]
    QuantityOutOfRange,
    #[n(12)]
    QuantityNotInLots {
        #[n(0)]
        lot: Quantity,
        #[n(1)]
        scale: u8,
    },
    #[n(13)]
    PriceOutOfRange,
    #[n(14)]
    PriceNotInTicks {
        #[n(0)]
        tick: Price,
        #[n(1)]
        scale: u8,
    },
    #[n(15)]
    PriceOutsideBand {
        #[n(0)]
        low: Price,
        #[n(1)]
        high: Price,
        #[n(2)]
        scale: u8,
    },
    #[n(16)]
    MarketOrderNeedsBand(#[n(0)] InstrumentId),
    #[n(17)]
    Contradiction {
        #[n(0)]
        field: String,
        #[n(1)]
        rule: String,
    },
    #[n(18)]
    NotionalTooLarge,
    #[n(19)]
    ClientOrderIdReused {
        #[n(0)]
        client_order_id: ClientOrderId,
        #[n(1)]
        order: OrderId,
    },
    #[n(20)]
    OrderNotOpen(#[n(0)] OrderId),
    #[n(21)]
    OrderUndecided(#[n(0)] OrderId),
    #[n(22)]
    OrderInStatus {
        #[n(0)]
        order: OrderId,
        #[n(1)]
        status: Status,
    },
    #[n(23)]
    NothingToReplace,
    #[n(24)]
    QuantityBelowExecuted {
        #[n(0)]
        executed: Quantity,
        #[n(1)]
        scale: u8,
    },
    #[n(25)]
    NoSweep,
    #[n(26)]
    BlockLegsDoNotMatch,
    #[n(27)]
    UnknownClientOrder(#[n(0)] ClientOrderId),
    #[n(28)]
    OrderCleared(#[n(0)] OrderId),
    #[n(29)]
    OrderIsBlockLeg(#[n(0)] OrderId),
    #[n(30)]
    BlockStopped(#[n(0)] OrderId),
    #[n(31)]
    BookFull(#[n(0)] InstrumentId),
    #[n(32)]
    DayOrdersExpiring(#[n(0)] InstrumentId),
}

impl Refusal {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AlreadyDefined { .. } => "trading.already-defined",
            Self::InvalidDefinition { .. } => "trading.invalid-definition",
            Self::UnknownAsset(_) => "trading.unknown-asset",
            Self::UnknownInstrument(_) => "trading.unknown-instrument",
            Self::UnknownParticipant(_) => "trading.unknown-participant",
            Self::UnknownAccount(_) => "trading.unknown-account",
            Self::AmountOutOfRange => "trading.amount-out-of-range",
            Self::InsufficientFunds { .. } => "trading.insufficient-funds",
            Self::BusinessDayNotLater { .. } => "trading.business-day-not-later",
            Self::NoBusinessDay => "trading.no-business-day",
            Self::PhaseForbids { .. } => "trading.phase-forbids",
            Self::QuantityOutOfRange => "trading.quantity-out-of-range",
            Self::QuantityNotInLots { .. } => "trading.quantity-not-in-lots",
            Self::PriceOutOfRange => "trading.price-out-of-range",
            Self::PriceNotInTicks { .. } => "trading.price-not-in-ticks",
            Self::PriceOutsideBand { .. } => "trading.price-outside-band",
            Self::MarketOrderNeedsBand(_) => "trading.market-order-needs-band",
            Self::Contradiction { .. } => "trading.contradiction",
            Self::NotionalTooLarge => "trading.notional-too-large",
            Self::ClientOrderIdReused { .. } => "trading.client-order-id-reused",
            Self::OrderNotOpen(_) => "trading.order-not-open",
            Self::OrderUndecided(_) => "trading.order-undecided",
            Self::OrderInStatus { .. } => "trading.order-in-status",
            Self::NothingToReplace => "trading.nothing-to-replace",
            Self::QuantityBelowExecuted { .. } => "trading.quantity-below-executed",
            Self::NoSweep => "trading.no-sweep",
            Self::BlockLegsDoNotMatch => "trading.block-legs-do-not-match",
            Self::UnknownClientOrder(_) => "trading.unknown-client-order",
            Self::OrderCleared(_) => "trading.order-cleared",
            Self::OrderIsBlockLeg(_) => "trading.order-is-block-leg",
            Self::BlockStopped(_) => "trading.block-stopped",
            Self::BookFull(_) => "trading.book-full",
            Self::DayOrdersExpiring(_) => "trading.day-orders-expiring",
        }
    }

    /// The field of the request that is at fault, where one is.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::InvalidDefinition { field, .. } | Self::Contradiction { field, .. } => Some(field),
            Self::UnknownAsset(_) => Some("asset"),
            Self::UnknownInstrument(_)
            | Self::MarketOrderNeedsBand(_)
            | Self::BookFull(_)
            | Self::DayOrdersExpiring(_) => Some("instrument"),
            Self::UnknownParticipant(_) => Some("participant"),
            Self::UnknownAccount(_) => Some("account"),
            Self::AmountOutOfRange => Some("amount"),
            Self::BusinessDayNotLater { .. } => Some("date"),
            Self::PhaseForbids { .. } => Some("phase"),
            Self::QuantityOutOfRange
            | Self::QuantityNotInLots { .. }
            | Self::QuantityBelowExecuted { .. } => Some("quantity"),
            Self::PriceOutOfRange | Self::PriceNotInTicks { .. } | Self::PriceOutsideBand { .. } => {
                Some("price")
            }
            Self::ClientOrderIdReused { .. } | Self::UnknownClientOrder(_) => Some("client_order_id"),
            Self::OrderNotOpen(_)
            | Self::OrderUndecided(_)
            | Self::OrderInStatus { .. }
            | Self::OrderCleared(_)
            | Self::OrderIsBlockLeg(_)
            | Self::BlockStopped(_) => Some("order"),
            Self::AlreadyDefined { .. }
            | Self::InsufficientFunds { .. }
            | Self::NoBusinessDay
            | Self::NotionalTooLarge
            | Self::NothingToReplace
            | Self::NoSweep
            | Self::BlockLegsDoNotMatch => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: i64, scale: &u8| format_decimal(i128::from(value), *scale);
        let sum = |amount: &Amount, scale: &u8| format_decimal(amount.0, *scale);
        match self {
            Self::AlreadyDefined { what } => write!(f, "{what} is already defined, and differently"),
            Self::InvalidDefinition { field, rule } | Self::Contradiction { field, rule } => {
                write!(f, "{field} {rule}")
            }
            Self::UnknownAsset(asset) => write!(f, "there is no asset {asset}"),
            Self::UnknownInstrument(instrument) => write!(f, "there is no instrument {instrument}"),
            Self::UnknownParticipant(participant) => write!(f, "there is no participant {participant}"),
            Self::UnknownAccount(account) => write!(f, "there is no account {account}"),
            Self::AmountOutOfRange => write!(f, "amount must be above 0 and at most 10^30 minor units"),
            Self::InsufficientFunds { account, asset, available, needed, scale } => {
                let (available, needed) = (sum(available, scale), sum(needed, scale));
                write!(f, "account {account} has {available} {asset} available and needs {needed}")
            }
            Self::BusinessDayNotLater { current } => write!(f, "date must not be before {current}"),
            Self::NoBusinessDay => write!(f, "no business day is open: open one first"),
            Self::PhaseForbids { instrument, phase, what } => write!(f, "{instrument} is {phase} and {what}"),
            Self::QuantityOutOfRange => write!(f, "quantity must be above 0 and at most 10^15 minor units"),
            Self::QuantityNotInLots { lot, scale } => {
                write!(f, "quantity must be in lots of {}", text(lot.0, scale))
            }
            Self::PriceOutOfRange => write!(f, "price must be above 0 and at most 10^15 minor units"),
            Self::PriceNotInTicks { tick, scale } => {
                write!(f, "price must be in ticks of {}", text(tick.0, scale))
            }
            Self::PriceOutsideBand { low, high, scale } => {
                let (low, high) = (text(low.0, scale), text(high.0, scale));
                write!(f, "price must lie within the price band, from {low} to {high}")
            }
            Self::MarketOrderNeedsBand(instrument) => write!(
                f,
                "{instrument} has no price band, which a market order needs for its worst price: place a limit order"
            ),
            Self::NotionalTooLarge => {
                write!(f, "price times quantity must be below 2^63 minor units of quote")
            }
            Self::ClientOrderIdReused { client_order_id, order } => write!(
                f,
                "client_order_id {client_order_id} was used for order {order}, which differs: choose a new one"
            ),
            Self::OrderNotOpen(order) => write!(f, "there is no open order {order}"),
            Self::OrderUndecided(order) => write!(f, "order {order} is not decided yet: try again"),
            Self::OrderInStatus { order, status } => write!(f, "order {order} is already {status}"),
            Self::NothingToReplace => write!(f, "a replacement needs a new price or quantity"),
            Self::QuantityBelowExecuted { executed, scale } => {
                write!(f, "quantity must be above what is already executed, {}", text(executed.0, scale))
            }
            Self::NoSweep => write!(f, "there is no sweep to continue"),
            Self::BlockLegsDoNotMatch => write!(
                f,
                "a block trade needs two accepted legs, a buy and a sell of the same instrument, price and quantity"
            ),
            Self::UnknownClientOrder(client_order_id) => {
                write!(f, "the account has placed no order with client_order_id {client_order_id}")
            }
            Self::OrderCleared(order) => write!(f, "order {order} is cleared and can no longer be rejected"),
            Self::OrderIsBlockLeg(order) => {
                write!(f, "order {order} is a leg of a block trade: refuse the block trade instead")
            }
            Self::BlockStopped(order) => write!(f, "order {order} was stopped by a kill switch"),
            Self::BookFull(instrument) => write!(
                f,
                "all open orders of one side of {instrument} must stay below 2^63 minor units: try a smaller quantity"
            ),
            Self::DayOrdersExpiring(instrument) => {
                write!(f, "day orders in {instrument} still expire: try again")
            }
        }
    }
}

impl std::error::Error for Refusal {}
