//! The workload: what clients and operators ask, drawn by seed.
//!
//! A small market in which every edge is near, and moods in which one kind of trouble abounds. What is asked follows
//! from the dice and from the answers alone; what happens inside the nodes is not known here. Invariant: a request that
//! repeats no other has a command id or a client order id that no other has. Deliberately absent: the passing of time,
//! the network, and the clients' repeating of what was not answered.

mod blocks;
mod closing;
mod funds;
mod limits;
mod market;
mod memory;
mod mistakes;
mod mix;
mod orders;
mod pace;
mod phases;
mod policies;
mod repeats;
mod settling;
#[cfg(test)]
mod tests;

use engine::{Command, CommandId, Context, Receipt, Request};
use std::collections::VecDeque;
use std::time::Duration;
use vocabulary::{CorrelationId, Timestamp, UserId};

use crate::Dice;
use closing::Closing;
use market::Market;
use memory::Memory;
use mix::{Act, Mix};
use pace::Pace;

/// Command ids count from here, so that none looks like a correlation id.
const COMMAND_IDS: u128 = 1 << 64;

/// A request and where it goes.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The context that is asked.
    pub context: Context,
    /// Number of the trading shard, or 0: the other contexts have one shard each.
    pub shard: u16,
    /// In a few words, what it is.
    pub label: &'static str,
    /// The request.
    pub request: Request,
}

impl Asked {
    fn goes_where(&self, other: &Self) -> bool {
        (self.context, self.shard) == (other.context, other.shard)
    }
}

/// What a workload must know of the nodes.
#[derive(Clone, Copy, Debug)]
pub struct Topology {
    /// Trading shards have the numbers from 0 to one less than this.
    pub trading_shards: u16,
}

/// A market, those who trade in it, and those who run it.
pub struct Workload {
    dice: Dice,
    market: Market,
    memory: Memory,
    mix: Mix,
    pace: Pace,
    /// What follows on what was asked before; nothing else is drawn until it is asked.
    planned: VecDeque<Act>,
    closing: Option<Closing>,
    /// How many requests were made up so far.
    made: u64,
    now: Timestamp,
}

impl Workload {
    /// Draws a market and a mix.
    ///
    /// # Panics
    /// When there is no trading shard.
    pub fn new(mut dice: Dice, topology: &Topology) -> Self {
        let market = Market::draw(&mut dice, topology.trading_shards);
        let memory = Memory::new(&market);
        let (mix, pace) = (Mix::draw(&mut dice), Pace::draw(&mut dice));
        let (planned, closing) = (VecDeque::new(), None);
        Self { dice, market, memory, mix, pace, planned, closing, made: 0, now: Timestamp::default() }
    }

    /// What defines the market, in order: each is to be answered before the next is asked, and none is refused.
    pub fn definitions(&mut self) -> Vec<Asked> {
        let definitions = self.market.definitions(&mut self.dice);
        definitions.into_iter().map(|(shard, command)| self.operate("define", shard, command)).collect()
    }

    /// What is asked next, at that simulated time. Some of it repeats what was asked before, with the same content or with
    /// another.
    pub fn next(&mut self, now: Timestamp) -> Asked {
        self.now = now;
        let act = self.planned.pop_front().unwrap_or_else(|| self.mix.next(&mut self.dice));
        let asked = self.perform(act);
        self.memory.asked(&asked, now);
        asked
    }

    /// How long until the next is asked: bursts and pauses.
    pub fn pause(&mut self) -> Duration {
        self.pace.next(&mut self.dice, !self.planned.is_empty())
    }

    /// It was answered so, for the first time. Order ids, statuses and block trades are learned from it.
    pub fn answered(&mut self, asked: &Asked, receipt: &Receipt) {
        self.memory.answered(&mut self.market, asked, receipt);
        if let Some(closing) = &mut self.closing {
            closing.answered(&asked.request.command, receipt);
        }
    }

