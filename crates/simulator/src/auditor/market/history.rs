//! What an auditor hears of a market, to be told to a rule as it was or changed into a wrong one.

use crate::auditor::{Rule, ShardName, Violation};
use engine::{Event, Hosts, Outcome, Receipt, Record, Request};
use std::collections::BTreeSet;

/// One thing that is heard.
#[derive(Clone, Debug)]
pub(crate) enum Heard {
    Recorded(ShardName, Hosts, Box<Record>),
    Answered(Box<Request>, Receipt),
}

/// All of it, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) heard: Vec<Heard>,
}

impl History {
    pub(crate) fn records(&self) -> impl Iterator<Item = (ShardName, &Record)> {
        self.heard.iter().filter_map(|heard| match heard {
            Heard::Recorded(shard, _, record) => Some((*shard, &**record)),
            Heard::Answered(..) => None,
        })
    }

    /// What a rule says of it all.
    pub(crate) fn findings(&self, mut rule: impl Rule) -> Vec<Violation> {
        let mut found = Vec::new();
        for heard in &self.heard {
            match heard {
                Heard::Recorded(shard, hosts, record) => rule.recorded(*shard, *hosts, record, &mut found),
                Heard::Answered(request, receipt) => rule.answered(request, receipt, &mut found),
            }
        }
        rule.ended(&mut found);
        found
    }

    /// The invariants that a rule finds broken, each once, in order of their names.
    pub(crate) fn broken(&self, rule: impl Rule) -> Vec<&'static str> {
        let found = self.findings(rule);
        let broken: BTreeSet<_> = found.iter().map(|violation| violation.invariant).collect();
        broken.into_iter().collect()
    }

    /// The same history, in which the events of the first record that `change` changes are others.
    pub(crate) fn with_events(mut self, change: impl Fn(&mut Vec<Event>) -> bool) -> Self {
        self.change(|record| match &mut record.outcome {
            Outcome::Events(events) => change(events),
            Outcome::Refused(_) => false,
        });
        self
    }

    /// The same history with the first event that `change` changes.
    pub(crate) fn with_event(self, change: impl Fn(&mut Event) -> bool) -> Self {
        self.with_events(|events| events.iter_mut().any(&change))
    }

    /// The same history without the first event that is meant.
    pub(crate) fn without(self, is_meant: impl Fn(&Event) -> bool) -> Self {
        self.with_events(|events| {
            let at = events.iter().position(&is_meant);
            at.map(|at| events.remove(at)).is_some()
        })
    }

    /// The same history in which the first event that is meant happens twice.
    pub(crate) fn twice(self, is_meant: impl Fn(&Event) -> bool) -> Self {
        self.with_events(|events| {
            let at = events.iter().position(&is_meant);
            at.map(|at| events.insert(at, events[at].clone())).is_some()
        })
    }

    /// Changes the first record that `change` changes.
    pub(crate) fn change(&mut self, change: impl Fn(&mut Record) -> bool) {
        let mut records = self.heard.iter_mut().filter_map(|heard| match heard {
            Heard::Recorded(_, _, record) => Some(record),
            Heard::Answered(..) => None,
        });
        assert!(records.any(|record| change(record)), "there is nothing to change");
    }

    /// The same history with the first record that `change` changes.
    pub(crate) fn with_record(mut self, change: impl Fn(&mut Record) -> bool) -> Self {
        self.change(change);
        self
    }

    /// Where such a record is heard first.
    pub(crate) fn place_of(&self, is_meant: impl Fn(&Record) -> bool) -> usize {
        let found = self.heard.iter().position(|heard| match heard {
            Heard::Recorded(_, _, record) => is_meant(record),
            Heard::Answered(..) => false,
        });
        found.expect("the history holds such a record")
    }

    /// The rule finds that invariant broken.
    pub(crate) fn breaks(&self, rule: impl Rule, invariant: &str) {
        let found = self.findings(rule);
        let is_found = found.iter().any(|violation| violation.invariant == invariant);
        assert!(is_found, "{invariant} is not among {found:?}");
    }
}
