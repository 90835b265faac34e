//! The tables of `journal.db`, and how a file shows that it is ours and of a version known here.
//!
//! Invariant: the tables, their version and the founding facts are laid down by one commit, into an empty file only.
//! Why the journal has rows by number and its primary key as an index beside them (and is not `WITHOUT ROWID`):
//! measured, a commit is a tenth to a fifth quicker, since blobs are then appended and never rebalanced.

use super::table::{Table, code};
use super::{DATABASE, OpenError, WAL};
use crate::Founding;
use node::journal::Tail;
use rusqlite::{Connection, ErrorCode, params};
use std::collections::BTreeMap;
use std::path::Path;

/// "RILT": marks the file as ours in the place that SQLite's header has for it.
const APPLICATION_ID: i32 = 0x5249_4c54;
const VERSION: u32 = 1;

const TABLES: &str = "
    CREATE TABLE journal (
        shard INTEGER NOT NULL, first_position INTEGER NOT NULL, records INTEGER NOT NULL, epoch INTEGER NOT NULL,
        bytes BLOB NOT NULL, hash BLOB NOT NULL,
        PRIMARY KEY (shard, first_position)
    );
    CREATE TABLE tail (
        shard INTEGER PRIMARY KEY, next_position INTEGER NOT NULL, epoch INTEGER NOT NULL, hash BLOB NOT NULL
    );
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
";

const SHARD_KEY: &str = "shard";
const CREATED_KEY: &str = "created";
const VERSION_KEY: &str = "schema_version";
const FACT_PREFIX: &str = "fact.";

/// Founds the journal in an empty file, else checks that the file is this shard's journal. Answers what is laid down.
pub(super) fn found_or_check(table: &Table, founding: &Founding) -> Result<Founding, OpenError> {
    if is_empty(table)? {
        found(&table.connection, founding).map_err(|error| table.failure("found", 0, error))?;
    }
    check(table)
}

/// SQLite throws the log of an empty database away, so an empty one beside a log is no new journal.
pub(super) fn refuse_lost_database(dir: &Path) -> Result<(), OpenError> {
    let len = |name| std::fs::metadata(dir.join(name)).map_or(0, |file| file.len());
    if len(DATABASE) == 0 && len(WAL) > 0 {
        let why = format!("it is empty or missing, but {WAL} is there");
        return Err(OpenError::Foreign { file: dir.join(DATABASE), why });
    }
    Ok(())
}

fn is_empty(table: &Table) -> Result<bool, OpenError> {
    let count =
        table.connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0));
    Ok(count.map_err(|error| unreadable(table, error))? == 0)
}

fn found(connection: &Connection, founding: &Founding) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    let tail = Tail::genesis(founding.shard);
    let next_position = i64::try_from(tail.next_position).expect("shards are fewer than 2^15");
    transaction
        .execute("INSERT INTO tail VALUES (?, ?, 0, ?)", params![founding.shard, next_position, tail.hash])?;
    let mut meta = transaction.prepare("INSERT INTO meta VALUES (?, ?)")?;
    meta.execute([VERSION_KEY, &VERSION.to_string()])?;
    meta.execute([SHARD_KEY, &founding.shard.to_string()])?;
    meta.execute([CREATED_KEY, &founding.created])?;
    for (name, fact) in &founding.facts {
        meta.execute([&format!("{FACT_PREFIX}{name}"), fact])?;
    }
    drop(meta);
    transaction.commit()
}

/// Checks that the file is a journal of a known version and of the table's shard. Answers what is laid down.
pub(super) fn check(table: &Table) -> Result<Founding, OpenError> {
    let foreign = |why: String| OpenError::Foreign { file: table.file.clone(), why };
    let id = table.connection.pragma_query_value(None, "application_id", |row| row.get::<_, i32>(0));
    if id.map_err(|error| unreadable(table, error))? != APPLICATION_ID {
        return Err(foreign("it is another program's database".into()));
    }
    let mut meta = meta(&table.connection).map_err(|error| unreadable(table, error))?;
    let mut take =
        |key: &str| meta.remove(key).ok_or_else(|| foreign(format!("it does not state its {key}")));
    let version = take(VERSION_KEY)?;
    let found: u32 =
        version.parse().map_err(|_| foreign(format!("schema version {version:?} is no number")))?;
    if found < VERSION {
        return Err(foreign(format!("there never was a schema version {found}")));
    }
    if found > VERSION {
        return Err(OpenError::Newer { file: table.file.clone(), found, known: VERSION });
    }
    let shard = take(SHARD_KEY)?;
    let shard: u16 = shard.parse().map_err(|_| foreign(format!("shard {shard:?} is no number")))?;
    if shard != table.shard {
        return Err(OpenError::OtherShard { file: table.file.clone(), found: shard, wanted: table.shard });
    }
    let created = take(CREATED_KEY)?;
    let fact = |(key, value): (String, String)| Some((key.strip_prefix(FACT_PREFIX)?.to_owned(), value));
    Ok(Founding { shard, created, facts: meta.into_iter().filter_map(fact).collect() })
}

fn meta(connection: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
    let mut statement = connection.prepare("SELECT key, value FROM meta")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn unreadable(table: &Table, error: rusqlite::Error) -> OpenError {
    match code(&error) {
        Some(ErrorCode::NotADatabase) => OpenError::Foreign {
            file: table.file.clone(),
            why: "it is not a database, or its first page is damaged".into(),
        },
        _ => table.failure("read", 0, error).into(),
    }
}
