//! Kill switches, and the orders that each must have cancelled.

use risk::Switch;
use std::collections::{BTreeMap, BTreeSet};
use vocabulary::{OrderId, OrderTerms};

#[derive(Debug, Default)]
pub(super) struct Switches {
    engaged: BTreeSet<Switch>,
    /// Orders that had come in when a switch that means them was engaged.
    doomed: BTreeMap<OrderId, Switch>,
}

fn means(switch: Switch, terms: &OrderTerms) -> bool {
    match switch {
        Switch::All => true,
        Switch::Participant(participant) => terms.participant == participant,
        Switch::Account(account) => terms.account == account,
        Switch::Instrument(instrument) => terms.instrument == instrument,
    }
}

impl Switches {
    pub(super) fn engage<'a>(&mut self, switch: Switch, open: impl Iterator<Item = &'a OrderTerms>) {
        self.engaged.insert(switch);
        self.doomed.extend(open.filter(|terms| means(switch, terms)).map(|terms| (terms.order, switch)));
    }

    pub(super) fn lift(&mut self, switch: Switch) {
        self.engaged.remove(&switch);
    }

    /// The engaged switch that stops such an order.
    pub(super) fn stopping(&self, terms: &OrderTerms) -> Option<Switch> {
        self.engaged.iter().copied().find(|switch| means(*switch, terms))
    }

    pub(super) fn doomed(&self) -> impl Iterator<Item = (&OrderId, &Switch)> {
        self.doomed.iter()
    }
}
