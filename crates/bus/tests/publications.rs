//! What is published of a trading day with everything in it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../views/tests/market/mod.rs"]
mod market;

use bus::schema::{self, event::What};
use bus::{Place, Publication, publications_of};
use engine::{Context, Event, FlowEvent, Hosts, Record, span_id};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use vocabulary::{CorrelationId, OrderId};

fn published(records: &[Record], hosts: Hosts) -> Vec<Publication> {
    records.iter().flat_map(|record| publications_of(record, hosts)).collect()
}

/// What serde calls the event: its own name.
fn name_of(event: &Event) -> String {
    let told = serde_json::to_value(event).unwrap();
    told.as_object().unwrap().keys().next().unwrap().clone()
}

/// The messages that an event becomes.
fn copies(event: &Event) -> usize {
    match event {
        Event::Trading(trading::Event::OrderExecuted(_))
        | Event::Settlement(
            settlement::Event::TradeSettled { .. } | settlement::Event::TradeRecycled { .. },
        ) => 2,
        Event::Flow(
            FlowEvent::MessageAnswered { .. }
            | FlowEvent::MessagesUnanswered { .. }
            | FlowEvent::MessageRetried { .. }
            | FlowEvent::MessageDeferred { .. },
        ) => 0,
        Event::Trading(_)
        | Event::Settlement(_)
        | Event::Risk(_)
        | Event::Compliance(_)
        | Event::Flow(_)
        | Event::Block(_) => 1,
    }
}

#[test]
fn con_3_every_event_is_published_under_its_own_name_and_topic() {
    let day = market::day::a_day();
    let mut names = BTreeSet::new();
    for record in &day.market.records {
        let events = record.events();
        let expected: Vec<(Context, String)> =
            events.iter().flat_map(|event| vec![(event.context(), name_of(event)); copies(event)]).collect();
        let all = publications_of(record, Hosts::ALL);
        let told: Vec<(Context, String)> = all.iter().map(|one| (one.context, one.name.to_owned())).collect();
        assert_eq!(told, expected);
        for (one, index) in all.iter().zip(0..) {
            assert_eq!(one.place(), Place { position: record.moment.position, index });
            assert_eq!(schema::Event::decode(&*one.payload()).unwrap(), one.event);
            assert_eq!(one.event.time_ns, record.moment.time.0);
            assert_eq!(one.event.actor, record.request.actor.to_string());
        }
        names.extend(told.into_iter().map(|(_, name)| name));
    }
    assert!(names.len() >= 50, "the day has nearly everything: {names:?}");
}

#[test]
fn a_service_publishes_what_happened_in_it_and_no_copies() {
    let records = market::day::a_day().market.records;
    let whole = published(&records, Hosts::ALL);
    let mut parts = 0;
    for context in Context::ALL {
        let own = published(&records, Hosts::only(&[context]));
        assert!(!own.is_empty() && own.iter().all(|one| one.context == context));
        parts += own.len();
    }
    assert_eq!(parts, whole.len());
}

#[test]
fn an_order_s_events_have_its_key_its_thread_and_the_order_of_its_life() {
    let day = market::day::a_day();
    let (order, all) = (day.long_lived, published(&day.market.records, Hosts::ALL));
    let of = |order: OrderId| all.iter().filter(move |one| one.event.key == order.to_string());
    let names: Vec<&str> =
        of(order).filter(|one| one.context == Context::Trading).map(|one| one.name).collect();
    assert_eq!(names[0], "OrderCreated");
    let at = |name: &str| names.iter().position(|one| *one == name).unwrap();
    assert!(
        at("OrderAccepted") < at("OrderExecuted") && at("OrderExecuted") < at("OrderReduced"),
        "{names:?}"
    );
    // What an order causes in another's record still hangs on its own thread.
    let threads: BTreeMap<&str, BTreeSet<&str>> = of(order).fold(BTreeMap::new(), |mut threads, one| {
        threads.entry(one.name).or_default().insert(&one.event.correlation_id);
        threads
    });
    let own = threads["OrderCreated"].clone();
    assert_eq!(own.len(), 1);
    for name in ["OrderExecuted", "QuotaHeld", "ExposureHeld", "ObligationRecorded", "OrderChecked"] {
        assert_eq!(threads[name], own, "{name}");
    }
}

#[test]
fn an_execution_tells_both_sides_the_same_trade() {
    let day = market::day::a_day();
    let all = published(&day.market.records, Hosts::ALL);
    let mut sides: BTreeMap<String, Vec<schema::OrderExecuted>> = BTreeMap::new();
    for one in &all {
        if let Some(What::OrderExecuted(executed)) = &one.event.what {
            assert_eq!(one.event.key, executed.order_id.to_string());
            sides.entry(executed.trade_id.clone()).or_default().push(executed.clone());
        }
    }
    let events = day.market.records.iter().flat_map(Record::events);
    let mut trades = 0;
    for event in events {
        let Event::Trading(trading::Event::OrderExecuted(trade)) = event else { continue };
        trades += 1;
        let [buy, sell] = &sides[&trade.trade.to_string()][..] else { panic!("{sides:?}") };
        assert_eq!((&*buy.side, &*sell.side), ("buy", "sell"));
        assert_eq!((buy.order_id, sell.order_id), (trade.buy.order.0, trade.sell.order.0));
        for side in [buy, sell] {
            assert_eq!((side.price, side.quantity), (trade.price.0, trade.quantity.0));
            assert_eq!(side.notional, trade.notional.0.to_string());
        }
        assert_eq!(buy.fee, trade.buy.fee.0.to_string());
        assert_eq!(
            u32::from(buy.aggressor) + u32::from(sell.aggressor),
            u32::from(trade.aggressor.is_some())
        );
    }
    assert!(trades > 3 && trades == sides.len(), "{trades} trades");
}

#[test]
fn the_thread_is_the_trace() {
    let records = market::day::a_day().market.records;
    let first = published(&records, Hosts::ALL).remove(0);
    let parts: Vec<String> = first.traceparent().split('-').map(str::to_owned).collect();
    assert_eq!(parts[1].parse::<CorrelationId>().unwrap(), records[0].request.correlation);
    let span = span_id(first.context, records[0].moment.position);
    assert_eq!(u64::from_str_radix(&parts[2], 16).unwrap(), span);
    assert_eq!((parts[0].as_str(), parts[3].as_str(), parts.len()), ("00", "01", 4));
}
