//! The order flow (CON-1): try, confirm, cancel over four contexts, as a state machine over messages.
//!
//! An order that was created asks its three branches and waits. When all have answered, or the deadline has passed, one
//! decision is taken and recorded before anything acts on it: accept (and match; each fill confirms its part of every
//! hold) or reject (every hold is released, also those not answered). What a branch answers later changes nothing.
//! Where the branches live is not known here: `Engine` delivers the messages, in the same record or over the network.

use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};
use trading::CreatedOrder;
use vocabulary::{
    Amount, Fill, InstrumentId, Moment, OrderId, OrderTerms, Price, Quantity, Reason, Reserved, Side,
    StepBound, Timestamp, Trade, UserId, planted,
};

use crate::event::FlowEvent;
use crate::message::{Answer, Branch, Message};

/// How long the branches have to answer: 5 seconds.
pub const FLOW_DEADLINE_NS: u64 = 5_000_000_000;
/// The code of an order's rejection for want of answers.
pub const TIMED_OUT: &str = "flow.timed-out";
/// How many flows one record times out at most.
const TIMEOUTS_MAX: usize = 500;

/// An order whose branches have not all answered.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct UndecidedFlow {
    /// When it is rejected for want of answers.
    #[n(0)]
    pub deadline: Timestamp,
    /// Answers so far, by [`Branch`].
    #[n(1)]
    pub answers: [Option<Answer>; 3],
}

impl UndecidedFlow {
    /// The no that counts, of those there are so far.
    fn refusal(&self) -> Option<&Reason> {
        self.answers.iter().flatten().find_map(|answer| match answer {
            Answer::No(reason) => Some(reason),
            Answer::Yes | Answer::Later => None,
        })
    }

    /// The branches that have not answered.
    pub fn missing(&self) -> impl Iterator<Item = Branch> {
        Branch::ALL.into_iter().filter(|branch| self.answers[*branch as usize].is_none())
    }
}

/// All flows without a decision, in the order in which their orders were created.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Flows {
    #[n(0)]
    undecided: BTreeMap<OrderId, UndecidedFlow>,
    /// Instruments whose next order is cleared, and waits only for a record to go on in.
    #[n(1)]
    turns: BTreeSet<InstrumentId>,
}

/// What the flow decides when it can.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Decision {
    Accept,
    Reject(Reason),
}

impl Flows {
    /// The flows that wait for answers: order, deadline, answers so far. Oldest first.
    pub fn waiting(&self) -> impl Iterator<Item = (&OrderId, &UndecidedFlow)> {
        self.undecided.iter()
    }

    pub(crate) fn begin(&mut self, order: OrderId, at: Moment) {
        let deadline = at.time.plus_ns(FLOW_DEADLINE_NS);
        self.undecided.insert(order, UndecidedFlow { deadline, answers: [None, None, None] });
    }

    pub(crate) fn end(&mut self, order: OrderId) {
        self.undecided.remove(&order);
    }

    /// An answer counts only while the flow is undecided (C2, C4).
    pub(crate) fn hear(&self, order: OrderId, branch: Branch, answer: &Answer) -> Option<FlowEvent> {
        self.undecided.get(&order)?;
        Some(FlowEvent::BranchAnswered { order, branch, answer: answer.clone() })
    }

    pub(crate) fn answered(&mut self, order: OrderId, branch: Branch, answer: &Answer) {
        let flow = self.undecided.get_mut(&order).expect("an answer counts while the flow is undecided");
        let before = flow.answers[branch as usize].replace(answer.clone());
        assert!(before.is_none(), "{branch:?} answers about order {order} once");
    }

    /// The decision, once every branch has answered: so the reason does not depend on who answers first.
    pub(crate) fn decision(&self, order: OrderId) -> Option<Decision> {
        let flow = self.undecided.get(&order)?;
        if flow.answers.iter().any(Option::is_none) && !planted!("two-answers-decide") {
            return None;
        }
        Some(flow.refusal().map_or(Decision::Accept, |reason| Decision::Reject(reason.clone())))
    }

    /// Whether that branch is the last to answer.
    pub(crate) fn completes(&self, order: OrderId, branch: Branch) -> bool {
        self.undecided.get(&order).is_some_and(|flow| {
            let mut others = flow.answers.iter().enumerate().filter(|(at, _)| *at != branch as usize);
            others.all(|(_, answer)| answer.is_some()) || planted!("two-answers-decide")
        })
    }

    /// Why an order is rejected whose deadline has passed.
    pub(crate) fn reason_at_deadline(&self, order: OrderId) -> Reason {
        let refusal = self.undecided.get(&order).and_then(UndecidedFlow::refusal);
        refusal.cloned().unwrap_or_else(|| Reason {
            code: TIMED_OUT.to_owned(),
            message: "a participant of the order flow did not answer in time".to_owned(),
        })
    }

