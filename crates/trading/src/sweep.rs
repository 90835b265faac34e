//! Sweeps: cancelling or expiring the open orders in a scope, in steps that keep a record short.
//!
//! A sweep takes every order in its scope that was created before it. Resting ones are taken out step by step, on a walk
//! that costs no more than the scope: through the account's list, through the instrument's book, or, for a participant
//! or everybody, through all slots. Orders that are not decided yet are marked at once when the sweep starts, and go when
//! their turn comes, so that none slips through. Invariant: of the sweeps that have not ended, the first alone has begun,
//! and its cursor stands on an order of its walk. Absent on purpose: legs of block trades, which the block trade gives
//! up itself; a kill switch only stops them from being executed.

use minicbor::{Decode, Encode};
use vocabulary::{Events, InstrumentId, Moment, StepBound, TimeInForce, one, planted};

use crate::Trading;
use crate::command::Scope;
use crate::event::Event;
use crate::ledger::Account;
use crate::matching::end_order;
use crate::order::{Cause, NOWHERE, Order};
use crate::refusal::Refusal;

/// How many orders one step takes out at most, and how many orders or slots it looks at for each: bounds a record.
pub(crate) const SWEEP_CANCELS_MAX: usize = 500;
const SWEEP_LOOKS_PER_CANCEL: usize = 100;

/// Orders being taken out step by step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Sweep {
    #[n(0)]
    scope: Scope,
    #[n(1)]
    cause: Cause,
    /// Only orders created before this position.
    #[n(2)]
    before: u64,
    /// The slot where its walk goes on; none before its first step.
    #[n(3)]
    cursor: Option<u32>,
}

impl Sweep {
    fn new(scope: Scope, cause: Cause, at: Moment) -> Self {
        Self { scope, cause, before: at.position, cursor: None }
    }

    fn covers(&self, order: &Order, account: &Account, instrument: InstrumentId) -> bool {
        let in_scope = match self.scope {
            Scope::All => true,
            Scope::Participant(participant) => account.participant == participant,
            Scope::Account(code) => account.account == code,
            Scope::Instrument(code) => instrument == code,
        };
        let of_day = self.cause != Cause::DayEnded || order.time_in_force == TimeInForce::Day;
        in_scope && of_day && order.id.0 < self.before
    }
}

impl Trading {
    /// Takes out at once what one step can, and leaves the rest to [`Trading::continue_sweep`].
    pub(crate) fn start_sweep(
        &self,
        scope: Scope,
        cause: Cause,
        at: Moment,
        bound: StepBound,
    ) -> Events<Event> {
        let mut events = one(Event::SweepStarted { scope, cause });
        if self.sweeps.is_empty() {
            self.sweep_step(&Sweep::new(scope, cause, at), bound, &mut events);
        }
        events
    }

    pub(crate) fn continue_sweep(&self, bound: StepBound) -> Result<Events<Event>, Refusal> {
        let sweep = self.sweeps.front().ok_or(Refusal::NoSweep)?;
        let mut events = Events::new();
        self.sweep_step(sweep, bound, &mut events);
        Ok(events)
    }

    /// Whether day orders of an instrument that has closed are still to expire.
    pub(crate) fn is_ending_day(&self, instrument: InstrumentId) -> bool {
        let scope = Scope::Instrument(instrument);
        self.sweeps.iter().any(|sweep| sweep.cause == Cause::DayEnded && sweep.scope == scope)
    }

    fn sweep_step(&self, sweep: &Sweep, bound: StepBound, events: &mut Events<Event>) {
        let cancels_max = bound.within(SWEEP_CANCELS_MAX);
        let looks_max = cancels_max * SWEEP_LOOKS_PER_CANCEL;
        let mut slot = sweep.cursor.unwrap_or_else(|| self.first_on_walk(sweep.scope));
        let (mut looks, mut cancels) = (0, 0);
        while slot != NOWHERE && looks < looks_max && cancels < cancels_max {
            if let Some(order) = self.orders.peek(slot).filter(|order| order.resting) {
                let listing = &self.listings[order.instrument as usize];
                let account = self.ledger.at(order.account);
                if sweep.covers(order, account, listing.instrument.instrument) {
                    end_order(listing, order, order.remaining, sweep.cause, events);
                    cancels += 1;
                }
            }
            slot = self.next_on_walk(sweep.scope, slot);
            looks += 1;
        }
        let goes_on = slot != NOWHERE && !planted!("second-step-forgotten");
        events.push(Event::SweepAdvanced { next: goes_on.then_some(slot) });
    }

    fn first_on_walk(&self, scope: Scope) -> u32 {
        match scope {
            Scope::All | Scope::Participant(_) if self.orders.slot_count() > 0 => 0,
            Scope::All | Scope::Participant(_) => NOWHERE,
            Scope::Account(account) => {
                self.ledger.slot(account).map_or(NOWHERE, |account| self.orders.first_of_account(account))
            }
            Scope::Instrument(instrument) => {
                self.listing(instrument).map_or(NOWHERE, |listing| listing.book.first())
            }
        }
    }

    fn next_on_walk(&self, scope: Scope, slot: u32) -> u32 {
        match scope {
            Scope::All | Scope::Participant(_) if slot + 1 < self.slots_swept() => slot + 1,
            Scope::All | Scope::Participant(_) => NOWHERE,
            Scope::Account(_) => self.orders.at(slot).account_behind,
            Scope::Instrument(_) => {
                let listing = &self.listings[self.orders.at(slot).instrument as usize];
                listing.book.after(&self.orders, slot)
            }
        }
    }

    fn slots_swept(&self) -> u32 {
        self.orders.slot_count() - u32::from(planted!("sweep-skips-the-last"))
    }

    /// An order is about to leave the book. A cursor that stands on it moves on.
    pub(crate) fn move_cursor_off(&mut self, slot: u32) {
        let Some(sweep) = self.sweeps.front().filter(|sweep| sweep.cursor == Some(slot)) else { return };
        let next = self.next_on_walk(sweep.scope, slot);
        self.sweeps[0].cursor = Some(next);
    }

    pub(crate) fn apply_sweep_started(&mut self, scope: Scope, cause: Cause, at: Moment) {
        let sweep = Sweep::new(scope, cause, at);
        self.sweeps.push_back(sweep);
        for listing in &mut self.listings {
            let instrument = listing.instrument.instrument;
            for undecided in listing.book.line_mut() {
                let order = self.orders.get(undecided.order).expect("an order in line is known");
                let is_meant = sweep.covers(order, self.ledger.at(order.account), instrument);
                if undecided.swept.is_none() && is_meant && !planted!("sweep-spares-the-undecided") {
                    undecided.swept = Some(cause);
                }
            }
        }
        if cause == Cause::KillSwitch {
            for (leg, stopped) in &mut self.block_legs {
                let order = self.orders.get(*leg).expect("a leg of a block trade is known");
                let instrument = self.listings[order.instrument as usize].instrument.instrument;
                *stopped |= sweep.covers(order, self.ledger.at(order.account), instrument);
            }
        }
    }

    pub(crate) fn apply_sweep_advanced(&mut self, next: Option<u32>) {
        let sweep = self.sweeps.front_mut().expect("a sweep that advances has been started");
        match next {
            Some(next) => sweep.cursor = Some(next),
            None => {
                self.sweeps.pop_front();
            }
        }
    }
}
