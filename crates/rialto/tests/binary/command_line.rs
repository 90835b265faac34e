//! The command line: what it prints, and how it says no.

use crate::server::{Server, printed, run, token};
use serde_json::Value;

#[test]
fn misuse_is_one_line_and_exit_code_2() {
    let nowhere = tempfile::tempdir().unwrap();
    let empty = nowhere.path().join("empty");
    let empty = empty.to_str().unwrap();
    let cases: [&[&str]; 10] = [
        &[],
        &["nonsense"],
        &["order", "place", "--account", "ANN"],
        &["order", "list", "--data", empty],
        &["settle", "yesterday"],
        &["token", "--user", "me", "--role", "king", "--data", empty],
        &["token", "--user", "me", "--role", "auditor", "--data", empty],
        &["journal", "verify", "--data", empty],
        &["replay", "--orders", "/no/such/file.csv"],
        &["up", "--listen", "nowhere"],
    ];
    for arguments in cases {
        let output = run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
        assert!(said.starts_with("rialto: "), "{said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn help_names_every_command() {
    let help = printed(&run(&["--help"]));
    for command in ["up", "order", "account", "settle", "report", "token", "audit", "journal", "replay"] {
        assert!(
            help.lines().any(|line| line.trim_start().starts_with(command)),
            "{command} is missing in:\n{help}"
        );
        printed(&run(&[command, "--help"]));
    }
}

#[test]
fn an_order_is_placed_listed_traced_and_settled_from_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    server.open_market();
    let data = directory.path().to_str().unwrap();
    let json = |arguments: &[&str]| -> Value {
        serde_json::from_str(&printed(&run(&[arguments, &["--json", "--data", data]].concat()))).unwrap()
    };
    json(&["account", "open", "BOB", "--participant", "NORTH", "--owner", "bob"]);
    json(&["account", "deposit", "BOB", "--asset", "ACME", "--amount", "100"]);
    let place = |account: &str, side: &str| {
        let order = ["order", "place", "--account", account, "--instrument", "ACME", "--side", side];
        json(&[&order[..], &["--quantity", "5", "--price", "100.00"]].concat())
    };
    let sell = place("BOB", "sell");
    assert_eq!(sell["status"], "open");
    let buy = place("ANN", "buy");
    assert_eq!(buy["status"], "executed");
    let settled = json(&["settle", "2023-02-07"]);
    assert_eq!(settled["settled"], 1, "{settled}");
    let order = buy["order"].to_string();
    let trace = printed(&run(&["order", "trace", &order, "--data", data]));
    let at = |event: &str| trace.find(event).unwrap_or_else(|| panic!("{event} is missing in:\n{trace}"));
    let life =
        ["OrderCreated", "OrderChecked", "ExposureHeld", "QuotaHeld", "OrderAccepted", "OrderExecuted"];
    assert!(life.windows(2).all(|pair| at(pair[0]) < at(pair[1])), "{trace}");
    assert!(at("OrderExecuted") < at("OrderSettled"), "{trace}");
    let balances = printed(&run(&["account", "show", "ANN", "--data", data]));
    assert!(balances.contains("999500.00"), "{balances}");
    let list = json(&["order", "list"]);
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2), "{list}");
    let report = printed(&run(&["report", "settlement", "2023-02-07", "--data", data]));
    assert!(report.contains("NORTH"), "{report}");
    let refused = run(&[
        "order",
        "place",
        "--account",
        "ANN",
        "--instrument",
        "NONE",
        "--side",
        "buy",
        "--quantity",
        "1",
        "--price",
        "1.00",
        "--data",
        data,
    ]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("NONE") && said.lines().count() == 1, "{said}");
}

#[test]
fn a_second_server_on_the_same_data_is_refused_with_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let _server = Server::start(directory.path());
    let second = run(&["up", "--listen", "127.0.0.1:0", "--data", directory.path().to_str().unwrap()]);
    assert_eq!(second.status.code(), Some(2));
    assert_eq!(String::from_utf8(second.stderr).unwrap().lines().count(), 1);
}

#[test]
fn an_auditor_reads_with_a_token_and_nobody_without() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    let auditor = token(directory.path(), "auditor-1", "auditor");
    assert_eq!(server.get(&auditor, "/trading/orders").0, 200);
    assert_eq!(server.get("nonsense", "/trading/orders").0, 401);
}
