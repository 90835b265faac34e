//! What happens to an order in all the processes of a cluster is one trace. Needs PostgreSQL installed.

use crate::cluster::{Cluster, ORDERS, SERVICES};
use crate::load::await_that;
use crate::server::Server;
use std::collections::{BTreeMap, BTreeSet};
use testbed::{Collector, ToldSpan};

const TRACE: u128 = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c;
/// Of whoever sends the order.
const SENDER: u64 = 0xb7ad_6b71_6920_3331;

fn trace_of(collector: &Collector) -> Vec<ToldSpan> {
    let all = collector.told().into_iter();
    all.filter(|told| told.span.trace_id == TRACE.to_be_bytes()).collect()
}

/// The chain of spans from one to the one that nothing here has caused, by service and name.
fn chain(trace: &[ToldSpan], from: &ToldSpan) -> Vec<String> {
    let mut chain = Vec::new();
    let mut next = Some(from);
    while let Some(told) = next {
        chain.push(format!("{}: {}", told.service, told.span.name));
        next = trace.iter().find(|other| other.span.span_id == told.span.parent_span_id);
    }
    chain
}

#[test]
fn obs_2_an_order_is_one_trace_through_every_process() {
    let collector = Collector::start().unwrap();
    let cluster = Cluster::with_collector(&collector);
    cluster.gateway.open_market();
    let trader = cluster.token("ann", "trader");
    let sent_within = format!("00-{TRACE:032x}-{SENDER:016x}-01");
    let (header, order) = (Some(("traceparent", sent_within.as_str())), Server::order("traced").to_string());
    let (status, answer) = cluster.gateway.headed(&trader, header, "POST", ORDERS, Some(&order));
    assert_eq!(status, 201, "{answer}");
    assert_eq!(answer["correlation"], format!("{TRACE:032x}"), "the trace is the thread: {answer}");
    cluster.calm();
    let trace = await_that("the order's trace", || {
        let trace = trace_of(&collector);
        let services: BTreeSet<&str> = trace.iter().map(|told| told.service.as_str()).collect();
        let is_decision = |told: &ToldSpan| {
            told.service == "trading"
                && told.attribute("rialto.position") == Some(answer["position"].to_string())
        };
        let requests = trace.iter().filter(|told| told.span.name == "POST /trading/orders").count();
        let is_whole = services.len() == SERVICES.len() + 1 && requests == 2 && trace.iter().any(is_decision);
        is_whole.then_some(trace)
    });

    let mut count = BTreeMap::new();
    trace.iter().for_each(|told| *count.entry(&told.span.span_id).or_insert(0) += 1);
    assert!(count.values().all(|count| *count == 1), "only the leader tells of a record: {trace:#?}");
    let named = |service: &str, name: &str| {
        let found = trace.iter().find(|told| told.service == service && told.span.name == name);
        found.unwrap_or_else(|| panic!("no {name} of {service}: {trace:#?}"))
    };
    let first = named("gateway", "POST /trading/orders");
    assert_eq!(first.span.parent_span_id, SENDER.to_be_bytes());
    let way =
        ["trading: trading PlaceOrder", "trading: POST /trading/orders", "gateway: POST /trading/orders"];
    for (service, name) in [("compliance", "Check"), ("risk", "Hold"), ("settlement", "Hold")] {
        let asked = chain(&trace, named(service, &format!("{service} {name}")));
        assert_eq!(asked[0], format!("{service}: {service} {name}"));
        assert_eq!(asked[1..], way);
    }
    for told in &trace {
        let chain = chain(&trace, told);
        assert_eq!(chain.last().unwrap(), way[2], "everything comes from the request: {chain:?}");
        assert!(told.span.end_time_unix_nano >= told.span.start_time_unix_nano);
    }
    assert!(
        !collector.told().iter().any(|told| told.span.name.contains("readyz")),
        "which is asked all the time"
    );
    let auditor = cluster.token("auditor-1", "auditor");
    let (_, metrics) = cluster.gateway.get(&auditor, "/metrics");
    assert!(metrics.as_str().unwrap().contains("traces_dropped 0"), "{metrics}");
    cluster.verify();
}

#[test]
fn obs_2_orders_do_not_need_the_collector() {
    let mut collector = Collector::start().unwrap();
    let cluster = Cluster::with_collector(&collector);
    cluster.gateway.open_market();
    let clients = cluster.clients();
    let auditor = cluster.token("auditor-1", "auditor");
    let dropped = || {
        let (_, metrics) = cluster.gateway.get(&auditor, "/metrics");
        let line =
            metrics.as_str().unwrap().lines().find(|line| line.starts_with("traces_dropped ")).unwrap();
        line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()
    };
    let given_up = clients.under_load("the collector of traces is away", || {
        clients.await_more(20);
        collector.stop();
        await_that("spans to be dropped", || (dropped() > 0).then_some(()));
        clients.await_more(20);
        let before = collector.told().len();
        collector.restart().unwrap();
        await_that("spans to be told again", || (collector.told().len() > before).then_some(()));
    });
    assert_eq!(given_up, 0);
    clients.assert_sound();
    cluster.verify();
}
