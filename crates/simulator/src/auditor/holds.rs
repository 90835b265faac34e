//! The rule of holds: what risk, settlement and compliance record about an order is what trading has told them, once and
//! in order (B2 to B10, C1, C3, C5, `docs/decisions/0005` and `0006`).
//!
//! It finds: a hold that nobody asked for, of another amount, placed twice, after its release or after its deadline; a
//! part confirmed without a hold, twice, out of order, or otherwise than trading executed it; a release of what goes on
//! or of more than is left; an answer that is not what the branch has recorded; a side that risk or settlement makes
//! final twice; what is held for an order that is over, and what was never confirmed, in the end. No history without a
//! bug raises an alarm about the protocol, so each alarm is a violation. Absent on purpose: limits, quotas and money.

mod participant;
mod placed;
#[cfg(test)]
mod tests;

use super::findings::Findings;
use super::{Rule, ShardName, Violation};
use engine::block::{Event as BlockEvent, Leg, Step};
use engine::{Answer, Branch, Command, Event, FlowEvent, Hosts, Message, Outcome, Record};
use participant::Participant;
use placed::{Part, Placed, Standing};
use std::collections::BTreeMap;
use vocabulary::{Fill, OrderId, OrderTerms, Reason, SettledSide, Side, Timestamp, TradeId};

const HOLDS: &str = "holds";
const VERDICTS: &str = "verdicts";
const ALARM: &str = "protocol alarm";
const FINAL: &str = "final once";

/// The code of an answer of compliance that is no verdict.
const TOO_LATE: &str = "compliance.deadline-passed";

/// Holds, verdicts and settled sides of every order of every shard.
pub struct Holds {
    orders: BTreeMap<OrderId, Placed>,
    risk: Participant,
    settlement: Participant,
    /// Why compliance has denied it; nothing if it was allowed.
    verdicts: BTreeMap<OrderId, Option<Reason>>,
    /// The order of the counterparty, by block trade.
    counter_orders: BTreeMap<OrderId, OrderId>,
    /// Sides that risk has confirmed and not settled.
    unsettled: BTreeMap<(TradeId, Side), Fill>,
    /// Sides that settlement has confirmed and not made final.
    obligations: BTreeMap<(TradeId, Side), Fill>,
    /// Sides that settlement has made final and risk has not settled.
    finals: BTreeMap<(TradeId, Side), SettledSide>,
}

impl Default for Holds {
    fn default() -> Self {
        Self {
            orders: BTreeMap::new(),
            risk: Participant::new("risk"),
            settlement: Participant::new("settlement"),
            verdicts: BTreeMap::new(),
            counter_orders: BTreeMap::new(),
            unsettled: BTreeMap::new(),
            obligations: BTreeMap::new(),
            finals: BTreeMap::new(),
        }
    }
}

impl Rule for Holds {
    fn recorded(&mut self, shard: ShardName, _hosts: Hosts, record: &Record, found: &mut Vec<Violation>) {
        let mut findings = Findings::in_record(shard, record, found);
        let at = record.moment.time;
        for event in record.events() {
            match event {
                Event::Trading(event) => self.follow_trading(event, at),
                Event::Risk(event) => self.follow_risk(event, &mut findings),
                Event::Settlement(event) => self.follow_settlement(event, &mut findings),
                Event::Compliance(event) => self.follow_compliance(event, at, &mut findings),
                Event::Flow(event) => self.follow_flow(event, &mut findings),
                Event::Block(event) => self.follow_block(event, &mut findings),
            }
            if let Some((order, deadline)) = deadline_of(&record.request.command)
                && is_hold(event)
            {
                let is_due = self.orders.get(&order).is_some_and(|placed| placed.is_due(deadline));
                findings.check(at <= deadline && is_due, HOLDS, || {
                    format!("{event:?}, which was good until {deadline}")
                });
            }
        }
        self.check_release(record, &mut findings);
    }

    fn ended(&mut self, found: &mut Vec<Violation>) {
        let mut findings = Findings::at_the_end(found);
        for (order, placed) in self.orders.iter().filter(|(_, placed)| placed.standing != Standing::Undecided)
        {
            self.risk.check_end(*order, placed, &mut findings);
            self.settlement.check_end(*order, placed, &mut findings);
        }
        for (trade, side) in self.finals.keys() {
            findings.tell(FINAL, format!("risk has not heard that the {side:?} side of {trade} is final"));
        }
    }
}

