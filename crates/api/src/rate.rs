//! How many requests a principal may make in a while.
//!
//! The generic cell rate algorithm (ITU-T I.371): a bucket is one number, the time at which it would be empty again.
//! It does what a token bucket does, in eight bytes and without a background task. Bounded: the buckets of principals
//! that have been idle go first; losing one only means that its owner begins with a full bucket.

use crate::remembered::Remembered;
use std::hash::Hash;
use std::time::Instant;

/// How fast, and how much at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In the long run; at least 1.
    pub per_second: u32,
    /// At once, after a pause; at least 1.
    pub burst: u32,
}

impl Rate {
    fn interval_ns(self) -> u64 {
        1_000_000_000 / u64::from(self.per_second.max(1))
    }
}

/// Buckets by key.
pub(crate) struct RateLimits<K> {
    rate: Rate,
    began: Instant,
    /// When the bucket would be empty again, in nanoseconds since `began`.
    empty_at: Remembered<K, u64>,
}

impl<K: Hash + Eq> RateLimits<K> {
    pub(crate) fn new(rate: Rate, keys_max: usize) -> Self {
        Self { rate, began: Instant::now(), empty_at: Remembered::new(keys_max) }
    }

    /// Takes `count` from the bucket of `key`, or says after how many nanoseconds that would be possible.
    pub(crate) fn take(&self, key: K, count: u32) -> Result<(), u64> {
        let now = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.take_at(key, count, now)
    }

    /// Takes `count` that was let in elsewhere: it counts here too, whatever is left.
    #[cfg(feature = "gateway")]
    pub(crate) fn charge(&self, key: K, count: u32) {
        let now = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.charge_at(key, count, now);
    }

    #[cfg(feature = "gateway")]
    fn charge_at(&self, key: K, count: u32, now: u64) {
        let cost = self.rate.interval_ns().saturating_mul(u64::from(count));
        self.empty_at.change(
            key,
            || now,
            |empty_at| *empty_at <= now,
            |empty_at| *empty_at = (*empty_at).max(now).saturating_add(cost),
        );
    }

    fn take_at(&self, key: K, count: u32, now: u64) -> Result<(), u64> {
        let interval = self.rate.interval_ns();
        let depth = interval.saturating_mul(u64::from(self.rate.burst.max(1)));
        // More than the bucket holds is let in when the bucket is full, so that a large batch is slow and not impossible.
        let wanted = interval.saturating_mul(u64::from(count)).min(depth);
        let cost = interval.saturating_mul(u64::from(count));
        self.empty_at.change(
            key,
            || now,
            |empty_at| *empty_at <= now,
            |empty_at| {
                let from = (*empty_at).max(now);
                let wait = from.saturating_add(wanted).saturating_sub(now.saturating_add(depth));
                if wait > 0 {
                    return Err(wait);
                }
                *empty_at = from.saturating_add(cost);
                Ok(())
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn limits() -> RateLimits<u8> {
        RateLimits::new(Rate { per_second: 10, burst: 5 }, 100)
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let limits = limits();
        let passed = (0..20).filter(|_| limits.take_at(1, 1, SECOND).is_ok()).count();
        assert_eq!(passed, 5);
        assert_eq!(limits.take_at(1, 1, SECOND), Err(SECOND / 10));
        assert_eq!(limits.take_at(1, 1, SECOND + SECOND / 10), Ok(()));
        let later = (0..20).filter(|_| limits.take_at(1, 1, 9 * SECOND).is_ok()).count();
        assert_eq!(later, 5, "a pause fills the bucket and no more");
    }

    #[test]
    fn one_principal_does_not_use_up_what_another_has() {
        let limits = limits();
        while limits.take_at(1, 1, 0).is_ok() {}
        assert_eq!(limits.take_at(2, 1, 0), Ok(()));
    }

    #[test]
    #[cfg(feature = "gateway")]
    fn what_is_taken_elsewhere_counts_here_too() {
        let limits = limits();
        limits.charge_at(1, 4, SECOND);
        assert_eq!(limits.take_at(1, 1, SECOND), Ok(()));
        assert_eq!(limits.take_at(1, 1, SECOND), Err(SECOND / 10));
        // Two that were let in at once at two places are paid for twice.
        limits.charge_at(1, 5, SECOND);
        assert_eq!(limits.take_at(1, 1, SECOND), Err(6 * SECOND / 10));
        assert_eq!(limits.take_at(2, 5, SECOND), Ok(()), "nobody else pays");
    }

    #[test]
    fn a_batch_above_the_burst_is_paid_for_afterwards() {
        let limits = limits();
        assert_eq!(limits.take_at(1, 50, 0), Ok(()));
        assert_eq!(limits.take_at(1, 1, 4 * SECOND), Err(SECOND / 2 + SECOND / 10));
        assert_eq!(limits.take_at(1, 1, 4 * SECOND + 600_000_000), Ok(()));
    }
}
