//! Legs of block trades: negotiated off the book, executed against each other at their common price, or given up.
//!
//! Invariant: a leg is never on a book or in its line; it is listed here until it is executed or given up. Absent on
//! purpose: when to do which, which the block trade's own flow decides; the market phase, which does not bind what is
//! agreed off the book.

use vocabulary::{Events, Moment, OrderId, Side, TradeSide, one, planted};

use crate::Trading;
use crate::event::Event;
use crate::matching::end_order;
use crate::order::{Cause, Order, Status};
use crate::refusal::Refusal;

impl Trading {
    /// The two accepted legs, executed at their common price. Both pay the maker's fee: nobody came in.
    pub(crate) fn execute_block(
        &self,
        buy: OrderId,
        sell: OrderId,
        at: Moment,
    ) -> Result<Events<Event>, Refusal> {
        let leg = |order: OrderId| self.orders.get(order).ok_or(Refusal::OrderNotOpen(order));
        let (buy, sell) = (leg(buy)?, leg(sell)?);
        if buy.block && sell.block && (buy.status, sell.status) == (Status::Executed, Status::Executed) {
            return Ok(Events::new());
        }
        let mirrored = buy.block
            && sell.block
            && (buy.side, sell.side) == (Side::Buy, Side::Sell)
            && (buy.instrument, buy.limit, buy.remaining) == (sell.instrument, sell.limit, sell.remaining)
            && (buy.status, sell.status) == (Status::Open, Status::Open);
        if !mirrored {
            return Err(Refusal::BlockLegsDoNotMatch);
        }
        for leg in [buy.id, sell.id] {
            let is_stopped = self.block_legs.get(&leg).is_some_and(|stopped| *stopped);
            if is_stopped && !planted!("stopped-block-executes") {
                return Err(Refusal::BlockStopped(leg));
            }
        }
        let listing = &self.listings[buy.instrument as usize];
        let fee = listing.instrument.fees.maker(listing.instrument.notional(buy.limit, buy.remaining));
        let side = |order: &Order| -> TradeSide {
            self.trade_side(listing, order, order.remaining, fee, order.parts)
        };
        let (trade, sides) = (self.next_trade(at), (side(buy), side(sell)));
        let trade = self.trade_between(listing, trade, buy.limit, buy.remaining, None, sides);
        Ok(one(Event::OrderExecuted(trade)))
    }

    /// Gives up a leg. One that is gone already was given up before.
    pub(crate) fn withdraw_block(&self, order: OrderId) -> Result<Events<Event>, Refusal> {
        let Some(state) = self.orders.get(order) else { return Ok(Events::new()) };
        if !state.block || !matches!(state.status, Status::Created | Status::Open) {
            return Err(Refusal::OrderInStatus { order, status: state.status });
        }
        let listing = &self.listings[state.instrument as usize];
        let mut events = Events::new();
        end_order(listing, state, state.remaining, Cause::BlockUndone, &mut events);
        Ok(events)
    }
}
