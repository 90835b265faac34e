//! Views and audit log follow the journal: one that cannot go on stops alone, says so, and misses nothing in the end.

use crate::server::{Refused, Server, printed, rialto, run, token};
use node::Clock;
use node::journal::{Chain, Journal, JournalReader, frame_into};
use rusqlite::Connection;
use serde_json::json;
use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};
use store::sqlite::SqliteJournal;
use store::{Check, Founding};
use vocabulary::Timestamp;

/// Waits until the metrics say that this follower, and no other, has stopped.
fn wait_until_only_this_has_failed(server: &Server, follower: &str) {
    let auditor = token(&server.data, "auditor-1", "auditor");
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let (_, metrics) = server.get(&auditor, "/metrics");
        let metrics = metrics.as_str().unwrap();
        let failed: Vec<&str> = metrics
            .lines()
            .filter(|line| line.starts_with("follower_failed{") && line.ends_with(" 1"))
            .collect();
        if let [one] = failed[..] {
            assert!(one.contains(&format!("follower=\"{follower}\"")), "{one}");
            return;
        }
        assert!(failed.is_empty() && Instant::now() < deadline, "{failed:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn place(server: &Server, client_order_id: &str) {
    let trader = token(&server.data, "ann", "trader");
    let placed = server.post(&trader, "/trading/orders", &Server::order(client_order_id)).unwrap();
    assert_eq!(placed.0, 201, "{}", placed.1);
}

fn end(mut server: Server) {
    assert_eq!(server.terminate(), Some(0));
    let data = server.data.to_str().unwrap();
    printed(&run(&["journal", "verify", "--data", data]));
    printed(&run(&["audit", "verify", "--data", data]));
}

#[test]
fn fault_12_views_that_cannot_take_a_record_stop_alone_and_catch_up_when_they_can() {
    let (directory, mut server) = Server::trading();
    assert_eq!(server.terminate(), Some(0));
    let views = |statement: &str| {
        let views = Connection::open(directory.path().join("views.db")).unwrap();
        views.execute_batch(statement).unwrap();
    };
    views("CREATE TRIGGER poison BEFORE INSERT ON order_rows BEGIN SELECT RAISE(ABORT, 'poisoned'); END");

    let mut server = Server::start(directory.path());
    place(&server, "c-1");
    wait_until_only_this_has_failed(&server, "views");
    let said = server.log();
    assert!(said.contains("a follower has stopped") && said.contains("poisoned"), "{said}");
    place(&server, "c-2");
    server.audit_lines(server.position()..=server.position());
    let trader = token(directory.path(), "ann", "trader");
    let (status, problem) = server.get(&trader, &format!("/trading/orders?at_least={}", server.position()));
    assert_eq!((status, &problem["code"]), (503, &json!("node.position-not-reached")), "{problem}");
    assert_eq!(server.terminate(), Some(0));

    views("DROP TRIGGER poison");
    let server = Server::start(directory.path());
    assert_eq!(server.list(&trader, "/trading/orders").len(), 2);
    end(server);
}

/// A node that cannot read its own history must not go on from the middle of it.
#[test]
fn fault_12_a_record_of_a_later_version_in_the_journal_is_named_and_nothing_starts_on_it() {
    let (directory, mut server) = Server::trading();
    assert_eq!(server.terminate(), Some(0));
    let position = append_record_of_a_later_version(directory.path());
    let words = format!("the record at position {position} cannot be understood by this version");
    let Err(Refused { code, said }) = Server::try_start(rialto(), directory.path(), &[]) else {
        panic!("it started");
    };
    assert_eq!((code, said.lines().count()), (Some(2), 1), "{said}");
    assert!(said.contains(&words), "{said}");
    let verified = run(&["journal", "verify", "--data", directory.path().to_str().unwrap()]);
    let said = String::from_utf8(verified.stderr).unwrap();
    assert!(verified.status.code() == Some(1) && said.contains(&words), "{said}");
}

fn append_record_of_a_later_version(data: &Path) -> u64 {
    let founding = Founding { shard: 0, created: String::new(), facts: BTreeMap::new() };
    let mut journal = SqliteJournal::open(data, &founding, Check::Full).unwrap();
    let tail = journal.tail().unwrap();
    let mut bytes = Vec::new();
    // An array that holds variant 99 of something.
    frame_into(&mut bytes, |out| out.extend_from_slice(&[0x81, 0x82, 0x18, 99, 0x80]));
    journal.append(&Chain::after(0, tail).seal(tail.epoch + 1, 1, bytes)).unwrap();
    tail.next_position
}

#[test]
fn fault_22_orders_go_on_while_the_audit_log_has_no_room_and_coverage_is_whole_in_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let audit = directory.path().join("audit");
    assert_eq!(Server::start(directory.path()).terminate(), Some(0));
    let mut server = Server::start(directory.path());
    // Until there is something to write, the log has no file open. The day may change while the test runs.
    let now = node::SystemClock::new().now().0;
    let days = [now, now + 86_400_000_000_000].map(|time| Timestamp(time).to_string()[..10].to_owned());
    let files = days.map(|day| audit.join(format!("audit-{day}.jsonl")));
    let aside = audit.join("aside");
    std::fs::rename(&files[0], &aside).unwrap();
    files.iter().for_each(|file| symlink("/dev/full", file).unwrap());
    server.open_market();
    wait_until_only_this_has_failed(&server, "audit");
    for number in 0..20 {
        place(&server, &format!("c-{number}"));
    }
    let trader = token(directory.path(), "ann", "trader");
    assert_eq!(server.list(&trader, "/trading/orders").len(), 20, "the views go on too");
    assert_eq!(server.terminate(), Some(0));
    files.iter().for_each(|file| std::fs::remove_file(file).unwrap());
    std::fs::rename(&aside, &files[0]).unwrap();
    let server = Server::start(directory.path());
    place(&server, "c-20");
    let position = server.position();
    assert_eq!(server.audit_lines(1..=position).len() as u64, position, "every position has its line");
    end(server);
}
