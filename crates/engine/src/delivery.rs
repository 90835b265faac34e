//! Carrying commands and messages to their contexts, and the answers back.

use vocabulary::{CorrelationId, Events, InstrumentId, Moment, OrderId, Reason};

use crate::command::{Command, Request};
use crate::event::{Event, FlowEvent};
use crate::flow::Decision;
use crate::inbox::Seen;
use crate::issuer::Issuer;
use crate::message::{Answer, Branch, Context, Message, MessageId};
use crate::outbox::UNANSWERED_MAX;
use crate::reaction::Work;
use crate::record::{answer_of, refusal_answer};
use crate::refusal::Refusal;
use crate::{Engine, Executed, Receipt, ReceiptResult};

/// How many orders that waited for their turn go on in one record.
pub(crate) const TURNS_MAX: usize = 500;

impl Engine {
    /// First events of a request.
    pub(crate) fn start(
        &mut self,
        request: &Request,
        at: Moment,
        log: &mut Vec<Event>,
    ) -> Result<(), Refusal> {
        let command = &request.command;
        if command.issuer() == Issuer::Flow {
            return Err(Refusal::OnlyAsMessage);
        }
        if asks_others(command) && self.state.outbox.len() >= UNANSWERED_MAX {
            return Err(Refusal::OutboxFull);
        }
        match command {
            Command::Trading(command) => self.decide_trading(command, at, request.correlation, log),
            Command::Settlement(command) => self.decide_settlement(command, at, log),
            Command::Risk(command) => self.decide_risk(command, at, log),
            Command::Compliance(command) => self.decide_compliance(command, at, log),
            Command::ProposeBlock(propose) => {
                log.push(self.propose_block(propose, at, request.correlation)?);
                Ok(())
            }
            Command::ConsentBlock { block, account, user } => {
                log.push(self.consent_block(*block, *account, *user, at)?);
                Ok(())
            }
            Command::RefuseBlock { block, account } => {
                log.push(self.refuse_block(*block, *account)?);
                Ok(())
            }
            Command::RetryBlock { block } => {
                log.push(self.retry_block(*block)?);
                Ok(())
            }
            Command::ExpireDeadlines => {
                self.expire_deadlines(at, log);
                Ok(())
            }
            Command::Deliver { body, .. } if !body.is_of_the_flow() => Err(Refusal::NotAMessage),
            Command::Deliver { body, .. } => self.decide_message(body, at, log),
            Command::Acknowledge { message, answer, more } => {
                self.acknowledge(*message, answer, log);
                // Each sees what the one before has changed.
                let more = more.iter().map(|(message, answer)| Work::Acknowledge(*message, answer.clone()));
                self.effects.work.extend(more);
                Ok(())
            }
            Command::RecordAccess(_) => Ok(()),
            Command::RetryMessage { message } => {
                self.state.outbox.get(*message).ok_or(Refusal::UnknownMessage(*message))?;
                log.push(FlowEvent::MessageRetried { message: *message }.into());
                Ok(())
            }
            Command::TakeTurns => {
                if let Some(instrument) = self.state.flows.next_turn() {
                    self.accept_next(instrument, at, log);
                }
                Ok(())
            }
        }
    }

    pub(crate) fn require(&self, context: Context) -> Result<(), Refusal> {
        if self.setup.hosts.has(context) { Ok(()) } else { Err(Refusal::NotHosted(context)) }
    }

    /// What trading decides, within the bound of this engine's steps.
    pub(crate) fn decided_by_trading(
        &self,
        command: &trading::Command,
        at: Moment,
        correlation: CorrelationId,
    ) -> Result<Events<trading::Event>, trading::Refusal> {
        self.state.trading.decide(command, at, correlation, self.setup.step)
    }

    fn decide_trading(
        &self,
        command: &trading::Command,
        at: Moment,
        correlation: CorrelationId,
        log: &mut Vec<Event>,
    ) -> Result<(), Refusal> {
        self.require(Context::Trading)?;
        log.extend(self.decided_by_trading(command, at, correlation)?.into_iter().map(Event::from));
        Ok(())
    }

    fn decide_settlement(
        &self,
        command: &settlement::Command,
        at: Moment,
        log: &mut Vec<Event>,
    ) -> Result<(), Refusal> {
        self.require(Context::Settlement)?;
        log.extend(self.state.settlement.decide(command, at, self.setup.step)?.into_iter().map(Event::from));
        Ok(())
    }

    fn decide_risk(&self, command: &risk::Command, at: Moment, log: &mut Vec<Event>) -> Result<(), Refusal> {
        self.require(Context::Risk)?;
        log.extend(self.state.risk.decide(command, at)?.into_iter().map(Event::from));
        Ok(())
    }

    fn decide_compliance(
        &mut self,
        command: &compliance::Command,
        at: Moment,
        log: &mut Vec<Event>,
    ) -> Result<(), Refusal> {
        self.require(Context::Compliance)?;
        let events = self.state.compliance.decide(&mut self.rules, command, at)?;
        log.extend(events.into_iter().map(Event::from));
        Ok(())
    }

