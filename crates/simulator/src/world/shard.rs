//! A shard: its disk, its clock, and those who believe to lead it.

use super::clock::MachineClock;
use super::disk::Disk;
use super::read_side::ReadSide;
use super::witness::Witness;
use crate::auditor::ShardName;
use engine::{MessageId, Receipt, Request, Setup};
use node::journal::JournalReader;
use node::journal::first_position;
use node::{NodeConfig, NodeParts, Postman, SteppedNode, Unavailable, recover};
use std::error::Error;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

/// Who asked, and is to be answered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    /// A client, by the number of his request.
    Client(u64),
    /// Another shard's node.
    Node { shard: usize, message: MessageId },
}

type Answer = oneshot::Receiver<Result<Vec<Receipt>, Unavailable>>;

/// A node that believes to lead its shard.
pub(super) struct Leader {
    /// Tells it from those before it.
    pub(super) number: u64,
    pub(super) node: SteppedNode,
    asked: Vec<(Origin, Answer)>,
    postman: Postman,
    /// It does nothing before that time.
    pub(super) paused_until: u64,
    /// When it does something next.
    pub(super) tick_at: u64,
}

impl Leader {
    /// Hands it a request. One that it does not take is lost, as if the connection were.
    pub(super) fn ask(&mut self, origin: Origin, request: Request) {
        if let Ok(answer) = self.node.handle().enqueue(vec![request]) {
            self.asked.push((origin, answer));
        }
    }

    /// What can be told now. Those whom it could not serve hear nothing, and ask again.
    pub(super) fn answers(&mut self) -> Vec<(Origin, Receipt)> {
        let mut answers = Vec::new();
        self.asked.retain_mut(|(origin, answer)| match answer.try_recv() {
            Ok(receipts) => {
                answers.extend(receipts.into_iter().flatten().map(|receipt| (*origin, receipt)));
                false
            }
            Err(TryRecvError::Empty) => true,
            Err(TryRecvError::Closed) => false,
        });
        answers
    }

    /// Messages to other nodes that are to be sent now.
    pub(super) fn parcels(&mut self, now_ns: u64) -> Vec<node::Parcel> {
        let durable = self.node.handle().durable_position();
        self.postman.collect(&self.node.engine().state().outbox, durable, Duration::from_nanos(now_ns))
    }

    /// An operator has asked for it.
    pub(super) fn send_again(&mut self, message: MessageId) {
        self.postman.send_again(message);
    }

    /// Whether it has nothing under way.
    pub(super) fn is_calm(&self) -> bool {
        let state = self.node.engine().state();
        self.asked.is_empty()
            && !self.node.has_decided()
            && state.outbox.is_empty()
            && state.flows.waiting().next().is_none()
    }
}

/// A shard of some contexts.
pub(super) struct Shard {
    pub(super) name: ShardName,
    pub(super) setup: Setup,
    pub(super) disk: Disk,
    pub(super) clock: MachineClock,
    pub(super) witness: Witness,
    /// Views and audit log, in some histories.
    pub(super) read_side: Option<ReadSide>,
    pub(super) leaders: Vec<Leader>,
    /// Answers to its messages that no leader was told yet.
    pub(super) brought: Vec<(MessageId, engine::Answer)>,
    /// The first position that the auditor was not shown.
    pub(super) shown: u64,
}

impl Shard {
    pub(super) fn new(name: ShardName, setup: Setup, clock: MachineClock) -> Self {
        let first = first_position(name.number);
        Self {
            name,
            setup,
            disk: Disk::empty(name.number),
            clock,
            witness: Witness::new(first),
            read_side: None,
            leaders: Vec::new(),
            brought: Vec::new(),
            shown: first,
        }
    }

    /// Brings up a node from what is stored. It leads from now on, or believes so.
    ///
    /// # Errors
    /// When what is stored is damaged, or a follower has seen what the journal does not hold.
    pub(super) fn lead(&mut self, number: u64, now_ns: u64) -> Result<(), Box<dyn Error>> {
        let config = NodeConfig::default();
        let recovered = recover(self.setup, &self.disk, &self.disk, |_| ())?;
        if let Some(read_side) = self.read_side.as_ref().filter(|_| self.leaders.is_empty()) {
            read_side.open()?;
        }
        let parts = NodeParts {
            recovered,
            journal: Box::new(self.disk.journal()),
            snapshots: (Box::new(self.disk.clone()), Box::new(self.disk.clone())),
            clock: Box::new(self.clock.clone()),
            followers: self.followers(),
        };
        let node = SteppedNode::new(&config, parts)?;
        let postman = Postman::new(config.system);
        let (asked, paused_until, tick_at) = (Vec::new(), 0, now_ns);
        self.leaders.push(Leader { number, node, asked, postman, paused_until, tick_at });
        Ok(())
    }

    /// Two leaders feed the same followers, and the one cursor of each says what it has seen.
    fn followers(&self) -> Vec<node::ReadAlong> {
        let mut followers: Vec<Box<dyn node::Follower>> = vec![Box::new(self.witness.clone())];
        if let Some(read_side) = &self.read_side {
            followers.push(Box::new(read_side.views.clone()));
            followers.push(Box::new(read_side.audit.clone()));
        }
        let beside_reader = |follower| -> node::ReadAlong { (follower, Box::new(self.disk.clone())) };
        followers.into_iter().map(beside_reader).collect()
    }

    /// The one who came up last.
    pub(super) fn last_leader(&mut self) -> Option<&mut Leader> {
        self.leaders.last_mut()
    }

    /// Whether everything that is stored was shown to the auditor.
    pub(super) fn is_shown(&self) -> bool {
        self.disk.tail().is_ok_and(|tail| tail.next_position == self.shown)
    }
}
