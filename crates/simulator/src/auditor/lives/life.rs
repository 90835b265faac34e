//! One order's life: what may come after what, and how much of it is executed, given back and left.
//!
//! Invariant: executed + remaining = quantity, where a reduction lowers the quantity. What is wrong is told, and the life
//! goes on as if it had been right. Absent on purpose: other orders, and the record as a whole.

use super::{DEADLINE_NS, DECISION, KIND, LIFE, PARTS, QUANTITY};
use crate::auditor::findings::Findings;
use engine::{Answer, Branch};
use std::collections::BTreeSet;
use trading::{Cause, CreatedOrder, OrderKind};
use vocabulary::{Quantity, Reason, Side, TimeInForce, Timestamp, Trade, TradeId};

/// The code of a rejection for want of answers, when nobody has said no.
const TIMED_OUT: &str = "flow.timed-out";

/// Where an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Undecided,
    /// All said yes, and it waits for its turn.
    Cleared,
    /// Let in, and on its way to the book; a leg of a block trade, to its execution.
    Accepted,
    Resting,
    Executed,
    Canceled,
    Expired,
    Rejected,
    Settled,
}

pub(super) struct Life {
    pub(super) created: CreatedOrder,
    pub(super) stage: Stage,
    since: Timestamp,
    /// In the order in which their reasons count.
    answers: [Option<Answer>; 3],
    timed_out: bool,
    /// The record that let it in.
    accepted_at: Option<u64>,
    /// What it asks for, less what was given back by shrinking.
    pub(super) quantity: Quantity,
    pub(super) executed: Quantity,
    parts: u32,
    unsettled: BTreeSet<TradeId>,
}

fn place(branch: Branch) -> usize {
    match branch {
        Branch::Compliance => 0,
        Branch::Risk => 1,
        Branch::Settlement => 2,
    }
}

/// Whether an order lives no longer than its first moment in the market.
pub(super) fn at_once(time_in_force: TimeInForce) -> bool {
    match time_in_force {
        TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => true,
        TimeInForce::GoodTillCancel | TimeInForce::Day => false,
    }
}

impl Life {
    pub(super) fn new(created: &CreatedOrder, since: Timestamp) -> Self {
        Self {
            created: created.clone(),
            stage: Stage::Undecided,
            since,
            answers: [None, None, None],
            timed_out: false,
            accepted_at: None,
            quantity: created.quantity,
            executed: Quantity::ZERO,
            parts: 0,
            unsettled: BTreeSet::new(),
        }
    }

    pub(super) fn is_block(&self) -> bool {
        matches!(self.created.kind, OrderKind::Block(_))
    }

    /// Whether it can trade.
    pub(super) fn is_alive(&self) -> bool {
        matches!(self.stage, Stage::Accepted | Stage::Resting)
    }

