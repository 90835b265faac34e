//! Copies of a journal, and what a journal comes to.

use crate::server::{Server, printed, run, token};
use serde_json::Value;

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(&run(&[arguments, &["--json"]].concat()))).unwrap()
}

#[test]
fn a_journal_is_copied_beside_its_server_added_to_and_run_from_the_copy() {
    let (directory, server) = Server::trading();
    let trader = token(directory.path(), "ann", "trader");
    let place = |from: u64| {
        for number in from..from + 5 {
            server.must(&trader, "/trading/orders", &Server::order(&format!("order-{number}")));
        }
    };
    place(0);
    let elsewhere = tempfile::tempdir().unwrap();
    let (data, copy) = (directory.path().to_str().unwrap(), elsewhere.path().join("copy"));
    let copy = copy.to_str().unwrap();
    let first = json(&["journal", "copy", "--from", data, "--to", copy]);
    assert_eq!(first["last_position"], server.position());
    assert_eq!(json(&["journal", "state", "--data", data]), json(&["journal", "state", "--data", copy]));
    place(5);
    assert_ne!(
        json(&["journal", "state", "--data", data])["state"],
        json(&["journal", "state", "--data", copy])["state"],
        "orders that are not in the copy change the state"
    );
    let second = json(&["journal", "copy", "--from", data, "--to", copy]);
    assert_eq!((&second["copied_records"], &second["last_position"]), (&5.into(), &server.position().into()));
    assert_eq!(json(&["journal", "state", "--data", data]), json(&["journal", "state", "--data", copy]));
    printed(&run(&["journal", "verify", "--data", copy]));
    // As it was when the first copy was made.
    let then = elsewhere.path().join("then");
    let then = then.to_str().unwrap();
    let position = first["last_position"].to_string();
    let until = json(&["journal", "copy", "--from", copy, "--to", then, "--until", &position]);
    assert_eq!((&until["last_position"], &until["hash"]), (&first["last_position"], &first["hash"]));
    drop(server);
    let copied = Server::start(elsewhere.path().join("copy").as_path());
    let trader = token(&copied.data, "ann", "trader");
    assert_eq!(copied.list(&trader, "/trading/orders").len(), 10);
}

#[test]
fn what_is_another_journal_is_left_as_it_is() {
    let (one, first) = Server::trading();
    let (two, second) = Server::trading();
    drop((first, second));
    let paths = [&one, &two].map(|directory| directory.path().to_str().unwrap());
    let before = json(&["journal", "state", "--data", paths[1]]);
    let refused = run(&["journal", "copy", "--from", paths[0], "--to", paths[1]]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!((refused.status.code(), said.lines().count()), (Some(2), 1), "{said}");
    assert!(said.contains("holds another journal than"), "{said}");
    assert_eq!(json(&["journal", "state", "--data", paths[1]]), before);
}

#[test]
fn the_facts_of_a_state_are_lines_that_can_be_compared() {
    let (directory, server) = Server::trading();
    let trader = token(directory.path(), "ann", "trader");
    server.must(&trader, "/trading/orders", &Server::order("order-1"));
    let facts = printed(&run(&["journal", "state", "--data", directory.path().to_str().unwrap(), "--facts"]));
    for fact in [
        "  asset ACME Security scale 0",
        "  account ANN of NORTH owner ann",
        "  book ACME Buy order 0",
        "  quota NORTH EUR 100000000000 held ",
        "  alert at 80 %",
    ] {
        assert!(facts.lines().any(|line| line.starts_with(fact)), "{fact} is not in\n{facts}");
    }
}
