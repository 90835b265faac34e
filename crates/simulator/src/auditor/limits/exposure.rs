//! Risk limits per account and participant, and the alerts at shares of them.
//!
//! Rules: no hold is placed that brings a limited measure above its limit; an order that brings a measure from below a
//! share of its limit to it or above raises the alert of that share, and no other order does. A limit that was lowered may
//! stand below what is in use.

use risk::{Measure, Scope};
use std::collections::BTreeMap;
use vocabulary::{Amount, AssetId, CorrelationId, Fill, InstrumentId, Moment, OrderTerms, Reserved, Side};

use super::Findings;

/// That a share of a limit is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alert {
    pub(super) scope: Scope,
    pub(super) measure: Measure,
    pub(super) percent: u8,
    pub(super) used: Amount,
    pub(super) limit: Amount,
    pub(super) correlation: CorrelationId,
}

/// How an order moves a limited measure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    scope: Scope,
    measure: Measure,
    before: Amount,
    after: Amount,
    limit: Amount,
}

/// In one instrument; neither is ever negative but the position.
#[derive(Debug, Default)]
struct Position {
    /// Bought less sold.
    net: Amount,
    open_buys: Amount,
    open_sells: Amount,
}

/// In one currency.
#[derive(Debug, Default)]
struct Commitment {
    open: Amount,
    unsettled: Amount,
}

#[derive(Debug)]
pub(super) struct Exposures {
    limits: BTreeMap<(Scope, Measure), Amount>,
    positions: BTreeMap<(Scope, InstrumentId), Position>,
    commitments: BTreeMap<(Scope, AssetId), Commitment>,
    /// The last second of record time with an order, and how many it has.
    rates: BTreeMap<Scope, (u64, i128)>,
    percents: Vec<u8>,
    /// Those that the last order must raise, and has not.
    owed: Vec<Alert>,
}

impl Default for Exposures {
    fn default() -> Self {
        let (limits, positions, commitments, rates, owed) = Default::default();
        Self { limits, positions, commitments, rates, percents: vec![80, 100], owed }
    }
}

fn scopes(terms: &OrderTerms) -> [Scope; 2] {
    [Scope::Account(terms.account), Scope::Participant(terms.participant)]
}

fn second(at: Moment) -> u64 {
    at.time.0 / 1_000_000_000
}

fn wide(minor: i64) -> Amount {
    Amount(i128::from(minor))
}

impl Exposures {
    pub(super) fn set_limit(&mut self, scope: Scope, measure: Measure, limit: Option<Amount>) {
        match limit {
            Some(limit) => self.limits.insert((scope, measure), limit),
            None => self.limits.remove(&(scope, measure)),
        };
    }

    pub(super) fn set_thresholds(&mut self, percents: &[u8]) {
        self.percents = percents.to_vec();
    }

    /// What an order makes of every measure that is limited.
    fn uses(&self, terms: &OrderTerms, reserved: Reserved, at: Moment) -> Vec<Use> {
        let (quantity, amount) = (wide(reserved.quantity), wide(reserved.amount));
        let mut uses = Vec::new();
        for scope in scopes(terms) {
            let position = self.positions.get(&(scope, terms.instrument));
            let reach = position.map_or(Amount::ZERO, |position| match terms.side {
                Side::Buy => position.net + position.open_buys,
                Side::Sell => position.open_sells - position.net,
            });
            let commitment = self.commitments.get(&(scope, terms.quote));
            let committed = commitment.map_or(Amount::ZERO, |money| money.open + money.unsettled);
            let rate = self.rates.get(&scope).filter(|(of, _)| *of == second(at)).map_or(0, |(_, n)| *n);
            for (measure, before, added) in [
                (Measure::OrderNotional(terms.quote), Amount::ZERO, amount),
                (Measure::OrderQuantity(terms.instrument), Amount::ZERO, quantity),
                (Measure::Position(terms.instrument), reach, quantity),
                (Measure::GrossExposure(terms.quote), committed, amount),
                (Measure::OrderRate, Amount(rate), Amount(1)),
            ] {
                if let Some(&limit) = self.limits.get(&(scope, measure)) {
                    uses.push(Use { scope, measure, before, after: before + added, limit });
                }
            }
        }
        uses
    }

