//! What must hold of all nodes together once nothing is under way: every hold, quota and exposure is exactly what the
//! open orders and unsettled trades say, and no money has appeared or vanished.

use super::network::Network;
use crate::{Context, Event, FlowEvent, Record};
use std::collections::{BTreeMap, BTreeSet};
use trading::Event as T;
use vocabulary::{Amount, OrderId, OrderTerms, ParticipantId, Reserved, Side, Trade, TradeId};

/// Open orders and unsettled trades, as the events of trading tell.
#[derive(Default)]
struct Expected {
    terms: BTreeMap<OrderId, OrderTerms>,
    unsettled: BTreeSet<(TradeId, bool)>,
    trades: BTreeMap<TradeId, Trade>,
}

impl Expected {
    fn of<'a>(records: impl Iterator<Item = &'a Record>) -> Self {
        let mut expected = Self::default();
        for event in records.flat_map(Record::events) {
            let Event::Trading(event) = event else { continue };
            if let T::OrderCreated(created) = event {
                expected.terms.insert(created.terms.order, created.terms);
            }
            if let T::OrderExecuted(trade) = event {
                expected.trades.insert(trade.trade, *trade);
                expected.unsettled.extend([(trade.trade, true), (trade.trade, false)]);
            }
            if let T::ExecutionSettled(side) = event {
                expected.unsettled.remove(&(side.fill.trade, side.terms.side == Side::Buy));
            }
        }
        expected
    }

    fn used(&self) -> BTreeMap<ParticipantId, Amount> {
        let mut used: BTreeMap<ParticipantId, Amount> = BTreeMap::new();
        for (trade, is_buy) in &self.unsettled {
            let side = if *is_buy { Side::Buy } else { Side::Sell };
            let side = self.trades[trade].side(side);
            *used.entry(side.participant).or_default() += side.reserved;
        }
        used
    }
}

impl Network {
    /// Panics with what is wrong.
    pub(crate) fn audit(&self) {
        let trading = &self.engine(Context::Trading).state().trading;
        let risk = &self.engine(Context::Risk).state().risk;
        let settlement = &self.engine(Context::Settlement).state().settlement;
        trading.ledger().audit().unwrap();
        assert!(trading.ledger().totals().values().all(trading::Totals::conserved));
        let expected = Expected::of(self.nodes[self.host(Context::Trading)].journal.iter());
        let (mut open, mut held, mut frozen) = (0, BTreeMap::<ParticipantId, Amount>::new(), BTreeMap::new());
        for (id, terms) in &expected.terms {
            let live = trading.order(*id).filter(|order| order.status.is_live() || order.block);
            let live = live.filter(|order| !order.remaining.is_zero() && !is_closed(order.status));
            let reserved = live.map(|order| {
                let instrument = trading.instrument(terms.instrument).unwrap();
                let notional = instrument.notional(order.limit, order.remaining);
                open += 1;
                *held.entry(terms.participant).or_default() += notional;
                let (asset, amount) = match terms.side {
                    Side::Buy => (terms.quote, notional + instrument.fees.highest(notional)),
                    Side::Sell => (terms.base, order.remaining.into()),
                };
                *frozen.entry(asset).or_insert(Amount::ZERO) += amount;
                Reserved { quantity: order.remaining.0, amount: i64::try_from(notional.0).unwrap() }
            });
            assert_eq!(risk.held(*id), reserved, "exposure held for order {id}");
        }
        assert_eq!(risk.open_count(), open, "open holds of risk");
        assert_eq!(risk.unsettled_count(), expected.unsettled.len(), "unsettled sides in risk");
        for (asset, totals) in trading.ledger().totals() {
            assert_eq!(totals.frozen, frozen.get(asset).copied().unwrap_or_default(), "frozen {asset}");
            assert!(totals.counterparty.is_zero(), "between the two sides of trades: {totals:?}");
        }
        let used = expected.used();
        for line in settlement.quotas() {
            let of = |sums: &BTreeMap<ParticipantId, Amount>| {
                sums.get(&line.participant).copied().unwrap_or_default()
            };
            assert_eq!((line.held, line.used), (of(&held), of(&used)), "quota of {}", line.participant);
        }
        assert_eq!(settlement.unsettled_count() * 2, expected.unsettled.len(), "obligations");
    }

    /// Nobody has broken the protocol.
    pub(crate) fn no_alarms(&self) {
        let alarm = |event: &&Event| matches!(event, Event::Flow(FlowEvent::ProtocolAlarm { .. }));
        let alarms: Vec<_> = self.events().filter(alarm).collect();
        assert!(alarms.is_empty(), "{alarms:?}");
    }

    /// Deciding every node's journal again, and applying it, both come to the same.
    pub(crate) fn replay(&self) {
        for node in &self.nodes {
            let (mut applied, mut decided) = (crate::Engine::new(node.hosts), crate::Engine::new(node.hosts));
            for record in &node.journal {
                applied.apply(record);
                let again = decided.execute(record.request.clone(), record.moment);
                assert_eq!(again, crate::Executed::Recorded(Box::new(record.clone())));
            }
            assert!(applied.state() == decided.state() && applied.state() == node.engine().state());
        }
    }
}

fn is_closed(status: trading::Status) -> bool {
    use trading::Status as S;
    match status {
        S::Rejected | S::Executed | S::Canceled | S::Expired | S::Settled => true,
        S::Created | S::Open | S::PartiallyExecuted => false,
    }
}

/// The trades as their clients know them: buyer's and seller's own order ids, price and quantity, in order.
pub(crate) fn trades(records: &[Record]) -> Vec<(String, String, i64, i64)> {
    let mut names = BTreeMap::new();
    let mut trades = Vec::new();
    for event in records.iter().flat_map(Record::events) {
        let Event::Trading(event) = event else { continue };
        if let T::OrderCreated(created) = event {
            let name = created.client_order_id.map_or_else(String::new, |id| id.to_string());
            names.insert(created.terms.order, name);
        }
        if let T::OrderExecuted(trade) = event {
            let name = |side: Side| names[&trade.side(side).order].clone();
            trades.push((name(Side::Buy), name(Side::Sell), trade.price.0, trade.quantity.0));
        }
    }
    trades
}

/// Why orders were rejected, by their clients' own ids.
pub(crate) fn rejections(records: &[Record]) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let mut all = BTreeMap::new();
    for event in records.iter().flat_map(Record::events) {
        let Event::Trading(event) = event else { continue };
        if let T::OrderCreated(created) = event {
            let name = created.client_order_id.map_or_else(String::new, |id| id.to_string());
            names.insert(created.terms.order, name);
        }
        if let T::OrderRejected { order, reason, .. } = event {
            all.insert(names[order].clone(), reason.code.clone());
        }
    }
    all
}
