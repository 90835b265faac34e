//! The engine: four contexts, the order flow between them, and the saga of block trades.
//!
//! A pure state machine over records. [`Engine::execute`] decides a command and folds in what it comes to, with
//! everything that this causes in the contexts hosted here; [`Engine::apply`] folds in a record that was decided before,
//! and yields the same state. Invariant: the state follows from the records alone. Absent on purpose: time, IO, threads
//! and randomness; a node provides position, time and durability.

mod answers;
pub mod block;
mod command;
mod event;
mod flow;
mod message;
mod outbox;
mod reaction;
mod record;
mod refusal;
mod saga;
#[cfg(test)]
mod tests;

use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, VecDeque};
use vocabulary::{Moment, OrderId, Timestamp};

use answers::{Answers, Known};
use reaction::Work;

pub use command::{Access, Command, CommandId, Due, Request};
pub use event::{Event, FlowEvent};
pub use flow::{FLOW_DEADLINE_NS, Flows, UndecidedFlow};
pub use message::{Answer, Branch, Context, Hosts, Message, MessageId};
pub use outbox::Outbox;
pub use record::{LOGIC_VERSION, OrderReceipt, Outcome, Receipt, ReceiptResult, Record};
pub use refusal::Refusal;

/// All business state of a node: what a snapshot holds.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct State {
    /// Accounts, orders, books.
    #[n(0)]
    pub trading: trading::Trading,
    /// Quotas, obligations, runs.
    #[n(1)]
    pub settlement: settlement::Settlement,
    /// Limits, exposures, kill switches.
    #[n(2)]
    pub risk: risk::Risk,
    /// Policy, counters, restricted list.
    #[n(3)]
    pub compliance: compliance::Compliance,
    /// Orders that wait for answers.
    #[n(4)]
    pub flows: Flows,
    /// Messages to other nodes that wait for answers.
    #[n(5)]
    pub outbox: Outbox,
    /// Block trades that are not over.
    #[n(6)]
    pub blocks: BTreeMap<OrderId, block::Block>,
    #[n(7)]
    answers: Answers,
    /// The last record folded in.
    #[n(8)]
    last: Option<Moment>,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Executed {
    /// It was decided now, and must be written before anyone is told.
    Recorded(Box<Record>),
    /// It is a retry of what was recorded at that position; the answer is that record's receipt.
    Repeated {
        /// Where the first one is recorded.
        position: u64,
    },
}

/// The contexts of a node, working together.
pub struct Engine {
    hosts: Hosts,
    state: State,
    /// The compiled policy: not state, but made from it when it is needed.
    rules: compliance::Rules,
}

impl Engine {
    /// An engine without history.
    pub fn new(hosts: Hosts) -> Self {
        Self { hosts, state: State::default(), rules: compliance::Rules::default() }
    }

    /// An engine from a snapshot's bytes.
    ///
    /// # Errors
    /// When the bytes are not a state.
    pub fn restore(hosts: Hosts, snapshot: &[u8]) -> Result<Self, minicbor::decode::Error> {
        let state: State = minicbor::decode(snapshot)?;
        Ok(Self { hosts, state, rules: compliance::Rules::default() })
    }

    /// The state as bytes: the same for the same history.
    pub fn snapshot(&self) -> Vec<u8> {
        minicbor::to_vec(&self.state).expect("a state encodes into memory")
    }

    /// The state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The contexts hosted here.
    pub fn hosts(&self) -> Hosts {
        self.hosts
    }

    /// Position and time of the last record, if there is one.
    pub fn last(&self) -> Option<Moment> {
        self.state.last
    }