    /// The first measure that an order would bring above its limit.
    pub(super) fn excess(&self, terms: &OrderTerms, reserved: Reserved, at: Moment) -> Option<Use> {
        self.uses(terms, reserved, at).into_iter().find(|its| its.after > its.limit)
    }

    pub(super) fn hold(
        &mut self,
        terms: &OrderTerms,
        reserved: Reserved,
        at: Moment,
        found: &mut Findings<'_>,
    ) {
        if let Some(excess) = self.excess(terms, reserved, at) {
            found.tell("risk limits", format!("order {} was let in with {excess:?}", terms.order));
        }
        for Use { scope, measure, before, after, limit } in self.uses(terms, reserved, at) {
            let correlation = terms.correlation;
            let reached = self.percents.iter().copied().filter(|percent| {
                let mark = limit.0 * i128::from(*percent);
                limit > Amount::ZERO && before.0 * 100 < mark && mark <= after.0 * 100
            });
            let alert = |percent| Alert { scope, measure, percent, used: after, limit, correlation };
            self.owed.extend(reached.map(alert));
        }
        self.move_open(terms, reserved.quantity, reserved.amount, found);
        for scope in scopes(terms) {
            let (of, count) = self.rates.entry(scope).or_default();
            *count = if *of == second(at) { *count + 1 } else { 1 };
            *of = second(at);
        }
    }

    pub(super) fn hear_alert(&mut self, alert: Alert, found: &mut Findings<'_>) {
        match self.owed.iter().position(|owed| *owed == alert) {
            Some(at) => {
                self.owed.remove(at);
            }
            None => found.tell("alerts", format!("{alert:?} was raised without need")),
        }
    }

    /// Nothing is owed of the last order: alerts follow it at once.
    pub(super) fn check_alerts(&mut self, found: &mut Findings<'_>) {
        for alert in self.owed.drain(..) {
            found.tell("alerts", format!("{alert:?} was not raised"));
        }
    }

    fn move_open(&mut self, terms: &OrderTerms, quantity: i64, amount: i64, found: &mut Findings<'_>) {
        for scope in scopes(terms) {
            let position = self.positions.entry((scope, terms.instrument)).or_default();
            let open = match terms.side {
                Side::Buy => &mut position.open_buys,
                Side::Sell => &mut position.open_sells,
            };
            *open += wide(quantity);
            let money = self.commitments.entry((scope, terms.quote)).or_default();
            money.open += wide(amount);
            found.check(!open.is_negative() && !money.open.is_negative(), "risk limits", || {
                format!("order {} leaves {scope:?} with {open} and {} open", terms.order, money.open)
            });
        }
    }

    pub(super) fn give_back(&mut self, terms: &OrderTerms, what: Reserved, found: &mut Findings<'_>) {
        self.move_open(terms, -what.quantity, -what.amount, found);
    }

    pub(super) fn confirm(&mut self, terms: &OrderTerms, fill: &Fill, found: &mut Findings<'_>) {
        self.give_back(terms, fill.used, found);
        let bought = match terms.side {
            Side::Buy => wide(fill.quantity.0),
            Side::Sell => -wide(fill.quantity.0),
        };
        for scope in scopes(terms) {
            self.positions.entry((scope, terms.instrument)).or_default().net += bought;
            self.commitments.entry((scope, terms.quote)).or_default().unsettled += wide(fill.used.amount);
        }
    }

    pub(super) fn settle(&mut self, terms: &OrderTerms, used: Reserved, found: &mut Findings<'_>) {
        for scope in scopes(terms) {
            let money = self.commitments.entry((scope, terms.quote)).or_default();
            money.unsettled -= wide(used.amount);
            found.check(!money.unsettled.is_negative(), "risk limits", || {
                format!("order {} leaves {scope:?} with {} unsettled", terms.order, money.unsettled)
            });
        }
    }
}
