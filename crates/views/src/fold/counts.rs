//! Decisions and refusals, counted by day, so that a report needs no walk over all of them.

use rusqlite::{Connection, params};
use std::collections::BTreeMap;
use vocabulary::{Date, Index, MarketId, UserId};

use crate::batch::run;
use crate::error::ViewsError;

/// What decisions are counted by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DecisionKey<'a> {
    pub(crate) day: Date,
    pub(crate) policy: u32,
    pub(crate) market: MarketId,
    pub(crate) user: UserId,
    /// Of the first reason; empty when allowed.
    pub(crate) code: &'a str,
}

/// What was refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refused {
    /// A command, with no effect at all.
    Command,
    /// An order that had come into being.
    Order,
}

/// Counts of one batch.
#[derive(Default)]
pub(crate) struct Counts<'a> {
    decisions: Index<DecisionKey<'a>, i64>,
    refusals: BTreeMap<(Date, Refused, &'a str), i64>,
}

impl<'a> Counts<'a> {
    pub(crate) fn decision(&mut self, key: DecisionKey<'a>) {
        *self.decisions.entry(key) += 1;
    }

    pub(crate) fn refusal(&mut self, day: Date, what: Refused, code: &'a str) {
        *self.refusals.entry((day, what, code)).or_default() += 1;
    }

    pub(crate) fn write(&self, connection: &Connection) -> Result<(), ViewsError> {
        for (key, more) in self.decisions.sorted() {
            run(
                connection,
                "INSERT INTO decision_counts VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT DO UPDATE SET decisions = decisions + ?6",
                params![
                    key.day.to_string(),
                    key.policy,
                    key.market.0.as_str(),
                    key.user.0.as_str(),
                    key.code,
                    more
                ],
            )?;
        }
        for ((day, what, code), more) in &self.refusals {
            let what = match what {
                Refused::Command => "command",
                Refused::Order => "order",
            };
            run(
                connection,
                "INSERT INTO refusal_counts VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET number = number + ?4",
                params![day.to_string(), what, code, more],
            )?;
        }
        Ok(())
    }
}
