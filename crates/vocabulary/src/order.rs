//! Words about orders.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Buy or sell.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode,
)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Side {
    /// Takes base, pays quote.
    #[n(0)]
    Buy,
    /// Delivers base, takes quote.
    #[n(1)]
    Sell,
}

impl Side {
    /// The other one.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// How long an order lives (FIX tag 59).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum TimeInForce {
    /// Until it is cancelled.
    #[n(0)]
    GoodTillCancel,
    /// Until its instrument closes.
    #[n(1)]
    Day,
    /// What does not match at once is cancelled.
    #[n(2)]
    ImmediateOrCancel,
    /// Matches at once and in full, or not at all.
    #[n(3)]
    FillOrKill,
}

/// What happens when an order would trade with another order of the same owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum SelfTradePrevention {
    /// They trade.
    #[n(0)]
    #[default]
    Off,
    /// The incoming order is cancelled.
    #[n(1)]
    CancelNewest,
    /// The resting order is cancelled, and matching goes on.
    #[n(2)]
    CancelOldest,
    /// Both are cancelled.
    #[n(3)]
    CancelBoth,
}
