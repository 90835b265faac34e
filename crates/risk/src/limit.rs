//! What limits bound, and whose.
//!
//! Money is bounded per currency and quantities per instrument, always in minor units: amounts of different assets do
//! not add up. Absent: the limits themselves, which stand with the exposure that they bound.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::fmt;
use vocabulary::{AccountId, AssetId, InstrumentId, OrderTerms, ParticipantId};

/// Whose exposure. Limits of both kinds hold at once.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode,
)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One trading account.
    #[n(0)]
    Account(#[n(0)] AccountId),
    /// All accounts that a participant clears.
    #[n(1)]
    Participant(#[n(0)] ParticipantId),
}

impl Scope {
    /// The scopes that an order counts in, in the order in which their limits are checked.
    pub(crate) fn of_order(terms: &OrderTerms) -> [Self; 2] {
        [Self::Account(terms.account), Self::Participant(terms.participant)]
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => write!(f, "account {account}"),
            Self::Participant(participant) => write!(f, "participant {participant}"),
        }
    }
}

/// What a limit bounds.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode,
)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Price times quantity of a single order at its own limit price, in this quote currency.
    #[n(0)]
    OrderNotional(#[n(0)] AssetId),
    /// Quantity of a single order.
    #[n(1)]
    OrderQuantity(#[n(0)] InstrumentId),
    /// The furthest that the position can get from zero if every open order of one side is filled.
    #[n(2)]
    Position(#[n(0)] InstrumentId),
    /// Open orders and unsettled trades, both sides added up and valued at each order's own limit price.
    #[n(3)]
    GrossExposure(#[n(0)] AssetId),
    /// Orders per second, counted by whole seconds of record time.
    #[n(4)]
    OrderRate,
}

impl Measure {
    /// The measures that a new order moves, in the order in which they are checked.
    pub(crate) fn of_order(terms: &OrderTerms) -> [Self; 5] {
        [
            Self::OrderNotional(terms.quote),
            Self::OrderQuantity(terms.instrument),
            Self::Position(terms.instrument),
            Self::GrossExposure(terms.quote),
            Self::OrderRate,
        ]
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OrderNotional(asset) => write!(f, "order notional in {asset}"),
            Self::OrderQuantity(instrument) => write!(f, "order quantity of {instrument}"),
            Self::Position(instrument) => write!(f, "position in {instrument}"),
            Self::GrossExposure(asset) => write!(f, "gross exposure in {asset}"),
            Self::OrderRate => write!(f, "orders per second"),
        }
    }
}
