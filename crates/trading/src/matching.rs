//! Price-time matching: what an order that was just accepted does to the book.
//!
//! The plan is made without changing anything; applying its events carries it out. A resting order trades at its own
//! price. Fees: the incoming order pays the taker's, the resting one the maker's.

use vocabulary::{
    Amount, Events, Moment, Price, Quantity, SelfTradePrevention, Side, TimeInForce, Trade, TradeId,
    TradeSide,
};

use crate::Trading;
use crate::event::Event;
use crate::listing::{Listing, reaches};
use crate::order::{Cause, Order};

/// One thing that happens on the way through the book.
enum Step {
    Fill { maker: u32, quantity: Quantity },
    CancelMaker(u32),
    CancelTaker,
}

impl Trading {
    /// Events of an accepted order that may match: executions, then what becomes of the rest.
    pub(crate) fn match_incoming(
        &self,
        listing: &Listing,
        slot: u32,
        at: Moment,
        events: &mut Events<Event>,
    ) {
        let order = self.orders.at(slot);
        if !listing.crosses(order.side, order.limit) {
            return self.dispose_of_rest(listing, order, order.remaining, events);
        }
        if order.post_only {
            return end_order(listing, order, order.remaining, Cause::PostOnly, events);
        }
        let (steps, unfilled) = self.plan(listing, order);
        if order.time_in_force == TimeInForce::FillOrKill && !unfilled.is_zero() {
            return end_order(listing, order, order.remaining, Cause::FillOrKill, events);
        }
        let mut remaining = order.remaining;
        let mut next = NextTrade { trade: self.next_trade(at), taker_part: order.parts };
        for step in steps {
            match step {
                Step::Fill { maker, quantity } => {
                    let maker = self.orders.at(maker);
                    events.push(Event::OrderExecuted(self.trade(listing, order, maker, quantity, &mut next)));
                    remaining -= quantity;
                }
                Step::CancelMaker(maker) => {
                    let maker = self.orders.at(maker);
                    end_order(listing, maker, maker.remaining, Cause::SelfTrade, events);
                }
                Step::CancelTaker => {
                    return end_order(listing, order, remaining, Cause::SelfTrade, events);
                }
            }
        }
        self.dispose_of_rest(listing, order, remaining, events);
    }

    fn dispose_of_rest(&self, listing: &Listing, order: &Order, rest: Quantity, events: &mut Events<Event>) {
        if rest.is_zero() {
            return;
        }
        match order.time_in_force {
            TimeInForce::GoodTillCancel | TimeInForce::Day => {
                events.push(Event::OrderRested { order: order.id })
            }
            TimeInForce::ImmediateOrCancel => {
                end_order(listing, order, rest, Cause::ImmediateOrCancel, events)
            }
            TimeInForce::FillOrKill => end_order(listing, order, rest, Cause::FillOrKill, events),
        }
    }

    /// Walks the other side in priority. Returns the steps and what stays unfilled.
    fn plan(&self, listing: &Listing, order: &Order) -> (Vec<Step>, Quantity) {
        let mut steps = Vec::new();
        let mut unfilled = order.remaining;
        for slot in listing.book.queue(order.side.opposite(), &self.orders) {
            let maker = self.orders.at(slot);
            if unfilled.is_zero() || !reaches(order.side, order.limit, maker.limit) {
                break;
            }
            if order.self_trade_prevention != SelfTradePrevention::Off && self.same_owner(order, maker) {
                match order.self_trade_prevention {
                    SelfTradePrevention::Off => {}
                    SelfTradePrevention::CancelOldest => steps.push(Step::CancelMaker(slot)),
                    SelfTradePrevention::CancelNewest => {
                        steps.push(Step::CancelTaker);
                        return (steps, unfilled);
                    }
                    SelfTradePrevention::CancelBoth => {
                        steps.extend([Step::CancelMaker(slot), Step::CancelTaker]);
                        return (steps, unfilled);
                    }
                }
                continue;
            }
            let quantity = unfilled.min(maker.remaining);
            unfilled -= quantity;
            steps.push(Step::Fill { maker: slot, quantity });
        }
        (steps, unfilled)
    }

    fn same_owner(&self, one: &Order, other: &Order) -> bool {
        one.account == other.account
            || self.ledger.at(one.account).owner == self.ledger.at(other.account).owner
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
        let taker_side = self.trade_side(listing, taker, quantity, fees.taker(notional), next.taker_part);
        let maker_side = self.trade_side(listing, maker, quantity, fees.maker(notional), maker.parts);
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
    let released = listing.freeze(order.side, order.limit, remaining);
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
