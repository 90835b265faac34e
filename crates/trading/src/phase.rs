//! Market phases of an instrument, and what happens when one follows another.
//!
//! Invariant: a book is never crossed in continuous trading, because what crosses is traded at one price when that phase
//! begins. An order that was placed in one phase and is decided in the next meets the phase of its decision: where
//! orders collect or rest it rests, if it may; it is cancelled if it had to match at once. Absent on purpose: the clock
//! that says when a phase ends.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::fmt;
use vocabulary::{Events, InstrumentId, Moment, planted};

use crate::Trading;
use crate::command::Scope;
use crate::event::Event;
use crate::order::Cause;
use crate::refusal::Refusal;

/// What can be done with orders of an instrument now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Phase {
    /// No new orders; good-till-cancel orders rest. Entering it ends the life of day orders.
    #[default]
    #[n(0)]
    Closed,
    /// Orders collect. Its end trades them at one price; a halt does not end it, but keeps what has collected.
    #[n(1)]
    OpeningAuction,
    /// Orders match as they come in.
    #[n(2)]
    Continuous,
    /// No new orders, no matching at all; orders rest and can be cancelled.
    #[n(3)]
    Halted,
    /// As the opening auction, at the end of the day.
    #[n(4)]
    ClosingAuction,
}

impl Phase {
    /// Whether orders collect for one price.
    pub fn is_auction(self) -> bool {
        match self {
            Self::OpeningAuction | Self::ClosingAuction => true,
            Self::Closed | Self::Continuous | Self::Halted => false,
        }
    }

    /// Whether new orders are taken.
    pub fn takes_orders(self) -> bool {
        self.is_auction() || self == Self::Continuous
    }

    /// The phases that may follow. An opening auction opens a day; a closing auction ends in the close.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Closed => matches!(next, Self::OpeningAuction | Self::Continuous),
            Self::OpeningAuction => matches!(next, Self::Continuous | Self::Halted | Self::Closed),
            Self::Continuous => matches!(next, Self::Halted | Self::ClosingAuction | Self::Closed),
            Self::Halted => {
                matches!(next, Self::OpeningAuction | Self::Continuous | Self::ClosingAuction | Self::Closed)
            }
            Self::ClosingAuction => matches!(next, Self::Closed | Self::Halted),
        }
    }
}

impl fmt::Display for Phase {
    /// What is said of an instrument: "600519 is ...".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::OpeningAuction => "in its opening auction",
            Self::Continuous => "in continuous trading",
            Self::Halted => "halted",
            Self::ClosingAuction => "in its closing auction",
        })
    }
}

fn destination(phase: Phase) -> &'static str {
    match phase {
        Phase::Closed => "the close",
        Phase::OpeningAuction => "an opening auction",
        Phase::Continuous => "continuous trading",
        Phase::Halted => "a halt",
        Phase::ClosingAuction => "a closing auction",
    }
}

impl Trading {
    /// Events of a phase change: the trades at one price that it brings, the change, and the end of day orders.
    pub(crate) fn change_phase(
        &self,
        instrument: InstrumentId,
        to: Phase,
        at: Moment,
    ) -> Result<Events<Event>, Refusal> {
        let listing = self.listing(instrument)?;
        let from = listing.phase;
        let mut events = Events::new();
        if from == to {
            return Ok(events);
        }
        if !from.may_become(to) {
            let what = format!("cannot go from there to {}", destination(to));
            return Err(Refusal::PhaseForbids { instrument, phase: from, what });
        }
        if to.takes_orders() && self.business_date.is_none() {
            return Err(Refusal::NoBusinessDay);
        }
        // Day orders of the session that has ended must not trade in the next one.
        if to.takes_orders() && self.is_ending_day(instrument) {
            return Err(Refusal::DayOrdersExpiring(instrument));
        }
        if to == Phase::Continuous || (from.is_auction() && to == Phase::Closed) {
            self.uncross_events(listing, at, &mut events);
        }
        events.push(Event::PhaseChanged { instrument, from, to });
        if to == Phase::Closed && !planted!("day-order-survives") {
            let scope = Scope::Instrument(instrument);
            events.push(Event::SweepStarted { scope, cause: Cause::DayEnded });
        }
        Ok(events)
    }
}
