//! What happens to an order after it was created: decision, cancel, replace.
//!
//! Orders reach a book in the order of their creation (C10): one that is cleared waits in line behind one that is not
//! decided. Invariant: every order that is accepted ends in the same record or comes to rest, so that none is alive and
//! in no queue. Absent on purpose: who asks the participants, and how long.

use vocabulary::{
    AccountId, ClientOrderId, CorrelationId, Events, InstrumentId, Moment, OrderId, Price, Quantity, Reason,
    UserId, one, planted,
};

use crate::Trading;
use crate::book::Replaced;
use crate::command::{OrderKind, PlaceOrder};
use crate::event::Event;
use crate::intake::check_quantity;
use crate::listing::Listing;
use crate::matching::end_order;
use crate::order::{Cause, Order, Status};
use crate::phase::Phase;
use crate::refusal::Refusal;

impl Trading {
    /// Every participant said yes. An order behind an undecided one only notes its clearance.
    pub(crate) fn accept(&self, order: OrderId, at: Moment) -> Result<Events<Event>, Refusal> {
        let state = self.orders.get(order).ok_or(Refusal::OrderNotOpen(order))?;
        if state.status != Status::Created {
            return Ok(Events::new());
        }
        if state.block {
            return Ok(one(Event::OrderAccepted { order }));
        }
        let listing = &self.listings[state.instrument as usize];
        let place = listing.book.place_in_line(order).expect("an undecided order stands in line");
        let undecided = listing.book.line()[place];
        if place > 0 && !planted!("cleared-overtakes") {
            return Ok(if undecided.cleared { Events::new() } else { one(Event::OrderCleared { order }) });
        }
        let mut events = Events::new();
        if let Some(cause) = undecided.swept {
            // The sweep may not have come to the old order yet, and the two never stand beside each other.
            if let Some(replaced) = undecided.replaces {
                self.end_replaced(replaced, listing, &mut events);
            }
            events.push(Event::OrderAccepted { order });
            end_order(listing, state, state.remaining, cause, &mut events);
        } else if let Some(replaced) = undecided.replaces {
            self.take_the_place_of(replaced, listing, state, at, &mut events);
        } else {
            events.push(Event::OrderAccepted { order });
            self.enter_market(listing, state, at, &mut events);
        }
        Ok(events)
    }

    /// A replacement was created for what the old order had not executed by then. What that has executed since comes
    /// off the new one; if nothing is left, or the old order is gone, the new one goes too.
    fn take_the_place_of(
        &self,
        replaced: Replaced,
        listing: &Listing,
        order: &Order,
        at: Moment,
        events: &mut Events<Event>,
    ) {
        let old = self.end_replaced(replaced, listing, events);
        events.push(Event::OrderAccepted { order: order.id });
        let since = old.map(|old| old.executed() - replaced.executed);
        let Some(since) = since.filter(|since| *since < order.remaining) else {
            return end_order(listing, order, order.remaining, Cause::ReplacedOrderGone, events);
        };
        if since.is_zero() || planted!("replacement-not-reduced") {
            return self.enter_market(listing, order, at, events);
        }
        events.push(reduced(listing, order, since));
        let mut order = order.clone();
        order.reduce(since);
        self.enter_market(listing, &order, at, events);
    }

    /// Ends the order that another one replaces, if it is still there, and says what it was.
    fn end_replaced(
        &self,
        replaced: Replaced,
        listing: &Listing,
        events: &mut Events<Event>,
    ) -> Option<&Order> {
        let old = self.orders.get(replaced.order).filter(|old| old.status.is_live());
        if let Some(old) = old.filter(|_| !planted!("replaced-order-stays")) {
            end_order(listing, old, old.remaining, Cause::Replaced, events);
        }
        old
    }

    /// What the phase makes of an order that was just accepted. It may have changed since the order was placed.
    fn enter_market(&self, listing: &Listing, order: &Order, at: Moment, events: &mut Events<Event>) {
        match listing.phase {
            Phase::Continuous => self.match_incoming(listing, order, at, events),
            Phase::Halted if planted!("trades-in-a-halt") => self.match_incoming(listing, order, at, events),
            Phase::OpeningAuction | Phase::ClosingAuction | Phase::Closed | Phase::Halted => {
                if order.may_rest() {
                    events.push(Event::OrderRested { order: order.id });
                } else {
                    end_order(listing, order, order.remaining, Cause::PhaseEnded, events);
                }
            }
        }
    }

