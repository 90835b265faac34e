//! What compliance is told, what it records, and what it refuses.
//!
//! A denied order is a decision and therefore an event. A refusal means that nothing was decided.

use crate::bundle::Digest;
use crate::program::BadBundle;
use crate::restriction::{RestrictedList, Restriction};
use crate::{Bundle, CheckInput};
use minicbor::{Decode, Encode};
use serde::Serialize;
use std::fmt;
use vocabulary::{Amount, OrderTerms, Price, Quantity, Reason, Timestamp, UserId};

/// What can be asked of compliance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub enum Command {
    /// Brings a bundle into force, if it is fit for it; otherwise the last one stays (fault 19).
    #[n(0)]
    ActivatePolicy {
        /// Modules and data.
        #[n(0)]
        bundle: Bundle,
    },
    /// Puts an entry on the restricted list. Orders already accepted stay.
    #[n(1)]
    Restrict {
        /// The entry.
        #[n(0)]
        restriction: Restriction,
    },
    /// Takes an entry off the restricted list.
    #[n(2)]
    Unrestrict {
        /// The entry.
        #[n(0)]
        restriction: Restriction,
    },
    /// Whether an order may be placed: the message of the order flow.
    #[n(3)]
    Check {
        /// The order.
        #[n(0)]
        terms: OrderTerms,
        /// Who placed it.
        #[n(1)]
        user: UserId,
        /// Its limit, in the instrument's price scale.
        #[n(2)]
        price: Price,
        /// How much base.
        #[n(3)]
        quantity: Quantity,
        /// Price times quantity, in minor units of quote.
        #[n(4)]
        notional: Amount,
        /// Decimals of quote.
        #[n(5)]
        quote_scale: u8,
        /// When the flow stops waiting for the answer.
        #[n(6)]
        deadline: Timestamp,
    },
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub enum Event {
    /// A bundle came into force.
    #[n(0)]
    PolicyActivated {
        /// Counts the activations from 1: decisions name their bundle by it.
        #[n(0)]
        version: u32,
        /// Digest of the bundle.
        #[n(1)]
        digest: Digest,
        /// The bundle.
        #[n(2)]
        bundle: Bundle,
    },
    /// An entry was put on the restricted list.
    #[n(1)]
    Restricted {
        /// The entry.
        #[n(0)]
        restriction: Restriction,
    },
    /// An entry was taken off the restricted list.
    #[n(2)]
    Unrestricted {
        /// The entry.
        #[n(0)]
        restriction: Restriction,
    },
    /// An order was judged. Holds all that was judged, see [`Event::check_input`].
    #[n(3)]
    OrderChecked {
        /// The order.
        #[n(0)]
        terms: OrderTerms,
        /// Who placed it.
        #[n(1)]
        user: UserId,
        /// Its limit, in the instrument's price scale.
        #[n(2)]
        price: Price,
        /// How much base.
        #[n(3)]
        quantity: Quantity,
        /// Price times quantity, in minor units of quote.
        #[n(4)]
        notional: Amount,
        /// Decimals of quote.
        #[n(5)]
        quote_scale: u8,
        /// When the flow stops waiting for the answer.
        #[n(6)]
        deadline: Timestamp,
        /// Allowed orders of the user in the last hour, and this one.
        #[n(7)]
        orders_in_hour: u32,
        /// The entry of the restricted list that covers it.
        #[n(8)]
        restricted: Option<Restriction>,
        /// Version of the bundle that judged it; 0 if none was in force.
        #[n(9)]
        policy: u32,
        /// Whether it may be placed: exactly when there are no reasons against it.
        #[n(10)]
        allowed: bool,
        /// Why not: the restricted list first, then the policy's reasons in the order of their messages.
        #[n(11)]
        reasons: Vec<Reason>,
    },
}

impl Event {
    /// What the policy was shown, if this is a check.
    pub fn check_input(&self) -> Option<CheckInput> {
        match *self {
            Self::OrderChecked {
                terms,
                user,
                price,
                quantity,
                notional,
                quote_scale,
                orders_in_hour,
                ..
            } => Some(CheckInput { terms, user, price, quantity, notional, quote_scale, orders_in_hour }),
            Self::PolicyActivated { .. } | Self::Restricted { .. } | Self::Unrestricted { .. } => None,
        }
    }
}

/// Why nothing was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub enum Refusal {
    /// The bundle is not fit to come into force.
    #[n(0)]
    BadBundle(#[n(0)] BadBundle),
    /// The flow stopped waiting for the answer before it asked, so this is not a repetition either.
    #[n(1)]
    DeadlinePassed,
    /// The restricted list has no room.
    #[n(2)]
    RestrictedListFull,
}

impl Refusal {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadBundle(why) => why.code(),
            Self::DeadlinePassed => "compliance.deadline-passed",
            Self::RestrictedListFull => "compliance.restricted-list-full",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadBundle(why) => why.fmt(f),
            Self::DeadlinePassed => write!(f, "the deadline of the order's check has passed"),
            Self::RestrictedListFull => {
                write!(f, "the restricted list has {} entries already", RestrictedList::SIZE_MAX)
            }
        }
    }
}

impl std::error::Error for Refusal {}

impl From<BadBundle> for Refusal {
    fn from(why: BadBundle) -> Self {
        Self::BadBundle(why)
    }
}

#[cfg(test)]
mod tests;
