//! Market phases of an instrument.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// What can be done with orders of an instrument now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Phase {
    /// No new orders; good-till-cancel orders rest. Entering it ends the life of day orders.
    #[default]
    #[n(0)]
    Closed,
    /// Orders collect; leaving it trades them at one price.
    #[n(1)]
    OpeningAuction,
    /// Orders match as they come in.
    #[n(2)]
    Continuous,
    /// No new orders, no matching; orders rest and can be cancelled.
    #[n(3)]
    Halted,
    /// As the opening auction, at the end of the day.
    #[n(4)]
    ClosingAuction,
}

impl Phase {
    /// Whether orders collect for one price.
    pub fn is_auction(self) -> bool {
        match self {
            Self::OpeningAuction | Self::ClosingAuction => true,
            Self::Closed | Self::Continuous | Self::Halted => false,
        }
    }

    /// Whether new orders are taken.
    pub fn takes_orders(self) -> bool {
        self.is_auction() || self == Self::Continuous
    }

    /// The phases that may follow. An opening auction opens a day; a closing auction ends in the close.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Closed => matches!(next, Self::OpeningAuction | Self::Continuous),
            Self::OpeningAuction => matches!(next, Self::Continuous | Self::Halted | Self::Closed),
            Self::Continuous => matches!(next, Self::Halted | Self::ClosingAuction | Self::Closed),
            Self::Halted => {
                matches!(next, Self::OpeningAuction | Self::Continuous | Self::ClosingAuction | Self::Closed)
            }
            Self::ClosingAuction => matches!(next, Self::Closed | Self::Halted),
        }
    }
}
