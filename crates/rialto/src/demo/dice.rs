//! Repeatable chance: xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016).

/// A generator with its state.
pub(super) struct Dice(u64);

impl Dice {
    /// The same seed rolls the same.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    /// A number below `sides`, which is above 0.
    pub(super) fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % sides
    }

    /// As [`Dice::below`], signed and shifted: from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let sides = u64::try_from(high - low + 1).unwrap_or(1);
        low + i64::try_from(self.below(sides)).unwrap_or_default()
    }

    /// True once in so many.
    pub(super) fn once_in(&mut self, sides: u64) -> bool {
        self.below(sides) == 0
    }

    /// One of these.
    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let at = self.below(of.len() as u64);
        &of[usize::try_from(at).unwrap_or_default()]
    }
}
