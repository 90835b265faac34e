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

impl Clock for SystemClock {
    fn now(&mut self) -> Timestamp {
        let (wall, steady) = (SystemTime::now(), Instant::now());
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

    fn jumps(&self) -> u64 {
        self.jumps
    }
}
