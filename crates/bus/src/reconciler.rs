//! Consumes events, and reconciles them with the journal of the service that it works for.
//!
//! Whoever leads a service runs one. Invariant: what it has read and what came of it are kept together, and only if nobody
//! else has kept more meanwhile: so each event takes effect once, whoever is killed when. When Kafka or the database is away
//! it tries on and on; nobody waits for it.

use crate::feed::{Feed, Next, Received};
use crate::publish::Place;
use crate::reconciliation::{Changes, Kept, Reconciliation};
use crate::status::ReconcilerStatus;
use crate::topics::KafkaSettings;
use crate::witness::{Passing, Witness};
use crate::worker::{Stop, Worker};
use engine::Context;
use node::decode_record;
use node::journal::JournalReader;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// How many events are taken in at once, at most.
const EVENTS_MAX: usize = 5_000;
/// How much of the journal is taken in at once, in bytes of it.
const JOURNAL_BYTES: usize = 512 * 1024;
/// How often what was taken in is kept: what comes meanwhile is kept together.
const ROUND: Duration = Duration::from_millis(500);
/// How long one look for more takes.
const LOOK: Duration = Duration::from_millis(100);
/// With more records than that to read it hurries.
const BEHIND: u64 = 1_000;
/// How long it waits before it tries again.
const PAUSE: Duration = Duration::from_millis(500);

/// Where a reconciliation is kept.
pub trait Keep: Send {
    /// What is kept, and which revision that is.
    ///
    /// # Errors
    /// When it cannot be read now.
    fn load(&mut self) -> Result<(i64, Kept), Box<dyn Error>>;

    /// Keeps more, if `revision` is still the one that is kept: then true, and the next one is kept.
    ///
    /// # Errors
    /// When it cannot be kept now, or nobody knows whether it was.
    fn save(&mut self, revision: i64, changes: &Changes) -> Result<bool, Box<dyn Error>>;
}

/// Reconciles for the service `own`. `durable` says up to where the journal may be read while this process leads, and nothing
/// while it does not; `status` is told how it goes, and `witness`, if there is one, of each event that states something.
///
/// # Errors
/// When the system gives no thread.
pub fn reconcile(
    settings: KafkaSettings,
    own: Context,
    reader: Box<dyn JournalReader>,
    keep: Box<dyn Keep>,
    durable: impl Fn() -> Option<u64> + Send + 'static,
    status: Arc<ReconcilerStatus>,
    witness: Option<Arc<dyn Witness>>,
) -> io::Result<Worker> {
    Worker::start("reconciler", move |stop| {
        Reconciling { settings, own, reader, keep, durable, status, witness, stop }.run();
    })
}

struct Reconciling<D> {
    settings: KafkaSettings,
    own: Context,
    reader: Box<dyn JournalReader>,
    keep: Box<dyn Keep>,
    durable: D,
    status: Arc<ReconcilerStatus>,
    witness: Option<Arc<dyn Witness>>,
    stop: Stop,
}

impl<D: Fn() -> Option<u64>> Reconciling<D> {
    fn run(&mut self) {
        while !self.stop.is_told() {
            // One who is not to go on any more is not in trouble.
            if let Err(trouble) = self.reconcile()
                && self.may_go_on().is_some()
            {
                let trouble = trouble.to_string();
                if self.status.is_in_trouble(Some(&trouble)) {
                    tracing::warn!(trouble, "events are not reconciled now");
                }
            }
            thread::sleep(PAUSE);
        }
    }

    /// Up to where the journal may be read, if this is to go on.
    fn may_go_on(&self) -> Option<u64> {
        (self.durable)().filter(|_| !self.stop.is_told())
    }

    /// Goes on until this process does not lead any more, or another one has kept what it has found.
    fn reconcile(&mut self) -> Result<(), Box<dyn Error>> {
        if self.may_go_on().is_none() {
            return Ok(());
        }
        let (mut revision, kept) = self.keep.load()?;
        let mut all = Reconciliation::resume(self.own, self.reader.shard(), &kept)?;
        let offsets =
            all.offsets().map(|(context, partition, offset)| ((context, partition), offset)).collect();
        let mut feed = Feed::open_at(&self.settings, Reconciliation::sources(self.own), &offsets)?;
        self.status.stands(all.stands());
        let mut told = Instant::now();
        while let Some(durable) = self.may_go_on() {
            // One who has much to read does not wait for more.
            let is_behind = durable.saturating_sub(all.next_position()) > BEHIND;
            self.hear(&mut feed, &mut all, is_behind)?;
            self.read_journal(&mut all, durable)?;
            if let Some(changes) = all.take_changes() {
                if !self.keep.save(revision, &changes)? {
                    tracing::info!(revision, "another process has reconciled meanwhile");
                    return Ok(());
                }
                revision += 1;
            }
            // It is counted anew each time, which one who has much to read has no time for.
            if told.elapsed() >= ROUND {
                self.status.stands(all.stands());
                told = Instant::now();
            }
            if self.status.is_in_trouble(None) {
                tracing::info!("events are reconciled again");
            }
        }
        Ok(())
    }

    /// Takes in the next records of the journal.
    fn read_journal(&self, all: &mut Reconciliation, durable: u64) -> Result<(), Box<dyn Error>> {
        if all.next_position() > durable {
            return Ok(());
        }
        for batch in self.reader.read_from(all.next_position(), JOURNAL_BYTES)? {
            for framed in batch.unframe() {
                let (position, body) = framed?;
                if position <= durable {
                    all.record(&decode_record(position, body)?);
                }
            }
        }
        Ok(())
    }

    /// Takes in what comes within a round; one who is in a hurry waits for nothing.
    fn hear(
        &self,
        feed: &mut Feed,
        all: &mut Reconciliation,
        is_in_a_hurry: bool,
    ) -> Result<(), Box<dyn Error>> {
        let end = Instant::now() + ROUND;
        let look = if is_in_a_hurry { Duration::ZERO } else { LOOK };
        for _ in 0..EVENTS_MAX {
            match feed.next(look)? {
                Next::Event(received) => {
                    let partition = (received.context, received.partition);
                    if all.hear(partition, received.offset, &received.name, &received.event) {
                        self.consumed(*received);
                    }
                }
                Next::End | Next::Nothing if is_in_a_hurry => return Ok(()),
                Next::End | Next::Nothing => {}
            }
            if Instant::now() >= end {
                break;
            }
        }
        Ok(())
    }

    fn consumed(&self, received: Received) {
        let Some(witness) = &self.witness else { return };
        let Received { context, name, event, .. } = received;
        let place = Place { position: event.position, index: event.index };
        witness.consumed(&Passing {
            context,
            name,
            place,
            thread: event.correlation_id,
            since: SystemTime::now(),
        });
    }
}
