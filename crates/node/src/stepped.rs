//! A node without threads: the same writer, committer, followers and snapshots, driven step by step by whoever holds it.
//!
//! For running many nodes in one thread, where the order of all steps is chosen, as a simulation does. Between two steps
//! a node can be dropped, which is what a crash leaves behind: whatever its journal and snapshots hold.

use crate::follower::{Following, refuse_lost_end};
use crate::handle::{NodeHandle, Shared};
use crate::recovery::RecoveryError;
use crate::running::{NodeConfig, NodeParts};
use crate::snapshotter::Snapshotter;
use crate::writer::{Committer, Decided, Writer};
use engine::Engine;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A node that does nothing by itself.
pub struct SteppedNode {
    handle: NodeHandle,
    writer: Writer,
    decided: Decided,
    committer: Committer,
    followers: Vec<Following>,
    snapshotter: Snapshotter,
}

impl SteppedNode {
    /// Puts it together.
    ///
    /// # Errors
    /// When a follower has seen more than the journal holds.
    pub fn new(config: &NodeConfig, parts: NodeParts) -> io::Result<Self> {
        let NodeParts { recovered, journal, snapshots: (snapshots, reader), clock, followers } = parts;
        refuse_lost_end(&recovered, &followers)?;
        let (shared, jobs_in, jobs) = Shared::after(&recovered, config);
        shared.leading.store(true, Ordering::Release);
        let feed = &shared.feed;
        let followers = followers.into_iter();
        let followers =
            followers.map(|(follower, reader)| Following::new(follower, Arc::clone(feed), reader));
        Ok(Self {
            followers: followers.collect(),
            snapshotter: Snapshotter::new(config, &recovered, reader, snapshots, Arc::clone(&shared)),
            writer: Writer {
                shard: journal.shard(),
                engine: recovered.engine,
                clock,
                jobs,
                shared: Arc::clone(&shared),
                system: config.system,
            },
            decided: Decided::default(),
            committer: Committer::new(journal, recovered.chain, Arc::clone(&shared)),
            handle: NodeHandle { jobs: jobs_in, shared },
        })
    }

    /// A handle to it. Only what does not wait makes sense: [`NodeHandle::enqueue`].
    #[must_use]
    pub fn handle(&self) -> NodeHandle {
        self.handle.clone()
    }

    /// The engine, which may be ahead of what is durable.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.writer.engine
    }

    /// Decides what waits, as far as one batch goes, and one step of what is due if the batch has none. True when it
    /// took one, so that more may be due.
    pub fn decide(&mut self) -> bool {
        self.writer.decide_waiting(&mut self.decided)
    }

    /// Whether something is decided and not written.
    #[must_use]
    pub fn has_decided(&self) -> bool {
        !self.decided.is_empty()
    }

    /// Writes what is decided, and lets go what waited for it. False when that failed: the node has halted.
    pub fn commit(&mut self) -> bool {
        let (answers, is_durable) = self.committer.write(std::mem::take(&mut self.decided));
        self.handle.shared.let_go(answers);
        is_durable
    }

    /// Lets each follower take what there is. True when one of them did.
    pub fn follow(&mut self) -> bool {
        let mut any = false;
        for follower in &mut self.followers {
            any |= follower.step();
        }
        any
    }

    /// Keeps a snapshot of what is durable.
    ///
    /// # Errors
    /// When the journal is not sound, or the snapshot could not be stored.
    pub fn snapshot(&mut self) -> Result<(), RecoveryError> {
        self.snapshotter.take()
    }
}
