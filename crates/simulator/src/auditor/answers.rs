//! The rule of answers: what was acknowledged is durable, happened once, and is told as it happened (faults 1, 2, 3 and
//! 5, B2, C3, `docs/decisions/0002`, `0003` and `0017`).
//!
//! It finds: a gap in the positions, time that goes back, an answer before or other than its record, an effect that nobody
//! asked for, a command executed twice under one key, a key or a client order id used for two things, and what a message between nodes must not do.
//! Absent on purpose: whether the outcome itself is right.

mod effects;
mod messages;
mod receipts;
#[cfg(test)]
mod tests;

use super::findings::Findings;
use super::{Rule, ShardName, Violation};
use engine::{
    Command, CommandId, Context, Event, Hosts, Outcome, Receipt, ReceiptResult, Record, Refusal, Request,
};
use messages::Messages;
use std::collections::BTreeMap;
use vocabulary::{AccountId, ClientOrderId, OrderId, Timestamp};

const JOURNAL: &str = "journal order";
const ONCE: &str = "executed once";
const ANSWERS: &str = "answers are records";
const DURABLE: &str = "reply after durable";
const MESSAGES: &str = "messages once";

/// How long a key is kept.
const KEY_KEPT_NS: u64 = 24 * 3_600 * 1_000_000_000;

/// Journals of all shards as far as answers depend on them.
#[derive(Default)]
pub struct Answers {
    journals: BTreeMap<ShardName, Journal>,
    messages: Messages,
}

/// One shard's.
struct Journal {
    hosts: Hosts,
    entries: BTreeMap<u64, Entry>,
    last: Option<(u64, Timestamp)>,
    /// The last use of each key.
    keys: BTreeMap<CommandId, (u64, Timestamp)>,
    client_orders: BTreeMap<(AccountId, ClientOrderId), OrderId>,
}

/// A record as its answer needs it.
struct Entry {
    request: Request,
    /// What is told of it; none if another node asked.
    result: Option<ReceiptResult>,
}

impl Rule for Answers {
    fn recorded(&mut self, shard: ShardName, hosts: Hosts, record: &Record, found: &mut Vec<Violation>) {
        let mut findings = Findings::in_record(shard, record, found);
        let new = || Journal {
            hosts,
            entries: BTreeMap::new(),
            last: None,
            keys: BTreeMap::new(),
            client_orders: BTreeMap::new(),
        };
        let journal = self.journals.entry(shard).or_insert_with(new);
        journal.follow(shard, record, &mut findings);
        let is_durable = |message: &engine::MessageId| {
            self.journals.iter().any(|(name, journal)| {
                name.context == message.from
                    && u64::from(name.number) == message.position >> 48
                    && journal.entries.contains_key(&message.position)
            })
        };
        self.messages.follow(shard, record, is_durable, &mut findings);
    }

    fn answered(&mut self, request: &Request, receipt: &Receipt, found: &mut Vec<Violation>) {
        let mut findings = Findings::in_answer(found);
        if let (Command::Deliver { message, .. }, ReceiptResult::Answered(answer)) =
            (&request.command, &receipt.result)
        {
            return self.messages.check_told(*message, answer, &mut findings);
        }
        let is_meant = |shard: &ShardName, journal: &Journal| {
            u64::from(shard.number) == receipt.position >> 48
                && journal.is_for(request, receipt)
                && journal.entries.contains_key(&receipt.position)
        };
        let journals = self.journals.iter().filter(|(shard, journal)| is_meant(shard, journal));
        let journals: Vec<&Journal> = journals.map(|(_, journal)| journal).collect();
        findings.check(!journals.is_empty(), DURABLE, || {
            format!("{request:?} is told {receipt:?}, and there is no such record")
        });
        let Some(first) = journals.first() else { return };
        let own = journals.iter().find(|journal| journal.entries[&receipt.position].is_of(request));
        own.unwrap_or(first).check_answer(request, receipt, &mut findings);
    }

    fn ended(&mut self, found: &mut Vec<Violation>) {
        self.messages.check_end(&mut Findings::at_the_end(found));
    }
}

impl Entry {
    /// Whether it is the record of that request: of the same command under the same key, or of the order that was placed
    /// under the same client order id.
    fn is_of(&self, request: &Request) -> bool {
        let is_client_order = matches!(&request.command,
            Command::Trading(trading::Command::PlaceOrder(place)) if place.client_order_id.is_some());
        self.request.command == request.command
            && (self.request.command_id == request.command_id || is_client_order)
    }
}

