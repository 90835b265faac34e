//! What an event causes elsewhere: the wiring between the contexts, in one place.

use vocabulary::{InstrumentId, Moment, OrderId, Reason, Reserved, Side, Trade};

use crate::command::{Command, Request};
use crate::event::{Event, FlowEvent};
use crate::flow::{self, Decision, Flows};
use crate::message::{Answer, Context, Message};
use crate::refusal::Refusal;
use crate::{Engine, Hosts};

/// Something to do next within the same record.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "most are messages, and boxing each would cost every order")]
pub(crate) enum Work {
    /// Hand a message to its context.
    Deliver(Message),
    /// See whether an order's flow can be decided.
    Decide(OrderId),
    /// See whether the next order of a book was waiting only for its turn.
    NextCleared(InstrumentId),
    /// Take the next step of a block trade.
    Block(OrderId),
}

fn events<E: Into<Event>>(events: impl IntoIterator<Item = E>) -> Vec<Event> {
    events.into_iter().map(Into::into).collect()
}

impl Engine {
    /// First events of a request.
    pub(crate) fn start(&mut self, request: &Request, at: Moment) -> Result<Vec<Event>, Refusal> {
        match &request.command {
            Command::Trading(command) => self.decide_trading(command, at, request.correlation),
            Command::Settlement(command) => self.decide_settlement(command, at),
            Command::Risk(command) => self.decide_risk(command, at),
            Command::Compliance(command) => self.decide_compliance(command, at),
            Command::ProposeBlock(propose) => self.propose_block(propose, at, request.correlation),
            Command::ConsentBlock { block, account, user } => self.consent_block(*block, *account, *user, at),
            Command::RefuseBlock { block, account } => self.refuse_block(*block, *account),
            Command::RetryBlock { block } => self.retry_block(*block),
            Command::ExpireDeadlines => Ok(self.expire_deadlines(at)),
            Command::Deliver { body, .. } => self.decide_message(body, at),
            Command::Acknowledge { message, answer } => Ok(self.acknowledge(*message, answer)),
            Command::RecordAccess(_) => Ok(Vec::new()),
        }
    }

    fn require(&self, context: Context) -> Result<(), Refusal> {
        if self.hosts.has(context) { Ok(()) } else { Err(Refusal::NotHosted(context)) }
    }

    fn decide_trading(
        &self,
        command: &trading::Command,
        at: Moment,
        correlation: vocabulary::CorrelationId,
    ) -> Result<Vec<Event>, Refusal> {
        self.require(Context::Trading)?;
        Ok(events(self.state.trading.decide(command, at, correlation)?))
    }

    fn decide_settlement(&self, command: &settlement::Command, at: Moment) -> Result<Vec<Event>, Refusal> {
        self.require(Context::Settlement)?;
        Ok(events(self.state.settlement.decide(command, at)?))
    }

    fn decide_risk(&self, command: &risk::Command, at: Moment) -> Result<Vec<Event>, Refusal> {
        self.require(Context::Risk)?;
        Ok(events(self.state.risk.decide(command, at)?))
    }

    fn decide_compliance(
        &mut self,
        command: &compliance::Command,
        at: Moment,
    ) -> Result<Vec<Event>, Refusal> {
        self.require(Context::Compliance)?;
        Ok(events(self.state.compliance.decide(&mut self.rules, command, at)?))
    }

    pub(crate) fn decide_message(&mut self, message: &Message, at: Moment) -> Result<Vec<Event>, Refusal> {
        match message {
            Message::Trading(command) => {
                self.decide_trading(command, at, vocabulary::CorrelationId::default())
            }
            Message::Settlement(command) => self.decide_settlement(command, at),
            Message::Risk(command) => self.decide_risk(command, at),
            Message::Compliance(command) => self.decide_compliance(command, at),
        }
    }

    /// What an event causes, seen before it is folded in.
    pub(crate) fn react(&self, event: &Event, at: Moment) -> Vec<Work> {
        match event {
            Event::Trading(event) => self.react_to_trading(event, at),
            Event::Settlement(event) => react_to_settlement(event),
            Event::Risk(event) => react_to_risk(event),
            Event::Compliance(_) => Vec::new(),
            Event::Flow(FlowEvent::BranchAnswered { order, .. }) => vec![Work::Decide(*order)],
            Event::Flow(FlowEvent::FlowTimedOut { .. }) => Vec::new(),
            Event::Flow(FlowEvent::MessageAnswered { .. } | FlowEvent::ProtocolAlarm { .. }) => Vec::new(),
            Event::Block(event) => self.react_to_block(event, at),
        }
    }

