//! Kill switches: while one is engaged, it refuses new holds. Absent: the cancelling of open orders, which the engine
//! does when it sees a switch engaged.

use crate::Refusal;
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use vocabulary::{AccountId, InstrumentId, OrderTerms, ParticipantId, planted};

/// What a kill switch stops.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode,
)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// Everything.
    #[n(0)]
    All,
    /// All accounts that a participant clears.
    #[n(1)]
    Participant(#[n(0)] ParticipantId),
    /// One account.
    #[n(2)]
    Account(#[n(0)] AccountId),
    /// One instrument, for everybody.
    #[n(3)]
    Instrument(#[n(0)] InstrumentId),
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => write!(f, "all trading"),
            Self::Participant(participant) => write!(f, "participant {participant}"),
            Self::Account(account) => write!(f, "account {account}"),
            Self::Instrument(instrument) => write!(f, "instrument {instrument}"),
        }
    }
}

/// The engaged switches and why each was engaged.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct Switches(#[n(0)] BTreeMap<Switch, String>);

impl Switches {
    /// Refuses an order that an engaged switch stops; the widest switch is named first.
    pub(crate) fn check(&self, terms: &OrderTerms) -> Result<(), Refusal> {
        if self.0.is_empty() {
            return Ok(());
        }
        let switches = [
            Switch::All,
            Switch::Participant(terms.participant),
            Switch::Instrument(terms.instrument),
            Switch::Account(terms.account),
        ];
        let is_overlooked = |switch: &Switch| {
            planted!("participant-switch-ignored") && matches!(switch, Switch::Participant(_))
        };
        match switches.into_iter().find(|switch| self.0.contains_key(switch) && !is_overlooked(switch)) {
            Some(switch) => Err(Refusal::KillSwitchEngaged(switch)),
            None => Ok(()),
        }
    }

    pub(crate) fn reason(&self, switch: &Switch) -> Option<&str> {
        self.0.get(switch).map(String::as_str)
    }

    pub(crate) fn engaged(&self) -> impl Iterator<Item = &Switch> {
        self.0.keys()
    }

    pub(crate) fn engage(&mut self, switch: Switch, reason: &str) {
        let before = self.0.insert(switch, reason.to_owned());
        assert!(before.is_none(), "the switch of {switch} was engaged twice");
    }

    pub(crate) fn lift(&mut self, switch: Switch) {
        self.0.remove(&switch).expect("a lifted switch was engaged");
    }
}
