//! Events of trading.

use super::Told;
use crate::schema::{self, event::What};
use crate::words::word;
use ::trading::{Cause, CreatedOrder, Event, OrderKind, Phase};
use vocabulary::{
    AccountId, Amount, Asset, Instrument, InstrumentId, OrderId, ParticipantId, Price, Quantity, Reason,
    SettledSide, Side, Trade, UserId,
};

pub(super) fn tell(event: &Event) -> Vec<Told> {
    vec![match event {
        Event::AssetDefined(asset) => Told::of(asset.asset, What::AssetDefined(asset.into())),
        Event::InstrumentDefined(instrument) => {
            Told::of(instrument.instrument, What::InstrumentDefined(instrument.as_ref().into()))
        }
        Event::ReferencePriceSet { instrument, price } => reference_price(*instrument, *price),
        Event::ParticipantRegistered { participant } => {
            let (key, participant) = (participant, participant.to_string());
            Told::of(key, What::ParticipantRegistered(schema::ParticipantRegistered { participant }))
        }
        Event::AccountOpened { account, participant, owner } => {
            account_opened(*account, *participant, *owner)
        }
        Event::Deposited { account, asset, amount } => {
            let (key, account, asset) = (account, account.to_string(), asset.to_string());
            Told::of(key, What::Deposited(schema::Deposited { account, asset, amount: text(*amount) }))
        }
        Event::Withdrawn { account, asset, amount } => {
            let (key, account, asset) = (account, account.to_string(), asset.to_string());
            Told::of(key, What::Withdrawn(schema::Withdrawn { account, asset, amount: text(*amount) }))
        }
        Event::BusinessDayOpened { date } => {
            let date = date.to_string();
            Told::of("", What::BusinessDayOpened(schema::BusinessDayOpened { date }))
        }
        Event::PhaseChanged { instrument, from, to } => phase_changed(*instrument, *from, *to),
        Event::AuctionUncrossed { instrument, price, quantity, surplus } => {
            auction(*instrument, *price, *quantity, *surplus)
        }
        Event::OrderCreated(created) => {
            let terms = &created.terms;
            Told::of(terms.order, What::OrderCreated(created.as_ref().into())).on(terms.correlation)
        }
        Event::OrderCleared { order } => {
            Told::of(order, What::OrderCleared(schema::OrderCleared { order_id: order.0 }))
        }
        Event::OrderAccepted { order } => {
            Told::of(order, What::OrderAccepted(schema::OrderAccepted { order_id: order.0 }))
        }
        Event::OrderRejected { order, reason, released } => rejected(*order, reason, *released),
        Event::OrderRested { order } => {
            Told::of(order, What::OrderRested(schema::OrderRested { order_id: order.0 }))
        }
        Event::OrderExecuted(trade) => {
            return vec![execution(trade, Side::Buy), execution(trade, Side::Sell)];
        }
        Event::OrderReduced { order, by, released, part } => reduced(*order, *by, *released, *part),
        Event::OrderCanceled { order, cause, remaining, released } => {
            canceled(*order, *cause, *remaining, *released)
        }
        Event::OrderExpired { order, remaining, released } => expired(*order, *remaining, *released),
        Event::ExecutionSettled(side) => settled(side),
        Event::OrderSettled { order } => {
            Told::of(order, What::OrderSettled(schema::OrderSettled { order_id: order.0 }))
        }
        Event::SweepStarted { scope, cause } => sweep(scope.into(), *cause),
        Event::SweepAdvanced { next } => {
            Told::of("", What::SweepAdvanced(schema::SweepAdvanced { next: *next }))
        }
    }]
}

fn text(amount: Amount) -> String {
    amount.0.to_string()
}

fn reference_price(instrument: InstrumentId, price: Price) -> Told {
    let what = schema::ReferencePriceSet { instrument: instrument.to_string(), price: price.0 };
    Told::of(instrument, What::ReferencePriceSet(what))
}

fn account_opened(account: AccountId, participant: ParticipantId, owner: UserId) -> Told {
    let (key, account, participant) = (account, account.to_string(), participant.to_string());
    let what = schema::AccountOpened { account, participant, owner: owner.to_string() };
    Told::of(key, What::AccountOpened(what))
}

fn phase_changed(instrument: InstrumentId, from: Phase, to: Phase) -> Told {
    let what = schema::PhaseChanged { instrument: instrument.to_string(), from: word(from), to: word(to) };
    Told::of(instrument, What::PhaseChanged(what))
}