    fn react_to_trading(&self, event: &trading::Event, at: Moment) -> Vec<Work> {
        use trading::Event as E;
        match event {
            E::OrderCreated(created) => Flows::ask(created, at).into_iter().map(Work::Deliver).collect(),
            E::OrderExecuted(trade) => self.confirm_both_sides(trade),
            E::OrderReduced { order, by, part, .. } => self.give_back(*order, *by, *part),
            E::OrderAccepted { order } => self.turn_of_next(*order),
            E::OrderRejected { order, .. } => {
                let terms = self.state.trading.terms(*order).expect("a rejected order was known");
                let mut work: Vec<Work> =
                    self.state.flows.give_up(terms).into_iter().map(Work::Deliver).collect();
                work.extend(self.turn_of_next(*order));
                work
            }
            E::OrderCanceled { cause: trading::Cause::BlockUndone, .. } => Vec::new(),
            E::OrderCanceled { order, .. } | E::OrderExpired { order, .. } => self.release_rest(*order),
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
            | E::SweepAdvanced { .. } => Vec::new(),
        }
    }

    fn confirm_both_sides(&self, trade: &Trade) -> Vec<Work> {
        let instrument =
            self.state.trading.instrument(trade.instrument).expect("a traded instrument is listed");
        let cycle =
            settlement::Cycle { calendar: instrument.calendar, settlement_days: instrument.settlement_days };
        let mut work = Vec::with_capacity(4);
        for side in [Side::Buy, Side::Sell] {
            let terms =
                self.state.trading.terms(trade.side(side).order).expect("an executed order was known");
            work.extend(flow::confirm(terms, trade, side, cycle).into_iter().map(Work::Deliver));
        }
        work
    }

    fn give_back(&self, order: OrderId, by: vocabulary::Quantity, part: u32) -> Vec<Work> {
        let terms = self.state.trading.terms(order).expect("a reduced order was known");
        let limit = self.state.trading.order(order).expect("a reduced order was known").limit;
        let instrument =
            self.state.trading.instrument(terms.instrument).expect("an order's instrument is listed");
        let notional = instrument.notional(limit, by).0;
        let amount = i64::try_from(notional).expect("intake refuses a notional beyond 63 bits");
        let what = Reserved { quantity: by.0, amount };
        flow::reduce(terms, part, what).into_iter().map(Work::Deliver).collect()
    }

    fn release_rest(&self, order: OrderId) -> Vec<Work> {
        let terms = self.state.trading.terms(order).expect("a closed order was known");
        let parts = self.state.trading.order(order).expect("a closed order was known").parts;
        let branches = [crate::Branch::Risk, crate::Branch::Settlement];
        branches
            .into_iter()
            .filter_map(|branch| flow::release(branch, terms, parts))
            .map(Work::Deliver)
            .collect()
    }

    fn turn_of_next(&self, order: OrderId) -> Vec<Work> {
        let terms = self.state.trading.terms(order).expect("a decided order was known");
        vec![Work::NextCleared(terms.instrument)]
    }

    /// Events of one piece of work.
    pub(crate) fn perform(&mut self, work: Work, at: Moment) -> Vec<Event> {
        match work {
            Work::Deliver(message) => self.deliver(&message, at),
            Work::Decide(order) => self.decide_order(order, at),
            Work::NextCleared(instrument) => match self.state.trading.next_cleared(instrument) {
                Some(order) => self.accept(order, at),
                None => Vec::new(),
            },
            Work::Block(block) => self.next_of_block(block, at),
        }
    }

    fn accept(&self, order: OrderId, at: Moment) -> Vec<Event> {
        let command = trading::Command::AcceptOrder { order };
        let accepted = self.state.trading.decide(&command, at, vocabulary::CorrelationId::default());
        events(accepted.expect("an undecided order can be accepted"))
    }

    fn decide_order(&self, order: OrderId, at: Moment) -> Vec<Event> {
        match self.state.flows.decision(order) {
            None => Vec::new(),
            Some(Decision::Accept) => self.accept(order, at),
            Some(Decision::Reject(reason)) => self.reject(order, reason, at),
        }
    }

    fn reject(&self, order: OrderId, reason: Reason, at: Moment) -> Vec<Event> {
        let command = trading::Command::RejectOrder { order, reason };
        let rejected = self.state.trading.decide(&command, at, vocabulary::CorrelationId::default());
        events(rejected.expect("an undecided order can be rejected"))
    }

    fn deliver(&mut self, message: &Message, at: Moment) -> Vec<Event> {
        let outcome = self.decide_message(message, at);
        let answer = self.answer(message, &outcome);
        let mut all = outcome.unwrap_or_default();
        // The verdict of compliance is in the event just decided, not yet in the state.
        let answer = all.iter().find_map(verdict_in).unwrap_or(answer);
        all.extend(self.hear(message, &answer));
        all
    }

    /// What to answer a message with whose decision had that outcome; for a check, once the outcome is folded in.
    pub fn answer(&self, message: &Message, outcome: &Result<Vec<Event>, Refusal>) -> Answer {
        match (message, outcome) {
            (_, Err(Refusal::Risk(risk::Refusal::Hold(vocabulary::HoldRefusal::Early)))) => Answer::Later,
            (_, Err(Refusal::Settlement(settlement::Refusal::Hold(vocabulary::HoldRefusal::Early)))) => {
                Answer::Later
            }
            (_, Err(refusal)) => Answer::No(refusal.reason()),
            (Message::Compliance(compliance::Command::Check { terms, .. }), Ok(_)) => {
                match self.state.compliance.verdict(terms.order) {
                    Some(Err(reason)) => Answer::No(reason),
                    Some(Ok(())) | None => Answer::Yes,
                }
            }
            (_, Ok(_)) => Answer::Yes,
        }
    }

