//! How far the relay has come, which Kafka itself remembers.
//!
//! Now and then the relay commits, as a consumer would, how far each partition reached when everything up to some position
//! of the journal was written; the position stands beside it. A relay that begins reads on from there and finds what was
//! written after the mark. Invariant: everything up to the mark's position lies below the mark's offsets. Without a mark, all
//! that the topics hold is looked at, and the journal is gone through from its beginning: rather again than not at all.

use crate::publish::Place;
use crate::topics::{KafkaSettings, PATIENCE, Quiet, Unusable, client, topic_of};
use engine::{Context, Hosts};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Header with the name of the event.
pub(crate) const EVENT: &str = "rialto-event";
/// Header with the W3C trace context.
pub(crate) const TRACE: &str = "traceparent";
/// Header with the number of the shard.
pub(crate) const SHARD: &str = "rialto-shard";
/// Header with the position of the record.
pub(crate) const POSITION: &str = "rialto-position";
/// Header with the number of the event in the record.
pub(crate) const INDEX: &str = "rialto-index";

/// How long nothing may come while a partition is read to its end.
const SILENCE: Duration = Duration::from_secs(10);

/// A partition of a context's topic.
pub(crate) type Partition = (Context, i32);

/// What was written before.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Relayed {
    /// Everything up to this position is.
    pub(crate) up_to: Option<u64>,
    /// What lies in each partition after that: up to this place.
    pub(crate) last: BTreeMap<Partition, Place>,
}

impl Relayed {
    /// Whether that one is there already.
    pub(crate) fn holds(&self, partition: Partition, place: Place) -> bool {
        self.last.get(&partition).is_some_and(|last| place <= *last)
    }
}

/// Reads and sets the mark.
pub(crate) struct Marks {
    consumer: BaseConsumer<Quiet>,
    shard: u16,
    partitions: BTreeMap<Context, u32>,
    /// The offset after what is known to be written, of each partition.
    ends: BTreeMap<Partition, i64>,
}

impl Marks {
    pub(crate) fn open(
        settings: &KafkaSettings,
        hosts: Hosts,
        shard: u16,
        partitions: BTreeMap<Context, u32>,
    ) -> Result<Self, Unusable> {
        let mut config = client(settings);
        config.set("group.id", format!("rialto-relay-{}-{shard}", name_of(hosts)));
        config.set("enable.auto.commit", "false").set("enable.partition.eof", "true");
        let consumer = config.create_with_context(Quiet)?;
        Ok(Self { consumer, shard, partitions, ends: BTreeMap::new() })
    }

    /// What was written before.
    pub(crate) fn read(&mut self) -> Result<Relayed, Unusable> {
        let mut relayed = Relayed::default();
        let mut positions = Vec::new();
        for (context, partitions) in self.partitions.clone() {
            let topic = topic_of(context);
            let mut asked = TopicPartitionList::new();
            for partition in 0..number(partitions) {
                asked.add_partition(&topic, partition);
            }
            let mut from = BTreeMap::new();
            for mark in self.consumer.committed_offsets(asked, PATIENCE)?.elements() {
                let offset = mark.offset().to_raw().filter(|offset| *offset >= 0);
                from.insert(mark.partition(), offset.zip(mark.metadata().parse().ok()));
            }
            positions.extend(self.scan(context, &topic, from, &mut relayed)?);
        }
        // Where one partition has no mark, there is none: all are set together.
        relayed.up_to = positions.into_iter().min().flatten();
        Ok(relayed)
    }

    /// Reads a topic from its marks, offset and position, to its end. Says the position of each mark that is good.
    fn scan(
        &mut self,
        context: Context,
        topic: &str,
        from: BTreeMap<i32, Option<(i64, u64)>>,
        relayed: &mut Relayed,
    ) -> Result<Vec<Option<u64>>, Unusable> {
        let (mut assignment, mut positions) = (TopicPartitionList::new(), Vec::new());
        for (partition, mark) in from {
            let (low, high) = self.consumer.fetch_watermarks(topic, partition, PATIENCE)?;
            self.ends.insert((context, partition), high);
            // A mark beyond the end is of a topic that was deleted, with all that it held.
            let mark = mark.filter(|(offset, _)| *offset <= high);
            positions.push(mark.map(|(_, position)| position));
            let begin = mark.map_or(low, |(offset, _)| offset).max(low);
            if begin < high {
                assignment.add_partition_offset(topic, partition, Offset::Offset(begin))?;
            }
        }
        let mut unread: BTreeSet<i32> = assignment.elements().iter().map(|part| part.partition()).collect();
        self.consumer.assign(&assignment)?;
        let mut heard = Instant::now();
        while !unread.is_empty() {
            match self.consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    if let Some(place) = place_of(&message, self.shard) {
                        let last = relayed.last.entry((context, message.partition())).or_insert(place);
                        *last = place.max(*last);
                    }
                }
                // Again and again, if somebody else writes there.
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    unread.remove(&partition);
                }
                Some(Err(error)) => tracing::debug!(%error, topic, "reading on"),
                None => {}
            }
            if heard.elapsed() > SILENCE {
                return Err(Unusable::Unread(topic.to_owned()));
            }
        }
        self.consumer.unassign()?;
        Ok(positions)
    }

    /// Notes what was written since.
    pub(crate) fn written(&mut self, ends: BTreeMap<Partition, i64>) {
        self.ends.extend(ends);
    }

    /// Marks that everything up to a position is written. Whether Kafka has noted it is not waited for: the last mark
    /// that it has noted is good.
    pub(crate) fn set(&self, position: u64) -> Result<(), Unusable> {
        let mut mark = TopicPartitionList::new();
        for ((context, partition), end) in &self.ends {
            let mut element = mark.add_partition(&topic_of(*context), *partition);
            element.set_offset(Offset::Offset(*end))?;
            element.set_metadata(position.to_string());
        }
        self.consumer.commit(&mark, CommitMode::Async)?;
        // What became of the last one.
        while self.consumer.poll(Duration::ZERO).is_some() {}
        Ok(())
    }
}

fn name_of(hosts: Hosts) -> String {
    let names: Vec<String> =
        Context::ALL.into_iter().filter(|context| hosts.has(*context)).map(|c| c.to_string()).collect();
    names.join("-")
}

/// Kafka counts partitions with a sign.
pub(crate) fn number(partition: u32) -> i32 {
    i32::try_from(partition).expect("few partitions")
}

/// Where a message of the shard stands.
fn place_of(message: &BorrowedMessage<'_>, shard: u16) -> Option<Place> {
    let headers = message.headers()?;
    let header = |name: &str| {
        let value = headers.iter().find(|header| header.key == name)?.value?;
        std::str::from_utf8(value).ok()?.parse::<u64>().ok()
    };
    (header(SHARD)? == u64::from(shard)).then_some(())?;
    Some(Place { position: header(POSITION)?, index: u32::try_from(header(INDEX)?).ok()? })
}
