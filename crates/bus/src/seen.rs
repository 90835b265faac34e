//! Telling repetitions: in a partition the events of a shard come in order, so what is not beyond the last one was there.

use crate::publish::Place;
use crate::schema::Event;
use engine::Context;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What was seen of one partition: the last place of each shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SeenOfPartition(BTreeMap<u32, Place>);

impl SeenOfPartition {
    /// True the first time an event comes.
    pub(crate) fn is_new(&mut self, event: &Event) -> bool {
        let place = Place { position: event.position, index: event.index };
        let is_new = self.0.get(&event.shard).is_none_or(|last| place > *last);
        if is_new {
            self.0.insert(event.shard, place);
        }
        is_new
    }
}

/// What was seen of several.
#[derive(Debug, Default)]
pub struct Seen(BTreeMap<(Context, i32), SeenOfPartition>);

impl Seen {
    /// True the first time an event comes, on a partition of a context's topic.
    pub fn is_new(&mut self, context: Context, partition: i32, event: &Event) -> bool {
        self.0.entry((context, partition)).or_default().is_new(event)
    }
}
