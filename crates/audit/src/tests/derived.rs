//! The lines are written member by member for speed. Here their form stands as types, which serde writes: both give the
//! same bytes.

use super::coverage::block_trade;
use super::market::{BEFORE_MIDNIGHT, Market, a_few_days, id, limit};
use crate::action::{Action, Subject};
use crate::event_fact::EventFact;
use crate::line::Lines;
use crate::outcome::Verdict;
use compliance::Restriction;
use engine::{Command, CommandId, Event, Record};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use vocabulary::{CorrelationId, OrderId, Reason, Side, Timestamp, UserId};

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
    message: Option<String>,
    orders: BTreeSet<OrderId>,
    events: serde_json::Map<String, Value>,
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
    policy: Option<Policy>,
    input: Value,
    restricted: Option<Restriction>,
    allowed: bool,
    reasons: &'a [Reason],
}

#[derive(Clone, Serialize)]
struct Policy {
    version: u32,
    digest: String,
}

fn audit_line(record: &Record, decisions: u64) -> String {
    let facts: Vec<EventFact> = record.events().iter().map(EventFact::of).collect();
    let mut events = serde_json::Map::new();
    for fact in &facts {
        let count = events.get(fact.name).and_then(Value::as_u64).unwrap_or(0);
        events.insert(fact.name.into(), (count + 1).into());
    }
    let action = Action::of(&record.request.command);
    let verdict = Verdict::of(record);
    let line = AuditLine {
        position: record.moment.position,
        shard: record.moment.position >> 48,
        time: record.moment.time,
        correlation: record.request.correlation,
        actor: record.request.actor,
        command_id: record.request.command_id,
        action: action.name,
        subject: &action.subject,
        outcome: verdict.word(),
        code: verdict.code(),
        message: verdict.message().map(ToString::to_string),
        orders: facts.iter().flat_map(|fact| fact.orders).flatten().collect(),
        events,
        logic_version: record.logic_version,
        decisions,
        command: &record.request.command,
    };
    serde_json::to_string(&line).unwrap()
}

fn decision_line(record: &Record, event: &compliance::Event, seq: u64, policy: Option<Policy>) -> String {
    let compliance::Event::OrderChecked { terms, restricted, allowed, reasons, .. } = event else {
        panic!("no check")
    };
    let line = DecisionLine {
        seq,
        kind: "decision",
        decision_id: terms.order,
        position: record.moment.position,
        shard: record.moment.position >> 48,
        time: record.moment.time,
        correlation: terms.correlation,
        policy,
        input: serde_json::from_str(&event.check_input().unwrap().to_json()).unwrap(),
        restricted: *restricted,
        allowed: *allowed,
        reasons,
    };
    serde_json::to_string(&line).unwrap()
}

/// Trades, a policy's no, the list's no, and an order that is in nobody's way, under a command id.
fn orders() -> Vec<Record> {
    let mut market = Market::open(BEFORE_MIDNIGHT);
    for n in 0..50 {
        let (account, side) = if n % 2 == 0 { ("BOB", Side::Sell) } else { ("ANN", Side::Buy) };
        market.place(limit(account, side, 10_000 + n % 3, 1 + n % 5));
        market.wait_ns(77_777_777);
    }
    for restriction in [
        Restriction::Account(id("ANN")),
        Restriction::InstrumentForAccount { instrument: id("ACME"), account: id("BOB") },
    ] {
        market.run(Command::Compliance(compliance::Command::Restrict { restriction }));
    }
    market.place(limit("ANN", Side::Buy, 10_000, 20_000));
    market.place(limit("BOB", Side::Sell, 10_000, 1));
    let mut records = market.records;
    for (n, record) in records.iter_mut().enumerate().skip(20) {
        record.request.command_id = Some(CommandId(CorrelationId(0xfedc << n)));
        record.request.correlation = CorrelationId(u128::MAX / (n as u128));
    }
    records
}

/// A line without its seal.
fn object(line: &str) -> String {
    let (members, _) = line.split_once(r#","previous":"#).unwrap();
    format!("{members}}}")
}

#[test]
fn lines_have_the_form_that_their_types_give() {
    let (mut restricted, mut denied) = (0, 0);
    for records in [a_few_days(), block_trade(), orders()] {
        let (mut lines, mut seq, mut policy) = (Lines::new(), 0, None);
        for record in &records {
            let (mut audit, mut decisions) = (Vec::new(), Vec::new());
            lines.write(record, &mut audit, &mut decisions).unwrap();
            let decisions = String::from_utf8(decisions).unwrap();
            let mut decisions = decisions.lines();
            for event in record.events() {
                let Event::Compliance(event) = event else { continue };
                if let compliance::Event::PolicyActivated { version, digest, .. } = event {
                    policy = Some(Policy { version: *version, digest: digest.to_string() });
                    assert!(decisions.next().unwrap().contains(r#""kind":"activation""#));
                    seq += 1;
                }
                if let compliance::Event::OrderChecked { restricted: by, allowed, .. } = event {
                    seq += 1;
                    let expected = decision_line(record, event, seq, policy.clone());
                    assert_eq!(object(decisions.next().unwrap()), expected);
                    restricted += u32::from(by.is_some());
                    denied += u32::from(!allowed);
                }
            }
            assert_eq!(decisions.next(), None);
            assert_eq!(object(&String::from_utf8(audit).unwrap()), audit_line(record, seq));
        }
    }
    assert_eq!((restricted, denied), (2, 4), "the orders show each kind of no");
}
