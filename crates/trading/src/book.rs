//! The live orders and, per instrument, the book: price levels, in each a queue by time, and the line of those that are
//! not decided yet.
//!
//! Invariant: an order is in the queue of its price and in the list of its account exactly while it rests; a level
//! exists exactly while an order rests there, and its quantity is the sum of theirs; the line is in the order of
//! creation, which is that of ids. Absent on purpose: who may rest, and when.

use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound::{Excluded, Unbounded};
use vocabulary::{Index, OrderId, Price, Quantity, Side, planted};

use crate::order::{Cause, NOWHERE, Order};
use crate::slots::Slots;

/// All orders that are alive or have executions that are not final, in slots that are used again.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct Orders {
    #[n(0)]
    slots: Slots<Option<Order>>,
    #[n(1)]
    free: Vec<u32>,
    #[n(2)]
    index: Index<OrderId, u32>,
    /// Resting orders by the slot of their account, linked in the order in which they came to rest.
    #[n(3)]
    by_account: Vec<Queue>,
}

/// First and last slot of a linked list of orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
struct Queue {
    #[n(0)]
    first: u32,
    #[n(1)]
    last: u32,
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

    /// The first resting order of an account.
    pub(crate) fn first_of_account(&self, account: u32) -> u32 {
        self.by_account.get(account as usize).map_or(NOWHERE, |queue| queue.first)
    }

    fn join_account(&mut self, slot: u32) {
        let account = self.at(slot).account as usize;
        if self.by_account.len() <= account {
            self.by_account.resize(account + 1, Queue { first: NOWHERE, last: NOWHERE });
        }
        let queue = &mut self.by_account[account];
        let before = queue.last;
        queue.last = slot;
        if before == NOWHERE {
            queue.first = slot;
        } else {
            self.at_mut(before).account_behind = slot;
        }
        let order = self.at_mut(slot);
        (order.account_before, order.account_behind) = (before, NOWHERE);
    }

    fn leave_account(&mut self, slot: u32) {
        let order = self.at(slot);
        let (account, before, behind) = (order.account as usize, order.account_before, order.account_behind);
        if before == NOWHERE {
            self.by_account[account].first = behind;
        } else {
            self.at_mut(before).account_behind = behind;
        }
        if behind == NOWHERE {
            self.by_account[account].last = before;
        } else {
            self.at_mut(behind).account_before = before;
        }
    }
}

/// An order in the line of those that are not decided yet (C10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Undecided {
    #[n(0)]
    pub(crate) order: OrderId,
    /// Every participant said yes; an earlier order of the line is undecided.
    #[n(1)]
    pub(crate) cleared: bool,
    /// A sweep has passed that meant this order too: it is taken out for that cause as soon as its turn comes.
    #[n(2)]
    pub(crate) swept: Option<Cause>,
    #[n(3)]
    pub(crate) replaces: Option<Replaced>,
}

/// The order whose place another takes, as it was when that other was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Replaced {
    #[n(0)]
    pub(crate) order: OrderId,
    #[n(1)]
    pub(crate) executed: Quantity,
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
    #[n(2)]
    undecided: VecDeque<Undecided>,
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
            Side::Buy if planted!("worst-price-first") => {
                Box::new(self.bids.iter().map(|(price, level)| (*price, level)))
            }
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
            let newest_first = planted!("newest-first");
            let first = if newest_first { level.last } else { level.first };
            std::iter::successors(Some(first), move |slot| {
                let order = orders.at(*slot);
                let next = if newest_first { order.before } else { order.behind };
                (next != NOWHERE).then_some(next)
            })
        })
    }

    /// The first order of the walk through the bids and then the asks, each in priority.
    pub(crate) fn first(&self) -> u32 {
        let best = self.bids.last_key_value().or_else(|| self.asks.first_key_value());
        best.map_or(NOWHERE, |(_, level)| level.first)
    }

    /// The order after that in `slot` on the same walk.
    pub(crate) fn after(&self, orders: &Orders, slot: u32) -> u32 {
        let order = orders.at(slot);
        if order.behind != NOWHERE {
            return order.behind;
        }
        let next = match order.side {
            Side::Buy => {
                let worse = self.bids.range(..order.limit).next_back();
                worse.or_else(|| self.asks.first_key_value())
            }
            Side::Sell => self.asks.range((Excluded(order.limit), Unbounded)).next(),
        };
        next.map_or(NOWHERE, |(_, level)| level.first)
    }

    /// Puts a new order at the end of the line.
    pub(crate) fn line_up(&mut self, undecided: Undecided) {
        let later = self.undecided.back().is_none_or(|last| last.order < undecided.order);
        assert!(later, "order {} is created before one that is in line", undecided.order);
        self.undecided.push_back(undecided);
    }

    /// The orders in line, first to come first.
    pub(crate) fn line(&self) -> &VecDeque<Undecided> {
        &self.undecided
    }

    /// The orders in line, to change what is noted of them.
    pub(crate) fn line_mut(&mut self) -> impl Iterator<Item = &mut Undecided> {
        self.undecided.iter_mut()
    }

    /// The place of an order in the line.
    pub(crate) fn place_in_line(&self, order: OrderId) -> Option<usize> {
        self.undecided.binary_search_by_key(&order, |undecided| undecided.order).ok()
    }

    /// Notes that an order's participants all said yes.
    pub(crate) fn clear(&mut self, order: OrderId) {
        let place = self.place_in_line(order).expect("an order that is cleared stands in line");
        self.undecided[place].cleared = true;
    }

    /// Takes a decided order out of the line.
    pub(crate) fn leave_line(&mut self, order: OrderId) {
        let place = self.place_in_line(order).expect("an order that is decided stands in line");
        self.undecided.remove(place);
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
        order.resting = true;
        order.before = before;
        order.behind = NOWHERE;
        if before != NOWHERE {
            orders.at_mut(before).behind = slot;
        }
        orders.join_account(slot);
    }

    /// Takes an order out of its queue.
    pub(crate) fn leave(&mut self, orders: &mut Orders, slot: u32) {
        orders.leave_account(slot);
        let (side, price, quantity, before, behind) = {
            let order = orders.at_mut(slot);
            order.resting = false;
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
