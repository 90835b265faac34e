//! How fast requests come: bursts, in which nobody waits for an answer, and pauses, in which deadlines pass.

use std::time::Duration;

use crate::Dice;

const US: u64 = 1_000;
const MS: u64 = 1_000 * US;
const S: u64 = 1_000 * MS;

/// The tempo of one workload.
pub(super) struct Pace {
    /// Requests left of the burst.
    burst: u64,
    /// How often a burst begins, in a thousand.
    bursts: u64,
    /// How often there is a long pause, in a thousand.
    rests: u64,
}

impl Pace {
    pub(super) fn draw(dice: &mut Dice) -> Self {
        Self { burst: 0, bursts: *dice.pick(&[0, 20, 60, 200]), rests: *dice.pick(&[0, 2, 10, 30]) }
    }

    /// How long until the next request. What is planned follows fast, mostly.
    pub(super) fn next(&mut self, dice: &mut Dice, is_planned: bool) -> Duration {
        if self.burst == 0 && dice.permille(self.bursts) {
            self.burst = dice.between(3, 40);
        }
        let ns = if self.burst > 0 {
            self.burst -= 1;
            dice.below(100 * US)
        } else if is_planned && dice.permille(850) {
            dice.below(2 * MS)
        } else if dice.permille(self.rests) {
            // Long enough for consents, flows, alerts and tombstones to run out.
            dice.between(S, 90 * S)
        } else if dice.permille(150) {
            dice.below(S)
        } else {
            dice.below(20 * MS)
        };
        Duration::from_nanos(ns)
    }
}
