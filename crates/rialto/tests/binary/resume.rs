//! kill -9 in the middle of long work: it goes on where it was, and what there is of everything stays what it was.

use crate::copies::{append, copy_of, records_from};
use crate::server::{Server, printed, run, token};
use node::journal::JournalReader;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use store::sqlite::SqliteReader;

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

const PROCESS: &str = "/settlement/process";

fn assert_settled(server: &Server, trades: i64) {
    let all = balances(server);
    assert_eq!(all[&("ANN".into(), "ACME".into())], [trades, 0, 0], "each trade is settled once");
    assert_eq!(all[&("BOB".into(), "EUR".into())], [trades * 1_00, 0, 0]);
    assert_totals_are_conserved(server);
}

/// Waits until there are so many runs, and the last of them is complete.
fn wait_for_run(server: &Server, number: usize) {
    let operator = token(&server.data, "operator-1", "operator");
    let complete = || {
        let runs = server.list(&operator, "/settlement/runs");
        runs.len() == number && runs[0]["completed_position"].is_u64()
    };
    wait_until("the run is complete", complete);
}

#[test]
fn fault_13_a_settlement_run_cut_after_any_record_is_finished_after_the_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = market(directory.path());
    let operator = token(directory.path(), "operator-1", "operator");
    trade(&server);
    assert_eq!(server.terminate(), Some(0));
    let before = copy_of(directory.path());
    let next = SqliteReader::open(directory.path(), 0).unwrap().tail().unwrap().next_position;
    server = Server::start(directory.path());
    server.must(&operator, PROCESS, &json!({"date": DATE}));
    let whole = server.list(&operator, "/settlement/runs");
    verify(&mut server);
    let records = records_from(directory.path(), next);
    let [begun, complete] =
        ["started_position", "completed_position"].map(|name| whole[0][name].as_u64().unwrap());
    assert!(complete > begun + 2, "the run takes several steps");
    for last in begun..=complete {
        let cut = copy_of(before.path());
        append(cut.path(), &records[..=usize::try_from(last - next).unwrap()]);
        let mut server = Server::start(cut.path());
        // Nobody asks for it again: it goes on by itself.
        wait_for_run(&server, 1);
        let again = server.list(&operator, "/settlement/runs");
        for unchanged in ["run", "actor", "correlation", "started_position", "trades", "settled", "recycled"]
        {
            assert_eq!(again[0][unchanged], whole[0][unchanged], "{unchanged}");
        }
        assert_settled(&server, i64::try_from(TRADES).unwrap());
        verify(&mut server);
    }
}

#[test]
fn fault_13_a_settlement_run_killed_at_any_moment_is_finished_after_the_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = market(directory.path());
    let operator = token(directory.path(), "operator-1", "operator");
    for round in 1..=4_u8 {
        trade(&server);
        let before = server.position();
        std::thread::scope(|scope| {
            let process = json!({"date": DATE});
            let (server, operator) = (&server, &operator);
            scope.spawn(move || drop(server.post(operator, PROCESS, &process)));
            // A little further in each round.
            wait_until("the run has begun", || server.position() >= before + u64::from(round));
            let pid = server.id().to_string();
            assert!(std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
        });
        server.kill();
        server = Server::start(directory.path());
        wait_for_run(&server, usize::from(round));
        assert_settled(&server, i64::try_from(TRADES).unwrap() * i64::from(round));
    }
    verify(&mut server);
}

/// One block trade after another, each proposed by Bob and agreed to, or refused, by Ann; until the server is gone.
/// Counts those that were refused.
fn negotiate(server: &Server, bob: &str, ann: &str, refused: &AtomicUsize) {
    let propose = json!({"account": "BOB", "counterparty": "ANN", "instrument": "ACME", "side": "sell",
                         "price": "2.00", "quantity": "3"});
    for number in 0.. {
        let Ok((status, block)) = server.post(bob, "/trading/blocks", &propose) else { return };
        assert_eq!(status, 201, "{block}");
        let word = if number % 3 == 2 { "refuse" } else { "consent" };
        let path = format!("/trading/blocks/{}/{word}", block["block"]);
        let Ok((status, done)) = server.post(ann, &path, &json!({"account": "ANN"})) else { return };
        assert_eq!(status, 200, "{done}");
        refused.fetch_add(usize::from(word == "refuse"), Ordering::Relaxed);
    }
}

#[test]
fn fault_13_block_trades_killed_between_any_two_steps_end_complete_or_undone() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = market(directory.path());
    let bob = token(directory.path(), "bob", "trader");
    let ann = token(directory.path(), "ann", "trader");
    for round in 0..3 {
        let refused = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| negotiate(&server, &bob, &ann, &refused));
            }
            wait_until("there are some", || refused.load(Ordering::Relaxed) > round);
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
