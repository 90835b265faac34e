//! A small made-up market that real engines serve, in one node or in four with messages between them, and what an
//! auditor hears of it: right histories for the tests of the rules, to be changed into wrong ones.
//!
//! Everything is durable at once, and nothing is lost; messages overtake each other, and some come twice.

mod commands;
mod day;
mod history;

use super::ShardName;
use crate::Dice;
use engine::{
    Answer, Command, CommandId, Context, Due, Engine, Executed, Hosts, MessageId, Receipt, ReceiptResult,
    Record, Refusal, Request,
};
use trading::PlaceOrder;
use vocabulary::{CorrelationId, Moment, OrderId, Timestamp};

pub(crate) use commands::*;
pub(crate) use day::{right_days, spread_day, whole_day};
pub(crate) use history::{Heard, History};

pub(crate) const SECOND_NS: u64 = 1_000_000_000;

/// Everything in one node, or each context in one of its own.
const WHOLE: &[&[Context]] = &[&Context::ALL];
const SPREAD: &[&[Context]] =
    &[&[Context::Trading], &[Context::Settlement], &[Context::Risk], &[Context::Compliance]];
/// Settlement and risk in one node, so that messages between them are put off.
const PAIRED: &[&[Context]] =
    &[&[Context::Trading, Context::Compliance], &[Context::Settlement, Context::Risk]];

struct Node {
    shard: ShardName,
    hosts: Hosts,
    engine: Engine,
}

/// The market, and what was heard of it.
pub(crate) struct Market {
    nodes: Vec<Node>,
    pub(crate) history: History,
    pub(crate) now: u64,
    dice: Dice,
    requests: u128,
    /// A context that no message reaches.
    pub(crate) unreachable: Option<Context>,
}

impl Market {
    pub(crate) fn whole() -> Self {
        Self::of(WHOLE, 1)
    }

    pub(crate) fn spread(seed: u64) -> Self {
        Self::of(SPREAD, seed)
    }

    pub(crate) fn paired(seed: u64) -> Self {
        Self::of(PAIRED, seed)
    }

    fn of(split: &[&[Context]], seed: u64) -> Self {
        let node = |contexts: &&[Context]| {
            // Trading alone is one shard of several.
            let number = if **contexts == [Context::Trading] { 2 } else { 0 };
            let (hosts, shard) = (Hosts::only(contexts), ShardName { context: contexts[0], number });
            Node { shard, hosts, engine: Engine::new(hosts) }
        };
        let nodes = split.iter().map(node).collect();
        let (now, dice) = (1_675_733_400 * SECOND_NS, Dice::new(seed));
        let mut market =
            Self { nodes, history: History::default(), now, dice, requests: 0, unreachable: None };
        for command in definitions() {
            market.must(command);
        }
        market.calm();
        market
    }

    fn host(&self, context: Context) -> usize {
        self.nodes.iter().position(|node| node.hosts.has(context)).unwrap()
    }

    fn execute(&mut self, node: usize, request: Request) -> Receipt {
        self.now += 1_000;
        let Node { shard, hosts, engine } = &mut self.nodes[node];
        let before_first = u64::from(shard.number) << 48;
        let position = engine.last().map_or(before_first, |last| last.position) + 1;
        match engine.execute(request, Moment { position, time: Timestamp(self.now) }) {
            Executed::Recorded(record) => {
                let receipt = record.receipt();
                self.history.heard.push(Heard::Recorded(*shard, *hosts, record));
                receipt
            }
            Executed::Answered(receipt) => receipt,
            Executed::Repeated { position } => {
                let shard = *shard;
                self.record(shard, position).receipt()
            }
        }
    }

    fn record(&self, of: ShardName, position: u64) -> &Record {
        let found =
            self.history.records().find(|(shard, record)| *shard == of && record.moment.position == position);
        found.unwrap().1
    }

    /// A request with a key of its own.
    pub(crate) fn request(&mut self, command: Command) -> Request {
        self.requests += 1;
        let correlation = CorrelationId(self.requests);
        Request { command_id: Some(CommandId(correlation)), correlation, actor: id("user-1"), command }
    }

    /// A client asks, and is told.
    pub(crate) fn submit(&mut self, request: Request) -> Receipt {
        let node = self.host(request.command.context());
        let receipt = self.execute(node, request.clone());
        self.history.heard.push(Heard::Answered(Box::new(request), receipt.clone()));
        receipt
    }

    pub(crate) fn ask(&mut self, command: Command) -> Receipt {
        let request = self.request(command);
        self.submit(request)
    }

    pub(crate) fn must(&mut self, command: Command) -> Receipt {
        let receipt = self.ask(command.clone());
        let is_refused = matches!(receipt.result, ReceiptResult::Refused(_));
        assert!(!is_refused, "{command:?}: {receipt:?}");
        receipt
    }

    pub(crate) fn refused(&mut self, command: Command) -> Refusal {
        let ReceiptResult::Refused(refusal) = self.ask(command).result else { panic!("it was not refused") };
        refusal
    }

    /// Places an order, and gives its id. What becomes of it is not waited for.
    pub(crate) fn place(&mut self, order: PlaceOrder) -> OrderId {
        let order = OrderId(self.must(place(order)).position);
        let steps = self.dice.below(6);
        self.step(steps);
        order
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.now += seconds * SECOND_NS;
    }

    /// So many messages arrive, in any order, and each node does what is due.
    pub(crate) fn step(&mut self, messages: u64) {
        for _ in 0..messages {
            self.do_what_is_due();
            let waiting = self.waiting();
            if waiting.is_empty() {
                return;
            }
            let (from, message) = *self.dice.pick(&waiting);
            self.deliver(from, message);
        }
        self.do_what_is_due();
    }

    /// Until nothing is under way.
    pub(crate) fn calm(&mut self) {
        for _ in 0..100_000 {
            self.step(20);
            if self.waiting().is_empty() {
                return;
            }
        }
        panic!("it never ends");
    }

    fn waiting(&self) -> Vec<(usize, MessageId)> {
        let of = |(at, node): (usize, &Node)| {
            let waiting = node.engine.state().outbox.waiting();
            let arrives = waiting.filter(|(_, message)| Some(message.body.to()) != self.unreachable);
            arrives.map(|(message, _)| (at, *message)).collect::<Vec<_>>()
        };
        self.nodes.iter().enumerate().flat_map(of).collect()
    }

    fn do_what_is_due(&mut self) {
        for node in 0..self.nodes.len() {
            while let Due::Now(command) = self.nodes[node].engine.due(Timestamp(self.now)) {
                self.execute(node, own(command));
            }
        }
    }

    fn deliver(&mut self, from: usize, message: MessageId) {
        let Some(unanswered) = self.nodes[from].engine.state().outbox.get(message) else { return };
        let (command, to) = (unanswered.delivery(message), self.host(unanswered.body.to()));
        for _ in 0..=u64::from(self.dice.permille(300)) {
            let receipt = self.execute(to, own(command.clone()));
            let ReceiptResult::Answered(answer) = receipt.result else { panic!("a message is answered") };
            if answer != Answer::Later {
                self.execute(from, own(Command::Acknowledge { message, answer, more: Vec::new() }));
            }
        }
    }
}

fn own(command: Command) -> Request {
    Request { command_id: None, correlation: CorrelationId(0), actor: id("node"), command }
}
