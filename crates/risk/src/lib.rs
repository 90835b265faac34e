//! The risk context (SRV-3): limits, kill switches, and the exposure of every account and participant.
//!
//! It checks an order once, when its exposure is held; after that a fill uses only what was held, so a confirm can
//! always succeed. Invariants: open exposure is exactly what open holds say, unsettled exposure is exactly what
//! confirmed and not yet settled fills say, and no counter is ever negative. Deliberately absent: accounts and
//! instruments (every message says whose and what), market prices, alerts of the past (they are events), and any clock.

mod alert;
mod command;
mod event;
mod exposure;
mod facts;
mod limit;
mod refusal;
mod report;
mod switch;

#[cfg(test)]
mod tests;

pub use alert::THRESHOLDS_MAX;
pub use command::Command;
pub use event::Event;
pub use limit::{Measure, Scope};
pub use refusal::Refusal;
pub use report::ExposureLine;
pub use switch::Switch;

use alert::Thresholds;
use exposure::{Exposures, Use};
use minicbor::{Decode, Encode};
use switch::Switches;
use vocabulary::{
    Amount, Events, Fill, HoldRefusal, Index, Moment, OrderId, OrderTerms, Reservations, Reserved,
    SettledSide, Side, Timestamp, TradeId, Verdict, one, planted,
};

/// All that risk knows. Its size is bounded by open holds, unsettled fills, scopes and what each of them trades.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Risk {
    #[n(0)]
    reservations: Reservations,
    #[n(1)]
    exposures: Exposures,
    #[n(2)]
    switches: Switches,
    #[n(3)]
    thresholds: Thresholds,
    /// What each side of a trade that is not final adds to the exposure in its quote currency.
    #[n(4)]
    unsettled: Index<(TradeId, Side), i64>,
}

impl Risk {
    /// Says what `command` would change, and changes nothing. No events means: already so.
    ///
    /// # Errors
    /// [`Refusal`] says which rule is against it.
    pub fn decide(&self, command: &Command, at: Moment) -> Result<Events<Event>, Refusal> {
        match *command {
            Command::SetLimit { scope, measure, limit } => self.set_limit(scope, measure, limit),
            Command::SetAlertThresholds { ref percents } => self.set_alert_thresholds(percents),
            Command::EngageKillSwitch { switch, ref reason } => Ok(self.engage(switch, reason)),
            Command::LiftKillSwitch { switch } => self.lift(switch),
            Command::Hold { terms, reserved, deadline } => self.hold(terms, reserved, deadline, at),
            Command::Confirm { terms, fill } => self.confirm(terms, fill),
            Command::Reduce { terms, part, what } => self.reduce(terms, part, what),
            Command::Release { terms, parts, until } => self.release(terms, parts, until),
            Command::Settle { side } => self.settle(side),
        }
    }

    /// Folds in one recorded event. History is never refused: a misfit is corruption, so it halts.
    pub fn apply(&mut self, event: &Event, at: Moment) {
        self.reservations.expire(at);
        match *event {
            Event::LimitSet { scope, measure, limit } => self.exposures.of(scope).set_limit(measure, limit),
            Event::AlertThresholdsSet { ref percents } => {
                self.thresholds = Thresholds::new(percents).expect("recorded thresholds were checked");
            }
            Event::KillSwitchEngaged { switch, ref reason } => self.switches.engage(switch, reason),
            Event::KillSwitchLifted { switch } => self.switches.lift(switch),
            Event::ExposureHeld { ref terms, reserved } => {
                self.reservations.hold(terms.order, reserved);
                for scope in Scope::of_order(terms) {
                    self.exposures.of(scope).hold(terms, reserved, at);
                }
            }
            Event::ExposureConfirmed { ref terms, ref fill } => self.fold_fill(terms, fill, at),
            Event::ExposureReduced { ref terms, what, .. } => {
                self.reservations.reduce(terms.order, what, at);
                self.give_back(terms, what);
            }
            Event::ExposureReleased { ref terms, released, until } => {
                self.reservations.release(terms.order, until, at);
                // A release that overtook its hold gives nothing back, and needs no line.
                if released != Reserved::default() {
                    self.give_back(terms, released);
                }
            }
            Event::ExposureSettled { ref side } => self.fold_settled(side),
            // An alert tells, and changes nothing.
            Event::AlertRaised { .. } => {}
        }
    }

