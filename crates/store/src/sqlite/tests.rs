//! Given a journal that was written and then damaged, shared, filled up or cut: what opening, reading and appending
//! then answer.

use super::*;
use node::journal::{Chain, first_position, frame_into, verify_chain};
use node::snapshot::Snapshot;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const SHARD: u16 = 0;
const RECORDS: u64 = 3;

fn founding() -> Founding {
    let facts = BTreeMap::from([("calendar".to_owned(), "XSHG".to_owned())]);
    Founding { shard: SHARD, created: "2026-11-22T09:00:00Z".into(), facts }
}

fn open(dir: &Path, check: Check) -> Result<SqliteJournal, OpenError> {
    SqliteJournal::open(dir, &founding(), check)
}

fn next_batch(chain: &mut Chain, record_bytes: usize) -> Batch {
    let mut bytes = Vec::new();
    for record in 0..RECORDS {
        // Bytes that do not pack (Knuth's generator; the upper bits are the random ones).
        let mut random = chain.tail().next_position + record;
        let body = (0..record_bytes).map(|_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 56) as u8
        });
        let body: Vec<u8> = body.collect();
        frame_into(&mut bytes, |out| out.extend_from_slice(&body));
    }
    chain.seal(1, RECORDS as u32, bytes)
}

fn append(journal: &mut SqliteJournal, count: usize, record_bytes: usize) -> Vec<Batch> {
    let mut chain = Chain::after(SHARD, journal.tail().unwrap());
    let batches: Vec<_> = (0..count).map(|_| next_batch(&mut chain, record_bytes)).collect();
    batches.iter().for_each(|batch| journal.append(batch).unwrap());
    batches
}

/// A closed journal of ten batches at 1, 4, .. 28, some of them longer than a page.
fn ten() -> (TempDir, Vec<Batch>) {
    let dir = TempDir::new().unwrap();
    let mut journal = open(dir.path(), Check::Tail).unwrap();
    let batches = [append(&mut journal, 5, 100), append(&mut journal, 5, 2_000)].concat();
    (dir, batches)
}

fn sql(dir: &TempDir, statements: &str) {
    Connection::open(dir.path().join(DATABASE)).unwrap().execute_batch(statements).unwrap();
}

fn corruption(error: OpenError) -> Corrupt {
    match error {
        OpenError::Journal(JournalError::Corrupt(corrupt)) => corrupt,
        error @ (OpenError::Journal(_)
        | OpenError::InUse { .. }
        | OpenError::Directory { .. }
        | OpenError::Foreign { .. }
        | OpenError::Newer { .. }
        | OpenError::OtherShard { .. }) => panic!("not a corruption: {error}"),
    }
}

/// Damages a journal of ten batches by SQL, and checks what opening it then says.
fn refused(statements: &str, check: Check, position: u64, flaw: Flaw) {
    let (dir, _) = ten();
    sql(&dir, statements);
    let corrupt = corruption(open(dir.path(), check).expect_err(statements));
    assert_eq!((corrupt.position, corrupt.flaw), (position, flaw), "{statements}");
}

/// As [`refused`], where the stored form of a batch is damaged, by the first position of that batch.
fn refused_as_stored(statements: &str, check: Check, position: u64) {
    let (dir, _) = ten();
    sql(&dir, statements);
    let corrupt = corruption(open(dir.path(), check).expect_err(statements));
    assert_eq!(corrupt.position, position, "{corrupt}");
    assert!(corrupt.to_string().contains("its checksum does not match: a byte has changed"), "{corrupt}");
}

#[test]
fn what_was_appended_is_read_from_any_position() {
    let (dir, batches) = ten();
    let journal = open(dir.path(), Check::Full).unwrap();
    assert_eq!(journal.tail().unwrap(), batches[9].tail());
    assert_eq!(journal.read_from(first_position(SHARD), usize::MAX).unwrap(), batches);
    assert_eq!(journal.read_from(0, usize::MAX).unwrap(), batches);
    assert_eq!(journal.read_from(12, usize::MAX).unwrap(), batches[3..], "within a batch");
    assert_eq!(journal.read_from(13, 0).unwrap(), batches[4..5], "at least one");
    assert_eq!(journal.read_from(16, 12_000).unwrap(), batches[5..7], "up to the bound");
    assert_eq!(journal.read_from(31, usize::MAX).unwrap(), []);
    assert_eq!(journal.read_from(u64::MAX, usize::MAX).unwrap(), []);
}

