//! A journal that is not as it was written: found and named, and nothing acknowledged is lost in silence.

use crate::copies::copy_of;
use crate::server::{Refused, Server, rialto, run, token};
use rusqlite::Connection;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const DATABASE: &str = "journal.db";
const LOG: &str = "journal.db-wal";

/// Orders that come one by one, each a commit of its own.
fn place(server: &Server, orders: usize) {
    let trader = token(&server.data, "ann", "trader");
    let mut order = Server::order("");
    order.as_object_mut().unwrap().remove("client_order_id");
    for _ in 0..orders {
        assert_eq!(server.post(&trader, "/trading/orders", &order).unwrap().0, 201);
    }
}

/// A data directory whose server ended in order: all of the journal is in its database, and there is a snapshot.
fn ended() -> TempDir {
    let (directory, mut server) = Server::trading();
    place(&server, 20);
    assert_eq!(server.terminate(), Some(0));
    directory
}

/// The same without the snapshot, which spares reading what lies before it.
fn ended_without_snapshot() -> TempDir {
    let directory = ended();
    fs::remove_dir_all(directory.path().join("snapshots")).unwrap();
    directory
}

/// A data directory whose server was killed at work: its commits are in the log of the journal's database. Views and
/// audit log have seen all of them.
struct Killed {
    directory: TempDir,
    /// The last acknowledged position.
    last: u64,
    /// Where in the log the last commit begins.
    last_commit: u64,
}

fn killed() -> Killed {
    loop {
        let directory = tempfile::tempdir().unwrap();
        let log_bytes = || fs::metadata(directory.path().join(LOG)).unwrap().len();
        let mut server = Server::start(directory.path());
        server.open_market();
        place(&server, 5);
        let last_commit = log_bytes();
        place(&server, 1);
        let last = server.position();
        server.audit_lines(last..=last);
        server.list(&token(directory.path(), "ann", "trader"), "/trading/orders");
        server.kill();
        // The log of a journal that nobody has written to for a second is emptied, which a slow machine can come to.
        if last_commit > 100_000 && log_bytes() > last_commit {
            return Killed { directory, last, last_commit };
        }
    }
}

/// What `rialto journal verify` proves of the journal, or how it refuses.
fn verified(data: &Path) -> Result<Value, Refused> {
    let output = run(&["journal", "verify", "--json", "--data", data.to_str().unwrap()]);
    if output.status.success() {
        return Ok(serde_json::from_slice(&output.stdout).unwrap());
    }
    Err(Refused { code: output.status.code(), said: String::from_utf8(output.stderr).unwrap() })
}

fn try_start(data: &Path) -> Result<Server, Refused> {
    Server::try_start(rialto(), data, &[])
}

/// That it says no in one line with these words in it.
#[track_caller]
fn refused<T>(outcome: Result<T, Refused>, words: &[&str]) {
    let Err(Refused { code, said }) = outcome else { panic!("it was taken: {words:?}") };
    assert!(matches!(code, Some(1 | 2)), "{code:?}: {said}");
    assert!(said.starts_with("rialto: ") && said.lines().count() == 1, "{said}");
    assert!(words.iter().any(|word| said.contains(word)), "{words:?}: {said}");
}

fn flip(file: &Path, offset: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[offset] ^= 0x20;
    fs::write(file, bytes).unwrap();
}

fn cut(file: &Path, bytes: u64) {
    fs::File::options().write(true).open(file).unwrap().set_len(bytes).unwrap();
}

/// Bytes to flip in the database; more with `RIALTO_FLIPS`, which makes them others as well.
fn flips_wanted() -> usize {
    std::env::var("RIALTO_FLIPS").ok().and_then(|text| text.parse().ok()).unwrap_or(40)
}

