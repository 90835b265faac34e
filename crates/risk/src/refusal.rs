//! Why risk says no: stable codes and a sentence each.

use crate::{Measure, Scope, Switch, THRESHOLDS_MAX};
use minicbor::{Decode, Encode};
use serde::Serialize;
use std::fmt;
use vocabulary::{Amount, HoldRefusal, Reserved};

/// An expected no. Amounts and quantities are in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub enum Refusal {
    /// This kill switch stops the order.
    #[n(0)]
    KillSwitchEngaged(#[n(0)] Switch),
    /// The order would go beyond a limit.
    #[n(1)]
    LimitExceeded {
        /// Whose limit.
        #[n(0)]
        scope: Scope,
        /// On what.
        #[n(1)]
        measure: Measure,
        /// The limit.
        #[n(2)]
        limit: Amount,
        /// What would be used with the order.
        #[n(3)]
        would_be: Amount,
    },
    /// The protocol of holds is against it.
    #[n(2)]
    Hold(#[n(0)] HoldRefusal),
    /// A hold of less than nothing.
    #[n(3)]
    NegativeHold(#[n(0)] Reserved),
    /// The switch to lift is not engaged.
    #[n(4)]
    SwitchNotEngaged(#[n(0)] Switch),
    /// Alert thresholds that are too many or not percents.
    #[n(5)]
    BadThresholds,
    /// A limit below zero.
    #[n(6)]
    NegativeLimit(#[n(0)] Amount),
    /// A limit above [`Amount::MAX`].
    #[n(7)]
    LimitTooLarge(#[n(0)] Amount),
}

impl From<HoldRefusal> for Refusal {
    fn from(refusal: HoldRefusal) -> Self {
        Self::Hold(refusal)
    }
}

impl Refusal {
    /// Stable name of the rule, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::KillSwitchEngaged(_) => "risk.kill-switch-engaged",
            Self::LimitExceeded { measure: Measure::OrderNotional(_), .. } => "risk.order-notional",
            Self::LimitExceeded { measure: Measure::OrderQuantity(_), .. } => "risk.order-quantity",
            Self::LimitExceeded { measure: Measure::Position(_), .. } => "risk.position",
            Self::LimitExceeded { measure: Measure::GrossExposure(_), .. } => "risk.gross-exposure",
            Self::LimitExceeded { measure: Measure::OrderRate, .. } => "risk.order-rate",
            Self::Hold(HoldRefusal::AlreadyReleased) => "risk.hold-already-released",
            Self::Hold(HoldRefusal::NoHold) => "risk.no-hold",
            Self::Hold(HoldRefusal::Early) => "risk.hold-part-early",
            Self::Hold(HoldRefusal::ExceedsHold) => "risk.exceeds-hold",
            Self::Hold(HoldRefusal::AlreadyConfirmed) => "risk.hold-already-confirmed",
            Self::NegativeHold(_) => "risk.negative-hold",
            Self::SwitchNotEngaged(_) => "risk.switch-not-engaged",
            Self::BadThresholds => "risk.bad-thresholds",
            Self::NegativeLimit(_) => "risk.negative-limit",
            Self::LimitTooLarge(_) => "risk.limit-too-large",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillSwitchEngaged(switch) => {
                write!(f, "the kill switch of {switch} is engaged; orders are taken again once it is lifted")
            }
            Self::LimitExceeded { scope, measure, limit, would_be } => write!(
                f,
                "the {measure} of {scope} would be {would_be}; the limit is {limit}{}",
                match measure {
                    Measure::OrderRate => "",
                    Measure::OrderNotional(_)
                    | Measure::OrderQuantity(_)
                    | Measure::Position(_)
                    | Measure::GrossExposure(_) => " (minor units)",
                }
            ),
            Self::Hold(HoldRefusal::AlreadyReleased) => {
                write!(f, "the hold was released before, or its deadline has passed")
            }
            Self::Hold(HoldRefusal::NoHold) => write!(f, "there is no such hold"),
            Self::Hold(HoldRefusal::Early) => write!(f, "an earlier part of the hold is still to come"),
            Self::Hold(HoldRefusal::ExceedsHold) => write!(f, "this is more than is still held"),
            Self::Hold(HoldRefusal::AlreadyConfirmed) => write!(f, "what was confirmed cannot be released"),
            Self::NegativeHold(reserved) => write!(
                f,
                "a hold must not be negative, but its quantity is {} and its amount {}",
                reserved.quantity, reserved.amount
            ),
            Self::SwitchNotEngaged(switch) => write!(f, "the kill switch of {switch} is not engaged"),
            Self::BadThresholds => {
                write!(f, "alert thresholds must be at most {THRESHOLDS_MAX} whole percents from 1 to 100")
            }
            Self::NegativeLimit(limit) => write!(f, "a limit must not be negative, but is {limit}"),
            Self::LimitTooLarge(limit) => {
                write!(f, "a limit must be at most {}, but is {limit}; lift it instead", Amount::MAX)
            }
        }
    }
}

impl std::error::Error for Refusal {}
