//! The engine: four contexts, the order flow between them, and the saga of block trades.
//!
//! A pure state machine over records. [`Engine::execute`] decides a command and folds in what it comes to, with
//! everything that this causes in the contexts hosted here; [`Engine::apply`] folds in a record that was decided before,
//! and yields the same state. Invariant: the state follows from the records alone. Absent on purpose: time, IO, threads
//! and randomness; a node provides position, time and durability.

mod answers;
pub mod block;
mod blocks;
mod command;
mod counterparts;
mod deadlines;
mod delivery;
mod event;
mod facts;
mod flow;
mod inbox;
mod issuer;
mod message;
mod outbox;
mod reaction;
mod record;
mod refusal;
mod saga;
mod setup;
mod stuck;
#[cfg(test)]
mod tests;
mod threads;

use minicbor::{Decode, Encode};
use vocabulary::{Moment, planted};

use answers::{Answers, Known};
use counterparts::Counterparts;
use inbox::Inbox;
use reaction::Effects;
use threads::Threads;

pub use blocks::Blocks;
pub use command::{Access, Command, CommandId, Due, Request};
pub use event::{Event, FlowEvent};
pub use facts::StateHash;
pub use flow::{FLOW_DEADLINE_NS, Flows, TIMED_OUT, UndecidedFlow};
pub use issuer::Issuer;
pub use message::{Answer, Branch, Context, Hosts, Message, MessageId, UnknownContext, span_id};
pub use outbox::{ALERT_NS, Outbox, UNANSWERED_MAX, Unanswered};
pub use record::{LOGIC_VERSION, OrderReceipt, Outcome, Receipt, ReceiptResult, Record};
pub use refusal::Refusal;
pub use setup::Setup;
pub use stuck::{StuckFlow, WaitsFor};

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
    pub blocks: Blocks,
    #[n(7)]
    answers: Answers,
    /// The last record folded in.
    #[n(8)]
    last: Option<Moment>,
    #[n(9)]
    inbox: Inbox,
    #[n(10)]
    #[cbor(default)]
    threads: Threads,
    #[n(11)]
    #[cbor(default)]
    counterparts: Counterparts,
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
    /// It is a message of another node that was answered before; nothing changes, and the answer is the same. Not to be
    /// told before the record at that position is durable.
    Answered(Receipt),
}

/// The contexts of a node, working together.
pub struct Engine {
    setup: Setup,
    state: State,
    /// The compiled policy: not state, but made from it when it is needed.
    rules: compliance::Rules,
    /// Empty between records; kept for its memory.
    effects: Effects,
    /// As they are.
    log: Vec<Event>,
}

impl Engine {
    /// An engine without history.
    pub fn new(setup: impl Into<Setup>) -> Self {
        Self::with(setup.into(), State::default())
    }

    /// An engine from a snapshot's bytes.
    ///
    /// # Errors
    /// When the bytes are not a state.
    pub fn restore(setup: impl Into<Setup>, snapshot: &[u8]) -> Result<Self, minicbor::decode::Error> {
        Ok(Self::with(setup.into(), minicbor::decode(snapshot)?))
    }

    fn with(setup: Setup, state: State) -> Self {
        let (rules, effects) = (compliance::Rules::default(), Effects::new(setup.hosts));
        Self { setup, state, rules, effects, log: Vec::new() }
    }

    /// The state as bytes: the same for the same history.
    pub fn snapshot(&self) -> Vec<u8> {
        if planted!("outbox-not-kept") {
            let state = State { outbox: Outbox::default(), ..self.state.clone() };
            return minicbor::to_vec(&state).expect("a state encodes into memory");
        }
        minicbor::to_vec(&self.state).expect("a state encodes into memory")
    }

    /// The state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What it was made with.
    pub fn setup(&self) -> Setup {
        self.setup
    }

    /// Position and time of the last record, if there is one.
    pub fn last(&self) -> Option<Moment> {
        self.state.last
    }

    /// Decides a request, folds in what it comes to, and gives the record to write.
    ///
    /// # Panics
    /// When `at` does not follow the last record: positions have no gaps, and time does not go back.
    pub fn execute(&mut self, request: Request, at: Moment) -> Executed {
        self.check_follows(at);
        if let Some(answered) = self.answered_before(&request.command) {
            return answered;
        }
        let outcome = match self.state.answers.look_up(&request, at) {
            Some(Known::Same(position)) => return Executed::Repeated { position },
            Some(Known::Other(position)) => Outcome::Refused(Refusal::IdempotencyKeyReused { position }),
            None => {
                let mut log = std::mem::take(&mut self.log);
                let started = self.start(&request, at, &mut log);
                if started.is_ok() {
                    self.carry_through(at, &mut log);
                }
                // As large as it is and no larger: a record lives until its last follower has seen it.
                let mut events = Vec::with_capacity(log.len());
                events.append(&mut log);
                self.log = log;
                match started {
                    Err(refusal) => Outcome::Refused(refusal),
                    Ok(()) => {
                        if events.is_empty()
                            && let Some(position) = self.order_placed_before(&request.command)
                        {
                            return Executed::Repeated { position };
                        }
                        Outcome::Events(events)
                    }
                }
            }
        };
        let record = Box::new(Record { moment: at, logic_version: LOGIC_VERSION, request, outcome });
        self.finish(&record);
        Executed::Recorded(record)
    }

