//! What happens to an order after it was created: decision, cancel, replace, sweep, block trade, settlement.

use vocabulary::{
    AccountId, ClientOrderId, CorrelationId, Events, Moment, OrderId, Price, Quantity, Reason, SettledSide,
    Side, TradeSide, UserId, one,
};

use crate::Trading;
use crate::command::{OrderKind, PlaceOrder, Scope};
use crate::event::Event;
use crate::intake::{check_quantity, digest};
use crate::matching::end_order;
use crate::order::{Cause, Order, Status};
use crate::phase::Phase;
use crate::refusal::Refusal;

/// How many slots one step of a sweep looks at, and how many orders it cancels at most: bounds a record.
const SWEEP_SLOTS_MAX: u32 = 50_000;
const SWEEP_CANCELS_MAX: usize = 500;

impl Trading {
    /// Every participant said yes. Orders reach a book in the order of their creation (C10), so an order behind an
    /// undecided one only notes its clearance.
    pub(crate) fn accept(&self, order: OrderId, at: Moment) -> Result<Events<Event>, Refusal> {
        let slot = self.orders.slot(order).ok_or(Refusal::OrderNotOpen(order))?;
        let state = self.orders.at(slot);
        if state.status != Status::Created {
            return Ok(Events::new());
        }
        let listing = &self.listings[state.instrument as usize];
        if !state.block && listing.book.undecided.front() != Some(&order) {
            return Ok(if state.cleared { Events::new() } else { one(Event::OrderCleared { order }) });
        }
        let mut events = one(Event::OrderAccepted { order });
        if state.block {
            return Ok(events);
        }
        if let Some(old) = state.replaces {
            match self.orders.get(old).filter(|old| old.status.is_live()) {
                Some(old) => {
                    events.clear();
                    end_order(listing, old, old.remaining, Cause::Replaced, &mut events);
                    events.push(Event::OrderAccepted { order });
                }
                None => {
                    end_order(listing, state, state.remaining, Cause::ReplacedOrderGone, &mut events);
                    return Ok(events);
                }
            }
        }
        match listing.phase {
            Phase::Continuous => self.match_incoming(listing, slot, at, &mut events),
            Phase::OpeningAuction | Phase::ClosingAuction => events.push(Event::OrderRested { order }),
            Phase::Closed | Phase::Halted => {
                end_order(listing, state, state.remaining, Cause::PhaseEnded, &mut events);
            }
        }
        Ok(events)
    }

    pub(crate) fn reject(&self, order: OrderId, reason: &Reason) -> Result<Events<Event>, Refusal> {
        let state = self.orders.get(order).ok_or(Refusal::OrderNotOpen(order))?;
        if state.status != Status::Created {
            return Err(Refusal::OrderInStatus { order, status: state.status });
        }
        let listing = &self.listings[state.instrument as usize];
        let released = listing.freeze(state.side, state.limit, state.remaining);
        Ok(one(Event::OrderRejected { order, reason: reason.clone(), released }))
    }

    /// The first undecided order of the book in which `order` stands, if its participants said yes already.
    pub fn next_cleared(&self, instrument: vocabulary::InstrumentId) -> Option<OrderId> {
        let listing = self.listing(instrument).ok()?;
        let first = *listing.book.undecided.front()?;
        self.orders.get(first).filter(|order| order.cleared).map(|order| order.id)
    }

