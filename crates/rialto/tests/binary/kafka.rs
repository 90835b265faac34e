//! Services of their own that publish their events on Kafka. Needs PostgreSQL and Kafka (`scripts/kafka-install`).

use crate::cluster::{Cluster, SERVICES, Service};
use crate::load::{await_that, away_for};
use crate::server::{printed, run};
use crate::services::trade;
use bus::{Feed, KafkaSettings, Next, Place, Received, Unusable, publications_of};
use engine::{Context, Hosts};
use node::journal::{JournalReader, first_position};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use store::postgres::PostgresReader;
use testbed::{Collector, Kafka, ToldSpan};

/// Everything that lies there, as it lies.
fn published(kafka: &Kafka) -> Result<Vec<Received>, Unusable> {
    let settings = KafkaSettings { brokers: kafka.addresses(), replicas: 1 };
    let mut feed = Feed::open(&settings, &Context::ALL)?;
    let mut all = Vec::new();
    loop {
        match feed.next(Duration::from_millis(200))? {
            Next::Event(received) => all.push(*received),
            Next::End => return Ok(all),
            Next::Nothing => {}
        }
    }
}

/// What a service's journal says is to be published.
fn to_publish(service: &Service) -> BTreeSet<(Context, Place)> {
    let context: Context = service.name.parse().unwrap();
    let reader = PostgresReader::open(&service.url.parse().unwrap(), 0).unwrap();
    let mut all = BTreeSet::new();
    let mut next = first_position(0);
    loop {
        let batches = reader.read_from(next, 1 << 20).unwrap();
        if batches.is_empty() {
            return all;
        }
        for batch in &batches {
            for framed in batch.unframe() {
                let (position, body) = framed.unwrap();
                let record = node::decode_record(position, body).unwrap();
                let publications = publications_of(&record, Hosts::only(&[context]));
                all.extend(publications.iter().map(|one| (one.context, one.place())));
                next = position + 1;
            }
        }
    }
}

/// Waits until Kafka holds what the journals say, each once.
fn await_all_published(cluster: &Cluster, kafka: &Kafka) -> Vec<Received> {
    let expected: BTreeSet<_> = cluster.services.iter().flat_map(to_publish).collect();
    let all = await_that("all events to be on Kafka", || {
        let all = published(kafka).ok()?;
        (all.len() >= expected.len()).then_some(all)
    });
    let place =
        |one: &Received| (one.context, Place { position: one.event.position, index: one.event.index });
    let places: BTreeSet<_> = all.iter().map(place).collect();
    assert_eq!(places, expected);
    assert_eq!(all.len(), expected.len(), "each is there once");
    all
}

#[test]
fn con_3_fault_6_every_event_is_on_kafka_once_whoever_is_killed_and_orders_do_not_wait_for_it() {
    let mut kafka = Kafka::start(1).unwrap();
    let cluster = Cluster::with_kafka(&kafka);
    trade(&cluster.gateway);
    let clients = cluster.clients();
    // Whoever relays is killed under load.
    for name in ["trading", "settlement", "compliance"] {
        let service = cluster.service(name);
        let leader = service.leader();
        clients.under_load(&format!("the leader of {name} is killed while it publishes and reads"), || {
            clients.await_more(20);
            service.replicas[leader].running.write().unwrap().kill();
            assert_ne!(service.leader(), leader, "{name}");
            service.restart(leader);
            clients.await_more(20);
        });
    }
    cluster.calm();
    await_all_published(&cluster, &kafka);
    // Kafka is away: the relay says so, and orders go on.
    let auditor = cluster.token("auditor-1", "auditor");
    let gauge = |name: &str| {
        let trading = cluster.service("trading");
        let (_, text) = trading.replicas[trading.leader()].running.read().unwrap().get(&auditor, "/metrics");
        let line = text.as_str().unwrap().lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()
    };
    kafka.kill(0).unwrap();
    let away = Instant::now();
    let given_up = clients.under_load("Kafka is away", || {
        clients.await_more(50);
        await_that("the relay to say that Kafka is away", || (gauge("relay_waiting ") == 1).then_some(()));
        let trading = cluster.service("trading");
        let leader = trading.leader();
        let mut running = trading.replicas[leader].running.write().unwrap();
        assert_eq!(running.terminate(), Some(0), "{}", running.log());
        drop(running);
        trading.restart(leader);
        clients.await_more(50);
        await_that("the next one to say the same", || (gauge("relay_waiting ") == 1).then_some(()));
        std::thread::sleep(away_for().saturating_sub(away.elapsed()));
    });
    assert_eq!(given_up, 0, "orders do not need Kafka");
    let away = away.elapsed();
    kafka.restart(0).unwrap();
    let back = Instant::now();
    let has_caught_up = || gauge("relay_waiting ") == 0 && gauge("relay_lag_records ") == 0;
    await_that("the relay to have caught up", || has_caught_up().then_some(()));
    let caught_up = back.elapsed();
    clients.assert_sound();
    let all = await_all_published(&cluster, &kafka);
    await_reconciled(&cluster, &all);
    eprintln!(
        "fault: Kafka was away for {:.0} s: trading's {} events were all there {:.1} s after it was back",
        away.as_secs_f32(),
        all.iter().filter(|one| one.context == Context::Trading).count(),
        caught_up.as_secs_f32()
    );
    // As people look at it.
    let (brokers, created) = (kafka.addresses(), "OrderCreated");
    let said = printed(&run(&["events", "--brokers", &brokers, "--service", "trading", "--event", created]));
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), all.iter().filter(|one| one.name == created).count());
    assert!(lines.len() > clients.count(), "every order that was acknowledged, and those of before");
    let key = lines[0]["key"].as_str().unwrap();
    let life = printed(&run(&["events", "--brokers", &brokers, "--key", key]));
    for service in SERVICES {
        assert!(life.contains(&format!("{{\"service\":\"{service}\"")), "{service}: {life}");
    }
    if let Some(python) = std::env::var_os("RIALTO_EXAMPLE_PYTHON") {
        assert_example_reads(Path::new(&python), &brokers, &all);
    }
    cluster.verify();
}

