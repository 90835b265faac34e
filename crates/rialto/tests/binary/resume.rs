//! kill -9 in the middle of long work: it goes on where it was, and what there is of everything stays what it was.

use crate::server::{Server, printed, run, token};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

const DATE: &str = "2023-02-07";
/// Trades of one run: more than it settles in one step.
const TRADES: usize = 600;

fn minor(text: &Value) -> i64 {
    text.as_str().unwrap().replace('.', "").parse().unwrap()
}

/// What both accounts have of each asset: available, frozen, in clearing; in minor units.
fn balances(server: &Server) -> BTreeMap<(String, String), [i64; 3]> {
    let operator = token(&server.data, "operator-1", "operator");
    let of = |account: &'static str| {
        let lines = server.list(&operator, &format!("/trading/accounts/{account}/balances"));
        lines.into_iter().map(move |line| {
            let amounts = ["available", "frozen", "clearing"].map(|kind| minor(&line[kind]));
            ((account.to_owned(), line["asset"].as_str().unwrap().to_owned()), amounts)
        })
    };
    of("ANN").chain(of("BOB")).collect()
}

fn assert_totals_are_conserved(server: &Server) {
    let mut totals: BTreeMap<String, i64> = BTreeMap::new();
    for ((_, asset), amounts) in balances(server) {
        *totals.entry(asset).or_default() += amounts.iter().sum::<i64>();
    }
    assert_eq!(totals, BTreeMap::from([("ACME".to_owned(), 1_000_000), ("EUR".to_owned(), 1_000_000_00)]));
}

fn market(directory: &Path) -> Server {
    let server = Server::start(directory);
    server.open_market();
    server.open_seller();
    server
}

fn order(account: &str, side: &str, quantity: usize) -> Value {
    json!({"account": account, "instrument": "ACME", "side": side, "price": "1.00",
           "quantity": quantity.to_string(), "time_in_force": "good_till_cancel"})
}

/// Bob sells Ann so many shares, one a trade.
fn trade(server: &Server) {
    let bob = token(&server.data, "bob", "trader");
    let ann = token(&server.data, "ann", "trader");
    let sells = json!({"orders": vec![order("BOB", "sell", 1); TRADES]});
    server.must(&bob, "/trading/orders/batch", &sells);
    assert_eq!(server.must(&ann, "/trading/orders", &order("ANN", "buy", TRADES))["status"], "executed");
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn verify(server: &mut Server) {
    assert_eq!(server.terminate(), Some(0));
    let data = server.data.to_str().unwrap().to_owned();
    printed(&run(&["journal", "verify", "--data", &data]));
    printed(&run(&["audit", "verify", "--data", &data]));
}

#[test]
fn fault_13_a_settlement_run_killed_at_any_moment_is_finished_after_the_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = market(directory.path());
    let operator = token(directory.path(), "operator-1", "operator");
    let mut interrupted = 0;
    for round in 1..=10_u64 {
        trade(&server);
        let before = server.position();
        std::thread::scope(|scope| {
            let process = json!({"date": DATE});
            let (server, operator) = (&server, &operator);
            scope.spawn(move || drop(server.post(operator, "/settlement/process", &process)));
            // A little further in each round.
            wait_until("the run has begun", || server.position() > before + (round - 1) % 4);
            let pid = server.id().to_string();
            assert!(std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
        });
        server.kill();
        let data = directory.path().to_str().unwrap();
        let at_restart =
            serde_json::from_str::<Value>(&printed(&run(&["journal", "verify", "--json", "--data", data])));
        let at_restart = at_restart.unwrap()["last_position"].as_u64().unwrap();
        server = Server::start(directory.path());
        // Nobody asks for it again: it goes on by itself.
        let complete = || {
            let runs = server.list(&operator, "/settlement/runs");
            runs.len() as u64 == round && runs[0]["completed_position"].is_u64()
        };
        wait_until("the run is complete", complete);
        let since = server.audit_lines(at_restart + 1..=server.position());
        interrupted += u64::from(since.iter().any(|line| line["actor"] == "system"));
        let all = balances(&server);
        let settled = i64::try_from(TRADES).unwrap() * i64::try_from(round).unwrap();
        assert_eq!(all[&("ANN".into(), "ACME".into())], [settled, 0, 0], "each trade is settled once");
        assert_eq!(all[&("BOB".into(), "EUR".into())], [settled * 1_00, 0, 0]);
        assert_totals_are_conserved(&server);
        if interrupted == 2 {
            break;
        }
    }
    assert!(interrupted > 0, "no kill has met a run");
    verify(&mut server);
}

/// One block trade after another, each proposed by Bob and agreed to, or refused, by Ann; until the server is gone.
fn negotiate(server: &Server, bob: &str, ann: &str) {
    let propose = json!({"account": "BOB", "counterparty": "ANN", "instrument": "ACME", "side": "sell",
                         "price": "2.00", "quantity": "3"});
    for number in 0.. {
        let Ok((status, block)) = server.post(bob, "/trading/blocks", &propose) else { return };
        assert_eq!(status, 201, "{block}");
        let word = if number % 3 == 2 { "refuse" } else { "consent" };
        let path = format!("/trading/blocks/{}/{word}", block["block"]);
        let Ok((status, done)) = server.post(ann, &path, &json!({"account": "ANN"})) else { return };
        assert_eq!(status, 200, "{done}");
    }
}

#[test]
fn fault_13_block_trades_killed_between_any_two_steps_end_complete_or_undone() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = market(directory.path());
    let bob = token(directory.path(), "bob", "trader");
    let ann = token(directory.path(), "ann", "trader");
    for round in 0..3_u64 {
        let before = server.position();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| negotiate(&server, &bob, &ann));
            }
            wait_until("there are some", || server.position() > before + 20 + round);
            let pid = server.id().to_string();
            assert!(std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
        });
        server.kill();
        server = Server::start(directory.path());
        assert_totals_are_conserved(&server);
        for open in server.list(&ann, "/trading/blocks?stage=awaiting_consent") {
            let path = format!("/trading/blocks/{}/consent", open["block"]);
            server.must(&ann, &path, &json!({"account": "ANN"}));
        }
        let blocks = server.list(&ann, "/trading/blocks");
        let in_stage = |stage: &str| blocks.iter().filter(|block| block["stage"] == stage).count();
        let (complete, undone) = (in_stage("complete"), in_stage("undone"));
        assert!(complete > 0 && undone > 0 && complete + undone == blocks.len(), "{blocks:?}");
        assert_totals_are_conserved(&server);
        let shares = 3 * i64::try_from(complete).unwrap();
        let all = balances(&server);
        let [_, frozen, clearing] = all[&("BOB".into(), "ACME".into())];
        assert_eq!(
            (frozen, clearing),
            (0, shares),
            "what is complete is in clearing, and nothing is left held"
        );
        let [_, frozen, clearing] = all[&("ANN".into(), "EUR".into())];
        assert_eq!((frozen, clearing), (0, shares * 2_00));
    }
    verify(&mut server);
}
