//! Which refusal of the domain is which problem: the one place where they meet, without a wildcard.

use crate::problem::{Kind, Problem, kinds};
use engine::{OrderReceipt, Refusal};
use node::Unavailable;
use vocabulary::{HoldRefusal, Reason};

/// The problem of a recorded refusal.
pub(crate) fn problem(refusal: &Refusal, position: u64) -> Problem {
    let problem = Problem::new(kind(refusal), refusal.to_string()).at_position(position);
    let problem = if kind(refusal) == &kinds::OUTBOX_FULL { problem.retry_after_s(5) } else { problem };
    match field(refusal) {
        Some(field) => problem.in_field(field),
        None => problem,
    }
}

/// The problem of an order that came into being and was rejected.
pub(crate) fn rejected(receipt: &OrderReceipt, reason: &Reason, position: u64) -> Problem {
    // A policy may give codes of its own, which have no page of their own.
    let kind = kinds::find(&reason.code).unwrap_or(&kinds::ORDER_REJECTED);
    let problem = Problem::new(kind, reason.message.clone()).at_position(position).of_order(receipt.order);
    if kind.code == reason.code { problem } else { problem.with_code(&reason.code) }
}

/// The problem of a node that does not take commands now.
pub(crate) fn unavailable(why: &Unavailable) -> Problem {
    match why {
        Unavailable::Overloaded { retry_after_ms } => {
            let seconds = u32::try_from(retry_after_ms.div_ceil(1_000)).unwrap_or(u32::MAX).max(1);
            Problem::new(&kinds::OVERLOADED, "too many commands are waiting").retry_after_s(seconds)
        }
        // Why it halted may name files and machines, and is nobody's business outside.
        Unavailable::Halted { .. } => {
            Problem::new(&kinds::HALTED, "the node has stopped after a failure").retry_after_s(30)
        }
        Unavailable::Stopping => Problem::new(&kinds::STOPPING, "the node is shutting down").retry_after_s(5),
        Unavailable::NotLeading => {
            Problem::new(&kinds::NOT_LEADING, "this node only follows").retry_after_s(1)
        }
    }
}

impl From<Unavailable> for Problem {
    fn from(why: Unavailable) -> Self {
        unavailable(&why)
    }
}

/// The kind of a refusal.
pub(crate) fn kind(refusal: &Refusal) -> &'static Kind {
    match refusal {
        Refusal::Trading(refusal) => trading(refusal),
        Refusal::Settlement(refusal) => settlement(refusal),
        Refusal::Risk(refusal) => risk(refusal),
        Refusal::Compliance(refusal) => compliance(refusal),
        Refusal::Block(refusal) => block(refusal),
        Refusal::NotHosted(_) => &kinds::NOT_HOSTED,
        Refusal::IdempotencyKeyReused { .. } => &kinds::IDEMPOTENCY_KEY_REUSED,
        Refusal::Denied(_) => &kinds::DENIED,
        Refusal::OnlyAsMessage => &kinds::ONLY_AS_MESSAGE,
        Refusal::NotAMessage => &kinds::NOT_A_MESSAGE,
        Refusal::OutboxFull => &kinds::OUTBOX_FULL,
        Refusal::UnknownMessage(_) => &kinds::UNKNOWN_MESSAGE,
    }
}

fn field(refusal: &Refusal) -> Option<&str> {
    match refusal {
        Refusal::Trading(refusal) => refusal.field(),
        Refusal::IdempotencyKeyReused { .. } => Some("Idempotency-Key"),
        Refusal::Settlement(_)
        | Refusal::Risk(_)
        | Refusal::Compliance(_)
        | Refusal::Block(_)
        | Refusal::NotHosted(_)
        | Refusal::Denied(_)
        | Refusal::OnlyAsMessage
        | Refusal::NotAMessage
        | Refusal::OutboxFull
        | Refusal::UnknownMessage(_) => None,
    }
}

