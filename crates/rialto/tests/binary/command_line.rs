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

fn said(arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(arguments);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_command_that_stands_alone_is_told_what_it_lacks() {
    let known = "place, cancel, replace, list, show, trace";
    let lacks = format!("rialto: a subcommand is required: {known} (see rialto order --help)\n");
    assert_eq!(said(&["order"]), (Some(2), lacks.clone()));
    assert_eq!(said(&["order", "--json"]), (Some(2), lacks));
    let (code, whole) = said(&[]);
    assert_eq!(code, Some(2));
    assert!(whole.starts_with("rialto: a subcommand is required: up, order, "), "{whole}");
}

#[test]
fn what_is_no_order_id_is_said_in_words() {
    for command in ["show", "trace", "cancel", "replace"] {
        let (code, why) = said(&["order", command, "abc", "--data", "nowhere"]);
        assert_eq!(code, Some(2));
        assert!(why.contains("order id must be a whole number"), "{why}");
    }
}

#[test]
fn proofs_say_once_that_there_is_nothing_to_prove() {
    let (code, why) = said(&["journal", "verify", "--data", "nowhere"]);
    assert_eq!((code, why.as_str()), (Some(2), "rialto: there is no journal in nowhere\n"));
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    drop(Server::start(directory.path()));
    std::fs::remove_dir_all(directory.path().join("audit")).unwrap();
    let (code, why) = said(&["audit", "verify", "--data", data]);
    assert_eq!((code, why), (Some(1), format!("rialto: there is no audit log in {data}\n")));
}

#[test]
fn a_proof_beside_a_running_server_states_what_it_proved() {
    let (directory, server) = Server::trading();
    let data = directory.path().to_str().unwrap();
    let trader = token(directory.path(), "ann", "trader");
    std::thread::scope(|scope| {
        let orders = scope.spawn(|| {
            for number in 0..300 {
                server.must(&trader, "/trading/orders", &Server::order(&format!("o-{number}")));
            }
        });
        while !orders.is_finished() {
            let output = run(&["journal", "verify", "--data", data, "--json"]);
            let proved: Value = serde_json::from_str(&printed(&output)).unwrap();
            assert_eq!(proved["records"], proved["last_position"], "{proved}");
        }
    });
}

#[test]
fn an_order_is_replaced_and_all_are_cancelled_from_the_command_line() {
    let (directory, server) = Server::trading();
    let trader = token(directory.path(), "ann", "trader");
    let placed: Vec<String> = ["one", "two"]
        .map(|id| server.must(&trader, "/trading/orders", &Server::order(id))["order"].to_string())
        .to_vec();
    let data = directory.path().to_str().unwrap();
    let open = || server.list(&trader, "/trading/orders?account=ANN&status=open");
    server.list(&trader, "/trading/orders");
    let replaced =
        printed(&run(&["order", "replace", &placed[0], "--price", "2.00", "--json", "--data", data]));
    let replaced: Value = serde_json::from_str(&replaced).unwrap();
    let now: Vec<String> = open().iter().map(|order| order["order"].to_string()).collect();
    assert!(now.contains(&replaced["order"].to_string()) && !now.contains(&placed[0]), "{replaced} {now:?}");
    assert_eq!(now.len(), 2);
    printed(&run(&["order", "cancel", "--all", "--account", "ANN", "--data", data]));
    assert_eq!(open(), Vec::<Value>::new());
}

#[test]
fn a_refusal_says_code_order_and_correlation_and_is_a_document_for_programs() {
    let (directory, _server) = Server::trading();
    let data = directory.path().to_str().unwrap();
    printed(&run(&["account", "deposit", "ANN", "--asset", "EUR", "--amount", "1000000", "--data", data]));
    let place = |quantity: &str, more: &[&str]| {
        let order = ["order", "place", "--account", "ANN", "--instrument", "ACME", "--side", "buy"];
        let terms = ["--price", "100.00", "--quantity", quantity, "--data", data];
        said(&[&order[..], &terms, more].concat())
    };
    let (code, line) = place("10001", &[]);
    assert_eq!((code, line.lines().count()), (Some(1), 1), "{line}");
    for part in ["compliance.single-order-limit", ", order ", ", correlation "] {
        assert!(line.contains(part), "{part} is missing: {line}");
    }
    let (code, line) = place("10001", &["--json"]);
    assert_eq!((code, line.lines().count()), (Some(1), 1), "{line}");
    let problem: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(problem["code"], "compliance.single-order-limit");
    assert!(problem["order"].is_u64(), "{problem}");
    let (code, line) = place("-5", &[]);
    assert_eq!(code, Some(1));
    assert!(line.contains("field quantity"), "the server's own reason: {line}");
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
    let (directory, _server) = Server::trading();
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
