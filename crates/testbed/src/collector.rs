//! A collector of traces that keeps what it is told: OTLP's service for traces, over gRPC.

use anyhow::Context;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Runtime;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status, async_trait};

/// A span as it was told.
#[derive(Clone, Debug)]
pub struct ToldSpan {
    /// The service that told it.
    pub service: String,
    /// The span.
    pub span: Span,
}

/// A collector in this process. It is gone when dropped.
pub struct Collector {
    address: SocketAddr,
    told: Told,
    running: Option<Runtime>,
}

/// What it was told, but for spans whose name is that of those it refuses.
#[derive(Clone, Default)]
struct Told {
    spans: Arc<Mutex<Vec<ToldSpan>>>,
    refused: Option<String>,
}

impl Collector {
    /// Starts one.
    ///
    /// # Errors
    /// When there is no port for it.
    pub fn start() -> anyhow::Result<Self> {
        Self::with(Told::default())
    }

    /// Starts one that refuses spans of that name.
    ///
    /// # Errors
    /// When there is no port for it.
    pub fn refusing(name: &str) -> anyhow::Result<Self> {
        Self::with(Told { refused: Some(name.to_owned()), ..Told::default() })
    }

    fn with(told: Told) -> anyhow::Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], crate::free_port()));
        let mut collector = Self { address, told, running: None };
        collector.restart()?;
        Ok(collector)
    }

    /// Where it is.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was told so far.
    #[must_use]
    pub fn told(&self) -> Vec<ToldSpan> {
        self.told.all().clone()
    }

    /// Ends it; what it was told is kept.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.shutdown_background();
        }
    }

    /// Starts it again.
    ///
    /// # Errors
    /// When its port is taken.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        let listener = TcpListener::bind(self.address).context("the collector's port")?;
        listener.set_nonblocking(true)?;
        let runtime = Runtime::new()?;
        let service = TraceServiceServer::new(self.told.clone());
        let _within = runtime.enter();
        let connections = TcpListenerStream::new(tokio::net::TcpListener::from_std(listener)?);
        runtime.spawn(async move {
            Server::builder().add_service(service).serve_with_incoming(connections).await
        });
        self.running = Some(runtime);
        Ok(())
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Told {
    fn all(&self) -> std::sync::MutexGuard<'_, Vec<ToldSpan>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl TraceService for Told {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut rejected_spans = 0;
        for of_a_process in request.into_inner().resource_spans {
            let attributes = of_a_process.resource.map(|resource| resource.attributes).unwrap_or_default();
            let service = text_of(&attributes, "service.name").unwrap_or_default();
            let spans = of_a_process.scope_spans.into_iter().flat_map(|scope| scope.spans);
            let is_refused = |span: &Span| self.refused.as_ref() == Some(&span.name);
            let (refused, taken): (Vec<_>, Vec<_>) = spans.partition(is_refused);
            rejected_spans += refused.len() as i64;
            self.all().extend(taken.into_iter().map(|span| ToldSpan { service: service.clone(), span }));
        }
        let partial_success =
            (rejected_spans > 0).then(|| ExportTracePartialSuccess { rejected_spans, ..Default::default() });
        Ok(Response::new(ExportTraceServiceResponse { partial_success }))
    }
}

impl ToldSpan {
    /// One of its attributes.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<String> {
        text_of(&self.span.attributes, key)
    }
}

fn text_of(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    let Value::StringValue(text) = found.value.as_ref()?.value.as_ref()? else { return None };
    Some(text.clone())
}
