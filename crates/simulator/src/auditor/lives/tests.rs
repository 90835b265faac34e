//! The rule of lives finds nothing in right days, and each step that may not follow in a wrong one.

use super::*;
use crate::auditor::market::{History, Market, limit, right_days, spread_day, whole_day};
use crate::auditor::storm::storm;
use engine::block::{Event as B, Step};
use engine::{Answer, Branch, Outcome};
use trading::{Event as T, OrderKind};
use vocabulary::{Reason, TimeInForce};

fn is(is_meant: impl Fn(&T) -> bool) -> impl Fn(&Event) -> bool {
    move |event| if let Event::Trading(event) = event { is_meant(event) } else { false }
}

fn is_block(is_meant: impl Fn(&B) -> bool) -> impl Fn(&Event) -> bool {
    move |event| if let Event::Block(event) = event { is_meant(event) } else { false }
}

fn with(change: impl Fn(&mut T) -> bool) -> History {
    whole_day().with_event(|event| if let Event::Trading(event) = event { change(event) } else { false })
}

fn with_trade(change: impl Fn(&mut Trade)) -> History {
    with(|event| {
        if let T::OrderExecuted(trade) = event {
            change(trade);
        }
        matches!(event, T::OrderExecuted(_))
    })
}

/// The day in which the first order that is meant was asked for otherwise, and is so.
fn with_order(is_meant: impl Fn(&Record) -> bool, change: impl Fn(&mut TimeInForce, &mut bool)) -> History {
    whole_day().with_record(|record| {
        if !is_meant(record) {
            return false;
        }
        let Command::Trading(trading::Command::PlaceOrder(place)) = &mut record.request.command else {
            return false;
        };
        change(&mut place.time_in_force, &mut place.post_only);
        let Outcome::Events(events) = &mut record.outcome else { return false };
        let Some(Event::Trading(T::OrderCreated(created))) = events.first_mut() else { return false };
        change(&mut created.time_in_force, &mut created.post_only);
        true
    })
}

fn has(record: &Record, is_meant: impl Fn(&T) -> bool) -> bool {
    record.events().iter().any(is(is_meant))
}

fn check(history: &History, invariant: &str) {
    history.breaks(Lives::default(), invariant);
}

#[test]
fn finds_nothing_in_right_days_wherever_the_contexts_live() {
    for day in right_days().chain((0..12).map(storm)) {
        assert_eq!(day.findings(Lives::default()), []);
    }
}

#[test]
fn finds_an_order_that_was_not_asked_for_or_has_another_id() {
    let with_created = |change: fn(&mut CreatedOrder)| {
        with(|event| {
            if let T::OrderCreated(created) = event {
                change(created);
            }
            matches!(event, T::OrderCreated(_))
        })
    };
    check(&with_created(|created| created.terms.order = OrderId(1)), IDS);
    check(&with_created(|created| created.quantity += Quantity(1)), ASKED);
    check(&with_created(|created| created.terms.side = created.terms.side.opposite()), ASKED);
    check(&with_created(|created| created.kind = OrderKind::Market), ASKED);
    check(&with_created(|created| created.replaces = Some(OrderId(1))), ASKED);
    check(&whole_day().twice(is(|event| matches!(event, T::OrderCreated(_)))), LIFE);
    let other = with(|event| {
        let T::OrderCanceled { order, cause: Cause::Requested, .. } = event else { return false };
        order.0 -= 1;
        true
    });
    check(&other, ASKED);
}

#[test]
fn finds_a_decision_without_every_answer_against_it_or_a_second_one() {
    let is_answer = |event: &Event| matches!(event, Event::Flow(FlowEvent::BranchAnswered { .. }));
    check(&whole_day().without(is_answer), DECISION);
    check(&whole_day().twice(is_answer), DECISION);
    let no = whole_day().with_event(|event| {
        let Event::Flow(FlowEvent::BranchAnswered { answer, .. }) = event else { return false };
        *answer = Answer::No(Reason { code: "x".to_owned(), message: String::new() });
        true
    });
    check(&no, DECISION);
    check(&whole_day().twice(is(|event| matches!(event, T::OrderAccepted { .. }))), DECISION);
    check(&whole_day().twice(is(|event| matches!(event, T::OrderRejected { .. }))), DECISION);
    check(&whole_day().without(is(|event| matches!(event, T::OrderAccepted { .. }))), LIFE);
    let reason = with(|event| {
        let T::OrderRejected { reason, .. } = event else { return false };
        reason.code.push('x');
        true
    });
    check(&reason, DECISION);
    let let_in = with(|event| {
        let T::OrderRejected { order, .. } = event else { return false };
        *event = T::OrderAccepted { order: *order };
        true
    });
    check(&let_in, DECISION);
}

