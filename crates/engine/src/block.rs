//! The saga of a negotiated block trade (CON-4).
//!
//! For each of the two legs: `create-order -> validate-risk -> process-settlement -> compliance-check`. The
//! proposer's leg goes first; then the saga waits, up to a deadline, for the counterparty's consent; then the other
//! leg; then both are executed against each other. A step that fails, a refusal, or the deadline turns it round: what was
//! done is undone step by step, last first. An undo that fails leaves the saga stuck, with the funds still held, for an
//! operator to retry (S3). Once executed it is complete, and nothing is undone any more (S4).
//!
//! The log of events is the state: [`Stage::after`] is the table of which event may follow which.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::fmt;
use vocabulary::{
    AccountId, Amount, CorrelationId, InstrumentId, OrderId, OrderTerms, Price, Quantity, Reason, Side,
    Timestamp, UserId,
};

/// The longest time that the counterparty may be given: 7 days.
pub const CONSENT_NS_MAX: u64 = 7 * 24 * 3_600 * 1_000_000_000;

/// Begins a block trade.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Encode, Decode)]
pub struct ProposeBlock {
    /// The proposer's account.
    #[n(0)]
    pub account: AccountId,
    /// Whose consent is needed.
    #[n(1)]
    pub counterparty: AccountId,
    /// What is traded.
    #[n(2)]
    pub instrument: InstrumentId,
    /// The proposer's side.
    #[n(3)]
    pub side: Side,
    /// At what price.
    #[n(4)]
    pub price: Price,
    /// How much.
    #[n(5)]
    pub quantity: Quantity,
    /// How long the counterparty has, in nanoseconds.
    #[n(6)]
    pub consent_ns: u64,
    /// Opaque id of who proposes.
    #[n(7)]
    pub user: UserId,
}

/// One of the two legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Leg {
    /// Of the account that proposed.
    #[n(0)]
    Proposer,
    /// Of the account that consents.
    #[n(1)]
    Counterparty,
}

/// A step of a leg, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "kebab-case")]
#[cbor(index_only)]
pub enum Step {
    /// Trading freezes the funds. Undone by freeing them.
    #[n(0)]
    CreateOrder,
    /// Risk holds limits. Undone by releasing them.
    #[n(1)]
    ValidateRisk,
    /// Settlement holds clearing quota. Undone by releasing it.
    #[n(2)]
    ProcessSettlement,
    /// Compliance applies its policy. There is nothing to undo.
    #[n(3)]
    ComplianceCheck,
}

impl Step {
    /// All steps, in order.
    pub const ALL: [Self; 4] =
        [Self::CreateOrder, Self::ValidateRisk, Self::ProcessSettlement, Self::ComplianceCheck];

    fn next(self) -> Option<Self> {
        Self::ALL.get(self as usize + 1).copied()
    }

    fn previous(self) -> Option<Self> {
        (self as usize).checked_sub(1).map(|at| Self::ALL[at])
    }
}

/// Where a block trade is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub enum Stage {
    /// A step is being done.
    #[n(0)]
    Doing {
        /// Of which leg.
        #[n(0)]
        leg: Leg,
        /// Which.
        #[n(1)]
        step: Step,
    },
    /// The proposer's leg stands; the counterparty is asked.
    #[n(1)]
    AwaitingConsent,
    /// Both legs stand and are being executed.
    #[n(2)]
    Executing,
    /// A step is being undone.
    #[n(3)]
    Undoing {
        /// Of which leg.
        #[n(0)]
        leg: Leg,
        /// Which.
        #[n(1)]
        step: Step,
    },
    /// Executed. Final.
    #[n(4)]
    Complete,
    /// Everything is undone. Final.
    #[n(5)]
    Undone,
    /// An undo failed; funds stay held until an operator retries it.
    #[n(6)]
    Stuck {
        /// Of which leg.
        #[n(0)]
        leg: Leg,
        /// Which.
        #[n(1)]
        step: Step,
    },
}

