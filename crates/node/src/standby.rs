//! A node that follows a journal which another one writes, so that it can go on at once where that one ends.
//!
//! It folds in every record as soon as it is durable, and so do those who read along. It decides nothing, but it lets look
//! at its state, which is that of the position that comes with the answer. Who leads, and when that changes, is not known
//! here.

use crate::clock::Clock;
use crate::follower::ReadAlong;
use crate::handle::{Job, NodeHandle, Shared, Unavailable};
use crate::journal::{Chain, Journal, JournalError, JournalReader};
use crate::recovery::{Recovered, RecoveryError, decode_record, follow_journal};
use crate::running::{Around, Node, NodeConfig};
use crate::snapshot::Snapshots;
use crossbeam_channel::Receiver;
use engine::Engine;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// How often the journal is looked at: what comes meanwhile is read at once.
const LOOK: Duration = Duration::from_millis(20);
/// How long to wait when it could not be read.
const AGAIN: Duration = Duration::from_millis(500);
/// How many bytes of journal are read at once.
const READ_BYTES: usize = 1 << 20;

/// What a standby is made of.
pub struct StandbyParts {
    /// The engine as far as the journal was read.
    pub recovered: Recovered,
    /// What the journal is followed with.
    pub reader: Box<dyn JournalReader>,
    /// Where snapshots are kept, and what they are made from.
    pub snapshots: (Box<dyn Snapshots>, Box<dyn JournalReader>),
    /// Who reads along.
    pub followers: Vec<ReadAlong>,
}

/// A node that follows. Dropping it without [`Standby::lead`] or [`Standby::stop`] leaves its threads running.
pub struct Standby {
    around: Around,
    following: JoinHandle<(Engine, Chain)>,
    enough: Arc<AtomicBool>,
}

/// Why a standby cannot lead.
#[derive(Debug, thiserror::Error)]
pub enum CannotLead {
    /// It has stopped following.
    #[error("the standby has stopped: {0}")]
    Stopped(String),
    /// Another has opened the journal for writing since.
    #[error("another node has written to the journal meanwhile")]
    Superseded,
    /// The journal cannot be read to its end, or is damaged.
    #[error(transparent)]
    Journal(#[from] RecoveryError),
    /// The system gives no threads.
    #[error("the node cannot start: {0}")]
    Threads(#[from] io::Error),
}

impl Standby {
    /// Starts to follow.
    ///
    /// # Errors
    /// When somebody who reads along has seen more than the journal holds, or the system gives no threads.
    pub fn start(config: &NodeConfig, parts: StandbyParts) -> io::Result<Self> {
        let StandbyParts { recovered, reader, snapshots, followers } = parts;
        let around = Around::start(config, &recovered, snapshots, followers)?;
        let enough = Arc::new(AtomicBool::new(false));
        let pursuit = Pursuit {
            engine: recovered.engine,
            chain: recovered.chain,
            reader,
            jobs: around.jobs(),
            shared: Arc::clone(&around.shared),
            enough: Arc::clone(&enough),
        };
        let following = Builder::new().name("standby".to_owned()).spawn(move || pursuit.run())?;
        Ok(Self { around, following, enough })
    }

    /// A handle to it, which stays good when it leads.
    #[must_use]
    pub fn handle(&self) -> NodeHandle {
        self.around.handle()
    }

    /// Goes on where the journal ends, as its writer. `journal` was opened for writing, so nobody else adds to it now.
    ///
    /// # Errors
    /// When the journal cannot be folded in to its end.
    pub fn lead(self, journal: Box<dyn Journal>, clock: Box<dyn Clock>) -> Result<Node, CannotLead> {
        self.enough.store(true, Ordering::Relaxed);
        let stopped = || CannotLead::Stopped("a record could not be folded in: see the log".to_owned());
        let (mut engine, chain) = self.following.join().map_err(|_| stopped())?;
        if let Some(why) = self.around.shared.halted() {
            return Err(CannotLead::Stopped(why));
        }
        let stated = journal.tail().map_err(RecoveryError::from)?;
        let mut rest = Vec::new();
        let chain = follow_journal(journal.as_ref(), chain, |record| {
            engine.apply(&record);
            rest.push(record);
            Ok(())
        })?;
        if chain.tail().next_position > stated.next_position {
            return Err(CannotLead::Superseded);
        }
        chain.ends_at(&stated).map_err(RecoveryError::from)?;
        self.around.shared.publish(&Arc::new(rest));
        Ok(self.around.lead(engine, chain, journal, clock)?)
    }

    /// Ends it.
    ///
    /// # Errors
    /// Why it had stopped before.
    pub fn stop(self) -> Result<(), String> {
        self.enough.store(true, Ordering::Relaxed);
        drop(self.following.join());
        let halted = self.around.shared.halted();
        self.around.stop()?;
        halted.map_or(Ok(()), Err)
    }
}

/// The thread that follows.
struct Pursuit {
    engine: Engine,
    chain: Chain,
    reader: Box<dyn JournalReader>,
    jobs: Receiver<Job>,
    shared: Arc<Shared>,
    enough: Arc<AtomicBool>,
}

impl Pursuit {
    fn run(mut self) -> (Engine, Chain) {
        let mut is_reachable = true;
        while !self.enough.load(Ordering::Relaxed) {
            match self.step() {
                Ok(read) => {
                    is_reachable = true;
                    // One who is far behind hurries.
                    if read < READ_BYTES {
                        self.answer_for(LOOK);
                    }
                }
                Err(RecoveryError::Journal(error @ JournalError::Io { .. })) => {
                    if is_reachable {
                        tracing::warn!(%error, "the journal cannot be followed now");
                    }
                    is_reachable = false;
                    self.answer_for(AGAIN);
                }
                Err(error) => {
                    self.shared.halt(&error.to_string());
                    self.shared.stopping.store(true, Ordering::Relaxed);
                    break;
                }
            }
        }
        (self.engine, self.chain)
    }

    /// Lets everybody look at the state who wants to within that time.
    fn answer_for(&self, time: Duration) {
        let end = Instant::now() + time;
        while let Ok(job) = self.jobs.recv_deadline(end) {
            self.answer(job);
        }
    }

    fn answer(&self, job: Job) {
        match job {
            Job::Read(look) => {
                let position = self.engine.last().map_or(0, |moment| moment.position);
                look(self.engine.state(), position)(Ok(()));
            }
            // Not taken from anybody before there is a writer.
            Job::Run { reply, .. } => drop(reply.send(Err(Unavailable::NotLeading))),
            Job::Peek(look) => look(self.engine.state()),
        }
    }

    /// Folds in what there is, to a bound. How many bytes that was.
    fn step(&mut self) -> Result<usize, RecoveryError> {
        let batches = self.reader.read_from(self.chain.tail().next_position, READ_BYTES)?;
        for batch in &batches {
            self.chain.accept(batch)?;
            let mut records = Vec::with_capacity(batch.records as usize);
            for framed in batch.unframe() {
                let (position, body) = framed?;
                let record = decode_record(position, body)?;
                self.engine.apply(&record);
                records.push(record);
            }
            self.shared.publish(&Arc::new(records));
            self.jobs.try_iter().for_each(|job| self.answer(job));
        }
        Ok(batches.iter().map(|batch| batch.bytes.len()).sum())
    }
}
