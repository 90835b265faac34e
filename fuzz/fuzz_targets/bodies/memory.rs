//! A journal and snapshots in memory, for a node that is thrown away.

use node::journal::{Batch, Hash, Journal, JournalError, JournalReader, Outcome, Tail};
use node::snapshot::{Loaded, Snapshot, SnapshotError, Snapshots};
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Clone, Default)]
pub struct MemoryJournal(Arc<Mutex<Vec<Batch>>>);

impl MemoryJournal {
    pub fn of(batches: Vec<Batch>) -> Self {
        Self(Arc::new(Mutex::new(batches)))
    }

    pub fn batches(&self) -> Vec<Batch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl JournalReader for MemoryJournal {
    fn shard(&self) -> u16 {
        0
    }

    fn tail(&self) -> Result<Tail, JournalError> {
        Ok(self.batches().last().map_or(Tail::genesis(0), Batch::tail))
    }

    fn read_from(&self, position: u64, _: usize) -> Result<Vec<Batch>, JournalError> {
        Ok(self.batches().into_iter().filter(|batch| batch.next_position() > position).collect())
    }
}

impl Journal for MemoryJournal {
    fn append(&mut self, batch: &Batch) -> Result<(), JournalError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(batch.clone());
        Ok(())
    }

    fn outcome_of(&mut self, _: u64, _: &Hash) -> Result<Outcome, JournalError> {
        Ok(Outcome::Committed)
    }
}

pub struct NoSnapshots;

impl Snapshots for NoSnapshots {
    fn save(&mut self, _: &Snapshot) -> Result<(), SnapshotError> {
        Ok(())
    }

    fn load_newest(&self) -> Result<Loaded, SnapshotError> {
        Ok(Loaded::default())
    }
}
