//! The accounts as a double-entry ledger.
//!
//! Every posting moves an amount of one asset from one place to another. Invariant, per asset, checked at every
//! posting in release builds too: available + frozen + in clearing + fees = what came in from outside and did not go
//! out again; and no place but outside is ever negative. Which order or trade a posting is for is not known here.

use minicbor::{Decode, Encode};
use std::collections::BTreeMap;
use vocabulary::{AccountId, Amount, AssetId, Index, ParticipantId, UserId};

/// What an account has of one asset, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Balance {
    /// Free to use.
    #[n(0)]
    pub available: Amount,
    /// Set aside for open orders.
    #[n(1)]
    pub frozen: Amount,
    /// Deducted by executions, on its way through clearing.
    #[n(2)]
    pub clearing: Amount,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Account {
    /// Its code.
    #[n(0)]
    pub account: AccountId,
    /// Who clears for it.
    #[n(1)]
    pub participant: ParticipantId,
    /// Opaque id of its owner.
    #[n(2)]
    pub owner: UserId,
    /// Sorted by asset.
    #[n(3)]
    balances: Vec<(AssetId, Balance)>,
}

impl Account {
    /// What it has of `asset`.
    pub fn balance(&self, asset: AssetId) -> Balance {
        let found = self.balances.binary_search_by_key(&asset, |(asset, _)| *asset);
        found.map_or_else(|_| Balance::default(), |at| self.balances[at].1)
    }

    /// All it has, by asset.
    pub fn balances(&self) -> &[(AssetId, Balance)] {
        &self.balances
    }

    fn balance_mut(&mut self, asset: AssetId) -> &mut Balance {
        let at = match self.balances.binary_search_by_key(&asset, |(asset, _)| *asset) {
            Ok(at) => at,
            Err(at) => {
                self.balances.insert(at, (asset, Balance::default()));
                at
            }
        };
        &mut self.balances[at].1
    }
}

/// Where an amount can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Not in the system.
    Outside,
    /// An account's free funds, by the account's slot.
    Available(u32),
    /// An account's funds for open orders.
    Frozen(u32),
    /// An account's funds on their way through clearing, or, between the two sides of a trade, the central
    /// counterparty's.
    Clearing(u32),
    /// Received by the central counterparty from one side of a trade, not yet passed on to the other.
    Counterparty,
    /// What the venue has earned.
    Fees,
}

/// Sums over all accounts of one asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Totals {
    /// What came in from outside less what went out.
    #[n(0)]
    pub outside: Amount,
    /// Free in accounts.
    #[n(1)]
    pub available: Amount,
    /// Set aside for open orders.
    #[n(2)]
    pub frozen: Amount,
    /// Deducted by executions.
    #[n(3)]
    pub clearing: Amount,
    /// Between the two sides of trades that are being settled. May be negative while only the receiving side is final.
    #[n(4)]
    pub counterparty: Amount,
    /// Earned by the venue.
    #[n(5)]
    pub fees: Amount,
}

impl Totals {
    /// Whether everything inside adds up to what came in.
    pub fn conserved(&self) -> bool {
        self.available + self.frozen + self.clearing + self.counterparty + self.fees == self.outside
    }
}

/// All accounts.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Ledger {
    #[n(0)]
    accounts: Vec<Account>,
    #[n(1)]
    slots: Index<AccountId, u32>,
    #[n(2)]
    totals: BTreeMap<AssetId, Totals>,
}

impl Ledger {
    /// The slot of an account.
    pub(crate) fn slot(&self, account: AccountId) -> Option<u32> {
        self.slots.get(&account).copied()
    }

    /// The account in a slot.
    pub(crate) fn at(&self, slot: u32) -> &Account {
        &self.accounts[slot as usize]
    }

    /// The account of that code.
    pub fn account(&self, account: AccountId) -> Option<&Account> {
        self.slot(account).map(|slot| self.at(slot))
    }

    /// All accounts in the order of their codes. Costs a sort.
    pub(crate) fn by_code(&self) -> impl Iterator<Item = &Account> {
        self.slots.sorted().into_iter().map(|(_, slot)| self.at(*slot))
    }

    /// All accounts in the order in which they were opened.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// Sums per asset.
    pub fn totals(&self) -> &BTreeMap<AssetId, Totals> {
        &self.totals
    }

