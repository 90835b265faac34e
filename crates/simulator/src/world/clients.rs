//! Clients: what they have asked, and repeat until they are told.

use crate::workload::Asked;
use engine::Request;
use std::collections::BTreeMap;

struct Open {
    asked: Asked,
    shard: usize,
    is_told: bool,
}

/// All of them.
#[derive(Default)]
pub(super) struct Clients {
    requests: BTreeMap<u64, Open>,
    open: u64,
    last: u64,
}

impl Clients {
    /// Begins to ask. Numbers count from 1.
    pub(super) fn begin(&mut self, asked: Asked, shard: usize) -> u64 {
        self.last += 1;
        self.open += 1;
        self.requests.insert(self.last, Open { asked, shard, is_told: false });
        self.last
    }

    /// What is to be asked, and of which shard, as long as nobody was told.
    pub(super) fn request(&self, number: u64) -> Option<(usize, &Request)> {
        let open = self.requests.get(&number)?;
        (!open.is_told).then_some((open.shard, &open.asked.request))
    }

    /// What was asked under that number.
    pub(super) fn asked_for(&self, number: u64) -> Option<&Asked> {
        self.requests.get(&number).map(|open| &open.asked)
    }

    /// He was told. True the first time.
    pub(super) fn end(&mut self, number: u64) -> bool {
        let first =
            self.requests.get_mut(&number).is_some_and(|open| !std::mem::replace(&mut open.is_told, true));
        self.open -= u64::from(first);
        first
    }

    /// How many were asked ever.
    pub(super) fn asked(&self) -> u64 {
        self.last
    }

    /// Whether all were told.
    pub(super) fn is_calm(&self) -> bool {
        self.open == 0
    }
}
