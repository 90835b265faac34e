//! What a reconciliation has come to is kept in steps, each over the one that it follows from.

use super::{SHARD, database, server};
use crate::postgres::{KeptReconciliation, ReconciliationTable, Unusable};
use std::collections::BTreeMap;
use std::sync::Barrier;
use std::thread;
use testbed::Postgres;

fn open(server: &Postgres, shard: u16) -> ReconciliationTable {
    ReconciliationTable::open(&database(server, "clerk"), shard).unwrap()
}

fn items(items: &[(&str, Option<&str>)]) -> BTreeMap<String, Option<String>> {
    items.iter().map(|(key, item)| ((*key).to_owned(), item.map(str::to_owned))).collect()
}

fn kept(revision: i64, progress: &str, items: &[(&str, &str)]) -> KeptReconciliation {
    let items = items.iter().map(|(key, item)| ((*key).to_owned(), (*item).to_owned())).collect();
    KeptReconciliation { revision, progress: Some(progress.to_owned()), items }
}

#[test]
fn a_step_is_kept_over_the_one_that_it_follows_from_and_over_no_other() {
    let server = server();
    let (mut table, mut other) = (open(&server, SHARD), open(&server, SHARD + 1));
    assert_eq!(table.load().unwrap(), KeptReconciliation::default());
    assert!(!table.save(3, "never", &items(&[])).unwrap(), "there is no third step to follow from");
    assert!(table.save(0, "one", &items(&[("order 1", Some("a")), ("order 2", Some("b"))])).unwrap());
    assert_eq!(table.load().unwrap(), kept(1, "one", &[("order 1", "a"), ("order 2", "b")]));
    assert!(!table.save(0, "late", &items(&[("order 1", None)])).unwrap());
    let step =
        items(&[("order 1", None), ("order 2", Some("c")), ("order 3", Some("it's")), ("order 4", None)]);
    assert!(table.save(1, "two", &step).unwrap());
    let two = kept(2, "two", &[("order 2", "c"), ("order 3", "it's")]);
    assert_eq!(table.load().unwrap(), two);
    // Another shard has its own.
    assert!(other.save(0, "other", &items(&[("order 2", Some("z"))])).unwrap());
    assert_eq!(open(&server, SHARD).load().unwrap(), two);
}

#[test]
fn of_many_who_keep_the_same_step_one_does() {
    let server = server();
    let together = Barrier::new(8);
    for revision in 0..20 {
        let done: Vec<bool> = thread::scope(|scope| {
            let all = (0..8).map(|number| {
                let (server, together) = (&server, &together);
                scope.spawn(move || {
                    let mut table = open(server, SHARD);
                    together.wait();
                    let item = format!("of {number}");
                    let step = items(&[("order 1", Some(&item)), (&format!("step {revision}"), Some("x"))]);
                    table.save(revision, &item, &step).unwrap()
                })
            });
            let all: Vec<_> = all.collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(done.iter().filter(|done| **done).count(), 1, "{revision}");
        let winner = format!("of {}", done.iter().position(|done| *done).unwrap());
        let kept = open(&server, SHARD).load().unwrap();
        assert_eq!((kept.revision, kept.progress.as_ref()), (revision + 1, Some(&winner)));
        let steps = (0..=revision).map(|step| (format!("step {step}"), "x".to_owned()));
        let mut expected: Vec<_> = [("order 1".to_owned(), winner)].into_iter().chain(steps).collect();
        expected.sort();
        assert_eq!(kept.items, expected);
    }
}

#[test]
fn after_the_server_was_away_it_is_asked_over_a_new_connection() {
    let mut server = server();
    let mut table = open(&server, SHARD);
    assert!(table.save(0, "one", &items(&[])).unwrap());
    server.kill().unwrap();
    let away = table.save(1, "two", &items(&[])).unwrap_err();
    assert!(matches!(away, Unusable::Unreachable { .. }), "{away}");
    server.restart().unwrap();
    assert_eq!(table.load().unwrap(), kept(1, "one", &[]));
    assert!(table.save(1, "two", &items(&[])).unwrap());
}
