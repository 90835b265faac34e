//! Records as spans.

use crate::export::Traces;
use crate::ids::request_span_id;
use crate::span::{Kind, Span};
use bus::publications_of;
use engine::{Command, Context, Hosts, Message, MessageId, Outcome, Record, span_id};
use node::{Batch, Follower, FollowerError, NodeConfig, NodeHandle};
use serde_variant::to_variant_name;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};
use vocabulary::CorrelationId;

/// How many records are remembered for answers that are still to come.
const REMEMBERED_MAX: usize = 65_536;

/// Tells of each record of a service while its node leads: those who follow it would tell the same.
pub struct RecordSpans {
    traces: Traces,
    service: Context,
    node: Arc<OnceLock<NodeHandle>>,
    next_position: u64,
    threads: Threads,
}

impl RecordSpans {
    /// From that position on, of the node that will be put in there.
    pub fn new(
        traces: Traces,
        service: Context,
        node: Arc<OnceLock<NodeHandle>>,
        next_position: u64,
    ) -> Self {
        Self { traces, service, node, next_position, threads: Threads::from(next_position) }
    }

    fn tell(&self, record: &Record, is_told: bool, now_ns: u64) {
        if !is_told {
            return;
        }
        for span in spans_of(self.service, record, &self.threads, now_ns) {
            if self.traces.wants(span.thread) {
                self.traces.tell(span);
            }
        }
    }
}

impl Follower for RecordSpans {
    fn name(&self) -> &'static str {
        "traces"
    }

    fn next_position(&self) -> u64 {
        self.next_position
    }

    fn follow(&mut self, batches: &[Batch]) -> Result<(), FollowerError> {
        let is_told = self.node.get().is_some_and(|node| node.status().leading);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let now_ns = u64::try_from(now).unwrap_or(u64::MAX);
        for record in batches.iter().flat_map(|batch| batch.iter()) {
            self.threads.follow(record);
            self.tell(record, is_told, now_ns);
            self.next_position = record.moment.position + 1;
        }
        Ok(())
    }
}

/// The threads of the last records: an answer says which record asked, and not for which thread. None for a record with
/// several, or without one.
struct Threads {
    first: u64,
    of: VecDeque<Option<CorrelationId>>,
}

impl Threads {
    fn from(position: u64) -> Self {
        Self { first: position, of: VecDeque::new() }
    }

    fn follow(&mut self, record: &Record) {
        let request = &record.request;
        let thread = if let Command::Acknowledge { message, more, .. } = &request.command {
            let first = self.at(message.position);
            first.filter(|_| more.iter().all(|(message, _)| self.at(message.position) == first))
        } else {
            request.has_thread().then_some(request.correlation)
        };
        self.of.push_back(thread);
        if self.of.len() > REMEMBERED_MAX {
            self.of.pop_front();
            self.first += 1;
        }
    }

    fn at(&self, position: u64) -> Option<CorrelationId> {
        let back = usize::try_from(position.checked_sub(self.first)?).ok()?;
        self.of.get(back).copied().flatten()
    }
}

/// What a record is in traces: one span in each thread that it is about. In that of an order which somebody else's has
/// executed, or a run has settled, nothing has caused it.
fn spans_of(service: Context, record: &Record, threads: &Threads, now_ns: u64) -> Vec<Span> {
    let (name, kind) = name_of(&record.request.command);
    let span = |(thread, parent)| Span {
        thread,
        id: span_id(service, record.moment.position),
        parent,
        name: format!("{service} {name}"),
        kind,
        began_ns: record.moment.time.0,
        ended_ns: now_ns,
        has_failed: false,
        attributes: attributes(record),
    };
    let mut causes = causes_of(service, record, threads);
    let published = publications_of(record, Hosts::only(&[service]));
    // What is told of no order in particular is told of the record's own thread.
    let of_events = published.iter().filter_map(|event| event.event.correlation_id.parse().ok());
    for thread in of_events.filter(|thread| *thread != record.request.correlation) {
        causes.entry(thread).or_insert(None);
    }
    causes.into_iter().map(span).collect()
}

/// The threads that a record hangs on by what it came with, and what has caused it there.
fn causes_of(service: Context, record: &Record, threads: &Threads) -> BTreeMap<CorrelationId, Option<u64>> {
    let request = &record.request;
    let asked = |message: &MessageId| Some(span_id(message.from, message.position));
    let cause = match &request.command {
        Command::Deliver { message, .. } => {
            let cause = request.has_thread().then(|| (request.correlation, asked(message)));
            return cause.into_iter().collect();
        }
        Command::Acknowledge { message, more, .. } => {
            let answered = [message].into_iter().chain(more.iter().map(|(message, _)| message));
            let of_threads =
                answered.filter_map(|message| Some((threads.at(message.position)?, asked(message))));
            return of_threads.collect();
        }
        // Reads and refusals are spans of their requests.
        Command::RecordAccess(_) => return BTreeMap::new(),
        Command::ExpireDeadlines | Command::TakeTurns | Command::RetryMessage { .. } => None,
        command @ (Command::Trading(_)
        | Command::Settlement(_)
        | Command::Risk(_)
        | Command::Compliance(_)
        | Command::ProposeBlock(_)
        | Command::ConsentBlock { .. }
        | Command::RefuseBlock { .. }
        | Command::RetryBlock { .. }) => {
            // What goes on by itself comes with no request, and neither does what the process itself begins with.
            let came = !command.is_internal() && request.actor != NodeConfig::default().system;
            came.then(|| request_span_id(service, request.correlation))
        }
    };
    BTreeMap::from([(request.correlation, cause)])
}

fn attributes(record: &Record) -> Vec<(&'static str, String)> {
    let mut attributes = vec![
        ("rialto.position", record.moment.position.to_string()),
        ("rialto.actor", record.request.actor.to_string()),
    ];
    match &record.outcome {
        Outcome::Events(events) => attributes.push(("rialto.events", events.len().to_string())),
        Outcome::Refused(refusal) => attributes.push(("rialto.refused", refusal.to_string())),
    }
    attributes
}

fn name_of(command: &Command) -> (&'static str, Kind) {
    let named = match command {
        Command::Trading(command) => to_variant_name(command),
        Command::Settlement(command) => to_variant_name(command),
        Command::Risk(command) => to_variant_name(command),
        Command::Compliance(command) => to_variant_name(command),
        Command::Deliver { body, .. } => return (name_of_message(body), Kind::Consumer),
        Command::Acknowledge { .. } => return ("answered", Kind::Consumer),
        Command::ProposeBlock(_)
        | Command::ConsentBlock { .. }
        | Command::RefuseBlock { .. }
        | Command::RetryBlock { .. }
        | Command::ExpireDeadlines
        | Command::RecordAccess(_)
        | Command::RetryMessage { .. }
        | Command::TakeTurns => to_variant_name(command),
    };
    (named.unwrap_or("command"), Kind::Internal)
}

fn name_of_message(message: &Message) -> &'static str {
    let named = match message {
        Message::Trading(command) => to_variant_name(command),
        Message::Settlement(command) => to_variant_name(command),
        Message::Risk(command) => to_variant_name(command),
        Message::Compliance(command) => to_variant_name(command),
        Message::Definition(_, command) => to_variant_name(command.as_ref()),
    };
    named.unwrap_or("message")
}
