//! Whatever stops the log, it goes on without a gap and with the same bytes.

use super::market::{Journal, a_few_days, a_few_days_of_shard, batch};
use crate::{AuditError, AuditLog, verify, verify_against};
use engine::Record;
use node::Follower;
use node::journal::first_position;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Every file by name with its bytes.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir.join("audit")).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

/// Opens the log and gives it whatever it lacks.
fn catch_up(dir: &Path, records: &[Record]) {
    let mut log = AuditLog::open(dir, 0).unwrap();
    let seen = usize::try_from(log.next_position()).unwrap() - 1;
    log.follow(&batch(&records[seen..])).unwrap();
}

fn whole(records: &[Record]) -> (TempDir, BTreeMap<String, Vec<u8>>) {
    let dir = TempDir::new().unwrap();
    catch_up(dir.path(), records);
    let files = files(dir.path());
    (dir, files)
}

fn newest(dir: &Path, log: &str) -> PathBuf {
    let name = files(dir).into_keys().rfind(|name| name.starts_with(log)).unwrap();
    dir.join("audit").join(name)
}

#[test]
fn the_same_records_give_the_same_bytes_however_they_come() {
    let records = a_few_days();
    let (_dir, expected) = whole(&records);
    let one_by_one = TempDir::new().unwrap();
    let mut log = AuditLog::open(one_by_one.path(), 0).unwrap();
    for (at, record) in records.iter().enumerate() {
        assert_eq!(log.next_position(), at as u64 + 1);
        log.follow(&batch(std::slice::from_ref(record))).unwrap();
    }
    assert_eq!(files(one_by_one.path()), expected);
    let reopened = TempDir::new().unwrap();
    for end in 0..=records.len() {
        catch_up(reopened.path(), &records[..end]);
    }
    assert_eq!(files(reopened.path()), expected);
}

#[test]
fn a_log_that_was_cut_anywhere_is_written_again_as_it_was() {
    let records = a_few_days();
    let (dir, expected) = whole(&records);
    for log in ["audit-", "decisions-"] {
        let path = newest(dir.path(), log);
        let bytes = fs::read(&path).unwrap();
        for end in (0..bytes.len()).rev().step_by(41).chain([0]) {
            fs::write(&path, &bytes[..end]).unwrap();
            catch_up(dir.path(), &records);
            assert_eq!(files(dir.path()), expected, "{log} cut at {end}");
        }
    }
}

#[test]
fn lost_newest_files_are_written_again() {
    let records = a_few_days();
    let (dir, expected) = whole(&records);
    for log in ["audit-", "decisions-"] {
        fs::remove_file(newest(dir.path(), log)).unwrap();
        catch_up(dir.path(), &records);
        assert_eq!(files(dir.path()), expected, "{log}");
    }
    fs::remove_dir_all(dir.path().join("audit")).unwrap();
    catch_up(dir.path(), &records);
    assert_eq!(files(dir.path()), expected);
}

#[test]
fn each_shard_has_positions_and_a_log_of_its_own() {
    for shard in [3, u16::MAX] {
        let records = a_few_days_of_shard(shard);
        let dir = TempDir::new().unwrap();
        for known in [0, 7, records.len()] {
            let mut log = AuditLog::open(dir.path(), shard).unwrap();
            let seen = usize::try_from(log.next_position() - first_position(shard)).unwrap();
            log.follow(&batch(&records[seen..known.max(seen)])).unwrap();
        }
        let summary = verify_against(dir.path(), &Journal::of(&records), |_| ()).unwrap();
        assert_eq!(summary, verify(dir.path(), shard, |_| ()).unwrap());
        assert_eq!(summary.audit.first_position, Some(first_position(shard)));
        assert_eq!(summary.audit.lines, records.len() as u64);
        let error = AuditLog::open(dir.path(), 2).unwrap_err();
        assert!(matches!(error, AuditError::OtherShard { expected: 2, .. }), "{error}");
        assert!(verify(dir.path(), 2, |_| ()).is_err());
    }
}

#[test]
fn zeros_that_a_power_cut_left_are_no_lines() {
    let records = a_few_days();
    let (dir, expected) = whole(&records);
    let path = newest(dir.path(), "audit-");
    let mut bytes = fs::read(&path).unwrap();
    let first_line = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    bytes[first_line + 10..first_line + 300].fill(0);
    fs::write(&path, bytes).unwrap();
    catch_up(dir.path(), &records);
    assert_eq!(files(dir.path()), expected);
}

#[test]
fn fault_22_a_full_disk_stops_the_log_and_the_gap_closes_later() {
    let records = a_few_days();
    let (_whole, expected) = whole(&records);
    for full in ["audit-2026-11-24.jsonl", "decisions-2026-11-24.jsonl"] {
        let dir = TempDir::new().unwrap();
        catch_up(dir.path(), &records[..18]);
        let mut log = AuditLog::open(dir.path(), 0).unwrap();
        symlink("/dev/full", dir.path().join("audit").join(full)).unwrap();
        let error = log.follow(&batch(&records[18..])).unwrap_err();
        let source = error.downcast::<AuditError>().unwrap();
        assert!(matches!(&*source, AuditError::Io { action: "append to", .. }), "{source}");
        let position = log.next_position();
        assert!((19..=24).contains(&position), "what is on the disk counts, and no more: {position}");
        let again = log.follow(&batch(&records[position as usize - 1..])).unwrap_err();
        assert!(matches!(*again.downcast().unwrap(), AuditError::Stopped));
        drop(log);
        fs::remove_file(dir.path().join("audit").join(full)).unwrap();
        catch_up(dir.path(), &records);
        assert_eq!(files(dir.path()), expected, "{full}");
        verify_against(dir.path(), &Journal::of(&records), |_| ()).unwrap();
    }
}

#[test]
fn a_damaged_end_is_not_continued() {
    let records = a_few_days();
    let (dir, _) = whole(&records);
    let path = newest(dir.path(), "audit-");
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"position\":99}\n").unwrap();
    let error = AuditLog::open(dir.path(), 0).unwrap_err();
    assert!(matches!(&error, AuditError::Damaged { path: damaged } if *damaged == path), "{error}");
    assert!(verify(dir.path(), 0, |_| ()).is_err());
}

#[test]
fn records_that_do_not_follow_are_not_taken() {
    let records = a_few_days();
    let dir = TempDir::new().unwrap();
    let mut log = AuditLog::open(dir.path(), 0).unwrap();
    log.follow(&batch(&records[..3])).unwrap();
    let error = log.follow(&batch(&records[4..])).unwrap_err().downcast().unwrap();
    assert!(matches!(*error, AuditError::OutOfOrder { last: 3, found: 5 }), "{error}");
}

#[test]
fn a_decision_under_a_policy_nobody_saw_is_not_logged() {
    let mut records = a_few_days();
    records[3].outcome = engine::Outcome::Events(Vec::new());
    let dir = TempDir::new().unwrap();
    let error = AuditLog::open(dir.path(), 0).unwrap().follow(&batch(&records)).unwrap_err();
    let error = error.downcast().unwrap();
    assert!(matches!(*error, AuditError::UnknownPolicy { position: 17, version: 1 }), "{error}");
}
