//! What settlement knows, as lines: quotas, obligations, calendars, shortfalls, the run.

use vocabulary::{Facts, Listener};

use crate::Settlement;
use crate::obligation::Obligation;
use crate::quota::QuotaLine;

impl Facts for Settlement {
    fn tell(&self, listener: &mut Listener<'_>) {
        for (calendar, days) in &self.calendars {
            listener(format_args!("calendar {calendar} {days:?}"));
        }
        for (market, model) in &self.models {
            listener(format_args!("settlement model {market} {model:?}"));
        }
        for QuotaLine { participant, asset, quota, held, used } in self.quotas.lines() {
            listener(format_args!("quota {participant} {asset} {quota} held {held} used {used}"));
        }
        for ((participant, asset), missing) in &self.shortfalls {
            listener(format_args!("shortfall {participant} {asset} {missing}"));
        }
        self.reservations.tell(listener);
        for obligation in self.obligations.by_instrument() {
            tell_obligation(&obligation, listener);
        }
        listener(format_args!("runs {}", self.runs));
        if let Some(date) = self.running() {
            listener(format_args!("run of {date} under way"));
        }
    }
}

fn tell_obligation(obligation: &Obligation, listener: &mut Listener<'_>) {
    let Obligation { terms, fill, calendar, date } = obligation;
    let (instrument, account, participant) = (terms.instrument, terms.account, terms.participant);
    let (side, market, quantity) = (terms.side, terms.market, fill.quantity);
    let (notional, fee, traded) = (fill.notional, fill.fee, fill.trade_date);
    listener(format_args!(
        "obligation {instrument} {market} {side:?} {account} of {participant} {quantity} for {notional} fee {fee} \
         traded {traded} due {date} by {calendar}"
    ));
}
