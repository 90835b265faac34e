//! From records to messages.
//!
//! An event about an order often has no more than its id; whose it is stands in another event of the same record, since
//! risk and settlement name the order's terms in what they hold and release for it.

use super::news::{AlertNews, Channel, Item, OrderNews, TradeNews, item};
use crate::catalog::Scales;
use crate::decimals::{amount_text, price_text, quantity_text};
use crate::operations::risk::measures::scale_of;
use crate::services::Api;
use engine::{Event, Record};
use risk::Measure;
use rustc_hash::{FxHashMap, FxHashSet};
use vocabulary::{
    AccountId, CorrelationId, InstrumentId, OrderId, OrderTerms, Quantity, Side, Trade, UserId,
};

/// Whose an order is and what it trades, as far as the record tells.
#[derive(Clone, Copy)]
struct Known {
    account: AccountId,
    instrument: InstrumentId,
    correlation: CorrelationId,
}

/// Messages of a batch; also marks the instruments whose books it may have changed.
pub(super) async fn items(api: &Api, batch: &[Record], touched: &mut FxHashSet<InstrumentId>) -> Vec<Item> {
    let mut items = Vec::new();
    for record in batch {
        let known = known_orders(record);
        let mut desk = Desk {
            record,
            known: &known,
            scales: FxHashMap::default(),
            owners: FxHashMap::default(),
            measures: FxHashMap::default(),
        };
        desk.look_up(api).await;
        touched.extend(desk.scales.keys());
        record.events().iter().for_each(|event| desk.tell(event, &mut items));
    }
    items
}

/// The orders of a record whose terms it tells.
fn known_orders(record: &Record) -> FxHashMap<OrderId, Known> {
    let mut orders = FxHashMap::default();
    for event in record.events() {
        if let Event::Trading(trading::Event::OrderExecuted(trade)) = event {
            for side in [&trade.buy, &trade.sell] {
                let (account, correlation) = (side.account, side.correlation);
                orders.insert(side.order, Known { account, instrument: trade.instrument, correlation });
            }
        }
        if let Some(terms) = terms(event) {
            let OrderTerms { account, instrument, correlation, .. } = *terms;
            orders.insert(terms.order, Known { account, instrument, correlation });
        }
    }
    orders
}

#[allow(clippy::wildcard_enum_match_arm, reason = "only events that carry an order's terms are looked at")]
fn terms(event: &Event) -> Option<&OrderTerms> {
    use {risk::Event as R, settlement::Event as S, trading::Event as T};
    match event {
        Event::Trading(T::OrderCreated(created)) => Some(&created.terms),
        Event::Trading(T::ExecutionSettled(side)) => Some(&side.terms),
        Event::Risk(
            R::ExposureHeld { terms, .. }
            | R::ExposureConfirmed { terms, .. }
            | R::ExposureReduced { terms, .. }
            | R::ExposureReleased { terms, .. },
        ) => Some(terms),
        Event::Settlement(S::QuotaHeld { terms, .. } | S::QuotaReduced { terms, .. }) => Some(terms),
        Event::Settlement(S::QuotaReleased { terms, .. }) => Some(terms),
        _ => None,
    }
}

/// One record on its way to messages.
struct Desk<'a> {
    record: &'a Record,
    known: &'a FxHashMap<OrderId, Known>,
    scales: FxHashMap<InstrumentId, Scales>,
    owners: FxHashMap<AccountId, UserId>,
    /// Decimals of what alerts are about.
    measures: FxHashMap<Measure, u8>,
}

