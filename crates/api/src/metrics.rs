//! Counters and gauges in the Prometheus text format.
//!
//! What a request counts is resolved ahead, per route, so that counting is a few atomic additions. What the node says
//! of itself is read when somebody asks. Labels are bounded: routes, statuses and codes are ours, never a client's text.

mod events;

use crate::events::EventTraffic;
use events::EventGauges;
use node::NodeStatus;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::time::Duration;

/// Upper ends of the duration buckets, in seconds.
const BUCKETS_S: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabels {
    method: String,
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CodeLabels {
    code: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FollowerLabels {
    follower: String,
}

/// Everything that is measured here.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram>,
    orders: Family<CodeLabels, Counter>,
    refusals: Family<CodeLabels, Counter>,
    /// Orders that were taken, resolved ahead.
    pub(crate) orders_accepted: Counter,
    /// Access records that were left out because there were too many.
    pub(crate) access_suppressed: Counter,
    /// Event streams that are open.
    pub(crate) streams: Gauge,
    /// Stream clients that were too slow and were dropped.
    pub(crate) streams_lagged: Counter,
    /// Connections that are open.
    pub(crate) connections: Gauge,
    node: NodeGauges,
    /// Registered only where there is something to say.
    events: EventGauges,
    /// Registered only where traces are told.
    #[cfg(feature = "gateway")]
    pub(crate) traces: crate::traced::TraceGauges,
}

#[derive(Default)]
struct NodeGauges {
    position: Gauge,
    waiting: Gauge,
    waiting_max: Gauge,
    leading: Gauge,
    halted: Gauge,
    clock_jumps: Gauge,
    follower_lag: Family<FollowerLabels, Gauge>,
    follower_failed: Family<FollowerLabels, Gauge>,
}

/// The counters of one route.
pub(crate) struct RouteMetrics {
    /// By class of status, from 1xx to 5xx.
    by_class: [Counter; 5],
    duration: Histogram,
}

impl RouteMetrics {
    /// Counts one answered request.
    pub(crate) fn answered(&self, status: u16, took: Duration) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        self.by_class[class].inc();
        self.duration.observe(took.as_secs_f64());
    }
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS_S)
}

impl Metrics {
    pub(crate) fn new(events: Option<&dyn EventTraffic>) -> Self {
        let orders = Family::<CodeLabels, Counter>::default();
        let accepted = CodeLabels { code: "accepted".to_owned() };
        let mut metrics = Self {
            registry: Registry::default(),
            requests: Family::default(),
            durations: Family::new_with_constructor(histogram as fn() -> Histogram),
            orders_accepted: orders.get_or_create_owned(&accepted),
            orders,
            refusals: Family::default(),
            access_suppressed: Counter::default(),
            streams: Gauge::default(),
            streams_lagged: Counter::default(),
            connections: Gauge::default(),
            node: NodeGauges::default(),
            events: EventGauges::default(),
            #[cfg(feature = "gateway")]
            traces: crate::traced::TraceGauges::default(),
        };
        metrics.register();
        if let Some(events) = events {
            metrics.events.register(&mut metrics.registry, events);
        }
        metrics
    }

    /// With what becomes of traces.
    #[cfg(feature = "gateway")]
    pub(crate) fn with_traces(mut self) -> Self {
        self.traces.register(&mut self.registry);
        self
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("http_requests", "Requests answered, by class of status", self.requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "From the request's head to the answer's",
            self.durations.clone(),
        );
        registry.register("orders", "Orders placed, by outcome", self.orders.clone());
        registry.register("refusals", "Refusals, by code", self.refusals.clone());
        registry.register(
            "access_records_suppressed",
            "Refused requests that were counted but not put on record, because there were too many",
            self.access_suppressed.clone(),
        );
        registry.register("http_connections", "Open connections", self.connections.clone());
        registry.register("event_streams", "Open event streams", self.streams.clone());
        registry.register(
            "event_streams_lagged",
            "Event streams that were dropped because their client was too slow",
            self.streams_lagged.clone(),
        );
        self.node.register(registry);
    }

    /// The counters of a route.
    pub(crate) fn route(&self, method: &str, route: &str) -> RouteMetrics {
        let by_class = ["1xx", "2xx", "3xx", "4xx", "5xx"].map(|status| {
            let (method, route) = (method.to_owned(), route.to_owned());
            self.requests.get_or_create_owned(&RequestLabels { method, route, status })
        });
        let labels = RouteLabels { method: method.to_owned(), route: route.to_owned() };
        RouteMetrics { by_class, duration: self.durations.get_or_create_owned(&labels) }
    }

    /// Counts a refusal. `code` must be one of ours.
    pub(crate) fn refused(&self, code: &str) {
        self.refusals.get_or_create(&CodeLabels { code: code.to_owned() }).inc();
    }

    /// Counts an order that was not taken. `code` must be one of ours.
    pub(crate) fn order_refused(&self, code: &str) {
        self.orders.get_or_create(&CodeLabels { code: code.to_owned() }).inc();
    }

    /// All of it as text.
    pub(crate) fn text(&self, status: &NodeStatus, events: Option<&dyn EventTraffic>) -> String {
        self.node.set(status);
        if let Some(events) = events {
            self.events.set(status, events);
        }
        let mut text = String::new();
        text::encode(&mut text, &self.registry).expect("a string takes everything");
        text
    }
}

/// Gauges have a sign.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl NodeGauges {
    fn register(&self, registry: &mut Registry) {
        registry.register("node_position", "The last durable position", self.position.clone());
        registry.register("node_waiting", "Commands that wait for an answer", self.waiting.clone());
        registry.register("node_waiting_max", "How many may wait", self.waiting_max.clone());
        registry.register(
            "node_leading",
            "1 while the node leads its shard, 0 on a standby",
            self.leading.clone(),
        );
        registry.register("node_halted", "1 once the node has stopped after a failure", self.halted.clone());
        registry.register("node_clock_jumps", "How often the clock jumped", self.clock_jumps.clone());
        registry.register(
            "follower_lag_records",
            "Records that a follower has not seen yet",
            self.follower_lag.clone(),
        );
        registry.register(
            "follower_failed",
            "1 once a follower has stopped after a failure",
            self.follower_failed.clone(),
        );
    }

    fn set(&self, status: &NodeStatus) {
        self.position.set(signed(status.durable_position));
        self.waiting.set(i64::try_from(status.waiting).unwrap_or(i64::MAX));
        self.waiting_max.set(i64::try_from(status.waiting_max).unwrap_or(i64::MAX));
        self.leading.set(i64::from(status.leading));
        self.halted.set(i64::from(status.halted.is_some()));
        self.clock_jumps.set(signed(status.clock_jumps));
        for follower in &status.followers {
            let labels = FollowerLabels { follower: follower.name.to_owned() };
            let lag = (status.durable_position + 1).saturating_sub(follower.next_position);
            self.follower_lag.get_or_create(&labels).set(signed(lag));
            self.follower_failed.get_or_create(&labels).set(i64::from(follower.failed.is_some()));
        }
    }
}
