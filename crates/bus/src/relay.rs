//! Brings events from the journal to Kafka.
//!
//! The journal is the outbox: whoever leads reads it from where the last one stopped and writes what it finds, chunk by
//! chunk, each one acknowledged by all in-sync copies before the next. Invariant: within a partition the events of a shard
//! are in the order of the journal, and none is left out. Two who believe to lead may write the same one; its place tells
//! that it is the same. When Kafka is away the relay tries on and on; nobody waits for it.

use crate::partition::partition_of;
use crate::publish::{Publication, publications_of};
use crate::relayed::{self, Marks, Partition, Relayed};
use crate::status::RelayStatus;
use crate::topics::{KafkaSettings, Quiet, Unusable, client, ensure, topic_of};
use crate::witness::{Passing, Witness};
use crate::worker::{Stop, Worker};
use engine::{Context, Hosts};
use node::decode_record;
use node::journal::{JournalReader, first_position};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How much of the journal is written at once, in bytes of it.
const CHUNK_BYTES: usize = 512 * 1024;
/// How often it is looked whether there is more: what comes meanwhile goes out together, which spares the brokers a request,
/// and three copies of it, for every few events.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often it is looked whether what was handed over is written.
const POLL: Duration = Duration::from_millis(5);
/// How long it waits before it tries again.
const PAUSE: Duration = Duration::from_millis(500);
/// How often it notes how far it is, while it goes on.
const MARK_EVERY: Duration = Duration::from_secs(1);
/// How often it notes it when nothing has come: Kafka forgets in days.
const MARK_ANYWAY: Duration = Duration::from_secs(3_600);

/// Brings events to Kafka. `durable` says up to where the journal may be read while this process leads, and nothing while it
/// does not; `status` is told how it goes, and `witness`, if there is one, of each event. What is not written when it is stopped is written by whoever leads next.
///
/// # Errors
/// When the system gives no thread.
pub fn relay(
    settings: KafkaSettings,
    reader: Box<dyn JournalReader>,
    hosts: Hosts,
    durable: impl Fn() -> Option<u64> + Send + 'static,
    status: Arc<RelayStatus>,
    witness: Option<Arc<dyn Witness>>,
) -> io::Result<Worker> {
    Worker::start("relay", move |stop| {
        Relaying { settings, reader, hosts, durable, status, witness, stop }.run();
    })
}

struct Relaying<D> {
    settings: KafkaSettings,
    reader: Box<dyn JournalReader>,
    hosts: Hosts,
    durable: D,
    status: Arc<RelayStatus>,
    witness: Option<Arc<dyn Witness>>,
    stop: Stop,
}

impl<D: Fn() -> Option<u64>> Relaying<D> {
    fn run(&self) {
        while !self.is_stopping() {
            let went = if (self.durable)().is_some() { self.relay() } else { Ok(()) };
            // One who is not to go on any more is not in trouble.
            if let Err(trouble) = went
                && !self.is_over()
            {
                let trouble = trouble.to_string();
                if self.status.is_in_trouble(Some(trouble.clone())) {
                    tracing::warn!(
                        trouble,
                        relayed = self.status.relayed_position(),
                        "events wait for Kafka"
                    );
                }
            }
            thread::sleep(PAUSE);
        }
    }

    fn is_stopping(&self) -> bool {
        self.stop.is_told()
    }

    fn is_over(&self) -> bool {
        self.is_stopping() || (self.durable)().is_none()
    }

    /// Goes on until this process does not lead any more.
    fn relay(&self) -> Result<(), Unusable> {
        let partitions = ensure(&self.settings, self.hosts)?;
        let mut marks = Marks::open(&self.settings, self.hosts, self.reader.shard(), partitions.clone())?;
        let relayed = marks.read()?;
        let mut next = relayed.up_to.map_or(first_position(self.reader.shard()), |position| position + 1);
        // Beyond the mark some may be there and some not: there is no new mark before all of that is passed.
        let patchy = relayed.last.values().map(|place| place.position).max().unwrap_or_default();
        let line = Line::open(&self.settings, partitions, relayed)?;
        tracing::info!(from = next, "events go to Kafka");
        let (mut marked, mut marked_at) = (next, Instant::now());
        while let (Some(durable), false) = ((self.durable)(), self.is_stopping()) {
            let before = next;
            if next <= durable {
                next = self.relay_chunk(next, durable, &line, &mut marks)?;
            }
            self.is_well();
            // While it is behind by more than a chunk it does not wait.
            if next > durable || next == before {
                thread::sleep(LOOK_EVERY);
            }
            let since = marked_at.elapsed();
            let is_time = since >= MARK_ANYWAY || (since >= MARK_EVERY && next > marked);
            if is_time && next > patchy {
                marks.set(next - 1)?;
                (marked, marked_at) = (next, Instant::now());
            }
        }
        Ok(())
    }

    fn is_well(&self) {
        if self.status.is_in_trouble(None) {
            tracing::info!(relayed = self.status.relayed_position(), "Kafka takes events again");
        }
    }

