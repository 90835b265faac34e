//! Balances: sums of what every event moves, by account and asset.

use rusqlite::{Connection, OptionalExtension, params};
use vocabulary::{AccountId, Amount, AssetId, Index};

use crate::columns::{Columns, Minor};
use crate::error::ViewsError;

/// How much more an account has of an asset in each place.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Change {
    pub(crate) available: Amount,
    pub(crate) frozen: Amount,
    pub(crate) clearing: Amount,
}

/// Changes of one batch.
#[derive(Default)]
pub(crate) struct Balances(Index<(AccountId, AssetId), Change>);

impl Balances {
    /// Adds `amount`, which may be negative, to what is available.
    pub(crate) fn available(&mut self, account: AccountId, asset: AssetId, amount: Amount) {
        if !amount.is_zero() {
            self.0.entry((account, asset)).available += amount;
        }
    }

    /// Moves from available to frozen; back if negative.
    pub(crate) fn freeze(&mut self, account: AccountId, asset: AssetId, amount: Amount) {
        if !amount.is_zero() {
            let change = self.0.entry((account, asset));
            change.available -= amount;
            change.frozen += amount;
        }
    }

    /// Moves from frozen into clearing.
    pub(crate) fn clear(&mut self, account: AccountId, asset: AssetId, amount: Amount) {
        if !amount.is_zero() {
            let change = self.0.entry((account, asset));
            change.frozen -= amount;
            change.clearing += amount;
        }
    }

    /// Takes out of clearing.
    pub(crate) fn deliver(&mut self, account: AccountId, asset: AssetId, amount: Amount) {
        if !amount.is_zero() {
            self.0.entry((account, asset)).clearing -= amount;
        }
    }

    pub(crate) fn write(&self, connection: &Connection) -> Result<(), ViewsError> {
        let mut select = connection.prepare_cached(
            "SELECT available, frozen, clearing FROM balances WHERE account = ? AND asset = ?",
        )?;
        let mut replace =
            connection.prepare_cached("INSERT OR REPLACE INTO balances VALUES (?, ?, ?, ?, ?)")?;
        for ((account, asset), change) in self.0.sorted() {
            let key = [account.0.as_str(), asset.0.as_str()];
            let before = select
                .query_row(key, |row| {
                    let mut columns = Columns::from(row, 0);
                    Ok((columns.amount()?, columns.amount()?, columns.amount()?))
                })
                .optional()?
                .unwrap_or_default();
            replace.execute(params![
                key[0],
                key[1],
                Minor::from(before.0 + change.available),
                Minor::from(before.1 + change.frozen),
                Minor::from(before.2 + change.clearing)
            ])?;
        }
        Ok(())
    }
}
