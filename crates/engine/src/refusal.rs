//! Every expected no of a node, by context.

use minicbor::{Decode, Encode};
use serde::Serialize;
use std::fmt;
use vocabulary::Reason;

use crate::block;
use crate::message::Context;

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
        }
    }

    /// Code and sentence, to cross contexts.
    pub fn reason(&self) -> Reason {
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
