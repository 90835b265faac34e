//! Snapshots while the node runs, without stopping the writer: every so many records, a second engine is brought up
//! from the last snapshot and the journal, encoded, and let go. It proves recovery as it goes.

use crate::handle::Shared;
use crate::journal::JournalReader;
use crate::priority::stand_back;
use crate::recovery::{Recovered, RecoveryError, recover};
use crate::running::NodeConfig;
use crate::snapshot::{Snapshot, Snapshots};
use engine::Setup;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often the thread looks whether it is time, or whether the node stops.
const LOOK: Duration = Duration::from_millis(200);

/// The thread's state.
pub(crate) struct Snapshotter {
    setup: Setup,
    reader: Box<dyn JournalReader>,
    snapshots: Box<dyn Snapshots>,
    every: u64,
    last: u64,
    shared: Arc<Shared>,
}

impl Snapshotter {
    pub(crate) fn new(
        config: &NodeConfig,
        recovered: &Recovered,
        reader: Box<dyn JournalReader>,
        snapshots: Box<dyn Snapshots>,
        shared: Arc<Shared>,
    ) -> Self {
        let setup = recovered.engine.setup();
        let last = recovered.from_snapshot.unwrap_or_default();
        Self { setup, reader, snapshots, every: config.snapshot_every, last, shared }
    }

    /// Runs until the node stops; gives the store of snapshots back for the last one.
    pub(crate) fn run(mut self) -> Box<dyn Snapshots> {
        stand_back("snapshots");
        while !self.shared.stopping.load(Ordering::Relaxed) {
            let durable = self.shared.durable.load(Ordering::Acquire);
            if durable.saturating_sub(self.last) >= self.every {
                self.last = durable;
                if let Err(error) = self.take() {
                    tracing::error!(%error, "no snapshot was kept; the journal holds everything all the same");
                }
            }
            std::thread::sleep(LOOK);
        }
        self.snapshots
    }

    /// Keeps a snapshot of what is durable.
    pub(crate) fn take(&mut self) -> Result<(), RecoveryError> {
        let recovered = recover(self.setup, self.reader.as_ref(), self.snapshots.as_ref(), |_| ())?;
        let (shard, at) = (self.reader.shard(), recovered.chain.tail());
        self.snapshots.save(&Snapshot { shard, at, body: recovered.engine.snapshot() })?;
        Ok(())
    }
}
