//! Every expected no of a node, by context.

use minicbor::{Decode, Encode};
use serde::Serialize;
use std::fmt;
use vocabulary::{HoldRefusal, Reason};

use crate::block;
use crate::message::{Context, MessageId};

/// A refusal: typed, recorded, and without effect.
#[derive(Clone, Debug, PartialEq, Serialize, Encode, Decode)]
pub enum Refusal {
    /// By trading.
    #[n(0)]
    Trading(#[n(0)] trading::Refusal),
    /// By settlement.
    #[n(1)]
    Settlement(#[n(0)] settlement::Refusal),
    /// By risk.
    #[n(2)]
    Risk(#[n(0)] risk::Refusal),
    /// By compliance.
    #[n(3)]
    Compliance(#[n(0)] compliance::Refusal),
    /// By a block trade.
    #[n(4)]
    Block(#[n(0)] block::Refusal),
    /// This node does not host that context.
    #[n(5)]
    NotHosted(#[n(0)] Context),
    /// The idempotency key was used for another command.
    #[n(6)]
    IdempotencyKeyReused {
        /// Where that one is recorded.
        #[n(0)]
        position: u64,
    },
    /// Compliance has denied the order before.
    #[n(7)]
    Denied(#[n(0)] Reason),
    /// Only the order flow gives such a command.
    #[n(8)]
    OnlyAsMessage,
    /// Another node may not give such a command.
    #[n(9)]
    NotAMessage,
    /// So many messages to other nodes are unanswered that no more orders are taken.
    #[n(10)]
    OutboxFull,
    /// There is no such message, or it is answered.
    #[n(11)]
    UnknownMessage(#[n(0)] MessageId),
}

impl Refusal {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Trading(refusal) => refusal.code(),
            Self::Settlement(refusal) => refusal.code(),
            Self::Risk(refusal) => refusal.code(),
            Self::Compliance(refusal) => refusal.code(),
            Self::Block(refusal) => refusal.code(),
            Self::NotHosted(_) => "node.not-hosted",
            Self::IdempotencyKeyReused { .. } => "node.idempotency-key-reused",
            Self::Denied(_) => "compliance.denied",
            Self::OnlyAsMessage => "node.only-as-message",
            Self::NotAMessage => "node.not-a-message",
            Self::OutboxFull => "node.outbox-full",
            Self::UnknownMessage(_) => "node.unknown-message",
        }
    }

    /// Whether the same message can succeed later: an earlier one is missing, or it has reached the wrong node.
    pub(crate) fn passes(&self) -> bool {
        matches!(
            self,
            Self::NotHosted(_)
                | Self::Risk(risk::Refusal::Hold(HoldRefusal::Early))
                | Self::Settlement(settlement::Refusal::Hold(HoldRefusal::Early))
        )
    }

    /// Code and sentence, to cross contexts.
    pub fn reason(&self) -> Reason {
        if let Self::Denied(reason) = self {
            return reason.clone();
        }
        Reason { code: self.code().to_owned(), message: self.to_string() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trading(refusal) => refusal.fmt(f),
            Self::Settlement(refusal) => refusal.fmt(f),
            Self::Risk(refusal) => refusal.fmt(f),
            Self::Compliance(refusal) => refusal.fmt(f),
            Self::Block(refusal) => refusal.fmt(f),
            Self::NotHosted(context) => write!(f, "this node does not host {context:?}"),
            Self::IdempotencyKeyReused { position } => {
                write!(f, "the idempotency key was used for another command, recorded at position {position}")
            }
            Self::Denied(reason) => f.write_str(&reason.message),
            Self::OnlyAsMessage => write!(f, "only the order flow gives such a command"),
            Self::NotAMessage => write!(f, "another node may not give such a command"),
            Self::OutboxFull => {
                write!(f, "too many messages to other services are unanswered: try again later")
            }
            Self::UnknownMessage(message) => write!(f, "there is no message {message} without an answer"),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<trading::Refusal> for Refusal {
    fn from(refusal: trading::Refusal) -> Self {
        Self::Trading(refusal)
    }
}

impl From<settlement::Refusal> for Refusal {
    fn from(refusal: settlement::Refusal) -> Self {
        Self::Settlement(refusal)
    }
}

impl From<risk::Refusal> for Refusal {
    fn from(refusal: risk::Refusal) -> Self {
        Self::Risk(refusal)
    }
}

impl From<compliance::Refusal> for Refusal {
    fn from(refusal: compliance::Refusal) -> Self {
        Self::Compliance(refusal)
    }
}

impl From<block::Refusal> for Refusal {
    fn from(refusal: block::Refusal) -> Self {
        Self::Block(refusal)
    }
}
