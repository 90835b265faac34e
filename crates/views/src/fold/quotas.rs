//! Clearing quotas: what was set, and sums of what holds and unsettled trades take.

use rusqlite::{Connection, OptionalExtension, params};
use vocabulary::{Amount, AssetId, Index, OrderTerms, ParticipantId, Reserved};

use crate::batch::run;
use crate::columns::{Columns, Minor};
use crate::error::ViewsError;

#[derive(Clone, Copy, Debug, Default)]
struct Change {
    set: Option<Amount>,
    held: Amount,
    used: Amount,
}

/// Changes of one batch.
#[derive(Default)]
pub(crate) struct Quotas(Index<(ParticipantId, AssetId), Change>);

impl Quotas {
    pub(crate) fn set(&mut self, participant: ParticipantId, asset: AssetId, quota: Amount) {
        self.0.entry((participant, asset)).set = Some(quota);
    }

    pub(crate) fn hold(&mut self, terms: &OrderTerms, held: Reserved) {
        self.0.entry((terms.participant, terms.quote)).held += amount(held);
    }

    pub(crate) fn release(&mut self, terms: &OrderTerms, released: Reserved) {
        // A release that overtook its hold gives nothing back, and makes no line.
        if released.amount != 0 {
            self.0.entry((terms.participant, terms.quote)).held -= amount(released);
        }
    }

    pub(crate) fn confirm(&mut self, terms: &OrderTerms, used: Reserved) {
        let change = self.0.entry((terms.participant, terms.quote));
        change.held -= amount(used);
        change.used += amount(used);
    }

    pub(crate) fn settle(&mut self, terms: &OrderTerms, used: Reserved) {
        self.0.entry((terms.participant, terms.quote)).used -= amount(used);
    }

    pub(crate) fn write(&self, connection: &Connection) -> Result<(), ViewsError> {
        for ((participant, asset), change) in self.0.sorted() {
            let key = [participant.0.as_str(), asset.0.as_str()];
            let before = connection
                .prepare_cached("SELECT quota, held, used FROM quotas WHERE participant = ? AND asset = ?")?
                .query_row(key, |row| {
                    let mut columns = Columns::from(row, 0);
                    Ok((columns.amount()?, columns.amount()?, columns.amount()?))
                })
                .optional()?
                .unwrap_or_default();
            run(
                connection,
                "INSERT OR REPLACE INTO quotas VALUES (?, ?, ?, ?, ?)",
                params![
                    key[0],
                    key[1],
                    Minor::from(change.set.unwrap_or(before.0)),
                    Minor::from(before.1 + change.held),
                    Minor::from(before.2 + change.used)
                ],
            )?;
        }
        Ok(())
    }
}

fn amount(reserved: Reserved) -> Amount {
    Amount(i128::from(reserved.amount))
}
