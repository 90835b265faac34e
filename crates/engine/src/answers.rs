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
/// Keys forgotten by one record, so that none pays for the burst of a day ago. One record adds at most one.
const FORGET_MAX: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode)]
struct Executed {
    #[n(0)]
    position: u64,
    #[n(1)]
    digest: u64,
    #[n(2)]
    expires: Timestamp,
}

/// The commands that were executed under a key.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct Answers {
    #[n(0)]
    known: Index<CommandId, Executed>,
    /// Each use of a key, in the order in which they are forgotten.
    #[n(1)]
    expiries: VecDeque<(Timestamp, CommandId)>,
}

/// What a key says of a request.
#[derive(Debug, PartialEq)]
pub(crate) enum Known {
    /// Executed before, at that position.
    Same(u64),
    /// Used for another command, at that position.
    Other(u64),
}

impl Answers {
    pub(crate) fn look_up(&self, request: &Request, at: Moment) -> Option<Known> {
        let Executed { position, digest: known, expires } = *self.known.get(&request.command_id?)?;
        if expires < at.time {
            return None;
        }
        Some(if known == digest(request) { Known::Same(position) } else { Known::Other(position) })
    }

    pub(crate) fn remember(&mut self, request: &Request, at: Moment) {
        self.forget(at, KEPT_MAX);
        let Some(id) = request.command_id else { return };
        let expires = at.time.plus_ns(KEPT_NS);
        self.known.insert(id, Executed { position: at.position, digest: digest(request), expires });
        self.expiries.push_back((expires, id));
    }

    fn forget(&mut self, at: Moment, kept_max: usize) {
        for _ in 0..FORGET_MAX {
            let over =
                |(time, _): &(Timestamp, CommandId)| *time < at.time || self.expiries.len() >= kept_max;
            if !self.expiries.front().is_some_and(over) {
                return;
            }
            let Some((expires, id)) = self.expiries.pop_front() else { return };
            // A key that was used again after it had expired belongs to a later entry.
            if self.known.get(&id).is_some_and(|executed| executed.expires == expires) {
                self.known.remove(&id);
            }
        }
    }
}

/// 64 bits of SHA-256 over the command as it is encoded.
fn digest(request: &Request) -> u64 {
    let bytes = minicbor::to_vec(&request.command).expect("a command encodes into memory");
    Sha256::digest(&bytes).iter().take(8).fold(0, |key, byte| (key << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use vocabulary::CorrelationId;

    fn request(key: u128, command: Command) -> Request {
        let correlation = CorrelationId(0);
        let command_id = Some(CommandId(CorrelationId(key)));
        Request { command_id, correlation, actor: "user-1".parse().unwrap(), command }
    }

    fn at(position: u64, time: u64) -> Moment {
        Moment { position, time: Timestamp(time) }
    }

    #[test]
    fn a_key_is_known_for_24_hours_of_record_time() {
        let mut answers = Answers::default();
        let first = request(1, Command::ExpireDeadlines);
        answers.remember(&first, at(1, 0));
        assert_eq!(answers.look_up(&first, at(2, KEPT_NS)), Some(Known::Same(1)));
        assert_eq!(answers.look_up(&request(1, Command::TakeTurns), at(2, KEPT_NS)), Some(Known::Other(1)));
        assert_eq!(answers.look_up(&first, at(2, KEPT_NS + 1)), None);
        answers.remember(&first, at(2, KEPT_NS + 1));
        assert_eq!(answers.look_up(&first, at(3, KEPT_NS + 1)), Some(Known::Same(2)));
        assert_eq!((answers.known.len(), answers.expiries.len()), (1, 1));
    }

    #[test]
    fn the_oldest_keys_go_when_there_are_too_many() {
        let mut answers = Answers::default();
        for key in 0..10 {
            answers.forget(at(1, 0), 5);
            answers.remember(&request(key, Command::TakeTurns), at(1, 0));
        }
        assert_eq!((answers.known.len(), answers.expiries.len()), (5, 5));
        assert_eq!(answers.look_up(&request(4, Command::TakeTurns), at(1, 0)), None);
        assert!(answers.look_up(&request(5, Command::TakeTurns), at(1, 0)).is_some());
    }

    #[test]
    fn no_record_pays_for_the_burst_of_a_day_ago() {
        let mut answers = Answers::default();
        for key in 0..100 {
            answers.remember(&request(key, Command::TakeTurns), at(1, 0));
        }
        answers.remember(&request(100, Command::TakeTurns), at(2, KEPT_NS + 1));
        assert_eq!(answers.known.len(), 100 - FORGET_MAX + 1);
    }
}
