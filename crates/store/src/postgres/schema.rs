//! The tables of a service's database, and who may do what with them.
//!
//! Invariant: migrations are applied in order, each once, all or none. A program works with tables of a later version that
//! states so, and never with those of an earlier one. The role that a service works as may add to the
//! journal and read it; to change or delete a batch it has no right.

use super::connection::{Connection, Database, Unusable};
use super::table::{Table, stored};
use crate::Founding;
use node::journal::{JournalReader, Tail};
use std::collections::BTreeMap;

/// What each version adds to the one before.
const MIGRATIONS: [&str; 2] = ["
    CREATE TABLE journal (
        shard integer NOT NULL, first_position bigint NOT NULL, records bigint NOT NULL, epoch bigint NOT NULL,
        bytes bytea NOT NULL, hash bytea NOT NULL, PRIMARY KEY (shard, first_position));
    -- Batches are packed already.
    ALTER TABLE journal ALTER COLUMN bytes SET STORAGE EXTERNAL;
    CREATE TABLE tail (
        shard integer PRIMARY KEY, next_position bigint NOT NULL, epoch bigint NOT NULL, hash bytea NOT NULL,
        claim bigint NOT NULL DEFAULT 0)
        WITH (fillfactor = 10);
    CREATE TABLE founding (
        shard integer NOT NULL, key text NOT NULL, value text NOT NULL, PRIMARY KEY (shard, key));
    CREATE TABLE lease (
        shard integer PRIMARY KEY, epoch bigint NOT NULL, holder text NOT NULL, address text NOT NULL,
        until timestamptz NOT NULL)
        WITH (fillfactor = 10);
", "
    CREATE TABLE reconciliation (
        shard integer PRIMARY KEY, revision bigint NOT NULL, progress text NOT NULL);
    CREATE TABLE reconciliation_item (
        shard integer NOT NULL, key text NOT NULL, item text NOT NULL, PRIMARY KEY (shard, key));
"];
const VERSION: i32 = MIGRATIONS.len() as i32;

/// The earliest version whose programs go on working with the tables as they are now, so that processes can be replaced one
/// by one after the tables: those of before ask for nothing that was taken away or changed since. To be set to a
/// migration's own version by one that does either; left by one that adds.
const WORKS_FROM: i32 = 2;

/// What a service's role may do.
const GRANTS: [&str; 7] = [
    "GRANT USAGE ON SCHEMA rialto TO",
    "GRANT SELECT ON ALL TABLES IN SCHEMA rialto TO",
    "GRANT INSERT ON rialto.journal, rialto.founding, rialto.tail TO",
    "GRANT INSERT, UPDATE ON rialto.lease TO",
    "GRANT UPDATE (next_position, epoch, hash, claim) ON rialto.tail TO",
    "GRANT INSERT, UPDATE ON rialto.reconciliation TO",
    "GRANT INSERT, UPDATE, DELETE ON rialto.reconciliation_item TO",
];

const CREATED_KEY: &str = "created";
const FACT_PREFIX: &str = "fact.";

/// What [`migrate`] has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The version that the schema had; 0 for none.
    pub from: i32,
    /// The version that it has now.
    pub to: i32,
}

/// Brings the schema `rialto` of a database to the version that this program needs, and lets `role` work with it.
/// `database` names a role that may create a schema there. Safe to repeat, and beside others that do the same.
///
/// # Errors
/// When the database cannot be reached, forbids it, or is newer than this program; when there is no such role.
pub fn migrate(database: &Database, role: &str) -> Result<Migrated, Unusable> {
    let mut connection = database.connect()?;
    match apply(&mut connection, role) {
        Ok(Ok(migrated)) => Ok(migrated),
        Ok(Err(newer)) => Err(newer),
        Err(error) => Err(connection.unreadable(&error)),
    }
}

