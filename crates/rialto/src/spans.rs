//! What requests and records of this process are, told to a collector of traces.

use api::{AnsweredRequest, RequestTraces, TraceFigure};
use bus::{Passing, Witness};
use engine::{Context, span_id};
use node::NodeHandle;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::runtime::Handle;
use traces::{Kind, RecordSpans, Span, TraceSettings, Traces, event_span_id, request_span_id};
use vocabulary::CorrelationId;

use crate::cli::Failure;

/// Traces of a process.
#[derive(Clone)]
pub(crate) struct Spans {
    pub(crate) traces: Traces,
    /// None for the gateway.
    service: Option<Context>,
    /// The node whose records are told of.
    node: Arc<OnceLock<NodeHandle>>,
}

impl Spans {
    /// Begins. `instance` is where the process is found.
    pub(crate) fn start(
        settings: &TraceSettings,
        service: Option<Context>,
        instance: &str,
        runtime: &Handle,
    ) -> Result<Self, Failure> {
        let name = service.map_or_else(|| "gateway".to_owned(), |service| service.to_string());
        let traces = Traces::start(settings, &name, instance, runtime);
        let traces = traces.map_err(|error| Failure::Misuse(format!("traces.endpoint: {error}")))?;
        Ok(Self { traces, service, node: Arc::default() })
    }

    /// Who reads along and tells of records from that position on, once it is known of which node.
    pub(crate) fn follower(&self, next_position: u64) -> Option<RecordSpans> {
        let (traces, node) = (self.traces.clone(), Arc::clone(&self.node));
        self.service.map(|service| RecordSpans::new(traces, service, node, next_position))
    }

    /// The node whose records these are.
    pub(crate) fn are_of(&self, node: NodeHandle) {
        // It is said once.
        let _ = self.node.set(node);
    }

    /// An event on its way over Kafka is caused by its record, at whichever service.
    fn tell_passing(&self, event: &Passing, kind: Kind, what: &str) {
        let Some((service, thread)) = self.service.zip(event.thread.parse().ok()) else { return };
        if !self.traces.wants(thread) {
            return;
        }
        let record = span_id(event.context, event.place.position);
        self.traces.tell(Span {
            thread,
            id: event_span_id(record, event.place.index, service, kind),
            parent: Some(record),
            name: format!("{what} {}-events {}", event.context, event.name),
            kind,
            began_ns: nanoseconds(event.since),
            ended_ns: nanoseconds(SystemTime::now()),
            has_failed: false,
            attributes: vec![("messaging.system", "kafka".to_owned())],
        });
    }
}

impl RequestTraces for Spans {
    fn wants(&self, thread: CorrelationId) -> bool {
        self.traces.wants(thread)
    }

    fn answered(&self, request: AnsweredRequest) {
        let AnsweredRequest { thread, span, parent, name, is_command, status, began, ended } = request;
        // Records name the request that they came with by this.
        let of_command = self.service.filter(|_| is_command).map(|service| request_span_id(service, thread));
        self.traces.tell(Span {
            thread,
            id: of_command.unwrap_or(span),
            parent,
            name,
            kind: Kind::Server,
            began_ns: nanoseconds(began),
            ended_ns: nanoseconds(ended),
            has_failed: status >= 500,
            attributes: vec![("http.response.status_code", status.to_string())],
        });
    }

    fn figure(&self) -> TraceFigure {
        let traces::Figures { exported, dropped, .. } = self.traces.figures();
        TraceFigure { exported, dropped }
    }
}

impl Witness for Spans {
    fn published(&self, event: &Passing) {
        self.tell_passing(event, Kind::Producer, "publish");
    }

    fn consumed(&self, event: &Passing) {
        self.tell_passing(event, Kind::Consumer, "reconcile");
    }
}

fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    u64::try_from(since).unwrap_or(u64::MAX)
}
