//! A row of slots that grows without moving what it holds: a vector of a million orders that doubles copies all of them
//! while everybody waits.
//!
//! Encodes as the array that it stands for.

use minicbor::{Decode, Encode};
use std::ops::{Index, IndexMut};

/// Slots of a block.
const BLOCK: usize = 1_024;

/// Slots, numbered from 0.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Slots<T> {
    /// All full but the last.
    blocks: Vec<Vec<T>>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { blocks: Vec::new() }
    }
}

impl<T> Slots<T> {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.blocks.last().map_or(0, |last| (self.blocks.len() - 1) * BLOCK + last.len())
    }

    /// Adds one at the end.
    pub(crate) fn push(&mut self, value: T) {
        match self.blocks.last_mut() {
            Some(last) if last.len() < BLOCK => last.push(value),
            Some(_) | None => {
                let mut block = Vec::with_capacity(BLOCK);
                block.push(value);
                self.blocks.push(block);
            }
        }
    }
}

impl<T> Index<usize> for Slots<T> {
    type Output = T;

    fn index(&self, slot: usize) -> &T {
        &self.blocks[slot / BLOCK][slot % BLOCK]
    }
}

impl<T> IndexMut<usize> for Slots<T> {
    fn index_mut(&mut self, slot: usize) -> &mut T {
        &mut self.blocks[slot / BLOCK][slot % BLOCK]
    }
}

impl<C, T: Encode<C>> Encode<C> for Slots<T> {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.array(self.len() as u64)?;
        self.blocks.iter().flatten().try_for_each(|value| value.encode(e, context))
    }
}

impl<'b, C, T: Decode<'b, C>> Decode<'b, C> for Slots<T> {
    fn decode(d: &mut minicbor::Decoder<'b>, context: &mut C) -> Result<Self, minicbor::decode::Error> {
        let size = d.array()?.ok_or_else(|| minicbor::decode::Error::message("want a sized array"))?;
        let mut slots = Self::default();
        for _ in 0..size {
            slots.push(T::decode(d, context)?);
        }
        Ok(slots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_finds_across_blocks_and_encodes_as_an_array() {
        for size in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK] {
            let mut slots = Slots::default();
            (0..size).for_each(|value| slots.push(value));
            assert_eq!(slots.len(), size);
            assert!((0..size).all(|at| slots[at] == at));
            let bytes = minicbor::to_vec(&slots).unwrap();
            assert_eq!(bytes, minicbor::to_vec((0..size).collect::<Vec<_>>()).unwrap());
            assert_eq!(minicbor::decode::<Slots<usize>>(&bytes).unwrap(), slots);
        }
        let mut slots = Slots::default();
        (0..=BLOCK).for_each(|value| slots.push(value));
        slots[BLOCK] = 7;
        assert_eq!(slots[BLOCK], 7);
    }
}