    pub(crate) fn reject(&self, order: OrderId, reason: &Reason) -> Result<Events<Event>, Refusal> {
        let state = self.orders.get(order).ok_or(Refusal::OrderNotOpen(order))?;
        if state.status != Status::Created {
            return Err(Refusal::OrderInStatus { order, status: state.status });
        }
        let listing = &self.listings[state.instrument as usize];
        let place = listing.book.place_in_line(order);
        if place.is_some_and(|place| listing.book.line()[place].cleared) {
            return Err(Refusal::OrderCleared(order));
        }
        let freed = if planted!("rejected-stays-frozen") { Quantity::ZERO } else { state.remaining };
        let released = listing.freeze(state.side, state.limit, freed);
        Ok(one(Event::OrderRejected { order, reason: reason.clone(), released }))
    }

    /// The first order in line for a book, if its participants said yes already.
    pub fn next_cleared(&self, instrument: InstrumentId) -> Option<OrderId> {
        let first = self.listing(instrument).ok()?.book.line().front()?;
        first.cleared.then_some(first.order)
    }

    /// The order, if its owner can change it now.
    fn live(&self, order: OrderId) -> Result<&Order, Refusal> {
        let state = self.orders.get(order).ok_or(Refusal::OrderNotOpen(order))?;
        if state.status.is_closed() {
            return Err(Refusal::OrderInStatus { order, status: state.status });
        }
        if state.block {
            return Err(Refusal::OrderIsBlockLeg(order));
        }
        if state.status.is_live() { Ok(state) } else { Err(Refusal::OrderUndecided(order)) }
    }

    pub(crate) fn cancel(&self, order: OrderId) -> Result<Events<Event>, Refusal> {
        let state = self.live(order)?;
        let listing = &self.listings[state.instrument as usize];
        let mut events = Events::new();
        end_order(listing, state, state.remaining, Cause::Requested, &mut events);
        Ok(events)
    }

    pub(crate) fn cancel_client_order(
        &self,
        account: AccountId,
        client_order_id: ClientOrderId,
    ) -> Result<Events<Event>, Refusal> {
        let order = self.order_of_client(account, client_order_id);
        self.cancel(order.ok_or(Refusal::UnknownClientOrder(client_order_id))?)
    }

    /// Shrinks in place, keeping priority, or creates the order that takes its place.
    pub(crate) fn replace(
        &self,
        order: OrderId,
        price: Option<Price>,
        quantity: Option<Quantity>,
        user: UserId,
        at: Moment,
        correlation: CorrelationId,
    ) -> Result<Events<Event>, Refusal> {
        let state = self.live(order)?;
        let listing = &self.listings[state.instrument as usize];
        let (price, quantity) = (price.unwrap_or(state.limit), quantity.unwrap_or(state.quantity));
        if price == state.limit && quantity == state.quantity {
            return Err(Refusal::NothingToReplace);
        }
        check_quantity(quantity, listing)?;
        if quantity <= state.executed() {
            return Err(Refusal::QuantityBelowExecuted {
                executed: state.executed(),
                scale: listing.instrument.base_scale,
            });
        }
        if price == state.limit && (quantity < state.quantity || planted!("growth-keeps-priority")) {
            return Ok(one(reduced(listing, state, state.quantity - quantity)));
        }
        let place = PlaceOrder {
            account: self.ledger.at(state.account).account,
            instrument: listing.instrument.instrument,
            side: state.side,
            kind: OrderKind::Limit(price),
            quantity: quantity - state.executed(),
            time_in_force: state.time_in_force,
            post_only: state.post_only,
            self_trade_prevention: state.self_trade_prevention,
            client_order_id: None,
            user,
        };
        let checked = self.check(&place)?;
        self.create(&place, &checked, Some(state), 0, at, correlation)
    }
}

/// An order that shrinks, and what that frees.
fn reduced(listing: &Listing, order: &Order, by: Quantity) -> Event {
    let before = listing.freeze(order.side, order.limit, order.remaining);
    let released = before - listing.freeze(order.side, order.limit, order.remaining - by);
    Event::OrderReduced { order: order.id, by, released, part: order.parts }
}
