//! One span, and its form in OTLP.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span as Proto, Status, span::SpanKind};
use vocabulary::CorrelationId;

/// What a span has to do with other processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request is answered.
    Server,
    /// A message of another service, or an event, is worked off.
    Consumer,
    /// An event is sent.
    Producer,
    /// Neither.
    Internal,
}

/// Something that took time within a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The thread that it hangs on.
    pub thread: CorrelationId,
    /// Not 0, and no other of this thread has it.
    pub id: u64,
    /// What caused it, if that is known.
    pub parent: Option<u64>,
    /// What it is.
    pub name: String,
    /// What it has to do with other processes.
    pub kind: Kind,
    /// Begin, in nanoseconds since 1970.
    pub began_ns: u64,
    /// End, in nanoseconds since 1970.
    pub ended_ns: u64,
    /// Whether something was wrong with the service, and not with what it was asked for.
    pub has_failed: bool,
    /// More about it.
    pub attributes: Vec<(&'static str, String)>,
}

impl From<Span> for Proto {
    fn from(span: Span) -> Self {
        let Span { thread, id, parent, name, kind, began_ns, ended_ns, has_failed, attributes } = span;
        let kind = match kind {
            Kind::Server => SpanKind::Server,
            Kind::Consumer => SpanKind::Consumer,
            Kind::Producer => SpanKind::Producer,
            Kind::Internal => SpanKind::Internal,
        };
        let code = if has_failed { StatusCode::Error } else { StatusCode::Unset };
        Self {
            trace_id: thread.0.to_be_bytes().into(),
            span_id: id.to_be_bytes().into(),
            parent_span_id: parent.map(|parent| parent.to_be_bytes().into()).unwrap_or_default(),
            name,
            kind: kind.into(),
            start_time_unix_nano: began_ns,
            end_time_unix_nano: ended_ns.max(began_ns),
            attributes: attributes.into_iter().map(|(key, value)| attribute(key, value)).collect(),
            status: Some(Status { code: code.into(), message: String::new() }),
            ..Self::default()
        }
    }
}

/// An attribute as OTLP has it.
pub(crate) fn attribute(key: &str, value: String) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value)) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}
