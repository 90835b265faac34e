//! How much one step of long work takes.
//!
//! Each kind of long work has a bound of its own, a constant beside its code. A [`StepBound`] can only lower it, so that
//! a small market sees long work too. It is no state: the state alone says what the next step is, a bound how far it goes.

/// The most that one step of any long work takes, where that is less than what it usually takes.
///
/// Decisions depend on it, so it is the same for all of a shard's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepBound(usize);

impl StepBound {
    /// Every kind of work goes in steps of its own size.
    pub const USUAL: Self = Self(usize::MAX);

    /// No step takes more than that.
    ///
    /// # Panics
    /// When that is 0: no work would come to an end.
    #[must_use]
    pub fn at_most(bound: usize) -> Self {
        assert!(bound > 0, "a step takes something");
        Self(bound)
    }

    /// What a step takes at most of work that usually takes `usual`.
    #[must_use]
    pub fn within(self, usual: usize) -> usize {
        self.0.min(usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_lowers_what_a_step_takes_and_never_raises_it() {
        assert_eq!(StepBound::USUAL.within(500), 500);
        assert_eq!(StepBound::at_most(3).within(500), 3);
        assert_eq!(StepBound::at_most(600).within(500), 500);
    }
}