    /// What an answer to a message leads to: in the order's flow, in a block trade, or as an alarm.
    pub(crate) fn hear(&self, message: &Message, answer: &Answer) -> Vec<Event> {
        if let Some(event) = self.hear_in_block(message, answer) {
            return vec![event.into()];
        }
        if let Some((order, branch)) = message.asks() {
            return self.state.flows.hear(order, branch, answer).map(Event::from).into_iter().collect();
        }
        match answer {
            Answer::Yes | Answer::Later => Vec::new(),
            Answer::No(reason) => {
                let order = about(message);
                vec![FlowEvent::ProtocolAlarm { context: message.to(), order, reason: reason.clone() }.into()]
            }
        }
    }

    fn acknowledge(&self, message: crate::MessageId, answer: &Answer) -> Vec<Event> {
        let Some(body) = self.state.outbox.get(message) else { return Vec::new() };
        if *answer == Answer::Later {
            return Vec::new();
        }
        let mut all = vec![FlowEvent::MessageAnswered { message }.into()];
        all.extend(self.hear(body, answer));
        all
    }

    fn expire_deadlines(&self, at: Moment) -> Vec<Event> {
        let mut all = self.expire_blocks(at);
        for order in self.state.flows.overdue(at) {
            all.push(FlowEvent::FlowTimedOut { order }.into());
            let reason = Reason {
                code: "flow.timed-out".to_owned(),
                message: "a participant of the order flow did not answer in time".to_owned(),
            };
            all.extend(self.reject(order, reason, at));
        }
        all
    }

    /// A decision ends the wait for answers.
    pub(crate) fn fold_decision(&mut self, event: &trading::Event) {
        use trading::Event as E;
        if let E::OrderAccepted { order } | E::OrderCleared { order } | E::OrderRejected { order, .. } = event
        {
            self.state.flows.end(*order);
        }
    }

    pub(crate) fn begin_flow(&mut self, created: &trading::CreatedOrder, at: Moment) {
        if !matches!(created.kind, trading::OrderKind::Block(_)) {
            self.state.flows.begin(created.terms.order, at);
        }
    }

    pub(crate) fn fold_flow(&mut self, event: &FlowEvent) {
        match event {
            FlowEvent::BranchAnswered { order, branch, answer } => {
                self.state.flows.answered(*order, *branch, answer)
            }
            FlowEvent::FlowTimedOut { .. } | FlowEvent::ProtocolAlarm { .. } => {}
            FlowEvent::MessageAnswered { message } => self.state.outbox.answered(*message),
        }
    }

    /// Whether everything that an order causes happens within one record.
    pub fn is_whole(&self) -> bool {
        self.hosts == Hosts::ALL
    }
}

fn verdict_in(event: &Event) -> Option<Answer> {
    let Event::Compliance(compliance::Event::OrderChecked { reasons, .. }) = event else { return None };
    Some(reasons.first().map_or(Answer::Yes, |reason| Answer::No(reason.clone())))
}

/// The order that a message is about.
fn about(message: &Message) -> Option<OrderId> {
    use risk::Command as R;
    use settlement::Command as S;
    if let Message::Risk(
        R::Confirm { terms, .. } | R::Reduce { terms, .. } | R::Release { terms, .. } | R::Hold { terms, .. },
    ) = message
    {
        return Some(terms.order);
    }
    if let Message::Settlement(
        S::Confirm { terms, .. } | S::Reduce { terms, .. } | S::Release { terms, .. } | S::Hold { terms, .. },
    ) = message
    {
        return Some(terms.order);
    }
    None
}

fn react_to_settlement(event: &settlement::Event) -> Vec<Work> {
    let settlement::Event::TradeSettled { buy, sell, .. } = event else { return Vec::new() };
    let mut work = Vec::with_capacity(4);
    for side in [buy, sell] {
        work.push(Work::Deliver(Message::Trading(trading::Command::Settle { side: side.clone() })));
        work.push(Work::Deliver(Message::Risk(risk::Command::Settle { side: **side })));
    }
    work
}

fn react_to_risk(event: &risk::Event) -> Vec<Work> {
    let risk::Event::KillSwitchEngaged { switch, .. } = event else { return Vec::new() };
    let scope = match *switch {
        risk::Switch::All => trading::Scope::All,
        risk::Switch::Participant(participant) => trading::Scope::Participant(participant),
        risk::Switch::Account(account) => trading::Scope::Account(account),
        risk::Switch::Instrument(instrument) => trading::Scope::Instrument(instrument),
    };
    vec![Work::Deliver(Message::Trading(trading::Command::StartSweep {
        scope,
        cause: trading::Cause::KillSwitch,
    }))]
}
