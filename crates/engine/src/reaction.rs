//! What an event causes: the wiring between the contexts, in one place.

use std::collections::VecDeque;
use vocabulary::{InstrumentId, Moment, OrderId, Quantity, Side, Trade, planted};

use crate::event::{Event, FlowEvent};
use crate::flow::{self, Question, ask, reserved};
use crate::message::{Answer, Branch, Context, Message, MessageId, shard_of};
use crate::{Engine, Hosts};
use trading::{Cause, OrderKind, Status};

/// Something to do next within the same record.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "most are messages, and boxing each would cost every order")]
pub(crate) enum Work {
    /// Hand a message to its context.
    Deliver(Message),
    /// Take in another node's answer to a message from here.
    Acknowledge(MessageId, Answer),
    /// Decide an order's flow: all have answered.
    Decide(OrderId),
    /// See whether the next order of a book was waiting only for its turn.
    NextCleared(InstrumentId),
    /// Take the next step of a block trade.
    Block(OrderId),
}

/// What the events of one record cause, apart from what they change by themselves.
pub(crate) struct Effects {
    hosts: Hosts,
    /// To be done in this node, within the record.
    pub(crate) work: VecDeque<Work>,
    /// For other nodes.
    pub(crate) away: Vec<Message>,
    /// Instruments in whose line of undecided orders another one came first.
    pub(crate) turned: Vec<InstrumentId>,
}

impl Effects {
    pub(crate) fn new(hosts: Hosts) -> Self {
        Self { hosts, work: VecDeque::new(), away: Vec::new(), turned: Vec::new() }
    }

    pub(crate) fn send(&mut self, message: Message) {
        if self.hosts.has(message.to()) {
            self.work.push_back(Work::Deliver(message));
        } else {
            self.away.push(message);
        }
    }

    fn send_all(&mut self, messages: impl IntoIterator<Item = Message>) {
        messages.into_iter().for_each(|message| self.send(message));
    }

    pub(crate) fn then(&mut self, work: Work) {
        self.work.push_back(work);
    }

    /// The first undecided order of a book was decided. Where all contexts are at hand no order waits behind another.
    fn turn(&mut self, instrument: InstrumentId) {
        if self.hosts != Hosts::ALL && !planted!("turn-lost") {
            self.turned.push(instrument);
            self.work.push_back(Work::NextCleared(instrument));
        }
    }
}

impl Engine {
    /// What an event causes, seen before it is folded in.
    pub(crate) fn react(&self, event: &Event, at: Moment, effects: &mut Effects) {
        match event {
            Event::Trading(event) => self.react_to_trading(event, at, effects),
            Event::Settlement(event) => react_to_settlement(event, effects),
            Event::Risk(event) => self.react_to_risk(event, at, effects),
            Event::Flow(FlowEvent::BranchAnswered { order, branch, .. }) => {
                if self.state.flows.completes(*order, *branch) {
                    effects.then(Work::Decide(*order));
                }
            }
            Event::Flow(FlowEvent::MessageDeferred { body }) => effects.away.push((**body).clone()),
            Event::Flow(
                FlowEvent::FlowTimedOut { .. }
                | FlowEvent::MessageAnswered { .. }
                | FlowEvent::ProtocolAlarm { .. }
                | FlowEvent::MessagesUnanswered { .. }
                | FlowEvent::MessageRetried { .. },
            )
            | Event::Compliance(_)
            | Event::Block(_) => {}
        }
    }

