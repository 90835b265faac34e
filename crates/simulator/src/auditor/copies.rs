//! What views and audit log of a shard must hold, by the auditor's own count of the records as they became durable.
//!
//! Kept per shard and asked at the end. Absent on purpose: what only the state says (balances, quotas), which is compared
//! with the leader's.

use engine::{Command, Event, Outcome, Record};
use std::collections::{BTreeMap, BTreeSet};
use vocabulary::{CorrelationId, OrderId, Price, Quantity, Side, TradeId, UserId};

/// What the audit log must say of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its position.
    pub position: u64,
    /// Who asked.
    pub actor: UserId,
    /// On which thread.
    pub correlation: CorrelationId,
    /// The code of the refusal, if it was one; of a command, or of a request that was turned away before it became one.
    pub refused: Option<String>,
}

/// What the list of orders must say of one order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// How much of it was executed.
    pub executed: Quantity,
    /// Where it was rejected, cancelled or expired.
    pub ended: Option<u64>,
}

/// A trade: price, quantity, and the orders of buyer and seller.
type Trade = (Price, Quantity, OrderId, OrderId);

/// Everything that was recorded in one shard.
#[derive(Clone, Debug, Default)]
pub struct Copies {
    /// One for each record, in order.
    pub entries: Vec<Entry>,
    /// The commands that were refused, with the code.
    pub refusals: Vec<(u64, String)>,
    /// Every order that was ever created here.
    pub orders: BTreeMap<OrderId, Order>,
    /// Every trade.
    pub trades: BTreeMap<TradeId, Trade>,
    /// The trades that are final, as settlement says, or trading where settlement is elsewhere.
    pub settled: BTreeSet<TradeId>,
    /// Every verdict of compliance, and whether the order may be placed.
    pub decisions: BTreeMap<OrderId, bool>,
    /// Block trades.
    pub blocks: BTreeSet<OrderId>,
    /// Alerts of risk.
    pub alerts: usize,
    /// How many lines the decision log has: verdicts, and policies that came into force.
    pub decision_lines: u64,
}

impl Copies {
    /// A record has become durable.
    pub fn recorded(&mut self, record: &Record) {
        let position = record.moment.position;
        let refused = match (&record.outcome, &record.request.command) {
            (Outcome::Refused(refusal), _) => {
                self.refusals.push((position, refusal.code().to_owned()));
                Some(refusal.code().to_owned())
            }
            (Outcome::Events(_), Command::RecordAccess(access)) if access.status >= 400 => {
                Some(access.code.clone().unwrap_or_default())
            }
            (Outcome::Events(_), _) => None,
        };
        self.entries.push(Entry {
            position,
            actor: record.request.actor,
            correlation: record.request.correlation,
            refused,
        });
        for event in record.events() {
            match event {
                Event::Trading(event) => self.heard_of_trading(event, position),
                Event::Settlement(settlement::Event::TradeSettled { buy, .. }) => {
                    self.settled.insert(buy.fill.trade);
                }
                Event::Compliance(compliance::Event::OrderChecked { terms, allowed, .. }) => {
                    self.decisions.insert(terms.order, *allowed);
                    self.decision_lines += 1;
                }
                Event::Compliance(compliance::Event::PolicyActivated { .. }) => self.decision_lines += 1,
                Event::Risk(risk::Event::AlertRaised { .. }) => self.alerts += 1,
                Event::Block(engine::block::Event::BlockProposed { block, .. }) => {
                    self.blocks.insert(*block);
                }
                Event::Settlement(_)
                | Event::Compliance(_)
                | Event::Risk(_)
                | Event::Block(_)
                | Event::Flow(_) => {}
            }
        }
    }

    fn heard_of_trading(&mut self, event: &trading::Event, position: u64) {
        use trading::Event as E;
        if let E::OrderCreated(created) = event {
            self.orders.insert(created.terms.order, Order::default());
        }
        if let E::ExecutionSettled(side) = event {
            self.settled.insert(side.fill.trade);
        }
        if let E::OrderExecuted(trade) = event {
            let sides = [Side::Buy, Side::Sell].map(|side| trade.side(side).order);
            self.trades.insert(trade.trade, (trade.price, trade.quantity, sides[0], sides[1]));
            for order in sides {
                self.orders.entry(order).or_default().executed += trade.quantity;
            }
        }
        if let E::OrderRejected { order, .. }
        | E::OrderCanceled { order, .. }
        | E::OrderExpired { order, .. } = event
        {
            self.orders.entry(*order).or_default().ended = Some(position);
        }
    }
}