#[test]
fn fault_10_a_byte_flipped_anywhere_in_the_database_is_found_and_named_or_changes_nothing() {
    let directory = ended_without_snapshot();
    let (file, sound) = (directory.path().join(DATABASE), verified(directory.path()).unwrap());
    let length = fs::metadata(&file).unwrap().len() as usize;
    let (mut found, mut flips) = (0, 0);
    for offset in (0..length).step_by((length / flips_wanted()).max(1)) {
        flips += 1;
        let copy = copy_of(directory.path());
        flip(&copy.path().join(DATABASE), offset);
        let outcome = verified(copy.path());
        let started = (flips % 5 == 0 || outcome.is_err() && found % 5 == 0).then(|| try_start(copy.path()));
        match outcome {
            Ok(proven) => {
                assert_eq!(proven, sound, "the flip at byte {offset} went unseen");
                if let Some(started) = started {
                    let position =
                        started.unwrap_or_else(|refused| panic!("{offset}: {refused:?}")).position();
                    assert_eq!(sound["last_position"], position);
                }
            }
            Err(no) => {
                found += 1;
                let words = ["damaged at position", DATABASE];
                refused::<Value>(Err(no), &words);
                started.into_iter().for_each(|started| refused(started, &words));
            }
        }
    }
    // More than half of the pages of so short a journal is unused.
    assert!(found > flips / 4, "only {found} of {flips} flips were found");
}

/// With a snapshot a start reads only what comes after it. Damage before it loses nothing, for the state is whole; it is
/// found by who reads it: the proof over the journal.
#[test]
fn fault_10_damage_before_a_snapshot_loses_nothing_and_is_found_by_the_proof() {
    let directory = ended();
    let last_position = verified(directory.path()).unwrap()["last_position"].as_u64().unwrap();
    let spoil = "UPDATE journal SET bytes = CAST(substr(bytes, 1, 20) || x'ff' || substr(bytes, 22) AS BLOB)
                 WHERE first_position = 5";
    Connection::open(directory.path().join(DATABASE)).unwrap().execute_batch(spoil).unwrap();
    refused(verified(directory.path()), &["damaged at position 5"]);
    assert_eq!(try_start(directory.path()).unwrap().position(), last_position);
}

#[test]
fn fault_10_rows_that_are_gone_repeated_moved_altered_or_of_another_journal_are_named() {
    let directory = ended_without_snapshot();
    let other = ended();
    let last = verified(directory.path()).unwrap()["last_position"].as_u64().unwrap();
    let sql = |data: &Path, statements: &str| {
        let connection = Connection::open(data.join(DATABASE)).unwrap();
        connection.execute("ATTACH ? AS other", [other.path().join(DATABASE).to_str().unwrap()]).unwrap();
        connection.execute_batch(statements).unwrap();
    };
    let cases = [
        ("DELETE FROM journal WHERE first_position = 7".into(), 7),
        (format!("DELETE FROM journal WHERE first_position = {last}"), last),
        ("DELETE FROM journal".into(), 1),
        (
            "UPDATE journal SET first_position = 999 WHERE first_position = 4;
             UPDATE journal SET first_position = 4 WHERE first_position = 8;
             UPDATE journal SET first_position = 8 WHERE first_position = 999"
                .into(),
            4,
        ),
        (
            format!(
                "INSERT INTO journal SELECT shard, {}, records, epoch, bytes, hash FROM journal
                 WHERE first_position = {last}",
                last + 1
            ),
            last + 1,
        ),
        ("UPDATE journal SET bytes = substr(bytes, 1, length(bytes) - 1) WHERE first_position = 9".into(), 9),
        (
            "UPDATE journal SET (bytes, hash) = (SELECT bytes, hash FROM other.journal o WHERE o.first_position = 6)
             WHERE first_position = 6"
                .into(),
            6,
        ),
        ("UPDATE tail SET hash = zeroblob(32)".into(), last),
    ];
    for (statements, position) in &cases {
        let copy = copy_of(directory.path());
        sql(copy.path(), statements);
        let words = [format!("damaged at position {position} ")];
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        refused(verified(copy.path()), &words);
        refused(try_start(copy.path()), &words);
    }
}

#[test]
fn fault_10_another_journal_in_its_place_is_refused() {
    let (directory, other) = (ended(), ended());
    let last = verified(directory.path()).unwrap()["last_position"].as_u64().unwrap();
    fs::copy(other.path().join(DATABASE), directory.path().join(DATABASE)).unwrap();
    refused(try_start(directory.path()), &[&format!("damaged at position {last} ")]);
    // By itself it is a sound journal. It is the audit log that knows another one.
    verified(directory.path()).unwrap();
    let audit = run(&["audit", "verify", "--data", directory.path().to_str().unwrap()]);
    assert_eq!(audit.status.code(), Some(1), "{audit:?}");

    let database = directory.path().join(DATABASE);
    fs::remove_file(&database).unwrap();
    Connection::open(&database).unwrap().execute_batch("CREATE TABLE songs (title TEXT)").unwrap();
    refused(try_start(directory.path()), &["is not a journal that this program wrote"]);
    fs::write(&database, "notes, and more than a few of them\n".repeat(300)).unwrap();
    refused(try_start(directory.path()), &["is not a journal that this program wrote"]);
}

