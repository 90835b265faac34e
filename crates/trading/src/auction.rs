//! Call auctions: one price for all that collected.
//!
//! The price trades the largest volume; among those, leaves the smallest imbalance; among those, lies on the side of
//! the surplus (buyers left over: the highest, sellers left over: the lowest); and else is nearest to the reference
//! price (the higher of two as near). Every tick between the best sell and the best buy is a candidate. Both sides pay
//! the maker's fee. Invariant: no order trades beyond its limit, and none is passed over by one behind it. Absent on
//! purpose: self-trade prevention and post-only, because nobody comes in when all trade at once.

use std::collections::BTreeSet;
use vocabulary::{Events, Moment, Price, Quantity, Side, planted};

use crate::Trading;
use crate::event::Event;
use crate::listing::Listing;
use crate::order::Order;

/// What an auction would come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uncross {
    /// The one price.
    pub price: Price,
    /// How much base trades.
    pub quantity: Quantity,
    /// Buy less sell quantity that is left at that price.
    pub surplus: i64,
}

/// Finds the auction's price; none if nothing crosses.
pub(crate) fn uncross(listing: &Listing) -> Option<Uncross> {
    let (high, low) = (listing.book.best(Side::Buy)?, listing.book.best(Side::Sell)?);
    if high < low {
        return None;
    }
    let side = |side: Side| -> Vec<(Price, i64)> {
        let level = |(price, level): (Price, &crate::book::Level)| (price, level.quantity.0);
        listing.book.levels(side).take_while(|(price, _)| (low..=high).contains(price)).map(level).collect()
    };
    let (bids, asks) = (side(Side::Buy), side(Side::Sell));
    // Volume and imbalance change at these prices only. Nearest to the reference, of the prices without a change between
    // them, is one of their ends or the reference itself.
    let (tick, reference) = (listing.instrument.tick, listing.instrument.reference_price);
    let above_bids = bids.iter().map(|(bid, _)| *bid + tick);
    let below_asks = asks.iter().map(|(ask, _)| *ask - tick);
    let prices: BTreeSet<Price> = (bids.iter().chain(&asks).map(|(price, _)| *price))
        .chain(above_bids)
        .chain(below_asks)
        .chain([reference])
        .filter(|price| (low..=high).contains(price))
        .collect();
    let candidates = candidates(&prices, &bids, &asks);
    let volume = candidates.iter().map(|c| c.quantity).max()?;
    let imbalance = candidates.iter().filter(|c| c.quantity == volume).map(|c| c.surplus.abs()).min()?;
    let is_tied = |c: &&Uncross| c.surplus.abs() == imbalance || planted!("imbalance-ignored");
    let tied = || candidates.iter().filter(|c| c.quantity == volume).filter(is_tied);
    if tied().all(|c| c.surplus > 0) && !planted!("surplus-of-buyers-ignored") {
        return tied().max_by_key(|c| c.price).copied();
    }
    if tied().all(|c| c.surplus < 0) {
        return tied().min_by_key(|c| c.price).copied();
    }
    tied().min_by_key(|c| ((c.price.0 - reference.0).abs(), -c.price.0)).copied()
}

/// Volume and surplus at each price. `bids` come highest first, `asks` lowest first.
fn candidates(prices: &BTreeSet<Price>, bids: &[(Price, i64)], asks: &[(Price, i64)]) -> Vec<Uncross> {
    let mut demand: i64 = bids.iter().map(|(_, quantity)| quantity).sum();
    let (mut bids, mut asks) = (bids.iter().rev().peekable(), asks.iter().peekable());
    let mut supply = 0;
    let mut all = Vec::with_capacity(prices.len());
    for &price in prices {
        while let Some((_, quantity)) = bids.next_if(|(bid, _)| *bid < price) {
            demand -= quantity;
        }
        while let Some((_, quantity)) = asks.next_if(|(ask, _)| *ask <= price) {
            supply += quantity;
        }
        all.push(Uncross { price, quantity: Quantity(demand.min(supply)), surplus: demand - supply });
    }
    all
}

/// How far an auction has got through one side.
struct Cursor<I> {
    queue: I,
    slot: u32,
    left: Quantity,
    fills: u32,
}

impl<I: Iterator<Item = u32>> Cursor<I> {
    fn new(queue: I) -> Self {
        Self { queue, slot: 0, left: Quantity::ZERO, fills: 0 }
    }

    /// The first order that has something left. There is one while the auction's volume is not used up.
    fn order<'a>(&mut self, trading: &'a Trading) -> &'a Order {
        if self.left.is_zero() {
            self.slot = self.queue.next().expect("the volume of an auction is covered by its orders");
            self.left = trading.orders.at(self.slot).remaining;
            self.fills = 0;
        }
        trading.orders.at(self.slot)
    }

    fn fill(&mut self, quantity: Quantity) {
        self.left -= quantity;
        self.fills += 1;
    }
}

impl Trading {
    /// Events of the end of an auction: the price, and every execution in priority.
    pub(crate) fn uncross_events(&self, listing: &Listing, at: Moment, events: &mut Events<Event>) {
        let Some(Uncross { price, quantity, surplus }) = uncross(listing) else { return };
        let instrument = &listing.instrument;
        events.push(Event::AuctionUncrossed { instrument: instrument.instrument, price, quantity, surplus });
        let mut trade = self.next_trade(at);
        let mut buys = Cursor::new(listing.book.queue(Side::Buy, &self.orders));
        let mut sells = Cursor::new(listing.book.queue(Side::Sell, &self.orders));
        let mut left = quantity;
        while !left.is_zero() {
            let (buy, sell) = (buys.order(self), sells.order(self));
            let fill = left.min(buys.left).min(sells.left);
            let (notional, fees) = (instrument.notional(price, fill), instrument.fees);
            let fee =
                if planted!("auction-charges-takers") { fees.taker(notional) } else { fees.maker(notional) };
            let buy_side = self.trade_side(listing, buy, fill, fee, buy.parts + buys.fills);
            let sell_side = self.trade_side(listing, sell, fill, fee, sell.parts + sells.fills);
            let sides = (buy_side, sell_side);
            events.push(Event::OrderExecuted(self.trade_between(listing, trade, price, fill, None, sides)));
            trade.index += 1;
            buys.fill(fill);
            sells.fill(fill);
            left -= fill;
        }
    }
}