#[test]
fn a_journal_keeps_what_it_was_founded_with() {
    let (dir, _) = ten();
    let later = Founding { created: "2030-01-01T00:00:00Z".into(), facts: BTreeMap::new(), ..founding() };
    assert_eq!(SqliteJournal::open(dir.path(), &later, Check::Tail).unwrap().founding(), &founding());
}

#[test]
fn readers_see_each_batch_once_it_is_appended() {
    let dir = TempDir::new().unwrap();
    let mut journal = open(dir.path(), Check::Tail).unwrap();
    let reader = journal.reader().unwrap();
    assert_eq!(reader.tail().unwrap(), Tail::genesis(SHARD));
    let batches = append(&mut journal, 3, 500);
    assert_eq!(reader.tail().unwrap(), batches[2].tail());
    assert_eq!(reader.read_from(1, usize::MAX).unwrap(), batches);
    assert_eq!(verify_chain(&reader, |_| ()).unwrap().batches, 3);
    drop(journal);
    assert_eq!(SqliteReader::open(dir.path(), SHARD).unwrap().read_from(1, usize::MAX).unwrap(), batches);
}

#[test]
fn only_one_writes_and_the_other_is_told_where() {
    let dir = TempDir::new().unwrap();
    let journal = open(dir.path(), Check::Tail).unwrap();
    let error = open(dir.path(), Check::Tail).unwrap_err().to_string();
    let process = std::process::id();
    let expected = format!(
        "the data directory {} is in use by another process (process {process})",
        dir.path().display()
    );
    assert_eq!(error, expected);
    drop(journal);
    open(dir.path(), Check::Tail).unwrap();
}

#[test]
fn a_position_that_another_writer_has_taken_is_fenced() {
    for theft in [
        "INSERT INTO journal VALUES (0, 31, 1, 9, x'00', zeroblob(32))",
        "UPDATE tail SET next_position = 34, epoch = 9 WHERE shard = 0",
    ] {
        let (dir, _) = ten();
        let mut journal = open(dir.path(), Check::Tail).unwrap();
        let batch = next_batch(&mut Chain::after(SHARD, journal.tail().unwrap()), 10);
        sql(&dir, theft);
        let error = journal.append(&batch).unwrap_err();
        assert!(matches!(error, JournalError::Fenced { shard: SHARD, position: 31 }), "{error}");
    }
}

#[test]
fn outcomes_are_read_back_by_position_and_hash() {
    let (dir, batches) = ten();
    let mut journal = open(dir.path(), Check::Tail).unwrap();
    assert_eq!(journal.outcome_of(28, &batches[9].hash).unwrap(), Outcome::Committed);
    assert_eq!(journal.outcome_of(31, &[1; 32]).unwrap(), Outcome::NotCommitted);
    assert!(matches!(journal.outcome_of(28, &[1; 32]), Err(JournalError::Fenced { position: 28, .. })));
}

#[test]
fn fault_10_every_damage_to_a_row_is_found_by_the_full_check() {
    let full = |statements, position, flaw| refused(statements, Check::Full, position, flaw);
    let flip = "UPDATE journal SET
        bytes = CAST(substr(bytes, 1, 150) || x'ff' || substr(bytes, 152) AS BLOB) WHERE first_position = 4";
    refused_as_stored(flip, Check::Full, 4);
    full("DELETE FROM journal WHERE first_position = 7", 7, Flaw::Missing { until: 10 });
    full("DELETE FROM journal WHERE first_position <= 7", 1, Flaw::Missing { until: 10 });
    full(
        "UPDATE journal SET first_position = 99 WHERE first_position = 4;
         UPDATE journal SET first_position = 4 WHERE first_position = 7;
         UPDATE journal SET first_position = 7 WHERE first_position = 99",
        4,
        Flaw::Hash,
    );
    full(
        "INSERT INTO journal SELECT shard, 11, records, epoch, bytes, hash FROM journal WHERE first_position = 10",
        11,
        Flaw::Repeated,
    );
    full("UPDATE journal SET shard = 3 WHERE first_position = 4", 4, Flaw::Missing { until: 7 });
    full("UPDATE journal SET epoch = 2 WHERE first_position = 4", 4, Flaw::Hash);
    full("UPDATE journal SET hash = zeroblob(32) WHERE first_position = 4", 4, Flaw::Hash);
    full("UPDATE journal SET records = 2 WHERE first_position = 4", 6, Flaw::RecordCount { stated: 2 });
}

