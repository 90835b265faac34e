//! Clearing and settlement: from each execution to the day on which both its sides are final.
//!
//! Keeps every trade with its two obligations and its due date, and does each settlement run over again from the recorded
//! facts. Rules: an obligation for each side of each execution, once; nothing is settled twice, before its date, or with
//! one side only; net positions are the sums of the gross ones, party by party; only trades fail that a reported shortfall
//! reaches, and each is due again on the next business day (`docs/decisions/0012`); trading and risk hear of each settled
//! side once. Deliberately absent: quotas, and balances.

mod days;
mod deal;
mod orders;
mod run;
#[cfg(test)]
mod tests;

use engine::{Command, Event, Hosts, Outcome, Record};
use std::collections::BTreeMap;
use trading::Event as T;
use vocabulary::{
    Amount, AssetId, Calendar, CalendarId, Date, Instrument, InstrumentId, MarketId, ParticipantId,
    SettledSide, SettlementModel, Side, Trade, TradeId,
};

use super::findings::Findings;
use super::{Rule, ShardName, Violation};
use deal::{Deal, Hearer};
use orders::Orders;
use run::Run;

/// Obligations, netting, delivery versus payment, recycling, and the reports of what is final.
#[derive(Debug, Default)]
pub struct Clearing {
    instruments: BTreeMap<InstrumentId, Instrument>,
    orders: Orders,
    deals: BTreeMap<TradeId, Deal>,
    calendars: BTreeMap<CalendarId, Calendar>,
    models: BTreeMap<MarketId, SettlementModel>,
    shortfalls: BTreeMap<(ParticipantId, AssetId), Amount>,
    run: Option<Run>,
    /// Number of the last run started.
    runs: u64,
}

impl Rule for Clearing {
    fn recorded(&mut self, shard: ShardName, _hosts: Hosts, record: &Record, found: &mut Vec<Violation>) {
        let found = &mut Findings::in_record(shard, record, found);
        for event in record.events() {
            match event {
                Event::Trading(event) => self.hear_trading(event, found),
                Event::Settlement(event) => self.hear_settlement(event, found),
                Event::Risk(risk::Event::ExposureSettled { side }) => {
                    self.hear_settled(Hearer::Risk, side, found);
                }
                Event::Risk(_) | Event::Compliance(_) | Event::Flow(_) | Event::Block(_) => {}
            }
        }
        self.orders.check_settled(found);
        self.check_processed(record, found);
    }

    fn ended(&mut self, found: &mut Vec<Violation>) {
        let found = &mut Findings::at_the_end(found);
        if let Some(run) = &self.run {
            found.tell("settlement run", format!("the run of {} was never completed", run.date));
        }
        for deal in self.deals.values() {
            deal.check_end(found);
        }
    }
}

impl Clearing {
    fn hear_trading(&mut self, event: &T, found: &mut Findings<'_>) {
        match event {
            T::InstrumentDefined(instrument) => {
                self.instruments.insert(instrument.instrument, (**instrument).clone());
            }
            T::OrderExecuted(trade) => self.execute(trade, found),
            T::ExecutionSettled(side) => {
                self.hear_settled(Hearer::Trading, side, found);
                self.orders.side_settled(side.terms.order);
            }
            T::OrderCreated(created) => self.orders.created(created.terms.order, created.quantity),
            T::OrderReduced { order, by, .. } => self.orders.reduced(*order, *by),
            T::OrderRejected { order, .. }
            | T::OrderCanceled { order, .. }
            | T::OrderExpired { order, .. } => self.orders.closed(*order),
            T::OrderSettled { order } => self.orders.settled(*order, found),
            T::AssetDefined(_)
            | T::ReferencePriceSet { .. }
            | T::ParticipantRegistered { .. }
            | T::AccountOpened { .. }
            | T::Deposited { .. }
            | T::Withdrawn { .. }
            | T::BusinessDayOpened { .. }
            | T::PhaseChanged { .. }
            | T::AuctionUncrossed { .. }
            | T::OrderCleared { .. }
            | T::OrderAccepted { .. }
            | T::OrderRested { .. }
            | T::SweepStarted { .. }
            | T::SweepAdvanced { .. } => {}
        }
    }

    fn execute(&mut self, trade: &Trade, found: &mut Findings<'_>) {
        let Some(instrument) = self.instruments.get(&trade.instrument) else {
            let told = format!("trade {} is in {}, which nobody defined", trade.trade, trade.instrument);
            return found.tell("obligations", told);
        };
        let before = self.deals.insert(trade.trade, Deal::new(trade, instrument));
        found.check(before.is_none(), "obligations", || format!("trade {} was executed twice", trade.trade));
        for side in [Side::Buy, Side::Sell] {
            self.orders.executed(trade.side(side).order, trade.quantity);
        }
    }