    /// Decides a request, folds in what it comes to, and gives the record to write.
    pub fn execute(&mut self, request: Request, at: Moment) -> Executed {
        let mut log = Vec::new();
        let outcome = match self.state.answers.look_up(&request) {
            Some(Known::Same(position)) => return Executed::Repeated { position },
            Some(Known::Other(position)) => Outcome::Refused(Refusal::IdempotencyKeyReused { position }),
            None => match self.start(&request, at) {
                Err(refusal) => Outcome::Refused(refusal),
                Ok(first) => {
                    if first.is_empty()
                        && let Some(position) = self.order_placed_before(&request.command)
                    {
                        return Executed::Repeated { position };
                    }
                    self.carry_through(first, at, &mut log);
                    Outcome::Events(log)
                }
            },
        };
        let record = Record { moment: at, logic_version: LOGIC_VERSION, request, outcome };
        self.finish(&record);
        Executed::Recorded(Box::new(record))
    }

    /// Folds in a record that was decided before: events only.
    ///
    /// # Panics
    /// When the record does not fit the state: then the journal is corrupt, or there is a bug.
    pub fn apply(&mut self, record: &Record) {
        for event in record.events() {
            self.fold(event, record.moment, &mut VecDeque::new());
        }
        self.finish(record);
    }

    fn finish(&mut self, record: &Record) {
        let reused = matches!(record.outcome, Outcome::Refused(Refusal::IdempotencyKeyReused { .. }));
        if !reused {
            self.state.answers.remember(&record.request, record.moment);
        }
        self.state.last = Some(record.moment);
    }

    /// The position of an order that the same command has placed before.
    fn order_placed_before(&self, command: &Command) -> Option<u64> {
        let Command::Trading(trading::Command::PlaceOrder(place)) = command else { return None };
        let order = self.state.trading.order_of_client(place.account, place.client_order_id?)?;
        Some(order.0)
    }

    /// Folds in the first events and everything that they cause here.
    fn carry_through(&mut self, first: Vec<Event>, at: Moment, log: &mut Vec<Event>) {
        let mut work: VecDeque<Work> = VecDeque::new();
        for event in first {
            self.fold(&event, at, &mut work);
            log.push(event);
        }
        while let Some(next) = work.pop_front() {
            for event in self.perform(next, at) {
                self.fold(&event, at, &mut work);
                log.push(event);
            }
        }
    }

    /// Folds in one event. What it causes goes to `work`; messages to other nodes go to the outbox.
    fn fold(&mut self, event: &Event, at: Moment, work: &mut VecDeque<Work>) {
        let caused = self.react(event, at);
        match event {
            Event::Trading(event) => {
                self.fold_decision(event);
                self.state.trading.apply(event, at);
            }
            Event::Settlement(event) => self.state.settlement.apply(event, at),
            Event::Risk(event) => self.state.risk.apply(event, at),
            Event::Compliance(event) => self.state.compliance.apply(event, at),
            Event::Flow(event) => self.fold_flow(event),
            Event::Block(event) => self.fold_block(event),
        }
        if let Event::Trading(trading::Event::OrderCreated(created)) = event {
            self.begin_flow(created, at);
        }
        for next in caused {
            match next {
                Work::Deliver(message) if !self.hosts.has(message.to()) => {
                    self.state.outbox.post(message, at)
                }
                Work::Deliver(_) | Work::Decide(_) | Work::NextCleared(_) | Work::Block(_) => {
                    work.push_back(next)
                }
            }
        }
    }

    /// What there is to do without anyone asking: bounded steps of long work, and deadlines that have passed.
    pub fn due(&self, now: Timestamp) -> Due {
        if self.state.settlement.running().is_some() {
            return Due::Now(Command::Settlement(settlement::Command::Advance));
        }
        if self.state.trading.is_sweeping() {
            return Due::Now(Command::Trading(trading::Command::ContinueSweep));
        }
        let consents =
            self.state.blocks.values().filter(|block| block.stage == block::Stage::AwaitingConsent);
        let next = consents.map(|block| block.deadline).chain(self.state.flows.next_deadline()).min();
        match next {
            Some(deadline) if deadline < now => Due::Now(Command::ExpireDeadlines),
            Some(deadline) => Due::At(deadline),
            None => Due::Never,
        }
    }
}
