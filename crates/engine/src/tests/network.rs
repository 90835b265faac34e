//! Several nodes and the network between them, with every fault that a network and machines have. One seed is one
//! history.
//!
//! A node decides into records that are not durable at once. Only what is durable leaves it: messages, their answers,
//! and what clients are told. A leader that another one has replaced goes on until its next write, which is fenced.

use super::market::id;
use crate::{
    Answer, Command, CommandId, Context, Due, Engine, Event, Executed, FLOW_DEADLINE_NS, Hosts, Message,
    MessageId, Outcome, ReceiptResult, Record, Request,
};
use std::collections::BTreeMap;
use vocabulary::{CorrelationId, Moment, Timestamp};

pub(crate) const MS: u64 = 1_000_000;
const OPENING: u64 = 1_675_733_400_000_000_000;

/// Marsaglia's xorshift64.
#[derive(Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    /// True so many times in a thousand.
    pub(crate) fn permille(&mut self, chance: u64) -> bool {
        self.below(1_000) < chance
    }
}

/// What goes wrong, each in a thousand per packet or per millisecond and node.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) drop: u64,
    pub(crate) duplicate: u64,
    /// Packets take up to so many milliseconds, so they overtake each other.
    pub(crate) delay_ms: u64,
    pub(crate) crash: u64,
    /// A second leader begins while the first goes on.
    pub(crate) second_leader: u64,
    /// A node does not write for a while.
    pub(crate) stall: u64,
}

impl Faults {
    pub(crate) const ALL: Self =
        Self { drop: 150, duplicate: 150, delay_ms: 60, crash: 8, second_leader: 8, stall: 20 };
    /// Packets are late and out of order, and nothing is lost.
    pub(crate) const REORDER: Self =
        Self { drop: 0, duplicate: 0, delay_ms: 40, crash: 0, second_leader: 0, stall: 0 };
}

enum Packet {
    Deliver { from: usize, to: usize, message: MessageId, command: Box<Command> },
    Acknowledge { to: usize, message: MessageId, answer: Answer },
}

/// One that believes to lead.
struct Leader {
    engine: Engine,
    /// How much of the journal it has seen: where its next write goes.
    base: usize,
    /// Decided, and not written.
    pending: Vec<Record>,
    /// Answers that wait for their record to be durable: position, asker, message, answer.
    answers: Vec<(u64, usize, MessageId, Answer)>,
    /// When each message was sent last.
    sent: BTreeMap<MessageId, u64>,
    stalled_until: u64,
}

impl Leader {
    fn durable(&self) -> u64 {
        self.base as u64
    }
}

pub(crate) struct Node {
    pub(crate) hosts: Hosts,
    pub(crate) journal: Vec<Record>,
    snapshot: Option<(usize, Vec<u8>)>,
    leaders: Vec<Leader>,
    /// Its clock is ahead by so much.
    skew_ns: u64,
}

impl Node {
    fn new(hosts: Hosts, skew_ns: u64) -> Self {
        let mut node = Self { hosts, journal: Vec::new(), snapshot: None, leaders: Vec::new(), skew_ns };
        node.lead();
        node
    }

    /// A new leader from what is durable: the newest snapshot and the records after it.
    fn lead(&mut self) {
        let (from, mut engine) = match &self.snapshot {
            Some((from, bytes)) => (*from, Engine::restore(self.hosts, bytes).unwrap()),
            None => (0, Engine::new(self.hosts)),
        };
        self.journal[from..].iter().for_each(|record| engine.apply(record));
        let (base, pending, answers, sent) = (self.journal.len(), Vec::new(), Vec::new(), BTreeMap::new());
        self.leaders.push(Leader { engine, base, pending, answers, sent, stalled_until: 0 });
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.leaders.last().unwrap().engine
    }
}

type Matches = fn(&Message) -> bool;

/// A request that its client repeats until it is told.
struct Asked {
    command: Command,
    sent: u64,
    position: Option<u64>,
}

