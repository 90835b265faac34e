//! A node's threads: started together, stopped in order, with a snapshot at the end.

use crate::clock::Clock;
use crate::follower::{self, Feed, Follower};
use crate::handle::{NodeHandle, Shared};
use crate::journal::{Chain, Journal, JournalReader};
use crate::recovery::Recovered;
use crate::snapshot::{Snapshot, Snapshots};
use crate::snapshotter::Snapshotter;
use crate::writer::{Committer, Writer};
use crossbeam_channel::bounded;
use engine::Engine;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use tokio::sync::broadcast;
use vocabulary::UserId;

/// How many batches a slow live subscriber may be behind before it is told that it missed some.
const LIVE_BATCHES: usize = 1_024;

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
    /// Who reads along, each with a reader of its own for when it is behind.
    pub followers: Vec<(Box<dyn Follower>, Box<dyn JournalReader>)>,
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
        let durable = recovered.engine.last().map_or(0, |moment| moment.position);
        follower::refuse_lost_end(durable, followers.iter().map(|(follower, _)| follower.as_ref()))?;
        let feed = Feed::starting_at(durable);
        let (jobs_in, jobs) = bounded(config.waiting_max);
        let shared = Arc::new(Shared {
            feed: Arc::clone(&feed),
            live: broadcast::channel(LIVE_BATCHES).0,
            durable: AtomicU64::new(durable),
            waiting: AtomicUsize::new(0),
            waiting_max: config.waiting_max,
            stopping: AtomicBool::new(false),
            halted: Mutex::new(None),
            clock_jumps: AtomicU64::new(0),
        });
        let started = followers
            .into_iter()
            .map(|(follower, reader)| follower::start(follower, Arc::clone(&feed), reader));
        let followers = started.collect::<io::Result<Vec<_>>>()?;
        let (snapshots, reader) = snapshots;
        let snapshotter = Snapshotter {
            hosts: recovered.engine.hosts(),
            reader,
            snapshots,
            every: config.snapshot_every,
            last: recovered.from_snapshot.unwrap_or_default(),
            shared: Arc::clone(&shared),
        };
        let snapshotter = Builder::new().name("snapshots".to_owned()).spawn(move || snapshotter.run())?;
        let (committer, batches) = Committer::new(journal, recovered.chain, Arc::clone(&shared));
        let committer = Builder::new().name("committer".to_owned()).spawn(move || committer.run())?;
        let system = config.system;
        let writer = Writer { engine: recovered.engine, clock, jobs, shared: Arc::clone(&shared), system };
        let halting = Arc::clone(&shared);
        let writer = Builder::new().name("writer".to_owned()).spawn(move || {
            let guard = HaltOnPanic(halting);
            let engine = writer.run(&batches);
            std::mem::forget(guard);
            engine
        })?;
        Ok(Self { handle: NodeHandle { jobs: jobs_in, shared }, writer, committer, followers, snapshotter })
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
        for follower in self.followers {
            // A follower that failed has said so in its status.
            drop(follower.join());
        }
        let mut snapshots = self.snapshotter.join().map_err(|_| "the snapshots failed".to_owned())?;
        if let Some(why) = self.handle.shared.halted() {
            return Err(why);
        }
        let engine = engine.map_err(|_| "the writer failed".to_owned())?;
        let snapshot = Snapshot { shard: journal.shard(), at: chain.tail(), body: engine.snapshot() };
        snapshots.save(&snapshot).map_err(|error| error.to_string())
    }
}

/// A bug in the writer halts the node: nobody may wait for it for ever.
struct HaltOnPanic(Arc<Shared>);

impl Drop for HaltOnPanic {
    fn drop(&mut self) {
        self.0.halt("the writer met a state that cannot be: see the log; the journal is as it was");
        self.0.stopping.store(true, Ordering::Relaxed);
    }
}