impl Desk<'_> {
    async fn look_up(&mut self, api: &Api) {
        for Known { account, instrument, .. } in self.known.values() {
            if let Ok(Some(scales)) = api.catalog.find_scales(*instrument).await {
                self.scales.insert(*instrument, scales);
            }
            if let Ok(Some(owner)) = api.catalog.find_owner(*account).await {
                self.owners.insert(*account, owner);
            }
        }
        for event in self.record.events() {
            let Event::Risk(risk::Event::AlertRaised { measure, .. }) = event else { continue };
            let measure = *measure;
            if let Ok((_, scale)) = api.look(move |state| scale_of(&state.trading, measure)).await {
                self.measures.insert(measure, scale);
            }
        }
    }

    fn tell(&self, event: &Event, items: &mut Vec<Item>) {
        match event {
            Event::Trading(event) => self.tell_trading(event, items),
            Event::Risk(event) => items.extend(self.alert(event)),
            Event::Settlement(_) | Event::Compliance(_) | Event::Flow(_) | Event::Block(_) => {}
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "only what happens to orders is told")]
    fn tell_trading(&self, event: &trading::Event, items: &mut Vec<Item>) {
        use trading::Event as E;
        match event {
            E::OrderCreated(created) => {
                let mut news = OrderNews::of(created.terms.order, "created");
                let scales = self.scales.get(&created.terms.instrument);
                news.price = scales.map(|scales| price_text(created.limit, scales.price));
                news.side = Some(created.terms.side);
                items.push(self.order(created.terms.order, news, Some(created.quantity)));
            }
            E::OrderAccepted { order } => {
                items.push(self.order(*order, OrderNews::of(*order, "accepted"), None))
            }
            E::OrderRejected { order, reason, .. } => {
                let news = OrderNews::of(*order, "rejected").because(reason);
                items.push(self.order(*order, news, None));
            }
            E::OrderRested { order } => {
                items.push(self.order(*order, OrderNews::of(*order, "resting"), None))
            }
            E::OrderReduced { order, by, .. } => {
                items.push(self.order(*order, OrderNews::of(*order, "reduced"), Some(*by)));
            }
            E::OrderCanceled { order, cause, remaining, .. } => {
                let mut news = OrderNews::of(*order, "canceled");
                news.code = serde_json::to_value(cause).ok().and_then(|code| Some(code.as_str()?.to_owned()));
                items.push(self.order(*order, news, Some(*remaining)));
            }
            E::OrderExpired { order, remaining, .. } => {
                items.push(self.order(*order, OrderNews::of(*order, "expired"), Some(*remaining)));
            }
            E::OrderSettled { order } => {
                items.push(self.order(*order, OrderNews::of(*order, "settled"), None))
            }
            E::OrderExecuted(trade) => self.tell_trade(trade, items),
            _ => {}
        }
    }

    fn order(&self, order: OrderId, mut news: OrderNews, quantity: Option<Quantity>) -> Item {
        let known = self.known.get(&order);
        let scales = known.and_then(|known| self.scales.get(&known.instrument));
        news.position = self.record.moment.position;
        news.time = self.record.moment.time;
        news.account = known.map(|known| known.account);
        news.instrument = known.map(|known| known.instrument);
        news.correlation = known.map(|known| known.correlation);
        news.quantity =
            quantity.zip(scales).map(|(quantity, scales)| quantity_text(quantity, scales.quantity));
        let owner = known.and_then(|known| self.owners.get(&known.account)).copied();
        item(Channel::Orders, news.instrument, owner, news.position, &news)
    }

    fn tell_trade(&self, trade: &Trade, items: &mut Vec<Item>) {
        let Some(scales) = self.scales.get(&trade.instrument) else { return };
        let price = price_text(trade.price, scales.price);
        for side in [Side::Buy, Side::Sell] {
            let order = trade.side(side).order;
            let mut news = OrderNews::of(order, "executed");
            news.price = Some(price.clone());
            news.side = Some(side);
            news.trade = Some(trade.trade);
            items.push(self.order(order, news, Some(trade.quantity)));
        }
        let news = TradeNews {
            position: self.record.moment.position,
            time: self.record.moment.time,
            trade: trade.trade,
            instrument: trade.instrument,
            price,
            quantity: quantity_text(trade.quantity, scales.quantity),
            aggressor: trade.aggressor,
        };
        items.push(item(Channel::Trades, Some(trade.instrument), None, news.position, &news));
    }

    fn alert(&self, event: &risk::Event) -> Option<Item> {
        let risk::Event::AlertRaised { scope, measure, percent, used, limit, correlation } = event else {
            return None;
        };
        let scale = *self.measures.get(measure)?;
        let news = AlertNews {
            position: self.record.moment.position,
            time: self.record.moment.time,
            scope,
            measure,
            percent: *percent,
            used: amount_text(*used, scale),
            limit: amount_text(*limit, scale),
            correlation: *correlation,
        };
        Some(item(Channel::Alerts, None, None, news.position, &news))
    }
}
