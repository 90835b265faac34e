//! Messages of other nodes that were answered here, so that one that comes again gets the same answer and changes
//! nothing (B2), however late it comes.
//!
//! The sender says with each message below which id it has recorded every answer. What lies below is forgotten, and a
//! straggler from there is not looked at any more. Invariant: a message takes effect once. The exception is bounded: of
//! one sender at most [`REMEMBERED_MAX`] are remembered, and what goes before its time is left to the participants,
//! whose holds and tombstones tell a repetition for a minute.

use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

use crate::message::{Answer, Context, MessageId, shard_of};
use vocabulary::{Moment, planted};

/// How many answers to one sender are remembered at most.
const REMEMBERED_MAX: usize = 100_000;

/// The messages of one shard of one context for another context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
struct Stream {
    #[n(0)]
    from: Context,
    #[n(1)]
    shard: u16,
    #[n(2)]
    to: Context,
}

impl Stream {
    fn of(message: MessageId, to: Context) -> Self {
        Self { from: message.from, shard: shard_of(message.position), to }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
struct Answered {
    /// The sender has recorded every answer below.
    #[n(0)]
    below: Option<MessageId>,
    /// Where each other one is recorded, and what it was answered.
    #[n(1)]
    given: BTreeMap<MessageId, (u64, Answer)>,
}

/// The answers that their senders may not know yet.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct Inbox {
    #[n(0)]
    streams: BTreeMap<Stream, Answered>,
}

/// What is known of a message that comes again.
#[derive(Debug, PartialEq)]
pub(crate) enum Seen {
    /// It was answered so, in the record at that position.
    Answered(u64, Answer),
    /// Its sender has recorded the answer, whatever it was.
    Over,
}

impl Inbox {
    pub(crate) fn look_up(&self, message: MessageId, to: Context) -> Option<Seen> {
        let stream = self.streams.get(&Stream::of(message, to))?;
        if stream.below.is_some_and(|below| message < below) {
            return Some(Seen::Over);
        }
        stream.given.get(&message).map(|(position, answer)| Seen::Answered(*position, answer.clone()))
    }

    /// Folds in an answer. One that says to ask again is not an answer yet.
    pub(crate) fn remember(
        &mut self,
        message: MessageId,
        to: Context,
        below: MessageId,
        answer: &Answer,
        at: Moment,
    ) {
        let stream = self.streams.entry(Stream::of(message, to)).or_default();
        stream.below = stream.below.max(Some(below));
        if *answer != Answer::Later && !planted!("inbox-forgets") {
            stream.given.insert(message, (at.position, answer.clone()));
        }
        while stream
            .given
            .first_key_value()
            .is_some_and(|(oldest, _)| Some(*oldest) < stream.below || stream.given.len() > REMEMBERED_MAX)
        {
            stream.given.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(position: u64) -> MessageId {
        MessageId { position, index: 0, from: Context::Trading }
    }

    fn at(position: u64) -> Moment {
        Moment { position, ..Moment::default() }
    }

    #[test]
    fn b2_an_answer_is_remembered_until_its_sender_has_recorded_it() {
        let mut inbox = Inbox::default();
        inbox.remember(message(1), Context::Risk, message(1), &Answer::Yes, at(7));
        inbox.remember(message(2), Context::Risk, message(1), &Answer::Later, at(8));
        assert_eq!(inbox.look_up(message(1), Context::Risk), Some(Seen::Answered(7, Answer::Yes)));
        assert_eq!(inbox.look_up(message(2), Context::Risk), None, "it is to be decided again");
        assert_eq!(inbox.look_up(message(1), Context::Settlement), None, "another context, another stream");
        inbox.remember(message(3), Context::Risk, message(2), &Answer::Yes, at(9));
        assert_eq!(inbox.look_up(message(1), Context::Risk), Some(Seen::Over));
        assert_eq!(inbox.streams.values().map(|stream| stream.given.len()).sum::<usize>(), 1);
    }

    #[test]
    fn shards_of_one_context_are_told_apart() {
        let mut inbox = Inbox::default();
        let other = MessageId { position: (1 << 48) | 1, ..message(1) };
        inbox.remember(message(1), Context::Risk, message(1), &Answer::Yes, at(1));
        assert_eq!(inbox.look_up(other, Context::Risk), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut inbox = Inbox::default();
        for position in 0..=REMEMBERED_MAX as u64 {
            inbox.remember(message(position), Context::Risk, message(0), &Answer::Yes, at(position));
        }
        assert_eq!(inbox.look_up(message(0), Context::Risk), None);
        assert!(inbox.look_up(message(1), Context::Risk).is_some());
    }
}
