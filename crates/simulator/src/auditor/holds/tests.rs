//! The rule of holds finds nothing in right days, and each hold, part, release and answer that is wrong.

use super::*;
use crate::auditor::market::{History, right_days, spread_day, whole_day};
use crate::auditor::storm::storm;
use risk::Event as R;
use settlement::Event as S;
use vocabulary::{Amount, Reserved, Timestamp};

fn of_risk(is_meant: impl Fn(&R) -> bool) -> impl Fn(&Event) -> bool {
    move |event| if let Event::Risk(event) = event { is_meant(event) } else { false }
}

fn of_settlement(is_meant: impl Fn(&S) -> bool) -> impl Fn(&Event) -> bool {
    move |event| if let Event::Settlement(event) = event { is_meant(event) } else { false }
}

fn with_risk(change: impl Fn(&mut R) -> bool) -> History {
    whole_day().with_event(|event| if let Event::Risk(event) = event { change(event) } else { false })
}

fn with_settlement(change: impl Fn(&mut S) -> bool) -> History {
    whole_day().with_event(|event| if let Event::Settlement(event) = event { change(event) } else { false })
}

fn check(history: &History, invariant: &str) {
    history.breaks(Holds::default(), invariant);
}

const ONE: Reserved = Reserved { quantity: 1, amount: 0 };

#[test]
fn finds_nothing_in_right_days_wherever_the_contexts_live() {
    for day in right_days().chain((0..12).map(storm)) {
        assert_eq!(day.findings(Holds::default()), []);
    }
}

#[test]
fn finds_a_hold_placed_twice_for_another_amount_or_never() {
    let is_held = of_risk(|event| matches!(event, R::ExposureHeld { .. }));
    check(&whole_day().twice(&is_held), HOLDS);
    check(&whole_day().without(&is_held), HOLDS);
    let is_held = of_settlement(|event| matches!(event, S::QuotaHeld { .. }));
    check(&whole_day().twice(&is_held), HOLDS);
    check(&whole_day().without(&is_held), HOLDS);
    let more = with_risk(|event| {
        let R::ExposureHeld { reserved, .. } = event else { return false };
        *reserved = *reserved + ONE;
        true
    });
    check(&more, HOLDS);
    let other_terms = with_settlement(|event| {
        let S::QuotaHeld { terms, .. } = event else { return false };
        terms.side = terms.side.opposite();
        true
    });
    check(&other_terms, HOLDS);
}

#[test]
fn finds_a_hold_after_its_release_or_its_deadline() {
    let after = whole_day().with_events(|events| {
        let release = events.iter().find_map(|event| {
            let Event::Risk(R::ExposureReleased { terms, released, .. }) = event else { return None };
            Some((*terms, *released))
        });
        events.extend(release.map(|(terms, reserved)| Event::from(R::ExposureHeld { terms, reserved })));
        release.is_some()
    });
    check(&after, HOLDS);
    let late = spread_day().with_record(|record| {
        let Command::Deliver { body, .. } = &mut record.request.command else { return false };
        let Message::Settlement(settlement::Command::Hold { deadline, .. }) = &mut **body else {
            return false;
        };
        deadline.0 = 0;
        true
    });
    check(&late, HOLDS);
}

#[test]
fn finds_a_part_that_is_confirmed_twice_never_or_otherwise_than_trading_executed() {
    let is_confirmed = of_risk(|event| matches!(event, R::ExposureConfirmed { .. }));
    check(&whole_day().twice(&is_confirmed), HOLDS);
    check(&whole_day().without(&is_confirmed), HOLDS);
    let is_confirmed = of_settlement(|event| matches!(event, S::ObligationRecorded { .. }));
    check(&whole_day().twice(&is_confirmed), HOLDS);
    check(&whole_day().without(&is_confirmed), HOLDS);
    let is_reduced = of_risk(|event| matches!(event, R::ExposureReduced { .. }));
    check(&whole_day().twice(&is_reduced), HOLDS);
    check(&whole_day().without(&is_reduced), HOLDS);
    let fee = with_risk(|event| {
        let R::ExposureConfirmed { fill, .. } = event else { return false };
        fill.fee += Amount(1);
        true
    });
    check(&fee, HOLDS);
    let used = with_settlement(|event| {
        let S::ObligationRecorded { obligation } = event else { return false };
        obligation.fill.used = obligation.fill.used + ONE;
        true
    });
    check(&used, HOLDS);
    let part = with_settlement(|event| {
        let S::QuotaReduced { part, .. } = event else { return false };
        *part += 1;
        true
    });
    check(&part, HOLDS);
}

#[test]
fn finds_a_confirm_of_what_was_never_executed() {
    let is_trade = |event: &Event| matches!(event, Event::Trading(trading::Event::OrderExecuted(_)));
    check(&whole_day().without(is_trade), HOLDS);
}

