//! What has happened in risk.

use crate::{Measure, Scope, Switch};
use minicbor::{Decode, Encode};
use serde::Serialize;
use vocabulary::{Amount, CorrelationId, Fill, OrderTerms, Reserved, SettledSide, Timestamp};

/// A fact of risk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub enum Event {
    /// A limit is this from now on.
    #[n(0)]
    LimitSet {
        /// Whose exposure.
        #[n(0)]
        scope: Scope,
        /// What of it.
        #[n(1)]
        measure: Measure,
        /// In minor units; none: not limited.
        #[n(2)]
        limit: Option<Amount>,
    },
    /// Alerts are raised at these shares of every limit from now on.
    #[n(1)]
    AlertThresholdsSet {
        /// In percent, ascending, without repetition.
        #[n(0)]
        percents: Vec<u8>,
    },
    /// New orders are refused from now on. Open ones are to be cancelled.
    #[n(2)]
    KillSwitchEngaged {
        /// Whose or which.
        #[n(0)]
        switch: Switch,
        /// Why.
        #[n(1)]
        reason: String,
    },
    /// Orders are let in again, as far as no other switch stops them.
    #[n(3)]
    KillSwitchLifted {
        /// Whose or which.
        #[n(0)]
        switch: Switch,
    },
    /// An order counts as open exposure.
    #[n(4)]
    ExposureHeld {
        /// The order.
        #[n(0)]
        terms: OrderTerms,
        /// How much.
        #[n(1)]
        reserved: Reserved,
    },
    /// A fill turned its part of the open exposure into position and unsettled exposure.
    #[n(5)]
    ExposureConfirmed {
        /// The order.
        #[n(0)]
        terms: OrderTerms,
        /// What was executed.
        #[n(1)]
        fill: Fill,
    },
    /// A shrinking order gave back a part of its open exposure.
    #[n(6)]
    ExposureReduced {
        /// The order.
        #[n(0)]
        terms: OrderTerms,
        /// Which part, counted from 0 together with the confirmed ones.
        #[n(1)]
        part: u32,
        /// How much.
        #[n(2)]
        what: Reserved,
    },
    /// The rest of the open exposure was given back; nothing if the release overtook the hold, which is refused from
    /// now on.
    #[n(7)]
    ExposureReleased {
        /// The order.
        #[n(0)]
        terms: OrderTerms,
        /// How much.
        #[n(1)]
        released: Reserved,
        /// No request for this hold is good beyond that time: so long the release is remembered at least.
        #[n(2)]
        #[cbor(default)]
        until: Timestamp,
    },
    /// A side of a trade is final: it is unsettled no longer.
    #[n(8)]
    ExposureSettled {
        /// The side.
        #[n(0)]
        side: SettledSide,
    },
    /// An accepted order brought the use of a limit to this share or above it.
    #[n(9)]
    AlertRaised {
        /// Whose limit.
        #[n(0)]
        scope: Scope,
        /// On what.
        #[n(1)]
        measure: Measure,
        /// The threshold.
        #[n(2)]
        percent: u8,
        /// What is used with the order.
        #[n(3)]
        used: Amount,
        /// The limit.
        #[n(4)]
        limit: Amount,
        /// The thread of the order.
        #[n(5)]
        correlation: CorrelationId,
    },
}
