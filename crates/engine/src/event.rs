//! What has happened anywhere in a node.

use minicbor::{Decode, Encode};
use serde::Serialize;
use vocabulary::{OrderId, Reason, Timestamp};

use crate::block;
use crate::message::{Answer, Branch, Context, Message, MessageId};

/// A fact of a context, of the order flow, or of a saga.
#[derive(Clone, Debug, PartialEq, Serialize, Encode, Decode)]
#[serde(untagged)]
pub enum Event {
    /// In trading.
    #[n(0)]
    Trading(#[n(0)] trading::Event),
    /// In settlement.
    #[n(1)]
    Settlement(#[n(0)] settlement::Event),
    /// In risk.
    #[n(2)]
    Risk(#[n(0)] risk::Event),
    /// In compliance.
    #[n(3)]
    Compliance(#[n(0)] compliance::Event),
    /// In an order's flow.
    #[n(4)]
    Flow(#[n(0)] FlowEvent),
    /// In a block trade.
    #[n(5)]
    Block(#[n(0)] block::Event),
}

impl Event {
    /// The context that it happened in. The flow of orders and the saga of block trades are where trading is.
    pub fn context(&self) -> Context {
        match self {
            Self::Trading(_) | Self::Flow(_) | Self::Block(_) => Context::Trading,
            Self::Settlement(_) => Context::Settlement,
            Self::Risk(_) => Context::Risk,
            Self::Compliance(_) => Context::Compliance,
        }
    }
}

/// A step of the order flow.
#[derive(Clone, Debug, PartialEq, Serialize, Encode, Decode)]
pub enum FlowEvent {
    /// A participant has answered whether the order may go on.
    #[n(0)]
    BranchAnswered {
        /// Which order.
        #[n(0)]
        order: OrderId,
        /// Which participant.
        #[n(1)]
        branch: Branch,
        /// Its answer.
        #[n(2)]
        answer: Answer,
    },
    /// Not every participant answered in time.
    #[n(1)]
    FlowTimedOut {
        /// Which order.
        #[n(0)]
        order: OrderId,
    },
    /// Another node has answered a message, which is not sent again.
    #[n(2)]
    MessageAnswered {
        /// Which message.
        #[n(0)]
        message: MessageId,
    },
    /// A participant refused what it must not refuse: somebody broke the protocol. Nobody acts on it but people.
    #[n(3)]
    ProtocolAlarm {
        /// Which participant.
        #[n(0)]
        context: Context,
        /// About which order.
        #[n(1)]
        order: Option<OrderId>,
        /// What it said.
        #[n(2)]
        reason: Reason,
    },
    /// A context has not answered for long. The messages are sent on and on; people are told. Not told of again.
    #[n(4)]
    MessagesUnanswered {
        /// Which context.
        #[n(0)]
        context: Context,
        /// The oldest message that was not told of before.
        #[n(1)]
        first: MessageId,
        /// The latest.
        #[n(2)]
        last: MessageId,
        /// When the oldest was posted.
        #[n(3)]
        since: Timestamp,
        /// How many messages.
        #[n(4)]
        count: u32,
    },
    /// An operator wants a message sent once more, now.
    #[n(5)]
    MessageRetried {
        /// Which message.
        #[n(0)]
        message: MessageId,
    },
    /// A message to a context of this very node came before another that it needs. It is sent again like those to
    /// other nodes.
    #[n(6)]
    MessageDeferred {
        /// What it says.
        #[n(0)]
        body: Box<Message>,
    },
}

impl From<trading::Event> for Event {
    fn from(event: trading::Event) -> Self {
        Self::Trading(event)
    }
}

impl From<settlement::Event> for Event {
    fn from(event: settlement::Event) -> Self {
        Self::Settlement(event)
    }
}

impl From<risk::Event> for Event {
    fn from(event: risk::Event) -> Self {
        Self::Risk(event)
    }
}

impl From<compliance::Event> for Event {
    fn from(event: compliance::Event) -> Self {
        Self::Compliance(event)
    }
}

impl From<FlowEvent> for Event {
    fn from(event: FlowEvent) -> Self {
        Self::Flow(event)
    }
}

impl From<block::Event> for Event {
    fn from(event: block::Event) -> Self {
        Self::Block(event)
    }
}
