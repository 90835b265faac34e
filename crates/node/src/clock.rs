//! Time for records: the wall clock, checked against the time that has really passed.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use vocabulary::Timestamp;

/// How far the wall clock may stray from the time that has passed before it counts as a jump.
const JUMP_MAX: Duration = Duration::from_secs(1);

/// Where a node takes the time from: the system, or whoever drives the node.
pub trait Clock: Send {
    /// UTC now. May go back; the writer sees to it that records do not.
    fn now(&mut self) -> Timestamp;

    /// How often the clock was seen to jump.
    fn jumps(&self) -> u64;
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    seen: Option<(SystemTime, Instant)>,
    jumps: u64,
}

impl SystemClock {
    /// The machine's clock, from now on.
    pub fn new() -> Self {
        Self { seen: None, jumps: 0 }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl SystemClock {
    /// What both clocks say at one moment.
    fn read(&mut self, wall: SystemTime, steady: Instant) -> Timestamp {
        if let Some((last_wall, last_steady)) = self.seen {
            let expected = last_wall + steady.duration_since(last_steady);
            let strayed = wall.duration_since(expected).unwrap_or_else(|before| before.duration());
            if strayed > JUMP_MAX {
                self.jumps += 1;
                tracing::warn!(
                    strayed_ms = strayed.as_millis(),
                    "the clock jumped: records keep their order by position"
                );
            }
        }
        self.seen = Some((wall, steady));
        let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl Clock for SystemClock {
    fn now(&mut self) -> Timestamp {
        self.read(SystemTime::now(), Instant::now())
    }

    fn jumps(&self) -> u64 {
        self.jumps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_14_a_jump_of_the_wall_clock_is_counted_and_its_drift_is_not() {
        let second = Duration::from_secs(1);
        let (wall, steady) = (UNIX_EPOCH + 1_000 * second, Instant::now());
        let mut clock = SystemClock::new();
        assert_eq!(clock.read(wall, steady), Timestamp(1_000_000_000_000));
        clock.read(wall + 10 * second, steady + 10 * second);
        clock.read(wall + 21 * second, steady + 20 * second);
        assert_eq!(clock.jumps(), 0, "a second astray is drift");
        clock.read(wall + 3_600 * second, steady + 21 * second);
        assert_eq!(clock.jumps(), 1, "forth");
        clock.read(wall + 3_601 * second, steady + 22 * second);
        assert_eq!(clock.jumps(), 1, "and on from there");
        let back = clock.read(wall, steady + 23 * second);
        assert_eq!((clock.jumps(), back), (2, Timestamp(1_000_000_000_000)), "back");
    }
}