/// Until when a hold is good, and for which order, if another node asks for it.
fn deadline_of(command: &Command) -> Option<(OrderId, Timestamp)> {
    let Command::Deliver { body, .. } = command else { return None };
    if let Message::Risk(risk::Command::Hold { terms, deadline, .. }) = &**body {
        return Some((terms.order, *deadline));
    }
    let Message::Settlement(settlement::Command::Hold { terms, deadline, .. }) = &**body else { return None };
    Some((terms.order, *deadline))
}

fn is_hold(event: &Event) -> bool {
    matches!(
        event,
        Event::Risk(risk::Event::ExposureHeld { .. })
            | Event::Settlement(settlement::Event::QuotaHeld { .. })
    )
}

impl Holds {
    /// A release that was answered has ended the hold, also one that had not come: it leaves a tombstone (B3).
    fn check_release(&self, record: &Record, findings: &mut Findings<'_>) {
        let (Command::Deliver { body, .. }, Outcome::Events(_)) = (&record.request.command, &record.outcome)
        else {
            return;
        };
        let ended = match &**body {
            Message::Risk(risk::Command::Release { terms, .. }) => (terms.order, &self.risk),
            Message::Settlement(settlement::Command::Release { terms, .. }) => {
                (terms.order, &self.settlement)
            }
            Message::Trading(_)
            | Message::Settlement(_)
            | Message::Risk(_)
            | Message::Compliance(_)
            | Message::Definition(..) => return,
        };
        findings.check(ended.1.is_over(ended.0), HOLDS, || {
            format!("a release of order {} leaves no trace", ended.0)
        });
    }

    fn follow_trading(&mut self, event: &trading::Event, at: Timestamp) {
        use trading::Event as E;
        let mut becomes = |order: &OrderId, standing| {
            if let Some(placed) = self.orders.get_mut(order) {
                placed.standing = standing;
            }
        };
        match event {
            E::OrderAccepted { order } => becomes(order, Standing::Open),
            E::OrderRejected { order, .. }
            | E::OrderCanceled { order, .. }
            | E::OrderExpired { order, .. } => {
                becomes(order, Standing::Over);
            }
            E::OrderCreated(created) => {
                self.orders.insert(created.terms.order, Placed::new(created, at));
            }
            E::OrderReduced { order, by, .. } => {
                if let Some(placed) = self.orders.get_mut(order) {
                    placed.reduced(*by);
                }
            }
            E::OrderExecuted(trade) => {
                for side in [Side::Buy, Side::Sell] {
                    if let Some(placed) = self.orders.get_mut(&trade.side(side).order) {
                        placed.executed(trade, side);
                    }
                }
            }
            E::AssetDefined(_)
            | E::InstrumentDefined(_)
            | E::ReferencePriceSet { .. }
            | E::ParticipantRegistered { .. }
            | E::AccountOpened { .. }
            | E::Deposited { .. }
            | E::Withdrawn { .. }
            | E::BusinessDayOpened { .. }
            | E::PhaseChanged { .. }
            | E::AuctionUncrossed { .. }
            | E::OrderCleared { .. }
            | E::OrderRested { .. }
            | E::ExecutionSettled(_)
            | E::OrderSettled { .. }
            | E::SweepStarted { .. }
            | E::SweepAdvanced { .. } => {}
        }
    }

    fn follow_risk(&mut self, event: &risk::Event, findings: &mut Findings<'_>) {
        use risk::Event as E;
        let Self { orders, risk, .. } = self;
        match event {
            E::ExposureHeld { terms, reserved } => {
                with(orders, terms, findings, |placed, findings| {
                    risk.held((terms, *reserved), placed, findings)
                });
            }
            E::ExposureConfirmed { terms, fill } => {
                let part = (fill.part, Part::Filled(*fill));
                with(orders, terms, findings, |placed, findings| risk.part(terms, part, placed, findings));
                self.unsettled.insert((fill.trade, terms.side), *fill);
            }
            E::ExposureReduced { terms, part, what } => {
                let part = (*part, Part::GivenBack(*what));
                with(orders, terms, findings, |placed, findings| risk.part(terms, part, placed, findings));
            }
            E::ExposureReleased { terms, released, .. } => {
                with(orders, terms, findings, |placed, findings| {
                    risk.released((terms, *released), placed, findings);
                });
            }
            E::ExposureSettled { side } => self.settle_exposure(side, findings),
            E::LimitSet { .. }
            | E::AlertThresholdsSet { .. }
            | E::KillSwitchEngaged { .. }
            | E::KillSwitchLifted { .. }
            | E::AlertRaised { .. } => {}
        }
    }