pub(crate) struct Network {
    pub(crate) nodes: Vec<Node>,
    wire: Vec<(u64, Packet)>,
    pub(crate) faults: Faults,
    pub(crate) dice: Dice,
    pub(crate) now_ms: u64,
    asked: BTreeMap<u128, Asked>,
    asked_last: u128,
    /// Contexts whose node nothing reaches.
    pub(crate) unreachable: Vec<Context>,
    /// What a test makes a participant say, whatever it would have said: to messages that match.
    pub(crate) forced_answer: Option<(Matches, Answer)>,
    /// Messages that the network loses.
    pub(crate) held_back: Option<Matches>,
}

impl Network {
    /// Nodes that host these contexts, with the market defined in all of them.
    pub(crate) fn new(split: &[&[Context]], definitions: &[Command], seed: u64) -> Self {
        let nodes = split.iter().zip(0..).map(|(contexts, at)| Node::new(Hosts::only(contexts), at * 7 * MS));
        let mut network = Self {
            nodes: nodes.collect(),
            wire: Vec::new(),
            faults: Faults::default(),
            dice: Dice::new(seed),
            now_ms: 0,
            asked: BTreeMap::new(),
            asked_last: 0,
            unreachable: Vec::new(),
            forced_answer: None,
            held_back: None,
        };
        for command in definitions {
            network.ask(command.clone());
            network.run(1);
        }
        network.calm();
        network
    }

    pub(crate) fn host(&self, context: Context) -> usize {
        self.nodes.iter().position(|node| node.hosts.has(context)).unwrap()
    }