#[test]
fn fault_10_a_journal_that_was_cut_is_refused() {
    let directory = ended_without_snapshot();
    let length = fs::metadata(directory.path().join(DATABASE)).unwrap().len();
    for bytes in [0, 1, 4_096, length / 2, length - 4_096, length - 1] {
        let copy = copy_of(directory.path());
        cut(&copy.path().join(DATABASE), bytes);
        if bytes > 0 {
            refused(verified(copy.path()), &["damaged at position", DATABASE]);
        }
        let words = ["damaged at position", DATABASE, "acknowledged records are lost"];
        refused(try_start(copy.path()), &words);
    }
}

#[test]
fn fault_10_a_snapshot_that_was_cut_is_named_and_passed_over() {
    let directory = ended();
    let last = verified(directory.path()).unwrap()["last_position"].as_u64().unwrap();
    let snapshots: Vec<PathBuf> = fs::read_dir(directory.path().join("snapshots"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let [snapshot] = &snapshots[..] else { panic!("{snapshots:?}") };
    cut(snapshot, fs::metadata(snapshot).unwrap().len() / 2);
    let server = try_start(directory.path()).unwrap();
    assert_eq!(server.position(), last);
    let said = server.log();
    assert!(said.contains(snapshot.to_str().unwrap()) && said.contains("cut off"), "{said}");
    let orders = server.list(&token(directory.path(), "ann", "trader"), "/trading/orders");
    assert_eq!(orders.len(), 20);
}

/// A crash leaves a log whose last commit is torn, and then nobody was told of that commit. A log that was cut later
/// looks the same; what views and audit log have seen tells the two apart.
#[test]
fn fault_10_a_torn_log_is_cut_after_the_last_acknowledged_commit_and_not_before() {
    let Killed { directory, last, last_commit } = killed();
    for bytes in [0, 20, 50_000, last_commit - 1, last_commit, last_commit + 2_000] {
        let copy = copy_of(directory.path());
        cut(&copy.path().join(LOG), bytes);
        refused(try_start(copy.path()), &["acknowledged records are lost"]);
    }
    // What a crash leaves behind the last acknowledged commit: half of another one.
    let copy = copy_of(directory.path());
    let log = copy.path().join(LOG);
    let mut bytes = fs::read(&log).unwrap();
    bytes.extend_from_within(last_commit as usize..last_commit as usize + 2_000);
    fs::write(&log, bytes).unwrap();
    let server = try_start(copy.path()).unwrap();
    assert_eq!(server.position(), last);
    place(&server, 1);
    drop(server);
    assert_eq!(verified(copy.path()).unwrap()["last_position"], last + 1);
}

/// Of the very last commit alone the log does not prove that it ever was whole. Views and audit log do; without them the
/// journal begins anew behind everything that is proven.
#[test]
fn fault_10_a_byte_flipped_in_the_log_loses_no_acknowledged_commit_in_silence() {
    let Killed { directory, last, last_commit } = killed();
    let earlier = (0..last_commit as usize).step_by(last_commit as usize / 25);
    let behind = [last_commit as usize + 10, last_commit as usize + 1_000];
    for (number, offset) in earlier.chain(behind).enumerate() {
        let copy = copy_of(directory.path());
        flip(&copy.path().join(LOG), offset);
        let is_last = offset as u64 >= last_commit;
        if number % 5 == 0 || is_last {
            refused(try_start(copy.path()), &["journal.db-wal is damaged", "acknowledged records are lost"]);
        }
        match verified(copy.path()) {
            Err(no) => refused::<Value>(Err(no), &["journal.db-wal is damaged"]),
            Ok(proven) => assert!(is_last && proven["last_position"] == last - 1, "byte {offset}: {proven}"),
        }
    }
    let copy = copy_of(directory.path());
    flip(&copy.path().join(LOG), last_commit as usize + 10);
    fs::remove_dir_all(copy.path().join("audit")).unwrap();
    for file in ["views.db", "views.db-wal", "views.db-shm"] {
        fs::remove_file(copy.path().join(file)).unwrap();
    }
    assert_eq!(try_start(copy.path()).unwrap().position(), last - 1);
}
