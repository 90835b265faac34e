//! Events for other programs: what they look like (`schemas/events.proto`), the relay that brings them to Kafka, and the
//! reconciliation with which the services themselves consume them.
//!
//! Invariant: what is published is a function of the journal alone, so it can be published again, from anywhere, and is the
//! same. Deliberately absent: the order flow, which goes over messages between services (`post`) and does not need Kafka.

#[cfg(feature = "kafka")]
mod feed;
mod partition;
mod publish;
#[cfg(feature = "kafka")]
mod reconciler;
mod reconciliation;
#[cfg(feature = "kafka")]
mod relay;
#[cfg(feature = "kafka")]
mod relayed;
mod seen;
mod status;
#[cfg(feature = "kafka")]
mod topics;
#[cfg(feature = "kafka")]
mod witness;
mod words;
#[cfg(feature = "kafka")]
mod worker;

#[cfg(feature = "kafka")]
pub use feed::{Feed, Next, Received};
pub use partition::partition_of;
pub use publish::{Place, Publication, publications_of};
#[cfg(feature = "kafka")]
pub use reconciler::{Keep, reconcile};
pub use reconciliation::{Changes, Item, Kept, Reconciliation, Statement, Unreadable};
#[cfg(feature = "kafka")]
pub use relay::relay;
pub use seen::Seen;
pub use status::{Open, ReconcilerStatus, RelayStatus};
#[cfg(feature = "kafka")]
pub use topics::{KafkaSettings, Unusable, topic_of};
#[cfg(feature = "kafka")]
pub use witness::{Passing, Witness};
#[cfg(feature = "kafka")]
pub use worker::Worker;

/// What stands in `schemas/events.proto`.
#[allow(missing_docs, reason = "the schema says it")]
pub mod schema {
    include!(concat!(env!("OUT_DIR"), "/rialto.events.v1.rs"));
}
