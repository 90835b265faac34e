//! A recorded day, small and made up: what a replay counts, compares and says.

use crate::server::run;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

const HEADING: &str = "time,phase,action,order,side,price,quantity\n";

/// So many pairs of a sell and the buy that takes it, one share each, the sells and the buys numbered in turn.
fn pairs(count: u64) -> String {
    let mut rows = HEADING.to_owned();
    for pair in 0..count {
        let (sell, buy) = (pair * 2 + 1, pair * 2 + 2);
        let time = format!("10:{:02}:00.00", pair * 60 / count);
        writeln!(rows, "{time},continuous,new,{sell},S,100.00,1").unwrap();
        writeln!(rows, "{time},continuous,new,{buy},B,100.00,1").unwrap();
    }
    rows
}

fn trades(count: u64, wrong: Option<u64>) -> String {
    let mut rows = "time,buy_order,sell_order,price,quantity\n".to_owned();
    for pair in 0..count {
        let quantity = if wrong == Some(pair) { 2 } else { 1 };
        writeln!(rows, "10:00:00.00,{},{},100.00,{quantity}", pair * 2 + 2, pair * 2 + 1).unwrap();
    }
    rows
}

/// Exit code, what was printed, and what was said on standard error.
fn replay(orders: &str, expected: Option<&str>, more: &[&str]) -> (Option<i32>, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| -> String {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        Path::to_str(&path).unwrap().to_owned()
    };
    let orders = write("orders.csv", orders);
    let mut arguments = vec!["replay", "--date", "2023-02-07", "--orders", &orders];
    let expected = expected.map(|text| write("trades.csv", text));
    if let Some(expected) = &expected {
        arguments.extend(["--expect-trades", expected]);
    }
    arguments.extend(more);
    let output = run(&arguments);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn what_is_not_given_is_not_compared() {
    let (code, said, _) = replay(&pairs(3), None, &[]);
    assert_eq!(code, Some(0));
    assert!(said.contains("trades      3, not compared\nsnapshots   not compared\n"), "{said}");
    let (_, said, _) = replay(&pairs(3), None, &["--json"]);
    let summary = json(&said);
    assert!(summary["trade_mismatches"].is_null() && summary["snapshot_mismatches"].is_null(), "{summary}");
    let (_, said, _) = replay(&pairs(3), Some(&trades(3, None)), &["--json"]);
    let summary = json(&said);
    assert_eq!(summary["trade_mismatches"], 0, "{summary}");
    assert!(summary["snapshot_mismatches"].is_null(), "{summary}");
}

#[test]
fn the_first_difference_is_shown_and_ends_it() {
    const COUNT: u64 = 20_000;
    let (code, said, complaint) = replay(&pairs(COUNT), Some(&trades(COUNT, Some(2))), &["--json"]);
    assert_eq!(code, Some(1));
    assert!(
        complaint.contains("trade 3: expected 2 at 100.00 between buy 6 and sell 5, got 1"),
        "{complaint}"
    );
    let summary = json(&said);
    assert_eq!(summary["trade_mismatches"], 1);
    assert!(summary["orders"].as_u64().unwrap() < COUNT, "the day went on: {summary}");
    assert_eq!(summary["conserved"], true);
}

#[test]
fn a_trade_too_few_is_a_difference() {
    let (code, said, complaint) = replay(&pairs(3), Some(&trades(4, None)), &["--json"]);
    assert_eq!(code, Some(1));
    assert!(complaint.contains("1 trades are missing at the end"), "{complaint}");
    assert_eq!(json(&said)["trade_mismatches"], 1);
}

#[test]
fn orders_are_accepted_or_refused_and_cancels_are_counted_apart() {
    let mut orders = pairs(300);
    orders.push_str("10:59:59.00,continuous,new,9001,B,100.00,10001\n");
    orders.push_str("10:59:59.10,continuous,cancel,9001,B,,\n");
    orders.push_str("10:59:59.20,continuous,new,9002,B,99.00,1\n");
    orders.push_str("10:59:59.30,continuous,cancel,9002,B,,\n");
    let options = ["--limits", "case-study", "--accounts", "2", "--json"];
    let (code, said, complaint) = replay(&orders, None, &options);
    assert_eq!(code, Some(0), "{complaint}");
    let summary = json(&said);
    let refused: u64 = summary["refused"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(summary["orders"], 602);
    assert_eq!(summary["accepted"].as_u64().unwrap() + refused, 602, "{summary}");
    assert_eq!((&summary["cancels"], &summary["cancels_refused"]), (&Value::from(2), &Value::from(2)));
    assert_eq!(summary["accepted"], 200, "a hundred an hour each: {summary}");
    assert!(summary["reasons"]["compliance.orders-per-hour"].as_str().unwrap().contains("100"), "{summary}");
    let (_, table, _) = replay(&orders, None, &options[..4]);
    let reason = summary["reasons"]["compliance.orders-per-hour"].as_str().unwrap();
    assert!(table.contains(&format!("compliance.orders-per-hour: {reason}")), "{table}");
}

#[test]
fn under_the_case_studys_limits_every_run_refuses_the_same() {
    let orders = pairs(2_000);
    let counts = || {
        let (_, said, _) = replay(&orders, None, &["--limits", "case-study", "--accounts", "7", "--json"]);
        let summary = json(&said);
        (summary["accepted"].clone(), summary["refused"].clone(), summary["trades"].clone())
    };
    assert_eq!(counts(), counts());
}
