//! The block trades that are not over: their state, and what finds one without a walk over all.
//!
//! Invariant: each is found by its id and by the orders of its legs, and by its deadline exactly while it waits for
//! consent. How one goes on is not known here.

use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};
use vocabulary::{Moment, OrderId, Timestamp};

use crate::block::{Block, Stage};

/// Block trades that are not over, found by their id, by the orders of their legs, and by deadline.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Blocks {
    #[n(0)]
    open: BTreeMap<OrderId, Block>,
    /// The orders of counterparties. The proposer's order has the id of the block trade.
    #[n(1)]
    counter_orders: BTreeMap<OrderId, OrderId>,
    /// Those that wait for consent.
    #[n(2)]
    deadlines: BTreeSet<(Timestamp, OrderId)>,
}

impl Blocks {
    /// One of them.
    pub fn get(&self, block: OrderId) -> Option<&Block> {
        self.open.get(&block)
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&OrderId, &Block)> {
        self.open.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The block trade that an order is a leg of.
    pub(crate) fn of_order(&self, order: OrderId) -> Option<(OrderId, &Block)> {
        let block = self.counter_orders.get(&order).copied().unwrap_or(order);
        self.open.get(&block).map(|state| (block, state))
    }

    /// The first deadline, and whose it is.
    pub(crate) fn first_deadline(&self) -> Option<(Timestamp, OrderId)> {
        self.deadlines.first().copied()
    }

    /// Those whose counterparty has not consented in time, oldest first.
    pub(crate) fn overdue(&self, at: Moment) -> impl Iterator<Item = OrderId> {
        self.deadlines.iter().take_while(move |(deadline, _)| *deadline < at.time).map(|(_, block)| *block)
    }

    /// Takes the block trade as it is now; one that is over is forgotten.
    pub(crate) fn put(&mut self, id: OrderId, block: Block) {
        if let Some((order, _)) = block.counterparty {
            self.counter_orders.insert(order, id);
        }
        self.deadlines.remove(&(block.deadline, id));
        if block.stage == Stage::AwaitingConsent {
            self.deadlines.insert((block.deadline, id));
        }
        if block.stage.is_final() {
            if let Some((order, _)) = block.counterparty {
                self.counter_orders.remove(&order);
            }
            self.open.remove(&id);
        } else {
            self.open.insert(id, block);
        }
    }
}
