//! Folding events into the state. History is never refused: a misfit is corruption, and halts.

use vocabulary::{Amount, Moment, OrderId, Quantity, SettledSide, Side, Trade, TradeSide};

use crate::Trading;
use crate::command::OrderKind;
use crate::event::{CreatedOrder, Event};
use crate::intake::client_key;
use crate::ledger::Place;
use crate::lifecycle::Sweep;
use crate::listing::Listing;
use crate::order::{Cause, NOWHERE, Order, Status};
use crate::phase::Phase;

impl Trading {
    /// Folds in one recorded event. Every posting checks that nothing was created or lost.
    ///
    /// # Panics
    /// When the event does not fit the state: then the journal is corrupt, or there is a bug.
    pub fn apply(&mut self, event: &Event, at: Moment) {
        match event {
            Event::AssetDefined(asset) => {
                self.assets.insert(asset.asset, *asset);
            }
            Event::InstrumentDefined(instrument) => self.list((**instrument).clone()),
            Event::ReferencePriceSet { instrument, price } => {
                self.listing_mut(*instrument).instrument.reference_price = *price;
            }
            Event::ParticipantRegistered { participant } => {
                self.participants.insert(*participant);
            }
            Event::AccountOpened { account, participant, owner } => {
                self.ledger.open(*account, *participant, *owner)
            }
            Event::Deposited { account, asset, amount } => {
                let slot = self.account_slot(*account);
                self.ledger.post(*asset, Place::Outside, Place::Available(slot), *amount);
            }
            Event::Withdrawn { account, asset, amount } => {
                let slot = self.account_slot(*account);
                self.ledger.post(*asset, Place::Available(slot), Place::Outside, *amount);
            }
            Event::BusinessDayOpened { date } => self.business_date = Some(*date),
            Event::PhaseChanged { instrument, to, .. } => self.listing_mut(*instrument).phase = *to,
            Event::AuctionUncrossed { .. } => {}
            Event::OrderCreated(created) => self.apply_created(created),
            Event::OrderCleared { order } => self.orders.at_mut(self.order_slot(*order)).cleared = true,
            Event::OrderAccepted { order } => self.apply_accepted(*order),
            Event::OrderRejected { order, released, .. } => {
                self.apply_closed(*order, Status::Rejected, *released)
            }
            Event::OrderRested { order } => self.apply_rested(*order),
            Event::OrderExecuted(trade) => self.apply_executed(trade),
            Event::OrderReduced { order, by, released, .. } => self.apply_reduced(*order, *by, *released),
            Event::OrderCanceled { order, released, .. } => {
                self.apply_closed(*order, Status::Canceled, *released)
            }
            Event::OrderExpired { order, released, .. } => {
                self.apply_closed(*order, Status::Expired, *released)
            }
            Event::ExecutionSettled(side) => self.apply_settled(side),
            Event::OrderSettled { order } => {
                let slot = self.order_slot(*order);
                self.orders.at_mut(slot).become_status(Status::Settled);
                self.orders.remove(slot);
            }
            Event::SweepStarted { scope, cause } => {
                self.sweeps.push_back(Sweep { scope: *scope, cause: *cause, before: at.position, next: 0 });
            }
            Event::SweepAdvanced { next } => self.apply_sweep_advanced(*next),
        }
    }

    fn list(&mut self, instrument: vocabulary::Instrument) {
        let slot = u32::try_from(self.listings.len()).expect("fewer than 2^32 instruments");
        let known = self.listing_slots.insert(instrument.instrument, slot);
        assert!(known.is_none(), "instrument defined twice");
        self.listings.push(Listing::new(instrument));
    }

    fn account_slot(&self, account: vocabulary::AccountId) -> u32 {
        self.ledger.slot(account).expect("the account of an event is open")
    }

    fn order_slot(&self, order: OrderId) -> u32 {
        self.orders.slot(order).expect("the order of an event is known")
    }

