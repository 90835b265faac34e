//! Given a real server: what a journal on it keeps, whom it lets write, and what it says when something is wrong. Needs
//! PostgreSQL installed; there is nothing to prove without.

mod reconciliation;

use super::*;
use node::journal::{Chain, Corrupt, Flaw, first_position, frame_into, verify_chain};
use std::collections::BTreeMap;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;
use testbed::Postgres;

const SHARD: u16 = 3;

/// A server with a migrated database `trading`, and a role `clerk` that may work with it.
fn server() -> Postgres {
    let server = Postgres::start(&[]).unwrap();
    server.sql("postgres", "CREATE DATABASE trading").unwrap();
    server.sql("postgres", "CREATE ROLE clerk LOGIN").unwrap();
    migrate(&database(&server, "owner"), "clerk").unwrap();
    server
}

fn database(server: &Postgres, user: &str) -> Database {
    server.address(user, "trading").parse().unwrap()
}

fn founding() -> Founding {
    let facts = BTreeMap::from([("calendar".to_owned(), "XSHG".to_owned())]);
    Founding { shard: SHARD, created: "2026-11-22T09:00:00Z".into(), facts }
}

fn open(server: &Postgres, check: Check) -> Result<PostgresJournal, Unusable> {
    PostgresJournal::open(&database(server, "clerk"), &founding(), check)
}

fn reader(server: &Postgres) -> PostgresReader {
    PostgresReader::open(&database(server, "clerk"), SHARD).unwrap()
}

fn next_batch(chain: &mut Chain, record_bytes: usize) -> Batch {
    let mut bytes = Vec::new();
    for record in 0..3 {
        frame_into(&mut bytes, |out| out.extend((0..record_bytes).map(|at| (at * 7 + record) as u8)));
    }
    chain.seal(1, 3, bytes)
}

fn append(journal: &mut PostgresJournal, count: usize, record_bytes: usize) -> Vec<Batch> {
    let mut chain = Chain::after(SHARD, journal.tail().unwrap());
    let batches: Vec<_> = (0..count).map(|_| next_batch(&mut chain, record_bytes)).collect();
    batches.iter().for_each(|batch| journal.append(batch).unwrap());
    batches
}

/// The position of the record with that number in the shard.
fn at(number: u64) -> u64 {
    first_position(SHARD) + number - 1
}

#[test]
fn what_was_appended_is_read_from_any_position_also_after_opening_it_again() {
    let server = server();
    let mut journal = open(&server, Check::Tail).unwrap();
    assert_eq!(journal.tail().unwrap(), Tail::genesis(SHARD));
    assert_eq!(journal.read_from(0, usize::MAX).unwrap(), []);
    let batches = [append(&mut journal, 90, 100), append(&mut journal, 10, 20_000)].concat();
    drop(journal);
    let journal = open(&server, Check::Full).unwrap();
    assert_eq!(journal.founding(), &founding());
    assert_eq!(journal.tail().unwrap(), batches[99].tail());
    let reader = reader(&server);
    assert_eq!(reader.read_from(0, usize::MAX).unwrap(), batches);
    assert_eq!(reader.read_from(at(12), usize::MAX).unwrap(), batches[3..], "within a batch");
    assert_eq!(reader.read_from(at(13), 0).unwrap(), batches[4..5], "at least one");
    assert_eq!(reader.read_from(at(271), 60_000).unwrap(), batches[90..91], "up to the bound");
    assert_eq!(reader.read_from(at(301), usize::MAX).unwrap(), []);
    assert_eq!(reader.read_from(u64::MAX, usize::MAX).unwrap(), []);
    assert_eq!(verify_chain(&reader, |_| ()).unwrap().batches, 100);
}

#[test]
fn a_journal_keeps_what_it_was_founded_with_and_a_shard_that_has_none_is_named() {
    let server = server();
    drop(open(&server, Check::Tail).unwrap());
    let later = Founding { created: "2030-01-01T00:00:00Z".into(), facts: BTreeMap::new(), ..founding() };
    let journal = PostgresJournal::open(&database(&server, "clerk"), &later, Check::Tail).unwrap();
    assert_eq!(journal.founding(), &founding());
    assert_eq!(reader(&server).founding().unwrap(), founding());
    let error = PostgresReader::open(&database(&server, "clerk"), 9).err().unwrap().to_string();
    assert!(error.ends_with("holds no journal of shard 9"), "{error}");
}

