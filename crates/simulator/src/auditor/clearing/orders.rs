//! Orders as far as settlement matters to trading: closed or not, and how many of their executions are not final.
//!
//! Rule: an order is settled as soon as it is closed and all its executions are final, once, and never without any.

use std::collections::{BTreeMap, BTreeSet};
use vocabulary::{OrderId, Quantity};

use super::Findings;

#[derive(Debug)]
struct Order {
    left: Quantity,
    has_executions: bool,
    not_final: i64,
    is_closed: bool,
    is_settled: bool,
}

impl Order {
    fn must_be_settled(&self) -> bool {
        self.is_closed && self.has_executions && self.not_final == 0
    }
}

#[derive(Debug, Default)]
pub(super) struct Orders {
    orders: BTreeMap<OrderId, Order>,
    /// Those that the record has changed.
    changed: BTreeSet<OrderId>,
}

impl Orders {
    fn change(&mut self, order: OrderId, change: impl FnOnce(&mut Order)) {
        if let Some(state) = self.orders.get_mut(&order) {
            change(state);
            self.changed.insert(order);
        }
    }

    pub(super) fn created(&mut self, order: OrderId, quantity: Quantity) {
        let (has_executions, not_final, is_closed, is_settled) = Default::default();
        let state = Order { left: quantity, has_executions, not_final, is_closed, is_settled };
        self.orders.insert(order, state);
    }

    pub(super) fn reduced(&mut self, order: OrderId, by: Quantity) {
        self.change(order, |order| order.left -= by);
    }

    pub(super) fn executed(&mut self, order: OrderId, quantity: Quantity) {
        self.change(order, |order| {
            order.left -= quantity;
            order.has_executions = true;
            order.not_final += 1;
            order.is_closed |= order.left.is_zero();
        });
    }

    pub(super) fn closed(&mut self, order: OrderId) {
        self.change(order, |order| order.is_closed = true);
    }

    pub(super) fn side_settled(&mut self, order: OrderId) {
        self.change(order, |order| order.not_final -= 1);
    }

    pub(super) fn settled(&mut self, order: OrderId, found: &mut Findings<'_>) {
        let state = self.orders.get(&order);
        let is_time = state.is_some_and(|state| state.must_be_settled() && !state.is_settled);
        found.check(is_time, "finality", || format!("order {order} is called settled as {state:?}"));
        self.change(order, |order| order.is_settled = true);
    }

    /// What the record has brought to its end is called settled by its end.
    pub(super) fn check_settled(&mut self, found: &mut Findings<'_>) {
        for order in std::mem::take(&mut self.changed) {
            let Some(state) = self.orders.get(&order) else { continue };
            found.check(!state.must_be_settled() || state.is_settled, "finality", || {
                format!("order {order} is closed with all executions final, and is not called settled")
            });
        }
    }
}