    fn apply_created(&mut self, created: &CreatedOrder) {
        let terms = &created.terms;
        let account = self.account_slot(terms.account);
        let instrument =
            *self.listing_slots.get(&terms.instrument).expect("the instrument of an order is listed");
        let asset = if terms.side == Side::Buy { terms.quote } else { terms.base };
        self.ledger.post(asset, Place::Available(account), Place::Frozen(account), created.frozen);
        let block = matches!(created.kind, OrderKind::Block(_));
        self.orders.insert(Order {
            id: terms.order,
            account,
            instrument,
            side: terms.side,
            status: Status::Created,
            time_in_force: created.time_in_force,
            self_trade_prevention: created.self_trade_prevention,
            post_only: created.post_only,
            block,
            cleared: false,
            limit: created.limit,
            quantity: created.quantity,
            remaining: created.quantity,
            resting: false,
            correlation: terms.correlation,
            parts: 0,
            unsettled: 0,
            before: NOWHERE,
            behind: NOWHERE,
            replaces: created.replaces,
        });
        if !block {
            self.listings[instrument as usize].book.undecided.push_back(terms.order);
        }
        if let Some(client_order_id) = created.client_order_id {
            let key = client_key(terms.account, client_order_id);
            self.client_orders.insert(key, (terms.order, created.digest));
        }
    }

    fn apply_accepted(&mut self, order: OrderId) {
        let slot = self.order_slot(order);
        self.decided(slot);
        self.orders.at_mut(slot).become_status(Status::Open);
    }

    /// Takes a decided order out of the queue that holds back later orders.
    fn decided(&mut self, slot: u32) {
        let (id, instrument) = {
            let order = self.orders.at(slot);
            (order.id, order.instrument)
        };
        let undecided = &mut self.listings[instrument as usize].book.undecided;
        if let Some(at) = undecided.iter().position(|other| *other == id) {
            undecided.remove(at);
        }
    }

    fn apply_rested(&mut self, order: OrderId) {
        let slot = self.order_slot(order);
        let state = self.orders.at_mut(slot);
        assert!(state.status.is_live() && !state.resting, "only a live order comes to rest, and once");
        state.resting = true;
        let instrument = state.instrument as usize;
        self.listings[instrument].book.rest(&mut self.orders, slot);
    }

    fn apply_executed(&mut self, trade: &Trade) {
        self.last_trade = Some(trade.trade);
        for side in [Side::Buy, Side::Sell] {
            self.execute_side(trade, side, trade.side(side));
            self.unsettled.insert((trade.trade, side), ());
        }
        self.listing_mut(trade.instrument).last_trade = Some((trade.price, trade.quantity));
    }

    fn execute_side(&mut self, trade: &Trade, side: Side, of: &TradeSide) {
        let slot = self.order_slot(of.order);
        let order = self.orders.at_mut(slot);
        assert_eq!(order.parts, of.part, "the parts of order {} are without gap", order.id);
        let listing = &mut self.listings[order.instrument as usize];
        let (limit, before) = (order.limit, order.remaining);
        order.remaining -= trade.quantity;
        order.parts += 1;
        order.unsettled += 1;
        let (account, after, resting) = (order.account, order.remaining, order.resting);
        let next = if after.is_zero() { Status::Executed } else { Status::PartiallyExecuted };
        order.become_status(next);
        if resting {
            listing.book.shrink(side, limit, trade.quantity);
            if after.is_zero() {
                order.resting = false;
                listing.book.leave(&mut self.orders, slot);
            }
        }
        let freed = listing.freeze(side, limit, before) - listing.freeze(side, limit, after);
        let (asset, taken) = match side {
            Side::Buy => (listing.instrument.quote, trade.notional + of.fee),
            Side::Sell => (listing.instrument.base, Amount::from(trade.quantity)),
        };
        self.ledger.post(asset, Place::Frozen(account), Place::Clearing(account), taken);
        self.ledger.post(asset, Place::Frozen(account), Place::Available(account), freed - taken);
    }

