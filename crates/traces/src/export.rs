//! Spans on their way to a collector.

use crate::span::{Span, attribute};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tonic::transport::{Channel, Endpoint};
use vocabulary::CorrelationId;

/// How many spans wait at most.
const WAITING_MAX: usize = 65_536;
/// How many go in one request.
const BATCH_MAX: usize = 2_048;
/// How long spans are gathered before a request.
const ROUND: Duration = Duration::from_millis(200);
/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait before another attempt.
const AGAIN: Duration = Duration::from_secs(1);

/// Where traces go, and how many of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceSettings {
    /// A collector that takes OTLP over gRPC, as in `http://127.0.0.1:4317`.
    pub endpoint: String,
    /// How many of a hundred threads are told of, the same ones in every process.
    pub percent: u16,
}

/// Somewhere that no collector can be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an address like http://127.0.0.1:4317, and {0:?} is not")]
pub struct BadEndpoint(String);

/// Takes spans to a collector. Clones take to the same one.
#[derive(Clone)]
pub struct Traces(Arc<Shared>);

struct Shared {
    percent: u16,
    waiting: mpsc::Sender<Told>,
    exported: AtomicU64,
    dropped: AtomicU64,
    is_waiting: AtomicBool,
}

enum Told {
    Span(Box<Span>),
    /// Somebody waits until all before is out.
    Flush(oneshot::Sender<()>),
}

/// What has become of spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The collector has taken so many.
    pub exported: u64,
    /// So many were dropped, since the collector did not take them.
    pub dropped: u64,
    /// Whether the collector does not answer now.
    pub is_waiting: bool,
}

impl TraceSettings {
    /// Says whether a collector could be there.
    ///
    /// # Errors
    /// When it could not.
    pub fn check(&self) -> Result<(), BadEndpoint> {
        self.channel().map(drop)
    }

    fn channel(&self) -> Result<Endpoint, BadEndpoint> {
        let bad = || BadEndpoint(self.endpoint.clone());
        let endpoint = Endpoint::from_shared(self.endpoint.clone()).map_err(|_| bad())?;
        let uri = endpoint.uri();
        let is_plain = uri.scheme_str() == Some("http") && uri.port_u16().is_some();
        let endpoint = endpoint.connect_timeout(PATIENCE).timeout(PATIENCE);
        if is_plain { Ok(endpoint) } else { Err(bad()) }
    }
}

impl Traces {
    /// Begins, in tasks of that runtime. `service` is the name that the spans' process goes by, and `instance` which one it is.
    ///
    /// # Errors
    /// When no collector can be there. One that is away is tried again.
    pub fn start(
        settings: &TraceSettings,
        service: &str,
        instance: &str,
        runtime: &Handle,
    ) -> Result<Self, BadEndpoint> {
        let endpoint = settings.channel()?;
        let (waiting, told) = mpsc::channel(WAITING_MAX);
        let shared = Arc::new(Shared {
            percent: settings.percent,
            waiting,
            exported: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            is_waiting: AtomicBool::new(false),
        });
        let who = [
            ("service.namespace", "rialto".to_owned()),
            ("service.name", service.to_owned()),
            ("service.instance.id", instance.to_owned()),
            ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        let attributes = who.into_iter().map(|(key, value)| attribute(key, value)).collect();
        let resource = Resource { attributes, ..Resource::default() };
        let traces = Self(Arc::clone(&shared));
        runtime.spawn(async move {
            let client = TraceServiceClient::new(endpoint.connect_lazy());
            Export { client, resource, shared }.run(told).await;
        });
        Ok(traces)
    }

    /// Whether the spans of a thread are told: it is the same for every process.
    pub fn wants(&self, thread: CorrelationId) -> bool {
        // What is random in an id that was made here, and in W3C's, is at its end.
        let drawn = (thread.0 as u64 & 0x00ff_ffff_ffff_ffff) % 100;
        thread.0 != 0 && drawn < self.0.percent.into()
    }

    /// Tells a span, unless too many wait.
    pub fn tell(&self, span: Span) {
        if self.0.waiting.try_send(Told::Span(Box::new(span))).is_err() {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What has become of them.
    pub fn figures(&self) -> Figures {
        Figures {
            exported: self.0.exported.load(Ordering::Relaxed),
            dropped: self.0.dropped.load(Ordering::Relaxed),
            is_waiting: self.0.is_waiting.load(Ordering::Relaxed),
        }
    }

    /// Waits until all that was told is out, or given up, for so long at most.
    pub async fn flush(&self, patience: Duration) {
        let (done, is_done) = oneshot::channel();
        let flushed = async {
            if self.0.waiting.send(Told::Flush(done)).await.is_ok() {
                // None answers where the runtime is gone.
                drop(is_done.await);
            }
        };
        drop(timeout(patience, flushed).await);
    }
}

struct Export {
    client: TraceServiceClient<Channel>,
    resource: Resource,
    shared: Arc<Shared>,
}

impl Export {
    async fn run(mut self, mut told: mpsc::Receiver<Told>) {
        let mut next = Vec::new();
        while told.recv_many(&mut next, BATCH_MAX).await > 0 {
            let (mut spans, mut waiting) = (Vec::new(), Vec::new());
            for told in next.drain(..) {
                match told {
                    Told::Span(span) => spans.push(*span),
                    Told::Flush(done) => waiting.push(done),
                }
            }
            let is_full = spans.len() + waiting.len() == BATCH_MAX;
            if !spans.is_empty() {
                self.export(spans).await;
            }
            let in_a_hurry = is_full || !waiting.is_empty();
            for done in waiting {
                // He may not have had the time.
                let _ = done.send(());
            }
            if !in_a_hurry {
                sleep(ROUND).await;
            }
        }
    }

    async fn export(&mut self, spans: Vec<Span>) {
        let count = spans.len() as u64;
        let spans = spans.into_iter().map(Into::into).collect();
        let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
        let resource = Some(self.resource.clone());
        let resource_spans = vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }];
        let answered = self.client.export(ExportTraceServiceRequest { resource_spans }).await;
        // It may take some and refuse others, for good.
        let refused = answered.as_ref().ok().and_then(|answer| answer.get_ref().partial_success.as_ref());
        let refused = refused.map_or(0, |partial| partial.rejected_spans.unsigned_abs().min(count));
        let failed = answered.err();
        let was_waiting = self.shared.is_waiting.swap(failed.is_some(), Ordering::Relaxed);
        match failed {
            None => {
                self.shared.exported.fetch_add(count - refused, Ordering::Relaxed);
                self.shared.dropped.fetch_add(refused, Ordering::Relaxed);
                if was_waiting {
                    tracing::info!("the collector takes traces again");
                }
            }
            Some(status) => {
                self.shared.dropped.fetch_add(count, Ordering::Relaxed);
                if !was_waiting {
                    tracing::warn!(
                        why = status.message(),
                        "traces are dropped: the collector does not take them"
                    );
                }
                sleep(AGAIN).await;
            }
        }
    }
}
