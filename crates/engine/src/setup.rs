//! What an engine is made with beside its history.

use vocabulary::StepBound;

use crate::message::Hosts;

/// Decisions depend on it, events do not: what was recorded folds in under any setup, and is decided again as it was only
/// under its own. So a shard keeps its setup for all of its history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The contexts that the node hosts.
    pub hosts: Hosts,
    /// The most that a step of long work takes.
    pub step: StepBound,
}

impl From<Hosts> for Setup {
    /// With steps as large as each kind of work has them.
    fn from(hosts: Hosts) -> Self {
        Self { hosts, step: StepBound::USUAL }
    }
}
