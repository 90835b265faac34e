//! Price-time matching: what an order that was just accepted does to the book.
//!
//! Events are made without changing anything; applying them carries them out. A resting order trades at its own price.
//! Fees: the incoming order pays the taker's, the resting one the maker's. The incoming order's setting says what
//! happens when it meets an order of its own owner. Invariant: each execution takes at most what both orders have left.
//! Absent on purpose: whether matching is allowed now.

use vocabulary::{
    Amount, Events, Moment, Price, Quantity, SelfTradePrevention, Side, TimeInForce, Trade, TradeId,
    TradeSide, planted,
};

use crate::Trading;
use crate::event::Event;
use crate::listing::{Listing, reaches};
use crate::order::{Cause, Order};

/// What an incoming order does with a resting one that its limit reaches.
enum Meeting {
    Trade,
    CancelResting,
    CancelIncoming,
    CancelBoth,
}

impl Trading {
    /// Events of an accepted order that may match: executions, then what becomes of the rest.
    pub(crate) fn match_incoming(
        &self,
        listing: &Listing,
        order: &Order,
        at: Moment,
        events: &mut Events<Event>,
    ) {
        let crosses = listing.crosses(order.side, order.limit);
        if crosses && order.post_only && !planted!("post-only-takes") {
            return end_order(listing, order, order.remaining, Cause::PostOnly, events);
        }
        let may_kill = order.time_in_force == TimeInForce::FillOrKill && !planted!("fill-or-kill-in-part");
        if may_kill && !self.can_fill(listing, order) {
            return end_order(listing, order, order.remaining, Cause::FillOrKill, events);
        }
        let mut rest = order.remaining;
        if crosses {
            let mut next = NextTrade { trade: self.next_trade(at), taker_part: order.parts };
            for resting in self.reached(listing, order) {
                match self.meet(order, resting) {
                    Meeting::Trade => {
                        let quantity = rest.min(resting.remaining);
                        let trade = self.trade(listing, order, resting, quantity, &mut next);
                        events.push(Event::OrderExecuted(trade));
                        rest -= quantity;
                    }
                    Meeting::CancelResting => {
                        end_order(listing, resting, resting.remaining, Cause::SelfTrade, events);
                    }
                    Meeting::CancelIncoming => {
                        return end_order(listing, order, rest, Cause::SelfTrade, events);
                    }
                    Meeting::CancelBoth => {
                        end_order(listing, resting, resting.remaining, Cause::SelfTrade, events);
                        return end_order(listing, order, rest, Cause::SelfTrade, events);
                    }
                }
                if rest.is_zero() {
                    return;
                }
            }
        }
        if order.may_rest() || planted!("immediate-or-cancel-rests") {
            events.push(Event::OrderRested { order: order.id });
        } else {
            end_order(listing, order, rest, Cause::ImmediateOrCancel, events);
        }
    }

    /// The resting orders that an incoming order's limit reaches, in priority.
    fn reached<'a>(&'a self, listing: &'a Listing, order: &Order) -> impl Iterator<Item = &'a Order> {
        let (side, limit) = (order.side, order.limit);
        let queue = listing.book.queue(side.opposite(), &self.orders);
        queue.map(|slot| self.orders.at(slot)).take_while(move |resting| reaches(side, limit, resting.limit))
    }

    /// Whether the book can fill an order whole. What it may not trade with does not count.
    fn can_fill(&self, listing: &Listing, order: &Order) -> bool {
        let mut unfilled = order.remaining;
        for resting in self.reached(listing, order) {
            match self.meet(order, resting) {
                Meeting::Trade => unfilled -= unfilled.min(resting.remaining),
                Meeting::CancelResting => {}
                Meeting::CancelIncoming | Meeting::CancelBoth => return false,
            }
            if unfilled.is_zero() {
                return true;
            }
        }
        false
    }

