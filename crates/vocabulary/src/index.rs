//! A hash map that cannot be iterated in hash order, so that no decision can depend on it, and that grows in small steps.
//!
//! A large table that doubles moves every entry at once, and everything waits for that: 50 ms for a million. So beyond
//! a few thousand entries this one is many tables, each of which doubles alone, at a time of its own.

use minicbor::{Decode, Encode};
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::hash::{BuildHasher, Hash};

/// With so many entries one table becomes many.
const WHOLE_MAX: usize = 4_096;
/// How many.
const PARTS: usize = 256;

/// Keyed lookup. The only way to walk it is [`Index::sorted`].
#[derive(Clone, Debug)]
pub struct Index<K, V> {
    len: usize,
    /// Everything, as long as there are no parts.
    whole: FxHashMap<K, V>,
    /// None or [`PARTS`].
    parts: Vec<FxHashMap<K, V>>,
}

impl<K, V> Default for Index<K, V> {
    fn default() -> Self {
        Self { len: 0, whole: FxHashMap::default(), parts: Vec::new() }
    }
}

/// Which part a key is in. By the bits of the hash that are the most random (see `rustc_hash`: its highest ones, turned
/// round to here), and above those that a part itself goes by.
fn part<K: Hash>(key: &K) -> usize {
    usize::try_from((FxBuildHasher.hash_one(key) >> 18) % PARTS as u64).expect("fits")
}

impl<K: Hash + Eq, V> Index<K, V> {
    fn table(&self, key: &K) -> &FxHashMap<K, V> {
        if self.parts.is_empty() { &self.whole } else { &self.parts[part(key)] }
    }

    fn table_mut(&mut self, key: &K) -> &mut FxHashMap<K, V> {
        if self.parts.is_empty() { &mut self.whole } else { &mut self.parts[part(key)] }
    }

    /// The table that a new key goes to.
    fn table_for(&mut self, key: &K) -> &mut FxHashMap<K, V> {
        if self.parts.is_empty() && self.len >= WHOLE_MAX {
            self.parts.resize_with(PARTS, FxHashMap::default);
            for (key, value) in std::mem::take(&mut self.whole) {
                self.parts[part(&key)].insert(key, value);
            }
        }
        self.table_mut(key)
    }

    /// The value at `key`.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.table(key).get(key)
    }

    /// The value at `key`, to change it.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.table_mut(key).get_mut(key)
    }

    /// The value at `key`, made by default if there is none.
    pub fn entry(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.entry_with(key, V::default)
    }

    /// The value at `key`, made by `make` if there is none.
    pub fn entry_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        if !self.contains(&key) {
            self.len += 1;
        }
        self.table_for(&key).entry(key).or_insert_with(make)
    }

    /// Whether there is a value at `key`.
    pub fn contains(&self, key: &K) -> bool {
        self.table(key).contains_key(key)
    }

    /// Puts `value` at `key` and returns what was there.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let before = self.table_for(&key).insert(key, value);
        self.len += usize::from(before.is_none());
        before
    }

    /// Takes out what is at `key`.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let removed = self.table_mut(key).remove(key);
        self.len -= usize::from(removed.is_some());
        removed
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.whole.iter().chain(self.parts.iter().flatten())
    }
}

impl<K: Hash + Eq + Ord, V> Index<K, V> {
    /// All entries in the order of their keys. Costs a sort.
    pub fn sorted(&self) -> Vec<(&K, &V)> {
        let mut all: Vec<_> = self.iter().collect();
        all.sort_unstable_by(|a, b| a.0.cmp(b.0));
        all
    }
}

impl<K: Hash + Eq, V> FromIterator<(K, V)> for Index<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(all: I) -> Self {
        let mut index = Self::default();
        for (key, value) in all {
            index.insert(key, value);
        }
        index
    }
}

impl<K: Hash + Eq, V: PartialEq> PartialEq for Index<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

impl<C, K: Hash + Eq + Ord + Encode<C>, V: Encode<C>> Encode<C> for Index<K, V> {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.map(self.len() as u64)?;
        for (key, value) in self.sorted() {
            key.encode(e, context)?;
            value.encode(e, context)?;
        }
        Ok(())
    }
}

impl<'b, C, K: Hash + Eq + Decode<'b, C>, V: Decode<'b, C>> Decode<'b, C> for Index<K, V> {
    fn decode(d: &mut minicbor::Decoder<'b>, context: &mut C) -> Result<Self, minicbor::decode::Error> {
        let size = d.map()?.ok_or_else(|| minicbor::decode::Error::message("want a sized map"))?;
        let mut index = Self::default();
        for _ in 0..size {
            let key = K::decode(d, context)?;
            index.insert(key, V::decode(d, context)?);
        }
        Ok(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_a_map_holds_on_both_sides_of_the_size_at_which_it_comes_apart() {
        let (mut index, mut map) = (Index::<u64, u64>::default(), std::collections::BTreeMap::new());
        let mut dice = 88_172_645_463_325_252_u64;
        for step in 0..200_000_u64 {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            // Keys of few bits and of many, so that some come back; at first more come than go.
            let key = if dice & 1 == 0 { (dice >> 8) % 20_000 } else { ((dice >> 8) % 20_000) << 44 };
            match dice >> 60 {
                0..4 => assert_eq!(index.remove(&key), map.remove(&key)),
                4..6 => *index.entry(key) += step,
                6 => assert_eq!(index.get_mut(&key).map(|value| *value), map.get(&key).copied()),
                _ => assert_eq!(index.insert(key, step), map.insert(key, step)),
            }
            if (4..6).contains(&(dice >> 60)) {
                *map.entry(key).or_default() += step;
            }
            assert_eq!((index.len(), index.get(&key)), (map.len(), map.get(&key)));
        }
        assert!(index.len() > 2 * WHOLE_MAX);
        assert_eq!(index.sorted(), map.iter().collect::<Vec<_>>());
        let largest = index.parts.iter().map(FxHashMap::len).max().unwrap();
        assert!(largest < 4 * index.len() / PARTS, "keys are spread: {largest} in one part");
        let copy: Index<u64, u64> = minicbor::decode(&minicbor::to_vec(&index).unwrap()).unwrap();
        assert_eq!(copy, index);
        index.insert(u64::MAX, 1);
        assert_ne!(copy, index);
    }

    #[test]
    fn encodes_the_same_whatever_the_order_of_insertion() {
        let forth: Index<u64, u64> = (0..100).map(|i| (i, i)).collect();
        let back: Index<u64, u64> = (0..100).rev().map(|i| (i, i)).collect();
        let bytes = minicbor::to_vec(&forth).unwrap();
        assert_eq!(bytes, minicbor::to_vec(&back).unwrap());
        assert_eq!(minicbor::decode::<Index<u64, u64>>(&bytes).unwrap(), back);
    }
}