    /// What ends a day in order, once faults have stopped: block trades end, phases close, and days open and settle
    /// until nothing is left to settle. Each is to be asked when the one before is answered and nothing is under way
    /// any more. Nothing: all is asked.
    pub fn closing(&mut self, now: Timestamp) -> Option<Asked> {
        self.now = now;
        if self.closing.is_none() {
            self.planned.clear();
            self.closing = Some(Closing::plan(&mut self.dice, &self.market, &self.memory));
        }
        let (label, shard, command) = self.closing.as_mut()?.next(&self.market)?;
        Some(self.operate(label, shard, command))
    }

    /// Makes a request of what was drawn. What finds nothing to act on becomes an order.
    fn perform(&mut self, act: Act) -> Asked {
        let asked = match act {
            Act::Place(style) => Some(self.place(None, style)),
            Act::PlaceIn(at, style) => Some(self.place(Some(at), style)),
            Act::Race => self.race(),
            Act::Cancel => self.cancel(),
            Act::CancelLatest => self.cancel_latest(),
            Act::CancelNamed => self.cancel_named(),
            Act::Replace => self.replace(),
            Act::Overtake => self.overtake(),
            Act::ReplaceKnown(known) => Some(self.replace_known(known)),
            Act::CancelAll => Some(self.cancel_all()),
            Act::MovePhase => Some(self.move_phase()),
            Act::SetPhase(at, phase) => Some(self.set_phase(at, phase)),
            Act::Reopen => self.reopen(),
            Act::Auction => Some(self.auction()),
            Act::Reference => Some(self.reference()),
            Act::ReferenceOf(at) => Some(self.reference_of(at)),
            Act::NextDay => Some(self.next_day()),
            Act::OpenDay(shard, date) => Some(self.open_day(shard, date)),
            Act::Deposit => Some(self.deposit()),
            Act::DepositTo(holder, shard) => Some(self.deposit_to(holder, shard)),
            Act::Withdraw => Some(self.withdraw()),
            Act::NewAccount => Some(self.new_account()),
            Act::OpenAccount(holder, shard) => Some(self.open_account(holder, shard)),
            Act::Redefine => Some(self.redefine()),
            Act::Quota => Some(self.quota()),
            Act::Limit => Some(self.limit()),
            Act::Thresholds => Some(self.thresholds()),
            Act::KillStorm => Some(self.kill_storm()),
            Act::Engage => Some(self.engage()),
            Act::Lift => self.lift(),
            Act::Process => Some(self.process()),
            Act::Shortfall => Some(self.shortfall()),
            Act::Shortage => Some(self.shortage()),
            Act::Cover => self.cover(),
            Act::Calendar => Some(self.calendar()),
            Act::Model => Some(self.model()),
            Act::Propose => Some(self.propose()),
            Act::Deal => Some(self.deal()),
            Act::AnswerBlock => self.answer_block(),
            Act::RetryBlock => self.retry_block(),
            Act::Policy => Some(self.policy()),
            Act::HousePolicy => Some(self.house_policy()),
            Act::BadPolicy => Some(self.bad_policy()),
            Act::Restrict => Some(self.restrict()),
            Act::Unrestrict => self.unrestrict(),
            Act::Access => Some(self.access()),
            Act::RetryMessage => Some(self.retry_message()),
            Act::Mistake => Some(self.mistake()),
            Act::Repeat => self.repeat(),
            Act::RepeatChanged => self.repeat_changed(),
        };
        asked.unwrap_or_else(|| self.place(None, mix::Style::Plain))
    }

    /// Has these asked next, one after another.
    fn plan(&mut self, acts: impl IntoIterator<Item = Act>) {
        self.planned.extend(acts);
    }

    fn ask(&mut self, label: &'static str, shard: u16, actor: UserId, command: Command) -> Asked {
        self.made += 1;
        let correlation = CorrelationId(u128::from(self.made));
        let command_id = Some(CommandId(CorrelationId(COMMAND_IDS + correlation.0)));
        let context = command.context();
        Asked { context, shard, label, request: Request { command_id, correlation, actor, command } }
    }

    fn operate(&mut self, label: &'static str, shard: u16, command: Command) -> Asked {
        self.ask(label, shard, self.market.operator, command)
    }
}
