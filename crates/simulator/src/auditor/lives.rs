//! The rule of lives: what may come after what in the life of an order, of the flow that decides it, and of a block
//! trade (C1, C2, C4, C8, C10, S1 to S4, `docs/decisions/0007` and `0016`).
//!
//! It finds: an order that was not asked for or has another id than its record, a decision without every branch's
//! answer, against it, for another reason, or a second one, an order that passes an earlier one of its book, what its
//! time in force forbids, anything after the end, quantities that do not add up, and what is not over in the end. Absent
//! on purpose: who trades with whom at what price, money, and what the branches themselves record.

mod creation;
mod life;
mod saga;
#[cfg(test)]
mod tests;

use super::findings::Findings;
use super::{Rule, ShardName, Violation};
use engine::{Branch, Command, Event, FlowEvent, Hosts, Message, MessageId, Record};
use life::Life;
use saga::Saga;
use std::collections::{BTreeMap, BTreeSet};
use trading::{Cause, CreatedOrder};
use vocabulary::{InstrumentId, OrderId, Quantity, Side, Trade, TradeId};

/// How long the branches have to answer.
pub(super) const DEADLINE_NS: u64 = 5_000_000_000;

const LIFE: &str = "order life";
const DECISION: &str = "one decision";
const KIND: &str = "kind of order";
const QUANTITY: &str = "filled and remaining";
const PARTS: &str = "numbered parts";
const IDS: &str = "ids are positions";
const ASKED: &str = "order as asked";
const TURN: &str = "order of arrival";
const BLOCK: &str = "block trade";

/// Lives of every trading shard's orders and block trades.
#[derive(Default)]
pub struct Lives {
    shards: BTreeMap<ShardName, Orders>,
    /// What messages between nodes have asked of a branch.
    questions: BTreeMap<MessageId, (OrderId, Branch)>,
}

/// Those of one shard.
#[derive(Default)]
struct Orders {
    lives: BTreeMap<OrderId, Life>,
    /// The undecided orders of each instrument.
    lines: BTreeMap<InstrumentId, BTreeSet<OrderId>>,
    sagas: BTreeMap<OrderId, Saga>,
    /// The block trades of the counterparties' orders.
    counter_orders: BTreeMap<OrderId, OrderId>,
    now: InRecord,
}

/// What one record has brought so far.
#[derive(Default)]
struct InRecord {
    trades: u32,
    /// Let in, timed out, or heard of.
    moved: Vec<OrderId>,
    /// Answers that came in and are not counted.
    unheard: BTreeSet<(OrderId, Branch)>,
    /// Taken out for a replacement that is to be let in.
    replaced: BTreeSet<OrderId>,
}

impl Rule for Lives {
    fn recorded(&mut self, shard: ShardName, _hosts: Hosts, record: &Record, found: &mut Vec<Violation>) {
        let mut findings = Findings::in_record(shard, record, found);
        if let Command::Deliver { message, body, .. } = &record.request.command
            && let Some(question) = asked(body)
        {
            self.questions.insert(*message, question);
        }
        let orders = self.shards.entry(shard).or_default();
        for event in record.events() {
            match event {
                Event::Trading(event) => orders.follow(event, record, &mut findings),
                Event::Flow(FlowEvent::MessageAnswered { message }) => {
                    orders.expect_answer(self.questions.get(message));
                }
                Event::Flow(event) => orders.follow_flow(event, record, &mut findings),
                Event::Block(event) => orders.follow_block(event, record, &mut findings),
                Event::Settlement(_) | Event::Risk(_) | Event::Compliance(_) => {}
            }
        }
        orders.end_record(&mut findings);
    }

    fn ended(&mut self, found: &mut Vec<Violation>) {
        let mut findings = Findings::at_the_end(found);
        for orders in self.shards.values() {
            orders.lives.values().for_each(|life| life.check_end(&mut findings));
            orders.sagas.values().for_each(|saga| saga.check_end(&mut findings));
        }
    }
}

