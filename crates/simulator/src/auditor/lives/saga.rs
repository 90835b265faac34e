//! The legal course of a block trade (S1 to S4), in a table of the auditor's own.
//!
//! What is done is a stack: it is built up step by step, and taken down from its top. Invariant: a block trade ends with
//! all done and executed, or with nothing done.

use super::life::{Life, Stage};
use crate::auditor::findings::Findings;
use engine::Command;
use engine::block::{Event, Leg, ProposeBlock, Step};
use std::collections::BTreeMap;
use trading::OrderKind;
use vocabulary::{OrderId, Timestamp};

const BLOCK: &str = "block trade";

/// The steps in the order in which they are done. The counterparty consents after the first half.
const STEPS: [(Leg, Step); 8] = [
    (Leg::Proposer, Step::CreateOrder),
    (Leg::Proposer, Step::ValidateRisk),
    (Leg::Proposer, Step::ProcessSettlement),
    (Leg::Proposer, Step::ComplianceCheck),
    (Leg::Counterparty, Step::CreateOrder),
    (Leg::Counterparty, Step::ValidateRisk),
    (Leg::Counterparty, Step::ProcessSettlement),
    (Leg::Counterparty, Step::ComplianceCheck),
];
const OF_PROPOSER: usize = 4;

/// Which way it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    Doing,
    Undoing,
    Stuck,
    Complete,
    Undone,
}

/// A block trade.
pub(super) struct Saga {
    terms: ProposeBlock,
    deadline: Timestamp,
    block: OrderId,
    counter_order: Option<OrderId>,
    /// How many of [`STEPS`] are done and not undone.
    done: usize,
    course: Course,
}

impl Saga {
    pub(super) fn new(block: OrderId, terms: ProposeBlock, deadline: Timestamp) -> Self {
        Self { terms, deadline, block, counter_order: None, done: 0, course: Course::Doing }
    }

    fn awaits_consent(&self) -> bool {
        self.course == Course::Doing && self.done == OF_PROPOSER && self.counter_order.is_none()
    }

    fn executes(&self) -> bool {
        self.course == Course::Doing && self.done == STEPS.len()
    }

    fn does(&self, leg: Leg, step: Step) -> bool {
        self.course == Course::Doing && !self.awaits_consent() && STEPS.get(self.done) == Some(&(leg, step))
    }

    fn undoes(&self, leg: Leg, step: Step) -> bool {
        self.course == Course::Undoing && self.done > 0 && STEPS[self.done - 1] == (leg, step)
    }

    fn turn_round(&mut self) {
        self.course = if self.done == 0 { Course::Undone } else { Course::Undoing };
    }

