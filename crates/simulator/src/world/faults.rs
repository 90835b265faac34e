//! Which faults strike, and how often: drawn by seed.

use crate::Dice;
use std::collections::BTreeMap;

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;

/// Something that happens to a shard or to the network at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strike {
    /// A node stops at once.
    Crash,
    /// A node stops at once, and its journal is damaged.
    DamageJournal,
    /// A node stops at once, and its snapshots are damaged or gone.
    DamageSnapshots,
    /// A second node leads, and the first goes on.
    SecondLeader,
    /// A second node leads while the first stands still.
    PausedLeader,
    /// A node does nothing for a while.
    Pause,
    /// The disk is full.
    DiskFull,
    /// A sync fails, and the batch is there.
    SyncFailsWritten,
    /// A sync fails, and the batch is not there.
    SyncFailsLost,
    /// A machine's clock jumps.
    ClockJump,
    /// Links are cut in one direction.
    CutOneWay,
    /// Links are cut in both directions.
    CutBothWays,
    /// A follower stops.
    FollowerStops,
    /// A node keeps a snapshot. No fault, and the moment matters.
    Snapshot,
}

impl Strike {
    pub(super) const ALL: [Self; 14] = [
        Self::Crash,
        Self::DamageJournal,
        Self::DamageSnapshots,
        Self::SecondLeader,
        Self::PausedLeader,
        Self::Pause,
        Self::DiskFull,
        Self::SyncFailsWritten,
        Self::SyncFailsLost,
        Self::ClockJump,
        Self::CutOneWay,
        Self::CutBothWays,
        Self::FollowerStops,
        Self::Snapshot,
    ];

    /// As the summary calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::DamageJournal => "journal damaged",
            Self::DamageSnapshots => "snapshots damaged",
            Self::SecondLeader => "second leader",
            Self::PausedLeader => "leader paused, another leads",
            Self::Pause => "pause",
            Self::DiskFull => "disk full",
            Self::SyncFailsWritten => "sync failed, written",
            Self::SyncFailsLost => "sync failed, lost",
            Self::ClockJump => "clock jump",
            Self::CutOneWay => "one-way partition",
            Self::CutBothWays => "two-way partition",
            Self::FollowerStops => "follower stopped",
            Self::Snapshot => "snapshot",
        }
    }
}

/// What goes wrong in one history.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    /// In a thousand packets.
    pub(super) lose: u64,
    /// In a thousand packets.
    pub(super) duplicate: u64,
    /// In a thousand packets: those a thousand times as late as others.
    pub(super) straggle: u64,
    /// Packets take up to so long, so they overtake each other.
    pub(super) delay_ns: u64,
    /// In a thousand steps of a node: it does not write yet.
    pub(super) slow_disk: u64,
    /// Mean time between two strikes; none if it is 0.
    every_ns: u64,
    /// What may strike, and how heavily each weighs.
    weights: Vec<(Strike, u64)>,
}

impl Faults {
    /// Nothing goes wrong, and packets take a little while.
    pub(super) fn none() -> Self {
        Self { delay_ns: MS, ..Self::default() }
    }

    pub(super) fn draw(dice: &mut Dice) -> Self {
        if dice.permille(60) {
            return Self::none();
        }
        let mut weights = Vec::new();
        for strike in Strike::ALL {
            if dice.permille(600) {
                weights.push((strike, dice.between(1, 10)));
            }
        }
        Self {
            lose: *dice.pick(&[0, 5, 50, 200]),
            duplicate: *dice.pick(&[0, 10, 100, 300]),
            straggle: *dice.pick(&[0, 0, 5, 20]),
            delay_ns: *dice.pick(&[MS, 10 * MS, 60 * MS, 400 * MS]),
            slow_disk: *dice.pick(&[0, 200, 700, 950]),
            every_ns: *dice.pick(&[0, 200 * MS, S, 5 * S, 20 * S]),
            weights,
        }
    }

    /// How long until the next strike, if there is one.
    pub(super) fn pause(&self, dice: &mut Dice) -> Option<u64> {
        let any = self.every_ns > 0 && !self.weights.is_empty();
        any.then(|| dice.between(1, 2 * self.every_ns))
    }

    /// What strikes next.
    pub(super) fn next(&self, dice: &mut Dice) -> Strike {
        let total = self.weights.iter().map(|(_, weight)| weight).sum();
        let mut drawn = dice.below(total);
        for (strike, weight) in &self.weights {
            if drawn < *weight {
                return *strike;
            }
            drawn -= weight;
        }
        unreachable!("what is drawn is below the sum of all weights")
    }
}

/// How often what struck.
pub type Struck = BTreeMap<&'static str, u64>;