    fn meet(&self, order: &Order, resting: &Order) -> Meeting {
        let meeting = match order.self_trade_prevention {
            SelfTradePrevention::Off => return Meeting::Trade,
            SelfTradePrevention::CancelOldest if planted!("self-trade-goes-through") => Meeting::Trade,
            SelfTradePrevention::CancelOldest => Meeting::CancelResting,
            SelfTradePrevention::CancelNewest => Meeting::CancelIncoming,
            SelfTradePrevention::CancelBoth => Meeting::CancelBoth,
        };
        if self.same_owner(order, resting) { meeting } else { Meeting::Trade }
    }

    fn same_owner(&self, one: &Order, other: &Order) -> bool {
        one.account == other.account
            || (self.ledger.at(one.account).owner == self.ledger.at(other.account).owner
                && !planted!("self-trade-across-accounts"))
    }

    fn trade(
        &self,
        listing: &Listing,
        taker: &Order,
        maker: &Order,
        quantity: Quantity,
        next: &mut NextTrade,
    ) -> Trade {
        let notional = listing.instrument.notional(maker.limit, quantity);
        let fees = listing.instrument.fees;
        let (mut taker_fee, mut maker_fee) = (fees.taker(notional), fees.maker(notional));
        if planted!("fees-swapped") {
            std::mem::swap(&mut taker_fee, &mut maker_fee);
        }
        let taker_side = self.trade_side(listing, taker, quantity, taker_fee, next.taker_part);
        let maker_side = self.trade_side(listing, maker, quantity, maker_fee, maker.parts);
        next.taker_part += 1;
        let (buy, sell) = match taker.side {
            Side::Buy => (taker_side, maker_side),
            Side::Sell => (maker_side, taker_side),
        };
        self.trade_between(listing, next.take(), maker.limit, quantity, Some(taker.side), (buy, sell))
    }

    /// A trade of `quantity` at `price`.
    pub(crate) fn trade_between(
        &self,
        listing: &Listing,
        trade: TradeId,
        price: Price,
        quantity: Quantity,
        aggressor: Option<Side>,
        (buy, sell): (TradeSide, TradeSide),
    ) -> Trade {
        let notional = listing.instrument.notional(price, quantity);
        let trade_date = self.business_date.expect("orders are taken on business days only");
        let instrument = listing.instrument.instrument;
        Trade { trade, instrument, price, quantity, notional, trade_date, aggressor, buy, sell }
    }

    /// One side of a trade.
    pub(crate) fn trade_side(
        &self,
        listing: &Listing,
        order: &Order,
        quantity: Quantity,
        fee: Amount,
        part: u32,
    ) -> TradeSide {
        let account = self.ledger.at(order.account);
        TradeSide {
            order: order.id,
            account: account.account,
            participant: account.participant,
            fee,
            reserved: listing.instrument.notional(order.limit, quantity),
            part,
            correlation: order.correlation,
        }
    }

    /// The id of the next execution in the record at `at`.
    pub(crate) fn next_trade(&self, at: Moment) -> TradeId {
        match self.last_trade {
            Some(last) if last.position == at.position => TradeId { index: last.index + 1, ..last },
            Some(_) | None => TradeId { position: at.position, index: 0 },
        }
    }
}

/// Numbers for the executions of one plan.
struct NextTrade {
    trade: TradeId,
    taker_part: u32,
}

impl NextTrade {
    fn take(&mut self) -> TradeId {
        let trade = self.trade;
        self.trade.index += 1;
        trade
    }
}

/// The end of what is left of an order; and of the order, when all it executed is final already.
pub(crate) fn end_order(
    listing: &Listing,
    order: &Order,
    remaining: Quantity,
    cause: Cause,
    events: &mut Events<Event>,
) {
    let id = order.id;
    let kept = if planted!("cancel-keeps-a-unit") { Amount(1) } else { Amount::ZERO };
    let released = listing.freeze(order.side, order.limit, remaining) - kept;
    events.push(if cause == Cause::DayEnded {
        Event::OrderExpired { order: id, remaining, released }
    } else {
        Event::OrderCanceled { order: id, cause, remaining, released }
    });
    let executes_now = remaining != order.remaining;
    if !order.executed().is_zero() && order.unsettled == 0 && !executes_now {
        events.push(Event::OrderSettled { order: id });
    }
}