    pub(crate) fn open(&mut self, account: AccountId, participant: ParticipantId, owner: UserId) {
        let slot = u32::try_from(self.accounts.len()).expect("fewer than 2^32 accounts");
        assert!(self.slots.insert(account, slot).is_none(), "account {account} opened twice");
        self.accounts.push(Account { account, participant, owner, balances: Vec::new() });
    }

    /// Moves `amount`, which is not negative, from one place to another.
    ///
    /// # Panics
    /// When a place would go below zero or money would appear or vanish: decisions check before, so this is
    /// corruption.
    pub(crate) fn post(&mut self, asset: AssetId, from: Place, to: Place, amount: Amount) {
        if amount.is_zero() {
            return;
        }
        assert!(!amount.is_negative(), "a posting is never negative");
        self.change(asset, from, -amount);
        self.change(asset, to, amount);
        let totals = &self.totals[&asset];
        assert!(totals.conserved(), "{asset} is not conserved: {totals:?}");
    }

    fn change(&mut self, asset: AssetId, place: Place, by: Amount) {
        let totals = self.totals.entry(asset).or_default();
        let (sum, part) = match place {
            Place::Outside => {
                totals.outside -= by;
                return;
            }
            Place::Fees => {
                totals.fees += by;
                assert!(!totals.fees.is_negative(), "fees went below zero");
                return;
            }
            Place::Counterparty => {
                totals.counterparty += by;
                return;
            }
            Place::Available(slot) => {
                let balance = self.accounts[slot as usize].balance_mut(asset);
                (&mut totals.available, &mut balance.available)
            }
            Place::Frozen(slot) => {
                (&mut totals.frozen, &mut self.accounts[slot as usize].balance_mut(asset).frozen)
            }
            Place::Clearing(slot) => {
                (&mut totals.clearing, &mut self.accounts[slot as usize].balance_mut(asset).clearing)
            }
        };
        *sum += by;
        *part += by;
        assert!(!part.is_negative(), "{place:?} went below zero in {asset}");
    }

    /// Adds up every account anew and compares with the totals. Costs a walk over all accounts.
    pub fn audit(&self) -> Result<(), String> {
        let mut sums: BTreeMap<AssetId, Balance> = BTreeMap::new();
        for (asset, balance) in self.accounts.iter().flat_map(|account| &account.balances) {
            let sum = sums.entry(*asset).or_default();
            sum.available += balance.available;
            sum.frozen += balance.frozen;
            sum.clearing += balance.clearing;
        }
        for (asset, totals) in &self.totals {
            let sum = sums.remove(asset).unwrap_or_default();
            let same = sum.available == totals.available
                && sum.frozen == totals.frozen
                && sum.clearing == totals.clearing
                && totals.conserved();
            if !same {
                return Err(format!("{asset}: accounts add up to {sum:?}, totals say {totals:?}"));
            }
        }
        sums.keys().next().map_or(Ok(()), |asset| Err(format!("{asset}: held, but never came in")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> (Ledger, AssetId) {
        let mut ledger = Ledger::default();
        ledger.open("A".parse().unwrap(), "P".parse().unwrap(), "u".parse().unwrap());
        (ledger, "CNY".parse().unwrap())
    }

    #[test]
    fn what_comes_in_is_held_or_goes_out() {
        let (mut ledger, cny) = ledger();
        ledger.post(cny, Place::Outside, Place::Available(0), Amount(10));
        ledger.post(cny, Place::Available(0), Place::Frozen(0), Amount(4));
        ledger.post(cny, Place::Frozen(0), Place::Clearing(0), Amount(3));
        ledger.post(cny, Place::Available(0), Place::Outside, Amount(1));
        let expected = Balance { available: Amount(5), frozen: Amount(1), clearing: Amount(3) };
        assert_eq!(ledger.at(0).balance(cny), expected);
        assert_eq!(ledger.totals()[&cny].outside, Amount(9));
        assert_eq!(ledger.audit(), Ok(()));
    }

    #[test]
    #[should_panic(expected = "went below zero")]
    fn nothing_is_taken_that_is_not_there() {
        let (mut ledger, cny) = ledger();
        ledger.post(cny, Place::Available(0), Place::Frozen(0), Amount(1));
    }

    #[test]
    fn the_audit_finds_what_the_totals_do_not_show() {
        let (mut ledger, cny) = ledger();
        ledger.post(cny, Place::Outside, Place::Available(0), Amount(10));
        ledger.accounts[0].balance_mut(cny).available += Amount(1);
        assert!(ledger.audit().is_err());
    }
}