    fn hear_settlement(&mut self, event: &settlement::Event, found: &mut Findings<'_>) {
        use settlement::Event as S;
        match event {
            S::CalendarDefined { calendar, days } => {
                self.calendars.insert(*calendar, days.clone());
            }
            S::SettlementModelSet { market, model } => {
                self.models.insert(*market, *model);
                found.check(self.run.is_none(), "settlement run", || {
                    format!("market {market} changed its model while a run was going on")
                });
            }
            S::ShortfallRecorded { participant, asset, missing } => {
                self.shortfalls.insert((*participant, *asset), *missing);
            }
            S::ObligationRecorded { obligation } => self.novate(obligation, found),
            S::RunStarted { run, date, trades, totals, covers } => {
                self.start_run(*run, *date, *trades, totals, covers, found);
            }
            S::PositionNetted { run, date, party, asset, gross_in, gross_out, net } => {
                let told = (*gross_in, *gross_out, *net);
                self.net(*run, *date, (*asset, *party), told, found);
            }
            S::TradeSettled { run, date, model, buy, sell } => {
                self.settle(*run, *date, *model, [buy, sell], found);
            }
            S::TradeRecycled { .. } => self.recycle(event, found),
            S::RunCompleted { run, date, settled, recycled, totals } => {
                self.complete_run(*run, *date, (*settled, *recycled), totals, found);
            }
            S::QuotaSet { .. } | S::QuotaHeld { .. } | S::QuotaReduced { .. } | S::QuotaReleased { .. } => {}
        }
    }

    /// The central counterparty steps between the two sides of an execution: for each side once.
    fn novate(&mut self, obligation: &settlement::Obligation, found: &mut Findings<'_>) {
        let (trade, side) = (obligation.fill.trade, obligation.terms.side);
        let Some(deal) = self.deals.get_mut(&trade) else {
            return found
                .tell("obligations", format!("there is one of trade {trade}, which nobody executed"));
        };
        for flaw in deal.flaws_of(obligation) {
            found.tell("obligations", format!("that of the {side:?} of trade {trade}: {flaw}"));
        }
        // The side that comes first sets the date, for a calendar may change in between.
        let first = deal.due;
        let days = deal.instrument.settlement_days;
        let date =
            || days::business_day(self.calendars.get(&deal.instrument.calendar), deal.trade.trade_date, days);
        let right = first.unwrap_or_else(date);
        found.check(obligation.date == right, "settlement date", || {
            format!("trade {trade} is due on {}, and {right} is right", obligation.date)
        });
        deal.due = Some(first.unwrap_or(obligation.date));
        let before = deal.obligation_mut(side).replace(*obligation);
        found.check(before.is_none(), "obligations", || {
            format!("the {side:?} of trade {trade} was confirmed twice")
        });
    }

    fn hear_settled(&mut self, hearer: Hearer, side: &SettledSide, found: &mut Findings<'_>) {
        let trade = side.fill.trade;
        match self.deals.get_mut(&trade) {
            Some(deal) => deal.hear(hearer, side, found),
            None => {
                found.tell("finality", format!("{hearer:?} settled trade {trade}, which nobody executed"))
            }
        }
    }

    fn model(&self, deal: &Deal) -> SettlementModel {
        self.models.get(&deal.instrument.market).copied().unwrap_or(SettlementModel::Gross)
    }

    /// The complete trades that are due on a date or before, and neither settled nor in a run.
    fn due(&self, date: Date) -> impl Iterator<Item = (Date, TradeId)> {
        let is_due = move |deal: &&Deal| deal.is_pending() && deal.due.is_some_and(|due| due <= date);
        self.deals.values().filter(is_due).filter_map(|deal| Some((deal.due?, deal.trade.trade)))
    }

    /// To process a date starts a run, unless nothing is due or its run is going on.
    fn check_processed(&self, record: &Record, found: &mut Findings<'_>) {
        let Command::Settlement(settlement::Command::Process { date }) = &record.request.command else {
            return;
        };
        if let Outcome::Refused(engine::Refusal::Settlement(settlement::Refusal::Unbalanced {
            trade, ..
        })) = &record.outcome
        {
            found.tell("netting", format!("the two sides of trade {trade} do not sum to zero"));
        }
        if matches!(&record.outcome, Outcome::Events(events) if events.is_empty())
            && self.run.as_ref().is_none_or(|run| run.date != *date)
            && let Some((due, trade)) = self.due(*date).next()
        {
            let told = format!("{date} was processed without trade {trade}, due on {due}");
            found.tell("settlement run", told);
        }
    }
}