#[test]
fn fault_10_every_damage_to_the_last_row_is_found_at_every_start() {
    let tail = |statements, position, flaw| refused(statements, Check::Tail, position, flaw);
    let cut = "UPDATE journal SET bytes = substr(bytes, 1, length(bytes) - 1) WHERE first_position = 28";
    refused_as_stored(cut, Check::Tail, 28);
    tail("DELETE FROM journal WHERE first_position = 28", 28, Flaw::Missing { until: 31 });
    tail("DELETE FROM journal", 1, Flaw::Missing { until: 31 });
    tail("DELETE FROM journal WHERE first_position = 25", 25, Flaw::Missing { until: 28 });
    tail(
        "INSERT INTO journal SELECT shard, 31, records, epoch, bytes, hash FROM journal WHERE first_position = 28",
        31,
        Flaw::Hash,
    );
    tail("UPDATE tail SET hash = zeroblob(32)", 30, Flaw::Tail);
    tail("UPDATE tail SET next_position = 28", 30, Flaw::Tail);
}

#[test]
fn fault_10_values_of_another_kind_are_damage_and_no_crash() {
    for statements in [
        "UPDATE journal SET hash = x'00' WHERE first_position = 4",
        "UPDATE journal SET records = -1 WHERE first_position = 4",
        "UPDATE journal SET bytes = 'text' WHERE first_position = 4",
        "UPDATE journal SET epoch = -1 WHERE first_position = 4",
    ] {
        let (dir, _) = ten();
        sql(&dir, statements);
        let corrupt = corruption(open(dir.path(), Check::Full).expect_err(statements));
        assert_eq!(corrupt.position, 4, "{statements}: {corrupt}");
    }
    let (dir, _) = ten();
    sql(&dir, "DELETE FROM tail");
    open(dir.path(), Check::Tail).expect_err("a journal without a stated end");
}

#[test]
fn fault_10_a_byte_flipped_anywhere_in_the_file_is_found_or_changes_nothing() {
    let (dir, batches) = ten();
    let file = dir.path().join(DATABASE);
    let sound = fs::read(&file).unwrap();
    let mut found = 0;
    for offset in (0..sound.len()).step_by(61) {
        let mut flipped = sound.clone();
        flipped[offset] ^= 0x20;
        fs::write(&file, flipped).unwrap();
        let read = SqliteReader::open(dir.path(), SHARD).and_then(|reader| {
            verify_chain(&reader, |_| ())?;
            Ok(reader.read_from(1, usize::MAX)?)
        });
        match read {
            Ok(read) => assert!(read == batches, "the flip at byte {offset} went unseen"),
            Err(_) => found += 1,
        }
    }
    let flips = sound.len().div_ceil(61);
    assert!(found > flips / 2, "only {found} of {flips} flips were found");
}

#[test]
fn fault_10_foreign_newer_and_other_files_are_refused_with_a_sentence() {
    let refusal = |dir: &TempDir| open(dir.path(), Check::Tail).unwrap_err().to_string();

    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join(DATABASE), "# notes, and more than a few of them\n".repeat(200)).unwrap();
    assert!(refusal(&dir).contains("it is not a database"), "{}", refusal(&dir));

    let dir = TempDir::new().unwrap();
    sql(&dir, "CREATE TABLE songs (title TEXT)");
    assert!(refusal(&dir).contains("it is another program's database"), "{}", refusal(&dir));

    let (dir, _) = ten();
    sql(&dir, "UPDATE meta SET value = '2' WHERE key = 'schema_version'");
    assert!(
        refusal(&dir).contains("has schema version 2, and this program knows only 1"),
        "{}",
        refusal(&dir)
    );

    let (dir, _) = ten();
    let other =
        SqliteJournal::open(dir.path(), &Founding { shard: 5, ..founding() }, Check::Tail).unwrap_err();
    assert!(other.to_string().contains("is the journal of shard 0, not of shard 5"), "{other}");
}

#[test]
fn fault_10_a_lost_database_beside_its_log_is_no_new_journal() {
    let dir = TempDir::new().unwrap();
    let mut journal = open(dir.path(), Check::Tail).unwrap();
    append(&mut journal, 3, 100);
    let image = crash_image(&dir);
    fs::remove_file(image.path().join(DATABASE)).unwrap();
    let error = open(image.path(), Check::Tail).unwrap_err().to_string();
    assert!(error.contains("journal.db-wal is there"), "{error}");
    assert!(image.path().join(WAL).exists(), "the evidence stays");
}

