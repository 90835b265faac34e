//! The settlement context: clearing quotas, obligations against the central counterparty, netting, and delivery
//! versus payment (SRV-2).
//!
//! It owns every trade from the confirmation of its first side until it is final. Invariants: what is held and used of
//! a quota is exactly what open holds and unsettled obligations say; a trade settles with both sides or not at all;
//! whatever settles sums to zero per asset, fees included; the state alone says what a settlement run does next.
//! Deliberately absent: accounts and their balances (trading owns them and hears of each settled trade), history
//! (views keep it; a settled trade leaves this state), and any clock: dates come with commands.

mod command;
mod due;
mod event;
mod facts;
mod obligation;
mod position;
mod quota;
mod refusal;
mod report;
mod run;

#[cfg(test)]
mod tests;

pub use command::{Command, Cycle};
pub use event::{Cover, Event, Short};
pub use obligation::Obligation;
pub use position::{Party, Total};
pub use quota::QuotaLine;
pub use refusal::Refusal;
pub use report::Due;
pub use run::STEP_TRADES_MAX;

use minicbor::{Decode, Encode};
use obligation::Obligations;
use quota::Quotas;
use run::Run;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use vocabulary::{
    Amount, AssetId, Calendar, CalendarId, Date, Events, Fill, MarketId, Moment, OrderTerms, ParticipantId,
    Reservations, Reserved, SettlementModel, StepBound, Timestamp, Verdict, one, planted,
};

/// All that settlement knows. Its size is bounded by open holds, unsettled trades and reference data.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Settlement {
    #[n(0)]
    reservations: Reservations,
    #[n(1)]
    quotas: Quotas,
    #[n(2)]
    calendars: BTreeMap<CalendarId, Calendar>,
    #[n(3)]
    models: BTreeMap<MarketId, SettlementModel>,
    /// What custodians and payment banks say is missing; never zero.
    #[n(4)]
    shortfalls: BTreeMap<(ParticipantId, AssetId), Amount>,
    #[n(5)]
    obligations: Obligations,
    #[n(6)]
    run: Option<Run>,
    /// Number of runs started so far: the number of the latest.
    #[n(7)]
    runs: u64,
}

impl Settlement {
    /// Says what `command` would change, and changes nothing. No events means: already so. Long work goes no further than
    /// `bound`.
    ///
    /// # Errors
    /// [`Refusal`] says which rule is against it.
    pub fn decide(&self, command: &Command, at: Moment, bound: StepBound) -> Result<Events<Event>, Refusal> {
        match *command {
            Command::SetQuota { participant, asset, quota } => self.set_quota(participant, asset, quota),
            Command::DefineCalendar { calendar, ref days } => self.define_calendar(calendar, days),
            Command::SetSettlementModel { market, model } => self.set_model(market, model),
            Command::RecordShortfall { participant, asset, missing } => {
                self.record_shortfall(participant, asset, missing)
            }
            Command::Hold { terms, reserved, deadline } => self.hold(terms, reserved, deadline, at),
            Command::Confirm { terms, fill, cycle } => self.confirm(terms, fill, cycle),
            Command::Reduce { terms, part, what } => self.reduce(terms, part, what),
            Command::Release { terms, parts, until } => self.release(terms, parts, until),
            Command::Process { date } => self.process(date),
            Command::Advance => Ok(self.advance(bound)),
        }
    }

    /// Folds in one recorded event. History is never refused: a misfit is corruption, so it halts.
    pub fn apply(&mut self, event: &Event, at: Moment) {
        self.reservations.expire(at);
        match *event {
            Event::QuotaSet { participant, asset, quota } => self.quotas.set(participant, asset, quota),
            Event::CalendarDefined { calendar, ref days } => {
                self.calendars.insert(calendar, days.clone());
            }
            Event::SettlementModelSet { market, model } => {
                self.models.insert(market, model);
            }
            Event::ShortfallRecorded { participant, asset, missing } => {
                self.fold_shortfall(participant, asset, missing);
            }
            Event::QuotaHeld { ref terms, reserved } => {
                self.reservations.hold(terms.order, reserved);
                self.quotas.hold(terms.participant, terms.quote, reserved);
            }
            Event::ObligationRecorded { ref obligation } => self.novate(obligation, at),
            Event::QuotaReduced { ref terms, what, .. } => {
                self.reservations.reduce(terms.order, what, at);
                self.quotas.release(terms.participant, terms.quote, what);
            }
            Event::QuotaReleased { ref terms, released, until } => {
                self.reservations.release(terms.order, until, at);
                self.quotas.release(terms.participant, terms.quote, released);
            }
            Event::RunStarted { run, date, trades, ref covers, .. } => {
                self.start_run(run, date, trades, covers);
            }
            Event::PositionNetted { party, asset, .. } => self.running_mut().netted(asset, party),
            Event::TradeSettled { model, ref buy, .. } => self.settle(buy.fill.trade, model),
            Event::TradeRecycled { trade, from, to, model, ref short, .. } => {
                self.recycle((from, trade), to, model, short);
            }
            Event::RunCompleted { settled, recycled, .. } => self.complete_run(settled, recycled),
        }
    }

    fn set_quota(
        &self,
        participant: ParticipantId,
        asset: AssetId,
        quota: Amount,
    ) -> Result<Events<Event>, Refusal> {
        if quota.is_negative() {
            return Err(Refusal::NegativeAmount(quota));
        }
        if self.quotas.line(participant, asset).quota == quota {
            return Ok(Events::new());
        }
        Ok(one(Event::QuotaSet { participant, asset, quota }))
    }