fn trading(refusal: &trading::Refusal) -> &'static Kind {
    use trading::Refusal as R;
    match refusal {
        R::AlreadyDefined { .. } => &kinds::ALREADY_DEFINED,
        R::InvalidDefinition { .. } => &kinds::INVALID_DEFINITION,
        R::UnknownAsset(_) => &kinds::UNKNOWN_ASSET,
        R::UnknownInstrument(_) => &kinds::UNKNOWN_INSTRUMENT,
        R::UnknownParticipant(_) => &kinds::UNKNOWN_PARTICIPANT,
        R::UnknownAccount(_) => &kinds::UNKNOWN_ACCOUNT,
        R::UnknownClientOrder(_) => &kinds::UNKNOWN_CLIENT_ORDER,
        R::AmountOutOfRange => &kinds::AMOUNT_OUT_OF_RANGE,
        R::InsufficientFunds { .. } => &kinds::INSUFFICIENT_FUNDS,
        R::BusinessDayNotLater { .. } => &kinds::BUSINESS_DAY_NOT_LATER,
        R::NoBusinessDay => &kinds::NO_BUSINESS_DAY,
        R::PhaseForbids { .. } => &kinds::PHASE_FORBIDS,
        R::QuantityOutOfRange => &kinds::QUANTITY_OUT_OF_RANGE,
        R::QuantityNotInLots { .. } => &kinds::QUANTITY_NOT_IN_LOTS,
        R::PriceOutOfRange => &kinds::PRICE_OUT_OF_RANGE,
        R::PriceNotInTicks { .. } => &kinds::PRICE_NOT_IN_TICKS,
        R::PriceOutsideBand { .. } => &kinds::PRICE_OUTSIDE_BAND,
        R::MarketOrderNeedsBand(_) => &kinds::MARKET_ORDER_NEEDS_BAND,
        R::Contradiction { .. } => &kinds::CONTRADICTION,
        R::NotionalTooLarge => &kinds::NOTIONAL_TOO_LARGE,
        R::ClientOrderIdReused { .. } => &kinds::CLIENT_ORDER_ID_REUSED,
        R::OrderNotOpen(_) => &kinds::ORDER_NOT_OPEN,
        R::OrderUndecided(_) => &kinds::ORDER_UNDECIDED,
        R::OrderInStatus { .. } => &kinds::ORDER_IN_STATUS,
        R::NothingToReplace => &kinds::NOTHING_TO_REPLACE,
        R::QuantityBelowExecuted { .. } => &kinds::QUANTITY_BELOW_EXECUTED,
        R::NoSweep => &kinds::NO_SWEEP,
        R::BlockLegsDoNotMatch => &kinds::BLOCK_LEGS_DO_NOT_MATCH,
        R::OrderCleared(_) => &kinds::ORDER_CLEARED,
        R::OrderIsBlockLeg(_) => &kinds::ORDER_IS_BLOCK_LEG,
        R::BlockStopped(_) => &kinds::BLOCK_STOPPED,
        R::BookFull(_) => &kinds::BOOK_FULL,
        R::DayOrdersExpiring(_) => &kinds::DAY_ORDERS_EXPIRING,
    }
}

fn settlement(refusal: &settlement::Refusal) -> &'static Kind {
    use settlement::Refusal as R;
    match refusal {
        R::QuotaExceeded { .. } => &kinds::QUOTA_EXCEEDED,
        R::NegativeAmount(_) => &kinds::SETTLEMENT_NEGATIVE_AMOUNT,
        R::NoBusinessDay(_) => &kinds::CALENDAR_WITHOUT_BUSINESS_DAY,
        R::NotAWeekday(_) => &kinds::NOT_A_WEEKDAY,
        R::RunInProgress(_) => &kinds::RUN_IN_PROGRESS,
        R::Unbalanced { .. } => &kinds::UNBALANCED,
        R::Hold(HoldRefusal::AlreadyReleased) => &kinds::SETTLEMENT_HOLD_RELEASED,
        R::Hold(HoldRefusal::NoHold) => &kinds::SETTLEMENT_NO_HOLD,
        R::Hold(HoldRefusal::Early) => &kinds::SETTLEMENT_HOLD_EARLY,
        R::Hold(HoldRefusal::ExceedsHold) => &kinds::SETTLEMENT_EXCEEDS_HOLD,
        R::Hold(HoldRefusal::AlreadyConfirmed) => &kinds::SETTLEMENT_HOLD_CONFIRMED,
    }
}

