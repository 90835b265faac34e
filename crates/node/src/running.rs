//! A node's threads: started together, stopped in order, with a snapshot at the end.

use crate::clock::Clock;
use crate::follower::{Following, ReadAlong, refuse_lost_end};
use crate::handle::{Job, NodeHandle, Shared};
use crate::journal::{Chain, Journal, JournalReader};
use crate::recovery::Recovered;
use crate::snapshot::{Snapshot, Snapshots};
use crate::snapshotter::Snapshotter;
use crate::writer::{Committer, Writer, connection};
use crossbeam_channel::{Receiver, Sender};
use engine::Engine;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{Builder, JoinHandle};
use vocabulary::UserId;

/// What can be chosen about a node.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// How many commands may wait for an answer before more are turned away.
    pub waiting_max: usize,
    /// Opaque id under which the node's own commands are recorded.
    pub system: UserId,
    /// A snapshot is kept every so many records, and when the node stops.
    pub snapshot_every: u64,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self { waiting_max: 20_000, system: "system".parse().expect("a valid id"), snapshot_every: 500_000 }
    }
}

/// What a node is made of.
pub struct NodeParts {
    /// The engine at the end of the journal.
    pub recovered: Recovered,
    /// Where batches are written.
    pub journal: Box<dyn Journal>,
    /// Where snapshots are kept, and what they are made from while the node runs.
    pub snapshots: (Box<dyn Snapshots>, Box<dyn JournalReader>),
    /// Where time comes from.
    pub clock: Box<dyn Clock>,
    /// Who reads along.
    pub followers: Vec<ReadAlong>,
}

/// A running node. Dropping it without [`Node::stop`] leaves its threads running.
pub struct Node {
    handle: NodeHandle,
    writer: JoinHandle<Engine>,
    committer: JoinHandle<(Box<dyn Journal>, Chain)>,
    followers: Vec<JoinHandle<()>>,
    snapshotter: JoinHandle<Box<dyn Snapshots>>,
}

impl Node {
    /// Starts the threads.
    ///
    /// # Errors
    /// When a follower has seen more than the journal holds, or the system gives no threads.
    pub fn start(config: &NodeConfig, parts: NodeParts) -> io::Result<Self> {
        let NodeParts { recovered, journal, snapshots, clock, followers } = parts;
        let around = Around::start(config, &recovered, snapshots, followers)?;
        around.lead(recovered.engine, recovered.chain, journal, clock)
    }

    /// A handle to it.
    pub fn handle(&self) -> NodeHandle {
        self.handle.clone()
    }

    /// Takes no more commands, answers those it has, makes them durable, lets followers catch up, and keeps a snapshot.
    ///
    /// # Errors
    /// Why the node had halted, or could not end in order. What was acknowledged is in the journal all the same.
    pub fn stop(self) -> Result<(), String> {
        self.handle.shared.stopping.store(true, Ordering::Relaxed);
        let engine = self.writer.join();
        let (journal, chain) = self.committer.join().map_err(|_| "the committer failed".to_owned())?;
        let mut snapshots = ended(self.followers, self.snapshotter)?;
        if let Some(why) = self.handle.shared.halted() {
            return Err(why);
        }
        let engine = engine.map_err(|_| "the writer failed".to_owned())?;
        let snapshot = Snapshot { shard: journal.shard(), at: chain.tail(), body: engine.snapshot() };
        snapshots.save(&snapshot).map_err(|error| error.to_string())
    }
}

/// What a node has around its writer: those who read along, and whoever asks.
pub(crate) struct Around {
    pub(crate) shared: Arc<Shared>,
    jobs_in: Sender<Job>,
    jobs: Receiver<Job>,
    followers: Vec<JoinHandle<()>>,
    snapshotter: JoinHandle<Box<dyn Snapshots>>,
    system: UserId,
}

impl Around {
    /// Starts the threads that read along. Nothing is taken yet.
    pub(crate) fn start(
        config: &NodeConfig,
        recovered: &Recovered,
        (snapshots, reader): (Box<dyn Snapshots>, Box<dyn JournalReader>),
        followers: Vec<ReadAlong>,
    ) -> io::Result<Self> {
        refuse_lost_end(recovered, &followers)?;
        let (shared, jobs_in, jobs) = Shared::after(recovered, config);
        let feed = Arc::clone(&shared.feed);
        let started = followers
            .into_iter()
            .map(|(follower, reader)| Following::new(follower, Arc::clone(&feed), reader).start());
        let followers = started.collect::<io::Result<Vec<_>>>()?;
        let snapshotter = Snapshotter::new(config, recovered, reader, snapshots, Arc::clone(&shared));
        let snapshotter = Builder::new().name("snapshots".to_owned()).spawn(move || snapshotter.run())?;
        Ok(Self { shared, jobs_in, jobs, followers, snapshotter, system: config.system })
    }

    /// What is asked, for whoever answers until there is a writer.
    pub(crate) fn jobs(&self) -> Receiver<Job> {
        self.jobs.clone()
    }

    pub(crate) fn handle(&self) -> NodeHandle {
        NodeHandle { jobs: self.jobs_in.clone(), shared: Arc::clone(&self.shared) }
    }

    /// Starts the threads that decide and write, from where engine and chain stand.
    pub(crate) fn lead(
        self,
        engine: Engine,
        chain: Chain,
        journal: Box<dyn Journal>,
        clock: Box<dyn Clock>,
    ) -> io::Result<Node> {
        let handle = self.handle();
        let Self { shared, jobs, followers, snapshotter, system, .. } = self;
        let shard = journal.shard();
        let committer = Committer::new(journal, chain, Arc::clone(&shared));
        let (batches, decided) = connection();
        let committer = Builder::new().name("committer".to_owned()).spawn(move || committer.run(&decided))?;
        let writer = Writer { shard, engine, clock, jobs, shared: Arc::clone(&shared), system };
        let halting = Arc::clone(&shared);
        let writer = Builder::new().name("writer".to_owned()).spawn(move || {
            let guard = HaltOnPanic(halting);
            let engine = writer.run(&batches);
            std::mem::forget(guard);
            engine
        })?;
        shared.leading.store(true, Ordering::Release);
        Ok(Node { handle, writer, committer, followers, snapshotter })
    }

    /// Lets those who read along take what there is, and ends them. Gives the store of snapshots back.
    pub(crate) fn stop(self) -> Result<Box<dyn Snapshots>, String> {
        self.shared.stopping.store(true, Ordering::Relaxed);
        self.shared.feed.close();
        ended(self.followers, self.snapshotter)
    }
}

/// Waits for the threads that read along.
fn ended(
    followers: Vec<JoinHandle<()>>,
    snapshotter: JoinHandle<Box<dyn Snapshots>>,
) -> Result<Box<dyn Snapshots>, String> {
    for follower in followers {
        // A follower that failed has said so in its status.
        drop(follower.join());
    }
    snapshotter.join().map_err(|_| "the snapshots failed".to_owned())
}

/// A bug in the writer halts the node: nobody may wait for it for ever.
struct HaltOnPanic(Arc<Shared>);

impl Drop for HaltOnPanic {
    fn drop(&mut self) {
        self.0.halt("the writer met a state that cannot be: see the log; the journal is as it was");
        self.0.stopping.store(true, Ordering::Relaxed);
    }
}
