//! Kafka's topics: what they are called, how they are made, and how to reach the brokers.

use engine::{Context, Hosts};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::collections::BTreeMap;
use std::time::Duration;

/// Partitions of each topic (CON-3).
const PARTITIONS: i32 = 10;
/// So many copies must have an event before it counts as written (CON-3).
const IN_SYNC_MIN: u16 = 2;
/// How long events stay: seven days, in milliseconds (CON-3).
const RETENTION_MS: &str = "604800000";
/// How long Kafka may take for an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Which Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSettings {
    /// Where some of its brokers are: `host:port`, with commas between.
    pub brokers: String,
    /// Copies of each topic that is made.
    pub replicas: u16,
}

/// Kafka cannot be used now.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// In its own words.
    #[error("Kafka: {0}")]
    Kafka(#[from] KafkaError),
    /// A topic cannot be made.
    #[error("Kafka: topic {topic} cannot be made: {code}")]
    NoTopic {
        /// Which.
        topic: String,
        /// Why.
        code: RDKafkaErrorCode,
    },
    /// A topic is not there: no relay has begun yet, or these are other brokers.
    #[error("Kafka: there is no topic {0}")]
    NoSuchTopic(String),
    /// Somebody else has written to a topic of ours.
    #[error("Kafka: what lies at {topic}, partition {partition}, offset {offset} is no event of Rialto")]
    Foreign {
        /// Which.
        topic: String,
        /// Which part of it.
        partition: i32,
        /// Where in it.
        offset: i64,
    },
    /// Nobody can say how far the relay had come.
    #[error("Kafka: {0} cannot be read to its end")]
    Unread(String),
    /// An event was not taken.
    #[error("Kafka: an event was not written: {0}")]
    NotWritten(String),
}

/// The topic of a context's events.
pub fn topic_of(context: Context) -> String {
    format!("{context}-events")
}

/// What librdkafka has to say goes to the log of this process, quietly: the relay says itself when it cannot go on.
#[derive(Clone, Copy)]
pub(crate) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, message, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka");
    }
}

impl ConsumerContext for Quiet {}

/// What every client needs.
pub(crate) fn client(settings: &KafkaSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &settings.brokers).set("client.id", "rialto");
    config.set("reconnect.backoff.max.ms", "1000").set("log.connection.close", "false");
    config
}

/// Makes the topics of those contexts, as far as they are not there. Says how many partitions each has.
pub(crate) fn ensure(settings: &KafkaSettings, hosts: Hosts) -> Result<BTreeMap<Context, u32>, Unusable> {
    let admin: AdminClient<DefaultClientContext> = client(settings).create()?;
    let contexts: Vec<Context> = Context::ALL.into_iter().filter(|context| hosts.has(*context)).collect();
    let names: Vec<String> = contexts.iter().map(|context| topic_of(*context)).collect();
    let in_sync = settings.replicas.min(IN_SYNC_MIN).to_string();
    let topics: Vec<NewTopic<'_>> = names
        .iter()
        .map(|name| {
            NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(settings.replicas.into()))
                .set("min.insync.replicas", &in_sync)
                .set("retention.ms", RETENTION_MS)
                .set("cleanup.policy", "delete")
        })
        .collect();
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
    for made in runtime.block_on(admin.create_topics(&topics, &options))? {
        match made {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(Unusable::NoTopic { topic, code }),
        }
    }
    contexts
        .into_iter()
        .zip(&names)
        .map(|(context, name)| {
            let metadata = admin.inner().fetch_metadata(Some(name), PATIENCE)?;
            let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
            match u32::try_from(partitions) {
                Ok(partitions) if partitions > 0 => Ok((context, partitions)),
                // It was made, and not every broker knows yet.
                _ => Err(Unusable::Unread(name.clone())),
            }
        })
        .collect()
}
