//! Folding events into the state. History is never refused: a misfit is corruption, and halts.

use vocabulary::{AccountId, Amount, Instrument, Moment, OrderId, Quantity, Side, Trade, TradeSide, planted};

use crate::Trading;
use crate::book::{Replaced, Undecided};
use crate::command::OrderKind;
use crate::event::{CreatedOrder, Event};
use crate::intake::client_key;
use crate::ledger::Place;
use crate::listing::Listing;
use crate::order::{NOWHERE, Order, Status};
use crate::settling::OpenSides;

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
            Event::OrderCleared { order } => {
                let slot = self.order_slot(*order);
                self.listing_of(slot).book.clear(*order);
            }
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
            Event::SweepStarted { scope, cause } => self.apply_sweep_started(*scope, *cause, at),
            Event::SweepAdvanced { next } => self.apply_sweep_advanced(*next),
        }
    }

    fn list(&mut self, instrument: Instrument) {
        let slot = u32::try_from(self.listings.len()).expect("fewer than 2^32 instruments");
        let known = self.listing_slots.insert(instrument.instrument, slot);
        assert!(known.is_none(), "instrument defined twice");
        self.listings.push(Listing::new(instrument));
    }

    pub(crate) fn account_slot(&self, account: AccountId) -> u32 {
        self.ledger.slot(account).expect("the account of an event is open")
    }

    pub(crate) fn order_slot(&self, order: OrderId) -> u32 {
        self.orders.slot(order).expect("the order of an event is known")
    }

    fn apply_created(&mut self, created: &CreatedOrder) {
        let terms = &created.terms;
        let account = self.account_slot(terms.account);
        let instrument =
            *self.listing_slots.get(&terms.instrument).expect("the instrument of an order is listed");
        let asset = if terms.side == Side::Buy { terms.quote } else { terms.base };
        self.ledger.post(asset, Place::Available(account), Place::Frozen(account), created.frozen);
        let replaced = created.replaces.map(|order| {
            let executed = self.orders.at(self.order_slot(order)).executed();
            Replaced { order, executed }
        });
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
            limit: created.limit,
            quantity: created.quantity,
            remaining: created.quantity,
            resting: false,
            correlation: terms.correlation,
            parts: 0,
            unsettled: 0,
            before: NOWHERE,
            behind: NOWHERE,
            account_before: NOWHERE,
            account_behind: NOWHERE,
        });
        let listing = &mut self.listings[instrument as usize];
        *listing.open_quantity_mut(terms.side) += created.quantity;
        if block {
            self.block_legs.insert(terms.order, false);
        } else {
            let order = terms.order;
            listing.book.line_up(Undecided { order, cleared: false, swept: None, replaces: replaced });
        }
        if let Some(client_order_id) = created.client_order_id.filter(|_| !planted!("client-id-forgotten")) {
            let key = client_key(terms.account, client_order_id);
            self.client_orders.insert(key, (terms.order, created.digest));
        }
    }

    fn listing_of(&mut self, slot: u32) -> &mut Listing {
        &mut self.listings[self.orders.at(slot).instrument as usize]
    }

    fn apply_accepted(&mut self, order: OrderId) {
        let slot = self.order_slot(order);
        self.leave_line(slot);
        self.orders.at_mut(slot).become_status(Status::Open);
    }

    /// An order that is about to be decided holds back no later one any more.
    fn leave_line(&mut self, slot: u32) {
        let order = self.orders.at(slot);
        if order.status == Status::Created && !order.block {
            self.listings[order.instrument as usize].book.leave_line(order.id);
        }
    }

    fn apply_rested(&mut self, order: OrderId) {
        let slot = self.order_slot(order);
        let state = self.orders.at(slot);
        assert!(state.status.is_live() && !state.resting, "only a live order comes to rest, and once");
        self.listings[state.instrument as usize].book.rest(&mut self.orders, slot);
    }

    fn leave_book(&mut self, slot: u32) {
        self.move_cursor_off(slot);
        self.listings[self.orders.at(slot).instrument as usize].book.leave(&mut self.orders, slot);
    }

    fn apply_executed(&mut self, trade: &Trade) {
        self.last_trade = Some(trade.trade);
        for side in [Side::Buy, Side::Sell] {
            self.execute_side(trade, side, trade.side(side));
        }
        let known = self.unsettled.insert(trade.trade, OpenSides::BOTH);
        assert!(known.is_none(), "trade {} executed twice", trade.trade);
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
        let (account, after, resting, block) = (order.account, order.remaining, order.resting, order.block);
        let next = if after.is_zero() { Status::Executed } else { Status::PartiallyExecuted };
        order.become_status(next);
        *listing.open_quantity_mut(side) -= trade.quantity;
        if resting {
            listing.book.shrink(side, limit, trade.quantity);
        }
        let freed = listing.freeze(side, limit, before) - listing.freeze(side, limit, after);
        let (asset, taken) = match side {
            Side::Buy => (listing.instrument.quote, trade.notional + of.fee),
            Side::Sell => (listing.instrument.base, Amount::from(trade.quantity)),
        };
        self.ledger.post(asset, Place::Frozen(account), Place::Clearing(account), taken);
        self.ledger.post(asset, Place::Frozen(account), Place::Available(account), freed - taken);
        if after.is_zero() && resting {
            self.leave_book(slot);
        }
        if block {
            self.block_legs.remove(&of.order);
        }
    }

    fn apply_reduced(&mut self, order: OrderId, by: Quantity, released: Amount) {
        let slot = self.order_slot(order);
        let state = self.orders.at_mut(slot);
        state.reduce(by);
        let (side, limit, resting, instrument) = (state.side, state.limit, state.resting, state.instrument);
        let listing = &mut self.listings[instrument as usize];
        *listing.open_quantity_mut(side) -= by;
        if resting {
            listing.book.shrink(side, limit, by);
        }
        if resting && planted!("shrinking-loses-priority") {
            listing.book.leave(&mut self.orders, slot);
            listing.book.rest(&mut self.orders, slot);
        }
        self.unfreeze(slot, released);
    }

    fn apply_closed(&mut self, order: OrderId, status: Status, released: Amount) {
        let slot = self.order_slot(order);
        self.leave_line(slot);
        self.block_legs.remove(&order);
        self.unfreeze(slot, released);
        let state = self.orders.at_mut(slot);
        state.become_status(status);
        let (side, remaining, resting) = (state.side, state.remaining, state.resting);
        let is_over = state.unsettled == 0 && state.executed().is_zero();
        *self.listing_of(slot).open_quantity_mut(side) -= remaining;
        if resting {
            self.leave_book(slot);
        }
        if is_over {
            self.orders.remove(slot);
        }
    }

    fn unfreeze(&mut self, slot: u32, released: Amount) {
        let order = self.orders.at(slot);
        let instrument = &self.listings[order.instrument as usize].instrument;
        let asset = if order.side == Side::Buy { instrument.quote } else { instrument.base };
        self.ledger.post(asset, Place::Frozen(order.account), Place::Available(order.account), released);
    }
}
