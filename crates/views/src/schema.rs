//! The file: its tables, their version, and laying them down anew when the version is another.
//!
//! Invariant: a file has all tables of this version with a cursor in its shard, or is rebuilt from the first record.

use node::journal::{first_position, shard_of};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

use crate::columns::stored;
use crate::error::ViewsError;
use crate::writer::read_cursor;

/// Counts changes of the tables or of what stands in them. Another version in the file means that it is rebuilt.
pub const SCHEMA_VERSION: i64 = 3;

const TABLES: &str = include_str!("schema.sql");

/// Statements kept prepared on a connection.
const STATEMENTS_MAX: usize = 256;

/// Opens the file for the writer of that shard's views.
pub(crate) fn open_for_writing(path: &Path, shard: u16) -> Result<Connection, ViewsError> {
    let open = |source| ViewsError::Open { path: path.to_owned(), source };
    let connection = Connection::open(path).map_err(open)?;
    prepare(&connection).map_err(open)?;
    if !is_of(&connection, shard).map_err(open)? {
        lay_down(&connection, shard).map_err(open)?;
    }
    Ok(connection)
}

/// A commit is not synced (`NORMAL` in a write-ahead log syncs at checkpoints only): a machine that loses power may lose
/// the last transactions, each whole and with its cursor, so the views never claim a position that they do not hold, and
/// follow the journal again from there. `OFF` would save little more and could tear the file.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 4000; PRAGMA busy_timeout = 10000;",
    )
}

/// Whether the commits that follow are synced.
pub(crate) fn sync_commits(connection: &Connection, are_synced: bool) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", if are_synced { "FULL" } else { "NORMAL" })
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Whether the tables are of this version, and tell of that shard.
fn is_of(connection: &Connection, shard: u16) -> rusqlite::Result<bool> {
    Ok(version(connection)? == SCHEMA_VERSION && shard_of(read_cursor(connection)?.next_position) == shard)
}

/// Drops whatever is there, and begins anew. One transaction, so a reader sees the old tables or the new.
fn lay_down(connection: &Connection, shard: u16) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    let found: Vec<(String, String)> = transaction
        .prepare(
            "SELECT type, name FROM sqlite_schema
             WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY type DESC",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (kind, name) in found {
        transaction.execute_batch(&format!("DROP {kind} \"{}\"", name.replace('"', "\"\"")))?;
    }
    transaction.execute_batch(TABLES)?;
    let first = stored(first_position(shard));
    transaction.execute("INSERT INTO cursor (id, next_position, time) VALUES (1, ?, 0)", [first])?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()
}

/// Opens the file for reading.
pub(crate) fn open_for_reading(path: &Path) -> Result<Connection, ViewsError> {
    let open = |source| ViewsError::Open { path: path.to_owned(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(open)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    let setting = "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA busy_timeout = 10000;";
    connection.execute_batch(setting).map_err(open)?;
    let found = version(&connection).map_err(open)?;
    if found == SCHEMA_VERSION {
        Ok(connection)
    } else {
        Err(ViewsError::OtherVersion { path: path.to_owned(), found, expected: SCHEMA_VERSION })
    }
}