    fn decide_message(&mut self, message: &Message, at: Moment, log: &mut Vec<Event>) -> Result<(), Refusal> {
        let before = log.len();
        match message {
            Message::Trading(command) => self.decide_trading(command, at, CorrelationId::default(), log),
            Message::Settlement(command) => self.decide_settlement(command, at, log),
            Message::Risk(command) => self.decide_risk(command, at, log),
            Message::Compliance(command) => self.decide_compliance(command, at, log),
            Message::Definition(to, command) => self.adopt(*to, command, log),
        }?;
        // Asked about an order once more, compliance has no event to answer with.
        if let (true, Some((order, Branch::Compliance))) = (log.len() == before, message.asks())
            && let Some(Err(reason)) = self.state.compliance.verdict(order)
        {
            return Err(Refusal::Denied(reason));
        }
        Ok(())
    }

    /// Takes over what trading has defined in another node. Where trading lives too it has definitions of its own.
    fn adopt(&self, to: Context, command: &trading::Command, log: &mut Vec<Event>) -> Result<(), Refusal> {
        self.require(to)?;
        if !self.setup.hosts.has(Context::Trading) {
            log.extend(self.state.trading.adopt(command)?.into_iter().map(Event::from));
        }
        Ok(())
    }

    /// What is to be said to a message that was answered before.
    pub(crate) fn answered_before(&self, command: &Command) -> Option<Executed> {
        let Command::Deliver { message, body, .. } = command else { return None };
        let (position, answer) = match self.state.inbox.look_up(*message, body.to())? {
            Seen::Answered(position, answer) => (position, answer),
            // Nobody waits for this answer any more; the one that changes nothing wherever it arrives is right.
            Seen::Over => (self.state.last?.position, Answer::Later),
        };
        Some(Executed::Answered(Receipt { position, result: ReceiptResult::Answered(answer) }))
    }

    /// Does one piece of work. `turns` counts the orders that went on because it was their turn.
    pub(crate) fn perform(&mut self, work: &Work, at: Moment, turns: &mut usize, log: &mut Vec<Event>) {
        match work {
            Work::Deliver(message) => self.deliver(message, at, log),
            Work::Acknowledge(message, answer) => self.acknowledge(*message, answer, log),
            Work::Decide(order) => match self.state.flows.decision(*order) {
                Some(Decision::Accept) => self.accept(*order, at, log),
                Some(Decision::Reject(reason)) => self.reject(*order, reason, at, log),
                None => {}
            },
            // What does not fit into this record goes on in another one.
            Work::NextCleared(_) if *turns == self.setup.step.within(TURNS_MAX) => {}
            Work::NextCleared(instrument) => {
                *turns += 1;
                self.accept_next(*instrument, at, log);
            }
            Work::Block(block) => self.next_of_block(*block, at, log),
        }
    }

    fn accept_next(&self, instrument: InstrumentId, at: Moment, log: &mut Vec<Event>) {
        if let Some(order) = self.state.trading.next_cleared(instrument) {
            self.accept(order, at, log);
        }
    }

    pub(crate) fn accept(&self, order: OrderId, at: Moment, log: &mut Vec<Event>) {
        let command = trading::Command::AcceptOrder { order };
        self.decide_trading(&command, at, CorrelationId::default(), log)
            .expect("an undecided order can be accepted");
    }

    pub(crate) fn reject(&self, order: OrderId, reason: Reason, at: Moment, log: &mut Vec<Event>) {
        let command = trading::Command::RejectOrder { order, reason };
        self.decide_trading(&command, at, CorrelationId::default(), log)
            .expect("an undecided order can be rejected");
    }

    /// Hands a message to a context of this node, and hears what it says.
    fn deliver(&mut self, message: &Message, at: Moment, log: &mut Vec<Event>) {
        let first = log.len();
        let answer = match self.decide_message(message, at, log) {
            Ok(()) => answer_of(&log[first..]),
            Err(refusal) => refusal_answer(&refusal),
        };
        if answer == Answer::Later {
            log.push(FlowEvent::MessageDeferred { body: Box::new(message.clone()) }.into());
        } else {
            log.extend(self.hear(message, &answer));
        }
    }

    /// What an answer to a message leads to: in the order's flow, in a block trade, or as an alarm.
    fn hear(&self, message: &Message, answer: &Answer) -> Option<Event> {
        if let Some(event) = self.hear_in_block(message, answer) {
            return Some(event.into());
        }
        if let Some((order, branch)) = message.asks() {
            return self.state.flows.hear(order, branch, answer).map(Event::from);
        }
        match answer {
            Answer::Yes | Answer::Later => None,
            Answer::No(reason) => {
                let (context, order, reason) = (message.to(), message.order(), reason.clone());
                Some(FlowEvent::ProtocolAlarm { context, order, reason }.into())
            }
        }
    }

    /// An answer from another node. One that says to ask again leaves the message where it is, and so does one to a
    /// message that was answered before.
    fn acknowledge(&self, message: MessageId, answer: &Answer, log: &mut Vec<Event>) {
        let Some(unanswered) = self.state.outbox.get(message) else { return };
        if *answer == Answer::Later {
            return;
        }
        log.push(FlowEvent::MessageAnswered { message }.into());
        log.extend(self.hear(&unanswered.body, answer));
    }
}

/// Whether the command leads to new messages to other nodes that nobody is bound to send.
fn asks_others(command: &Command) -> bool {
    let is_definition = matches!(command, Command::Trading(command) if command.is_definition());
    is_definition
        || matches!(
            command,
            Command::Trading(trading::Command::PlaceOrder(_) | trading::Command::ReplaceOrder { .. })
                | Command::ProposeBlock(_)
        )
}
