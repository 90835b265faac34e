//! What settlement reports: one side of a trade after the other becomes final.
//!
//! Invariant: a trade is listed as unsettled until both its sides are final, and an order is kept until it is closed and
//! all its executions are final. A report that comes again changes nothing (B2). Absent on purpose: when a trade
//! settles, and whether it can.

use minicbor::{Decode, Encode};
use vocabulary::{Amount, Events, SettledSide, Side, one, planted};

use crate::Trading;
use crate::event::Event;
use crate::ledger::Place;

/// The sides of a trade that are not final.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct OpenSides {
    #[n(0)]
    pub(crate) buy: bool,
    #[n(1)]
    pub(crate) sell: bool,
}

impl OpenSides {
    pub(crate) const BOTH: Self = Self { buy: true, sell: true };

    fn has(self, side: Side) -> bool {
        match side {
            Side::Buy => self.buy,
            Side::Sell => self.sell,
        }
    }

    fn without(self, side: Side) -> Self {
        match side {
            Side::Buy => Self { buy: false, ..self },
            Side::Sell => Self { sell: false, ..self },
        }
    }
}

impl Trading {
    /// One side of a trade is final. A side that is not waited for was settled before.
    pub(crate) fn settle(&self, side: &SettledSide) -> Events<Event> {
        let is_left_out = planted!("one-side-settles") && side.terms.side == Side::Sell;
        let is_open = self.unsettled.get(&side.fill.trade).is_some_and(|open| open.has(side.terms.side));
        if !is_open || is_left_out {
            return Events::new();
        }
        let mut events = one(Event::ExecutionSettled(Box::new(*side)));
        let order = self.orders.get(side.terms.order).expect("an order stays until its executions are final");
        if order.status.is_closed() && order.unsettled == 1 && !planted!("order-never-settled") {
            events.push(Event::OrderSettled { order: order.id });
        }
        events
    }

    pub(crate) fn apply_settled(&mut self, settled: &SettledSide) {
        let (terms, fill) = (&settled.terms, &settled.fill);
        let open = self.unsettled.get_mut(&fill.trade).filter(|open| open.has(terms.side));
        let open = open.unwrap_or_else(|| panic!("trade {} settled twice", fill.trade));
        *open = open.without(terms.side);
        if *open == OpenSides::default() {
            self.unsettled.remove(&fill.trade);
        }
        let account = self.account_slot(terms.account);
        let quantity = Amount::from(fill.quantity);
        let (clearing, available) = (Place::Clearing(account), Place::Available(account));
        match terms.side {
            Side::Buy => {
                self.ledger.post(terms.quote, clearing, Place::Counterparty, fill.notional);
                self.ledger.post(terms.quote, clearing, Place::Fees, fill.fee);
                self.ledger.post(terms.base, Place::Counterparty, available, quantity);
            }
            Side::Sell => {
                self.ledger.post(terms.base, clearing, Place::Counterparty, quantity);
                self.ledger.post(terms.quote, Place::Counterparty, available, fill.notional - fill.fee);
                self.ledger.post(terms.quote, Place::Counterparty, Place::Fees, fill.fee);
            }
        }
        let slot = self.order_slot(terms.order);
        self.orders.at_mut(slot).unsettled -= 1;
    }
}