impl Journal {
    fn follow(&mut self, shard: ShardName, record: &Record, findings: &mut Findings<'_>) {
        let (position, time) = (record.moment.position, record.moment.time);
        let last = self.last.unwrap_or((u64::from(shard.number) << 48, Timestamp(0)));
        findings.check(position == last.0 + 1, JOURNAL, || format!("it follows record {}", last.0));
        findings.check(time >= last.1, JOURNAL, || format!("time goes from {} back to {time}", last.1));
        self.last = Some((position, time.max(last.1)));
        for event in record.events() {
            let context = context_of(event);
            let is_here = context.is_none_or(|context| self.hosts.has(context));
            findings.check(is_here || super::definitions::is_copy(event, record), JOURNAL, || {
                format!("{event:?} of a context that is not hosted here")
            });
            if let Event::Trading(trading::Event::OrderCreated(created)) = event
                && let Some(client_order_id) = created.client_order_id
            {
                let key = (created.terms.account, client_order_id);
                let before = self.client_orders.insert(key, created.terms.order);
                findings.check(before.is_none(), ONCE, || format!("{key:?} names order {before:?} already"));
            }
        }
        effects::check(record, findings);
        self.follow_key(record, findings);
        self.check_refusal(record, findings);
        let entry = Entry { request: record.request.clone(), result: receipts::result_of(record) };
        self.entries.insert(position, entry);
    }

    /// A key stands in one record, and for one command (faults 1 to 3).
    fn follow_key(&mut self, record: &Record, findings: &mut Findings<'_>) {
        let Some(key) = record.request.command_id else { return };
        let at = record.moment.time;
        let known = self.keys.get(&key).filter(|(_, since)| at <= since.plus_ns(KEY_KEPT_NS));
        let known = known.and_then(|(position, _)| Some((*position, self.entries.get(position)?)));
        let same = known.is_some_and(|(_, entry)| entry.request.command == record.request.command);
        if let Outcome::Refused(Refusal::IdempotencyKeyReused { position }) = &record.outcome {
            let is_right = known.is_some_and(|(first, _)| first == *position) && !same;
            return findings.check(is_right, ONCE, || {
                let first = known.map(|(first, _)| first);
                format!(
                    "{key:?} is refused as used at {position}; it was used at {first:?}, for the same: {same}"
                )
            });
        }
        findings.check(known.is_none(), ONCE, || {
            let first = known.map(|(first, _)| first);
            format!("{key:?} was executed at {first:?} already, for the same command: {same}")
        });
        self.keys.insert(key, (record.moment.position, at));
    }

    /// A client order id that is refused names the order that has it.
    fn check_refusal(&self, record: &Record, findings: &mut Findings<'_>) {
        if let Outcome::Refused(Refusal::Trading(trading::Refusal::ClientOrderIdReused { order, .. })) =
            &record.outcome
            && let Command::Trading(trading::Command::PlaceOrder(place)) = &record.request.command
        {
            let known = place.client_order_id.and_then(|id| self.client_orders.get(&(place.account, id)));
            findings.check(known == Some(order), ONCE, || {
                format!("{place:?} is refused for order {order}, and the id names {known:?}")
            });
        }
    }

    /// Whether the request belongs to this shard.
    fn is_for(&self, request: &Request, receipt: &Receipt) -> bool {
        let is_astray = matches!(receipt.result, ReceiptResult::Refused(Refusal::NotHosted(_)));
        is_astray || addressee(&request.command).is_none_or(|context| self.hosts.has(context))
    }

    fn check_answer(&self, request: &Request, receipt: &Receipt, findings: &mut Findings<'_>) {
        let Some(entry) = self.entries.get(&receipt.position) else { return };
        findings.check(entry.is_of(request), ANSWERS, || {
            format!("{request:?} is told {receipt:?}, and that is the record of {:?}", entry.request)
        });
        findings.check(entry.result.as_ref() == Some(&receipt.result), ANSWERS, || {
            format!("{request:?} is told {receipt:?}, and the record says {:?}", entry.result)
        });
        // A retry that was recorded under its own key is answered by that record.
        let own = request.command_id.filter(|key| entry.request.command_id != Some(*key));
        let own =
            own.and_then(|key| self.keys.get(&key)).and_then(|(position, _)| self.entries.get(position));
        let has_own = own.is_some_and(|own| own.request.command == request.command);
        findings.check(!has_own, ONCE, || {
            format!("{request:?} is told {receipt:?}, and has a record of its own")
        });
    }
}

fn context_of(event: &Event) -> Option<Context> {
    match event {
        Event::Trading(_) | Event::Block(_) => Some(Context::Trading),
        Event::Settlement(_) => Some(Context::Settlement),
        Event::Risk(_) => Some(Context::Risk),
        Event::Compliance(_) => Some(Context::Compliance),
        Event::Flow(_) => None,
    }
}

/// The context that a command is for; none if every node takes it.
fn addressee(command: &Command) -> Option<Context> {
    match command {
        Command::Trading(_)
        | Command::ProposeBlock(_)
        | Command::ConsentBlock { .. }
        | Command::RefuseBlock { .. }
        | Command::RetryBlock { .. }
        | Command::TakeTurns => Some(Context::Trading),
        Command::Settlement(_) => Some(Context::Settlement),
        Command::Risk(_) => Some(Context::Risk),
        Command::Compliance(_) => Some(Context::Compliance),
        Command::ExpireDeadlines
        | Command::Deliver { .. }
        | Command::Acknowledge { .. }
        | Command::RecordAccess(_)
        | Command::RetryMessage { .. } => None,
    }
}