    fn live(&self, order: OrderId) -> Result<&Order, Refusal> {
        let state = self.orders.get(order).ok_or(Refusal::OrderNotOpen(order))?;
        let status = state.status;
        if state.block || !(status.is_live() || status == Status::Created) {
            return Err(Refusal::OrderInStatus { order, status });
        }
        if status.is_live() { Ok(state) } else { Err(Refusal::OrderUndecided(order)) }
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
        if price == state.limit && quantity < state.quantity {
            let by = state.quantity - quantity;
            let released = listing.freeze(state.side, state.limit, state.remaining)
                - listing.freeze(state.side, state.limit, state.remaining - by);
            return Ok(one(Event::OrderReduced { order, by, released, part: state.parts }));
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
        self.create(&place, Some(state), digest(&place), at, correlation)
    }

    /// Cancels at once what one step can, and leaves the rest to [`Trading::continue_sweep`].
    pub(crate) fn start_sweep(&self, scope: Scope, cause: Cause, at: Moment) -> Events<Event> {
        let mut events = one(Event::SweepStarted { scope, cause });
        if self.sweeps.is_empty() {
            let sweep = Sweep { scope, cause, before: at.position, next: 0 };
            self.sweep_step(&sweep, &mut events);
        }
        events
    }

    pub(crate) fn continue_sweep(&self) -> Result<Events<Event>, Refusal> {
        let sweep = self.sweeps.front().ok_or(Refusal::NoSweep)?;
        let mut events = Events::new();
        self.sweep_step(sweep, &mut events);
        Ok(events)
    }

    fn sweep_step(&self, sweep: &Sweep, events: &mut Events<Event>) {
        let end = self.orders.slot_count();
        let stop = end.min(sweep.next.saturating_add(SWEEP_SLOTS_MAX));
        let mut cancels = 0;
        let mut next = sweep.next;
        while next < stop && cancels < SWEEP_CANCELS_MAX {
            if let Some(order) = self.orders.peek(next).filter(|order| self.sweeps_up(sweep, order)) {
                let listing = &self.listings[order.instrument as usize];
                end_order(listing, order, order.remaining, sweep.cause, events);
                cancels += 1;
            }
            next += 1;
        }
        events.push(Event::SweepAdvanced { next: (next < end).then_some(next) });
    }

    fn sweeps_up(&self, sweep: &Sweep, order: &Order) -> bool {
        let in_scope = match sweep.scope {
            Scope::All => true,
            Scope::Participant(participant) => self.ledger.at(order.account).participant == participant,
            Scope::Account(account) => self.ledger.at(order.account).account == account,
            Scope::Instrument(instrument) => {
                self.listings[order.instrument as usize].instrument.instrument == instrument
            }
        };
        let of_day = sweep.cause != Cause::DayEnded || order.time_in_force == vocabulary::TimeInForce::Day;
        in_scope && of_day && order.resting && order.id.0 < sweep.before
    }

    /// The two accepted legs of a block trade, executed at their common price.
    pub(crate) fn execute_block(
        &self,
        buy: OrderId,
        sell: OrderId,
        at: Moment,
    ) -> Result<Events<Event>, Refusal> {
        let leg = |order: OrderId| self.orders.get(order).ok_or(Refusal::OrderNotOpen(order));
        let (buy, sell) = (leg(buy)?, leg(sell)?);
        if buy.status == Status::Executed && sell.status == Status::Executed {
            return Ok(Events::new());
        }
        let mirrored = buy.block
            && sell.block
            && (buy.side, sell.side) == (Side::Buy, Side::Sell)
            && (buy.instrument, buy.limit, buy.remaining) == (sell.instrument, sell.limit, sell.remaining)
            && buy.status == Status::Open
            && sell.status == Status::Open;
        if !mirrored {
            return Err(Refusal::BlockLegsDoNotMatch);
        }
        let listing = &self.listings[buy.instrument as usize];
        let fee = listing.instrument.fees.maker(listing.instrument.notional(buy.limit, buy.remaining));
        let side = |order: &Order| -> TradeSide {
            self.trade_side(listing, order, order.remaining, fee, order.parts)
        };
        let (trade, sides) = (self.next_trade(at), (side(buy), side(sell)));
        Ok(one(Event::OrderExecuted(self.trade_between(
            listing,
            trade,
            buy.limit,
            buy.remaining,
            None,
            sides,
        ))))
    }

    /// Gives up a leg. One that is gone already was given up before.
    pub(crate) fn withdraw_block(&self, order: OrderId) -> Result<Events<Event>, Refusal> {
        let Some(state) = self.orders.get(order) else { return Ok(Events::new()) };
        let status = state.status;
        if status == Status::Canceled {
            return Ok(Events::new());
        }
        if !state.block || !matches!(status, Status::Created | Status::Open) {
            return Err(Refusal::OrderInStatus { order, status });
        }
        let listing = &self.listings[state.instrument as usize];
        let mut events = Events::new();
        end_order(listing, state, state.remaining, Cause::BlockUndone, &mut events);
        Ok(events)
    }

    /// One side of a trade is final. A side that is not waited for was settled before.
    pub(crate) fn settle(&self, side: &SettledSide) -> Events<Event> {
        if !self.unsettled.contains(&(side.fill.trade, side.terms.side)) {
            return Events::new();
        }
        let mut events = one(Event::ExecutionSettled(Box::new(*side)));
        let order = self.orders.get(side.terms.order).expect("an order stays until its executions are final");
        let closed = matches!(order.status, Status::Executed | Status::Canceled | Status::Expired);
        if closed && order.unsettled == 1 {
            events.push(Event::OrderSettled { order: order.id });
        }
        events
    }
}

/// Orders being cancelled step by step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub(crate) struct Sweep {
    #[n(0)]
    pub(crate) scope: Scope,
    #[n(1)]
    pub(crate) cause: Cause,
    /// Only orders created before this position.
    #[n(2)]
    pub(crate) before: u64,
    /// The first slot not yet looked at.
    #[n(3)]
    pub(crate) next: u32,
}
