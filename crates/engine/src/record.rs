//! A record: one command and what came of it. The unit of the journal.

use minicbor::{Decode, Encode};
use serde::Serialize;
use vocabulary::{Moment, OrderId, Quantity, Reason, planted};

use crate::command::{Command, Request};
use crate::event::Event;
use crate::message::Answer;
use crate::refusal::Refusal;
use trading::{Cause, Status};

/// The rules by which commands are decided. A change of behaviour takes a new number, switched on by a command.
pub const LOGIC_VERSION: u16 = 1;

/// One command, where and when it was decided, and the outcome.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Record {
    /// Shard, position and time.
    #[n(0)]
    pub moment: Moment,
    /// The rules it was decided by.
    #[n(1)]
    pub logic_version: u16,
    /// What was asked, by whom.
    #[n(2)]
    pub request: Request,
    /// What came of it.
    #[n(3)]
    pub outcome: Outcome,
}

/// Events, or a refusal.
#[derive(Clone, Debug, PartialEq, Serialize, Encode, Decode)]
pub enum Outcome {
    /// It happened, with these events; none means that it was so already.
    #[n(0)]
    Events(#[n(0)] Vec<Event>),
    /// It did not happen.
    #[n(1)]
    Refused(#[n(0)] Refusal),
}

/// What the one who asked is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Receipt {
    /// Where it is recorded: a read can ask for at least this position.
    pub position: u64,
    /// What came of it.
    pub result: ReceiptResult,
}

/// The short form of an outcome.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum ReceiptResult {
    /// It happened; `changed` is false when it was so already.
    Done {
        /// Whether anything changed.
        changed: bool,
    },
    /// An order came into being.
    Order(OrderReceipt),
    /// It did not happen.
    Refused(Refusal),
    /// It was a message of another node, with this answer.
    Answered(Answer),
}

/// What became of a new order within its own record.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OrderReceipt {
    /// Its id.
    pub order: OrderId,
    /// Where it is in its life.
    pub status: Status,
    /// How much was executed at once.
    pub executed: Quantity,
    /// How much it asked for.
    pub quantity: Quantity,
    /// Why it was rejected, if it was.
    pub rejected: Option<Reason>,
    /// Why what was left of it was cancelled at once, if it was.
    pub canceled: Option<Cause>,
}

impl Record {
    /// The events, if it happened.
    pub fn events(&self) -> &[Event] {
        match &self.outcome {
            Outcome::Events(events) => events,
            Outcome::Refused(_) => &[],
        }
    }

    /// What the one who asked is told; the same whenever it is asked.
    pub fn receipt(&self) -> Receipt {
        let result = match (&self.outcome, self.answer()) {
            (_, Some(answer)) => ReceiptResult::Answered(answer),
            (Outcome::Refused(refusal), None) => ReceiptResult::Refused(refusal.clone()),
            (Outcome::Events(events), None) => self
                .order_receipt()
                .map_or(ReceiptResult::Done { changed: !events.is_empty() }, ReceiptResult::Order),
        };
        Receipt { position: self.moment.position, result }
    }

    /// What the message was answered, if a message of another node is what was decided.
    pub fn answer(&self) -> Option<Answer> {
        matches!(self.request.command, Command::Deliver { .. }).then(|| match &self.outcome {
            Outcome::Refused(refusal) => refusal_answer(refusal),
            Outcome::Events(events) => answer_of(events),
        })
    }

    /// The orders that were let in or turned away here, after they had come into being in an earlier record.
    pub fn orders_decided(&self) -> impl Iterator<Item = OrderId> {
        self.events().iter().filter_map(|event| {
            let Event::Trading(event) = event else { return None };
            if let trading::Event::OrderAccepted { order }
            | trading::Event::OrderRejected { order, .. }
            | trading::Event::OrderCanceled { order, .. }
            | trading::Event::OrderExpired { order, .. } = event
            {
                return Some(*order);
            }
            None
        })
    }

    fn order_receipt(&self) -> Option<OrderReceipt> {
        let mut receipt = None;
        for event in self.events() {
            let Event::Trading(event) = event else { continue };
            if let trading::Event::OrderCreated(created) = event
                && created.terms.order.0 == self.moment.position
            {
                receipt = Some(OrderReceipt {
                    order: created.terms.order,
                    status: Status::Created,
                    executed: Quantity::ZERO,
                    quantity: created.quantity,
                    rejected: None,
                    canceled: None,
                });
            }
            if let Some(receipt) = &mut receipt {
                receipt.follow(event);
            }
        }
        receipt
    }
}

impl Receipt {
    /// Takes in what a later record says about the order that this one is about.
    pub fn follow(&mut self, record: &Record) {
        let ReceiptResult::Order(order) = &mut self.result else { return };
        for event in record.events() {
            if let Event::Trading(event) = event {
                order.follow(event);
            }
        }
        self.position = record.moment.position;
    }
}

/// What a refused message is answered.
pub(crate) fn refusal_answer(refusal: &Refusal) -> Answer {
    match refusal.passes() {
        true if planted!("later-taken-for-yes") => Answer::Yes,
        true => Answer::Later,
        false => Answer::No(refusal.reason()),
    }
}

/// What a message is answered that came to these events. A denial is a decision, and so an event.
pub(crate) fn answer_of(events: &[Event]) -> Answer {
    match events.first() {
        Some(Event::Compliance(compliance::Event::OrderChecked { reasons, .. })) => {
            reasons.first().map_or(Answer::Yes, |reason| Answer::No(reason.clone()))
        }
        Some(_) | None => Answer::Yes,
    }
}

impl OrderReceipt {
    /// Whether it was let in or turned away.
    pub fn is_decided(&self) -> bool {
        self.status != Status::Created
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "only the events of an order's own life move its receipt on"
    )]
    fn follow(&mut self, event: &trading::Event) {
        use trading::Event as E;
        match event {
            E::OrderAccepted { order } if *order == self.order => self.status = Status::Open,
            E::OrderRejected { order, reason, .. } if *order == self.order => {
                self.status = Status::Rejected;
                self.rejected = Some(reason.clone());
            }
            E::OrderExecuted(trade) if trade.buy.order == self.order || trade.sell.order == self.order => {
                self.executed += trade.quantity;
                let all = self.executed == self.quantity;
                self.status = if all { Status::Executed } else { Status::PartiallyExecuted };
            }
            E::OrderCanceled { order, cause, .. } if *order == self.order => {
                self.status = Status::Canceled;
                self.canceled = Some(*cause);
            }
            E::OrderExpired { order, .. } if *order == self.order => self.status = Status::Expired,
            _ => {}
        }
    }
}