#[test]
fn finds_a_release_that_is_missing_too_much_too_early_or_comes_twice() {
    let is_released = of_risk(|event| matches!(event, R::ExposureReleased { .. }));
    check(&whole_day().twice(&is_released), HOLDS);
    check(&whole_day().without(&is_released), HOLDS);
    let is_released = of_settlement(|event| matches!(event, S::QuotaReleased { .. }));
    check(&whole_day().twice(&is_released), HOLDS);
    check(&whole_day().without(&is_released), HOLDS);
    let less = with_risk(|event| {
        let R::ExposureReleased { released, .. } = event else { return false };
        *released = Reserved::default();
        true
    });
    check(&less, HOLDS);
    // Of an order that goes on.
    let early = whole_day().with_events(|events| {
        let held = events.iter().find_map(|event| {
            let Event::Risk(R::ExposureHeld { terms, reserved }) = event else { return None };
            Some((*terms, *reserved))
        });
        let is_open =
            !events.iter().any(|event| matches!(event, Event::Trading(trading::Event::OrderRejected { .. })));
        let held = held.filter(|_| is_open);
        events.extend(held.map(|(terms, released)| {
            Event::from(R::ExposureReleased { terms, released, until: Timestamp::default() })
        }));
        held.is_some()
    });
    check(&early, HOLDS);
}

#[test]
fn finds_an_answer_that_its_branch_has_not_recorded() {
    let flip = |history: History, of: Branch| {
        history.with_event(|event| {
            let Event::Flow(FlowEvent::BranchAnswered { branch, answer, .. }) = event else { return false };
            if *branch != of {
                return false;
            }
            *answer = Answer::No(Reason { code: "x".to_owned(), message: String::new() });
            true
        })
    };
    for branch in [Branch::Compliance, Branch::Risk, Branch::Settlement] {
        check(&flip(whole_day(), branch), HOLDS);
        check(&flip(spread_day(), branch), HOLDS);
    }
    let is_done = |event: &Event| {
        matches!(event, Event::Block(BlockEvent::BlockStepDone { step: Step::CreateOrder, .. }))
    };
    let early = whole_day().with_events(|events| {
        let at = events.iter().position(is_done);
        events.extend(at.map(|at| {
            let block = if let Event::Block(event) = &events[at] { event.block() } else { OrderId(0) };
            Event::from(BlockEvent::BlockStepUndone { block, leg: Leg::Proposer, step: Step::ValidateRisk })
        }));
        at.is_some()
    });
    check(&early, HOLDS);
}

#[test]
fn finds_a_verdict_that_is_given_twice_or_on_another_order() {
    let is_checked =
        |event: &Event| matches!(event, Event::Compliance(compliance::Event::OrderChecked { .. }));
    check(&whole_day().twice(is_checked), VERDICTS);
    check(&whole_day().without(is_checked), HOLDS);
    let other = whole_day().with_event(|event| {
        let Event::Compliance(compliance::Event::OrderChecked { notional, .. }) = event else { return false };
        *notional += Amount(1);
        true
    });
    check(&other, VERDICTS);
    let allowed = whole_day().with_event(|event| {
        let Event::Compliance(compliance::Event::OrderChecked { allowed, .. }) = event else { return false };
        *allowed = !*allowed;
        true
    });
    check(&allowed, VERDICTS);
}

#[test]
fn finds_a_side_that_is_final_twice_or_not_for_everybody() {
    let is_settled = of_risk(|event| matches!(event, R::ExposureSettled { .. }));
    check(&whole_day().twice(&is_settled), FINAL);
    check(&whole_day().without(&is_settled), FINAL);
    let is_settled = of_settlement(|event| matches!(event, S::TradeSettled { .. }));
    check(&whole_day().twice(&is_settled), FINAL);
    check(&whole_day().without(&is_settled), FINAL);
}

#[test]
fn finds_every_alarm_about_the_protocol() {
    let alarm = whole_day().with_record(|record| {
        let Outcome::Events(events) = &mut record.outcome else { return false };
        let reason = Reason { code: "risk.no-hold".to_owned(), message: String::new() };
        events.push(FlowEvent::ProtocolAlarm { context: engine::Context::Risk, order: None, reason }.into());
        true
    });
    check(&alarm, ALARM);
}

#[test]
fn finds_a_release_that_leaves_no_tombstone() {
    let none = spread_day().without(|event| {
        matches!(event, Event::Settlement(S::QuotaReleased { released, .. }) if *released == Reserved::default())
    });
    check(&none, HOLDS);
}

#[test]
fn finds_a_no_that_compliance_has_not_said() {
    let denied = |event: &Event| {
        matches!(event, Event::Compliance(compliance::Event::OrderChecked { allowed: false, .. }))
    };
    check(&whole_day().without(denied), HOLDS);
    let failed = whole_day().with_event(|event| {
        let Event::Block(BlockEvent::BlockStepFailed { reason, .. }) = event else { return false };
        reason.code.push('x');
        true
    });
    check(&failed, HOLDS);
}