fn auction(instrument: InstrumentId, price: Price, quantity: Quantity, surplus: i64) -> Told {
    let (key, instrument) = (instrument, instrument.to_string());
    let what = schema::AuctionUncrossed { instrument, price: price.0, quantity: quantity.0, surplus };
    Told::of(key, What::AuctionUncrossed(what))
}

fn rejected(order: OrderId, reason: &Reason, released: Amount) -> Told {
    let (reason, released) = (Some(reason.into()), text(released));
    Told::of(order, What::OrderRejected(schema::OrderRejected { order_id: order.0, reason, released }))
}

fn reduced(order: OrderId, by: Quantity, released: Amount, part: u32) -> Told {
    let what = schema::OrderReduced { order_id: order.0, by: by.0, released: text(released), part };
    Told::of(order, What::OrderReduced(what))
}

fn canceled(order: OrderId, cause: Cause, remaining: Quantity, released: Amount) -> Told {
    let what = schema::OrderCanceled {
        order_id: order.0,
        cause: word(cause),
        remaining: remaining.0,
        released: text(released),
    };
    Told::of(order, What::OrderCanceled(what))
}

fn expired(order: OrderId, remaining: Quantity, released: Amount) -> Told {
    let what = schema::OrderExpired { order_id: order.0, remaining: remaining.0, released: text(released) };
    Told::of(order, What::OrderExpired(what))
}

fn settled(side: &SettledSide) -> Told {
    let terms = &side.terms;
    let what = schema::ExecutionSettled {
        terms: Some(terms.into()),
        fill: Some((&side.fill).into()),
        date: side.date.to_string(),
    };
    Told::of(terms.order, What::ExecutionSettled(what)).on(terms.correlation)
}

fn sweep(scope: schema::Scope, cause: Cause) -> Told {
    let key = scope.id.clone();
    Told::of(key, What::SweepStarted(schema::SweepStarted { scope: Some(scope), cause: word(cause) }))
}

fn execution(trade: &Trade, side: Side) -> Told {
    let of = trade.side(side);
    let what = schema::OrderExecuted {
        order_id: of.order.0,
        account: of.account.to_string(),
        participant: of.participant.to_string(),
        side: word(side),
        trade_id: trade.trade.to_string(),
        instrument: trade.instrument.to_string(),
        price: trade.price.0,
        quantity: trade.quantity.0,
        notional: trade.notional.0.to_string(),
        fee: of.fee.0.to_string(),
        trade_date: trade.trade_date.to_string(),
        aggressor: trade.aggressor == Some(side),
        reserved: of.reserved.0.to_string(),
        part: of.part,
    };
    Told::of(of.order, What::OrderExecuted(what)).on(of.correlation)
}

impl From<&Asset> for schema::AssetDefined {
    fn from(asset: &Asset) -> Self {
        Self { asset: asset.asset.to_string(), kind: word(asset.kind), scale: asset.scale.into() }
    }
}

impl From<&Instrument> for schema::InstrumentDefined {
    fn from(instrument: &Instrument) -> Self {
        Self {
            instrument: instrument.instrument.to_string(),
            isin: instrument.isin.clone(),
            market: instrument.market.to_string(),
            base: instrument.base.to_string(),
            quote: instrument.quote.to_string(),
            price_scale: instrument.price_scale.into(),
            tick: instrument.tick.0,
            lot: instrument.lot.0,
            band_bp: instrument.band_bp,
            reference_price: instrument.reference_price.0,
            settlement_days: instrument.settlement_days.into(),
            calendar: instrument.calendar.to_string(),
            maker_fee_ppm: instrument.fees.maker_ppm,
            taker_fee_ppm: instrument.fees.taker_ppm,
            base_scale: instrument.base_scale.into(),
            quote_scale: instrument.quote_scale.into(),
        }
    }
}

impl From<&CreatedOrder> for schema::OrderCreated {
    fn from(created: &CreatedOrder) -> Self {
        let kind = match created.kind {
            OrderKind::Limit(_) => "limit",
            OrderKind::Market => "market",
            OrderKind::Block(_) => "block",
        };
        Self {
            terms: Some((&created.terms).into()),
            kind: kind.to_owned(),
            limit: created.limit.0,
            quantity: created.quantity.0,
            time_in_force: word(created.time_in_force),
            post_only: created.post_only,
            self_trade_prevention: word(created.self_trade_prevention),
            client_order_id: created.client_order_id.map(|id| id.to_string()),
            user: created.user.to_string(),
            frozen: created.frozen.0.to_string(),
            notional: created.notional.0.to_string(),
            replaces: created.replaces.map(|order| order.0),
            quote_scale: created.quote_scale.into(),
        }
    }
}