#[test]
fn finds_the_lesser_no_as_the_reason() {
    // Compliance comes before risk, whoever answers first.
    let both = whole_day().with_events(|events| {
        let Some(Event::Trading(T::OrderRejected { .. })) =
            events.iter().find(|event| is(|event| matches!(event, T::OrderRejected { .. }))(event))
        else {
            return false;
        };
        let mut refused = false;
        for event in events.iter_mut() {
            if let Event::Flow(FlowEvent::BranchAnswered { branch, answer, .. }) = event {
                match (branch, &answer) {
                    (Branch::Risk, Answer::No(_)) => refused = true,
                    (Branch::Compliance, Answer::Yes) => {
                        *answer = Answer::No(Reason { code: "c".to_owned(), message: String::new() });
                    }
                    _ => {}
                }
            }
        }
        refused
    });
    check(&both, DECISION);
}

#[test]
fn finds_a_flow_that_has_timed_out_and_is_accepted() {
    let timed_out = |events: &[Event]| {
        events.iter().any(|event| matches!(event, Event::Flow(FlowEvent::FlowTimedOut { .. })))
    };
    let accepted = spread_day().with_events(|events| {
        if !timed_out(events) {
            return false;
        }
        for event in events.iter_mut() {
            if let Event::Trading(T::OrderRejected { order, .. }) = event {
                *event = T::OrderAccepted { order: *order }.into();
            }
        }
        true
    });
    check(&accepted, DECISION);
    let forgotten = spread_day().with_events(|events| {
        let is_meant = timed_out(events);
        events.retain(|event| !is_meant || !is(|event| matches!(event, T::OrderRejected { .. }))(event));
        is_meant
    });
    check(&forgotten, DECISION);
    let early = spread_day().with_record(|record| {
        record.moment.time.0 -= if timed_out(record.events()) { 3_000_000_000 } else { 0 };
        timed_out(record.events())
    });
    check(&early, DECISION);
    let decided = whole_day().with_events(|events| {
        let accepted = events.iter().find_map(|event| {
            if let Event::Trading(T::OrderAccepted { order }) = event { Some(*order) } else { None }
        });
        events.extend(accepted.map(|order| Event::from(FlowEvent::FlowTimedOut { order })));
        accepted.is_some()
    });
    check(&decided, DECISION);
}

#[test]
fn finds_an_order_that_passes_an_earlier_one() {
    let passes = spread_day().with_event(|event| {
        let Event::Trading(T::OrderCleared { order }) = event else { return false };
        *event = T::OrderAccepted { order: *order }.into();
        true
    });
    check(&passes, TURN);
}

#[test]
fn finds_what_the_kind_of_an_order_forbids() {
    let rests = with(|event| {
        let T::OrderCanceled { order, cause: Cause::ImmediateOrCancel, .. } = event else { return false };
        *event = T::OrderRested { order: *order };
        true
    });
    check(&rests, KIND);
    let partial = |record: &Record| {
        has(record, |event| matches!(event, T::OrderExecuted(_)))
            && has(record, |event| matches!(event, T::OrderCanceled { cause: Cause::ImmediateOrCancel, .. }))
    };
    check(&with_order(partial, |time_in_force, _| *time_in_force = TimeInForce::FillOrKill), KIND);
    let takes = |record: &Record| has(record, |event| matches!(event, T::OrderExecuted(_)));
    check(&with_order(takes, |_, post_only| *post_only = true), KIND);
    let expired = with(|event| {
        let T::OrderCanceled { order, cause: Cause::Requested, remaining, released } = event else {
            return false;
        };
        *event = T::OrderExpired { order: *order, remaining: *remaining, released: *released };
        true
    });
    check(&expired, KIND);
    check(&whole_day().without(is(|event| matches!(event, T::OrderRested { .. }))), KIND);
}

