//! Answers to those who placed orders and wait for what is decided on them, where that takes other nodes' answers.
//!
//! Invariant: nobody waits longer than his orders' deadlines, since a flow that is past its deadline is decided. What waits
//! here is forgotten when the node ends: the orders themselves go on.

use crate::handle::{Reply, Unavailable};
use engine::{Receipt, ReceiptResult, Record};
use std::collections::BTreeMap;
use vocabulary::OrderId;

/// How many orders are waited for at most. Who places more is told at once that they are created.
const WAITED_FOR_MAX: usize = 50_000;

/// An answer that is complete.
type Complete = (Reply, Result<Vec<Receipt>, Unavailable>);

struct Waiting {
    receipts: Vec<Receipt>,
    /// How many of them are about orders without a decision.
    undecided: usize,
    reply: Reply,
}

/// Those who wait.
#[derive(Default)]
pub(crate) struct Undecided {
    waiting: BTreeMap<u64, Waiting>,
    /// Who waits for an order, and which of his receipts is about it.
    orders: BTreeMap<OrderId, (u64, usize)>,
    /// Counts everybody who has ever waited.
    count: u64,
}

impl Undecided {
    /// Keeps the answer until the decisions are there on those orders that are new. Gives it back if there is nothing to
    /// wait for.
    pub(crate) fn take_in(
        &mut self,
        receipts: Vec<Receipt>,
        is_new: &[bool],
        reply: Reply,
    ) -> Option<Complete> {
        let mut undecided = 0;
        for (index, (receipt, is_new)) in receipts.iter().zip(is_new).enumerate() {
            if let ReceiptResult::Order(order) = &receipt.result
                && *is_new
                && !order.is_decided()
                && self.orders.len() < WAITED_FOR_MAX
            {
                self.orders.insert(order.order, (self.count, index));
                undecided += 1;
            }
        }
        if undecided == 0 {
            return Some((reply, Ok(receipts)));
        }
        self.waiting.insert(self.count, Waiting { receipts, undecided, reply });
        self.count += 1;
        None
    }

    /// Reads what has become durable, and gives the answers that are complete by that.
    pub(crate) fn hear(&mut self, records: &[Record], complete: &mut Vec<Complete>) {
        if self.orders.is_empty() {
            return;
        }
        for record in records {
            for order in record.orders_decided() {
                if let Some((who, index)) = self.orders.remove(&order) {
                    self.tell(who, index, record, complete);
                }
            }
        }
    }

    fn tell(&mut self, who: u64, index: usize, record: &Record, complete: &mut Vec<Complete>) {
        let Some(waiting) = self.waiting.get_mut(&who) else { return };
        if let Some(receipt) = waiting.receipts.get_mut(index) {
            receipt.follow(record);
        }
        waiting.undecided -= 1;
        if waiting.undecided == 0
            && let Some(Waiting { receipts, reply, .. }) = self.waiting.remove(&who)
        {
            complete.push((reply, Ok(receipts)));
        }
    }

    /// The answers as far as they are known, once no more decisions will come from here.
    pub(crate) fn give_up(self) -> impl Iterator<Item = Complete> {
        self.waiting.into_values().map(|Waiting { receipts, reply, .. }| (reply, Ok(receipts)))
    }
}
