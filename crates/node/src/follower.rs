//! Followers: what reads the journal off the critical path, each with a cursor and a thread of its own.
//!
//! Invariant: a follower sees every durable record once and in order, and nothing that is not durable. One that fails
//! stops and says so; the others and the writer go on. Fresh batches come from memory, and leave it once everybody has
//! had them; one that has fallen behind reads the journal. When the processors are busy, orders go before followers.

use crate::journal::JournalReader;
use crate::priority::stand_back;
use crate::recovery::{Recovered, decode_record};
use engine::Record;
use std::collections::VecDeque;
use std::error::Error;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use vocabulary::planted;

/// Durable records as they were written together.
pub type Batch = Arc<Vec<Record>>;

/// How many records stay in memory for followers that are a little behind.
const RECENT_RECORDS_MAX: usize = 8_192;
/// How many bytes of journal a follower that is behind reads at once.
const CATCH_UP_BYTES: usize = 4 << 20;
/// How many records a follower gets at once from memory.
const STEP_RECORDS_MAX: usize = 4_096;

/// Reads the journal from a cursor of its own.
pub trait Follower: Send {
    /// What it is called in status and metrics.
    fn name(&self) -> &'static str;

    /// The first position it has not seen.
    fn next_position(&self) -> u64;

    /// Takes the next records, gaplessly from [`Follower::next_position`] on.
    ///
    /// # Errors
    /// Stops this follower for good; its cursor stays before what it could not take.
    fn follow(&mut self, batches: &[Batch]) -> Result<(), FollowerError>;

    /// How long to wait for more before taking what there is: larger steps for less work.
    fn pace(&self) -> Duration {
        Duration::ZERO
    }
}

/// A follower with a reader of its own, for when it is behind.
pub type ReadAlong = (Box<dyn Follower>, Box<dyn JournalReader>);

/// Why a follower stopped.
pub type FollowerError = Box<dyn Error + Send + Sync>;

/// What is known of a follower from outside.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FollowerStatus {
    /// What it is called.
    pub name: &'static str,
    /// The first position it has not seen.
    pub next_position: u64,
    /// Why it stopped, if it did.
    pub failed: Option<String>,
}

#[derive(Default)]
struct Recent {
    batches: VecDeque<Batch>,
    records: usize,
    durable: u64,
    closed: bool,
    followers: Vec<FollowerStatus>,
}

impl Recent {
    /// What there is from `position` on.
    fn next(&self, position: u64) -> Next {
        if self.durable < position {
            return if self.closed { Next::Closed } else { Next::Nothing };
        }
        let known = |batch: &Batch| batch.first().is_some_and(|record| record.moment.position <= position);
        let Some(first) = self.batches.iter().rposition(known) else { return Next::Behind };
        if self.batches[first].last().is_none_or(|record| record.moment.position < position) {
            return Next::Behind;
        }
        let mut records = 0;
        let step = |batch: &&Batch| {
            records += batch.len();
            records <= STEP_RECORDS_MAX || records == batch.len()
        };
        Next::Fresh(self.batches.iter().skip(first).take_while(step).cloned().collect())
    }

    /// Takes out what every follower has had, and the oldest of what is too much. To be dropped without the lock: it
    /// takes a while.
    fn trim(&mut self) -> Vec<Batch> {
        let going_on = self.followers.iter().filter(|follower| follower.failed.is_none());
        let wanted = going_on.map(|follower| follower.next_position).min().unwrap_or(u64::MAX);
        let mut old = Vec::new();
        while let Some(first) = self.batches.front() {
            let had = first.last().is_none_or(|record| record.moment.position < wanted);
            if !had && (self.records <= RECENT_RECORDS_MAX || self.batches.len() == 1) {
                break;
            }
            self.records -= first.len();
            old.extend(self.batches.pop_front());
        }
        old
    }
}

/// What the writer has made durable, for followers to pick up.
#[derive(Default)]
pub(crate) struct Feed {
    recent: Mutex<Recent>,
    fresh: Condvar,
}

fn unpoisoned<'a, T>(guard: Result<MutexGuard<'a, T>, PoisonError<MutexGuard<'a, T>>>) -> MutexGuard<'a, T> {
    guard.unwrap_or_else(PoisonError::into_inner)
}

enum Next {
    Fresh(Vec<Batch>),
    Behind,
    Nothing,
    Closed,
}

impl Feed {
    pub(crate) fn starting_at(durable: u64) -> Arc<Self> {
        let feed = Self::default();
        unpoisoned(feed.recent.lock()).durable = durable;
        Arc::new(feed)
    }

    /// Makes a durable batch known.
    pub(crate) fn publish(&self, batch: Batch) {
        let Some(last) = batch.last() else { return };
        let mut recent = unpoisoned(self.recent.lock());
        recent.durable = last.moment.position;
        recent.records += batch.len();
        recent.batches.push_back(batch);
        let old = recent.trim();
        drop(recent);
        self.fresh.notify_all();
        drop(old);
    }

    /// No more will come: followers take what is left and end.
    pub(crate) fn close(&self) {
        unpoisoned(self.recent.lock()).closed = true;
        self.fresh.notify_all();
    }

    pub(crate) fn statuses(&self) -> Vec<FollowerStatus> {
        unpoisoned(self.recent.lock()).followers.clone()
    }

