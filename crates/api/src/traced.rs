//! Requests as spans of traces, where these are told to somebody.
//!
//! A trace's id is the correlation id. A request that brings no correlation id but W3C's `traceparent` takes its trace's.
//! Invariant: a request is answered the same whether it is told of or not.

use crate::correlation;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::{Router, body::Body};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use std::time::SystemTime;
use vocabulary::CorrelationId;

/// What is asked many times a second, and is about nothing.
const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
/// How many segments of a path name an operation: what follows may be somebody's id.
const SEGMENTS: usize = 2;

/// Who is told of requests.
pub trait RequestTraces: Send + Sync {
    /// Whether those of a thread are told.
    fn wants(&self, thread: CorrelationId) -> bool;

    /// Tells one that was answered.
    fn answered(&self, request: AnsweredRequest);

    /// What has become of what was told.
    fn figure(&self) -> TraceFigure;
}

/// A request that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweredRequest {
    /// Its correlation id.
    pub thread: CorrelationId,
    /// A random id for it as a span. The gateway has passed it on under this one.
    pub span: u64,
    /// The span that it was sent within, if that is known.
    pub parent: Option<u64>,
    /// Method and the beginning of its path.
    pub name: String,
    /// Whether it was to change something, and was not turned away by one who cannot lead.
    pub is_command: bool,
    /// What was answered.
    pub status: u16,
    /// When it came.
    pub began: SystemTime,
    /// When it was answered.
    pub ended: SystemTime,
}

/// What has become of spans since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceFigure {
    /// Taken by the collector.
    pub exported: u64,
    /// Dropped, since it did not take them.
    pub dropped: u64,
}

/// Gauges of it.
#[derive(Clone, Default)]
pub(crate) struct TraceGauges {
    exported: Gauge,
    dropped: Gauge,
}

impl TraceGauges {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let taken = "Spans that the collector of traces has taken";
        registry.register("traces_exported", taken, self.exported.clone());
        let lost = "Spans that were dropped because the collector did not take them";
        registry.register("traces_dropped", lost, self.dropped.clone());
    }

    pub(crate) fn set(&self, traces: &dyn RequestTraces) {
        let TraceFigure { exported, dropped } = traces.figure();
        self.exported.set(i64::try_from(exported).unwrap_or(i64::MAX));
        self.dropped.set(i64::try_from(dropped).unwrap_or(i64::MAX));
    }
}

/// Where a request is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hop {
    /// It will be passed on, within the span that it is here.
    Gateway,
    /// It is answered here.
    Service,
}

/// The router, with all its requests told but for those of probes.
pub(crate) fn traced(router: Router, hop: Hop, traces: Arc<dyn RequestTraces>) -> Router {
    router.layer(from_fn_with_state((hop, traces), tell))
}

async fn tell(
    State((hop, traces)): State<(Hop, Arc<dyn RequestTraces>)>,
    mut request: Request<Body>,
    next: Next,
) -> Response {
    if PROBES.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let headers = request.headers_mut();
    // One whose correlation id is none is refused, and has no thread.
    let Ok(taken) = correlation::taken(headers) else { return next.run(request).await };
    let thread = taken.unwrap_or_else(correlation::made);
    if !headers.contains_key(&correlation::HEADER) {
        headers.insert(&correlation::HEADER, correlation::header(thread));
    }
    if !traces.wants(thread) {
        return next.run(request).await;
    }
    let parent = parent_in(headers, thread);
    // Of the half that is taken, two bits are the same in all, and not 0.
    let span = correlation::made().0 as u64;
    if hop == Hop::Gateway {
        headers.insert(&correlation::TRACE_HEADER, correlation::trace_header(thread, span));
    }
    let (name, is_safe) = (name_of(&request), request.method().is_safe());
    let began = SystemTime::now();
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let is_command = !is_safe && status != 503;
    let ended = SystemTime::now();
    traces.answered(AnsweredRequest { thread, span, parent, name, is_command, status, began, ended });
    response
}

/// The span within which a request was sent, if it is of the same thread.
fn parent_in(headers: &HeaderMap<HeaderValue>, thread: CorrelationId) -> Option<u64> {
    correlation::trace_of(headers).filter(|(trace, _)| *trace == thread).map(|(_, span)| span)
}

fn name_of(request: &Request<Body>) -> String {
    let path = request.uri().path();
    let end = path.match_indices('/').nth(SEGMENTS).map_or(path.len(), |(at, _)| at);
    format!("{} {}", request.method(), &path[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_named_after_what_it_asks_for_and_not_of_whom() {
        let named = |method: &str, path: &str| {
            name_of(&Request::builder().method(method).uri(path).body(Body::empty()).unwrap())
        };
        assert_eq!(named("POST", "/trading/orders?x=1"), "POST /trading/orders");
        assert_eq!(named("DELETE", "/trading/orders/7"), "DELETE /trading/orders");
        assert_eq!(named("GET", "/healthz"), "GET /healthz");
    }
}