#[test]
fn finds_quantities_that_do_not_add_up_and_parts_out_of_order() {
    check(&with_trade(|trade| trade.quantity += Quantity(1)), QUANTITY);
    check(&with_trade(|trade| trade.sell.part += 1), PARTS);
    check(&with_trade(|trade| trade.trade.index += 1), IDS);
    let remaining = with(|event| {
        let T::OrderCanceled { remaining, .. } = event else { return false };
        *remaining += Quantity(1);
        true
    });
    check(&remaining, QUANTITY);
    let reduced = with(|event| {
        let T::OrderReduced { by, .. } = event else { return false };
        *by += Quantity(1);
        true
    });
    check(&reduced, QUANTITY);
}

#[test]
fn finds_what_comes_after_the_end_and_what_is_settled_too_early_or_never() {
    check(&whole_day().twice(is(|event| matches!(event, T::OrderCanceled { .. }))), LIFE);
    check(&whole_day().twice(is(|event| matches!(event, T::OrderExecuted(_)))), LIFE);
    check(&whole_day().twice(is(|event| matches!(event, T::ExecutionSettled(_)))), LIFE);
    check(&whole_day().twice(is(|event| matches!(event, T::OrderSettled { .. }))), LIFE);
    check(&whole_day().without(is(|event| matches!(event, T::OrderSettled { .. }))), LIFE);
    check(&whole_day().without(is(|event| matches!(event, T::ExecutionSettled(_)))), LIFE);
    check(&with_trade(|trade| trade.buy.account = trade.sell.account), LIFE);
}

#[test]
fn finds_a_replacement_beside_the_order_that_it_replaces() {
    let is_replaced = is(|event| matches!(event, T::OrderCanceled { cause: Cause::Replaced, .. }));
    check(&whole_day().without(is_replaced), LIFE);
}

#[test]
fn finds_a_block_trade_that_leaves_its_course() {
    let is_done = |event: &B| matches!(event, B::BlockStepDone { step: Step::ValidateRisk, .. });
    check(&whole_day().twice(is_block(is_done)), BLOCK);
    check(&whole_day().without(is_block(is_done)), BLOCK);
    check(&whole_day().twice(is_block(|event| matches!(event, B::BlockStepUndone { .. }))), BLOCK);
    check(&whole_day().without(is_block(|event| matches!(event, B::BlockStepUndone { .. }))), BLOCK);
    check(&whole_day().without(is_block(|event| matches!(event, B::BlockCompleted { .. }))), BLOCK);
    check(&whole_day().twice(is_block(|event| matches!(event, B::BlockCompleted { .. }))), BLOCK);
    let undone = whole_day().with_event(|event| {
        let Event::Block(B::BlockCompleted { block }) = event else { return false };
        *event = B::BlockRefused { block: *block, account: "ANN".parse().unwrap() }.into();
        true
    });
    check(&undone, BLOCK);
    let is_given_up = is(|event| matches!(event, T::OrderCanceled { cause: Cause::BlockUndone, .. }));
    check(&whole_day().without(is_given_up), BLOCK);
}

#[test]
fn finds_a_flow_and_a_block_trade_that_are_not_over_in_the_end() {
    let mut market = Market::spread(1);
    market.must(crate::auditor::market::place(limit("ANN", Side::Buy, 100_00, 1)));
    check(&market.history, "every flow finished");
    let mut market = Market::whole();
    market.must(Command::ProposeBlock(crate::auditor::market::block(1)));
    check(&market.history, BLOCK);
}

#[test]
fn finds_an_answer_that_is_not_heard_and_a_flow_that_is_not_decided_with_the_last() {
    let is_answer = |event: &Event| matches!(event, Event::Flow(FlowEvent::BranchAnswered { .. }));
    check(&spread_day().without(is_answer), DECISION);
    check(&spread_day().without(is(|event| matches!(event, T::OrderCleared { .. }))), DECISION);
}
