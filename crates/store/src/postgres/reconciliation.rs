//! Where a service keeps what its reconciliation has come to: one row of progress, and a row for each open item.
//!
//! Invariant: all of a step is kept or nothing, and only over the revision that it follows from, whoever writes.
//! Deliberately absent: what the texts mean.

use super::connection::{Database, Session, Unusable};
use std::collections::BTreeMap;

/// A shard's reconciliation.
pub struct ReconciliationTable {
    session: Session,
    shard: i32,
}

/// What is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptReconciliation {
    /// Counts the steps; 0 before the first.
    pub revision: i64,
    /// None before the first step.
    pub progress: Option<String>,
    /// Key and text of each open item.
    pub items: Vec<(String, String)>,
}

impl ReconciliationTable {
    /// Connects.
    ///
    /// # Errors
    /// When the database cannot be reached or is not migrated.
    pub fn open(database: &Database, shard: u16) -> Result<Self, Unusable> {
        Ok(Self { session: Session::open(database)?, shard: shard.into() })
    }

    /// What is kept now.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub fn load(&mut self) -> Result<KeptReconciliation, Unusable> {
        let shard = self.shard;
        self.session.on(|connection| {
            let transaction = connection.client().build_transaction();
            let repeatable = transaction.isolation_level(postgres::IsolationLevel::RepeatableRead);
            let mut transaction = repeatable.read_only(true).start()?;
            let row = transaction
                .query_opt("SELECT revision, progress FROM reconciliation WHERE shard = $1", &[&shard])?;
            let items = transaction.query(
                "SELECT key, item FROM reconciliation_item WHERE shard = $1 ORDER BY key",
                &[&shard],
            )?;
            transaction.commit()?;
            Ok(KeptReconciliation {
                revision: row.as_ref().map_or(0, |row| row.get(0)),
                progress: row.map(|row| row.get(1)),
                items: items.iter().map(|row| (row.get(0), row.get(1))).collect(),
            })
        })
    }

    /// Keeps a step that follows from `revision`: then true. False if another step was kept meanwhile. `items` are the
    /// texts of open items that are new or changed; none: it is open no longer.
    ///
    /// # Errors
    /// When the database cannot be reached: then nobody knows, and what is kept has to be looked at again.
    pub fn save(
        &mut self,
        revision: i64,
        progress: &str,
        items: &BTreeMap<String, Option<String>>,
    ) -> Result<bool, Unusable> {
        let shard = self.shard;
        let open = items.iter().filter_map(|(key, item)| Some((key.as_str(), item.as_deref()?)));
        let (keys, texts): (Vec<&str>, Vec<&str>) = open.unzip();
        let closed: Vec<&str> =
            items.iter().filter(|(_, item)| item.is_none()).map(|(key, _)| key.as_str()).collect();
        self.session.on(|connection| {
            let mut transaction = connection.client().transaction()?;
            let kept = transaction.execute(
                "INSERT INTO reconciliation AS kept (shard, revision, progress)
                 SELECT $1, $2::bigint + 1, $3 WHERE $2 = 0
                     OR EXISTS (SELECT FROM reconciliation WHERE shard = $1)
                 ON CONFLICT (shard) DO UPDATE SET revision = excluded.revision, progress = excluded.progress
                 WHERE kept.revision = $2",
                &[&shard, &revision, &progress],
            )?;
            if kept == 0 {
                return Ok(false);
            }
            transaction.execute(
                "INSERT INTO reconciliation_item (shard, key, item)
                 SELECT $1, key, item FROM unnest($2::text[], $3::text[]) AS open (key, item)
                 ON CONFLICT (shard, key) DO UPDATE SET item = excluded.item",
                &[&shard, &keys, &texts],
            )?;
            transaction.execute(
                "DELETE FROM reconciliation_item WHERE shard = $1 AND key = ANY ($2::text[])",
                &[&shard, &closed],
            )?;
            transaction.commit().map(|()| true)
        })
    }
}
