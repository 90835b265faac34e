//! What another service has published, held against what this one has recorded itself.
//!
//! That an order was created or executed is stated twice: by trading, which publishes it, and by the service that was asked
//! or told about it over the order flow, which has it in its own journal. Two statements that agree are matched and
//! forgotten; what has no counterpart, or another one, stays open until it has. Invariant: an event takes effect once, by
//! its place, and a record once, by its position, however often they are read. Deliberately absent: where this is kept, and
//! any correction: nothing is decided by it, it is there to be looked at.

mod statements;

use crate::schema;
use crate::seen::SeenOfPartition;
use crate::status::Open;
use engine::{Context, Record};
use node::journal::first_position;
use serde::{Deserialize, Serialize};
use statements::{Published, published, recorded};
use std::collections::{BTreeMap, BTreeSet};

/// A partition of a context's topic.
pub(crate) type Partition = (Context, i32);

/// What one side says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// In words and numbers, amounts in minor units.
    pub what: String,
    /// Where the side has it on record.
    pub position: u64,
    /// When: UTC, nanoseconds since 1970-01-01.
    pub time_ns: u64,
}

/// What is stated about one thing and not matched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What trading has published.
    pub published: Option<Statement>,
    /// What is recorded here.
    pub recorded: Option<Statement>,
    /// It was undone before it came to the other side, which may never hear of it.
    #[serde(default)]
    is_undone: bool,
}

impl Item {
    /// Whether there are two, which do not agree.
    #[must_use]
    pub fn is_contradiction(&self) -> bool {
        self.published.is_some() && self.recorded.is_some()
    }

    /// When the first of the two was made.
    #[must_use]
    pub fn since_ns(&self) -> u64 {
        let times = [&self.published, &self.recorded].into_iter().flatten();
        times.map(|statement| statement.time_ns).min().unwrap_or_default()
    }

    fn is_matched(&self) -> bool {
        match (&self.published, &self.recorded) {
            (Some(published), Some(recorded)) => self.is_undone || published.what == recorded.what,
            _ => false,
        }
    }
}

/// How far a partition was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Read {
    topic: String,
    partition: i32,
    next_offset: i64,
    seen: SeenOfPartition,
}

/// How far everything was read, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    /// The first position of the own journal that was not read.
    next_position: u64,
    matched: u64,
    read: Vec<Read>,
    /// How many events of each name there were on each topic.
    events: BTreeMap<String, BTreeMap<String, u64>>,
}

/// A reconciliation as it is kept. Progress and items are text that only this module reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// None before it was kept for the first time.
    pub progress: Option<String>,
    /// By key.
    pub items: Vec<(String, String)>,
}

/// What is to be kept, all of it or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The whole of it.
    pub progress: String,
    /// Items that are new or changed, and keys of those that are not open any more.
    pub items: BTreeMap<String, Option<String>>,
}

