//! Events of settlement.

use super::Told;
use crate::schema::{self, event::What};
use crate::words::word;
use ::settlement::{Cover, Event, Obligation, Party, Short, Total};
use vocabulary::{
    Amount, AssetId, Calendar, CalendarId, Date, OrderId, SettledSide, SettlementModel, Side, TradeId,
};

pub(super) fn tell(event: &Event) -> Vec<Told> {
    vec![match event {
        Event::QuotaSet { participant, asset, quota } => {
            let (key, participant, asset) = (participant, participant.to_string(), asset.to_string());
            Told::of(key, What::QuotaSet(schema::QuotaSet { participant, asset, quota: text(*quota) }))
        }
        Event::CalendarDefined { calendar, days } => {
            Told::of(calendar, What::CalendarDefined(calendar_of(*calendar, days)))
        }
        Event::SettlementModelSet { market, model } => {
            let (key, market, model) = (market, market.to_string(), word(model));
            Told::of(key, What::SettlementModelSet(schema::SettlementModelSet { market, model }))
        }
        Event::ShortfallRecorded { participant, asset, missing } => {
            let (key, participant, asset) = (participant, participant.to_string(), asset.to_string());
            let what = schema::ShortfallRecorded { participant, asset, missing: text(*missing) };
            Told::of(key, What::ShortfallRecorded(what))
        }
        Event::QuotaHeld { terms, reserved } => {
            let what = schema::Held { terms: Some(terms.into()), reserved: Some(reserved.into()) };
            Told::of(terms.order, What::QuotaHeld(what)).on(terms.correlation)
        }
        Event::ObligationRecorded { obligation } => {
            let terms = &obligation.terms;
            Told::of(terms.order, What::ObligationRecorded(obligation.into())).on(terms.correlation)
        }
        Event::QuotaReduced { terms, part, what } => {
            let what = schema::Reduced { terms: Some(terms.into()), part: *part, what: Some(what.into()) };
            Told::of(terms.order, What::QuotaReduced(what)).on(terms.correlation)
        }
        Event::QuotaReleased { terms, released, .. } => {
            let what = schema::Released { terms: Some(terms.into()), released: Some(released.into()) };
            Told::of(terms.order, What::QuotaReleased(what)).on(terms.correlation)
        }
        Event::RunStarted { run, date, trades, totals, covers } => {
            let (totals, covers) =
                (totals.iter().map(Into::into).collect(), covers.iter().map(Into::into).collect());
            let (date, trades) = (date.to_string(), *trades);
            of_run(*run, What::RunStarted(schema::RunStarted { run: *run, date, trades, totals, covers }))
        }
        Event::PositionNetted { run, date, party, asset, gross_in, gross_out, net } => {
            let amounts = [gross_in, gross_out, net].map(|amount| text(*amount));
            of_run(*run, netted(*run, *date, *party, *asset, amounts))
        }
        Event::TradeSettled { run, date, model, buy, sell } => {
            return [buy, sell].map(|side| settled(*run, date.to_string(), *model, side)).into();
        }
        Event::TradeRecycled { run, trade, buy, sell, model, from, to, short } => {
            let trade = recycled(*run, *trade, *model, (*from, *to), short);
            return vec![one_side(&trade, Side::Buy, *buy), one_side(&trade, Side::Sell, *sell)];
        }
        Event::RunCompleted { run, date, settled, recycled, totals } => {
            let (date, settled, recycled) = (date.to_string(), *settled, *recycled);
            let totals = totals.iter().map(Into::into).collect();
            let what = schema::RunCompleted { run: *run, date, settled, recycled, totals };
            of_run(*run, What::RunCompleted(what))
        }
    }]
}

fn text(amount: Amount) -> String {
    amount.0.to_string()
}

fn of_run(run: u64, what: What) -> Told {
    Told::of(format!("run {run}"), what)
}

fn netted(
    run: u64,
    date: Date,
    party: Party,
    asset: AssetId,
    [gross_in, gross_out, net]: [String; 3],
) -> What {
    let participant = match party {
        Party::Participant(participant) => Some(participant.to_string()),
        Party::CentralCounterparty => None,
    };
    let (date, asset) = (date.to_string(), asset.to_string());
    What::PositionNetted(schema::PositionNetted { run, date, participant, asset, gross_in, gross_out, net })
}

/// Of neither side yet.
fn recycled(
    run: u64,
    trade: TradeId,
    model: SettlementModel,
    (from, to): (Date, Date),
    short: &Short,
) -> schema::TradeRecycled {
    schema::TradeRecycled {
        run,
        trade_id: trade.to_string(),
        order_id: 0,
        side: String::new(),
        model: word(model),
        from: from.to_string(),
        to: to.to_string(),
        short_participant: short.participant.to_string(),
        short_asset: short.asset.to_string(),
        missing: text(short.missing),
    }
}

fn one_side(trade: &schema::TradeRecycled, side: Side, order: OrderId) -> Told {
    let what = schema::TradeRecycled { order_id: order.0, side: word(side), ..trade.clone() };
    Told::of(order, What::TradeRecycled(what))
}
fn settled(run: u64, date: String, model: SettlementModel, side: &SettledSide) -> Told {
    let terms = &side.terms;
    let what = schema::TradeSettled {
        run,
        date,
        model: word(model),
        terms: Some(terms.into()),
        fill: Some((&side.fill).into()),
    };
    Told::of(terms.order, What::TradeSettled(what)).on(terms.correlation)
}

fn calendar_of(calendar: CalendarId, days: &Calendar) -> schema::CalendarDefined {
    schema::CalendarDefined {
        calendar: calendar.to_string(),
        weekend: days.weekend.iter().map(|day| u32::from(*day)).collect(),
        holidays: days.holidays.iter().map(ToString::to_string).collect(),
    }
}

impl From<&Obligation> for schema::ObligationRecorded {
    fn from(obligation: &Obligation) -> Self {
        Self {
            terms: Some((&obligation.terms).into()),
            fill: Some((&obligation.fill).into()),
            calendar: obligation.calendar.to_string(),
            date: obligation.date.to_string(),
        }
    }
}

impl From<&Total> for schema::Total {
    fn from(total: &Total) -> Self {
        Self {
            asset: total.asset.to_string(),
            delivered: total.delivered.0.to_string(),
            received: total.received.0.to_string(),
            fees: total.fees.0.to_string(),
        }
    }
}

impl From<&Cover> for schema::Cover {
    fn from(cover: &Cover) -> Self {
        Self {
            participant: cover.participant.to_string(),
            asset: cover.asset.to_string(),
            outgoing: cover.outgoing.0.to_string(),
            missing: cover.missing.0.to_string(),
        }
    }
}
