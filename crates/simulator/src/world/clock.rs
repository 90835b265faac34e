//! Simulated time: one time for the world, and each machine's clock astray from it.

use node::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use vocabulary::Timestamp;

/// When every simulated history begins: 7 February 2023, 01:30 UTC, in nanoseconds.
pub(super) const BEGINNING_NS: u64 = 1_675_733_400_000_000_000;

/// The world's time: nanoseconds since the history began.
#[derive(Clone, Default)]
pub(super) struct WorldTime(Arc<AtomicU64>);

impl WorldTime {
    pub(super) fn now_ns(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, now_ns: u64) {
        self.0.store(now_ns, Ordering::Relaxed);
    }
}

/// A machine's clock.
#[derive(Clone)]
pub(super) struct MachineClock {
    world: WorldTime,
    astray_ns: Arc<AtomicI64>,
}

impl MachineClock {
    pub(super) fn new(world: WorldTime, astray_ns: i64) -> Self {
        Self { world, astray_ns: Arc::new(AtomicI64::new(astray_ns)) }
    }

    /// Jumps by so much.
    pub(super) fn jump(&self, by_ns: i64) {
        self.astray_ns.fetch_add(by_ns, Ordering::Relaxed);
    }

    /// As a daemon would, sets it right.
    pub(super) fn set_right(&self) {
        self.astray_ns.store(0, Ordering::Relaxed);
    }

    pub(super) fn time(&self) -> Timestamp {
        let true_ns = BEGINNING_NS + self.world.now_ns();
        Timestamp(true_ns.saturating_add_signed(self.astray_ns.load(Ordering::Relaxed)))
    }
}

impl Clock for MachineClock {
    fn now(&mut self) -> Timestamp {
        self.time()
    }

    fn jumps(&self) -> u64 {
        0
    }
}