fn risk(refusal: &risk::Refusal) -> &'static Kind {
    use risk::{Measure as M, Refusal as R};
    match refusal {
        R::KillSwitchEngaged(_) => &kinds::KILL_SWITCH_ENGAGED,
        R::LimitExceeded { measure: M::OrderNotional(_), .. } => &kinds::RISK_ORDER_NOTIONAL,
        R::LimitExceeded { measure: M::OrderQuantity(_), .. } => &kinds::RISK_ORDER_QUANTITY,
        R::LimitExceeded { measure: M::Position(_), .. } => &kinds::RISK_POSITION,
        R::LimitExceeded { measure: M::GrossExposure(_), .. } => &kinds::RISK_GROSS_EXPOSURE,
        R::LimitExceeded { measure: M::OrderRate, .. } => &kinds::RISK_ORDER_RATE,
        R::Hold(HoldRefusal::AlreadyReleased) => &kinds::RISK_HOLD_RELEASED,
        R::Hold(HoldRefusal::NoHold) => &kinds::RISK_NO_HOLD,
        R::Hold(HoldRefusal::Early) => &kinds::RISK_HOLD_EARLY,
        R::Hold(HoldRefusal::ExceedsHold) => &kinds::RISK_EXCEEDS_HOLD,
        R::Hold(HoldRefusal::AlreadyConfirmed) => &kinds::RISK_HOLD_CONFIRMED,
        R::NegativeHold(_) => &kinds::RISK_NEGATIVE_HOLD,
        R::SwitchNotEngaged(_) => &kinds::SWITCH_NOT_ENGAGED,
        R::BadThresholds => &kinds::BAD_THRESHOLDS,
        R::NegativeLimit(_) => &kinds::NEGATIVE_LIMIT,
        R::LimitTooLarge(_) => &kinds::LIMIT_TOO_LARGE,
    }
}

fn compliance(refusal: &compliance::Refusal) -> &'static Kind {
    use compliance::Refusal as R;
    match refusal {
        R::BadBundle(why) => bad_bundle(why),
        R::DeadlinePassed => &kinds::CHECK_DEADLINE_PASSED,
        R::RestrictedListFull => &kinds::RESTRICTED_LIST_FULL,
    }
}

/// The kind of a bundle that cannot come into force.
pub(crate) fn bad_bundle(why: &compliance::BadBundle) -> &'static Kind {
    use compliance::BadBundle as B;
    match why {
        B::TooLarge => &kinds::BUNDLE_TOO_LARGE,
        B::DoesNotCompile { .. } => &kinds::BUNDLE_DOES_NOT_COMPILE,
        B::LacksRule { .. } => &kinds::BUNDLE_LACKS_RULE,
        B::BadData { .. } => &kinds::BUNDLE_BAD_DATA,
        B::OverBudget => &kinds::BUNDLE_OVER_BUDGET,
        B::GivesNoDecision { .. } => &kinds::BUNDLE_GIVES_NO_DECISION,
    }
}

fn block(refusal: &engine::block::Refusal) -> &'static Kind {
    use engine::block::Refusal as R;
    match refusal {
        R::UnknownBlock(_) => &kinds::UNKNOWN_BLOCK,
        R::NotAwaitingConsent(_) => &kinds::NOT_AWAITING_CONSENT,
        R::NotAParty(_) => &kinds::NOT_A_PARTY,
        R::SameAccount => &kinds::SAME_ACCOUNT,
        R::DeadlineOutOfRange => &kinds::DEADLINE_OUT_OF_RANGE,
        R::NotStuck(_) => &kinds::NOT_STUCK,
    }
}

#[cfg(test)]
mod tests;