    fn settle_exposure(&mut self, side: &SettledSide, findings: &mut Findings<'_>) {
        let key = (side.fill.trade, side.terms.side);
        let (confirmed, settled) = (self.unsettled.remove(&key), self.finals.remove(&key));
        findings.check(confirmed == Some(side.fill) && settled == Some(*side), FINAL, || {
            format!("risk settles {side:?}; it had {confirmed:?}, and settlement {settled:?}")
        });
    }

    fn follow_settlement(&mut self, event: &settlement::Event, findings: &mut Findings<'_>) {
        use settlement::Event as E;
        let Self { orders, settlement, .. } = self;
        match event {
            E::QuotaHeld { terms, reserved } => {
                with(orders, terms, findings, |placed, findings| {
                    settlement.held((terms, *reserved), placed, findings);
                });
            }
            E::ObligationRecorded { obligation } => {
                let (terms, fill) = (&obligation.terms, obligation.fill);
                let part = (fill.part, Part::Filled(fill));
                with(orders, terms, findings, |placed, findings| {
                    settlement.part(terms, part, placed, findings)
                });
                self.obligations.insert((fill.trade, terms.side), fill);
            }
            E::QuotaReduced { terms, part, what } => {
                let part = (*part, Part::GivenBack(*what));
                with(orders, terms, findings, |placed, findings| {
                    settlement.part(terms, part, placed, findings)
                });
            }
            E::QuotaReleased { terms, released, .. } => {
                with(orders, terms, findings, |placed, findings| {
                    settlement.released((terms, *released), placed, findings);
                });
            }
            E::TradeSettled { buy, sell, .. } => {
                for side in [buy, sell] {
                    let key = (side.fill.trade, side.terms.side);
                    let due = self.obligations.remove(&key);
                    findings.check(due == Some(side.fill), FINAL, || {
                        format!("settlement makes {side:?} final, and {due:?} was due")
                    });
                    self.finals.insert(key, **side);
                }
            }
            E::QuotaSet { .. }
            | E::CalendarDefined { .. }
            | E::SettlementModelSet { .. }
            | E::ShortfallRecorded { .. }
            | E::RunStarted { .. }
            | E::PositionNetted { .. }
            | E::TradeRecycled { .. }
            | E::RunCompleted { .. } => {}
        }
    }

    fn follow_compliance(&mut self, event: &compliance::Event, at: Timestamp, findings: &mut Findings<'_>) {
        let compliance::Event::OrderChecked {
            terms,
            user,
            price,
            quantity,
            notional,
            deadline,
            allowed,
            reasons,
            ..
        } = event
        else {
            return;
        };
        let order = terms.order;
        let before = self.verdicts.insert(order, reasons.first().cloned());
        findings.check(before.is_none(), VERDICTS, || format!("order {order} is judged a second time"));
        findings.check(*allowed == reasons.is_empty() && at <= *deadline, VERDICTS, || {
            format!("order {order} is judged at {at}: {allowed}, for {reasons:?}")
        });
        let asked = (*user, *price, *quantity, *notional);
        with(&self.orders, terms, findings, |placed, findings| {
            let its = &placed.created;
            placed.check_terms("compliance", terms, findings);
            findings.check(placed.is_due(*deadline), VERDICTS, || {
                format!("order {order} is to be judged until {deadline}")
            });
            findings.check(asked == (its.user, its.limit, its.quantity, its.notional), VERDICTS, || {
                format!("order {order} is judged as {asked:?}")
            });
        });
    }

    fn follow_flow(&mut self, event: &FlowEvent, findings: &mut Findings<'_>) {
        match event {
            FlowEvent::ProtocolAlarm { context, order, reason } => {
                findings.tell(ALARM, format!("{context} about order {order:?}: {reason:?}"));
            }
            FlowEvent::BranchAnswered { order, branch, answer } => {
                self.check_answer(*order, *branch, answer, findings);
            }
            FlowEvent::FlowTimedOut { .. }
            | FlowEvent::MessageAnswered { .. }
            | FlowEvent::MessagesUnanswered { .. }
            | FlowEvent::MessageRetried { .. }
            | FlowEvent::MessageDeferred { .. } => {}
        }
    }

