//! The live orders and, per instrument, the book: price levels, and in each a queue by time.
//!
//! Invariant: an order is in the queue of its price exactly while it rests; a level exists exactly while an order
//! rests there, and its quantity is the sum of theirs. Who may rest is decided elsewhere.

use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, VecDeque};
use vocabulary::{Index, OrderId, Price, Quantity, Side};

use crate::order::{NOWHERE, Order};

/// All orders that are alive or have executions that are not final, in slots that are used again.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct Orders {
    #[n(0)]
    slots: Vec<Option<Order>>,
    #[n(1)]
    free: Vec<u32>,
    #[n(2)]
    index: Index<OrderId, u32>,
}

impl Orders {
    pub(crate) fn slot(&self, order: OrderId) -> Option<u32> {
        self.index.get(&order).copied()
    }

    pub(crate) fn get(&self, order: OrderId) -> Option<&Order> {
        self.slot(order).map(|slot| self.at(slot))
    }

    pub(crate) fn at(&self, slot: u32) -> &Order {
        self.slots[slot as usize].as_ref().expect("slot holds an order")
    }

    pub(crate) fn at_mut(&mut self, slot: u32) -> &mut Order {
        self.slots[slot as usize].as_mut().expect("slot holds an order")
    }

    /// What is in a slot, for a walk over all of them.
    pub(crate) fn peek(&self, slot: u32) -> Option<&Order> {
        self.slots[slot as usize].as_ref()
    }

    pub(crate) fn slot_count(&self) -> u32 {
        u32::try_from(self.slots.len()).expect("fewer than 2^32 live orders")
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn insert(&mut self, order: Order) -> u32 {
        let id = order.id;
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(order);
                slot
            }
            None => {
                self.slots.push(Some(order));
                self.slot_count() - 1
            }
        };
        assert!(self.index.insert(id, slot).is_none(), "order {id} created twice");
        slot
    }

    pub(crate) fn remove(&mut self, slot: u32) {
        let order = self.slots[slot as usize].take().expect("slot holds an order");
        self.index.remove(&order.id);
        self.free.push(slot);
    }
}

/// All resting orders of one side at one price, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Level {
    #[n(0)]
    pub(crate) first: u32,
    #[n(1)]
    last: u32,
    #[n(2)]
    pub(crate) quantity: Quantity,
    #[n(3)]
    count: u32,
}

/// One row of market depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepthLevel {
    /// Price of the level.
    pub price: Price,
    /// Base wanted or offered there.
    pub quantity: Quantity,
    /// Orders resting there.
    pub orders: u32,
}

/// The resting orders of one instrument.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct Book {
    #[n(0)]
    bids: BTreeMap<Price, Level>,
    #[n(1)]
    asks: BTreeMap<Price, Level>,
    /// Orders created and not decided yet, in the order of their creation.
    #[n(2)]
    pub(crate) undecided: VecDeque<OrderId>,
}

impl Book {
    fn side_mut(&mut self, side: Side) -> &mut BTreeMap<Price, Level> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// The levels of one side, best price first.
    pub(crate) fn levels(&self, side: Side) -> Box<dyn Iterator<Item = (Price, &Level)> + '_> {
        match side {
            Side::Buy => Box::new(self.bids.iter().rev().map(|(price, level)| (*price, level))),
            Side::Sell => Box::new(self.asks.iter().map(|(price, level)| (*price, level))),
        }
    }

    /// The best price of one side.
    pub(crate) fn best(&self, side: Side) -> Option<Price> {
        match side {
            Side::Buy => self.bids.last_key_value().map(|(price, _)| *price),
            Side::Sell => self.asks.first_key_value().map(|(price, _)| *price),
        }
    }

    /// The best `max` levels of one side.
    pub(crate) fn depth(&self, side: Side, max: usize) -> Vec<DepthLevel> {
        let row = |(price, level): (Price, &Level)| DepthLevel {
            price,
            quantity: level.quantity,
            orders: level.count,
        };
        self.levels(side).take(max).map(row).collect()
    }

    /// Slots of one side in priority: best price first, then oldest first.
    pub(crate) fn queue<'a>(&'a self, side: Side, orders: &'a Orders) -> impl Iterator<Item = u32> + 'a {
        self.levels(side).flat_map(move |(_, level)| {
            std::iter::successors(Some(level.first), move |slot| {
                let behind = orders.at(*slot).behind;
                (behind != NOWHERE).then_some(behind)
            })
        })
    }

    /// Puts an order at the end of the queue of its price.
    pub(crate) fn rest(&mut self, orders: &mut Orders, slot: u32) {
        let (side, price, quantity) = {
            let order = orders.at(slot);
            (order.side, order.limit, order.remaining)
        };
        let empty = Level { first: slot, last: NOWHERE, quantity: Quantity::ZERO, count: 0 };
        let level = self.side_mut(side).entry(price).or_insert(empty);
        let before = level.last;
        level.last = slot;
        level.quantity += quantity;
        level.count += 1;
        let order = orders.at_mut(slot);
        order.before = before;
        order.behind = NOWHERE;
        if before != NOWHERE {
            orders.at_mut(before).behind = slot;
        }
    }

    /// Takes an order out of its queue.
    pub(crate) fn leave(&mut self, orders: &mut Orders, slot: u32) {
        let (side, price, quantity, before, behind) = {
            let order = orders.at(slot);
            (order.side, order.limit, order.remaining, order.before, order.behind)
        };
        let levels = self.side_mut(side);
        let level = levels.get_mut(&price).expect("a resting order has a level");
        level.quantity -= quantity;
        level.count -= 1;
        if level.count == 0 {
            levels.remove(&price);
            return;
        }
        if before == NOWHERE {
            level.first = behind;
        } else {
            orders.at_mut(before).behind = behind;
        }
        if behind == NOWHERE {
            level.last = before;
        } else {
            orders.at_mut(behind).before = before;
        }
    }

    /// Lowers what a resting order brings to its level.
    pub(crate) fn shrink(&mut self, side: Side, price: Price, by: Quantity) {
        self.side_mut(side).get_mut(&price).expect("a resting order has a level").quantity -= by;
    }
}