    fn react_to_trading(&self, event: &trading::Event, at: Moment, effects: &mut Effects) {
        use trading::Event as E;
        match event {
            // The saga of a block trade asks for its legs, step by step.
            E::OrderCreated(created) if matches!(created.kind, OrderKind::Block(_)) => {}
            E::OrderCreated(created) => {
                let question = Question::of(created, at);
                Branch::ALL.into_iter().for_each(|branch| effects.send(ask(branch, &question)));
            }
            E::OrderExecuted(trade) => self.confirm_both_sides(trade, effects),
            E::OrderReduced { order, by, part, .. } => self.give_back(*order, *by, *part, effects),
            E::OrderAccepted { order } => self.pass_turn(*order, effects),
            E::OrderRejected { order, .. } => {
                self.release_all(*order, at, effects);
                self.pass_turn(*order, effects);
            }
            // The saga of a block trade gives back what it has held, step by step.
            E::OrderCanceled { cause: Cause::BlockUndone, .. } => {}
            E::OrderCanceled { order, .. } | E::OrderExpired { order, .. } => {
                self.release_rest(*order, at, effects);
                self.pass_turn(*order, effects);
            }
            E::AssetDefined(_)
            | E::InstrumentDefined(_)
            | E::ParticipantRegistered { .. }
            | E::AccountOpened { .. }
            | E::BusinessDayOpened { .. } => self.tell_others(event, effects),
            E::ReferencePriceSet { .. }
            | E::Deposited { .. }
            | E::Withdrawn { .. }
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

    /// Contexts in other nodes have to know the assets, instruments and accounts that amounts and limits are about, and
    /// which day it is.
    fn tell_others(&self, event: &trading::Event, effects: &mut Effects) {
        let hosts = self.setup.hosts;
        let Some(definition) = event.definition().filter(|_| hosts.has(Context::Trading)) else { return };
        for context in Context::ALL.into_iter().filter(|context| !hosts.has(*context)) {
            if context != Context::Risk || !planted!("definition-not-told") {
                effects.send(Message::Definition(context, Box::new(definition.clone())));
            }
        }
    }

    fn confirm_both_sides(&self, trade: &Trade, effects: &mut Effects) {
        let instrument =
            self.state.trading.instrument(trade.instrument).expect("a traded instrument is listed");
        let cycle =
            settlement::Cycle { calendar: instrument.calendar, settlement_days: instrument.settlement_days };
        for side in [Side::Buy, Side::Sell] {
            let terms =
                self.state.trading.terms(trade.side(side).order).expect("an executed order was known");
            effects.send_all(flow::confirm(terms, trade, side, cycle));
        }
    }

    fn give_back(&self, order: OrderId, by: Quantity, part: u32, effects: &mut Effects) {
        let terms = self.state.trading.terms(order).expect("a reduced order was known");
        let limit = self.state.trading.order(order).expect("a reduced order was known").limit;
        let instrument =
            self.state.trading.instrument(terms.instrument).expect("an order's instrument is listed");
        effects.send_all(flow::reduce(terms, part, reserved(by, instrument.notional(limit, by))));
    }

    fn release_all(&self, order: OrderId, at: Moment, effects: &mut Effects) {
        let terms = self.state.trading.terms(order).expect("a rejected order was known");
        for branch in [Branch::Risk, Branch::Settlement] {
            let forgotten = planted!("release-forgotten") && branch == Branch::Settlement;
            if !self.state.flows.refused(order, branch) && !forgotten {
                effects.send_all(flow::release(branch, terms, 0, at));
            }
        }
    }

    fn release_rest(&self, order: OrderId, at: Moment, effects: &mut Effects) {
        let terms = self.state.trading.terms(order).expect("a closed order was known");
        let parts = self.state.trading.order(order).expect("a closed order was known").parts;
        for branch in [Branch::Risk, Branch::Settlement] {
            effects.send_all(flow::release(branch, terms, parts, at));
        }
    }

    /// If the order was undecided until now, it held back those behind it.
    fn pass_turn(&self, order: OrderId, effects: &mut Effects) {
        let state = self.state.trading.order(order).expect("a decided order was known");
        if state.status == Status::Created && !state.block {
            let terms = self.state.trading.terms(order).expect("a decided order was known");
            effects.turn(terms.instrument);
        }
    }

    /// A switch takes out what is open, in every trading shard: risk has asked for nothing in others.
    fn react_to_risk(&self, event: &risk::Event, at: Moment, effects: &mut Effects) {
        let risk::Event::KillSwitchEngaged { switch, .. } = event else { return };
        let scope = match *switch {
            risk::Switch::All => trading::Scope::All,
            risk::Switch::Participant(participant) => trading::Scope::Participant(participant),
            risk::Switch::Account(account) => trading::Scope::Account(account),
            risk::Switch::Instrument(instrument) => trading::Scope::Instrument(instrument),
        };
        let own = self.setup.hosts.has(Context::Trading).then(|| shard_of(at.position));
        for shard in own.into_iter().chain(self.state.counterparts.iter().filter(|shard| Some(*shard) != own))
        {
            let cause = Cause::KillSwitch;
            effects.send(Message::Trading(trading::Command::StartSweep { scope, cause, shard }));
        }
    }

    /// Whether everything that an order causes happens within one record.
    pub fn is_whole(&self) -> bool {
        self.setup.hosts == Hosts::ALL
    }
}

fn react_to_settlement(event: &settlement::Event, effects: &mut Effects) {
    let settlement::Event::TradeSettled { buy, sell, .. } = event else { return };
    for side in [buy, sell] {
        effects.send(Message::Trading(trading::Command::Settle { side: side.clone() }));
        effects.send(Message::Risk(risk::Command::Settle { side: **side }));
    }
}
