//! The lines themselves: from a record to its audit line and to the decisions that it holds.
//!
//! Invariant: the bytes follow from the records before and from this one, and from nothing else. What was written years
//! ago must come out the same: a member never changes its name or meaning, and one that is added, to a line or to a
//! command, is left out where a record lacks it. Golden lines in the tests watch over it. Only the sentence of a refusal
//! is this program's own and not recorded, so that verification forgives another wording.

use crate::action::{Action, Subject};
use crate::error::AuditError;
use crate::event_fact::EventFact;
use crate::hash_chain::HashChain;
use crate::outcome::Verdict;
use compliance::Restriction;
use engine::{Command, CommandId, Event, Record};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;
use vocabulary::{CorrelationId, Moment, OrderId, Reason, Timestamp, UserId};

/// A bundle in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Policy {
    version: u32,
    digest: String,
}

#[derive(Serialize)]
struct AuditLine<'a> {
    position: u64,
    shard: u64,
    time: Timestamp,
    correlation: CorrelationId,
    actor: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    command_id: Option<CommandId>,
    action: &'static str,
    subject: &'a Subject,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Sentence<'a>>,
    orders: &'a [OrderId],
    events: EventCounts<'a>,
    logic_version: u16,
    decisions: u64,
    command: &'a Command,
}

#[derive(Serialize)]
struct DecisionLine<'a> {
    seq: u64,
    kind: &'static str,
    decision_id: OrderId,
    position: u64,
    shard: u64,
    time: Timestamp,
    correlation: CorrelationId,
    policy: Option<&'a Policy>,
    input: &'a RawValue,
    restricted: Option<Restriction>,
    allowed: bool,
    reasons: &'a [Reason],
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

struct EventCounts<'a>(&'a [(&'static str, u32)]);

impl Serialize for EventCounts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(name, count)| map.serialize_entry(name, count))?;
        map.end()
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
    /// Reused from record to record.
    orders: Vec<OrderId>,
    counts: Vec<(&'static str, u32)>,
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
        Self { audit, decisions, decision_count, policy, orders: Vec::new(), counts: Vec::new() }
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
        let Moment { position, time } = record.moment;
        let action = Action::of(&record.request.command);
        let verdict = Verdict::of(record);
        let line = AuditLine {
            position,
            shard: shard(position),
            time,
            correlation: record.request.correlation,
            actor: record.request.actor,
            command_id: record.request.command_id,
            action: action.name,
            subject: &action.subject,
            outcome: verdict.word(),
            code: verdict.code(),
            message: verdict.message().map(Sentence),
            orders: &self.orders,
            events: EventCounts(&self.counts),
            logic_version: record.logic_version,
            decisions: self.decision_count,
            command: &record.request.command,
        };
        append(&line, &mut self.audit, out);
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
                let Moment { position, time } = record.moment;
                if *policy != self.policy.as_ref().map_or(0, |known| known.version) {
                    return Err(AuditError::UnknownPolicy { position, version: *policy });
                }
                let input = event.check_input().expect("a check has an input").to_json();
                self.decision_count += 1;
                let line = DecisionLine {
                    seq: self.decision_count,
                    kind: "decision",
                    decision_id: terms.order,
                    position,
                    shard: shard(position),
                    time,
                    correlation: terms.correlation,
                    policy: self.policy.as_ref(),
                    input: serde_json::from_str(&input).expect("the input of a policy is JSON"),
                    restricted: *restricted,
                    allowed: *allowed,
                    reasons,
                };
                append(&line, &mut self.decisions, out);
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
        append(&line, &mut self.decisions, out);
    }
}

fn append(line: &impl Serialize, chain: &mut HashChain, out: &mut Vec<u8>) {
    let start = out.len();
    serde_json::to_writer(&mut *out, line).expect("writing JSON to memory does not fail");
    chain.seal(out, start);
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
