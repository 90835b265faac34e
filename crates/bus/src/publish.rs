//! What is published of a record.
//!
//! Each event becomes a message with a key: the order it is about, or else the account, instrument or participant. A trade
//! is about two orders and becomes two messages, one for each side, so that every order's events are in order wherever
//! they are. Invariant: the messages of a record, and their indices, follow from the record and what its node hosts.
//! Deliberately absent: the bookkeeping of messages between services, and copies of definitions, which the service
//! that defines them publishes.

mod compliance;
mod engine;
mod name;
mod risk;
mod settlement;
mod terms;
mod trading;

use crate::schema;
use ::engine::{Context, Event, Hosts, Record, span_id};
use name::name_of;
use prost::Message;
use schema::event::What;
use serde::{Deserialize, Serialize};
use vocabulary::{CorrelationId, Moment};

/// Where a message stands among all of its shard: the record's position, and its own number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Shard and position of the record.
    pub position: u64,
    /// Counts the messages of a record from 0.
    pub index: u32,
}

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    /// The context whose topic it belongs on.
    pub context: Context,
    /// Name of the event, such as `OrderExecuted`.
    pub name: &'static str,
    /// The message itself.
    pub event: schema::Event,
}

impl Publication {
    /// Where it stands.
    pub fn place(&self) -> Place {
        Place { position: self.event.position, index: self.event.index }
    }

    /// As it goes out.
    pub fn payload(&self) -> Vec<u8> {
        self.event.encode_to_vec()
    }

    /// W3C trace context: the thread as trace id, and the record's span id.
    pub fn traceparent(&self) -> String {
        let span = span_id(self.context, self.event.position);
        format!("00-{}-{span:016x}-01", self.event.correlation_id)
    }
}

/// What an event says of itself, before it has a place.
pub(crate) struct Told {
    /// What it is about.
    key: String,
    /// The thread of that, if it is not the record's.
    correlation: Option<CorrelationId>,
    what: What,
}

impl Told {
    fn of(key: impl ToString, what: What) -> Self {
        Self { key: key.to_string(), correlation: None, what }
    }

    /// It hangs on a thread of its own.
    fn on(self, correlation: CorrelationId) -> Self {
        Self { correlation: Some(correlation), ..self }
    }
}

/// The messages of a record of a node with those contexts, in order.
pub fn publications_of(record: &Record, hosts: Hosts) -> Vec<Publication> {
    let events = record.events().iter().filter(|event| hosts.has(event.context()));
    let told = events.flat_map(|event| tell(event).into_iter().map(|told| (event.context(), told)));
    told.zip(0..)
        .map(|((context, told), index)| Publication {
            context,
            name: name_of(&told.what),
            event: at(record, index, told),
        })
        .collect()
}

fn tell(event: &Event) -> Vec<Told> {
    match event {
        Event::Trading(event) => trading::tell(event),
        Event::Settlement(event) => settlement::tell(event),
        Event::Risk(event) => vec![risk::tell(event)],
        Event::Compliance(event) => vec![compliance::tell(event)],
        Event::Flow(event) => engine::tell(event).into_iter().collect(),
        Event::Block(event) => vec![engine::tell_of_block(event)],
    }
}

fn at(record: &Record, index: u32, told: Told) -> schema::Event {
    let Moment { position, time } = record.moment;
    schema::Event {
        shard: node::journal::shard_of(position).into(),
        position,
        index,
        time_ns: time.0,
        correlation_id: told.correlation.unwrap_or(record.request.correlation).to_string(),
        actor: record.request.actor.to_string(),
        key: told.key,
        what: Some(told.what),
    }
}
