//! What holds between any two commands, recomputed from the orders one by one.

use crate::listing::Listing;
use crate::order::{NOWHERE, Order};
use crate::{Phase, Status, Trading};
use std::collections::BTreeMap;
use vocabulary::{AccountId, Amount, AssetId, Price, Quantity, Side};

pub(crate) fn orders(trading: &Trading) -> Vec<&Order> {
    (0..trading.orders.slot_count()).filter_map(|slot| trading.orders.peek(slot)).collect()
}

pub(crate) fn verify(trading: &Trading) {
    trading.ledger().audit().unwrap();
    let orders = orders(trading);
    assert_eq!(orders.len(), trading.order_count());
    for order in &orders {
        check_order(order);
    }
    check_frozen(trading, &orders);
    check_account_lists(trading, &orders);
    for (slot, listing) in trading.listings.iter().enumerate() {
        let of_listing: Vec<_> =
            orders.iter().copied().filter(|order| order.instrument as usize == slot).collect();
        check_book(trading, listing, &of_listing);
        check_line(listing, &of_listing);
    }
}

/// None is kept for ever: it waits for a decision, for a match, for its block trade, or for settlement.
fn check_order(order: &Order) {
    assert!(order.remaining >= Quantity::ZERO && order.remaining <= order.quantity, "{order:?}");
    match order.status {
        Status::Created => assert!(!order.resting && order.executed().is_zero(), "{order:?}"),
        Status::Open => assert!((order.resting || order.block) && order.executed().is_zero(), "{order:?}"),
        Status::PartiallyExecuted => assert!(order.resting && !order.executed().is_zero(), "{order:?}"),
        Status::Executed => assert!(order.remaining.is_zero() && order.unsettled > 0, "{order:?}"),
        Status::Canceled | Status::Expired => assert!(!order.resting && order.unsettled > 0, "{order:?}"),
        Status::Rejected | Status::Settled => panic!("kept though it is over: {order:?}"),
    }
    assert!(!(order.resting && order.block), "a leg of a block trade is never on the book");
    assert!(!order.resting || order.may_rest(), "what must match at once does not rest: {order:?}");
}

fn check_frozen(trading: &Trading, orders: &[&Order]) {
    let mut frozen: BTreeMap<(AccountId, AssetId), Amount> = BTreeMap::new();
    for order in orders.iter().filter(|order| !order.status.is_closed()) {
        let listing = &trading.listings[order.instrument as usize];
        let asset = if order.side == Side::Buy { listing.instrument.quote } else { listing.instrument.base };
        let account = trading.ledger.at(order.account).account;
        *frozen.entry((account, asset)).or_default() +=
            listing.freeze(order.side, order.limit, order.remaining);
    }
    for account in trading.ledger().accounts() {
        for (asset, balance) in account.balances() {
            let expected = frozen.remove(&(account.account, *asset)).unwrap_or_default();
            assert_eq!(balance.frozen, expected, "frozen {asset} of {}", account.account);
        }
    }
    assert!(frozen.is_empty());
}

fn check_account_lists(trading: &Trading, orders: &[&Order]) {
    for account in 0..u32::try_from(trading.ledger().accounts().len()).unwrap() {
        let mut slot = trading.orders.first_of_account(account);
        let (mut listed, mut before) = (0, NOWHERE);
        while slot != NOWHERE {
            let order = trading.orders.at(slot);
            assert!(order.resting && order.account == account && order.account_before == before);
            (before, slot, listed) = (slot, order.account_behind, listed + 1);
        }
        let resting = orders.iter().filter(|order| order.resting && order.account == account).count();
        assert_eq!(listed, resting, "every resting order is in its account's list, once");
    }
}

fn check_book(trading: &Trading, listing: &Listing, orders: &[&Order]) {
    for side in [Side::Buy, Side::Sell] {
        let mut levels: BTreeMap<Price, (Quantity, u32)> = BTreeMap::new();
        for order in orders.iter().filter(|order| order.side == side && order.resting) {
            let (quantity, count) = levels.entry(order.limit).or_default();
            *quantity += order.remaining;
            *count += 1;
        }
        let depth = trading.depth(listing.instrument.instrument, side, usize::MAX);
        let mut shown: Vec<_> =
            depth.iter().map(|level| (level.price, (level.quantity, level.orders))).collect();
        let expected: Vec<_> = levels.into_iter().collect();
        if side == Side::Buy {
            shown.reverse();
        }
        assert_eq!(shown, expected, "depth is the sum of the orders");
        let queue: Vec<u32> = listing.book.queue(side, &trading.orders).collect();
        let count: u32 = depth.iter().map(|level| level.orders).sum();
        assert_eq!(queue.len(), count as usize, "every resting order is in its queue, once");
        let open = orders.iter().filter(|order| order.side == side && !order.status.is_closed());
        let sum: Quantity = open.map(|order| order.remaining).sum();
        assert_eq!(listing.open_quantity(side), sum, "open quantity of the {side:?} side");
    }
    check_walk(trading, listing);
    if listing.phase == Phase::Continuous {
        let (bid, ask) = (listing.book.best(Side::Buy), listing.book.best(Side::Sell));
        assert!(bid.zip(ask).is_none_or(|(bid, ask)| bid < ask), "the book is crossed");
    }
}

fn check_walk(trading: &Trading, listing: &Listing) {
    let queue = |side| listing.book.queue(side, &trading.orders);
    let expected: Vec<u32> = queue(Side::Buy).chain(queue(Side::Sell)).collect();
    let first = Some(listing.book.first()).filter(|slot| *slot != NOWHERE);
    let after = |slot: &u32| Some(listing.book.after(&trading.orders, *slot)).filter(|slot| *slot != NOWHERE);
    let walked: Vec<u32> = std::iter::successors(first, after).collect();
    assert_eq!(walked, expected, "the walk is through the bids and then the asks");
}

fn check_line(listing: &Listing, orders: &[&Order]) {
    let mut created: Vec<_> = orders
        .iter()
        .filter(|order| order.status == Status::Created && !order.block)
        .map(|order| order.id)
        .collect();
    created.sort();
    let line: Vec<_> = listing.book.line().iter().map(|undecided| undecided.order).collect();
    assert_eq!(line, created, "who is not decided stands in line, in the order of creation");
}
