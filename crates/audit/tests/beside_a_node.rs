//! The audit log where it belongs: following the journal of a running node, on the same disk.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use audit::{AuditLog, verify_against};
use engine::{Access, Command, Hosts, Request};
use node::journal::JournalReader;
use node::{Clock, Follower, Node, NodeConfig, NodeHandle, NodeParts, recover};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};
use store::snapshot_files::SnapshotFiles;
use store::sqlite::{SqliteJournal, SqliteReader};
use store::{Check, Founding};
use tempfile::TempDir;
use vocabulary::{CorrelationId, Timestamp};

/// It is noon of 2026-11-22 all the time.
struct Noon;

impl Clock for Noon {
    fn now(&mut self) -> Timestamp {
        Timestamp(1_795_348_800_000_000_000)
    }

    fn jumps(&self) -> u64 {
        0
    }
}

fn start(data: &Path) -> Node {
    let founding = Founding { shard: 0, created: "2026-11-22".into(), facts: BTreeMap::new() };
    let journal = SqliteJournal::open(data, &founding, Check::Tail).unwrap();
    let snapshots = SnapshotFiles::in_data_dir(data, 0);
    let recovered = recover(Hosts::ALL, &journal.reader().unwrap(), &snapshots, |_| ()).unwrap();
    let log: Box<dyn Follower> = Box::new(AuditLog::open(data, 0).unwrap());
    let reader = || -> Box<dyn JournalReader> { Box::new(journal.reader().unwrap()) };
    let (followers, for_snapshots) = (vec![(log, reader())], reader());
    let parts = NodeParts {
        recovered,
        journal: Box::new(journal),
        snapshots: (Box::new(snapshots), for_snapshots),
        clock: Box::new(Noon),
        followers,
    };
    Node::start(&NodeConfig::default(), parts).unwrap()
}

/// Registers so many participants and has one request turned away.
fn work(node: &NodeHandle, name: &str, count: u32) {
    let refused = Access {
        operation: "GET /audit".into(),
        status: 403,
        code: Some("api.forbidden".into()),
        unrecorded: None,
    };
    let register = |n| {
        let participant = format!("{name}{n}").parse().unwrap();
        Command::Trading(trading::Command::RegisterParticipant { participant })
    };
    for command in (0..count).map(register).chain([Command::RecordAccess(refused)]) {
        let actor = "user-1".parse().unwrap();
        let request = Request { command_id: None, correlation: CorrelationId(1), actor, command };
        node.submit_blocking(request).unwrap();
    }
}

fn wait_until(node: &NodeHandle, is_so: impl Fn(&node::FollowerStatus) -> bool) {
    let started = Instant::now();
    while !is_so(&node.status().followers[0]) {
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", node.status());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn lines_against_the_journal(data: &Path) -> u64 {
    let reader = SqliteReader::open(data, 0).unwrap();
    verify_against(data, &reader, |_| ()).unwrap().audit.lines
}

#[test]
fn aud_1_every_record_of_a_node_is_covered_while_it_runs_and_after() {
    let data = TempDir::new().unwrap();
    let node = start(data.path());
    work(&node.handle(), "A", 50);
    wait_until(&node.handle(), |audit| audit.next_position == 52);
    assert_eq!(lines_against_the_journal(data.path()), 51);
    work(&node.handle(), "B", 20);
    node.stop().unwrap();
    assert_eq!(lines_against_the_journal(data.path()), 72);
}

#[test]
fn fault_22_orders_go_on_while_the_log_has_no_room_and_the_gap_closes_at_the_next_start() {
    let data = TempDir::new().unwrap();
    let node = start(data.path());
    let today = data.path().join("audit/audit-2026-11-22.jsonl");
    symlink("/dev/full", &today).unwrap();
    work(&node.handle(), "A", 10);
    wait_until(&node.handle(), |audit| {
        audit.failed.as_ref().is_some_and(|why| why.contains("No space left on device"))
    });
    work(&node.handle(), "B", 10);
    assert_eq!(node.handle().status().followers[0].next_position, 1);
    node.stop().unwrap();
    fs::remove_file(&today).unwrap();
    let node = start(data.path());
    wait_until(&node.handle(), |audit| audit.next_position == 23);
    work(&node.handle(), "C", 1);
    node.stop().unwrap();
    assert_eq!(lines_against_the_journal(data.path()), 24);
}
