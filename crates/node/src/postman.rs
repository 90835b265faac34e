//! Which messages to other nodes are to be sent now: those never sent, and those that were not answered for long.
//!
//! Invariant: a message leaves only after the record that posted it is durable, and is sent again, ever more rarely, until
//! its answer is recorded (C5). Deliberately absent: how it gets there, and every memory over a restart: what is not
//! answered is simply sent again.

use engine::{Context, MessageId, Outbox, Request, Unanswered};
use std::collections::BTreeMap;
use std::time::Duration;
use vocabulary::{CorrelationId, UserId, planted};

/// How long the first answer is waited for; each further wait is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait, in doublings of the first.
const DOUBLINGS_MAX: u32 = 6;
/// How often it is looked what is answered, and what is to be sent again.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How many messages to one context may be under way at once.
const UNDER_WAY_MAX: usize = 1_024;

/// A message on its way.
#[derive(Debug)]
pub struct Parcel {
    /// The context that it is for.
    pub to: Context,
    /// Number of the shard that it is for.
    pub shard: u16,
    /// Its id, for the answer.
    pub message: MessageId,
    /// What the receiving node is to decide.
    pub request: Request,
}

struct Sent {
    to: (Context, u16),
    at: Duration,
    times: u32,
}

impl Sent {
    fn is_over(&self, now: Duration) -> bool {
        !planted!("message-not-repeated")
            && now >= self.at + FIRST_WAIT * 2_u32.pow((self.times - 1).min(DOUBLINGS_MAX))
    }
}

/// What was sent, and when.
pub struct Postman {
    /// Opaque id under which the messages are recorded where they arrive.
    system: UserId,
    /// Some of them may be answered by now.
    sent: BTreeMap<MessageId, Sent>,
    /// To each context the last message that was sent: what was posted after it is new.
    last: BTreeMap<Context, MessageId>,
    /// How many of what was sent go to each context.
    under_way: BTreeMap<Context, usize>,
    /// When it was looked what is answered, and what is to be sent again.
    looked: Option<Duration>,
}

impl Postman {
    /// One who has sent nothing yet.
    pub fn new(system: UserId) -> Self {
        let (sent, last, under_way) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { system, sent, last, under_way, looked: None }
    }

    /// What is to be sent of an outbox whose records are durable up to the position `durable`. `now` is the time that
    /// has passed since some fixed moment, by a clock that does not jump. What is new costs a step for each message,
    /// everything that is under way only one now and then.
    pub fn collect(&mut self, outbox: &Outbox, durable: u64, now: Duration) -> Vec<Parcel> {
        let mut parcels = Vec::new();
        if self.looked.is_none_or(|looked| now >= looked + LOOK_EVERY) {
            self.forget_answered(outbox);
            self.looked = Some(now);
            self.send_late(outbox, now, &mut parcels);
        }
        for to in Context::ALL {
            self.send_new(to, outbox, durable, now, &mut parcels);
        }
        parcels
    }

    fn forget_answered(&mut self, outbox: &Outbox) {
        self.sent.retain(|message, _| outbox.get(*message).is_some());
        self.under_way.clear();
        for sent in self.sent.values() {
            *self.under_way.entry(sent.to.0).or_default() += 1;
        }
    }

    fn send_late(&mut self, outbox: &Outbox, now: Duration, parcels: &mut Vec<Parcel>) {
        for (message, sent) in self.sent.iter_mut().filter(|(_, sent)| sent.is_over(now)) {
            if let Some(unanswered) = outbox.get(*message) {
                *sent = Sent { at: now, times: sent.times.saturating_add(1), ..*sent };
                parcels.push(parcel(self.system, *message, unanswered));
            }
        }
    }

    fn send_new(
        &mut self,
        to: Context,
        outbox: &Outbox,
        durable: u64,
        now: Duration,
        parcels: &mut Vec<Parcel>,
    ) {
        let is_durable = |(message, _): &(&MessageId, &Unanswered)| {
            message.position <= durable || planted!("message-before-durable")
        };
        let after = self.last.get(&to).copied();
        let mut new = outbox.waiting_for(to, after).take_while(is_durable).peekable();
        if new.peek().is_none() {
            return;
        }
        if self.under_way(to) >= UNDER_WAY_MAX {
            self.forget_answered(outbox);
        }
        for (message, unanswered) in new.take(UNDER_WAY_MAX.saturating_sub(self.under_way(to))) {
            let parcel = parcel(self.system, *message, unanswered);
            self.sent.insert(*message, Sent { to: (to, parcel.shard), at: now, times: 1 });
            *self.under_way.entry(to).or_default() += 1;
            self.last.insert(to, *message);
            parcels.push(parcel);
        }
    }

    fn under_way(&self, to: Context) -> usize {
        self.under_way.get(&to).copied().unwrap_or_default()
    }

    /// Has a message sent again at once, for an operator who knows that its receiver is back.
    pub fn send_again(&mut self, message: MessageId) {
        self.send_again_where(|sent, _| sent == message);
    }

    /// Has everything sent again that the node of that context and shard was sent and has not answered: it was away.
    pub fn send_all_again(&mut self, context: Context, shard: u16) {
        self.send_again_where(|_, to| to == (context, shard));
    }

    fn send_again_where(&mut self, is_one: impl Fn(MessageId, (Context, u16)) -> bool) {
        for (message, sent) in &mut self.sent {
            if is_one(*message, sent.to) {
                // As if it had been sent for the first time, and long ago.
                *sent = Sent { at: Duration::ZERO, times: 1, ..*sent };
                self.looked = None;
            }
        }
    }
}

fn parcel(system: UserId, message: MessageId, unanswered: &Unanswered) -> Parcel {
    let body = &unanswered.body;
    let correlation = body.correlation().unwrap_or(CorrelationId(message.position.into()));
    let request =
        Request { command_id: None, correlation, actor: system, command: unanswered.delivery(message) };
    Parcel { to: body.to(), shard: body.shard(), message, request }
}