    /// What there is from `position` on, once there is anything.
    fn wait(&self, position: u64) -> Next {
        let mut recent = unpoisoned(self.recent.lock());
        loop {
            match recent.next(position) {
                Next::Nothing => recent = unpoisoned(self.fresh.wait(recent)),
                next @ (Next::Fresh(_) | Next::Behind | Next::Closed) => return next,
            }
        }
    }

    fn report(&self, status: FollowerStatus) {
        let mut recent = unpoisoned(self.recent.lock());
        match recent.followers.iter_mut().find(|known| known.name == status.name) {
            Some(known) => *known = status,
            None => recent.followers.push(status),
        }
        let old = recent.trim();
        drop(recent);
        drop(old);
    }
}

/// Followers see only what is durable. So one that has seen more than the journal holds proves that the journal has lost
/// its end, which by itself looks like one that was torn before anybody was answered.
pub(crate) fn refuse_lost_end(recovered: &Recovered, followers: &[ReadAlong]) -> io::Result<()> {
    let durable = recovered.chain.tail().next_position - 1;
    let ahead = followers.iter().find(|(follower, _)| follower.next_position() > durable + 1);
    ahead.map_or(Ok(()), |(follower, _)| {
        let (name, seen) = (follower.name(), follower.next_position() - 1);
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!(
                "the journal ends at position {durable}, but {name} has seen position {seen}: \
                 acknowledged records are lost"
            ),
        ))
    })
}

/// A follower, and where it gets its records.
pub(crate) struct Following {
    follower: Box<dyn Follower>,
    feed: Arc<Feed>,
    reader: Box<dyn JournalReader>,
    has_failed: bool,
}

impl Following {
    pub(crate) fn new(follower: Box<dyn Follower>, feed: Arc<Feed>, reader: Box<dyn JournalReader>) -> Self {
        let following = Self { follower, feed, reader, has_failed: false };
        following.report(None);
        following
    }

    /// Starts its thread.
    pub(crate) fn start(mut self) -> std::io::Result<JoinHandle<()>> {
        std::thread::Builder::new().name(self.follower.name().to_owned()).spawn(move || {
            stand_back(self.follower.name());
            if let Err(error) = self.run() {
                self.fail(&error);
            }
        })
    }

    /// Takes what there is now, without waiting. False when there is nothing, or it has failed, now or before.
    pub(crate) fn step(&mut self) -> bool {
        if self.has_failed {
            return false;
        }
        let next = unpoisoned(self.feed.recent.lock()).next(self.follower.next_position());
        self.take(next).unwrap_or_else(|error| {
            self.fail(&error);
            false
        })
    }

    fn run(&mut self) -> Result<(), FollowerError> {
        loop {
            let next = self.feed.wait(self.follower.next_position());
            if !self.take(next)? {
                return Ok(());
            }
            let pace = self.follower.pace();
            if !pace.is_zero() && !unpoisoned(self.feed.recent.lock()).closed {
                std::thread::sleep(pace);
            }
        }
    }

    /// Hands records to the follower; false when there are none.
    fn take(&mut self, next: Next) -> Result<bool, FollowerError> {
        let position = self.follower.next_position();
        let batches = match next {
            Next::Closed | Next::Nothing => return Ok(false),
            Next::Fresh(batches) => batches,
            Next::Behind => catch_up(self.reader.as_ref(), position)?,
        };
        follow_from(self.follower.as_mut(), position, &batches)?;
        self.report(None);
        Ok(true)
    }

    fn fail(&mut self, error: &FollowerError) {
        self.has_failed = true;
        let (follower, why) = (self.follower.name(), with_causes(error.as_ref()));
        tracing::error!(follower, why, "a follower has stopped; the others go on");
        self.report(Some(why));
    }

    fn report(&self, failed: Option<String>) {
        let (name, next_position) = (self.follower.name(), self.follower.next_position());
        self.feed.report(FollowerStatus { name, next_position, failed });
    }
}

/// What the error says, and what those below it add to that.
fn with_causes(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(below) = cause {
        let why = below.to_string();
        if !said.contains(&why) {
            said = format!("{said}: {why}");
        }
        cause = below.source();
    }
    said
}

/// A batch may begin before the follower's cursor, when the cursor was written in the middle of one.
fn follow_from(follower: &mut dyn Follower, position: u64, batches: &[Batch]) -> Result<(), FollowerError> {
    let Some((first, rest)) = batches.split_first() else { return Ok(()) };
    let seen = first.iter().take_while(|record| record.moment.position < position).count();
    if seen == 0 {
        return follower.follow(batches);
    }
    follower.follow(&[Arc::new(first[seen..].to_vec())])?;
    if rest.is_empty() { Ok(()) } else { follower.follow(rest) }
}

fn catch_up(reader: &dyn JournalReader, position: u64) -> Result<Vec<Batch>, FollowerError> {
    let read = reader.read_from(position, CATCH_UP_BYTES)?;
    if read.is_empty() {
        return Err(format!("the journal does not hold position {position}, which was written").into());
    }
    let mut batches = Vec::new();
    let skipped = usize::from(planted!("follower-skips") && read.len() > 1);
    for batch in read.into_iter().skip(skipped) {
        let decode =
            |framed: Result<(u64, &[u8]), crate::journal::BadRecord>| -> Result<Record, FollowerError> {
                let (position, body) = framed?;
                Ok(decode_record(position, body)?)
            };
        batches.push(Arc::new(batch.unframe().map(decode).collect::<Result<Vec<_>, _>>()?));
    }
    Ok(batches)
}
