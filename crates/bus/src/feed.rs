//! Reads events from Kafka, as they were published.
//!
//! Invariant: what is read of a partition is in its order. The same event may come again, when two relays believed to lead:
//! [`Seen`](crate::Seen) tells. Deliberately absent: where a reader has stopped, which only it can keep together with what it has done.

use crate::schema::Event;
use crate::topics::{KafkaSettings, PATIENCE, Quiet, Unusable, client, topic_of};
use engine::Context;
use prost::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// An event as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// Whose topic.
    pub context: Context,
    /// Which partition of it.
    pub partition: i32,
    /// Where in it.
    pub offset: i64,
    /// Name of the event, such as `OrderExecuted`.
    pub name: String,
    /// W3C trace context.
    pub traceparent: String,
    /// The event.
    pub event: Event,
}

/// What a look for more comes to.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// One more.
    Event(Box<Received>),
    /// Every partition was read to its end, for the first time or again.
    End,
    /// Nothing came.
    Nothing,
}

/// Reads the topics of some contexts.
pub struct Feed {
    consumers: Vec<(Context, BaseConsumer<Quiet>)>,
    /// Partitions that have not come to their end.
    unread: BTreeSet<(Context, i32)>,
    turn: usize,
}

impl Feed {
    /// Begins at the beginning.
    ///
    /// # Errors
    /// [`Unusable`] when the brokers do not answer, or a topic is not there.
    pub fn open(settings: &KafkaSettings, contexts: &[Context]) -> Result<Self, Unusable> {
        Self::open_at(settings, contexts, &BTreeMap::new())
    }

    /// Begins at these offsets, and where there is none or nothing lies at it, at the beginning.
    ///
    /// # Errors
    /// As [`Feed::open`].
    pub fn open_at(
        settings: &KafkaSettings,
        contexts: &[Context],
        offsets: &BTreeMap<(Context, i32), i64>,
    ) -> Result<Self, Unusable> {
        let (mut consumers, mut unread) = (Vec::new(), BTreeSet::new());
        for context in contexts {
            let mut config = client(settings);
            // It joins no group and commits nothing; librdkafka wants a name all the same.
            config.set("group.id", "rialto-feed").set("enable.auto.commit", "false");
            config.set("enable.partition.eof", "true").set("auto.offset.reset", "earliest");
            // What comes within half a second comes in one request: each costs as much as some fifty events.
            config.set("fetch.min.bytes", "65536").set("fetch.wait.max.ms", "500");
            let consumer: BaseConsumer<Quiet> = config.create_with_context(Quiet)?;
            let topic = topic_of(*context);
            let metadata = consumer.fetch_metadata(Some(&topic), PATIENCE)?;
            let described = metadata.topics().first();
            let partitions = described.map_or(&[][..], |topic| topic.partitions());
            if partitions.is_empty() {
                return Err(Unusable::NoSuchTopic(topic));
            }
            let mut all = TopicPartitionList::new();
            for partition in partitions {
                let place = (*context, partition.id());
                let offset = offsets.get(&place).map_or(Offset::Beginning, |offset| Offset::Offset(*offset));
                all.add_partition_offset(&topic, partition.id(), offset)?;
                unread.insert(place);
            }
            consumer.assign(&all)?;
            consumers.push((*context, consumer));
        }
        Ok(Self { consumers, unread, turn: 0 })
    }

    /// Waits so long for more, at most.
    ///
    /// # Errors
    /// [`Unusable::Foreign`] when something else than an event comes. When brokers are away, nothing comes.
    pub fn next(&mut self, patience: Duration) -> Result<Next, Unusable> {
        let turns = self.consumers.len();
        let mut each = Duration::ZERO;
        for tried in 0..2 * turns {
            if tried == turns {
                // Nobody had something at once.
                each = patience / u32::try_from(turns).unwrap_or(1);
            }
            let (context, consumer) = &self.consumers[self.turn % turns];
            match consumer.poll(each) {
                Some(Ok(message)) => return Ok(Next::Event(Box::new(received(*context, &message)?))),
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    self.unread.remove(&(*context, partition));
                    if self.unread.is_empty() {
                        return Ok(Next::End);
                    }
                }
                Some(Err(error)) => tracing::debug!(%error, "reading on"),
                None => self.turn += 1,
            }
        }
        Ok(Next::Nothing)
    }
}

fn received(context: Context, message: &BorrowedMessage<'_>) -> Result<Received, Unusable> {
    let foreign = || Unusable::Foreign {
        topic: topic_of(context),
        partition: message.partition(),
        offset: message.offset(),
    };
    let header = |name: &str| {
        let found = message.headers()?.iter().find(|header| header.key == name)?.value?;
        String::from_utf8(found.to_vec()).ok()
    };
    let event = Event::decode(message.payload().unwrap_or_default()).map_err(|_| foreign())?;
    Ok(Received {
        context,
        partition: message.partition(),
        offset: message.offset(),
        name: header(crate::relayed::EVENT).ok_or_else(foreign)?,
        traceparent: header(crate::relayed::TRACE).ok_or_else(foreign)?,
        event,
    })
}
