//! How much each principal may ask for, at one gateway or at several together.
//!
//! Every gateway decides by itself, at once. Where there are several, each tells the others what it has let in and charges
//! what they have: so all of them together let in what one would, but for what is under way between them. Deliberately
//! absent: how they tell each other.

use crate::rate::{Rate, RateLimits};
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use vocabulary::UserId;

/// How many principals have a bucket of their own.
const PRINCIPALS_MAX: usize = 65_536;

/// The rates of all principals.
#[derive(Clone)]
pub struct PrincipalRates(Arc<Inner>);

struct Inner {
    limits: RateLimits<UserId>,
    /// What was let in and the others were not told of; none where there are no others.
    taken: Option<Mutex<FxHashMap<UserId, u32>>>,
    is_shared: AtomicBool,
}

impl PrincipalRates {
    /// Of a gateway that is alone.
    #[must_use]
    pub fn alone(rate: Rate) -> Self {
        Self::of(rate, None)
    }

    /// Of one of several.
    #[must_use]
    pub fn shared(rate: Rate) -> Self {
        Self::of(rate, Some(Mutex::default()))
    }

    fn of(rate: Rate, taken: Option<Mutex<FxHashMap<UserId, u32>>>) -> Self {
        let limits = RateLimits::new(rate, PRINCIPALS_MAX);
        Self(Arc::new(Inner { limits, taken, is_shared: AtomicBool::new(false) }))
    }

    /// What was let in here since this was asked last.
    #[must_use]
    pub fn taken(&self) -> Vec<(UserId, u32)> {
        let taken = self.0.taken.as_ref().map(|taken| std::mem::take(&mut *unpoisoned(taken)));
        taken.into_iter().flatten().collect()
    }

    /// Counts what was let in elsewhere.
    pub fn charge(&self, user: UserId, count: u32) {
        self.0.limits.charge(user, count);
    }

    /// Whether the others are told and heard now.
    pub fn is_shared_now(&self, is_shared: bool) {
        self.0.is_shared.store(is_shared, Ordering::Relaxed);
    }

    /// That, where there are others.
    pub(crate) fn shares(&self) -> Option<bool> {
        self.0.taken.as_ref().map(|_| self.0.is_shared.load(Ordering::Relaxed))
    }

    /// Lets `count` requests in, or says after how many nanoseconds that would be possible.
    pub(crate) fn take(&self, user: UserId, count: u32) -> Result<(), u64> {
        self.0.limits.take(user, count)?;
        if let Some(taken) = &self.0.taken {
            let mut taken = unpoisoned(taken);
            if taken.len() < PRINCIPALS_MAX || taken.contains_key(&user) {
                let count = taken.get(&user).copied().unwrap_or_default().saturating_add(count);
                taken.insert(user, count);
            }
        }
        Ok(())
    }
}

fn unpoisoned<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_gateway_lets_in_counts_at_the_other_once_it_is_told() {
        let (ann, bob): (UserId, UserId) = ("ann".parse().unwrap(), "bob".parse().unwrap());
        let rate = Rate { per_second: 1, burst: 5 };
        let (one, other) = (PrincipalRates::shared(rate), PrincipalRates::shared(rate));
        assert!((0..5).all(|_| one.take(ann, 1).is_ok()) && one.take(bob, 2).is_ok());
        assert!(one.take(ann, 1).is_err());
        let mut taken = one.taken();
        taken.sort_by_key(|(_, count)| *count);
        assert_eq!(taken, [(bob, 2), (ann, 5)], "what was refused is not taken");
        assert_eq!(one.taken(), []);
        taken.into_iter().for_each(|(user, count)| other.charge(user, count));
        assert!(other.take(ann, 1).is_err());
        assert!(other.take(bob, 3).is_ok() && other.take(bob, 1).is_err());
        assert_eq!(other.taken(), [(bob, 3)], "what others have let in is not told again");
        assert_eq!((one.shares(), PrincipalRates::alone(rate).shares()), (Some(false), None));
    }
}