    fn apply_reduced(&mut self, order: OrderId, by: Quantity, released: Amount) {
        let slot = self.order_slot(order);
        let state = self.orders.at_mut(slot);
        state.remaining -= by;
        state.quantity -= by;
        state.parts += 1;
        let (side, limit, resting, instrument) = (state.side, state.limit, state.resting, state.instrument);
        if resting {
            self.listings[instrument as usize].book.shrink(side, limit, by);
        }
        self.unfreeze(slot, released);
    }

    fn apply_closed(&mut self, order: OrderId, status: Status, released: Amount) {
        let slot = self.order_slot(order);
        self.decided(slot);
        self.unfreeze(slot, released);
        let state = self.orders.at_mut(slot);
        state.become_status(status);
        let (instrument, resting, unsettled) = (state.instrument, state.resting, state.unsettled);
        state.resting = false;
        if resting {
            self.listings[instrument as usize].book.leave(&mut self.orders, slot);
        }
        if unsettled == 0 && self.orders.at(slot).executed().is_zero() {
            self.orders.remove(slot);
        }
    }

    fn unfreeze(&mut self, slot: u32, released: Amount) {
        let order = self.orders.at(slot);
        let instrument = &self.listings[order.instrument as usize].instrument;
        let asset = if order.side == Side::Buy { instrument.quote } else { instrument.base };
        self.ledger.post(asset, Place::Frozen(order.account), Place::Available(order.account), released);
    }

    fn apply_settled(&mut self, settled: &SettledSide) {
        let (terms, fill) = (&settled.terms, &settled.fill);
        let waited = self.unsettled.remove(&(fill.trade, terms.side));
        assert!(waited.is_some(), "trade {} settled twice", fill.trade);
        let account = self.account_slot(terms.account);
        let quantity = Amount::from(fill.quantity);
        let (clearing, available) = (Place::Clearing(account), Place::Available(account));
        match terms.side {
            Side::Buy => {
                self.ledger.post(terms.quote, clearing, Place::Counterparty, fill.notional);
                self.ledger.post(terms.quote, clearing, Place::Fees, fill.fee);
                self.ledger.post(terms.base, Place::Counterparty, available, quantity);
            }
            Side::Sell => {
                self.ledger.post(terms.base, clearing, Place::Counterparty, quantity);
                self.ledger.post(terms.quote, Place::Counterparty, available, fill.notional - fill.fee);
                self.ledger.post(terms.quote, Place::Counterparty, Place::Fees, fill.fee);
            }
        }
        let slot = self.order_slot(terms.order);
        self.orders.at_mut(slot).unsettled -= 1;
    }

    fn apply_sweep_advanced(&mut self, next: Option<u32>) {
        let sweep = self.sweeps.front_mut().expect("a sweep that advances has been started");
        match next {
            Some(next) => sweep.next = next,
            None => {
                self.sweeps.pop_front();
            }
        }
    }

    /// Events of a phase change: the auction that it ends, the change, and the end of day orders.
    pub(crate) fn change_phase(
        &self,
        instrument: vocabulary::InstrumentId,
        to: Phase,
        at: Moment,
    ) -> Result<vocabulary::Events<Event>, crate::Refusal> {
        let listing = self.listing(instrument)?;
        let from = listing.phase;
        let mut events = vocabulary::Events::new();
        if from == to {
            return Ok(events);
        }
        if !from.may_become(to) {
            let what = format!("a change to {to:?}");
            return Err(crate::Refusal::PhaseForbids { instrument, phase: from, what });
        }
        if to.takes_orders() && self.business_date.is_none() {
            return Err(crate::Refusal::NoBusinessDay);
        }
        if from.is_auction() {
            self.uncross_events(listing, at, &mut events);
        }
        events.push(Event::PhaseChanged { instrument, from, to });
        if to == Phase::Closed {
            events.push(Event::SweepStarted {
                scope: crate::Scope::Instrument(instrument),
                cause: Cause::DayEnded,
            });
        }
        Ok(events)
    }
}
