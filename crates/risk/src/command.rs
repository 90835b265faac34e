//! What risk can be asked to do.

use crate::{Measure, Scope, Switch};
use minicbor::{Decode, Encode};
use serde::Serialize;
use vocabulary::{Amount, Fill, OrderTerms, Reserved, SettledSide, Timestamp};

/// A request to risk. Each can be repeated: what is already so yields no events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub enum Command {
    /// Sets a limit, or lifts it. It may be set below what is in use: that stays, and what adds to it is refused.
    #[n(0)]
    SetLimit {
        /// Whose exposure.
        #[n(0)]
        scope: Scope,
        /// What of it.
        #[n(1)]
        measure: Measure,
        /// The highest allowed, in minor units (orders per second for the order rate); none: not limited.
        #[n(2)]
        limit: Option<Amount>,
    },
    /// Sets the shares of every limit at which an alert is raised. None at all means no alerts.
    #[n(1)]
    SetAlertThresholds {
        /// Percents from 1 to 100, at most [`crate::THRESHOLDS_MAX`] of them, in any order.
        #[n(0)]
        percents: Vec<u8>,
    },
    /// Refuses new orders until lifted.
    #[n(2)]
    EngageKillSwitch {
        /// Whose or which.
        #[n(0)]
        switch: Switch,
        /// Why, for the record.
        #[n(1)]
        reason: String,
    },
    /// Lets orders in again.
    #[n(3)]
    LiftKillSwitch {
        /// Whose or which.
        #[n(0)]
        switch: Switch,
    },
    /// Checks an order against switches and limits, and counts it as open exposure.
    #[n(4)]
    Hold {
        /// The order.
        #[n(0)]
        terms: OrderTerms,
        /// Its quantity, and its notional at its own limit price.
        #[n(1)]
        reserved: Reserved,
        /// Until when the request is good.
        #[n(2)]
        deadline: Timestamp,
    },
    /// One fill: its part of the open exposure becomes position and unsettled exposure.
    #[n(5)]
    Confirm {
        /// The order.
        #[n(0)]
        terms: OrderTerms,
        /// What was executed.
        #[n(1)]
        fill: Fill,
    },
    /// Gives back a part of the hold while the order goes on.
    #[n(6)]
    Reduce {
        /// The order.
        #[n(0)]
        terms: OrderTerms,
        /// Which part of the hold, counted from 0 together with the confirmed ones.
        #[n(1)]
        part: u32,
        /// How much.
        #[n(2)]
        what: Reserved,
    },
    /// Gives back the rest of the hold.
    #[n(7)]
    Release {
        /// The order.
        #[n(0)]
        terms: OrderTerms,
        /// How many parts were confirmed or given back before.
        #[n(1)]
        parts: u32,
        /// No request for this hold is good beyond that time: so long the release is remembered at least.
        #[n(2)]
        #[cbor(default)]
        until: Timestamp,
    },
    /// Settlement made a side of a trade final: it is unsettled no longer.
    #[n(8)]
    Settle {
        /// The side.
        #[n(0)]
        side: SettledSide,
    },
}
