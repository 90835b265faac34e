//! What requests and records were, told to a collector of traces by OTLP.
//!
//! The journal is the trace: a record is a span, under the id that follows from the service and the position, and its
//! parent is what caused it, the record that sent the message or the request that brought the command. So spans of
//! different processes fit together without anything of theirs being in a record, and the thread (correlation id) is the
//! trace's id. Invariant: nobody waits for the collector; what it cannot take is dropped, and counted. Deliberately
//! absent: anything that is needed to prove what happened. That is the journal, which loses nothing.

mod export;
mod ids;
mod records;
mod span;

pub use export::{BadEndpoint, Figures, TraceSettings, Traces};
pub use ids::{event_span_id, request_span_id};
pub use records::RecordSpans;
pub use span::{Kind, Span};