    fn define_calendar(&self, calendar: CalendarId, days: &Calendar) -> Result<Events<Event>, Refusal> {
        if let Some(day) = days.weekend.iter().find(|day| **day > 6) {
            return Err(Refusal::NotAWeekday(*day));
        }
        // The search for the next business day would never end.
        if days.weekend.len() == 7 {
            return Err(Refusal::NoBusinessDay(calendar));
        }
        if self.calendars.get(&calendar) == Some(days) {
            return Ok(Events::new());
        }
        Ok(one(Event::CalendarDefined { calendar, days: days.clone() }))
    }

    fn set_model(&self, market: MarketId, model: SettlementModel) -> Result<Events<Event>, Refusal> {
        if self.model(market) == model {
            return Ok(Events::new());
        }
        // A run nets or does not net a trade from its start to its end.
        if let Some(date) = self.running() {
            return Err(Refusal::RunInProgress(date));
        }
        Ok(one(Event::SettlementModelSet { market, model }))
    }

    fn record_shortfall(
        &self,
        participant: ParticipantId,
        asset: AssetId,
        missing: Amount,
    ) -> Result<Events<Event>, Refusal> {
        if missing.is_negative() {
            return Err(Refusal::NegativeAmount(missing));
        }
        let known = self.shortfalls.get(&(participant, asset)).copied().unwrap_or_default();
        if known == missing {
            return Ok(Events::new());
        }
        Ok(one(Event::ShortfallRecorded { participant, asset, missing }))
    }

    fn hold(
        &self,
        terms: OrderTerms,
        reserved: Reserved,
        deadline: Timestamp,
        at: Moment,
    ) -> Result<Events<Event>, Refusal> {
        match self.reservations.judge_hold(terms.order, deadline, at)? {
            Verdict::Already => Ok(Events::new()),
            Verdict::Do(()) => {
                self.quotas.check_room(terms.participant, terms.quote, reserved)?;
                Ok(one(Event::QuotaHeld { terms, reserved }))
            }
        }
    }

    fn confirm(&self, terms: OrderTerms, fill: Fill, cycle: Cycle) -> Result<Events<Event>, Refusal> {
        match self.reservations.judge_confirm(terms.order, fill.part, fill.used)? {
            Verdict::Already => Ok(Events::new()),
            Verdict::Do(()) => {
                let date = self.settlement_date(&fill, cycle);
                let obligation = Obligation { terms, fill, calendar: cycle.calendar, date };
                Ok(one(Event::ObligationRecorded { obligation }))
            }
        }
    }

    fn reduce(&self, terms: OrderTerms, part: u32, what: Reserved) -> Result<Events<Event>, Refusal> {
        match self.reservations.judge_confirm(terms.order, part, what)? {
            Verdict::Already => Ok(Events::new()),
            Verdict::Do(()) => Ok(one(Event::QuotaReduced { terms, part, what })),
        }
    }

    fn release(&self, terms: OrderTerms, parts: u32, until: Timestamp) -> Result<Events<Event>, Refusal> {
        match self.reservations.judge_release(terms.order, parts)? {
            Verdict::Already => Ok(Events::new()),
            Verdict::Do(released) => Ok(one(Event::QuotaReleased { terms, released, until })),
        }
    }

    /// A trade settles on one date: the side that comes first sets it, so that a calendar redefined in between
    /// cannot tear the trade apart.
    fn settlement_date(&self, fill: &Fill, cycle: Cycle) -> Date {
        self.obligations
            .date(fill.trade)
            .filter(|_| !planted!("sides-dated-apart"))
            .unwrap_or_else(|| self.business_day(cycle.calendar, fill.trade_date, cycle.settlement_days))
    }

    /// A calendar that nobody has defined counts as [`Calendar::default`]: what was held can always be confirmed
    /// (B10), so a confirm cannot be refused over reference data.
    fn business_day(&self, calendar: CalendarId, from: Date, days: u8) -> Date {
        static UNDEFINED: LazyLock<Calendar> = LazyLock::new(Calendar::default);
        let days = if planted!("due-a-day-early") { days.saturating_sub(1) } else { days };
        self.calendars.get(&calendar).unwrap_or(&UNDEFINED).business_days_after(from, days)
    }

    /// The calendars that were defined, by code.
    pub fn calendars(&self) -> impl Iterator<Item = (CalendarId, &Calendar)> {
        self.calendars.iter().map(|(calendar, days)| (*calendar, days))
    }

    /// The settlement model of a market; gross where none was set.
    pub fn model(&self, market: MarketId) -> SettlementModel {
        self.models.get(&market).copied().unwrap_or(SettlementModel::Gross)
    }

    fn fold_shortfall(&mut self, participant: ParticipantId, asset: AssetId, missing: Amount) {
        if missing.is_zero() {
            self.shortfalls.remove(&(participant, asset));
        } else {
            self.shortfalls.insert((participant, asset), missing);
        }
    }

    /// Part of the hold becomes used quota, and the central counterparty steps in.
    fn novate(&mut self, obligation: &Obligation, at: Moment) {
        let terms = &obligation.terms;
        self.reservations.confirm(terms.order, obligation.fill.used, at);
        self.quotas.confirm(terms.participant, terms.quote, obligation.fill.used);
        self.obligations.record(obligation);
    }
}