    /// Writes what begins at `next`, and says what comes after it.
    fn relay_chunk(
        &self,
        mut next: u64,
        durable: u64,
        line: &Line,
        marks: &mut Marks,
    ) -> Result<u64, Unusable> {
        let unreadable =
            |error: &dyn std::fmt::Display| Unusable::NotWritten(format!("the journal: {error}"));
        let batches = self.reader.read_from(next, CHUNK_BYTES).map_err(|error| unreadable(&error))?;
        let (mut published, mut passing) = (0, Vec::new());
        for batch in &batches {
            for framed in batch.unframe() {
                let (position, body) = framed.map_err(|error| unreadable(&error))?;
                if position < next || position > durable {
                    continue;
                }
                let record = decode_record(position, body).map_err(|error| unreadable(&error))?;
                for publication in publications_of(&record, self.hosts) {
                    let is_new = line.send(&publication)?;
                    published += u64::from(is_new);
                    let has_thread = record.request.has_thread()
                        || publication.event.correlation_id != record.request.correlation.to_string();
                    if is_new && has_thread && self.witness.is_some() {
                        passing.push(Passing::of(&publication));
                    }
                }
                next = position + 1;
            }
        }
        marks.written(line.await_all(|| self.is_over())?);
        self.status.reached(next - 1, published);
        if let Some(witness) = &self.witness {
            passing.iter().for_each(|event| witness.published(event));
        }
        Ok(next)
    }
}

/// A connection that events go out by.
struct Line {
    producer: BaseProducer<Deliveries>,
    partitions: BTreeMap<Context, u32>,
    relayed: Relayed,
}

impl Line {
    fn open(
        settings: &KafkaSettings,
        partitions: BTreeMap<Context, u32>,
        relayed: Relayed,
    ) -> Result<Self, Unusable> {
        let mut config = client(settings);
        // Nothing out of order, nothing twice, and nothing that only one broker has.
        config.set("enable.idempotence", "true").set("acks", "all");
        config.set("message.timeout.ms", "10000").set("compression.type", "lz4");
        // Long enough that a chunk goes out in one request to each broker: each costs as much as some fifty events.
        config.set("linger.ms", "20");
        let producer = config.create_with_context(Deliveries::default())?;
        Ok(Self { producer, partitions, relayed })
    }

    /// Hands over an event. False if it was written before.
    fn send(&self, publication: &Publication) -> Result<bool, Unusable> {
        let (context, place, key) = (publication.context, publication.place(), &publication.event.key);
        let partitions = self.partitions.get(&context).copied().unwrap_or(1);
        let partition = relayed::number(partition_of(key.as_bytes(), partitions));
        if self.relayed.holds((context, partition), place) {
            return Ok(false);
        }
        let (topic, payload) = (topic_of(context), publication.payload());
        let mut record = BaseRecord::with_opaque_to(&topic, Box::new((context, partition)))
            .partition(partition)
            .key(key.as_str())
            .payload(&payload)
            .headers(headers_of(publication));
        loop {
            match self.producer.send(record) {
                Ok(()) => {
                    self.producer.context().handed_over();
                    return Ok(true);
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                    self.hear();
                    record = again;
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }

    /// Waits until all that was handed over is written; says where each partition ends then.
    fn await_all(&self, is_over: impl Fn() -> bool) -> Result<BTreeMap<Partition, i64>, Unusable> {
        loop {
            let (waiting, failed) = self.producer.context().state();
            if let Some(why) = failed {
                return Err(Unusable::NotWritten(why));
            }
            if waiting == 0 {
                return Ok(self.producer.context().take_ends());
            }
            if is_over() {
                return Err(Unusable::NotWritten("this process does not lead any more".to_owned()));
            }
            self.hear();
        }
    }

    /// Waits a moment, and hears what has become of events. Waiting inside of `poll` would be busy for its last millisecond.
    fn hear(&self) {
        thread::sleep(POLL);
        let waiting = || self.producer.context().state().0;
        loop {
            // Each poll hears of one partition.
            let before = waiting();
            self.producer.poll(Duration::ZERO);
            if waiting() == before {
                return;
            }
        }
    }
}

fn headers_of(publication: &Publication) -> OwnedHeaders {
    let place = publication.place();
    let texts = [
        (relayed::EVENT, publication.name.to_owned()),
        (relayed::SHARD, publication.event.shard.to_string()),
        (relayed::POSITION, place.position.to_string()),
        (relayed::INDEX, place.index.to_string()),
        (relayed::TRACE, publication.traceparent()),
    ];
    texts.iter().fold(OwnedHeaders::new_with_capacity(texts.len()), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(value) })
    })
}

/// What became of what was handed over.
#[derive(Default)]
struct Deliveries(Mutex<Delivered>);

#[derive(Default)]
struct Delivered {
    waiting: u64,
    failed: Option<String>,
    ends: BTreeMap<Partition, i64>,
}

impl Deliveries {
    fn with<T>(&self, look: impl FnOnce(&mut Delivered) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn handed_over(&self) {
        self.with(|delivered| delivered.waiting += 1);
    }

    fn state(&self) -> (u64, Option<String>) {
        self.with(|delivered| (delivered.waiting, delivered.failed.clone()))
    }

    fn take_ends(&self) -> BTreeMap<Partition, i64> {
        self.with(|delivered| std::mem::take(&mut delivered.ends))
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Quiet.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        Quiet.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Partition>;

    fn delivery(&self, result: &DeliveryResult<'_>, partition: Box<Partition>) {
        self.with(|delivered| {
            delivered.waiting -= 1;
            match result {
                Ok(message) => {
                    let end = delivered.ends.entry(*partition).or_default();
                    *end = (*end).max(message.offset() + 1);
                }
                Err((error, _)) => {
                    delivered.failed.get_or_insert_with(|| error.to_string());
                }
            }
        });
    }
}