/// What has happened in a block trade.
#[derive(Clone, Debug, PartialEq, Serialize, Encode, Decode)]
#[allow(missing_docs, reason = "every event names its block trade; the rest is as in the stage it leads to")]
pub enum Event {
    #[n(0)]
    BlockProposed {
        #[n(0)]
        block: OrderId,
        #[n(1)]
        terms: ProposeBlock,
        #[n(2)]
        deadline: Timestamp,
        #[n(3)]
        correlation: CorrelationId,
    },
    #[n(1)]
    BlockStepDone {
        #[n(0)]
        block: OrderId,
        #[n(1)]
        leg: Leg,
        #[n(2)]
        step: Step,
    },
    #[n(2)]
    BlockStepFailed {
        #[n(0)]
        block: OrderId,
        #[n(1)]
        leg: Leg,
        #[n(2)]
        step: Step,
        #[n(3)]
        reason: Reason,
    },
    /// The counterparty consents; its leg's order has this id.
    #[n(3)]
    BlockConsented {
        #[n(0)]
        block: OrderId,
        #[n(1)]
        order: OrderId,
        #[n(2)]
        user: UserId,
    },
    #[n(4)]
    BlockRefused {
        #[n(0)]
        block: OrderId,
        #[n(1)]
        account: AccountId,
    },
    #[n(5)]
    BlockExpired {
        #[n(0)]
        block: OrderId,
    },
    #[n(6)]
    BlockStepUndone {
        #[n(0)]
        block: OrderId,
        #[n(1)]
        leg: Leg,
        #[n(2)]
        step: Step,
    },
    #[n(7)]
    BlockStuck {
        #[n(0)]
        block: OrderId,
        #[n(1)]
        leg: Leg,
        #[n(2)]
        step: Step,
        #[n(3)]
        reason: Reason,
    },
    #[n(8)]
    BlockRetried {
        #[n(0)]
        block: OrderId,
    },
    #[n(9)]
    BlockCompleted {
        #[n(0)]
        block: OrderId,
    },
}

impl Event {
    /// Which block trade.
    pub fn block(&self) -> OrderId {
        match self {
            Self::BlockProposed { block, .. }
            | Self::BlockStepDone { block, .. }
            | Self::BlockStepFailed { block, .. }
            | Self::BlockConsented { block, .. }
            | Self::BlockRefused { block, .. }
            | Self::BlockExpired { block }
            | Self::BlockStepUndone { block, .. }
            | Self::BlockStuck { block, .. }
            | Self::BlockRetried { block }
            | Self::BlockCompleted { block } => *block,
        }
    }
}

/// An event that cannot follow: the saga's history is illegal (S1).
#[derive(Clone, Debug, PartialEq)]
pub struct IllegalStep {
    /// Where the saga was.
    pub stage: Stage,
    /// What was to follow.
    pub event: Event,
}

impl Stage {
    /// The transition table: where `event` leads from here.
    ///
    /// # Errors
    /// [`IllegalStep`] when it cannot follow.
    pub fn after(self, event: &Event) -> Result<Self, Box<IllegalStep>> {
        let next = match (self, event) {
            (Self::Doing { leg, step }, Event::BlockStepDone { leg: l, step: s, .. })
                if (leg, step) == (*l, *s) =>
            {
                match (step.next(), leg) {
                    (Some(step), _) => Some(Self::Doing { leg, step }),
                    (None, Leg::Proposer) => Some(Self::AwaitingConsent),
                    (None, Leg::Counterparty) => Some(Self::Executing),
                }
            }
            (Self::Doing { leg, step }, Event::BlockStepFailed { leg: l, step: s, .. })
                if (leg, step) == (*l, *s) =>
            {
                Some(Self::undo_before(leg, step))
            }
            (Self::AwaitingConsent, Event::BlockConsented { .. }) => {
                Some(Self::Doing { leg: Leg::Counterparty, step: Step::CreateOrder })
            }
            (Self::AwaitingConsent, Event::BlockRefused { .. } | Event::BlockExpired { .. }) => {
                Some(Self::Undoing { leg: Leg::Proposer, step: Step::ComplianceCheck })
            }
            (Self::Undoing { leg, step }, Event::BlockStepUndone { leg: l, step: s, .. })
                if (leg, step) == (*l, *s) =>
            {
                Some(Self::undo_before(leg, step))
            }
            (Self::Undoing { leg, step }, Event::BlockStuck { leg: l, step: s, .. })
                if (leg, step) == (*l, *s) =>
            {
                Some(Self::Stuck { leg, step })
            }
            (Self::Stuck { leg, step }, Event::BlockRetried { .. }) => Some(Self::Undoing { leg, step }),
            (Self::Executing, Event::BlockCompleted { .. }) => Some(Self::Complete),
            (Self::Executing, Event::BlockStepFailed { leg, step, .. }) => {
                Some(Self::Undoing { leg: *leg, step: *step })
            }
            (_, _) => None,
        };
        next.ok_or_else(|| Box::new(IllegalStep { stage: self, event: event.clone() }))
    }

    /// What is undone once everything from `step` of `leg` on is undone, or never was done.
    fn undo_before(leg: Leg, step: Step) -> Self {
        match (step.previous(), leg) {
            (Some(step), _) => Self::Undoing { leg, step },
            (None, Leg::Counterparty) => Self::Undoing { leg: Leg::Proposer, step: Step::ComplianceCheck },
            (None, Leg::Proposer) => Self::Undone,
        }
    }

    /// Whether nothing can follow.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Complete | Self::Undone)
    }
}

