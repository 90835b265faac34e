//! Messages between nodes: each takes effect once at its receiver, is sent and answered only by what is durable, and is
//! answered for good in the end (B2, C3, C5, C8, `docs/decisions/0017`).

use super::MESSAGES;
use crate::auditor::ShardName;
use crate::auditor::findings::Findings;
use compliance::Event as ComplianceEvent;
use engine::{Answer, Command, Context, Event, FlowEvent, Message, MessageId, Outcome, Record, Refusal};
use std::collections::{BTreeMap, BTreeSet};
use vocabulary::{HoldRefusal, Reason};

/// How a message was answered.
#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Yes,
    /// With the reason, where an event gives it.
    No(Option<Reason>),
    /// Not yet: it is to be sent again.
    Later,
}

/// From the node of a context and the shard it has, to a context of a shard.
type Stream = (Context, u64, ShardName, Context);

/// All messages of all shards.
#[derive(Default)]
pub(super) struct Messages {
    /// How each was answered, by receiver.
    answered: BTreeMap<MessageId, BTreeMap<ShardName, Kind>>,
    acknowledged: BTreeSet<MessageId>,
    /// Below what the sender knows every answer.
    below: BTreeMap<Stream, MessageId>,
}

/// Who a message is for.
fn receiver(message: &Message) -> Context {
    match message {
        Message::Trading(_) => Context::Trading,
        Message::Settlement(_) => Context::Settlement,
        Message::Risk(_) => Context::Risk,
        Message::Compliance(_) => Context::Compliance,
        Message::Definition(to, _) => *to,
    }
}

/// The answer that a record of a message stands for.
fn kind_of(record: &Record) -> Kind {
    let events = match &record.outcome {
        Outcome::Events(events) => events,
        Outcome::Refused(
            Refusal::NotHosted(_)
            | Refusal::Risk(risk::Refusal::Hold(HoldRefusal::Early))
            | Refusal::Settlement(settlement::Refusal::Hold(HoldRefusal::Early)),
        ) => return Kind::Later,
        Outcome::Refused(_) => return Kind::No(None),
    };
    let denied = events.iter().find_map(|event| match event {
        Event::Compliance(ComplianceEvent::OrderChecked { reasons, .. }) => reasons.first(),
        Event::Compliance(_)
        | Event::Trading(_)
        | Event::Settlement(_)
        | Event::Risk(_)
        | Event::Flow(_)
        | Event::Block(_) => None,
    });
    denied.map_or(Kind::Yes, |reason| Kind::No(Some(reason.clone())))
}

impl Kind {
    fn is_told_by(&self, answer: &Answer) -> bool {
        match (self, answer) {
            (Self::Yes, Answer::Yes) | (Self::Later, Answer::Later) => true,
            (Self::No(known), Answer::No(told)) => known.as_ref().is_none_or(|known| known == told),
            (Self::Yes | Self::No(_) | Self::Later, Answer::Yes | Answer::No(_) | Answer::Later) => false,
        }
    }
}

impl Messages {
    /// Folds in a record. `is_durable` says of a position whether the node that the message comes from has written it.
    pub(super) fn follow(
        &mut self,
        shard: ShardName,
        record: &Record,
        is_durable: impl FnOnce(&MessageId) -> bool,
        findings: &mut Findings<'_>,
    ) {
        if let Command::Deliver { message, body, answered_below } = &record.request.command {
            findings.check(is_durable(message), MESSAGES, || {
                format!("message {message} arrives before the record that posted it is durable")
            });
            self.take(shard, *message, receiver(body), *answered_below, kind_of(record), findings);
        }
        for event in record.events() {
            if let Event::Flow(FlowEvent::MessageAnswered { message }) = event {
                self.acknowledge(*message, &record.request.command, findings);
            }
        }
    }

    fn take(
        &mut self,
        shard: ShardName,
        message: MessageId,
        to: Context,
        answered_below: MessageId,
        kind: Kind,
        findings: &mut Findings<'_>,
    ) {
        let stream = (message.from, message.position >> 48, shard, to);
        let below = self.below.get(&stream).copied();
        findings.check(below.is_none_or(|below| message >= below), MESSAGES, || {
            format!("message {message} is recorded, though its sender knows every answer below {below:?}")
        });
        self.below.insert(stream, below.map_or(answered_below, |below| below.max(answered_below)));
        if kind == Kind::Later {
            return;
        }
        let before = self.answered.entry(message).or_default().insert(shard, kind);
        findings.check(before.is_none(), MESSAGES, || {
            format!("message {message} is decided again, and was answered {before:?}")
        });
    }

    fn acknowledge(&mut self, message: MessageId, command: &Command, findings: &mut Findings<'_>) {
        let told = match command {
            Command::Acknowledge { message: told, answer, .. } if *told == message => Some(answer),
            Command::Acknowledge { more, .. } => {
                more.iter().find(|(told, _)| *told == message).map(|(_, answer)| answer)
            }
            Command::Trading(_)
            | Command::Settlement(_)
            | Command::Risk(_)
            | Command::Compliance(_)
            | Command::ProposeBlock(_)
            | Command::ConsentBlock { .. }
            | Command::RefuseBlock { .. }
            | Command::RetryBlock { .. }
            | Command::ExpireDeadlines
            | Command::Deliver { .. }
            | Command::RecordAccess(_)
            | Command::RetryMessage { .. }
            | Command::TakeTurns => None,
        };
        let known = self.answered.get(&message);
        let is_true = told.is_some_and(|told| self.has_said(message, told));
        findings.check(is_true, MESSAGES, || {
            format!("message {message} is answered {told:?}, and its receiver has recorded {known:?}")
        });
        findings.check(self.acknowledged.insert(message), MESSAGES, || {
            format!("message {message} is answered a second time")
        });
    }

    /// Whether a receiver of the message has recorded that answer.
    fn has_said(&self, message: MessageId, answer: &Answer) -> bool {
        let mut kinds = self.answered.get(&message).into_iter().flat_map(BTreeMap::values);
        kinds.any(|kind| kind.is_told_by(answer))
    }

    /// What a node was told about its message, if somebody listens to that.
    pub(super) fn check_told(&self, message: MessageId, answer: &Answer, findings: &mut Findings<'_>) {
        let known = self.answered.get(&message);
        let is_true = *answer == Answer::Later || self.has_said(message, answer);
        findings.check(is_true, MESSAGES, || {
            format!("message {message} is answered {answer:?}, and its receiver has recorded {known:?}")
        });
    }

    /// Nothing is under way: every answer has arrived.
    pub(super) fn check_end(&self, findings: &mut Findings<'_>) {
        for message in self.answered.keys().filter(|message| !self.acknowledged.contains(message)) {
            findings.tell(MESSAGES, format!("the sender of {message} has not heard its answer"));
        }
    }
}
