//! How a history ends: everything comes to its end once faults stop, and what is left is the same however it is read.

use super::clock::BEGINNING_NS;
use super::shard::Shard;
use super::witness::Seen;
use super::{MS, World};
use crate::auditor::Violation;
use engine::{Due, Engine};
use node::journal::{Chain, JournalReader};
use node::{follow_journal, verify};
use vocabulary::Timestamp;

/// Without faults, everything is over after so long.
const CALM_NS: u64 = 60_000 * MS;
/// For each request of the closing, longer: a settlement run of many trades takes its time.
const PAUSE_NS: u64 = 5 * MS;

impl World<'_> {
    /// Time passes until nothing is under way.
    pub(super) fn calm(&mut self) -> Result<(), Violation> {
        let until = self.now_ns() + CALM_NS;
        while !self.is_calm() {
            if self.now_ns() > until {
                return Err(Violation { invariant: "liveness", told: self.under_way() });
            }
            self.step()?;
        }
        Ok(())
    }

    /// The day is closed in order.
    pub(super) fn close(&mut self) -> Result<(), Violation> {
        loop {
            let now = Timestamp(BEGINNING_NS + self.now_ns());
            let Some(asked) = self.workload.closing(now) else { return Ok(()) };
            self.ask(asked);
            self.calm()?;
            let until = self.now_ns() + PAUSE_NS;
            while self.now_ns() < until {
                self.step()?;
            }
            self.calm()?;
        }
    }

    /// Nothing is under way. What is there must be complete, and the same in every copy.
    pub(super) fn end(&mut self) -> Result<(), Violation> {
        self.story.tell(|| "the end".to_owned());
        for shard in 0..self.shards.len() {
            while self.shards[shard].leaders[0].node.follow() {}
            self.same_in_every_copy(shard)?;
            self.follower_is_complete(shard)?;
            let Shard { read_side, leaders, disk, .. } = &self.shards[shard];
            if let Some(read_side) = read_side {
                let followers = leaders[0].node.handle().status().followers;
                if let Some(stopped) = followers.iter().find(|follower| follower.failed.is_some()) {
                    let told = format!("in {:?} there is {stopped:?}", self.shards[shard].name);
                    return Err(Violation { invariant: "followers go on", told });
                }
                read_side.is_complete(leaders[0].node.engine(), disk)?;
            }
        }
        self.auditor.ended()
    }

    fn is_calm(&self) -> bool {
        self.clients.is_calm()
            && self.shards.iter().all(|shard| {
                let is_due = |engine: &Engine| {
                    let last = engine.last().unwrap_or_default().time;
                    matches!(engine.due(shard.clock.time().max(last)), Due::Now(_))
                };
                shard.is_shown()
                    && !shard.leaders.is_empty()
                    && shard.leaders.iter().all(|leader| leader.is_calm() && !is_due(leader.node.engine()))
            })
    }

    fn under_way(&self) -> String {
        let of = |shard: &super::shard::Shard| {
            let leaders: Vec<_> = shard
                .leaders
                .iter()
                .map(|leader| {
                    let state = leader.node.engine().state();
                    (state.stuck(Timestamp(u64::MAX), 3), state.outbox.len(), leader.node.has_decided())
                })
                .collect();
            format!("{} {}: {leaders:?}", shard.name.context, shard.name.number)
        };
        let shards: Vec<_> = self.shards.iter().map(of).collect();
        format!("it does not come to an end: clients calm {}, {}", self.clients.is_calm(), shards.join("; "))
    }

    /// A replica that only applies, one that decides everything again, and the leader hold the same state.
    fn same_in_every_copy(&self, shard: usize) -> Result<(), Violation> {
        let shard = &self.shards[shard];
        let differs = |told: String| Violation { invariant: "replicas are equal", told };
        let mut replica = Engine::new(shard.setup);
        follow_journal(&shard.disk, Chain::genesis(shard.disk.shard()), |record| {
            replica.apply(&record);
            Ok(())
        })
        .map_err(|why| differs(why.to_string()))?;
        let (_, decided) =
            verify(shard.setup, &shard.disk, |_| ()).map_err(|why| differs(why.to_string()))?;
        let leader = shard.leaders[0].node.engine().snapshot();
        for (copy, state) in [("a replica", replica.snapshot()), ("a second decision", decided.snapshot())] {
            if state != leader {
                return Err(differs(format!("the leader of {:?} and {copy} differ", shard.name)));
            }
        }
        Ok(())
    }

    /// The follower has seen everything once.
    fn follower_is_complete(&self, shard: usize) -> Result<(), Violation> {
        let shard = &self.shards[shard];
        let mut digest = 0;
        let followed = follow_journal(&shard.disk, Chain::genesis(shard.disk.shard()), |record| {
            digest = Seen::fold(digest, record.moment.position, record.moment.time.0);
            Ok(())
        });
        let end = followed.map(|chain| chain.tail().next_position).unwrap_or_default();
        let seen = shard.witness.seen();
        if (seen.next_position, seen.digest) == (end, digest) {
            return Ok(());
        }
        let told =
            format!("the follower of {:?} is at {}, the journal at {end}", shard.name, seen.next_position);
        Err(Violation { invariant: "followers see everything once", told })
    }
}