    pub(crate) fn engine(&self, context: Context) -> &Engine {
        self.nodes[self.host(context)].engine()
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &Record> {
        self.nodes.iter().flat_map(|node| &node.journal)
    }

    pub(crate) fn events(&self) -> impl Iterator<Item = &Event> {
        self.records().flat_map(Record::events)
    }

    fn time(&self) -> u64 {
        OPENING + self.now_ms * MS
    }

    /// A client asks, and repeats it until it is told what came of it.
    pub(crate) fn ask(&mut self, command: Command) {
        self.asked_last += 1;
        let asked = Asked { command: command.clone(), sent: self.now_ms, position: None };
        self.asked.insert(self.asked_last, asked);
        self.submit(self.asked_last, command);
    }

    fn submit(&mut self, number: u128, command: Command) {
        let node = self.host(command.context());
        let command_id = Some(CommandId(CorrelationId(number)));
        let request =
            Request { command_id, correlation: CorrelationId(number), actor: id("user-1"), command };
        let leader = self.nodes[node].leaders.len() - 1;
        let position = match self.execute(node, leader, request) {
            Executed::Recorded(record) => record.moment.position,
            Executed::Repeated { position } => position,
            Executed::Answered(receipt) => receipt.position,
        };
        if let Some(asked) = self.asked.get_mut(&number) {
            asked.position = Some(position);
        }
    }

    fn execute(&mut self, node: usize, leader: usize, request: Request) -> Executed {
        let time = self.time() + self.nodes[node].skew_ns;
        let leader = &mut self.nodes[node].leaders[leader];
        let last = leader.engine.last().unwrap_or_default();
        let at = Moment { position: last.position + 1, time: Timestamp(time).max(last.time) };
        let executed = leader.engine.execute(request, at);
        if let Executed::Recorded(record) = &executed {
            leader.pending.push((**record).clone());
        }
        executed
    }

    /// So many milliseconds pass.
    pub(crate) fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now_ms += 1;
            self.receive();
            for node in 0..self.nodes.len() {
                self.break_something(node);
                for leader in 0..self.nodes[node].leaders.len() {
                    self.do_what_is_due(node, leader);
                }
                self.write(node);
                for leader in 0..self.nodes[node].leaders.len() {
                    self.send(node, leader);
                }
            }
            self.repeat_requests();
        }
    }

    fn break_something(&mut self, at: usize) {
        let Faults { crash, second_leader, stall, .. } = self.faults;
        let (snapshot, stalls) = (self.dice.permille(10 * crash), self.dice.permille(stall));
        let (crash, second) = (self.dice.permille(crash), self.dice.permille(second_leader));
        let now = self.now_ms;
        let node = &mut self.nodes[at];
        if snapshot
            && let [leader] = &node.leaders[..]
            && leader.pending.is_empty()
        {
            node.snapshot = Some((node.journal.len(), leader.engine.snapshot()));
        }
        if crash {
            node.leaders.clear();
            node.lead();
        } else if second && node.leaders.len() == 1 {
            node.lead();
        }
        if stalls {
            node.leaders[0].stalled_until = now + 30;
        }
    }

    fn do_what_is_due(&mut self, node: usize, leader: usize) {
        for _ in 0..1_000 {
            let now = Timestamp(self.time() + self.nodes[node].skew_ns);
            let engine = &self.nodes[node].leaders[leader].engine;
            let Due::Now(command) = engine.due(now.max(engine.last().unwrap_or_default().time)) else {
                return;
            };
            self.execute(node, leader, own(command));
        }
        panic!("what is due never ends");
    }

    /// Leaders write what they have decided. One that does not stand at the end of the journal is fenced, and stops.
    fn write(&mut self, node: usize) {
        let now = self.now_ms;
        let Node { leaders, journal, .. } = &mut self.nodes[node];
        leaders.retain_mut(|leader| {
            if leader.stalled_until > now || leader.pending.is_empty() {
                return true;
            }
            if leader.base != journal.len() {
                return false;
            }
            journal.append(&mut leader.pending);
            leader.base = journal.len();
            true
        });
        if self.nodes[node].leaders.is_empty() {
            self.nodes[node].lead();
        }
    }

    /// Answers whose record is durable, and messages that were never sent or not answered for long.
    fn send(&mut self, node: usize, at: usize) {
        let now = self.now_ms;
        let leader = &mut self.nodes[node].leaders[at];
        let durable = leader.durable();
        let (ready, later) = std::mem::take(&mut leader.answers).into_iter().partition(|a| a.0 <= durable);
        leader.answers = later;
        let mut due = Vec::new();
        for (message, unanswered) in leader.engine.state().outbox.waiting() {
            let again = leader.sent.get(message).is_none_or(|sent| sent + 100 < now);
            if message.position <= durable && again {
                due.push((*message, unanswered.body.to()));
            }
        }
        let commands: Vec<_> = due
            .into_iter()
            .map(|(message, context)| {
                leader.sent.insert(message, now);
                (message, context, leader.engine.state().outbox.get(message).unwrap().delivery(message))
            })
            .collect();
        let ready: Vec<_> = ready;
        for (_, to, message, answer) in ready {
            self.post(|| Packet::Acknowledge { to, message, answer: answer.clone() });
        }
        for (message, context, command) in commands {
            let is_lost = self.unreachable.contains(&context) || self.is_held_back(&command);
            if !is_lost {
                let to = self.host(context);
                self.post(|| Packet::Deliver { from: node, to, message, command: Box::new(command.clone()) });
            }
        }
    }

    fn is_held_back(&self, command: &Command) -> bool {
        let Command::Deliver { body, .. } = command else { return false };
        self.held_back.is_some_and(|is_held_back| is_held_back(body))
    }

    fn post(&mut self, packet: impl Fn() -> Packet) {
        let Faults { drop, duplicate, delay_ms, .. } = self.faults;
        let copies = if self.dice.permille(duplicate) { 2 } else { 1 };
        for _ in 0..copies {
            if !self.dice.permille(drop) {
                // Some copies come very late, when all is over.
                let long = if self.dice.permille(duplicate / 10) { 40 } else { 1 };
                let delay = self.dice.below(delay_ms + 1) * long;
                self.wire.push((self.now_ms + 1 + delay, packet()));
            }
        }
    }

    fn receive(&mut self) {
        let now = self.now_ms;
        let (arrived, under_way) = std::mem::take(&mut self.wire).into_iter().partition(|p| p.0 <= now);
        self.wire = under_way;
        let arrived: Vec<_> = arrived;
        for (_, packet) in arrived {
            match packet {
                Packet::Deliver { from, to, message, command } => self.deliver(from, to, message, *command),
                Packet::Acknowledge { to, message, answer } => {
                    // Whoever led first gets it, so an old leader hears things too.
                    self.execute(to, 0, own(Command::Acknowledge { message, answer, more: Vec::new() }));
                }
            }
        }
    }

    fn deliver(&mut self, from: usize, to: usize, message: MessageId, command: Command) {
        let leader = usize::try_from(self.dice.below(self.nodes[to].leaders.len() as u64)).unwrap();
        let receipt = match self.execute(to, leader, own(command.clone())) {
            Executed::Recorded(record) => record.receipt(),
            Executed::Answered(receipt) => receipt,
            Executed::Repeated { .. } => panic!("a message has no idempotency key"),
        };
        let ReceiptResult::Answered(mut answer) = receipt.result else { panic!("a message is answered") };
        if let (Some((matches, forced)), Command::Deliver { body, .. }) = (&self.forced_answer, &command)
            && matches(body)
        {
            answer = forced.clone();
        }
        if answer != Answer::Later {
            let answers = &mut self.nodes[to].leaders[leader].answers;
            answers.push((receipt.position, from, message, answer));
        }
    }

    fn repeat_requests(&mut self) {
        let mut again = Vec::new();
        for (number, asked) in &self.asked {
            let node = &self.nodes[self.host(asked.command.context())];
            if asked.sent + 50 < self.now_ms {
                again.push((*number, asked.command.clone(), asked.position, node.journal.len() as u64));
            }
        }
        for (number, command, position, durable) in again {
            let is_told = position.is_some_and(|position| {
                let node = &self.nodes[self.host(command.context())];
                position <= durable && holds_request(&node.journal[position as usize - 1], number)
            });
            if is_told {
                self.asked.remove(&number);
            } else {
                self.asked.get_mut(&number).unwrap().sent = self.now_ms;
                self.submit(number, command);
            }
        }
    }

    /// Whether everything asked for is done and told, and nothing is under way.
    fn is_calm(&self) -> bool {
        let calm = |node: &Node| {
            let state = node.engine().state();
            let waits = state.outbox.len() + state.flows.waiting().count();
            let now = Timestamp(self.time() + node.skew_ns);
            waits == 0
                && node.leaders.iter().all(|leader| leader.pending.is_empty() && leader.answers.is_empty())
                && !matches!(node.engine().due(now), Due::Now(_))
        };
        self.wire.is_empty() && self.asked.is_empty() && self.nodes.iter().all(calm)
    }

    /// Faults stop, and time passes until every flow has come to its end.
    pub(crate) fn calm(&mut self) {
        self.faults = Faults::default();
        for node in &mut self.nodes {
            // Leases run out: of two leaders one stays.
            node.leaders.retain(|leader| leader.base == node.journal.len());
            node.leaders.truncate(1);
            if node.leaders.is_empty() {
                node.lead();
            }
        }
        for _ in 0..(4 * FLOW_DEADLINE_NS / MS) {
            self.run(1);
            if self.is_calm() {
                return;
            }
        }
        let stuck: Vec<_> =
            self.nodes.iter().map(|node| node.engine().state().stuck(Timestamp(u64::MAX), 5)).collect();
        panic!("not every flow has come to an end: {stuck:?}");
    }

    /// The node stops at once, whatever it was doing, and comes up again.
    pub(crate) fn crash(&mut self, node: usize) {
        self.nodes[node].leaders.clear();
        self.nodes[node].lead();
    }

    /// What came of the first record that holds `command`.
    pub(crate) fn outcome(&self, command: &Command) -> &Outcome {
        &self.records().find(|record| record.request.command == *command).unwrap().outcome
    }
}

fn holds_request(record: &Record, number: u128) -> bool {
    record.request.command_id == Some(CommandId(CorrelationId(number)))
}

fn own(command: Command) -> Request {
    Request { command_id: None, correlation: CorrelationId(0), actor: id("node"), command }
}
