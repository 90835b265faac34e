//! The restricted list: what may not be traded, and by whom.
//!
//! Enforced here and not by policy, so that no bundle can open it by leaving a rule out; policies do not see it.
//! Invariant: an order that any entry covers is denied, whatever the bundle in force says.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::fmt;
use vocabulary::{AccountId, Index, InstrumentId, Reason, Timestamp, UserId, planted};

/// Code of a denial by the restricted list.
pub const RESTRICTED: &str = "compliance.restricted";

/// An entry of the restricted list.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode,
)]
#[serde(rename_all = "snake_case")]
pub enum Restriction {
    /// Nobody trades it.
    #[n(0)]
    Instrument(#[n(0)] InstrumentId),
    /// The account does not trade it.
    #[n(1)]
    InstrumentForAccount {
        /// What is not traded.
        #[n(0)]
        instrument: InstrumentId,
        /// By whom.
        #[n(1)]
        account: AccountId,
    },
    /// The account trades nothing.
    #[n(2)]
    Account(#[n(0)] AccountId),
    /// The user trades nothing, for whatever account.
    #[n(3)]
    User(#[n(0)] UserId),
}

impl fmt::Display for Restriction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instrument(instrument) => write!(f, "instrument {instrument}"),
            Self::InstrumentForAccount { instrument, account } => {
                write!(f, "instrument {instrument} for account {account}")
            }
            Self::Account(account) => write!(f, "account {account}"),
            Self::User(user) => write!(f, "user {user}"),
        }
    }
}

impl Restriction {
    /// Why an order that this covers is denied.
    pub(crate) fn reason(self) -> Reason {
        Reason { code: RESTRICTED.into(), message: format!("{self} is on the restricted list") }
    }
}

/// Entries, each with the time since when.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct RestrictedList(#[n(0)] Index<Restriction, Timestamp>);

impl RestrictedList {
    /// The most entries taken.
    pub(crate) const SIZE_MAX: usize = 100_000;

    /// The first entry, in the order of [`Restriction`], that covers such an order.
    pub(crate) fn covering(
        &self,
        instrument: InstrumentId,
        account: AccountId,
        user: UserId,
    ) -> Option<Restriction> {
        if self.0.is_empty() {
            return None;
        }
        let possible = [
            Restriction::Instrument(instrument),
            Restriction::InstrumentForAccount { instrument, account },
            Restriction::Account(account),
            Restriction::User(user),
        ];
        let is_overlooked = |restriction: &Restriction| {
            planted!("restricted-accounts-ignored") && matches!(restriction, Restriction::Account(_))
        };
        possible.into_iter().find(|restriction| self.0.contains(restriction) && !is_overlooked(restriction))
    }

    pub(crate) fn contains(&self, restriction: &Restriction) -> bool {
        self.0.contains(restriction)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= Self::SIZE_MAX
    }

    pub(crate) fn add(&mut self, restriction: Restriction, since: Timestamp) {
        assert!(self.0.insert(restriction, since).is_none(), "{restriction} was restricted twice");
    }

    pub(crate) fn remove(&mut self, restriction: &Restriction) {
        assert!(self.0.remove(restriction).is_some(), "{restriction} was not restricted");
    }

    pub(crate) fn sorted(&self) -> Vec<(Restriction, Timestamp)> {
        self.0.sorted().into_iter().map(|(restriction, since)| (*restriction, *since)).collect()
    }
}
