//! The relay against real brokers. Needs Kafka: `scripts/kafka-tests` fetches it and runs these.
#![cfg(feature = "kafka")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod consumer;
mod journal;

use bus::{KafkaSettings, Place, Received, RelayStatus, Seen, Worker, partition_of};
use consumer::{consume, delete_topics, mark, retention_and_copies};
use engine::{Context, Hosts, span_id};
use journal::Journal;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use testbed::Kafka;

/// How long the relay may take for anything here.
const PATIENCE: Duration = Duration::from_secs(120);

/// A relay of a journal, which leads until it is told otherwise.
struct Running {
    relay: Worker,
    status: Arc<RelayStatus>,
    leads: Arc<AtomicBool>,
}

impl Running {
    fn start(kafka: &Kafka, replicas: u16, journal: &Journal) -> Self {
        let settings = KafkaSettings { brokers: kafka.addresses(), replicas };
        let (status, leads) = (Arc::new(RelayStatus::default()), Arc::new(AtomicBool::new(true)));
        let (at, led) = (journal.clone(), Arc::clone(&leads));
        let durable = move || led.load(Ordering::Acquire).then(|| at.last());
        let reader = Box::new(journal.clone());
        let relay = bus::relay(settings, reader, Hosts::ALL, durable, Arc::clone(&status), None).unwrap();
        Self { relay, status, leads }
    }

    fn await_position(&self, position: u64) {
        await_that(&format!("position {position} on Kafka"), || self.status.relayed_position() >= position);
    }

    fn stop(self) {
        self.relay.stop();
    }
}

fn await_that(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn of_shard<'a>(consumed: &'a [Received], journal: &Journal) -> impl Iterator<Item = &'a Received> {
    let shard = u32::from(journal.number());
    consumed.iter().filter(move |received| received.event.shard == shard)
}

/// Everything once, and in every partition in the order of the journal. Of the events of one shard.
fn assert_whole(consumed: &[Received], journal: &Journal) {
    let mut last: BTreeMap<(Context, i32), Place> = BTreeMap::new();
    let mut places = Vec::new();
    for Received { context, partition, event, .. } in of_shard(consumed, journal) {
        let place = Place { position: event.position, index: event.index };
        let before = last.insert((*context, *partition), place);
        assert!(before < Some(place), "{place:?} after {before:?}");
        places.push(place);
    }
    places.sort_unstable();
    assert_eq!(places, journal.places(), "everything is there once");
}

#[test]
fn con_3_every_event_is_published_once_and_in_order_whoever_leads() {
    let kafka = Kafka::start(1).unwrap();
    let (journal, other) = (Journal::new(0), Journal::new(1));
    journal.write(700);
    other.write(50);
    // One that stops in the middle, over and over, before and after a mark.
    for round in 0..6_u64 {
        let running = Running::start(&kafka, 1, &journal);
        running.await_position(journal.first() + 100 * round);
        if round % 2 == 0 {
            running.leads.store(false, Ordering::Release);
        }
        running.stop();
        journal.write(200);
    }
    // One that begins at a mark, at which everything before it ends.
    let running = Running::start(&kafka, 1, &journal);
    running.await_position(journal.last());
    await_that("the mark", || mark(&kafka, 0) == Some(journal.last()));
    running.stop();
    journal.write(10);
    // Another shard writes to the same topics.
    let (running, beside) = (Running::start(&kafka, 1, &journal), Running::start(&kafka, 1, &other));
    running.await_position(journal.last());
    beside.await_position(other.last());
    for _ in 0..5 {
        journal.write(30);
        other.write(30);
        running.await_position(journal.last());
        beside.await_position(other.last());
    }
    assert_eq!(running.status.trouble(), None);
    running.stop();
    beside.stop();
    // One that begins again has nothing to add.
    let again = Running::start(&kafka, 1, &journal);
    journal.write(1);
    again.await_position(journal.last());
    again.stop();
    let consumed = consume(&kafka);
    assert_whole(&consumed, &journal);
    assert_whole(&consumed, &other);
    let mut seen = Seen::default();
    for received in &consumed {
        assert_eq!(u32::try_from(received.partition), Ok(partition_of(received.event.key.as_bytes(), 10)));
        let event = &received.event;
        let span = span_id(received.context, event.position);
        assert_eq!(received.traceparent, format!("00-{}-{span:016x}-01", event.correlation_id));
        assert!(seen.is_new(received.context, received.partition, &received.event));
    }
    assert!(
        consumed.iter().all(|received| !seen.is_new(received.context, received.partition, &received.event)),
        "what comes again is told"
    );
    let executed = consumed.iter().filter(|received| received.name == "OrderExecuted").count();
    assert_eq!(executed, 2 * (journal.trades() + other.trades()), "one for each side");
    assert_eq!(retention_and_copies(&kafka), ("604800000".to_owned(), "1".to_owned(), 10));
}

#[test]
fn con_3_one_that_stops_while_it_finds_out_what_is_there_leaves_no_false_mark() {
    let kafka = Kafka::start(1).unwrap();
    let journal = Journal::new(0);
    journal.write(3_000);
    // Everything is there, and there is no mark at its end yet.
    let first = Running::start(&kafka, 1, &journal);
    first.await_position(journal.last());
    first.stop();
    // It passes what is there so slowly that it is time for a mark in the middle, and stops.
    journal.slow(true);
    let slow = Running::start(&kafka, 1, &journal);
    slow.await_position(journal.first() + 2_000);
    slow.stop();
    journal.slow(false);
    journal.write(10);
    let last = Running::start(&kafka, 1, &journal);
    last.await_position(journal.last());
    last.stop();
    assert_whole(&consume(&kafka), &journal);
}

#[test]
fn con_3_topics_that_were_deleted_are_filled_anew() {
    let kafka = Kafka::start(1).unwrap();
    let journal = Journal::new(0);
    journal.write(300);
    let running = Running::start(&kafka, 1, &journal);
    running.await_position(journal.last());
    await_that("the mark", || mark(&kafka, 0) == Some(journal.last()));
    running.stop();
    delete_topics(&kafka);
    journal.write(10);
    let running = Running::start(&kafka, 1, &journal);
    running.await_position(journal.last());
    running.stop();
    assert_whole(&consume(&kafka), &journal);
}

#[test]
fn fault_6_brokers_die_one_and_all_and_nothing_is_lost_or_out_of_order() {
    let mut kafka = Kafka::start(3).unwrap();
    let journal = Journal::new(0);
    journal.write(300);
    let running = Running::start(&kafka, 3, &journal);
    running.await_position(journal.last());
    assert_eq!(retention_and_copies(&kafka).1, "2", "min.insync.replicas");
    // One of three: it goes on.
    kafka.kill(0).unwrap();
    journal.write(300);
    running.await_position(journal.last());
    kafka.restart(0).unwrap();
    // All three while it writes: it waits, says so, and goes on by itself.
    journal.write(2_000);
    for broker in 0..3 {
        kafka.kill(broker).unwrap();
    }
    journal.write(500);
    await_that("the relay to say that Kafka is away", || running.status.trouble().is_some());
    assert!(running.status.relayed_position() < journal.last());
    for broker in 0..3 {
        kafka.spawn(broker).unwrap();
    }
    running.await_position(journal.last());
    await_that("the relay to be well again", || running.status.trouble().is_none());
    running.stop();
    assert_whole(&consume(&kafka), &journal);
}
