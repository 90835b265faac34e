//! Why settlement says no: stable codes and a sentence each.

use minicbor::{Decode, Encode};
use serde::Serialize;
use std::fmt;
use vocabulary::{Amount, AssetId, CalendarId, Date, HoldRefusal, ParticipantId, TradeId};

/// An expected no. Amounts are in minor units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub enum Refusal {
    /// The hold would take more than the participant's quota leaves.
    #[n(0)]
    QuotaExceeded {
        /// Whose quota.
        #[n(0)]
        participant: ParticipantId,
        /// In which currency.
        #[n(1)]
        asset: AssetId,
        /// The quota; 0 if none was set.
        #[n(2)]
        quota: Amount,
        /// What holds and unsettled obligations use of it.
        #[n(3)]
        used: Amount,
        /// What the hold asks for.
        #[n(4)]
        wanted: Amount,
    },
    /// A quota, a shortfall or a reservation below zero.
    #[n(1)]
    NegativeAmount(#[n(0)] Amount),
    /// A calendar without a single business day in the week.
    #[n(2)]
    NoBusinessDay(#[n(0)] CalendarId),
    /// A weekend day other than 0 (Monday) to 6 (Sunday).
    #[n(3)]
    NotAWeekday(#[n(0)] u8),
    /// A settlement run of this date has steps left.
    #[n(4)]
    RunInProgress(#[n(0)] Date),
    /// The two sides of a trade do not agree, so nothing of that date is settled.
    #[n(5)]
    Unbalanced {
        /// The first such trade.
        #[n(0)]
        trade: TradeId,
        /// The asset that does not sum to zero.
        #[n(1)]
        asset: AssetId,
        /// By how much.
        #[n(2)]
        difference: Amount,
    },
    /// The protocol of holds is against it.
    #[n(6)]
    Hold(#[n(0)] HoldRefusal),
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
            Self::QuotaExceeded { .. } => "settlement.quota-exceeded",
            Self::NegativeAmount(_) => "settlement.negative-amount",
            Self::NoBusinessDay(_) => "settlement.no-business-day",
            Self::NotAWeekday(_) => "settlement.not-a-weekday",
            Self::RunInProgress(_) => "settlement.run-in-progress",
            Self::Unbalanced { .. } => "settlement.unbalanced",
            Self::Hold(HoldRefusal::AlreadyReleased) => "settlement.hold-already-released",
            Self::Hold(HoldRefusal::NoHold) => "settlement.no-hold",
            Self::Hold(HoldRefusal::Early) => "settlement.hold-part-early",
            Self::Hold(HoldRefusal::ExceedsHold) => "settlement.exceeds-hold",
            Self::Hold(HoldRefusal::AlreadyConfirmed) => "settlement.hold-already-confirmed",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::QuotaExceeded { participant, asset, quota, used, wanted } => write!(
                f,
                "participant {participant} has a clearing quota of {quota} {asset} and uses {used} of it, \
                 which leaves no room for {wanted} (minor units)"
            ),
            Self::NegativeAmount(amount) => write!(f, "the amount must not be negative, but is {amount}"),
            Self::NoBusinessDay(calendar) => {
                write!(f, "calendar {calendar} must leave at least one business day in the week")
            }
            Self::NotAWeekday(day) => {
                write!(f, "a weekend day must be 0 (Monday) to 6 (Sunday), but is {day}")
            }
            Self::RunInProgress(date) => write!(f, "the settlement run of {date} is still in progress"),
            Self::Unbalanced { trade, asset, difference } => {
                write!(
                    f,
                    "trade {trade} does not sum to zero in {asset}: it is off by {difference} (minor units)"
                )
            }
            Self::Hold(HoldRefusal::AlreadyReleased) => {
                write!(f, "the hold was released before, or its deadline has passed")
            }
            Self::Hold(HoldRefusal::NoHold) => write!(f, "there is no such hold"),
            Self::Hold(HoldRefusal::Early) => write!(f, "an earlier part of the hold is still to come"),
            Self::Hold(HoldRefusal::ExceedsHold) => write!(f, "this is more than is still held"),
            Self::Hold(HoldRefusal::AlreadyConfirmed) => {
                write!(f, "what was confirmed cannot be released")
            }
        }
    }
}

impl std::error::Error for Refusal {}
