//! How it went, in one of four words.

use engine::{Access, Command, Event, Outcome, Record, Refusal};
use std::fmt;
use vocabulary::{Reason, planted};

/// The outcome of a record.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict<'a> {
    /// Something happened, or was read.
    Accepted,
    /// It was so already.
    Unchanged,
    /// Nothing happened.
    Refused(&'a Refusal),
    /// An administrative read or a request was turned away before it became a command.
    TurnedAway(&'a Access),
    /// It happened, and in the course of it an order or a leg of a block trade was denied. The first reason counts.
    Rejected(&'a Reason),
}

impl<'a> Verdict<'a> {
    pub(crate) fn of(record: &'a Record) -> Self {
        match (&record.outcome, &record.request.command) {
            (Outcome::Refused(_), Command::Trading(_)) if planted!("audit-refusal-unsaid") => Self::Unchanged,
            (Outcome::Refused(refusal), _) => Self::Refused(refusal),
            (Outcome::Events(_), Command::RecordAccess(access)) if access.status >= 400 => {
                Self::TurnedAway(access)
            }
            (Outcome::Events(_), Command::RecordAccess(_)) => Self::Accepted,
            (Outcome::Events(events), _) if events.is_empty() => Self::Unchanged,
            (Outcome::Events(events), _) => {
                events.iter().find_map(denial).map_or(Self::Accepted, Self::Rejected)
            }
        }
    }

    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Unchanged => "unchanged",
            Self::Refused(_) | Self::TurnedAway(_) => "refused",
            Self::Rejected(_) => "rejected",
        }
    }

    /// The stable code of the no.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Accepted | Self::Unchanged => None,
            Self::Refused(refusal) => Some(refusal.code()),
            Self::TurnedAway(access) => access.code.as_deref(),
            Self::Rejected(reason) => Some(&reason.code),
        }
    }

    /// The sentence of the no.
    pub(crate) fn message(&self) -> Option<&dyn fmt::Display> {
        match self {
            Self::Accepted | Self::Unchanged | Self::TurnedAway(_) => None,
            Self::Refused(refusal) => Some(refusal),
            Self::Rejected(reason) => Some(&reason.message),
        }
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "only these three events say no to an order")]
fn denial(event: &Event) -> Option<&Reason> {
    match event {
        Event::Trading(trading::Event::OrderRejected { reason, .. })
        | Event::Block(engine::block::Event::BlockStepFailed { reason, .. }) => Some(reason),
        Event::Compliance(compliance::Event::OrderChecked { reasons, .. }) => reasons.first(),
        _ => None,
    }
}