    /// The first instrument whose next order can go on.
    pub(crate) fn next_turn(&self) -> Option<InstrumentId> {
        self.turns.first().copied()
    }

    pub(crate) fn set_turn(&mut self, instrument: InstrumentId, is_cleared: bool) {
        if is_cleared {
            self.turns.insert(instrument);
        } else {
            self.turns.remove(&instrument);
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.undecided.first_key_value().map(|(_, flow)| flow.deadline)
    }

    /// The flows that are past their deadline, a bounded number at once.
    pub(crate) fn overdue(&self, at: Moment, bound: StepBound) -> Vec<OrderId> {
        let late = self.undecided.iter().take_while(|(_, flow)| flow.deadline < at.time);
        late.map(|(order, _)| *order).take(bound.within(TIMEOUTS_MAX)).collect()
    }

    /// Whether a branch said no itself, so that it holds nothing. Every other one must be told of a rejection: it
    /// holds something, or its hold may still arrive.
    pub(crate) fn refused(&self, order: OrderId, branch: Branch) -> bool {
        let answers = self.undecided.get(&order).map(|flow| &flow.answers);
        answers.is_some_and(|answers| matches!(answers[branch as usize], Some(Answer::No(_))))
    }
}

/// What a branch is asked about an order.
#[derive(Clone, Copy)]
pub(crate) struct Question {
    pub(crate) terms: OrderTerms,
    pub(crate) user: UserId,
    pub(crate) price: Price,
    pub(crate) notional: Amount,
    pub(crate) reserved: Reserved,
    pub(crate) quote_scale: u8,
    pub(crate) deadline: Timestamp,
}

impl Question {
    /// About a new order.
    pub(crate) fn of(created: &CreatedOrder, at: Moment) -> Self {
        Self {
            terms: created.terms,
            user: created.user,
            price: created.limit,
            notional: created.notional,
            reserved: reserved(created.quantity, created.notional),
            quote_scale: created.quote_scale,
            deadline: at.time.plus_ns(FLOW_DEADLINE_NS),
        }
    }
}

/// The message that asks it.
pub(crate) fn ask(branch: Branch, question: &Question) -> Message {
    let Question { terms, user, price, notional, reserved, quote_scale, deadline } = *question;
    match branch {
        Branch::Risk => Message::Risk(risk::Command::Hold { terms, reserved, deadline }),
        Branch::Settlement => Message::Settlement(settlement::Command::Hold { terms, reserved, deadline }),
        Branch::Compliance => {
            let quantity = Quantity(reserved.quantity);
            let check =
                compliance::Command::Check { terms, user, price, quantity, notional, quote_scale, deadline };
            Message::Compliance(check)
        }
    }
}

/// The end of a branch's hold; compliance holds nothing. The hold was asked for before, so its deadline has less than a
/// whole flow's time left.
pub(crate) fn release(branch: Branch, terms: OrderTerms, parts: u32, at: Moment) -> Option<Message> {
    let until = at.time.plus_ns(FLOW_DEADLINE_NS);
    match branch {
        Branch::Risk => Some(Message::Risk(risk::Command::Release { terms, parts, until })),
        Branch::Settlement => Some(Message::Settlement(settlement::Command::Release { terms, parts, until })),
        Branch::Compliance => None,
    }
}

/// Part of both holds, given back as the order shrinks.
pub(crate) fn reduce(terms: OrderTerms, part: u32, what: Reserved) -> [Message; 2] {
    let to_risk = Message::Risk(risk::Command::Reduce { terms, part, what });
    [to_risk, Message::Settlement(settlement::Command::Reduce { terms, part, what })]
}

/// What an execution confirms for one of its sides.
pub(crate) fn confirm(
    terms: OrderTerms,
    trade: &Trade,
    side: Side,
    cycle: settlement::Cycle,
) -> [Message; 2] {
    let of = trade.side(side);
    let fill = Fill {
        trade: trade.trade,
        part: of.part,
        used: reserved(trade.quantity, of.reserved),
        quantity: trade.quantity,
        notional: trade.notional,
        fee: of.fee,
        trade_date: trade.trade_date,
    };
    let to_risk = Message::Risk(risk::Command::Confirm { terms, fill });
    [to_risk, Message::Settlement(settlement::Command::Confirm { terms, fill, cycle })]
}

/// What an order of that quantity and notional reserves with its participants.
pub(crate) fn reserved(quantity: Quantity, notional: Amount) -> Reserved {
    let amount = i64::try_from(notional.0).expect("intake refuses a notional beyond 63 bits");
    Reserved { quantity: quantity.0, amount }
}