/// What was kept cannot be read: another program has written it.
#[derive(Debug, thiserror::Error)]
#[error("what is kept of the reconciliation cannot be read: {0}")]
pub struct Unreadable(#[from] serde_json::Error);

/// The reconciliation of one service.
#[derive(Debug)]
pub struct Reconciliation {
    own: Context,
    progress: Progress,
    open: BTreeMap<String, Item>,
    /// Keys of items that are kept.
    kept: BTreeSet<String>,
    /// Keys of items that are not as they are kept.
    changed: BTreeSet<String>,
    has_changed: bool,
}

impl Reconciliation {
    /// That of `own`, whose journal is of that shard, as it was kept.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn resume(own: Context, shard: u16, kept: &Kept) -> Result<Self, Unreadable> {
        let progress = match &kept.progress {
            Some(text) => serde_json::from_str(text)?,
            None => Progress { next_position: first_position(shard), ..Progress::default() },
        };
        let read = kept.items.iter().map(|(key, text)| Ok((key.clone(), serde_json::from_str(text)?)));
        let open: BTreeMap<String, Item> = read.collect::<Result<_, serde_json::Error>>()?;
        let kept = open.keys().cloned().collect();
        Ok(Self { own, progress, open, kept, changed: BTreeSet::new(), has_changed: false })
    }

    /// The contexts whose events a service consumes (CON-3): compliance everybody's, the others trading's.
    #[must_use]
    pub fn sources(own: Context) -> &'static [Context] {
        match own {
            Context::Compliance => &Context::ALL,
            Context::Trading | Context::Settlement | Context::Risk => &[Context::Trading],
        }
    }

    /// Where to read on, of every partition that was read.
    pub fn offsets(&self) -> impl Iterator<Item = (Context, i32, i64)> {
        self.progress.read.iter().filter_map(|read| {
            let context = read.topic.parse().ok()?;
            Some((context, read.partition, read.next_offset))
        })
    }

    /// The first position of the own journal that was not read.
    #[must_use]
    pub fn next_position(&self) -> u64 {
        self.progress.next_position
    }

    /// Pairs of statements that agreed.
    #[must_use]
    pub fn matched(&self) -> u64 {
        self.progress.matched
    }

    /// What is open, contradictions first, and else the oldest first.
    #[must_use]
    pub fn open(&self) -> Vec<(&str, &Item)> {
        let open = self.open.iter().filter(|(_, item)| !item.is_undone);
        let mut all: Vec<_> = open.map(|(key, item)| (key.as_str(), item)).collect();
        all.sort_by_key(|(_, item)| (!item.is_contradiction(), item.since_ns()));
        all
    }

    /// How it stands.
    #[must_use]
    pub fn stands(&self) -> Open {
        let open = || self.open.values().filter(|item| !item.is_undone);
        Open {
            matched: self.progress.matched,
            open: open().count() as u64,
            contradictions: open().filter(|item| item.is_contradiction()).count() as u64,
            since_ns: open().map(Item::since_ns).min(),
        }
    }

    /// How many events there were: topic, name, count.
    pub fn events(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        let topics = self.progress.events.iter();
        topics.flat_map(|(topic, names)| {
            names.iter().map(|(name, count)| (topic.as_str(), name.as_str(), *count))
        })
    }

    /// Takes in an event of a partition. True if it is the first that states something which this service has to have on
    /// record too.
    pub fn hear(&mut self, partition: Partition, offset: i64, name: &str, event: &schema::Event) -> bool {
        self.has_changed = true;
        if !self.is_new(partition, offset, event) {
            return false;
        }
        let names = self.progress.events.entry(partition.0.to_string()).or_default();
        *names.entry(name.to_owned()).or_default() += 1;
        let published = published(self.own, event);
        let is_statement = matches!(published, Some(Published::That { .. }));
        match published {
            Some(Published::That { about, what }) => {
                let statement = Statement { what, position: event.position, time_ns: event.time_ns };
                self.change(about, |item| item.published = Some(statement));
            }
            Some(Published::Undone { about }) if self.open.contains_key(&about) => {
                self.change(about, |item| item.is_undone = true);
            }
            Some(Published::Undone { .. }) | None => {}
        }
        is_statement
    }

    fn is_new(&mut self, (context, partition): Partition, offset: i64, event: &schema::Event) -> bool {
        let topic = context.to_string();
        let known = |read: &Read| read.topic == topic && read.partition == partition;
        let at = self.progress.read.iter().position(known).unwrap_or_else(|| {
            self.progress.read.push(Read { topic: topic.clone(), partition, ..Read::default() });
            self.progress.read.len() - 1
        });
        let read = &mut self.progress.read[at];
        read.next_offset = offset + 1;
        read.seen.is_new(event)
    }

    /// Takes in a record of the own journal.
    pub fn record(&mut self, record: &Record) {
        let position = record.moment.position;
        if position < self.progress.next_position {
            return;
        }
        self.has_changed = true;
        self.progress.next_position = position + 1;
        for (about, what) in recorded(self.own, record) {
            let statement = Statement { what, position, time_ns: record.moment.time.0 };
            self.change(about, |item| item.recorded = Some(statement));
        }
    }

    fn change(&mut self, about: String, change: impl FnOnce(&mut Item)) {
        let item = self.open.entry(about.clone()).or_default();
        change(item);
        if item.is_matched() {
            self.open.remove(&about);
            self.progress.matched += 1;
        }
        self.changed.insert(about);
    }

    /// What is to be kept since that was asked last; none if nothing has changed. One who could not keep it resumes.
    pub fn take_changes(&mut self) -> Option<Changes> {
        if !std::mem::take(&mut self.has_changed) {
            return None;
        }
        let mut items = BTreeMap::new();
        for key in std::mem::take(&mut self.changed) {
            match self.open.get(&key) {
                Some(item) => {
                    items.insert(key.clone(), Some(text(item)));
                    self.kept.insert(key);
                }
                None if self.kept.remove(&key) => {
                    items.insert(key, None);
                }
                // It came and went.
                None => {}
            }
        }
        Some(Changes { progress: text(&self.progress), items })
    }
}

fn text(of: &impl Serialize) -> String {
    serde_json::to_string(of).expect("plain data")
}
