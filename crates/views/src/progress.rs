//! How far the views have come, for those who wait until they have come further.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The last position in the views. Shared by the writer and the readers of one process.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    position: Mutex<u64>,
    moved: Condvar,
}

impl Progress {
    /// Tells everybody who waits.
    pub(crate) fn reached(&self, position: u64) {
        *self.position.lock().unwrap_or_else(PoisonError::into_inner) = position;
        self.moved.notify_all();
    }

    /// Waits until `wanted` is reached, but no longer than `timeout`. Gives the position then.
    pub(crate) fn wait(&self, wanted: u64, timeout: Duration) -> u64 {
        let deadline = Instant::now() + timeout;
        let mut position = self.position.lock().unwrap_or_else(PoisonError::into_inner);
        while *position < wanted {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            position = self.moved.wait_timeout(position, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        *position
    }
}
