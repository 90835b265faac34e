//! The accounts of one trading shard as amounts in places, and what came in from outside.
//!
//! Each change is to one place alone, so that inside and outside are added up apart and can differ. Invariants that it
//! finds broken: no account's place and no fee is below zero, and what is inside is what came in (B11).

use super::CONSERVATION;
use crate::auditor::findings::Findings;
use std::collections::{BTreeMap, BTreeSet};
use vocabulary::{AccountId, Amount, AssetId};

/// Where an asset can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Available(AccountId),
    Frozen(AccountId),
    /// Executed and waiting for settlement.
    Clearing(AccountId),
    /// Taken from one side of a trade and not yet given to the other; negative the other way round.
    Counterparty,
    Fees,
}

#[derive(Default)]
pub(super) struct Book {
    places: BTreeMap<(AssetId, Place), Amount>,
    inside: BTreeMap<AssetId, Amount>,
    outside: BTreeMap<AssetId, Amount>,
    /// What has changed since the last check.
    touched: BTreeSet<AssetId>,
}

impl Book {
    pub(super) fn amount(&self, asset: AssetId, place: Place) -> Amount {
        self.places.get(&(asset, place)).copied().unwrap_or_default()
    }

    /// Every place with what is in it.
    pub(super) fn places(&self) -> impl Iterator<Item = (AssetId, Place, Amount)> {
        self.places.iter().map(|((asset, place), amount)| (*asset, *place, *amount))
    }

    /// So much came in from outside, or went out if it is negative.
    pub(super) fn come_in(&mut self, asset: AssetId, amount: Amount) {
        *self.outside.entry(asset).or_default() += amount;
        self.touched.insert(asset);
    }

    pub(super) fn change(&mut self, asset: AssetId, place: Place, by: Amount, findings: &mut Findings<'_>) {
        let amount = self.places.entry((asset, place)).or_default();
        *amount += by;
        let amount = *amount;
        *self.inside.entry(asset).or_default() += by;
        self.touched.insert(asset);
        let may_be_negative = place == Place::Counterparty || !by.is_negative();
        findings.check(!amount.is_negative() || may_be_negative, "nothing below zero", || {
            format!("{place:?} has {amount} {asset} after {by}")
        });
    }

    /// Compares inside and outside for every asset that was touched.
    pub(super) fn check_conserved(&mut self, findings: &mut Findings<'_>) {
        for asset in std::mem::take(&mut self.touched) {
            let sum = |sums: &BTreeMap<AssetId, Amount>| sums.get(&asset).copied().unwrap_or_default();
            let (inside, outside) = (sum(&self.inside), sum(&self.outside));
            findings.check(inside == outside, CONSERVATION, || {
                format!("{inside} {asset} are inside, and {outside} came in")
            });
        }
    }
}
