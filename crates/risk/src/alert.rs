//! Shares of a limit at which an alert is raised. Invariant: ascending, without repetition, each 1 to 100. Absent: the
//! alerts raised, which are events and nobody's state.

use crate::Refusal;
use minicbor::{Decode, Encode};
use vocabulary::{Amount, planted};

/// The most alert thresholds there can be.
pub const THRESHOLDS_MAX: usize = 8;

/// In percent.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct Thresholds(#[n(0)] Vec<u8>);

impl Default for Thresholds {
    fn default() -> Self {
        Self(vec![80, 100])
    }
}

impl Thresholds {
    /// Puts percents into order, without repetition. None at all means no alerts.
    pub(crate) fn new(percents: &[u8]) -> Result<Self, Refusal> {
        let mut sorted = percents.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() > THRESHOLDS_MAX || sorted.iter().any(|percent| !(1..=100).contains(percent)) {
            return Err(Refusal::BadThresholds);
        }
        Ok(Self(sorted))
    }

    pub(crate) fn percents(&self) -> &[u8] {
        &self.0
    }

    /// The thresholds that lie above `before` and not above `after`, lowest first. A limit of zero has none: nothing
    /// can be used of it.
    pub(crate) fn crossed(&self, before: Amount, after: Amount, limit: Amount) -> impl Iterator<Item = u8> {
        let reached = move |percent: &u8| {
            // The least use that is this share or more. A limit is at most Amount::MAX, so this cannot overflow.
            let mark = Amount((limit.0 * i128::from(*percent) + 99) / 100);
            (before < mark || planted!("alert-repeated")) && mark <= after
        };
        let seen = if planted!("second-alert-skipped") { 1 } else { THRESHOLDS_MAX };
        self.0.iter().copied().take(seen).filter(move |percent| !limit.is_zero() && reached(percent))
    }
}
