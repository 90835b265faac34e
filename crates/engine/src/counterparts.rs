//! The trading shards whose orders risk has held for: those that a kill switch has to reach.
//!
//! Invariant: a shard with an open order is among them, because no order is open that risk did not hold for.

use minicbor::{Decode, Encode};
use std::collections::BTreeSet;

use crate::event::Event;
use crate::message::shard_of;

/// Numbers of trading shards.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct Counterparts(#[n(0)] BTreeSet<u16>);

impl Counterparts {
    pub(crate) fn follow(&mut self, event: &Event) {
        if let Event::Risk(risk::Event::ExposureHeld { terms, .. }) = event {
            self.0.insert(shard_of(terms.order.0));
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u16> {
        self.0.iter().copied()
    }
}
