//! Gauges of what goes to Kafka and comes from there.

use super::signed;
use crate::events::{EventTraffic, ReconciliationFigure, RelayFigure};
use node::NodeStatus;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Default)]
pub(super) struct EventGauges {
    relay: RelayGauges,
    reconciliation: ReconciliationGauges,
}

#[derive(Default)]
struct RelayGauges {
    position: Gauge,
    lag: Gauge,
    published: Gauge,
    waiting: Gauge,
}

#[derive(Default)]
struct ReconciliationGauges {
    matched: Gauge,
    open: Gauge,
    contradictions: Gauge,
    oldest: Gauge,
    waiting: Gauge,
}

impl EventGauges {
    pub(super) fn register(&self, registry: &mut Registry, events: &dyn EventTraffic) {
        self.relay.register(registry);
        if events.reconciliation().is_some() {
            self.reconciliation.register(registry);
        }
    }

    pub(super) fn set(&self, status: &NodeStatus, events: &dyn EventTraffic) {
        self.relay.set(status, events.relay());
        if let Some(figure) = events.reconciliation() {
            self.reconciliation.set(status, figure);
        }
    }
}

impl RelayGauges {
    fn register(&self, registry: &mut Registry) {
        let all = [
            (
                "relay_position",
                "Everything up to this position is published, as far as this process knows",
                &self.position,
            ),
            (
                "relay_lag_records",
                "Durable records whose events are not published yet; 0 on a standby",
                &self.lag,
            ),
            ("relay_published", "Events that this process has published since it began", &self.published),
            ("relay_waiting", "1 while events wait because Kafka does not take them", &self.waiting),
        ];
        all.into_iter().for_each(|(name, help, gauge)| registry.register(name, help, gauge.clone()));
    }

    fn set(&self, status: &NodeStatus, relay: RelayFigure) {
        let lag = status.durable_position.saturating_sub(relay.relayed_position);
        // Before it has looked where its last one stopped, it knows of nothing.
        let is_known = status.leading && relay.relayed_position > 0;
        self.position.set(signed(relay.relayed_position));
        self.lag.set(if is_known { signed(lag) } else { 0 });
        self.published.set(signed(relay.published));
        self.waiting.set(i64::from(relay.is_waiting));
    }
}

impl ReconciliationGauges {
    fn register(&self, registry: &mut Registry) {
        let all = [
            (
                "reconciliation_matched",
                "What trading has published and this service has recorded alike",
                &self.matched,
            ),
            (
                "reconciliation_open",
                "What only one of them has stated, or both unlike; 0 on a standby",
                &self.open,
            ),
            (
                "reconciliation_contradictions",
                "Of these, what both have stated, unlike",
                &self.contradictions,
            ),
            ("reconciliation_oldest_open_seconds", "How long the oldest of these is open", &self.oldest),
            (
                "reconciliation_waiting",
                "1 while events cannot be read, or what came of them not be kept",
                &self.waiting,
            ),
        ];
        all.into_iter().for_each(|(name, help, gauge)| registry.register(name, help, gauge.clone()));
    }

    fn set(&self, status: &NodeStatus, figure: ReconciliationFigure) {
        // One that has led does not know what the next one has found.
        let figure = if status.leading { figure } else { ReconciliationFigure::default() };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let age = figure.since_ns.map_or(0, |since| now.saturating_sub(since / 1_000_000_000));
        self.matched.set(signed(figure.matched));
        self.open.set(signed(figure.open));
        self.contradictions.set(signed(figure.contradictions));
        self.oldest.set(signed(age));
        self.waiting.set(i64::from(figure.is_waiting));
    }
}
