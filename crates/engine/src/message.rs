//! Messages between contexts. In the same node they are delivered within the record that caused them; to another node
//! they are repeated until answered.

use minicbor::{Decode, Encode};
use serde::Serialize;
use std::fmt;
use vocabulary::{OrderId, Reason};

/// A command that one context has for another.
#[derive(Clone, Debug, PartialEq, Serialize, Encode, Decode)]
pub enum Message {
    /// To trading.
    #[n(0)]
    Trading(#[n(0)] trading::Command),
    /// To settlement.
    #[n(1)]
    Settlement(#[n(0)] settlement::Command),
    /// To risk.
    #[n(2)]
    Risk(#[n(0)] risk::Command),
    /// To compliance.
    #[n(3)]
    Compliance(#[n(0)] compliance::Command),
}

impl Message {
    /// Who it is for.
    pub fn to(&self) -> Context {
        match self {
            Self::Trading(_) => Context::Trading,
            Self::Settlement(_) => Context::Settlement,
            Self::Risk(_) => Context::Risk,
            Self::Compliance(_) => Context::Compliance,
        }
    }

    /// The order whose flow waits for the answer, and as which branch; none if only receipt matters.
    pub(crate) fn asks(&self) -> Option<(OrderId, Branch)> {
        if let Self::Risk(risk::Command::Hold { terms, .. }) = self {
            return Some((terms.order, Branch::Risk));
        }
        if let Self::Settlement(settlement::Command::Hold { terms, .. }) = self {
            return Some((terms.order, Branch::Settlement));
        }
        if let Self::Compliance(compliance::Command::Check { terms, .. }) = self {
            return Some((terms.order, Branch::Compliance));
        }
        None
    }
}

/// One of the four bounded contexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Context {
    /// Trading.
    #[n(0)]
    Trading,
    /// Settlement.
    #[n(1)]
    Settlement,
    /// Risk.
    #[n(2)]
    Risk,
    /// Compliance.
    #[n(3)]
    Compliance,
}

/// A participant of the order flow besides trading, in the order in which their reasons count: when several say no,
/// the first of these is the reason of the rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Branch {
    /// Policy check.
    #[n(0)]
    Compliance,
    /// Risk limits.
    #[n(1)]
    Risk,
    /// Clearing quota.
    #[n(2)]
    Settlement,
}

/// Names a message for good: the record that caused it and its place among the messages of that record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Encode, Decode)]
pub struct MessageId {
    /// Shard and position of the record.
    #[n(0)]
    pub position: u64,
    /// Counts from 0.
    #[n(1)]
    pub index: u32,
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.position, self.index)
    }
}

/// What a participant answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub enum Answer {
    /// Done, now or before.
    #[n(0)]
    Yes,
    /// Refused, for good.
    #[n(1)]
    No(#[n(0)] Reason),
    /// Cannot be done before an earlier message: send it again.
    #[n(2)]
    Later,
}

/// The contexts that a node hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hosts(u8);

impl Hosts {
    /// All four, as in one process.
    pub const ALL: Self = Self(0b1111);

    /// Just these.
    pub fn only(contexts: &[Context]) -> Self {
        Self(contexts.iter().fold(0, |bits, context| bits | Self::bit(*context)))
    }

    /// Whether `context` is among them.
    pub fn has(self, context: Context) -> bool {
        self.0 & Self::bit(context) != 0
    }

    fn bit(context: Context) -> u8 {
        match context {
            Context::Trading => 1,
            Context::Settlement => 2,
            Context::Risk => 4,
            Context::Compliance => 8,
        }
    }
}
