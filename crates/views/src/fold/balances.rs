//! Balances: sums of what every event moves, by account and asset.

use rusqlite::{Connection, OptionalExtension, Statement, params};
use vocabulary::{AccountId, Amount, AssetId, Index};

use crate::columns::{Columns, Minor};
use crate::error::ViewsError;

/// How many balances are remembered from one batch to the next before all are forgotten.
const KNOWN_MAX: usize = 1 << 16;

/// Balances as their rows say.
pub(crate) type Known = Index<(AccountId, AssetId), Places>;

/// How much an account has of an asset in each place, or how much more.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Places {
    pub(crate) available: Amount,
    pub(crate) frozen: Amount,
    pub(crate) clearing: Amount,
}

/// Changes of one batch.
#[derive(Default)]
pub(crate) struct Balances(Index<(AccountId, AssetId), Places>);

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

    pub(crate) fn write(&self, connection: &Connection, known: &mut Known) -> Result<(), ViewsError> {
        let mut select = connection.prepare_cached(
            "SELECT available, frozen, clearing FROM balances WHERE account = ? AND asset = ?",
        )?;
        let mut replace =
            connection.prepare_cached("INSERT OR REPLACE INTO balances VALUES (?, ?, ?, ?, ?)")?;
        if known.len() > KNOWN_MAX {
            *known = Index::default();
        }
        for (key @ (account, asset), change) in self.0.sorted() {
            if !known.contains(key) {
                known.insert(*key, load(&mut select, *account, *asset)?);
            }
            let balance = known.entry(*key);
            balance.available += change.available;
            balance.frozen += change.frozen;
            balance.clearing += change.clearing;
            replace.execute(params![
                account.0.as_str(),
                asset.0.as_str(),
                Minor::from(balance.available),
                Minor::from(balance.frozen),
                Minor::from(balance.clearing)
            ])?;
        }
        Ok(())
    }
}

fn load(select: &mut Statement<'_>, account: AccountId, asset: AssetId) -> rusqlite::Result<Places> {
    let found = select.query_row([account.0.as_str(), asset.0.as_str()], |row| {
        let mut columns = Columns::from(row, 0);
        Ok(Places { available: columns.amount()?, frozen: columns.amount()?, clearing: columns.amount()? })
    });
    Ok(found.optional()?.unwrap_or_default())
}