    /// The engaged kill switches, in order.
    pub fn switches(&self) -> impl Iterator<Item = &Switch> {
        self.switches.engaged()
    }

    /// Whether this very switch is engaged; a wider one may be nevertheless.
    pub fn is_engaged(&self, switch: &Switch) -> bool {
        self.switches.reason(switch).is_some()
    }

    /// Why a switch is engaged, if it is.
    pub fn switch_reason(&self, switch: &Switch) -> Option<&str> {
        self.switches.reason(switch)
    }

    /// The shares of a limit at which alerts are raised, in percent, ascending.
    pub fn alert_thresholds(&self) -> &[u8] {
        self.thresholds.percents()
    }

    /// What is still held for an order; none if its hold is not open.
    pub fn held(&self, order: OrderId) -> Option<Reserved> {
        self.reservations.outstanding(order)
    }

    /// Number of open holds.
    pub fn open_count(&self) -> usize {
        self.reservations.open_count()
    }

    /// Number of confirmed sides of trades that are not final.
    pub fn unsettled_count(&self) -> usize {
        self.unsettled.len()
    }

    fn set_limit(
        &self,
        scope: Scope,
        measure: Measure,
        limit: Option<Amount>,
    ) -> Result<Events<Event>, Refusal> {
        if let Some(limit) = limit {
            if limit.is_negative() {
                return Err(Refusal::NegativeLimit(limit));
            }
            if limit > Amount::MAX {
                return Err(Refusal::LimitTooLarge(limit));
            }
        }
        let current = self.exposures.get(scope).and_then(|exposure| exposure.limits().get(&measure).copied());
        if current == limit {
            return Ok(Events::new());
        }
        Ok(one(Event::LimitSet { scope, measure, limit }))
    }

    fn set_alert_thresholds(&self, percents: &[u8]) -> Result<Events<Event>, Refusal> {
        let thresholds = Thresholds::new(percents)?;
        if thresholds == self.thresholds {
            return Ok(Events::new());
        }
        Ok(one(Event::AlertThresholdsSet { percents: thresholds.percents().to_vec() }))
    }

    fn engage(&self, switch: Switch, reason: &str) -> Events<Event> {
        if self.is_engaged(&switch) {
            return Events::new();
        }
        one(Event::KillSwitchEngaged { switch, reason: reason.to_owned() })
    }

    fn lift(&self, switch: Switch) -> Result<Events<Event>, Refusal> {
        if !self.is_engaged(&switch) {
            return Err(Refusal::SwitchNotEngaged(switch));
        }
        Ok(one(Event::KillSwitchLifted { switch }))
    }

    /// Checks in this order, and the first refusal counts: the protocol of holds (a repeated hold succeeds, whatever
    /// has become of switches and limits), the sign, kill switches (all, participant, instrument, account), limits of
    /// the account, limits of the participant; each in the order of [`Measure::of_order`].
    fn hold(
        &self,
        terms: OrderTerms,
        reserved: Reserved,
        deadline: Timestamp,
        at: Moment,
    ) -> Result<Events<Event>, Refusal> {
        match self.reservations.judge_hold(terms.order, deadline, at)? {
            Verdict::Already => return Ok(Events::new()),
            Verdict::Do(()) => {}
        }
        if reserved.quantity < 0 || reserved.amount < 0 {
            return Err(Refusal::NegativeHold(reserved));
        }
        self.switches.check(&terms)?;
        let mut events = one(Event::ExposureHeld { terms, reserved });
        for scope in Scope::of_order(&terms) {
            if planted!("participant-unlimited") && matches!(scope, Scope::Participant(_)) {
                continue;
            }
            self.check_limits(scope, &terms, reserved, at, &mut events)?;
        }
        Ok(events)
    }

