//! The settled trades of a run, added up by model, asset and party.
//!
//! Invariant: the central counterparty mirrors every movement, so receipts equal deliveries but for the fees it keeps.

use rusqlite::{Connection, OptionalExtension, params};
use settlement::Party;
use vocabulary::{Amount, AssetId, Index, ParticipantId, SettledSide, SettlementModel, Side};

use crate::batch::run;
use crate::columns::{Columns, Minor, stored};
use crate::error::ViewsError;
use crate::words;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    run: u64,
    model: &'static str,
    asset: AssetId,
    participant: Option<ParticipantId>,
}

#[derive(Clone, Copy, Default)]
struct Change {
    movements: i64,
    gross_in: Amount,
    gross_out: Amount,
}

/// Changes of one batch.
#[derive(Default)]
pub(crate) struct SettledPositions(Index<Key, Change>);

/// A party as it stands in a table: empty for the central counterparty.
pub(crate) fn party_code(party: &Party) -> &str {
    match party {
        Party::Participant(participant) => participant.0.as_str(),
        Party::CentralCounterparty => "",
    }
}

impl SettledPositions {
    /// Adds one side of a settled trade.
    pub(crate) fn add(&mut self, number: u64, model: SettlementModel, side: &SettledSide) {
        let SettledSide { terms, fill, .. } = side;
        let quantity = Amount::from(fill.quantity);
        let (base, quote) = match terms.side {
            Side::Buy => (quantity, -(fill.notional + fill.fee)),
            Side::Sell => (-quantity, fill.notional - fill.fee),
        };
        for (asset, change) in [(terms.base, base), (terms.quote, quote)] {
            for (participant, change) in [(Some(terms.participant), change), (None, -change)] {
                let line = self.0.entry(Key { run: number, model: words::model(model), asset, participant });
                line.movements += 1;
                line.gross_in += change.max(Amount::ZERO);
                line.gross_out += (-change).max(Amount::ZERO);
            }
        }
    }

    pub(crate) fn write(&self, connection: &Connection) -> Result<(), ViewsError> {
        for (key, change) in self.0.sorted() {
            let party = key.participant.as_ref().map_or("", |participant| participant.0.as_str());
            let (asset, number) = (key.asset.0.as_str(), stored(key.run));
            let before = connection
                .prepare_cached(
                    "SELECT movements, gross_in, gross_out FROM settled_positions
                     WHERE run = ? AND model = ? AND asset = ? AND party = ?",
                )?
                .query_row(params![number, key.model, asset, party], |row| {
                    let mut columns = Columns::from(row, 0);
                    Ok((columns.take::<i64>()?, columns.amount()?, columns.amount()?))
                })
                .optional()?
                .unwrap_or_default();
            run(
                connection,
                "INSERT OR REPLACE INTO settled_positions VALUES (?, ?, ?, ?, ?, ?, ?)",
                params![
                    number,
                    key.model,
                    asset,
                    party,
                    before.0 + change.movements,
                    Minor::from(before.1 + change.gross_in),
                    Minor::from(before.2 + change.gross_out)
                ],
            )?;
        }
        Ok(())
    }
}
