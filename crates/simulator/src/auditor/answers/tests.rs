//! The rule of answers finds nothing in right days, and each answer, key and message that is not as it must be.

use super::*;
use crate::auditor::market::{
    Heard, History, Market, limit, named, place, right_days, spread_day, whole_day,
};
use crate::auditor::storm::storm;
use engine::{Answer, FlowEvent, MessageId};
use trading::{Event as T, Status};
use vocabulary::{Quantity, Side};

fn check(history: &History, invariant: &str) {
    history.breaks(Answers::default(), invariant);
}

/// The day in which the first answer that is meant is another.
fn with_answer(change: impl Fn(&Request, &mut Receipt) -> bool) -> History {
    let mut day = whole_day();
    let mut answers = day.heard.iter_mut().filter_map(|heard| match heard {
        Heard::Answered(request, receipt) => Some((request, receipt)),
        Heard::Recorded(..) => None,
    });
    assert!(answers.any(|(request, receipt)| change(request, receipt)), "there is nothing to change");
    day
}

fn places(request: &Request) -> bool {
    matches!(request.command, Command::Trading(trading::Command::PlaceOrder(_)))
}

#[test]
fn finds_nothing_in_right_days_wherever_the_contexts_live() {
    for day in right_days().chain((0..12).map(storm)) {
        assert_eq!(day.findings(Answers::default()), []);
    }
}

#[test]
fn finds_a_gap_and_time_that_goes_back() {
    let mut gap = whole_day();
    gap.heard.remove(gap.place_of(|record| record.moment.position == 9));
    check(&gap, JOURNAL);
    let back = whole_day().with_record(|record| {
        record.moment.time.0 -= if record.moment.position == 9 { 1_000_000 } else { 0 };
        record.moment.position == 9
    });
    check(&back, JOURNAL);
}

#[test]
fn finds_a_reply_before_its_record_is_durable() {
    let mut early = whole_day();
    let at = early.place_of(|record| places(&record.request));
    early.heard.swap(at, at + 1);
    assert!(matches!(early.heard[at], Heard::Answered(..)));
    check(&early, DURABLE);
    let mut lost = whole_day();
    lost.heard.truncate(at);
    lost.heard.push(early.heard[at].clone());
    check(&lost, DURABLE);
}

#[test]
fn finds_an_answer_that_is_not_its_record() {
    let status = with_answer(|_, receipt| {
        let ReceiptResult::Order(order) = &mut receipt.result else { return false };
        order.status = Status::Rejected;
        true
    });
    check(&status, ANSWERS);
    let executed = with_answer(|_, receipt| {
        let ReceiptResult::Order(order) = &mut receipt.result else { return false };
        order.executed += Quantity(1);
        true
    });
    check(&executed, ANSWERS);
    let changed = with_answer(|_, receipt| {
        let ReceiptResult::Done { changed } = &mut receipt.result else { return false };
        *changed = !*changed;
        true
    });
    check(&changed, ANSWERS);
    let refused = with_answer(|_, receipt| {
        let is_refused = matches!(receipt.result, ReceiptResult::Refused(_));
        if is_refused {
            receipt.result = ReceiptResult::Refused(Refusal::OutboxFull);
        }
        is_refused
    });
    check(&refused, ANSWERS);
    let position = with_answer(|request, receipt| {
        receipt.position -= u64::from(places(request));
        places(request)
    });
    check(&position, ANSWERS);
}

#[test]
fn finds_a_command_that_is_executed_twice_under_one_key() {
    let mut market = Market::whole();
    let order = place(limit("ANN", Side::Buy, 90_00, 1));
    let first = market.request(order.clone());
    market.submit(first.clone());
    market.ask(order.clone());
    let (position, key) = (market.place(limit("ANN", Side::Buy, 90_00, 2)).0, first.command_id);
    let with_key = |at: u64| {
        market.history.clone().with_record(|record| {
            record.request.command_id =
                if record.moment.position == at { key } else { record.request.command_id };
            record.moment.position == at
        })
    };
    check(&with_key(position - 1), ONCE);
    check(&with_key(position), ONCE);
    // And is told of two records.
    let mut told = market.history.clone();
    let receipt = market.ask(order);
    told.heard = market.history.heard.clone();
    told.heard.push(Heard::Answered(Box::new(first), receipt));
    check(&told, ANSWERS);
}