    /// What a branch says is what it has recorded: a yes stands for a hold, and whoever says no holds nothing.
    fn check_answer(&self, order: OrderId, branch: Branch, answer: &Answer, findings: &mut Findings<'_>) {
        let has_done = self.has_done(order, branch);
        let is_true = match answer {
            Answer::Yes => has_done,
            Answer::No(reason) => {
                !has_done && (branch != Branch::Compliance || self.has_denied(order, reason))
            }
            Answer::Later => false,
        };
        findings.check(is_true, HOLDS, || {
            format!("{branch:?} says {answer:?} about order {order}, and has recorded {has_done}")
        });
    }

    /// Whether that is why compliance has denied the order, or it was asked too late to judge it.
    fn has_denied(&self, order: OrderId, reason: &Reason) -> bool {
        let denied = self.verdicts.get(&order).and_then(Option::as_ref);
        denied.map_or(reason.code == TOO_LATE, |denied| denied == reason)
    }

    fn has_done(&self, order: OrderId, branch: Branch) -> bool {
        match branch {
            Branch::Compliance => self.verdicts.get(&order) == Some(&None),
            Branch::Risk => self.risk.has_held(order),
            Branch::Settlement => self.settlement.has_held(order),
        }
    }

    fn follow_block(&mut self, event: &BlockEvent, findings: &mut Findings<'_>) {
        let block = event.block();
        let counter_order = self.counter_orders.get(&block).copied();
        let order = |leg| if leg == Leg::Proposer { Some(block) } else { counter_order };
        match event {
            BlockEvent::BlockConsented { order, .. } => {
                self.counter_orders.insert(block, *order);
            }
            BlockEvent::BlockStepDone { leg, step, .. } => {
                let is_done = order(*leg).is_some_and(|order| self.stands(order, *step));
                findings.check(is_done, HOLDS, || format!("{event:?}, and the branch has not done it"));
            }
            BlockEvent::BlockStepUndone { leg, step, .. } => {
                let stands = order(*leg).is_some_and(|order| self.stands(order, *step));
                let is_undone = !stands || *step == Step::ComplianceCheck;
                findings.check(is_undone, HOLDS, || format!("{event:?}, and it still stands"));
            }
            BlockEvent::BlockStepFailed { leg, step, reason, .. } => {
                let is_true = order(*leg).is_none_or(|order| self.has_failed(order, *step, reason));
                findings.check(is_true, HOLDS, || format!("{event:?}, and the branch has not said so"));
                self.turn_round([Some(block), counter_order]);
            }
            BlockEvent::BlockRefused { .. } | BlockEvent::BlockExpired { .. } => {
                self.turn_round([Some(block), counter_order]);
            }
            BlockEvent::BlockProposed { .. }
            | BlockEvent::BlockStuck { .. }
            | BlockEvent::BlockRetried { .. }
            | BlockEvent::BlockCompleted { .. } => {}
        }
    }

    /// From now on, the holds of the legs may go.
    fn turn_round(&mut self, legs: [Option<OrderId>; 2]) {
        for order in legs.into_iter().flatten() {
            let leg = self.orders.get_mut(&order).filter(|placed| placed.is_block());
            if let Some(leg) = leg.filter(|leg| leg.standing != Standing::Over) {
                leg.standing = Standing::TurnedRound;
            }
        }
    }

    /// Whether a step of a leg was refused, and for that reason. With all steps done, it is trading that refuses to
    /// execute the legs.
    fn has_failed(&self, order: OrderId, step: Step, reason: &Reason) -> bool {
        match step {
            Step::CreateOrder => true,
            Step::ValidateRisk | Step::ProcessSettlement => !self.stands(order, step),
            Step::ComplianceCheck => self.stands(order, step) || self.has_denied(order, reason),
        }
    }

    /// Whether a step of a leg is done and not undone.
    fn stands(&self, order: OrderId, step: Step) -> bool {
        match step {
            Step::CreateOrder => {
                self.orders.get(&order).is_some_and(|placed| placed.standing != Standing::Over)
            }
            Step::ValidateRisk => self.risk.holds(order),
            Step::ProcessSettlement => self.settlement.holds(order),
            Step::ComplianceCheck => self.verdicts.get(&order) == Some(&None),
        }
    }
}

/// What participants hear of is an order that trading has recorded (C1, C3).
fn with(
    orders: &BTreeMap<OrderId, Placed>,
    terms: &OrderTerms,
    findings: &mut Findings<'_>,
    then: impl FnOnce(&Placed, &mut Findings<'_>),
) {
    match orders.get(&terms.order) {
        Some(placed) => then(placed, findings),
        None => findings.tell(HOLDS, format!("{terms:?} is heard of, and was never created")),
    }
}