fn apply(connection: &mut Connection, role: &str) -> Result<Result<Migrated, Unusable>, postgres::Error> {
    let place = connection.place.clone();
    let mut transaction = connection.client().transaction()?;
    // One at a time: "RILT" as a number.
    transaction.execute("SELECT pg_advisory_xact_lock(1380535380)", &[])?;
    transaction.batch_execute(
        "CREATE SCHEMA IF NOT EXISTS rialto;
         CREATE TABLE IF NOT EXISTS rialto.schema_version (version integer NOT NULL);
         ALTER TABLE rialto.schema_version ADD COLUMN IF NOT EXISTS works_from integer",
    )?;
    let stated = transaction.query_opt(STATED, &[])?;
    let (from, needed): (i32, i32) = stated.map_or((0, 0), |row| (row.get(0), row.get(1)));
    if from > VERSION {
        return Ok(Err(Unusable::Newer { place, found: from, needed, known: VERSION }));
    }
    for migration in MIGRATIONS.iter().skip(usize::try_from(from).unwrap_or(0)) {
        transaction.batch_execute(migration)?;
    }
    transaction.execute("DELETE FROM schema_version", &[])?;
    transaction.execute("INSERT INTO schema_version VALUES ($1, $2)", &[&VERSION, &WORKS_FROM])?;
    let quoted = role.replace('"', "\"\"");
    for grant in GRANTS {
        transaction.batch_execute(&format!("{grant} \"{quoted}\""))?;
    }
    transaction.commit()?;
    Ok(Ok(Migrated { from, to: VERSION }))
}

/// A schema's version, and from which one on programs work with it. The first ones did not state the latter.
const STATED: &str = "SELECT version, coalesce((to_jsonb(stated) ->> 'works_from')::integer, version) FROM schema_version AS stated";

/// Refuses a database that this program does not work with.
pub(super) fn check_version(connection: &mut Connection) -> Result<(), Unusable> {
    let found = connection.client().query_opt(STATED, &[]);
    let found = found.map_err(|error| connection.unreadable(&error));
    let place = connection.place.clone();
    // A role that may not look into a schema is told that nothing is there.
    let found: Option<(i32, i32)> = match found {
        Err(Unusable::NotMigrated { place }) if has_schema(connection) => {
            let why = "the role must not use the schema rialto; name it to `rialto migrate`".to_owned();
            return Err(Unusable::Forbidden { place, why });
        }
        found => found?.map(|row| (row.get(0), row.get(1))),
    };
    match found {
        None => Err(Unusable::NotMigrated { place }),
        Some((found, needed)) if needed > VERSION => {
            Err(Unusable::Newer { place, found, needed, known: VERSION })
        }
        Some((found, _)) if found < VERSION => Err(Unusable::Older { place, found, known: VERSION }),
        Some(_) => Ok(()),
    }
}

fn has_schema(connection: &mut Connection) -> bool {
    let known =
        connection.client().query_one("SELECT count(*) FROM pg_namespace WHERE nspname = 'rialto'", &[]);
    known.is_ok_and(|row| row.get::<_, i64>(0) == 1)
}

/// Founds the shard's journal if there is none. Answers what is laid down, whoever has laid it down.
pub(super) fn found_or_read(table: &Table, founding: &Founding) -> Result<Founding, Unusable> {
    if let Some(found) = read(table)? {
        return Ok(found);
    }
    table.on(|connection| found(connection, founding).map_err(|error| connection.unreadable(&error)))?;
    read(table)?.ok_or_else(|| Unusable::NoJournal { place: table.place(), shard: founding.shard })
}

fn found(connection: &mut Connection, founding: &Founding) -> Result<(), postgres::Error> {
    let shard = i32::from(founding.shard);
    let Tail { next_position, hash, .. } = Tail::genesis(founding.shard);
    let mut transaction = connection.client().transaction()?;
    let founded = transaction.execute(
        "INSERT INTO tail (shard, next_position, epoch, hash) VALUES ($1, $2, 0, $3) ON CONFLICT DO NOTHING",
        &[&shard, &stored(next_position), &hash.as_slice()],
    )?;
    if founded == 1 {
        let facts = founding.facts.iter().map(|(name, fact)| (format!("{FACT_PREFIX}{name}"), fact));
        for (key, value) in facts.chain([(CREATED_KEY.to_owned(), &founding.created)]) {
            transaction.execute("INSERT INTO founding VALUES ($1, $2, $3)", &[&shard, &key, value])?;
        }
    }
    transaction.commit()
}

/// What a shard's journal was founded with, if it was.
pub(super) fn read(table: &Table) -> Result<Option<Founding>, Unusable> {
    let shard = table.shard();
    table.on(|connection| {
        let rows = connection
            .client()
            .query("SELECT key, value FROM founding WHERE shard = $1", &[&i32::from(shard)])
            .map_err(|error| connection.unreadable(&error))?;
        let mut known: BTreeMap<String, String> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let Some(created) = known.remove(CREATED_KEY) else { return Ok(None) };
        let fact = |(key, value): (String, String)| Some((key.strip_prefix(FACT_PREFIX)?.to_owned(), value));
        Ok(Some(Founding { shard, created, facts: known.into_iter().filter_map(fact).collect() }))
    })
}