#[test]
fn finds_a_client_order_id_and_a_key_that_name_two_things() {
    let mut market = Market::whole();
    market.place(named(limit("ANN", Side::Buy, 90_00, 1), "one"));
    let second = market.place(named(limit("ANN", Side::Buy, 90_00, 2), "two"));
    let twice = market.history.clone().with_event(|event| {
        let Event::Trading(T::OrderCreated(created)) = event else { return false };
        created.client_order_id = Some("one".parse().unwrap());
        created.terms.order == second
    });
    check(&twice, ONCE);
    let elsewhere = whole_day().with_record(|record| {
        let Outcome::Refused(Refusal::IdempotencyKeyReused { position }) = &mut record.outcome else {
            return false;
        };
        *position -= 1;
        true
    });
    check(&elsewhere, ONCE);
    let other_order = whole_day().with_record(|record| {
        let Outcome::Refused(Refusal::Trading(trading::Refusal::ClientOrderIdReused { order, .. })) =
            &mut record.outcome
        else {
            return false;
        };
        order.0 -= 1;
        true
    });
    check(&other_order, ONCE);
}

#[test]
fn finds_a_retry_that_has_a_record_and_is_told_of_another() {
    let mut market = Market::whole();
    let order = place(named(limit("ANN", Side::Buy, 90_00, 1), "one"));
    let first = market.ask(order.clone());
    let again = market.request(order);
    let told = market.submit(again.clone());
    assert_eq!(told, first, "the order is found by its client's id");
    let refused = Outcome::Refused(Refusal::OutboxFull);
    let mut history = market.history;
    let Heard::Recorded(shard, hosts, record) = history.heard[history.place_of(|_| true)].clone() else {
        panic!()
    };
    let mut record = Record { request: again, outcome: refused, ..*record };
    record.moment.position = first.position + 1;
    record.moment.time = Timestamp(u64::MAX);
    let last = history.heard.pop().unwrap();
    history.heard.extend([Heard::Recorded(shard, hosts, Box::new(record)), last]);
    check(&history, ONCE);
}

#[test]
fn finds_a_message_that_takes_effect_twice() {
    let delivered = |record: &Record| {
        let Command::Deliver { message, .. } = record.request.command else { return None };
        (!record.events().is_empty()).then_some(message)
    };
    let day = spread_day();
    let first = day.records().find_map(|(_, record)| delivered(record)).unwrap();
    let twice = day.with_record(|record| {
        let Command::Deliver { message, .. } = &mut record.request.command else { return false };
        let is_other = *message != first;
        *message = first;
        is_other
    });
    check(&twice, MESSAGES);
}

#[test]
fn finds_a_message_that_leaves_before_its_record_is_durable() {
    let early = spread_day().with_record(|record| {
        let Command::Deliver { message, .. } = &mut record.request.command else { return false };
        *message = MessageId { position: message.position + 100_000, ..*message };
        true
    });
    check(&early, MESSAGES);
}

#[test]
fn finds_an_answer_to_a_message_that_its_receiver_never_gave() {
    let other = spread_day().with_record(|record| {
        let has_heard = !record.events().is_empty();
        let Command::Acknowledge { answer, .. } = &mut record.request.command else { return false };
        let was_yes = *answer == Answer::Yes && has_heard;
        if was_yes {
            let reason = vocabulary::Reason { code: "x".to_owned(), message: String::new() };
            *answer = Answer::No(reason);
        }
        was_yes
    });
    check(&other, MESSAGES);
    let is_answered = |event: &Event| matches!(event, Event::Flow(FlowEvent::MessageAnswered { .. }));
    check(&spread_day().without(is_answered), MESSAGES);
    check(&spread_day().twice(is_answered), MESSAGES);
}

#[test]
fn finds_a_straggler_that_is_looked_at_though_its_answer_is_known() {
    let straggler = spread_day().with_record(|record| {
        let Command::Deliver { message, answered_below, .. } = &mut record.request.command else {
            return false;
        };
        *answered_below = MessageId { position: message.position + 1_000, ..*message };
        true
    });
    check(&straggler, MESSAGES);
}

#[test]
fn finds_an_effect_that_was_not_asked_for() {
    let twice = whole_day().twice(|event| matches!(event, Event::Trading(T::AccountOpened { .. })));
    check(&twice, ONCE);
    let other = whole_day().with_event(|event| {
        let Event::Settlement(settlement::Event::QuotaSet { quota, .. }) = event else { return false };
        *quota += vocabulary::Amount(1);
        true
    });
    check(&other, ONCE);
}