    /// The order of a leg, if it has been created.
    fn leg<'a>(&self, leg: Leg, lives: &'a BTreeMap<OrderId, Life>) -> Option<&'a Life> {
        let order = match leg {
            Leg::Proposer => Some(self.block),
            Leg::Counterparty => self.counter_order,
        };
        lives.get(&order?).filter(|life| life.is_block())
    }

    fn is_leg(&self, leg: Leg, life: &Life) -> bool {
        let (account, side) = match leg {
            Leg::Proposer => (self.terms.account, self.terms.side),
            Leg::Counterparty => (self.terms.counterparty, self.terms.side.opposite()),
        };
        let created = &life.created;
        (created.terms.account, created.terms.side, created.terms.instrument, created.kind, created.quantity)
            == (account, side, self.terms.instrument, OrderKind::Block(self.terms.price), self.terms.quantity)
    }

    /// Folds in an event, and tells what is wrong with it. `command` and `at` are those of its record.
    pub(super) fn follow(
        &mut self,
        event: &Event,
        (command, at, position): (&Command, Timestamp, u64),
        lives: &BTreeMap<OrderId, Life>,
        findings: &mut Findings<'_>,
    ) {
        let may = self.may_follow(event, command, at, position, lives);
        findings.check(may, BLOCK, || {
            format!("{event:?} comes after {} steps, {:?}, at {at}", self.done, self.course)
        });
        match event {
            Event::BlockProposed { .. } => {}
            Event::BlockStepDone { .. } => self.done = (self.done + 1).min(STEPS.len()),
            Event::BlockConsented { order, .. } => self.counter_order = Some(*order),
            Event::BlockStepFailed { .. } | Event::BlockRefused { .. } | Event::BlockExpired { .. } => {
                self.turn_round();
            }
            Event::BlockStepUndone { .. } => {
                self.done = self.done.saturating_sub(1);
                self.turn_round();
            }
            Event::BlockStuck { .. } => self.course = Course::Stuck,
            Event::BlockRetried { .. } => self.course = Course::Undoing,
            Event::BlockCompleted { .. } => self.course = Course::Complete,
        }
    }

    fn may_follow(
        &self,
        event: &Event,
        command: &Command,
        at: Timestamp,
        position: u64,
        lives: &BTreeMap<OrderId, Life>,
    ) -> bool {
        let is_at = |leg, stage| self.leg(leg, lives).is_some_and(|life| life.stage == stage);
        match event {
            Event::BlockProposed { .. } => false,
            Event::BlockStepDone { leg, step, .. } => {
                let creates = *step == Step::CreateOrder;
                let is_leg = self.leg(*leg, lives).is_some_and(|life| self.is_leg(*leg, life));
                self.does(*leg, *step) && (!creates || is_leg && is_at(*leg, Stage::Undecided))
            }
            // What was executed is not undone (S4).
            Event::BlockStepFailed { leg, step, .. } => {
                self.does(*leg, *step) || self.executes() && !is_at(Leg::Proposer, Stage::Executed)
            }
            Event::BlockConsented { order, user, .. } => {
                let (block, account, user) = (self.block, self.terms.counterparty, *user);
                let is_asked = *command == Command::ConsentBlock { block, account, user };
                self.awaits_consent() && is_asked && order.0 == position && at <= self.deadline
            }
            Event::BlockRefused { account, .. } => {
                let is_party = [self.terms.account, self.terms.counterparty].contains(account);
                let is_asked = *command == Command::RefuseBlock { block: self.block, account: *account };
                self.awaits_consent() && is_party && is_asked
            }
            Event::BlockExpired { .. } => self.awaits_consent() && at > self.deadline,
            Event::BlockStepUndone { leg, step, .. } => {
                let is_given_up = *step != Step::CreateOrder || is_at(*leg, Stage::Canceled);
                self.undoes(*leg, *step) && is_given_up
            }
            Event::BlockStuck { leg, step, .. } => self.undoes(*leg, *step),
            Event::BlockRetried { .. } => self.course == Course::Stuck,
            Event::BlockCompleted { .. } => {
                let is_executed = |leg| {
                    let life = self.leg(leg, lives);
                    life.is_some_and(|life| life.remaining().is_zero())
                };
                self.executes() && is_executed(Leg::Proposer) && is_executed(Leg::Counterparty)
            }
        }
    }

    /// Whether an order may be accepted or executed as a leg of it.
    pub(super) fn lets_in(&self, order: OrderId) -> bool {
        self.executes() && (order == self.block || Some(order) == self.counter_order)
    }

    /// Whether an order may be given up as a leg of it.
    pub(super) fn gives_up(&self, order: OrderId) -> bool {
        let leg = if order == self.block { Leg::Proposer } else { Leg::Counterparty };
        self.undoes(leg, Step::CreateOrder)
    }

    pub(super) fn counter_order(&self) -> Option<OrderId> {
        self.counter_order
    }

    /// Faults have stopped: it is complete or undone (S2).
    pub(super) fn check_end(&self, findings: &mut Findings<'_>) {
        let is_over = matches!(self.course, Course::Complete | Course::Undone);
        findings.check(is_over, BLOCK, || {
            format!("{} is not over: {:?} after {} steps", self.block, self.course, self.done)
        });
    }
}
