//! Messages to contexts in other nodes, kept until they are answered (C5), and when their silence is worth an alert (C9).
//!
//! The outbox follows from the events: it is rebuilt by applying them, and nothing in it is written by itself. When and
//! how often a message is sent again is a node's business, and so is to send it no sooner than the record that posted
//! it is durable. Nothing is ever dropped unanswered; the engine takes no new orders while the outbox is full.

use minicbor::{Decode, Encode};
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use crate::command::Command;
use crate::event::FlowEvent;
use crate::message::{Context, Message, MessageId};
use vocabulary::{Moment, Timestamp};

/// How long a message may stay unanswered before people are told, and how often they are told about one context.
pub const ALERT_NS: u64 = 60_000_000_000;
/// With so many unanswered messages, no new orders are taken. Bounds memory when a context cannot be reached.
pub const UNANSWERED_MAX: usize = 200_000;

/// A message that has not been answered.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Unanswered {
    /// What it says.
    #[n(0)]
    pub body: Message,
    /// When it was posted.
    #[n(1)]
    pub since: Timestamp,
    /// Every earlier message to the same context was answered when this one was posted.
    #[n(2)]
    pub answered_below: MessageId,
}

impl Unanswered {
    /// The command that hands it, whose id is `message`, to the node of its receiver.
    pub fn delivery(&self, message: MessageId) -> Command {
        let Self { body, answered_below, .. } = self.clone();
        Command::Deliver { message, body: Box::new(body), answered_below }
    }
}

/// The messages for one context.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
struct Lane {
    #[n(0)]
    waiting: BTreeMap<MessageId, Unanswered>,
    /// The last message that an alert has told of, and when.
    #[n(1)]
    alerted: Option<(MessageId, Timestamp)>,
}

impl Lane {
    /// The messages that no alert has told of, oldest first.
    fn not_alerted(&self) -> impl Iterator<Item = (&MessageId, &Unanswered)> {
        let after = self.alerted.map_or(Unbounded, |(message, _)| Excluded(message));
        self.waiting.range((after, Unbounded))
    }

    fn next_alert(&self) -> Option<Timestamp> {
        let (_, oldest) = self.not_alerted().next()?;
        let since = self.alerted.map_or(oldest.since, |(_, told)| told.max(oldest.since));
        Some(since.plus_ns(ALERT_NS))
    }

    fn alert(&self, context: Context, at: Moment) -> Option<FlowEvent> {
        if self.next_alert()? >= at.time {
            return None;
        }
        let mut late =
            self.not_alerted().take_while(|(_, message)| message.since.plus_ns(ALERT_NS) < at.time);
        let (first, oldest) = late.next()?;
        let (last, more) = late.fold((first, 0), |(_, more), (message, _)| (message, more + 1));
        Some(FlowEvent::MessagesUnanswered {
            context,
            first: *first,
            last: *last,
            since: oldest.since,
            count: more + 1,
        })
    }
}

/// Unanswered messages.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Outbox {
    #[n(0)]
    lanes: BTreeMap<Context, Lane>,
    #[n(1)]
    last: Option<MessageId>,
}

impl Outbox {
    /// What has not been answered, by receiver and for each oldest first.
    pub fn waiting(&self) -> impl Iterator<Item = (&MessageId, &Unanswered)> {
        self.lanes.values().flat_map(|lane| &lane.waiting)
    }

    /// What one context has not answered of all that was posted after `after`, oldest first.
    pub fn waiting_for(
        &self,
        context: Context,
        after: Option<MessageId>,
    ) -> impl Iterator<Item = (&MessageId, &Unanswered)> {
        let after = after.map_or(Unbounded, Excluded);
        self.lanes.get(&context).into_iter().flat_map(move |lane| lane.waiting.range((after, Unbounded)))
    }

    /// The message of that id, if it is not answered.
    pub fn get(&self, message: MessageId) -> Option<&Unanswered> {
        self.lanes.values().find_map(|lane| lane.waiting.get(&message))
    }

    /// Whether a message is unanswered that the record at that position has caused.
    pub fn waits_since(&self, position: u64) -> bool {
        let of = |index| MessageId { position, index, from: Context::Trading };
        let first_of_next = MessageId { position: position + 1, ..of(0) };
        self.lanes.values().any(|lane| lane.waiting.range(of(0)..first_of_next).next().is_some())
    }

    /// Number of unanswered messages.
    pub fn len(&self) -> usize {
        self.lanes.values().map(|lane| lane.waiting.len()).sum()
    }

    /// Whether all is answered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn post(&mut self, from: Context, body: Message, at: Moment) {
        let index = match self.last {
            Some(last) if last.position == at.position => last.index + 1,
            Some(_) | None => 0,
        };
        let id = MessageId { position: at.position, index, from };
        self.last = Some(id);
        let lane = self.lanes.entry(body.to()).or_default();
        let answered_below = lane.waiting.first_key_value().map_or(id, |(oldest, _)| *oldest);
        lane.waiting.insert(id, Unanswered { body, since: at.time, answered_below });
    }

    pub(crate) fn answered(&mut self, message: MessageId) {
        let answered = self.lanes.values_mut().find_map(|lane| lane.waiting.remove(&message));
        assert!(answered.is_some(), "message {message} is answered once");
    }

    /// When somebody must be told of silence.
    pub(crate) fn next_alert(&self) -> Option<Timestamp> {
        self.lanes.values().filter_map(Lane::next_alert).min()
    }

    /// One alert for each context that has been silent for too long.
    pub(crate) fn alerts(&self, at: Moment) -> impl Iterator<Item = FlowEvent> {
        self.lanes.iter().filter_map(move |(context, lane)| lane.alert(*context, at))
    }

    pub(crate) fn alerted(&mut self, context: Context, last: MessageId, at: Moment) {
        self.lanes.entry(context).or_default().alerted = Some((last, at.time));
    }
}
