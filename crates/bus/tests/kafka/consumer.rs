//! Reads all that the topics hold, as any other program would, and asks how the topics are.

use bus::{Feed, KafkaSettings, Next, Received, topic_of};
use engine::Context;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, TopicPartitionList};
use std::time::{Duration, Instant};
use testbed::Kafka;

const PATIENCE: Duration = Duration::from_secs(60);

/// All there is, each partition in its order.
pub(crate) fn consume(kafka: &Kafka) -> Vec<Received> {
    let settings = KafkaSettings { brokers: kafka.addresses(), replicas: 1 };
    let mut feed = Feed::open(&settings, &Context::ALL).unwrap();
    let (mut consumed, deadline) = (Vec::new(), Instant::now() + PATIENCE);
    loop {
        assert!(Instant::now() < deadline, "the topics do not come to their end");
        match feed.next(Duration::from_millis(100)).unwrap() {
            Next::Event(received) => consumed.push(*received),
            Next::End => return consumed,
            Next::Nothing => {}
        }
    }
}

/// The position that a relay of all contexts has marked last.
pub(crate) fn mark(kafka: &Kafka, shard: u16) -> Option<u64> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.addresses());
    config.set("group.id", format!("rialto-relay-trading-settlement-risk-compliance-{shard}"));
    let consumer: BaseConsumer = config.create().unwrap();
    let mut asked = TopicPartitionList::new();
    asked.add_partition("trading-events", 0);
    let marks = consumer.committed_offsets(asked, PATIENCE).ok()?;
    marks.elements().first()?.metadata().parse().ok()
}

/// Deletes all topics, as somebody might by mistake.
pub(crate) fn delete_topics(kafka: &Kafka) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.addresses());
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let topics = Context::ALL.map(topic_of);
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for deleted in runtime.block_on(admin.delete_topics(&topics, &AdminOptions::new())).unwrap() {
        deleted.unwrap();
    }
}

/// Of the topic of trading: how long it keeps what it has, how many copies there must be, and its partitions.
pub(crate) fn retention_and_copies(kafka: &Kafka) -> (String, String, usize) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.addresses());
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let asked = [ResourceSpecifier::Topic("trading-events")];
    let told = runtime.block_on(admin.describe_configs(&asked, &AdminOptions::new())).unwrap();
    let config = told.into_iter().next().unwrap().unwrap();
    let value = |name: &str| config.entry_map()[name].value.clone().unwrap();
    let metadata = admin.inner().fetch_metadata(Some("trading-events"), PATIENCE).unwrap();
    let partitions = metadata.topics()[0].partitions().len();
    (value("retention.ms"), value("min.insync.replicas"), partitions)
}
