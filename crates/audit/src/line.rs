//! The lines themselves: from a record to its audit line and to the decisions that it holds.
//!
//! Invariant: the bytes follow from the records before and from this one, and from nothing else. What was written years
//! ago must come out the same: a member never changes its name or meaning, and one that is added, to a line or to a
//! command, is left out where a record lacks it. Golden lines in the tests watch over it. Only the sentence of a refusal
//! is this program's own and not recorded, so that verification forgives another wording.

use crate::action::Action;
use crate::clock::Clock;
use crate::error::AuditError;
use crate::event_fact::EventFact;
use crate::hash_chain::{HashChain, write_hex};
use crate::outcome::Verdict;
use engine::{CommandId, Event, Record};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use vocabulary::{CorrelationId, Moment, OrderId, Timestamp, UserId};

/// A bundle in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Policy {
    version: u32,
    digest: String,
}

#[derive(Serialize)]
struct ActivationLine<'a> {
    seq: u64,
    kind: &'static str,
    position: u64,
    shard: u64,
    time: Timestamp,
    correlation: CorrelationId,
    actor: UserId,
    policy: Option<&'a Policy>,
}

struct Sentence<'a>(&'a dyn fmt::Display);

impl Serialize for Sentence<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

/// Writes the lines of one record after another; holds what a line needs to know of the lines before it.
#[derive(Debug)]
pub(crate) struct Lines {
    audit: HashChain,
    decisions: HashChain,
    /// How many lines the decision log has.
    decision_count: u64,
    policy: Option<Policy>,
    clock: Clock,
    /// Reused from record to record.
    orders: Vec<OrderId>,
    counts: Vec<(&'static str, u32)>,
    moment: Vec<u8>,
}

impl Lines {
    /// Before the first record.
    pub(crate) fn new() -> Self {
        Self::after(HashChain::GENESIS, HashChain::GENESIS, 0, None)
    }

    /// After the last lines of the two logs; the decision log names the policy in force in each of its lines.
    pub(crate) fn after(
        audit: HashChain,
        decisions: HashChain,
        decision_count: u64,
        policy: Option<Policy>,
    ) -> Self {
        Self {
            audit,
            decisions,
            decision_count,
            policy,
            clock: Clock::new(),
            orders: Vec::new(),
            counts: Vec::new(),
            moment: Vec::new(),
        }
    }

    /// Chains the next audit line to another end than its own.
    pub(crate) fn continue_audit(&mut self, chain: HashChain) {
        self.audit = chain;
    }

    /// Appends the record's line to `audit` and its decisions, if any, to `decisions`.
    ///
    /// # Errors
    /// [`AuditError::UnknownPolicy`], with parts of lines left in the buffers.
    pub(crate) fn write(
        &mut self,
        record: &Record,
        audit: &mut Vec<u8>,
        decisions: &mut Vec<u8>,
    ) -> Result<(), AuditError> {
        self.orders.clear();
        self.counts.clear();
        self.note(record.moment);
        for event in record.events() {
            self.count(EventFact::of(event));
            if let Event::Compliance(event) = event {
                self.write_decision(record, event, decisions)?;
            }
        }
        self.orders.sort_unstable();
        self.orders.dedup();
        self.write_audit(record, audit);
        Ok(())
    }