#[test]
fn fault_9_an_unwritable_directory_is_named() {
    // An administrator may write to any directory but those that the kernel makes up.
    let dir = Path::new("/proc/self");
    let error = open(dir, Check::Tail).unwrap_err();
    assert!(matches!(error, OpenError::Directory { .. }), "{error:?}");
    assert!(error.to_string().starts_with("cannot use the data directory /proc/self: "), "{error}");
}

#[test]
fn a_directory_made_here_is_closed_to_others() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("deep").join("data");
    drop(open(&data, Check::Tail).unwrap());
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_directory_that_is_a_file_is_named() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("data");
    fs::write(&file, "").unwrap();
    let error = open(&file, Check::Tail).unwrap_err();
    assert!(matches!(error, OpenError::Directory { .. }), "{error:?}");
}

#[test]
fn fault_9_a_full_disk_appends_nothing_and_says_so() {
    let (dir, batches) = ten();
    let mut journal = open(dir.path(), Check::Tail).unwrap();
    journal.table.connection.execute_batch("PRAGMA max_page_count = 40").unwrap();
    let mut chain = Chain::after(SHARD, journal.tail().unwrap());
    let batch = next_batch(&mut chain, 100_000);
    let error = journal.append(&batch).unwrap_err();
    assert!(matches!(error, JournalError::Full { .. }), "{error:?}");
    assert!(error.to_string().starts_with("disk full: no room in "), "{error}");
    assert_eq!(journal.outcome_of(31, &batch.hash).unwrap(), Outcome::NotCommitted);
    drop(journal);
    let mut journal = open(dir.path(), Check::Full).unwrap();
    assert_eq!(journal.tail().unwrap(), batches[9].tail());
    journal.append(&batch).unwrap();
    assert_eq!(journal.outcome_of(31, &batch.hash).unwrap(), Outcome::Committed);
}

/// What a crash at this moment leaves: the files as they are, with nobody having closed them.
fn crash_image(dir: &TempDir) -> TempDir {
    let image = TempDir::new().unwrap();
    for name in [DATABASE, WAL] {
        fs::copy(dir.path().join(name), image.path().join(name)).unwrap();
    }
    image
}

#[test]
fn a_crash_without_closing_loses_nothing() {
    let dir = TempDir::new().unwrap();
    let mut journal = open(dir.path(), Check::Tail).unwrap();
    let batches = append(&mut journal, 8, 700);
    let image = crash_image(&dir);
    let journal = open(image.path(), Check::Full).unwrap();
    assert_eq!(journal.read_from(1, usize::MAX).unwrap(), batches);
}

#[test]
fn fault_10_a_log_torn_within_its_last_commit_loses_only_that() {
    let dir = TempDir::new().unwrap();
    let mut journal = open(dir.path(), Check::Tail).unwrap();
    let before = append(&mut journal, 4, 700);
    let from = fs::metadata(dir.path().join(WAL)).unwrap().len();
    append(&mut journal, 1, 3_000);
    let to = fs::metadata(dir.path().join(WAL)).unwrap().len();
    assert!(to > from);
    for cut in (from..to).step_by(509) {
        let image = crash_image(&dir);
        let log = fs::File::options().write(true).open(image.path().join(WAL)).unwrap();
        log.set_len(cut).unwrap();
        let journal = open(image.path(), Check::Full).unwrap();
        assert_eq!(journal.read_from(1, usize::MAX).unwrap(), before, "cut to {cut} bytes");
    }
}

#[test]
fn fault_10_a_byte_flipped_in_the_log_is_found_unless_only_the_last_commit_is_lost() {
    let dir = TempDir::new().unwrap();
    let mut journal = open(dir.path(), Check::Tail).unwrap();
    let before = append(&mut journal, 6, 700);
    let last_commit = fs::metadata(dir.path().join(WAL)).unwrap().len();
    append(&mut journal, 1, 700);
    let sound = fs::read(dir.path().join(WAL)).unwrap();
    let image = crash_image(&dir);
    let refused = |offset: usize| {
        let mut flipped = sound.clone();
        flipped[offset] ^= 0x10;
        fs::write(image.path().join(WAL), flipped).unwrap();
        open(image.path(), Check::Full).err().map(corruption)
    };
    // Bytes 12 to 15 of the header count checkpoints; the checksum over the header finds that flip as well.
    for offset in (0..32).chain((32..last_commit as usize).step_by(97)) {
        let corrupt = refused(offset).unwrap_or_else(|| panic!("the flip at byte {offset} went unseen"));
        assert!(matches!(&corrupt.flaw, Flaw::Storage(what) if what.contains(WAL)), "{corrupt}");
    }
    assert_eq!(refused(last_commit as usize + 500), None);
    assert_eq!(SqliteReader::open(image.path(), SHARD).unwrap().read_from(1, usize::MAX).unwrap(), before);
}

