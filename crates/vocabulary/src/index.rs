//! A hash map that cannot be iterated in hash order, so that no decision can depend on it.

use minicbor::{Decode, Encode};
use rustc_hash::FxHashMap;
use std::hash::Hash;

/// Keyed lookup. The only way to walk it is [`Index::sorted`].
#[derive(Clone, Debug)]
pub struct Index<K, V>(FxHashMap<K, V>);

impl<K, V> Default for Index<K, V> {
    fn default() -> Self {
        Self(FxHashMap::default())
    }
}

impl<K: Hash + Eq + Ord, V> Index<K, V> {
    /// The value at `key`.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.0.get(key)
    }

    /// The value at `key`, to change it.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.0.get_mut(key)
    }

    /// The value at `key`, made by default if there is none.
    pub fn entry(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.0.entry(key).or_default()
    }

    /// The value at `key`, made by `make` if there is none.
    pub fn entry_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        self.0.entry(key).or_insert_with(make)
    }

    /// Whether there is a value at `key`.
    pub fn contains(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    /// Puts `value` at `key` and returns what was there.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    /// Takes out what is at `key`.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.0.remove(key)
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All entries in the order of their keys. Costs a sort.
    pub fn sorted(&self) -> Vec<(&K, &V)> {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_unstable_by(|a, b| a.0.cmp(b.0));
        all
    }
}

impl<K: Hash + Eq, V> FromIterator<(K, V)> for Index<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}

impl<K: Hash + Eq + Ord, V: PartialEq> PartialEq for Index<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
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
        let mut map = FxHashMap::default();
        for _ in 0..size {
            let key = K::decode(d, context)?;
            map.insert(key, V::decode(d, context)?);
        }
        Ok(Self(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_the_same_whatever_the_order_of_insertion() {
        let forth: Index<u64, u64> = (0..100).map(|i| (i, i)).collect();
        let back: Index<u64, u64> = (0..100).rev().map(|i| (i, i)).collect();
        let bytes = minicbor::to_vec(&forth).unwrap();
        assert_eq!(bytes, minicbor::to_vec(&back).unwrap());
        assert_eq!(minicbor::decode::<Index<u64, u64>>(&bytes).unwrap(), back);
    }
}
