//! What a node can be asked to do, by clients, by operators, by other nodes and by the passing of time.

use minicbor::{Decode, Encode};
use serde::Serialize;
use std::iter;
use vocabulary::{AccountId, CorrelationId, OrderId, Timestamp, UserId};

use crate::block::ProposeBlock;
use crate::message::{Answer, Context, Message, MessageId};

/// How many answers of other nodes go into one record at most: each may be the last that an order waits for.
const ANSWERS_MAX: usize = 64;

/// A command with what travels along.
#[derive(Clone, Debug, PartialEq, Serialize, Encode, Decode)]
pub struct Request {
    /// From the client's idempotency key and who he is: the same one is executed once.
    #[n(0)]
    pub command_id: Option<CommandId>,
    /// The thread that everything this causes hangs on.
    #[n(1)]
    pub correlation: CorrelationId,
    /// Opaque id of who asks.
    #[n(2)]
    pub actor: UserId,
    /// What is asked.
    #[n(3)]
    pub command: Command,
}

/// 128 bits that stand for one idempotency key of one principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Encode, Decode)]
#[serde(transparent)]
#[cbor(transparent)]
pub struct CommandId(#[n(0)] pub CorrelationId);

/// A command to a context, to the order flow, or to a saga.
#[derive(Clone, Debug, PartialEq, Serialize, Encode, Decode)]
pub enum Command {
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
    /// Begins a negotiated block trade.
    #[n(4)]
    ProposeBlock(#[n(0)] ProposeBlock),
    /// The counterparty agrees.
    #[n(5)]
    ConsentBlock {
        /// Which block trade.
        #[n(0)]
        block: OrderId,
        /// The account that agrees: must be the named one.
        #[n(1)]
        account: AccountId,
        /// Opaque id of who agrees.
        #[n(2)]
        user: UserId,
    },
    /// The counterparty refuses, or the proposer takes it back.
    #[n(6)]
    RefuseBlock {
        /// Which block trade.
        #[n(0)]
        block: OrderId,
        /// The account that refuses: one of the two.
        #[n(1)]
        account: AccountId,
    },
    /// Tries again to undo a block trade that is stuck.
    #[n(7)]
    RetryBlock {
        /// Which block trade.
        #[n(0)]
        block: OrderId,
    },
    /// Time has passed: whatever is past its deadline ends, and long silence is reported.
    #[n(8)]
    ExpireDeadlines,
    /// A message from another node.
    #[n(9)]
    Deliver {
        /// Its id there.
        #[n(0)]
        message: MessageId,
        /// What it says.
        #[n(1)]
        body: Box<Message>,
        /// Its sender has recorded the answers to all that it sent to this context before that one.
        #[n(2)]
        answered_below: MessageId,
    },
    /// Another node's answer to a message from here.
    #[n(10)]
    Acknowledge {
        /// Which message.
        #[n(0)]
        message: MessageId,
        /// What it answers.
        #[n(1)]
        answer: Answer,
        /// Answers to other messages that came with it, so that many take one record.
        #[n(2)]
        #[cbor(skip_if = "Vec::is_empty")]
        more: Vec<(MessageId, Answer)>,
    },
    /// Something that changes nothing and must be in the audit log all the same.
    #[n(11)]
    RecordAccess(#[n(0)] Access),
    /// Sends a message that is not answered once more, now.
    #[n(12)]
    RetryMessage {
        /// Which message.
        #[n(0)]
        message: MessageId,
    },
    /// Orders that waited only for their turn go on to their books, a bounded number of them.
    #[n(13)]
    TakeTurns,
}

impl Request {
    /// Whether it hangs on a thread. What another node says without one goes by the number of the message.
    pub fn has_thread(&self) -> bool {
        let (Command::Deliver { message, .. } | Command::Acknowledge { message, .. }) = &self.command else {
            return true;
        };
        self.correlation.0 != message.position.into()
    }

    /// What has answers of other nodes recorded, in as few records as is good, by the node itself, which is `system`.
    pub fn acknowledge(
        answers: impl IntoIterator<Item = (MessageId, Answer)>,
        system: UserId,
    ) -> impl Iterator<Item = Self> {
        let mut answers = answers.into_iter();
        iter::from_fn(move || {
            let (message, answer) = answers.next()?;
            let more = answers.by_ref().take(ANSWERS_MAX - 1).collect();
            let command = Command::Acknowledge { message, answer, more };
            let correlation = CorrelationId(message.position.into());
            Some(Self { command_id: None, correlation, actor: system, command })
        })
    }
}

impl Command {
    /// The context whose node it goes to. Block trades live with trading, and so does what any node takes.
    pub fn context(&self) -> Context {
        match self {
            Self::Settlement(_) => Context::Settlement,
            Self::Risk(_) => Context::Risk,
            Self::Compliance(_) => Context::Compliance,
            Self::Trading(_)
            | Self::ProposeBlock(_)
            | Self::ConsentBlock { .. }
            | Self::RefuseBlock { .. }
            | Self::RetryBlock { .. }
            | Self::ExpireDeadlines
            | Self::Deliver { .. }
            | Self::Acknowledge { .. }
            | Self::RecordAccess(_)
            | Self::RetryMessage { .. }
            | Self::TakeTurns => Context::Trading,
        }
    }
}

/// An administrative read, or a request that was turned away before it became a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub struct Access {
    /// Method and path, without query.
    #[n(0)]
    pub operation: String,
    /// HTTP status that was answered.
    #[n(1)]
    pub status: u16,
    /// The stable code of the refusal, if it was one.
    #[n(2)]
    pub code: Option<String>,
    /// How many refusals before this one went unrecorded, because too many came at once.
    #[n(3)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unrecorded: Option<u64>,
}

/// When the next thing falls due, and what it is.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "one at a time exists")]
pub enum Due {
    /// Work is waiting: do this now.
    Now(Command),
    /// Nothing before that time.
    At(Timestamp),
    /// Nothing at all.
    Never,
}