/// Every service that reads events has read each once, and has on record itself what trading says.
fn await_reconciled(cluster: &Cluster, all: &[Received]) {
    let auditor = cluster.token("auditor-1", "auditor");
    let readers: [(_, _, &[Context]); 3] = [
        ("settlement", "OrderExecuted", &[Context::Trading]),
        ("risk", "OrderCreated", &[Context::Trading]),
        ("compliance", "OrderCreated", &Context::ALL),
    ];
    for (service, subject, sources) in readers {
        let mut counts = BTreeMap::<(String, String), u64>::new();
        for one in all.iter().filter(|one| sources.contains(&one.context)) {
            *counts.entry((one.context.to_string(), one.name.clone())).or_default() += 1;
        }
        let matched = counts[&("trading".to_owned(), subject.to_owned())];
        assert!(matched > 20, "{service}: {counts:?}");
        let path = format!("/{service}/reconciliation");
        let report = await_that("everything to be reconciled", || {
            let (status, report) = cluster.gateway.get(&auditor, &path);
            (status == 200 && report["open"] == 0 && report["matched"] == matched).then_some(report)
        });
        assert_eq!(report["items"], json!([]));
        let count = |one: &Value| {
            let text = |name: &str| one[name].as_str().unwrap().to_owned();
            ((text("service"), text("event")), one["count"].as_u64().unwrap())
        };
        let events = report["events"].as_array().unwrap().iter().map(count);
        assert_eq!(events.collect::<BTreeMap<_, _>>(), counts, "{service} has read each event once");
        let service = cluster.service(service);
        let leader = service.replicas[service.leader()].running.read().unwrap();
        let line = format!("reconciliation_matched {matched}");
        await_that("the metrics to say so", || {
            let (_, text) = leader.get(&auditor, "/metrics");
            text.as_str().unwrap().lines().any(|one| one == line).then_some(())
        });
    }
    let (status, problem) = cluster.gateway.get(&auditor, "/trading/reconciliation");
    assert_eq!((status, &problem["code"]), (404, &json!("request.not-found")));
}

/// Another program, in another language, reads the same.
fn assert_example_reads(python: &Path, brokers: &str, all: &[Received]) {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/kafka/consume.py");
    let read = Command::new(python).arg(example).args(["--brokers", brokers]).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let lines = String::from_utf8(read.stdout).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // In the JSON of protobuf, 64 bits are text, and 0 is left out.
    let number = |value: &Value| value.as_str().unwrap_or("0").parse::<u64>().unwrap();
    let told: BTreeSet<(String, u64, u64, String)> = lines
        .iter()
        .map(|line| {
            let index = line["index"].as_u64().unwrap_or_default();
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            (text("topic"), number(&line["position"]), index, text("event"))
        })
        .collect();
    let written = |one: &Received| {
        (bus::topic_of(one.context), one.event.position, u64::from(one.event.index), one.name.clone())
    };
    assert_eq!(told, all.iter().map(written).collect());
}

#[test]
fn obs_2_what_goes_over_kafka_is_in_the_traces_of_its_orders_and_every_cause_is_told() {
    let (kafka, collector) = (Kafka::start(1).unwrap(), Collector::start().unwrap());
    let cluster = Cluster::with_kafka_and_collector(&kafka, &collector);
    trade(&cluster.gateway);
    cluster.calm();
    let all = await_all_published(&cluster, &kafka);
    await_reconciled(&cluster, &all);
    let count = |told: &[ToldSpan], service: &str, name: &str| {
        told.iter().filter(|told| told.service == service && told.span.name == name).count()
    };
    let executed = all.iter().filter(|event| event.name == "OrderExecuted").count();
    let created = all.iter().filter(|event| event.name == "OrderCreated").count();
    await_that("all of it to be told, and every cause with it", || {
        let told = collector.told();
        let is_whole = count(&told, "trading", "publish trading-events OrderExecuted") == executed
            && count(&told, "compliance", "publish compliance-events OrderChecked") > 20
            && count(&told, "settlement", "reconcile trading-events OrderExecuted") == executed
            && count(&told, "risk", "reconcile trading-events OrderCreated") == created;
        (is_whole && has_all_causes(&told)).then_some(())
    });
    cluster.verify();
}

/// Whether every span's parent is in its trace. Each span is there once.
fn has_all_causes(told: &[ToldSpan]) -> bool {
    let spans = || told.iter().map(|told| &told.span);
    let mut ids = BTreeSet::new();
    for span in spans() {
        assert!(ids.insert((&span.trace_id, &span.span_id)), "told twice: {span:?}");
    }
    spans()
        .all(|span| span.parent_span_id.is_empty() || ids.contains(&(&span.trace_id, &span.parent_span_id)))
}
