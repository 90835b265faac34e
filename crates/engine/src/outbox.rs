//! Messages to contexts in other nodes, kept until they are answered (C5).
//!
//! The outbox follows from the events: it is rebuilt by applying them, and nothing in it is written by itself.

use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

use crate::message::{Message, MessageId};
use vocabulary::Moment;

/// Unanswered messages, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Outbox {
    #[n(0)]
    waiting: BTreeMap<MessageId, Message>,
    #[n(1)]
    last: Option<MessageId>,
}

impl Outbox {
    /// What has not been answered. To be sent once the record that caused it is durable, and again until answered.
    pub fn waiting(&self) -> impl Iterator<Item = (&MessageId, &Message)> {
        self.waiting.iter()
    }

    /// The message of that id, if it is not answered.
    pub fn get(&self, message: MessageId) -> Option<&Message> {
        self.waiting.get(&message)
    }

    pub(crate) fn post(&mut self, message: Message, at: Moment) {
        let index = match self.last {
            Some(last) if last.position == at.position => last.index + 1,
            Some(_) | None => 0,
        };
        let id = MessageId { position: at.position, index };
        self.last = Some(id);
        self.waiting.insert(id, message);
    }

    pub(crate) fn answered(&mut self, message: MessageId) {
        self.waiting.remove(&message);
    }
}
