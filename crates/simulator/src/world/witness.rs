//! A follower whose cursor is durable: it sees every record once and in order, whatever happens to its node, or it stops.

use node::{Batch, Follower, FollowerError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What it has seen, as it lies on disk.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The first position it has not seen.
    pub(super) next_position: u64,
    /// Times and positions of what it saw, folded together.
    pub(super) digest: u64,
    /// The next step fails.
    pub(super) fails_next: bool,
}

impl Seen {
    /// One more record, by what tells it from others.
    pub(super) fn fold(digest: u64, position: u64, time: u64) -> u64 {
        (digest.rotate_left(7) ^ position).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ time
    }
}

/// The follower.
#[derive(Clone)]
pub(super) struct Witness(Arc<Mutex<Seen>>);

impl Witness {
    pub(super) fn new(first_position: u64) -> Self {
        Self(Arc::new(Mutex::new(Seen { next_position: first_position, ..Seen::default() })))
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Follower for Witness {
    fn name(&self) -> &'static str {
        "witness"
    }

    fn next_position(&self) -> u64 {
        self.seen().next_position
    }

    fn follow(&mut self, batches: &[Batch]) -> Result<(), FollowerError> {
        let mut seen = self.seen();
        if std::mem::take(&mut seen.fails_next) {
            return Err("it cannot write".into());
        }
        for record in batches.iter().flat_map(|batch| batch.iter()) {
            let moment = record.moment;
            if moment.position != seen.next_position {
                return Err(format!("got {} instead of {}", moment.position, seen.next_position).into());
            }
            seen.digest = Seen::fold(seen.digest, moment.position, moment.time.0);
            seen.next_position += 1;
        }
        Ok(())
    }
}
