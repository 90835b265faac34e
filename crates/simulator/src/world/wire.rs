//! The network: what is on its way between clients and shards, and what becomes of it.

use super::faults::Faults;
use super::shard::Origin;
use crate::Dice;
use engine::{Answer, MessageId, Receipt, Request};
use std::collections::BTreeSet;

/// Where something comes from or goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    Clients,
    Shard(usize),
}

/// Something on its way.
#[derive(Clone, Debug)]
pub(super) enum Packet {
    /// A request, of a client or of another node.
    Request { origin: Origin, request: Box<Request> },
    /// What a client is told.
    Told { number: u64, receipt: Box<Receipt> },
    /// What a node answers another one's message.
    Answered { message: MessageId, answer: Answer },
}

/// Links that carry nothing, each in one direction.
#[derive(Debug, Default)]
pub(super) struct Wire {
    cut: BTreeSet<(End, End)>,
}

impl Wire {
    /// When the copies of a packet arrive that is sent now, in nanoseconds from now; none if it is lost.
    pub(super) fn send(&self, from: End, to: End, faults: &Faults, dice: &mut Dice) -> Vec<u64> {
        let copies = if dice.permille(faults.duplicate) { 2 } else { 1 };
        let mut delays = Vec::new();
        for _ in 0..copies {
            let is_lost = dice.permille(faults.lose) || self.cut.contains(&(from, to));
            // Some come very late, when all is over.
            let long = if dice.permille(faults.straggle) { 1_000 } else { 1 };
            let delay = 20_000 + dice.below(faults.delay_ns.max(1)) * long;
            if !is_lost {
                delays.push(delay);
            }
        }
        delays
    }

    /// From now on nothing goes from one to the other.
    pub(super) fn cut(&mut self, from: End, to: End) {
        self.cut.insert((from, to));
    }

    pub(super) fn mend(&mut self) {
        self.cut.clear();
    }
}