#[test]
fn c7_of_several_writers_the_last_that_opened_the_journal_writes() {
    let server = server();
    let mut old = open(&server, Check::Tail).unwrap();
    append(&mut old, 2, 100);
    let mut new = open(&server, Check::Tail).unwrap();
    let mut chain = Chain::after(SHARD, old.tail().unwrap());
    let late = next_batch(&mut chain, 50);
    let error = old.append(&late).unwrap_err();
    assert!(matches!(error, JournalError::Fenced { shard: SHARD, position } if position == at(7)), "{error}");
    assert_eq!(old.outcome_of(at(7), &late.hash).unwrap(), Outcome::NotCommitted);
    let taken = append(&mut new, 1, 100);
    assert!(matches!(old.outcome_of(at(7), &late.hash), Err(JournalError::Fenced { .. })));
    assert_eq!(old.outcome_of(at(7), &taken[0].hash).unwrap(), Outcome::Committed);
    assert!(matches!(old.append(&late), Err(JournalError::Fenced { .. })));
    assert_eq!(verify_chain(&reader(&server), |_| ()).unwrap().records, 9);
}

#[test]
fn c7_writers_that_race_for_the_journal_leave_one_sound_history() {
    let server = Arc::new(server());
    let start = Arc::new(Barrier::new(6));
    let writers: Vec<_> = (0..6)
        .map(|_| {
            let (server, start) = (Arc::clone(&server), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                let mut written = 0;
                for _ in 0..10 {
                    let mut journal = open(&server, Check::Tail).unwrap();
                    let mut chain = Chain::after(SHARD, journal.tail().unwrap());
                    for _ in 0..5 {
                        match journal.append(&next_batch(&mut chain, 100)) {
                            Ok(()) => written += 1,
                            Err(JournalError::Fenced { .. }) => break,
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
                written
            })
        })
        .collect();
    let written: u64 = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
    assert_eq!(verify_chain(&reader(&server), |_| ()).unwrap().batches, written);
    assert!(written >= 5, "the last one to open it wrote everything it had");
}

#[test]
fn what_was_acknowledged_survives_a_server_that_is_killed_and_what_failed_is_read_back() {
    let mut server = server();
    let mut journal = open(&server, Check::Tail).unwrap();
    let batches = append(&mut journal, 20, 500);
    server.kill().unwrap();
    let next = next_batch(&mut Chain::after(SHARD, batches[19].tail()), 10);
    let error = journal.append(&next).unwrap_err();
    assert!(matches!(error, JournalError::UnknownOutcome { position, .. } if position == at(61)), "{error}");
    assert!(matches!(journal.append(&next), Err(JournalError::UnknownOutcome { .. })), "not settled yet");
    server.restart().unwrap();
    assert_eq!(journal.outcome_of(at(61), &next.hash).unwrap(), Outcome::NotCommitted);
    journal.append(&next).unwrap();
    assert_eq!(journal.outcome_of(at(61), &next.hash).unwrap(), Outcome::Committed);
    assert_eq!(reader(&server).read_from(0, usize::MAX).unwrap(), [&batches[..], &[next]].concat());
}

#[test]
fn a_commit_whose_answer_is_lost_is_found_and_one_that_another_has_overtaken_is_fenced() {
    let server = server();
    let mut journal = open(&server, Check::Tail).unwrap();
    let batches = append(&mut journal, 1, 100);
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'clerk'";
    server.sql("postgres", cut).unwrap();
    let mut chain = Chain::after(SHARD, batches[0].tail());
    let next = next_batch(&mut chain, 10);
    assert!(matches!(journal.append(&next), Err(JournalError::UnknownOutcome { .. })));
    // As if the server had committed it before it went.
    let sql = format!(
        "INSERT INTO rialto.journal SELECT {SHARD}, {}, 3, 1, bytes, '\\x{}' FROM rialto.journal;
         UPDATE rialto.tail SET next_position = {}, hash = '\\x{}'",
        at(4),
        hex(&next.hash),
        at(7),
        hex(&next.hash),
    );
    server.sql("trading", &sql).unwrap();
    assert_eq!(journal.outcome_of(at(4), &next.hash).unwrap(), Outcome::Committed);
    server.sql("postgres", cut).unwrap();
    let last = next_batch(&mut chain, 10);
    assert!(matches!(journal.append(&last), Err(JournalError::UnknownOutcome { .. })));
    drop(open(&server, Check::Tail).err());
    let other = "UPDATE rialto.tail SET claim = claim + 1";
    server.sql("trading", other).unwrap();
    assert!(matches!(journal.outcome_of(at(7), &last.hash), Err(JournalError::Fenced { .. })));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_reader_that_loses_its_connection_makes_another() {
    let mut server = server();
    let batches = append(&mut open(&server, Check::Tail).unwrap(), 3, 100);
    let reader = reader(&server);
    assert_eq!(reader.tail().unwrap(), batches[2].tail());
    server.kill().unwrap();
    server.restart().unwrap();
    // The first call may still find the old connection open, and says that it broke.
    let deadline = Instant::now() + Duration::from_secs(20);
    while reader.tail().is_err() {
        assert!(Instant::now() < deadline, "waited for the reader to reach the server again");
    }
    assert_eq!(reader.read_from(0, usize::MAX).unwrap(), batches);
}

#[test]
fn the_role_of_a_service_can_neither_change_nor_delete_history() {
    let server = server();
    append(&mut open(&server, Check::Tail).unwrap(), 3, 100);
    for statement in [
        "UPDATE journal SET bytes = ''",
        "DELETE FROM journal",
        "TRUNCATE journal",
        "DROP TABLE journal",
        "DELETE FROM tail",
        "UPDATE founding SET value = ''",
        "CREATE TABLE another (id integer)",
    ] {
        let mut connection = database(&server, "clerk").connect().unwrap();
        let error = connection.client().batch_execute(statement).unwrap_err();
        let state = error.code().map(postgres::error::SqlState::code);
        assert_eq!(state, Some("42501"), "{statement}: {error}");
    }
    assert_eq!(verify_chain(&reader(&server), |_| ()).unwrap().batches, 3);
}

#[test]
fn fault_10_damage_is_found_by_whoever_opens_the_journal() {
    let flaw = |statement: &str, check: Check| {
        let server = server();
        append(&mut open(&server, Check::Tail).unwrap(), 5, 300);
        server.sql("trading", &format!("SET search_path = rialto; {statement}")).unwrap();
        match open(&server, check) {
            Err(Unusable::Journal(JournalError::Corrupt(Corrupt { position, flaw, .. }))) => (position, flaw),
            Err(error) => panic!("{statement}: {error}"),
            Ok(_) => panic!("{statement} went unseen"),
        }
    };
    let deleted = format!("DELETE FROM journal WHERE first_position = {}", at(13));
    assert_eq!(flaw(&deleted, Check::Tail), (at(13), Flaw::Missing { until: at(16) }));
    let deleted = format!("DELETE FROM journal WHERE first_position = {}", at(7));
    assert_eq!(flaw(&deleted, Check::Full), (at(7), Flaw::Missing { until: at(10) }));
    let rehashed = format!("UPDATE journal SET epoch = 2 WHERE first_position = {}", at(4));
    assert_eq!(flaw(&rehashed, Check::Full), (at(4), Flaw::Hash));
    let flipped = format!(
        "UPDATE journal SET bytes = set_bit(bytes, 99, 1 - get_bit(bytes, 99)) WHERE first_position = {}",
        at(4)
    );
    let (position, flaw) = flaw(&flipped, Check::Full);
    assert_eq!(position, at(4));
    assert!(matches!(flaw, Flaw::Storage(why) if why.contains("a byte has changed")));
}

#[test]
fn what_cannot_be_used_is_refused_with_a_sentence() {
    let server = server();
    let refusal = |database: &str, user: &str| {
        let database: Database = server.address(user, database).parse().unwrap();
        PostgresJournal::open(&database, &founding(), Check::Tail).err().unwrap().to_string()
    };
    let place = |database: &str| {
        format!("PostgreSQL database {database} on {}:5432", server.socket_directory().display())
    };
    let expected =
        format!("{} is not migrated: run `rialto migrate` with a role that owns it", place("postgres"));
    assert_eq!(refusal("postgres", "owner"), expected);
    let expected = format!("cannot use {}: database \"nowhere\" does not exist", place("nowhere"));
    assert_eq!(refusal("nowhere", "owner"), expected);
    server.sql("postgres", "CREATE ROLE stranger LOGIN").unwrap();
    let expected = format!(
        "{} does not permit it: the role must not use the schema rialto; name it to `rialto migrate`",
        place("trading")
    );
    assert_eq!(refusal("trading", "stranger"), expected);
    server.sql("trading", "UPDATE rialto.schema_version SET version = 99, works_from = 98").unwrap();
    let expected = format!(
        "{} has schema version 99, for programs that know version 98 or later, and this one knows only 2: use a newer one",
        place("trading")
    );
    assert_eq!(refusal("trading", "clerk"), expected);
    let migrated = migrate(&database(&server, "owner"), "clerk").unwrap_err().to_string();
    assert_eq!(migrated, expected);
    let error = "host=a port=x".parse::<Database>().unwrap_err().to_string();
    assert!(error.starts_with("the database's address cannot be read: "), "{error}");
}

#[test]
fn a_server_that_forgets_what_it_has_committed_is_refused() {
    let server = Postgres::start(&["fsync=off"]).unwrap();
    server.sql("postgres", "CREATE DATABASE trading").unwrap();
    migrate(&database(&server, "owner"), "owner").unwrap();
    let error = PostgresJournal::open(&database(&server, "owner"), &founding(), Check::Tail).err().unwrap();
    assert!(
        error.to_string().ends_with("has fsync = off, so it may lose what it has committed: set it to on"),
        "{error}"
    );
}

#[test]
fn migrating_again_changes_nothing_and_several_at_once_do_no_harm() {
    let server = Arc::new(server());
    append(&mut open(&server, Check::Tail).unwrap(), 3, 100);
    let migrated: Vec<_> = (0..4)
        .map(|_| {
            let server = Arc::clone(&server);
            thread::spawn(move || migrate(&database(&server, "owner"), "clerk").unwrap())
        })
        .collect();
    for migrated in migrated {
        assert_eq!(migrated.join().unwrap(), Migrated { from: 2, to: 2 });
    }
    assert_eq!(verify_chain(&reader(&server), |_| ()).unwrap().batches, 3);
    let error = migrate(&database(&server, "owner"), "nobody").unwrap_err().to_string();
    assert!(error.ends_with("role \"nobody\" does not exist"), "{error}");
}

#[test]
fn a_database_of_an_earlier_version_is_named_and_brought_up_with_what_it_holds() {
    let server = server();
    append(&mut open(&server, Check::Tail).unwrap(), 3, 100);
    let first = "DROP TABLE rialto.reconciliation, rialto.reconciliation_item;
        ALTER TABLE rialto.schema_version DROP COLUMN works_from; UPDATE rialto.schema_version SET version = 1";
    server.sql("trading", first).unwrap();
    let error = open(&server, Check::Tail).err().unwrap().to_string();
    assert!(
        error.ends_with("has schema version 1, and this program needs 2: run `rialto migrate`"),
        "{error}"
    );
    assert_eq!(migrate(&database(&server, "owner"), "clerk").unwrap(), Migrated { from: 1, to: 2 });
    append(&mut open(&server, Check::Full).unwrap(), 1, 100);
    assert_eq!(verify_chain(&reader(&server), |_| ()).unwrap().batches, 4);
    let mut table = ReconciliationTable::open(&database(&server, "clerk"), SHARD).unwrap();
    assert_eq!(table.load().unwrap(), KeptReconciliation::default());
}

/// Tables are migrated first, and then processes are replaced one by one.
#[test]
fn tables_of_a_later_version_that_only_adds_are_worked_with_and_left_as_they_are() {
    let server = server();
    let mut journal = open(&server, Check::Tail).unwrap();
    append(&mut journal, 1, 100);
    let later = "ALTER TABLE rialto.lease ADD COLUMN made_up text;
        UPDATE rialto.schema_version SET version = 3, works_from = 2";
    server.sql("trading", later).unwrap();
    append(&mut journal, 1, 100);
    drop(journal);
    append(&mut open(&server, Check::Full).unwrap(), 1, 100);
    assert_eq!(verify_chain(&reader(&server), |_| ()).unwrap().batches, 3);
    assert!(lease(&server, "a", Duration::from_secs(5)).take().unwrap().is_some());
    let error = migrate(&database(&server, "owner"), "clerk").unwrap_err().to_string();
    assert!(error.contains("has schema version 3"), "{error}");
}

fn lease(server: &Postgres, holder: &str, duration: Duration) -> Lease {
    let address = format!("http://{holder}");
    Lease::new(&database(server, "clerk"), SHARD, holder, &address, duration).unwrap()
}

/// Waits for a lease to be had, at most so long that it must be.
fn taken(lease: &mut Lease) -> Held {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(held) = lease.take().unwrap() {
            return held;
        }
        assert!(Instant::now() < deadline, "waited for the lease to be over");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_lease_is_held_by_one_until_it_is_given_back_or_over() {
    let server = server();
    let long = Duration::from_secs(3_600);
    let (mut first, mut second) = (lease(&server, "first", long), lease(&server, "second", long));
    assert_eq!(first.leader().unwrap(), None);
    assert_eq!(first.renew().unwrap(), None, "what is not held cannot be renewed");
    assert_eq!(first.take().unwrap().unwrap().epoch, 1);
    assert_eq!(second.take().unwrap(), None);
    assert_eq!(first.renew().unwrap().unwrap().epoch, 1);
    let leader = second.leader().unwrap().unwrap();
    let expected =
        Leader { holder: "first".into(), address: "http://first".into(), epoch: 1, is_current: true };
    assert_eq!(leader, expected);
    first.give_back().unwrap();
    assert!(!second.leader().unwrap().unwrap().is_current);
    assert_eq!(second.take().unwrap().unwrap().epoch, 2);
    assert_eq!(first.renew().unwrap(), None);
    drop(second);
    // As if an hour had gone by.
    server.sql("trading", "UPDATE rialto.lease SET until = now() - interval '1 second'").unwrap();
    let held = taken(&mut first);
    assert_eq!(held.epoch, 3);
    assert!(held.until > Instant::now());
}

#[test]
fn a_lease_that_is_not_renewed_ends_by_itself_and_its_holder_is_told() {
    let server = server();
    let mut first = lease(&server, "first", Duration::from_millis(200));
    let mut second = lease(&server, "second", Duration::from_secs(3_600));
    first.take().unwrap().unwrap();
    let held = taken(&mut second);
    assert_eq!(held.epoch, 2);
    assert_eq!(first.renew().unwrap(), None);
    assert_eq!(first.take().unwrap(), None);
}

#[test]
fn of_many_that_want_a_lease_one_gets_it() {
    let server = Arc::new(server());
    let start = Arc::new(Barrier::new(8));
    let takers: Vec<_> = (0..8)
        .map(|number| {
            let (server, start) = (Arc::clone(&server), Arc::clone(&start));
            thread::spawn(move || {
                let mut lease = lease(&server, &format!("taker-{number}"), Duration::from_secs(3_600));
                start.wait();
                u32::from(lease.take().unwrap().is_some())
            })
        })
        .collect();
    assert_eq!(takers.into_iter().map(|taker| taker.join().unwrap()).sum::<u32>(), 1);
}

#[test]
fn a_lease_outlives_the_connection_that_it_was_taken_over() {
    let mut server = server();
    let mut first = lease(&server, "first", Duration::from_secs(3_600));
    first.take().unwrap().unwrap();
    server.kill().unwrap();
    server.restart().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let held = loop {
        match first.renew() {
            Ok(held) => break held,
            Err(error) => assert!(Instant::now() < deadline, "waited for the server: {error}"),
        }
    };
    assert_eq!(held.unwrap().epoch, 1);
}
