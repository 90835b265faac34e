//! Every record has its line, and the line says what came of it.

use super::market::{BEFORE_MIDNIGHT, Journal, Market, a_few_days, batch, id, limit};
use crate::event_fact::EventFact;
use crate::{AuditLog, verify, verify_against};
use engine::{Command, Event};
use node::Follower;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;
use vocabulary::Side;

/// The lines of all files of a log, by file.
fn read(dir: &TempDir, log: &str) -> BTreeMap<String, Vec<Value>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir.path().join("audit")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with(log) {
            let text = fs::read_to_string(entry.path()).unwrap();
            files.insert(name, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect());
        }
    }
    files
}

fn logged() -> TempDir {
    let dir = TempDir::new().unwrap();
    AuditLog::open(dir.path(), 0).unwrap().follow(&batch(&a_few_days())).unwrap();
    dir
}

#[test]
fn every_record_has_one_line_in_the_file_of_its_day() {
    let dir = logged();
    let files = read(&dir, "audit-");
    let names: Vec<_> = files.keys().collect();
    assert_eq!(names, ["audit-2026-11-22.jsonl", "audit-2026-11-23.jsonl", "audit-2026-11-24.jsonl"]);
    let lines: Vec<&Value> = files.values().flatten().collect();
    let records = a_few_days();
    assert_eq!(lines.len(), records.len());
    for (line, record) in lines.iter().zip(&records) {
        assert_eq!(line["position"], record.moment.position);
        assert_eq!(line["time"], record.moment.time.to_string());
        assert_eq!(line["correlation"], record.request.correlation.to_string());
        assert_eq!(line["command"], serde_json::to_value(&record.request.command).unwrap());
        let counted: u64 = line["events"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
        assert_eq!(counted, record.events().len() as u64);
    }
    let decisions: Vec<_> = read(&dir, "decisions-").into_keys().collect();
    assert_eq!(decisions, ["decisions-2026-11-22.jsonl", "decisions-2026-11-24.jsonl"]);
    let summary = verify_against(dir.path(), &Journal::of(&records), |_| ()).unwrap();
    assert_eq!(summary, verify(dir.path(), 0, |_| ()).unwrap());
    assert_eq!((summary.audit.files, summary.audit.lines), (3, records.len() as u64));
    assert_eq!(summary.audit.last_position, Some(records.len() as u64));
    assert_eq!((summary.decisions.files, summary.decisions.lines), (2, 7));
}

#[test]
fn a_line_says_what_was_asked_and_what_came_of_it() {
    let dir = logged();
    let files = read(&dir, "audit-");
    let lines: Vec<&Value> = files.values().flatten().skip(16).collect();
    let short: Vec<Value> = lines
        .iter()
        .map(|line| json!([line["action"], line["subject"], line["outcome"], line["code"], line["orders"]]))
        .collect();
    let placed = json!({"account": "ANN", "instrument": "ACME", "user": "user-1"});
    let expected = [
        json!(["trading.place-order", {"account": "BOB", "instrument": "ACME", "user": "user-1"}, "accepted", null, [17]]),
        json!(["trading.place-order", placed, "accepted", null, [17, 18]]),
        json!(["trading.place-order", placed, "rejected", "compliance.single-order-limit", [19]]),
        json!(["trading.cancel-order", {"order": 7}, "refused", "trading.order-not-open", []]),
        json!(["node.record-access", {}, "accepted", null, []]),
        json!(["node.record-access", {}, "refused", "api.forbidden", []]),
        json!(["node.expire-deadlines", {}, "unchanged", null, []]),
        json!(["compliance.activate-policy", {}, "accepted", null, []]),
        json!(["trading.place-order", placed, "rejected", "compliance.single-order-limit", [25]]),
        json!(["trading.place-order", placed, "accepted", null, [17, 26]]),
        json!(["trading.cancel-order", {"order": 17}, "accepted", null, [17]]),
    ];
    assert_eq!(short, expected);
    assert_eq!(lines[3]["message"], "there is no open order 7");
}

#[test]
fn a_decision_names_the_bundle_that_was_in_force_and_what_it_saw() {
    let dir = logged();
    let files = read(&dir, "decisions-");
    let lines: Vec<&Value> = files.values().flatten().collect();
    let short: Vec<Value> = lines
        .iter()
        .map(|line| {
            json!([
                line["seq"],
                line["kind"],
                line["decision_id"],
                line["policy"]["version"],
                line["allowed"]
            ])
        })
        .collect();
    let expected = [
        json!([1, "activation", null, 1, null]),
        json!([2, "decision", 17, 1, true]),
        json!([3, "decision", 18, 1, true]),
        json!([4, "decision", 19, 1, false]),
        json!([5, "activation", null, 2, null]),
        json!([6, "decision", 25, 2, false]),
        json!([7, "decision", 26, 2, true]),
    ];
    assert_eq!(short, expected);
    assert_eq!(lines[1]["policy"]["digest"], compliance::default_bundle().digest().to_string());
    assert_ne!(lines[5]["policy"]["digest"], lines[1]["policy"]["digest"]);
    assert_eq!(lines[3]["input"]["attributes"]["request"]["body"]["amount_minor"], 200_000_000);
    assert_eq!(lines[3]["reasons"][0]["code"], "compliance.single-order-limit");
}

#[test]
fn events_are_named_as_they_show_everywhere_else() {
    let mut names = BTreeMap::new();
    for record in a_few_days().iter().chain(&block_trade()) {
        for event in record.events() {
            let shown = serde_json::to_value(event).unwrap();
            let (shown, _) = shown.as_object().unwrap().iter().next().unwrap();
            assert_eq!(EventFact::of(event).name, shown);
            names.insert(shown.clone(), std::mem::discriminant(event));
        }
    }
    assert!(names.len() > 25, "{:?}", names.keys());
}

#[test]
fn a_block_trade_touches_both_of_its_orders() {
    let records = block_trade();
    let consent = records.last().unwrap();
    assert!(consent.events().iter().any(|event| matches!(event, Event::Block(_))));
    let dir = TempDir::new().unwrap();
    AuditLog::open(dir.path(), 0).unwrap().follow(&batch(&records)).unwrap();
    let files = read(&dir, "audit-");
    let lines: Vec<&Value> = files.values().flatten().skip(16).collect();
    assert_eq!(lines[0]["action"], "block.propose");
    assert_eq!((&lines[1]["action"], &lines[1]["orders"]), (&json!("block.consent"), &json!([17, 18])));
    assert_eq!(lines[1]["subject"], json!({"block": 17, "account": "BOB", "user": "user-2"}));
}

pub(super) fn block_trade() -> Vec<engine::Record> {
    let mut market = Market::open(BEFORE_MIDNIGHT);
    let order = limit("ANN", Side::Buy, 10_000, 5);
    market.run(Command::ProposeBlock(engine::block::ProposeBlock {
        account: order.account,
        counterparty: id("BOB"),
        instrument: order.instrument,
        side: order.side,
        price: vocabulary::Price(10_000),
        quantity: order.quantity,
        consent_ns: 1_000_000_000,
        user: order.user,
    }));
    let block = vocabulary::OrderId(17);
    market.run(Command::ConsentBlock { block, account: id("BOB"), user: id("user-2") });
    market.records
}

#[test]
fn only_the_owner_of_the_process_can_read_the_log() {
    let dir = logged();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let audit = dir.path().join("audit");
    assert_eq!(mode(&audit), 0o700);
    for entry in fs::read_dir(audit).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}
