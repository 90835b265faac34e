//! Given a process that is killed, or whose writes fail, in the middle of appending: what the next one finds.
//!
//! The process is this test binary again, started to run one of the ignored tests.

use node::journal::{Batch, Chain, Hash, Journal, JournalError, JournalReader, Outcome, frame_into};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;
use store::sqlite::SqliteJournal;
use store::{Check, Founding};
use tempfile::TempDir;

const DIR: &str = "JOURNAL_OF_THE_TEST";

fn open(dir: &Path, check: Check) -> SqliteJournal {
    let founding = Founding { shard: 0, created: "2026-11-22T09:00:00Z".into(), facts: BTreeMap::new() };
    SqliteJournal::open(dir, &founding, check).expect("the journal opens")
}

fn next_batch(chain: &mut Chain) -> Batch {
    let mut bytes = Vec::new();
    let records = 1 + chain.tail().next_position % 7;
    for record in 0..records {
        frame_into(&mut bytes, |out| out.resize(out.len() + 1_500, record as u8));
    }
    chain.seal(1, records as u32, bytes)
}

/// This binary, about to run only `test`, on the journal in `dir`.
fn child(test: &str, dir: &Path) -> [String; 7] {
    let binary = std::env::current_exe().expect("a process knows its file").display().to_string();
    let dir = format!("{DIR}={}", dir.display());
    ["env", &dir, &binary, "--exact", test, "--ignored", "--nocapture"].map(str::to_owned)
}

fn dir_of_the_parent() -> PathBuf {
    std::env::var_os(DIR).expect("the parent says where").into()
}

#[test]
fn fault_1_kill_9_loses_no_acknowledged_batch() {
    let dir = TempDir::new().unwrap();
    let mut acknowledged: Vec<(u64, Hash)> = Vec::new();
    for round in 0..6 {
        let command = child("appends_until_killed", dir.path());
        let mut process = Command::new(&command[0])
            .args(&command[1..])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the child starts");
        let mut lines =
            BufReader::new(process.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
        acknowledged.extend(lines.by_ref().filter_map(|line| acknowledgement(&line)).take(20 + round));
        thread::sleep(Duration::from_micros(300 * round as u64));
        process.kill().expect("SIGKILL is sent");
        process.wait().expect("the child is gone");
        acknowledged.extend(lines.filter_map(|line| acknowledgement(&line)));

        let mut journal = open(dir.path(), Check::Full);
        for (position, hash) in &acknowledged {
            let outcome = journal.outcome_of(*position, hash).expect("it is readable");
            assert_eq!(outcome, Outcome::Committed, "round {round}, position {position}");
        }
    }
    assert!(acknowledged.len() >= 6 * 20, "{} batches", acknowledged.len());
}

fn acknowledgement(line: &str) -> Option<(u64, Hash)> {
    let mut words = line.strip_prefix("acknowledged ")?.split(' ');
    let position = words.next()?.parse().expect("a position");
    let hex = words.next()?;
    let hash = std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hexadecimal"));
    Some((position, hash))
}

#[test]
#[ignore = "run by another test as a process of its own"]
fn appends_until_killed() {
    let mut journal = open(&dir_of_the_parent(), Check::Tail);
    let mut chain = Chain::after(0, journal.tail().unwrap());
    loop {
        let batch = next_batch(&mut chain);
        journal.append(&batch).unwrap();
        let hex: String = batch.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        println!("acknowledged {} {hex}", batch.first_position);
    }
}

#[test]
fn fault_9_a_commit_of_unknown_outcome_is_settled_by_reading_back() {
    let dir = TempDir::new().unwrap();
    // The operating system lets no file grow beyond 1 MiB, and says so by an error instead of a signal.
    let status = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 2048; exec \"$@\"", "sh"])
        .args(child("appends_until_a_write_fails", dir.path()))
        .stdout(Stdio::null())
        .status()
        .expect("the child starts");
    assert!(status.success(), "the child says {status}");
    let journal = open(dir.path(), Check::Full);
    assert!(journal.tail().unwrap().next_position > 100);
}

#[test]
#[ignore = "run by another test as a process of its own"]
fn appends_until_a_write_fails() {
    let mut journal = open(&dir_of_the_parent(), Check::Tail);
    let mut chain = Chain::after(0, journal.tail().unwrap());
    let mut last = None;
    let (failed, error) = loop {
        let batch = next_batch(&mut chain);
        match journal.append(&batch) {
            Ok(()) => last = Some(batch),
            Err(error) => break (batch, error),
        }
    };
    assert!(matches!(error, JournalError::UnknownOutcome { .. }), "{error:?}");
    let error = journal.append(&failed).unwrap_err();
    assert!(error.to_string().contains("its outcome was not read back"), "{error}");

    let last = last.expect("some were appended before");
    assert_eq!(journal.outcome_of(last.first_position, &last.hash).unwrap(), Outcome::Committed);
    assert_eq!(journal.outcome_of(failed.first_position, &failed.hash).unwrap(), Outcome::NotCommitted);
    assert_eq!(journal.tail().unwrap(), last.tail());
    // The log was emptied to settle it, so there is room again.
    journal.append(&failed).unwrap();
    assert_eq!(journal.outcome_of(failed.first_position, &failed.hash).unwrap(), Outcome::Committed);
}