/// The order that a message asks a branch about.
fn asked(message: &Message) -> Option<(OrderId, Branch)> {
    if let Message::Risk(risk::Command::Hold { terms, .. }) = message {
        return Some((terms.order, Branch::Risk));
    }
    if let Message::Settlement(settlement::Command::Hold { terms, .. }) = message {
        return Some((terms.order, Branch::Settlement));
    }
    if let Message::Compliance(compliance::Command::Check { terms, .. }) = message {
        return Some((terms.order, Branch::Compliance));
    }
    None
}

impl Orders {
    fn with(
        &mut self,
        order: OrderId,
        findings: &mut Findings<'_>,
        then: impl FnOnce(&mut Life, &mut Findings<'_>),
    ) {
        match self.lives.get_mut(&order) {
            Some(life) => then(life, findings),
            None => {
                findings.tell(LIFE, format!("something happens to order {order}, which was never created"))
            }
        }
    }

    fn follow(&mut self, event: &trading::Event, record: &Record, findings: &mut Findings<'_>) {
        use trading::Event as E;
        let at = record.moment.position;
        match event {
            E::OrderCreated(created) => self.create(created, record, findings),
            E::OrderCleared { order } => self.clear(*order, findings),
            E::OrderAccepted { order } => self.accept(*order, at, findings),
            E::OrderRejected { order, reason, .. } => {
                self.leave_line(*order);
                self.with(*order, findings, |life, findings| life.rejected(reason, findings));
            }
            E::OrderRested { order } => {
                self.with(*order, findings, |life, findings| life.rested(at, findings))
            }
            E::OrderExecuted(trade) => self.execute(trade, at, findings),
            E::OrderReduced { order, by, part, .. } => {
                self.with(*order, findings, |life, findings| life.reduced(*by, *part, findings));
                self.check_shrunk(*order, &record.request.command, findings);
            }
            E::OrderCanceled { order, cause, remaining, .. } => {
                self.cancel(*order, *cause, *remaining, record, findings);
            }
            E::OrderExpired { order, remaining, .. } => {
                self.with(*order, findings, |life, findings| life.expired(*remaining, findings));
            }
            E::ExecutionSettled(side) => {
                let trade = side.fill.trade;
                self.with(side.terms.order, findings, |life, findings| {
                    life.execution_settled(trade, findings)
                });
            }
            E::OrderSettled { order } => self.with(*order, findings, Life::settled),
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
            | E::SweepStarted { .. }
            | E::SweepAdvanced { .. } => {}
        }
    }

    fn create(&mut self, created: &CreatedOrder, record: &Record, findings: &mut Findings<'_>) {
        let order = created.terms.order;
        findings.check(order.0 == record.moment.position, IDS, || format!("it creates order {order}"));
        let replaced = created.replaces.and_then(|old| self.lives.get(&old));
        if let Some(flaw) = creation::flaw(created, replaced, &record.request.command) {
            findings.tell(ASKED, format!("{created:?}: {flaw}"));
        }
        let life = Life::new(created, record.moment.time);
        if !life.is_block() {
            self.lines.entry(created.terms.instrument).or_default().insert(order);
        }
        let before = self.lives.insert(order, life);
        findings.check(before.is_none(), LIFE, || format!("order {order} is created a second time"));
    }

    fn line_of(&mut self, order: OrderId) -> Option<&mut BTreeSet<OrderId>> {
        let instrument = self.lives.get(&order)?.created.terms.instrument;
        self.lines.get_mut(&instrument)
    }

    fn leave_line(&mut self, order: OrderId) {
        if let Some(line) = self.line_of(order) {
            line.remove(&order);
        }
    }

    /// Who is first of the undecided orders of the same book.
    fn first_in_line(&mut self, order: OrderId) -> Option<OrderId> {
        self.line_of(order).and_then(|line| line.first().copied())
    }

    fn clear(&mut self, order: OrderId, findings: &mut Findings<'_>) {
        let first = self.first_in_line(order);
        findings.check(first.is_some_and(|first| first < order), TURN, || {
            format!("order {order} waits for its turn, and {first:?} is the first in line")
        });
        self.with(order, findings, Life::cleared);
    }

    /// Orders reach a book in the order of their creation (C10).
    fn accept(&mut self, order: OrderId, at: u64, findings: &mut Findings<'_>) {
        let Some(life) = self.lives.get(&order) else { return self.with(order, findings, |_, _| {}) };
        let (is_block, replaces) = (life.is_block(), life.created.replaces);
        if is_block {
            let is_let_in = self.saga_of(order).is_some_and(|saga| saga.lets_in(order));
            findings.check(is_let_in, BLOCK, || format!("order {order} is let in before its block trade is"));
        } else {
            let first = self.first_in_line(order);
            findings.check(first == Some(order), TURN, || {
                format!("order {order} is let in, and {first:?} is the first in line")
            });
            self.leave_line(order);
        }
        if let Some(old) = replaces {
            let stands = self.lives.get(&old).is_some_and(Life::is_alive);
            findings
                .check(!stands, LIFE, || format!("order {order} is let in beside {old}, which it replaces"));
            self.now.replaced.remove(&old);
        }
        self.now.moved.push(order);
        self.with(order, findings, |life, findings| life.accepted(at, findings));
    }

    fn execute(&mut self, trade: &Trade, at: u64, findings: &mut Findings<'_>) {
        let id = TradeId { position: at, index: self.now.trades };
        self.now.trades += 1;
        findings.check(trade.trade == id, IDS, || format!("trade {} is {id}", trade.trade));
        let (buy, sell) = (trade.buy.order, trade.sell.order);
        let is_block = |order: &OrderId| self.lives.get(order).is_some_and(Life::is_block);
        findings.check(buy != sell && is_block(&buy) == is_block(&sell), LIFE, || {
            format!("trade {id} is between orders {buy} and {sell}")
        });
        if is_block(&buy) {
            let lets_in = |order| self.saga_of(order).is_some_and(|saga| saga.lets_in(order));
            let blocks = [buy, sell].map(|order| self.block_of(order));
            findings.check(lets_in(buy) && lets_in(sell) && blocks[0] == blocks[1], BLOCK, || {
                format!("legs {buy} and {sell} trade, of block trades {blocks:?}")
            });
        }
        for side in [Side::Buy, Side::Sell] {
            self.with(trade.side(side).order, findings, |life, findings| {
                life.executed(trade, side, at, findings)
            });
        }
    }

    /// Shrinking at its owner's wish leaves what he asked for.
    fn check_shrunk(&self, order: OrderId, command: &Command, findings: &mut Findings<'_>) {
        if let Command::Trading(trading::Command::ReplaceOrder { order: asked, quantity, .. }) = command
            && *asked == order
        {
            let left = self.lives.get(&order).map(|life| life.quantity);
            findings.check(left == *quantity, QUANTITY, || {
                format!("order {order} shrinks to {left:?}, and {quantity:?} was asked")
            });
        }
    }

    fn cancel(
        &mut self,
        order: OrderId,
        cause: Cause,
        remaining: Quantity,
        record: &Record,
        findings: &mut Findings<'_>,
    ) {
        let at = record.moment.position;
        if cause == Cause::Requested {
            findings.check(self.is_asked(order, &record.request.command), ASKED, || {
                format!("order {order} is cancelled, and {:?} was asked", record.request.command)
            });
        }
        if cause == Cause::BlockUndone {
            let gives_up = self.saga_of(order).is_some_and(|saga| saga.gives_up(order));
            findings.check(gives_up, BLOCK, || format!("leg {order} is given up before its turn"));
        }
        if cause == Cause::Replaced {
            self.now.replaced.insert(order);
        }
        self.with(order, findings, |life, findings| life.canceled(cause, remaining, at, findings));
    }

    /// Whether a command to cancel one order means that one. Others mean many.
    fn is_asked(&self, order: OrderId, command: &Command) -> bool {
        if let Command::Trading(trading::Command::CancelOrder { order: asked }) = command {
            return *asked == order;
        }
        if let Command::Trading(trading::Command::CancelClientOrder { account, client_order_id }) = command {
            let created = self.lives.get(&order).map(|life| &life.created);
            return created.is_some_and(|created| {
                created.terms.account == *account && created.client_order_id == Some(*client_order_id)
            });
        }
        true
    }

    fn follow_flow(&mut self, event: &FlowEvent, record: &Record, findings: &mut Findings<'_>) {
        match event {
            FlowEvent::BranchAnswered { order, branch, answer } => {
                self.now.unheard.remove(&(*order, *branch));
                self.now.moved.push(*order);
                self.with(*order, findings, |life, findings| life.answered(*branch, answer, findings));
            }
            FlowEvent::FlowTimedOut { order } => {
                self.now.moved.push(*order);
                let time = record.moment.time;
                self.with(*order, findings, |life, findings| life.times_out(time, findings));
            }
            FlowEvent::MessageAnswered { .. }
            | FlowEvent::ProtocolAlarm { .. }
            | FlowEvent::MessagesUnanswered { .. }
            | FlowEvent::MessageRetried { .. }
            | FlowEvent::MessageDeferred { .. } => {}
        }
    }

    /// An answer has come in. It counts while its order waits for it.
    fn expect_answer(&mut self, question: Option<&(OrderId, Branch)>) {
        let waiting = question
            .filter(|(order, branch)| self.lives.get(order).is_some_and(|life| life.waits_for(*branch)));
        self.now.unheard.extend(waiting);
    }

    fn block_of(&self, order: OrderId) -> OrderId {
        self.counter_orders.get(&order).copied().unwrap_or(order)
    }

    fn saga_of(&self, order: OrderId) -> Option<&Saga> {
        self.sagas.get(&self.block_of(order))
    }

    fn follow_block(&mut self, event: &engine::block::Event, record: &Record, findings: &mut Findings<'_>) {
        let block = event.block();
        if let engine::block::Event::BlockProposed { terms, deadline, correlation, .. } = event {
            let is_asked = record.request.command == Command::ProposeBlock(*terms)
                && record.request.correlation == *correlation
                && record.moment.time.plus_ns(terms.consent_ns) == *deadline;
            findings.check(is_asked && block.0 == record.moment.position, BLOCK, || {
                format!("{block} is proposed, and {:?} was asked", record.request.command)
            });
            let before = self.sagas.insert(block, Saga::new(block, *terms, *deadline));
            return findings.check(before.is_none(), BLOCK, || format!("{block} is proposed a second time"));
        }
        let Some(saga) = self.sagas.get_mut(&block) else {
            return findings.tell(BLOCK, format!("{event:?} of a block trade that was never proposed"));
        };
        let of = (&record.request.command, record.moment.time, record.moment.position);
        saga.follow(event, of, &self.lives, findings);
        if let Some(order) = saga.counter_order() {
            self.counter_orders.insert(order, block);
        }
    }

    fn end_record(&mut self, findings: &mut Findings<'_>) {
        let InRecord { moved, replaced, unheard, .. } = std::mem::take(&mut self.now);
        for (order, branch) in unheard {
            findings.tell(DECISION, format!("{branch:?} has answered about order {order}, and is not heard"));
        }
        for order in moved {
            self.with(order, findings, |life, findings| life.check_record_end(findings));
        }
        for order in replaced {
            findings.tell(LIFE, format!("order {order} makes way for a replacement that is not let in"));
        }
    }
}
