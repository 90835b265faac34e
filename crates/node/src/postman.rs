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
    sent: BTreeMap<MessageId, Sent>,
}

impl Postman {
    /// One who has sent nothing yet.
    pub fn new(system: UserId) -> Self {
        Self { system, sent: BTreeMap::new() }
    }

    /// What is to be sent of an outbox whose records are durable up to the position `durable`. `now` is the time that
    /// has passed since some fixed moment, by a clock that does not jump.
    pub fn collect(&mut self, outbox: &Outbox, durable: u64, now: Duration) -> Vec<Parcel> {
        self.sent.retain(|message, _| outbox.get(*message).is_some());
        let mut parcels = Vec::new();
        for to in Context::ALL {
            let is_durable = |(message, _): &(&MessageId, &Unanswered)| {
                message.position <= durable || planted!("message-before-durable")
            };
            for (message, unanswered) in
                outbox.waiting_for(to, None).take_while(is_durable).take(UNDER_WAY_MAX)
            {
                if self.sent.get(message).is_none_or(|sent| sent.is_over(now)) {
                    let parcel = self.parcel(*message, unanswered);
                    self.remember(&parcel, now);
                    parcels.push(parcel);
                }
            }
        }
        parcels
    }

    /// Has a message sent again at once, for an operator who knows that its receiver is back.
    pub fn send_again(&mut self, message: MessageId) {
        self.sent.remove(&message);
    }

    /// Has everything sent again that the node of that context and shard was sent and has not answered: it was away.
    pub fn send_all_again(&mut self, context: Context, shard: u16) {
        self.sent.retain(|_, sent| sent.to != (context, shard));
    }

    fn remember(&mut self, parcel: &Parcel, now: Duration) {
        let times = self.sent.get(&parcel.message).map_or(0, |sent| sent.times).saturating_add(1);
        self.sent.insert(parcel.message, Sent { to: (parcel.to, parcel.shard), at: now, times });
    }

    fn parcel(&self, message: MessageId, unanswered: &Unanswered) -> Parcel {
        let body = &unanswered.body;
        let correlation = body.correlation().unwrap_or(CorrelationId(message.position.into()));
        let request = Request {
            command_id: None,
            correlation,
            actor: self.system,
            command: unanswered.delivery(message),
        };
        Parcel { to: body.to(), shard: body.shard(), message, request }
    }
}
