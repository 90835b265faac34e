//! Who sees events pass.

use crate::publish::{Place, Publication};
use engine::Context;
use std::time::SystemTime;

/// Told of events as they go to Kafka and come from there. Nobody waits for it for long.
pub trait Witness: Send + Sync {
    /// It is written, and acknowledged. Not told of what hangs on no thread.
    fn published(&self, event: &Passing);

    /// It was read, and states something that the reader's service must have on record too.
    fn consumed(&self, event: &Passing);
}

/// An event on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passing {
    /// Whose topic.
    pub context: Context,
    /// Name of the event, such as `OrderExecuted`.
    pub name: String,
    /// Where its record stands, and which event of it this is.
    pub place: Place,
    /// Its correlation id, in hexadecimal.
    pub thread: String,
    /// When it was handed over, or came.
    pub since: SystemTime,
}

impl Passing {
    pub(crate) fn of(publication: &Publication) -> Self {
        Self {
            context: publication.context,
            name: publication.name.to_owned(),
            place: publication.place(),
            thread: publication.event.correlation_id.clone(),
            since: SystemTime::now(),
        }
    }
}
