//! What compliance did: decisions, policies, the restricted list.

use compliance::{Bundle, Digest, Event, Restriction};
use rusqlite::{Connection, params};
use vocabulary::{Date, OrderTerms, UserId};

use crate::batch::{At, Batch};
use crate::columns::{stored, thread};
use crate::error::ViewsError;
use crate::fold::counts::DecisionKey;
use crate::fold::orders::Allowed;
use crate::insert::{Table, Values, insert_all};

impl<'a> Batch<'a> {
    pub(crate) fn fold_compliance(&mut self, event: &'a Event) -> Result<(), ViewsError> {
        match event {
            Event::PolicyActivated { version, digest, bundle } => self.activate(*version, *digest, bundle),
            Event::Restricted { restriction } => {
                let (kind, [instrument, account, user]) = restriction_words(restriction);
                self.run(
                    "INSERT INTO restrictions (position, kind, instrument, account, user, time, actor)
                     VALUES (?, ?, ?, ?, ?, ?, ?)",
                    params![
                        self.at.position(),
                        kind,
                        instrument,
                        account,
                        user,
                        self.at.time(),
                        self.at.actor.0.as_str()
                    ],
                )
            }
            Event::Unrestricted { restriction } => {
                let (kind, [instrument, account, user]) = restriction_words(restriction);
                self.run(
                    "UPDATE restrictions SET lifted_position = ?, lifted_time = ?
                     WHERE kind = ? AND instrument = ? AND account = ? AND user = ? AND lifted_position IS NULL",
                    params![self.at.position(), self.at.time(), kind, instrument, account, user],
                )
            }
            Event::OrderChecked { .. } => self.note_decision(event),
        }
    }

    fn activate(&self, version: u32, digest: Digest, bundle: &Bundle) -> Result<(), ViewsError> {
        let names: Vec<&str> = bundle.modules.iter().map(|module| module.name.as_str()).collect();
        self.run(
            "INSERT INTO policies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                version,
                digest.to_string(),
                self.at.position(),
                self.at.time(),
                self.day().to_string(),
                self.at.actor.0.as_str(),
                thread(self.at.correlation),
                serde_json::Value::from(names).to_string(),
                i64::try_from(bundle.size()).expect("a bundle fits memory")
            ],
        )
    }

    fn note_decision(&mut self, event: &'a Event) -> Result<(), ViewsError> {
        let Event::OrderChecked { terms, user, policy, orders_in_hour, allowed, reasons, .. } = event else {
            return Ok(());
        };
        self.touch(terms.order);
        let day = self.day();
        let code = reasons.first().map_or("", |reason| reason.code.as_str());
        self.counts.decision(DecisionKey { day, policy: *policy, market: terms.market, user: *user, code });
        let reasons = if *allowed {
            let allowed = Allowed { policy: *policy, orders_in_hour: *orders_in_hour, day };
            if self.orders.allow(terms, *user, self.at.moment, allowed) {
                return Ok(());
            }
            None
        } else {
            Some(serde_json::to_string(reasons).map_err(|error| self.misfit(error.to_string()))?)
        };
        let (user, policy, allowed, orders_in_hour) = (*user, *policy, *allowed, *orders_in_hour);
        let at = self.at;
        self.decisions.0.push(Decision { at, day, terms, user, policy, allowed, orders_in_hour, reasons });
        Ok(())
    }
}

/// The decisions of a batch that do not stand in the rows of their orders.
#[derive(Default)]
pub(crate) struct Decisions<'a>(Vec<Decision<'a>>);

struct Decision<'a> {
    at: At,
    day: Date,
    terms: &'a OrderTerms,
    user: UserId,
    policy: u32,
    allowed: bool,
    orders_in_hour: u32,
    /// As JSON; none when allowed.
    reasons: Option<String>,
}

impl Decisions<'_> {
    pub(crate) fn write(&self, connection: &Connection) -> Result<(), ViewsError> {
        insert_all(connection, Table::with_row_id("decisions", 13), &self.0, |values, decision| {
            decision.put(values)
        })?;
        Ok(())
    }
}

impl Decision<'_> {
    fn put(&self, values: &mut Values<'_, '_>) -> rusqlite::Result<()> {
        let Decision { at, day, terms, user, policy, allowed, orders_in_hour, reasons } = self;
        values.put(stored(terms.order.0))?;
        values.put(at.position())?;
        values.put(at.time())?;
        values.put(day.to_string())?;
        values.put(thread(terms.correlation))?;
        values.put(user.0.as_str())?;
        values.put(terms.account.0.as_str())?;
        values.put(terms.instrument.0.as_str())?;
        values.put(terms.market.0.as_str())?;
        values.put(policy)?;
        values.put(allowed)?;
        values.put(orders_in_hour)?;
        values.put(reasons)
    }
}

/// Kind, and instrument, account and user where the kind has them; else empty.
fn restriction_words(restriction: &Restriction) -> (&'static str, [&str; 3]) {
    match restriction {
        Restriction::Instrument(instrument) => ("instrument", [instrument.0.as_str(), "", ""]),
        Restriction::InstrumentForAccount { instrument, account } => {
            ("instrument_for_account", [instrument.0.as_str(), account.0.as_str(), ""])
        }
        Restriction::Account(account) => ("account", ["", account.0.as_str(), ""]),
        Restriction::User(user) => ("user", ["", "", user.0.as_str()]),
    }
}