    /// Folds in a record that was decided before: events only.
    ///
    /// # Panics
    /// When the record does not fit the state: then the journal is corrupt, or there is a bug.
    pub fn apply(&mut self, record: &Record) {
        self.check_follows(record.moment);
        let mut effects = std::mem::replace(&mut self.effects, Effects::new(self.setup.hosts));
        for event in record.events() {
            self.fold(event, record.moment, &mut effects);
            effects.work.clear();
        }
        self.effects = effects;
        self.finish(record);
    }

    fn check_follows(&self, at: Moment) {
        const POSITION_BITS: u64 = (1 << 48) - 1;
        match self.state.last {
            None => assert_eq!(at.position & POSITION_BITS, 1, "the first record of a shard is number 1"),
            Some(last) => {
                assert_eq!(at.position, last.position + 1, "records follow one another without gap");
                assert!(at.time >= last.time, "time went back from {} to {}", last.time, at.time);
            }
        }
    }

    /// What every record leaves behind, whether it was decided here or read from the journal.
    fn finish(&mut self, record: &Record) {
        let at = record.moment;
        let reused = matches!(record.outcome, Outcome::Refused(Refusal::IdempotencyKeyReused { .. }));
        if !reused && !planted!("key-forgotten") {
            self.state.answers.remember(&record.request, at);
        }
        if let (Command::Deliver { message, body, answered_below }, Some(answer)) =
            (&record.request.command, record.answer())
        {
            self.state.inbox.remember(*message, body.to(), *answered_below, &answer, at);
        }
        for instrument in self.effects.turned.drain(..) {
            let is_cleared = self.state.trading.next_cleared(instrument).is_some();
            let is_cleared = is_cleared && !planted!("next-turn-forgotten");
            self.state.flows.set_turn(instrument, is_cleared);
        }
        self.state.threads.follow(record);
        self.state.last = Some(at);
    }

    /// The position of an order that the same command has placed before.
    fn order_placed_before(&self, command: &Command) -> Option<u64> {
        let Command::Trading(trading::Command::PlaceOrder(place)) = command else { return None };
        let order = self.state.trading.order_of_client(place.account, place.client_order_id?)?;
        Some(order.0)
    }

    /// Folds in the first events and everything that they cause here, which goes to the end of the log.
    fn carry_through(&mut self, at: Moment, log: &mut Vec<Event>) {
        let mut effects = std::mem::replace(&mut self.effects, Effects::new(self.setup.hosts));
        let (mut folded, mut turns) = (0, 0);
        loop {
            while let Some(event) = log.get(folded) {
                self.fold(event, at, &mut effects);
                folded += 1;
            }
            let Some(work) = effects.work.pop_front() else { break };
            self.perform(&work, at, &mut turns, log);
        }
        self.effects = effects;
    }

    /// Folds in one event. What it causes here goes to the effects, what it causes elsewhere to the outbox.
    fn fold(&mut self, event: &Event, at: Moment, effects: &mut Effects) {
        self.react(event, at, effects);
        self.state.counterparts.follow(event);
        match event {
            Event::Trading(event) => {
                self.fold_into_flows(event, at);
                self.state.trading.apply(event, at);
            }
            Event::Settlement(event) => self.state.settlement.apply(event, at),
            Event::Risk(event) => self.state.risk.apply(event, at),
            Event::Compliance(event) => self.state.compliance.apply(event, at),
            Event::Flow(event) => self.fold_flow(event, at),
            Event::Block(event) => self.fold_block(event, at, effects),
        }
        for message in effects.away.drain(..) {
            self.state.outbox.post(self.setup.hosts.first(), message, at);
        }
    }

    /// An order's flow begins with the order, and ends with the decision on it.
    fn fold_into_flows(&mut self, event: &trading::Event, at: Moment) {
        use trading::Event as E;
        if let E::OrderCreated(created) = event
            && !matches!(created.kind, trading::OrderKind::Block(_))
        {
            self.state.flows.begin(created.terms.order, at);
        }
        if let E::OrderAccepted { order }
        | E::OrderCleared { order }
        | E::OrderRejected { order, .. }
        | E::OrderCanceled { order, .. }
        | E::OrderExpired { order, .. } = event
        {
            self.state.flows.end(*order);
        }
    }

    fn fold_flow(&mut self, event: &FlowEvent, at: Moment) {
        match event {
            FlowEvent::BranchAnswered { order, branch, answer } => {
                self.state.flows.answered(*order, *branch, answer);
            }
            FlowEvent::MessageAnswered { message } => self.state.outbox.answered(*message),
            FlowEvent::MessagesUnanswered { context, last, .. } => {
                self.state.outbox.alerted(*context, *last, at);
            }
            FlowEvent::FlowTimedOut { .. }
            | FlowEvent::ProtocolAlarm { .. }
            | FlowEvent::MessageRetried { .. }
            | FlowEvent::MessageDeferred { .. } => {}
        }
    }
}