    /// The members that tell where and when, which are the same in each line of a record.
    fn note(&mut self, Moment { position, time }: Moment) {
        let out = &mut self.moment;
        out.clear();
        json(out, r#""position":"#, &position);
        json(out, r#","shard":"#, &shard(position));
        text(out, r#","time":""#, self.clock.show(time));
        out.push(b'"');
    }

    fn count(&mut self, fact: EventFact) {
        match self.counts.iter_mut().find(|(name, _)| *name == fact.name) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((fact.name, 1)),
        }
        for order in fact.orders.into_iter().flatten() {
            // Most events of a record are about the order of the event before.
            if self.orders.last() != Some(&order) {
                self.orders.push(order);
            }
        }
    }

    fn write_audit(&mut self, record: &Record, out: &mut Vec<u8>) {
        let request = &record.request;
        let action = Action::of(&request.command);
        let verdict = Verdict::of(record);
        let start = out.len();
        text(out, "{", &self.moment);
        hex_id(out, r#","correlation":""#, request.correlation);
        json(out, r#"","actor":"#, &request.actor);
        if let Some(CommandId(id)) = request.command_id {
            hex_id(out, r#","command_id":""#, id);
            out.push(b'"');
        }
        text(out, r#","action":""#, action.name.as_bytes());
        json(out, r#"","subject":"#, &action.subject);
        text(out, r#","outcome":""#, verdict.word().as_bytes());
        out.push(b'"');
        if let Some(code) = verdict.code() {
            json(out, r#","code":"#, code);
        }
        if let Some(message) = verdict.message() {
            json(out, r#","message":"#, &Sentence(message));
        }
        json(out, r#","orders":"#, &self.orders);
        self.write_counts(out);
        json(out, r#","logic_version":"#, &record.logic_version);
        json(out, r#","decisions":"#, &self.decision_count);
        json(out, r#","command":"#, &request.command);
        out.push(b'}');
        self.audit.seal(out, start);
    }

    fn write_counts(&self, out: &mut Vec<u8>) {
        let mut before = r#","events":{""#;
        for (name, count) in &self.counts {
            text(out, before, name.as_bytes());
            json(out, r#"":"#, count);
            before = r#",""#;
        }
        text(out, if self.counts.is_empty() { r#","events":{}"# } else { "}" }, b"");
    }

    fn write_decision(
        &mut self,
        record: &Record,
        event: &compliance::Event,
        out: &mut Vec<u8>,
    ) -> Result<(), AuditError> {
        use compliance::Event as E;
        match event {
            E::PolicyActivated { version, digest, .. } => {
                self.policy = Some(Policy { version: *version, digest: digest.to_string() });
                self.write_activation(record, out);
            }
            E::OrderChecked { terms, restricted, policy, allowed, reasons, .. } => {
                if *policy != self.policy.as_ref().map_or(0, |known| known.version) {
                    let position = record.moment.position;
                    return Err(AuditError::UnknownPolicy { position, version: *policy });
                }
                self.decision_count += 1;
                let start = out.len();
                json(out, r#"{"seq":"#, &self.decision_count);
                json(out, r#","kind":"decision","decision_id":"#, &terms.order);
                text(out, ",", &self.moment);
                hex_id(out, r#","correlation":""#, terms.correlation);
                json(out, r#"","policy":"#, &self.policy);
                text(out, r#","input":"#, b"");
                event.check_input().expect("a check has an input").append_json(out);
                json(out, r#","restricted":"#, restricted);
                json(out, r#","allowed":"#, allowed);
                json(out, r#","reasons":"#, reasons);
                out.push(b'}');
                self.decisions.seal(out, start);
            }
            E::Restricted { .. } | E::Unrestricted { .. } => {}
        }
        Ok(())
    }

    fn write_activation(&mut self, record: &Record, out: &mut Vec<u8>) {
        let Moment { position, time } = record.moment;
        self.decision_count += 1;
        let line = ActivationLine {
            seq: self.decision_count,
            kind: "activation",
            position,
            shard: shard(position),
            time,
            correlation: record.request.correlation,
            actor: record.request.actor,
            policy: self.policy.as_ref(),
        };
        let start = out.len();
        json(out, "", &line);
        self.decisions.seal(out, start);
    }
}

/// `before`, and the value as JSON.
fn json(out: &mut Vec<u8>, before: &str, value: &(impl Serialize + ?Sized)) {
    out.extend_from_slice(before.as_bytes());
    serde_json::to_writer(out, value).expect("writing JSON to memory does not fail");
}

/// `before`, and what is JSON already or has nothing in it that JSON would escape.
fn text(out: &mut Vec<u8>, before: &str, text: &[u8]) {
    out.extend_from_slice(before.as_bytes());
    out.extend_from_slice(text);
}

/// `before`, and the digits of the id.
fn hex_id(out: &mut Vec<u8>, before: &str, id: CorrelationId) {
    let mut digits = [0; 32];
    write_hex(&mut digits, &id.0.to_be_bytes());
    text(out, before, &digits);
}

/// The shard that a position is of: its upper 16 bits.
fn shard(position: u64) -> u64 {
    position >> 48
}

/// What a line of either log says of its place.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct LineHead {
    /// The position of its record.
    pub(crate) position: u64,
    /// RFC 3339, beginning with the day.
    pub(crate) time: String,
    /// In the decision log: counts its lines from 1.
    #[serde(default)]
    pub(crate) seq: u64,
    /// In the audit log: how many lines the decision log has with this record.
    #[serde(default)]
    pub(crate) decisions: u64,
    /// In the decision log: the policy in force.
    #[serde(default)]
    pub(crate) policy: Option<Policy>,
}

/// Whether two audit lines differ in nothing but the sentence of a refusal, and so in their hashes.
pub(crate) fn is_reworded(written: &[u8], made: &[u8]) -> bool {
    let members = |line| serde_json::from_slice::<serde_json::Map<String, Value>>(line).ok();
    let (Some(mut written), Some(mut made)) = (members(written), members(made)) else { return false };
    if written.get("outcome").and_then(Value::as_str) != Some("refused") {
        return false;
    }
    for member in ["message", "previous", "hash"] {
        if written.remove(member).is_some() != made.remove(member).is_some() {
            return false;
        }
    }
    written == made
}

impl LineHead {
    pub(crate) fn parse(line: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(line)
    }
}
