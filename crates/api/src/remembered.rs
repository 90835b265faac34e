//! A bounded map that many threads share: what is costly to find out and cheap to find out again.
//!
//! Invariant: never more than [`Remembered::new`]'s bound, whatever comes in. A full part is emptied of what its owner
//! calls stale, and if that does not help, altogether: everything in here can be found out again. Split into parts by
//! hash, so that threads seldom wait for each other. Absent: order of use, which would make every read a write.

use rustc_hash::FxBuildHasher;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many parts there are.
const PARTS: usize = 16;

type Part<K, V> = HashMap<K, V, FxBuildHasher>;

/// Keys must not be chosen by an attacker without a bound of their own: the hash has no secret seed.
pub(crate) struct Remembered<K, V> {
    parts: [Mutex<Part<K, V>>; PARTS],
    part_max: usize,
}

impl<K: Hash + Eq, V> Remembered<K, V> {
    /// Holds `max` entries at most.
    pub(crate) fn new(max: usize) -> Self {
        let parts = std::array::from_fn(|_| Mutex::new(Part::default()));
        Self { parts, part_max: (max / PARTS).max(1) }
    }

    /// What is remembered of `key`, looked at under the lock of its part.
    pub(crate) fn get<T>(&self, key: &K, look: impl FnOnce(&V) -> T) -> Option<T> {
        self.part(key).get(key).map(look)
    }

    /// Remembers it.
    pub(crate) fn insert(&self, key: K, value: V, stale: impl Fn(&V) -> bool) {
        let mut part = self.part(&key);
        self.make_room(&mut part, stale);
        part.insert(key, value);
    }

    /// Changes what is remembered of `key`, beginning with `first` where there is nothing.
    pub(crate) fn change<T>(
        &self,
        key: K,
        first: impl FnOnce() -> V,
        stale: impl Fn(&V) -> bool,
        change: impl FnOnce(&mut V) -> T,
    ) -> T {
        let mut part = self.part(&key);
        if let Some(value) = part.get_mut(&key) {
            return change(value);
        }
        self.make_room(&mut part, stale);
        change(part.entry(key).or_insert_with(first))
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.parts.iter().for_each(|part| unpoisoned(part).clear());
    }

    fn make_room(&self, part: &mut Part<K, V>, stale: impl Fn(&V) -> bool) {
        if part.len() < self.part_max {
            return;
        }
        part.retain(|_, value| !stale(value));
        if part.len() >= self.part_max {
            part.clear();
        }
    }

    fn part(&self, key: &K) -> MutexGuard<'_, Part<K, V>> {
        // The map uses the upper bits of the same hash, so parts are chosen by bits in the middle.
        let hash = FxBuildHasher.hash_one(key);
        let at = usize::try_from((hash >> 20) & 0xff).unwrap_or_default() % PARTS;
        unpoisoned(&self.parts[at])
    }
}

fn unpoisoned<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_holds_more_than_its_bound_and_drops_what_is_stale_first() {
        let map: Remembered<u64, bool> = Remembered::new(PARTS * 4);
        for key in 0..10_000 {
            map.insert(key, key % 2 == 0, |even| *even);
        }
        let held = map.parts.iter().map(|part| part.lock().unwrap().len()).sum::<usize>();
        assert!(held <= PARTS * 4, "{held}");
        map.insert(1, true, |_| false);
        assert_eq!(map.get(&1, |value| *value), Some(true));
        map.clear();
        assert_eq!(map.get(&1, |value| *value), None);
    }
}