/// A block trade that is not over.
#[derive(Clone, Debug, PartialEq, Serialize, Encode, Decode)]
pub struct Block {
    /// What was proposed.
    #[n(0)]
    pub terms: ProposeBlock,
    /// Until when the counterparty can consent.
    #[n(1)]
    pub deadline: Timestamp,
    /// Where it is.
    #[n(2)]
    pub stage: Stage,
    /// The counterparty's order and who consented, once that has happened.
    #[n(3)]
    pub counterparty: Option<(OrderId, UserId)>,
    /// Orders of the legs as their participants know them, once created.
    #[n(4)]
    pub(crate) legs: [Option<LegOrder>; 2],
    /// Why it was turned round.
    #[n(5)]
    pub reason: Option<Reason>,
    /// The thread that it hangs on.
    #[n(6)]
    pub correlation: CorrelationId,
    /// When it got to where it is.
    #[n(7)]
    pub since: Timestamp,
}

/// A leg's order as its participants know it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Encode, Decode)]
pub(crate) struct LegOrder {
    #[n(0)]
    pub(crate) terms: OrderTerms,
    #[n(1)]
    pub(crate) notional: Amount,
    #[n(2)]
    pub(crate) quote_scale: u8,
}

/// Why a block trade refuses a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
#[allow(missing_docs, reason = "the sentence in Display says what each holds")]
pub enum Refusal {
    #[n(0)]
    UnknownBlock(#[n(0)] OrderId),
    #[n(1)]
    NotAwaitingConsent(#[n(0)] OrderId),
    #[n(2)]
    NotAParty(#[n(0)] AccountId),
    #[n(3)]
    SameAccount,
    #[n(4)]
    DeadlineOutOfRange,
    #[n(5)]
    NotStuck(#[n(0)] OrderId),
}

impl Refusal {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownBlock(_) => "block.unknown",
            Self::NotAwaitingConsent(_) => "block.not-awaiting-consent",
            Self::NotAParty(_) => "block.not-a-party",
            Self::SameAccount => "block.same-account",
            Self::DeadlineOutOfRange => "block.deadline-out-of-range",
            Self::NotStuck(_) => "block.not-stuck",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownBlock(block) => write!(f, "there is no block trade {block} that is not over"),
            Self::NotAwaitingConsent(block) => write!(f, "block trade {block} does not wait for consent"),
            Self::NotAParty(account) => write!(f, "account {account} is not the one whose word is needed"),
            Self::SameAccount => write!(f, "counterparty must be another account"),
            Self::DeadlineOutOfRange => write!(f, "consent_seconds must be above 0 and at most 7 days"),
            Self::NotStuck(block) => write!(f, "block trade {block} is not stuck"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stages() -> Vec<Stage> {
        let mut all = vec![Stage::AwaitingConsent, Stage::Executing, Stage::Complete, Stage::Undone];
        for leg in [Leg::Proposer, Leg::Counterparty] {
            for step in Step::ALL {
                all.extend([
                    Stage::Doing { leg, step },
                    Stage::Undoing { leg, step },
                    Stage::Stuck { leg, step },
                ]);
            }
        }
        all
    }

    fn events() -> Vec<Event> {
        let block = OrderId(1);
        let reason = Reason { code: "c".into(), message: "m".into() };
        let account = "A".parse().unwrap();
        let user = "u".parse().unwrap();
        let mut all = vec![
            Event::BlockConsented { block, order: OrderId(2), user },
            Event::BlockRefused { block, account },
            Event::BlockExpired { block },
            Event::BlockRetried { block },
            Event::BlockCompleted { block },
        ];
        for leg in [Leg::Proposer, Leg::Counterparty] {
            for step in Step::ALL {
                all.push(Event::BlockStepDone { block, leg, step });
                all.push(Event::BlockStepFailed { block, leg, step, reason: reason.clone() });
                all.push(Event::BlockStepUndone { block, leg, step });
                all.push(Event::BlockStuck { block, leg, step, reason: reason.clone() });
            }
        }
        all
    }

    #[test]
    fn s1_only_listed_events_follow_and_anything_else_is_a_typed_error() {
        for stage in stages() {
            for event in events() {
                match stage.after(&event) {
                    Ok(next) => assert_ne!(next, stage, "{event:?} must lead on from {stage:?}"),
                    Err(illegal) => assert_eq!(*illegal, IllegalStep { stage, event }),
                }
            }
        }
    }

    #[test]
    fn s4_nothing_follows_a_completed_block_trade() {
        for event in events() {
            assert!(Stage::Complete.after(&event).is_err(), "{event:?}");
            assert!(Stage::Undone.after(&event).is_err(), "{event:?}");
        }
    }

    #[test]
    fn every_stage_that_is_not_final_has_a_way_out() {
        for stage in stages() {
            let leads_on = events().iter().any(|event| stage.after(event).is_ok());
            assert_eq!(leads_on, !stage.is_final(), "{stage:?}");
        }
    }
}
