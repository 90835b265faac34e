//! Faults as they strike, and as they end.

use super::disk::WriteFault;
use super::faults::{Faults, Strike};
use super::read_side::{Loss, ReadSide};
use super::shard::Shard;
use super::wire::End;
use super::{Happening, MS, World};
use crate::auditor::Violation;
use node::journal::verify_chain;
use node::recover;

/// So many crashes in a thousand cost followers what they had written.
const LOSS_PERMILLE: u64 = 250;

/// A fault ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Relief {
    /// A node comes up in this shard, if none leads it.
    Restart(usize),
    /// There is room on the disk again.
    Room(usize),
    /// Links carry again.
    Links,
}

impl World<'_> {
    /// Something goes wrong.
    pub(super) fn strike(&mut self) -> Result<(), Violation> {
        let Some(pause) = self.faults.pause(&mut self.dice) else { return Ok(()) };
        self.schedule(pause, Happening::Strikes);
        let strike = self.faults.next(&mut self.dice);
        let shard = usize::try_from(self.dice.below(self.shards.len() as u64)).expect("few shards");
        self.story.tell(|| format!("strikes shard {shard}: {}", strike.name()));
        *self.struck.entry(strike.name()).or_default() += 1;
        match strike {
            Strike::Crash => self.crash(shard)?,
            Strike::DamageJournal => {
                self.crash(shard)?;
                self.damage_journal(shard)?;
            }
            Strike::DamageSnapshots => {
                self.crash(shard)?;
                self.shards[shard].disk.damage_snapshots(&mut self.dice);
            }
            Strike::SecondLeader => self.second_leader(shard, false)?,
            Strike::PausedLeader => self.second_leader(shard, true)?,
            Strike::Pause => self.pause(shard),
            Strike::DiskFull => {
                self.shards[shard].disk.fail_next_write(WriteFault::Full);
                let later = self.dice.between(MS, 3_000 * MS);
                self.schedule(later, Happening::Relieved(Relief::Room(shard)));
            }
            Strike::SyncFailsWritten => self.shards[shard].disk.fail_next_write(WriteFault::SyncFailsWritten),
            Strike::SyncFailsLost => self.shards[shard].disk.fail_next_write(WriteFault::SyncFailsLost),
            Strike::ClockJump => self.jump(shard),
            Strike::CutOneWay => self.cut(shard, false),
            Strike::CutBothWays => self.cut(shard, true),
            Strike::FollowerStops => {
                self.shards[shard].witness.seen().fails_next = true;
                if let Some(read_side) = &self.shards[shard].read_side {
                    read_side.stop_one(&mut self.aside);
                }
            }
            Strike::Snapshot => self.snapshot(shard)?,
        }
        Ok(())
    }

    /// A fault ends.
    pub(super) fn relieve(&mut self, relief: Relief) -> Result<(), Violation> {
        self.story.tell(|| format!("relief: {relief:?}"));
        match relief {
            Relief::Restart(shard) if self.shards[shard].leaders.is_empty() => self.lead(shard)?,
            Relief::Restart(_) => {}
            Relief::Room(shard) => self.shards[shard].disk.heal(),
            Relief::Links => self.wire.mend(),
        }
        Ok(())
    }

    /// Nothing goes wrong any more, and every shard has one leader.
    pub(super) fn stop_faults(&mut self) -> Result<(), Violation> {
        self.story.tell(|| "faults stop".to_owned());
        self.faults = Faults::none();
        self.wire.mend();
        for shard in 0..self.shards.len() {
            self.shards[shard].disk.heal();
            self.shards[shard].clock.set_right();
            // A follower that stopped goes on when its node is started again, which an operator does.
            let has_failed = |leader: &super::shard::Leader| {
                leader.node.handle().status().followers.iter().any(|follower| follower.failed.is_some())
            };
            let end = self.shards[shard].disk.end();
            let leaders = &mut self.shards[shard].leaders;
            // Of two leaders the one goes that is behind: it would be fenced at its next write.
            leaders
                .retain(|leader| leader.node.handle().durable_position() + 1 == end && !has_failed(leader));
            leaders.truncate(1);
            self.shards[shard].witness.seen().fails_next = false;
            self.shards[shard].read_side.iter().for_each(ReadSide::heal);
            if self.shards[shard].leaders.is_empty() {
                self.lead(shard)?;
            }
            self.shards[shard].leaders[0].paused_until = 0;
            self.tick_in(shard, 0, 0);
        }
        Ok(())
    }

    fn crash(&mut self, shard: usize) -> Result<(), Violation> {
        self.shards[shard].leaders.clear();
        let later = self.dice.below(2_000 * MS);
        self.schedule(later, Happening::Relieved(Relief::Restart(shard)));
        self.crash_read_side(shard)
    }

    /// Some crashes are the machine's, and leave less of the followers' files than was written.
    fn crash_read_side(&mut self, shard: usize) -> Result<(), Violation> {
        let Shard { read_side, disk, .. } = &self.shards[shard];
        let Some(read_side) = read_side else { return Ok(()) };
        if read_side.close() && self.aside.permille(LOSS_PERMILLE) {
            let loss = *self.aside.pick(&Loss::ALL);
            self.story.tell(|| format!("shard {shard}: {}", loss.name()));
            *self.struck.entry(loss.name()).or_default() += 1;
            read_side.lose(loss, disk, &mut self.aside).map_err(|why| Violation {
                invariant: "recovery",
                told: format!("the followers of shard {shard} cannot be set back: {why}"),
            })?;
        }
        Ok(())
    }

    /// Damage is found before anything is built on it, and then mended by an operator from a copy.
    fn damage_journal(&mut self, shard: usize) -> Result<(), Violation> {
        let Some((damage, from)) = self.shards[shard].disk.damage(&mut self.dice) else { return Ok(()) };
        let unseen = |by: &str| Violation {
            invariant: "damage is found",
            told: format!("{damage:?} from position {from} on in shard {shard} is not found by {by}"),
        };
        let disk = &self.shards[shard].disk;
        if verify_chain(disk, |_| ()).is_ok() {
            return Err(unseen("the proof of the journal"));
        }
        let is_read = disk.snapshot_at().is_none_or(|at| from >= at);
        if is_read && recover(self.shards[shard].setup, disk, disk, |_| ()).is_ok() {
            return Err(unseen("the start of a node"));
        }
        disk.mend();
        Ok(())
    }

    fn second_leader(&mut self, shard: usize, first_stands_still: bool) -> Result<(), Violation> {
        if self.shards[shard].leaders.len() != 1 {
            return Ok(());
        }
        if first_stands_still {
            self.pause(shard);
        }
        self.lead(shard)
    }

    fn pause(&mut self, shard: usize) {
        let until = self.now_ns() + self.dice.between(MS, 60_000 * MS) / self.dice.between(1, 1_000);
        let Some(leader) = self.shards[shard].last_leader() else { return };
        leader.paused_until = until;
        let number = leader.number;
        leader.tick_at = until;
        let later = until - self.now_ns();
        self.schedule(later, Happening::Tick { shard, leader: number });
    }

    fn jump(&mut self, shard: usize) {
        let far = *self.dice.pick(&[50 * MS, 5_000 * MS, 3_600_000 * MS]);
        let by = i64::try_from(self.dice.between(1, far)).expect("an hour at most");
        let by = if self.dice.permille(500) { by } else { -by };
        self.shards[shard].clock.jump(by);
    }

    fn cut(&mut self, shard: usize, both_ways: bool) {
        let other = usize::try_from(self.dice.below(self.shards.len() as u64 + 1)).expect("few shards");
        let other =
            if other == shard || other == self.shards.len() { End::Clients } else { End::Shard(other) };
        self.wire.cut(End::Shard(shard), other);
        if both_ways {
            self.wire.cut(other, End::Shard(shard));
        }
        let later = self.dice.between(100 * MS, 8_000 * MS);
        self.schedule(later, Happening::Relieved(Relief::Links));
    }

    fn snapshot(&mut self, shard: usize) -> Result<(), Violation> {
        let Some(leader) = self.shards[shard].last_leader() else { return Ok(()) };
        leader.node.snapshot().map_err(|why| Violation {
            invariant: "recovery",
            told: format!("no snapshot of shard {shard} can be made: {why}"),
        })
    }
}