    /// Refuses what goes beyond a limit of the scope, and adds the alerts for what comes close.
    fn check_limits(
        &self,
        scope: Scope,
        terms: &OrderTerms,
        reserved: Reserved,
        at: Moment,
        events: &mut Events<Event>,
    ) -> Result<(), Refusal> {
        let Some(exposure) = self.exposures.get(scope) else { return Ok(()) };
        if exposure.limits().is_empty() {
            return Ok(());
        }
        for measure in Measure::of_order(terms) {
            let Some(&limit) = exposure.limits().get(&measure) else { continue };
            let Use { before, after } = exposure.with_hold(measure, terms.side, reserved, at);
            let is_passed_by_one = planted!("limit-passed-by-one") && after == limit + Amount(1);
            if after > limit && !is_passed_by_one {
                return Err(Refusal::LimitExceeded { scope, measure, limit, would_be: after });
            }
            let correlation = terms.correlation;
            let crossed = self.thresholds.crossed(before, after, limit);
            events.extend(crossed.map(|percent| Event::AlertRaised {
                scope,
                measure,
                percent,
                used: after,
                limit,
                correlation,
            }));
        }
        Ok(())
    }

    fn confirm(&self, terms: OrderTerms, fill: Fill) -> Result<Events<Event>, Refusal> {
        match self.reservations.judge_confirm(terms.order, fill.part, fill.used)? {
            Verdict::Already => Ok(Events::new()),
            Verdict::Do(()) => Ok(one(Event::ExposureConfirmed { terms, fill })),
        }
    }

    fn reduce(&self, terms: OrderTerms, part: u32, what: Reserved) -> Result<Events<Event>, Refusal> {
        match self.reservations.judge_confirm(terms.order, part, what)? {
            Verdict::Already => Ok(Events::new()),
            Verdict::Do(()) => Ok(one(Event::ExposureReduced { terms, part, what })),
        }
    }

    fn release(&self, terms: OrderTerms, parts: u32, until: Timestamp) -> Result<Events<Event>, Refusal> {
        match self.reservations.judge_release(terms.order, parts)? {
            Verdict::Already => Ok(Events::new()),
            Verdict::Do(released) => Ok(one(Event::ExposureReleased { terms, released, until })),
        }
    }

    /// A side that is not known as unsettled was settled before, or has overtaken its own confirm: trading and
    /// settlement send the two independently. The parts of the hold tell which. Taken for done, an early settlement
    /// would leave the exposure of the late confirm standing for good, so it is sent again until the confirm is here.
    fn settle(&self, side: SettledSide) -> Result<Events<Event>, Refusal> {
        let (terms, fill) = (&side.terms, &side.fill);
        if self.unsettled.contains(&(fill.trade, terms.side)) {
            return Ok(one(Event::ExposureSettled { side }));
        }
        match self.reservations.judge_confirm(terms.order, fill.part, fill.used) {
            // A hold comes before all that settlement hears of the order. With none left, not even as a tombstone,
            // the order was closed long ago with all its fills.
            Ok(Verdict::Already) | Err(HoldRefusal::NoHold) => Ok(Events::new()),
            Ok(Verdict::Do(())) if planted!("early-settlement-taken-for-done") => Ok(Events::new()),
            Ok(Verdict::Do(())) => Err(Refusal::Hold(HoldRefusal::Early)),
            Err(refusal) => Err(refusal.into()),
        }
    }

    fn fold_fill(&mut self, terms: &OrderTerms, fill: &Fill, at: Moment) {
        self.reservations.confirm(terms.order, fill.used, at);
        for scope in Scope::of_order(terms) {
            self.exposures.of(scope).confirm(terms, fill);
        }
        let before = self.unsettled.insert((fill.trade, terms.side), fill.used.amount);
        assert!(before.is_none(), "a side of trade {} was confirmed twice", fill.trade);
    }

    fn fold_settled(&mut self, side: &SettledSide) {
        let (terms, trade) = (&side.terms, side.fill.trade);
        let amount = self.unsettled.remove(&(trade, terms.side)).expect("a settled side was unsettled");
        for scope in Scope::of_order(terms) {
            self.exposures.of(scope).settle(terms.quote, Amount(i128::from(amount)));
        }
    }

    fn give_back(&mut self, terms: &OrderTerms, what: Reserved) {
        for scope in Scope::of_order(terms) {
            self.exposures.of(scope).give_back(terms, what);
        }
    }
}