#[test]
fn fault_10_damage_in_the_log_is_named_by_the_last_position_before_it() {
    let dir = TempDir::new().unwrap();
    let mut journal = open(dir.path(), Check::Tail).unwrap();
    append(&mut journal, 4, 700);
    let damaged_at = fs::metadata(dir.path().join(WAL)).unwrap().len() as usize + 2_000;
    append(&mut journal, 3, 700);
    let image = crash_image(&dir);
    let mut log = fs::read(image.path().join(WAL)).unwrap();
    log[damaged_at] ^= 1;
    fs::write(image.path().join(WAL), log).unwrap();
    let corrupt = corruption(open(image.path(), Check::Tail).unwrap_err());
    assert_eq!(corrupt.position, 13, "{corrupt}");
    let reader = SqliteReader::open(image.path(), SHARD).expect_err("readers are not fooled either");
    assert_eq!(corruption(reader), corrupt);
}

#[test]
fn the_log_stays_bounded_under_an_unbroken_stream() {
    let dir = TempDir::new().unwrap();
    let mut journal = open(dir.path(), Check::Tail).unwrap();
    let mut largest = 0;
    for _ in 0..32 {
        append(&mut journal, 4, 1 << 20);
        largest = largest.max(fs::metadata(dir.path().join(WAL)).unwrap().len());
    }
    assert!(largest < 250 << 20, "the log grew to {largest} bytes of 384 MiB");
    assert_eq!(verify_chain(&journal, |_| ()).unwrap().batches, 128);
}

#[test]
fn an_idle_journal_empties_its_log() {
    let dir = TempDir::new().unwrap();
    let mut journal = open(dir.path(), Check::Tail).unwrap();
    let batches = append(&mut journal, 2, 1_000);
    let deadline = Instant::now() + Duration::from_secs(20);
    while fs::metadata(dir.path().join(WAL)).unwrap().len() > 0 {
        assert!(Instant::now() < deadline, "the log is not emptied");
        thread::sleep(Duration::from_millis(50));
    }
    append(&mut journal, 1, 10);
    assert_eq!(journal.read_from(1, usize::MAX).unwrap()[..2], batches);
}

#[test]
fn fault_9_after_a_failed_checkpoint_nothing_more_is_written() {
    let (dir, _) = ten();
    let mut journal = open(dir.path(), Check::Tail).unwrap();
    journal.checkpointer.fail("disk I/O error");
    let batch = next_batch(&mut Chain::after(SHARD, journal.tail().unwrap()), 10);
    let error = journal.append(&batch).unwrap_err();
    assert!(error.to_string().contains("cannot checkpoint"), "{error}");
    assert_eq!(journal.outcome_of(31, &batch.hash).unwrap(), Outcome::NotCommitted);
}

#[test]
fn fault_10_a_snapshot_fits_only_the_journal_that_it_was_taken_of() {
    let (dir, batches) = ten();
    let journal = open(dir.path(), Check::Tail).unwrap();
    let check = |at: Tail| Snapshot { shard: SHARD, at, body: vec![] }.check_against(&journal);
    let flaw = |at: Tail| match check(at) {
        Err(JournalError::Corrupt(corrupt)) => corrupt.flaw,
        other => panic!("not a corruption: {other:?}"),
    };
    for at in [Tail::genesis(SHARD), batches[0].tail(), batches[9].tail()] {
        check(at).unwrap();
    }
    assert_eq!(flaw(Tail { next_position: 34, ..batches[9].tail() }), Flaw::Missing { until: 34 });
    assert_eq!(flaw(Tail { hash: [1; 32], ..batches[4].tail() }), Flaw::Snapshot);
    assert_eq!(flaw(Tail { next_position: 15, ..batches[4].tail() }), Flaw::Snapshot);
}