    /// Whether it is out of the market, with executions that may not be final.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.stage, Stage::Executed | Stage::Canceled | Stage::Expired)
    }

    pub(super) fn remaining(&self) -> Quantity {
        self.quantity - self.executed
    }

    /// Whether it was executed, and all of that is final.
    pub(super) fn is_final(&self) -> bool {
        !self.executed.is_zero() && self.unsettled.is_empty()
    }

    /// Its id and where it is, to tell of it.
    pub(super) fn name(&self) -> String {
        format!("order {} ({:?})", self.created.terms.order, self.stage)
    }

    fn all_yes(&self) -> bool {
        self.answers.iter().all(|answer| *answer == Some(Answer::Yes))
    }

    /// The no that counts: of compliance before risk before settlement (`docs/decisions/0007`).
    fn refusal(&self) -> Option<&Reason> {
        self.answers.iter().flatten().find_map(|answer| match answer {
            Answer::No(reason) => Some(reason),
            Answer::Yes | Answer::Later => None,
        })
    }

    /// Whether the answer of that branch is still to come.
    pub(super) fn waits_for(&self, branch: Branch) -> bool {
        self.stage == Stage::Undecided
            && !self.timed_out
            && !self.is_block()
            && self.answers[place(branch)].is_none()
    }

    pub(super) fn answered(&mut self, branch: Branch, answer: &Answer, findings: &mut Findings<'_>) {
        let is_open = self.stage == Stage::Undecided && !self.timed_out && !self.is_block();
        findings.check(is_open, DECISION, || {
            format!("{branch:?} is heard about {}, which waits for nobody", self.name())
        });
        let before = self.answers[place(branch)].replace(answer.clone());
        findings.check(before.is_none() && *answer != Answer::Later, DECISION, || {
            format!("{branch:?} says {answer:?} about {}, and said {before:?} before", self.name())
        });
    }

    /// Only an undecided flow times out (C4), and not before its deadline.
    pub(super) fn times_out(&mut self, at: Timestamp, findings: &mut Findings<'_>) {
        let waits = self.stage == Stage::Undecided && !self.timed_out && self.answers.contains(&None);
        findings.check(waits && !self.is_block(), DECISION, || {
            format!("{} times out, and nothing is missing: {:?}", self.name(), self.answers)
        });
        findings.check(at > self.since.plus_ns(DEADLINE_NS), DECISION, || {
            format!("{} of {} times out at {at}", self.name(), self.since)
        });
        self.timed_out = true;
    }

    pub(super) fn cleared(&mut self, findings: &mut Findings<'_>) {
        let may = self.stage == Stage::Undecided && self.all_yes() && !self.timed_out && !self.is_block();
        findings.check(may, DECISION, || format!("{} is cleared with {:?}", self.name(), self.answers));
        self.stage = Stage::Cleared;
    }

    pub(super) fn accepted(&mut self, at: u64, findings: &mut Findings<'_>) {
        let is_undecided = matches!(self.stage, Stage::Undecided | Stage::Cleared);
        // The branches of a leg of a block trade answer the steps of its saga.
        let may = is_undecided && !self.timed_out && (self.is_block() || self.all_yes());
        findings.check(may, DECISION, || {
            let why = if self.timed_out { ", timed out" } else { "" };
            format!("{} is accepted with {:?}{why}", self.name(), self.answers)
        });
        self.stage = Stage::Accepted;
        self.accepted_at = Some(at);
    }

    pub(super) fn rejected(&mut self, reason: &Reason, findings: &mut Findings<'_>) {
        let may = self.stage == Stage::Undecided && !self.is_block();
        findings.check(may, DECISION, || format!("{} is rejected", self.name()));
        let all = !self.answers.contains(&None);
        findings.check(all || self.timed_out, DECISION, || {
            format!("{} is rejected before all have answered: {:?}", self.name(), self.answers)
        });
        let is_reason = match self.refusal() {
            Some(refusal) => refusal == reason,
            None => self.timed_out && reason.code == TIMED_OUT,
        };
        findings.check(is_reason, DECISION, || {
            format!("{} is rejected for {}, and the answers are {:?}", self.name(), reason.code, self.answers)
        });
        self.stage = Stage::Rejected;
    }

    /// Whether it came in with this record and has met nothing but the book.
    fn is_entering(&self, at: u64) -> bool {
        self.stage == Stage::Accepted && self.accepted_at == Some(at)
    }

    pub(super) fn rested(&mut self, at: u64, findings: &mut Findings<'_>) {
        findings.check(self.is_entering(at), LIFE, || format!("{} comes to rest", self.name()));
        let may_rest = match self.created.kind {
            OrderKind::Limit(_) => !at_once(self.created.time_in_force),
            OrderKind::Market | OrderKind::Block(_) => false,
        };
        findings.check(may_rest, KIND, || {
            format!("{}, {:?} {:?}, rests", self.name(), self.created.kind, self.created.time_in_force)
        });
        self.stage = Stage::Resting;
    }

    pub(super) fn executed(&mut self, trade: &Trade, side: Side, at: u64, findings: &mut Findings<'_>) {
        let (of, terms) = (trade.side(side), &self.created.terms);
        let told = (side, of.account, of.participant, trade.instrument, of.correlation);
        let its = (terms.side, terms.account, terms.participant, terms.instrument, terms.correlation);
        findings.check(told == its, LIFE, || {
            format!("trade {} is {told:?} for {}, which is {its:?}", trade.trade, self.name())
        });
        let quantity = trade.quantity;
        findings.check(quantity > Quantity::ZERO && quantity <= self.remaining(), QUANTITY, || {
            format!(
                "trade {} takes {quantity} of {}, which has {}",
                trade.trade,
                self.name(),
                self.remaining()
            )
        });
        self.takes_part(of.part, findings);
        self.check_role(trade, side, at, findings);
        self.executed += quantity;
        self.unsettled.insert(trade.trade);
        if self.remaining() <= Quantity::ZERO {
            self.stage = Stage::Executed;
        }
    }

    /// Who came in is not on the book, whoever else trades is, and legs of block trades trade with each other only.
    fn check_role(&self, trade: &Trade, side: Side, at: u64, findings: &mut Findings<'_>) {
        let comes_in = trade.aggressor == Some(side);
        let may = match (self.is_block(), trade.aggressor) {
            (true, aggressor) => self.stage == Stage::Accepted && aggressor.is_none(),
            (false, Some(_)) if comes_in => self.is_entering(at),
            (false, Some(_) | None) => self.stage == Stage::Resting,
        };
        findings.check(may, LIFE, || {
            format!("trade {} with aggressor {:?} executes {}", trade.trade, trade.aggressor, self.name())
        });
        findings.check(!(comes_in && self.created.post_only), KIND, || {
            format!("{}, post-only, takes in trade {}", self.name(), trade.trade)
        });
    }

    fn takes_part(&mut self, part: u32, findings: &mut Findings<'_>) {
        findings.check(part == self.parts, PARTS, || {
            format!("part {part} of {} comes after {} parts", self.name(), self.parts)
        });
        self.parts += 1;
    }

    pub(super) fn reduced(&mut self, by: Quantity, part: u32, findings: &mut Findings<'_>) {
        findings.check(self.is_alive() && !self.is_block(), LIFE, || format!("{} shrinks", self.name()));
        findings.check(by > Quantity::ZERO && by < self.remaining(), QUANTITY, || {
            format!("{} shrinks by {by} of {}", self.name(), self.remaining())
        });
        self.takes_part(part, findings);
        self.quantity -= by;
    }

    pub(super) fn canceled(
        &mut self,
        cause: Cause,
        remaining: Quantity,
        at: u64,
        findings: &mut Findings<'_>,
    ) {
        let may =
            if self.is_block() { self.stage == Stage::Undecided || self.is_alive() } else { self.is_alive() };
        findings.check(may, LIFE, || format!("{} is cancelled ({cause:?})", self.name()));
        findings.check(self.can_be_cause(cause, at), KIND, || {
            format!("{:?} is cancelled for {cause:?}: {}", self.created, self.name())
        });
        self.ends(Stage::Canceled, remaining, findings);
    }

    pub(super) fn expired(&mut self, remaining: Quantity, findings: &mut Findings<'_>) {
        findings.check(self.is_alive() && !self.is_block(), LIFE, || format!("{} expires", self.name()));
        findings.check(self.created.time_in_force == TimeInForce::Day, KIND, || {
            format!("{}, {:?}, expires", self.name(), self.created.time_in_force)
        });
        self.ends(Stage::Expired, remaining, findings);
    }

    fn ends(&mut self, stage: Stage, remaining: Quantity, findings: &mut Findings<'_>) {
        findings.check(remaining == self.remaining() && remaining > Quantity::ZERO, QUANTITY, || {
            format!("{} ends with {remaining} left, which is {}", self.name(), self.remaining())
        });
        self.stage = stage;
    }

    fn can_be_cause(&self, cause: Cause, at: u64) -> bool {
        let time_in_force = self.created.time_in_force;
        let entering = self.is_entering(at);
        match cause {
            Cause::Requested | Cause::SelfTrade | Cause::KillSwitch | Cause::Replaced => !self.is_block(),
            Cause::ImmediateOrCancel => entering && time_in_force == TimeInForce::ImmediateOrCancel,
            Cause::FillOrKill => {
                entering && time_in_force == TimeInForce::FillOrKill && self.executed.is_zero()
            }
            Cause::PostOnly => entering && self.created.post_only && self.executed.is_zero(),
            Cause::ReplacedOrderGone => entering && self.created.replaces.is_some(),
            Cause::PhaseEnded => entering && at_once(time_in_force),
            Cause::BlockUndone => self.is_block(),
            Cause::DayEnded => false,
        }
    }

    pub(super) fn execution_settled(&mut self, trade: TradeId, findings: &mut Findings<'_>) {
        findings.check(self.unsettled.remove(&trade), LIFE, || {
            format!("trade {trade} becomes final for {}, which does not wait for it", self.name())
        });
    }

    pub(super) fn settled(&mut self, findings: &mut Findings<'_>) {
        findings.check(self.is_closed() && self.is_final(), LIFE, || {
            format!("{} is settled with {} trades not final", self.name(), self.unsettled.len())
        });
        self.stage = Stage::Settled;
    }

    /// The end of a record in which it was accepted, timed out, or heard of.
    pub(super) fn check_record_end(&self, findings: &mut Findings<'_>) {
        if self.timed_out {
            let is_rejected = self.stage == Stage::Rejected;
            findings.check(is_rejected, DECISION, || format!("{} has timed out and goes on", self.name()));
            return;
        }
        let is_decided = self.stage != Stage::Undecided || self.answers.contains(&None);
        findings.check(is_decided, DECISION, || {
            format!("{} has every answer, {:?}, and is not decided", self.name(), self.answers)
        });
        findings.check(self.is_block() || self.stage != Stage::Accepted, KIND, || {
            format!("{} neither rests nor ends in the record that let it in", self.name())
        });
        let is_killed = self.executed.is_zero() || self.remaining().is_zero();
        findings.check(self.created.time_in_force != TimeInForce::FillOrKill || is_killed, KIND, || {
            format!("{}, fill-or-kill, is filled for {} of {}", self.name(), self.executed, self.quantity)
        });
    }

    /// The end of everything.
    pub(super) fn check_end(&self, findings: &mut Findings<'_>) {
        let is_decided = !matches!(self.stage, Stage::Undecided | Stage::Cleared);
        findings.check(is_decided || self.is_block(), "every flow finished", || {
            format!("{} is not decided: {:?}", self.name(), self.answers)
        });
        findings.check(!(self.is_closed() && self.is_final()), LIFE, || {
            format!("all executions of {} are final, and it is not settled", self.name())
        });
    }
}
