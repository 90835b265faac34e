//! What the gateway counts, in the Prometheus text format. Labels are ours: services and classes of status.

use super::PrincipalRates;
use crate::traced::{RequestTraces, TraceGauges};
use engine::Context;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::time::Duration;

/// Upper ends of the duration buckets, in seconds.
const BUCKETS_S: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ServiceLabels {
    service: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct AnswerLabels {
    service: String,
    status: &'static str,
}

/// Everything that is measured here.
#[derive(Clone)]
pub(super) struct Metrics {
    registry: std::sync::Arc<Registry>,
    requests: Family<AnswerLabels, Counter>,
    durations: Family<ServiceLabels, Histogram>,
    repeated: Family<ServiceLabels, Counter>,
    led: Family<ServiceLabels, Gauge>,
    rates_shared: Gauge,
    traces: TraceGauges,
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS_S)
}

impl Metrics {
    pub(super) fn new(rates: &PrincipalRates, is_traced: bool) -> Self {
        let (rates_shared, traces) = (Gauge::default(), TraceGauges::default());
        let requests = Family::<AnswerLabels, Counter>::default();
        let durations: Family<ServiceLabels, Histogram> =
            Family::new_with_constructor(histogram as fn() -> Histogram);
        let repeated = Family::<ServiceLabels, Counter>::default();
        let led = Family::<ServiceLabels, Gauge>::default();
        let mut registry = Registry::default();
        registry.register("gateway_requests", "Requests passed on, by class of status", requests.clone());
        registry.register("gateway_duration_seconds", "Time until the answer began", durations.clone());
        registry.register("gateway_repeated", "Requests sent again to another replica", repeated.clone());
        registry.register("gateway_service_led", "1 while a replica of the service leads", led.clone());
        if rates.shares().is_some() {
            let help = "1 while this gateway and the others tell each other what they let in";
            registry.register("gateway_rates_shared", help, rates_shared.clone());
        }
        if is_traced {
            traces.register(&mut registry);
        }
        Self { registry: registry.into(), requests, durations, repeated, led, rates_shared, traces }
    }

    pub(super) fn answered(&self, service: Context, status: u16, took: Duration) {
        let class = ["1xx", "2xx", "3xx", "4xx", "5xx"][usize::from(status / 100).clamp(1, 5) - 1];
        let service = service.to_string();
        self.requests.get_or_create(&AnswerLabels { service: service.clone(), status: class }).inc();
        self.durations.get_or_create(&ServiceLabels { service }).observe(took.as_secs_f64());
    }

    pub(super) fn repeated(&self, service: Context) {
        self.repeated.get_or_create(&ServiceLabels { service: service.to_string() }).inc();
    }

    pub(super) fn led(&self, service: Context, is_led: bool) {
        self.led.get_or_create(&ServiceLabels { service: service.to_string() }).set(is_led.into());
    }

    pub(super) fn text(&self, rates: &PrincipalRates, traces: Option<&dyn RequestTraces>) -> String {
        if let Some(traces) = traces {
            self.traces.set(traces);
        }
        self.rates_shared.set(rates.shares().unwrap_or_default().into());
        let mut text = String::new();
        text::encode(&mut text, &self.registry).expect("text is written to memory");
        text
    }
}
