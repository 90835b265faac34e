//! Idempotency keys: which commands were executed under one, so that a retry gets the answer of the first.
//!
//! Kept for 24 hours of record time and at most a million at once, the oldest going first: bounded by event, the
//! same at every replay. A client order id is kept for good elsewhere, by trading.

use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use vocabulary::{Index, Moment, Timestamp};

use crate::command::{CommandId, Request};

/// How long a key is kept: 24 hours.
const KEPT_NS: u64 = 24 * 3_600 * 1_000_000_000;
/// How many keys are kept at most.
const KEPT_MAX: usize = 1_000_000;

/// The commands that were executed under a key.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct Answers {
    #[n(0)]
    known: Index<CommandId, (u64, u64)>,
    #[n(1)]
    expiries: VecDeque<(Timestamp, CommandId)>,
}

/// What a key says of a request.
pub(crate) enum Known {
    /// Executed before, at that position.
    Same(u64),
    /// Used for another command, at that position.
    Other(u64),
}

impl Answers {
    pub(crate) fn look_up(&self, request: &Request) -> Option<Known> {
        let (position, known) = self.known.get(&request.command_id?)?;
        Some(if *known == digest(request) { Known::Same(*position) } else { Known::Other(*position) })
    }

    pub(crate) fn remember(&mut self, request: &Request, at: Moment) {
        while self.expiries.front().is_some_and(|(time, _)| *time < at.time || self.known.len() >= KEPT_MAX) {
            if let Some((_, id)) = self.expiries.pop_front() {
                self.known.remove(&id);
            }
        }
        let Some(id) = request.command_id else { return };
        if self.known.insert(id, (at.position, digest(request))).is_none() {
            self.expiries.push_back((at.time.plus_ns(KEPT_NS), id));
        }
    }
}

/// 64 bits of SHA-256 over the command as it is encoded.
fn digest(request: &Request) -> u64 {
    let bytes = minicbor::to_vec(&request.command).expect("a command encodes into memory");
    Sha256::digest(&bytes).iter().take(8).fold(0, |key, byte| (key << 8) | u64::from(*byte))
}
