//! The coordinator of the order flow, C1 to C10, with its messages answered by hand.

use super::market::{Market, definitions, id, limit, named, place};
use crate::{
    Answer, Branch, Command, Context, Event, Executed, FLOW_DEADLINE_NS, FlowEvent, Hosts, Message,
    MessageId, Refusal, TIMED_OUT,
};
use trading::Status;
use vocabulary::{OrderId, Reason, Side, Timestamp};

/// A market whose other contexts are elsewhere, and have been told of all definitions.
fn trading_alone() -> Market {
    let mut market = Market::empty(Hosts::only(&[Context::Trading]));
    for command in definitions() {
        if matches!(command, Command::Trading(_)) {
            market.must(command);
        }
    }
    let told: Vec<_> = market.engine.state().outbox.waiting().map(|(message, _)| *message).collect();
    for message in told {
        market.must(acknowledge(message, Answer::Yes));
    }
    market
}

fn acknowledge(message: MessageId, answer: Answer) -> Command {
    Command::Acknowledge { message, answer, more: Vec::new() }
}

fn branch_of(message: &Message) -> Option<Branch> {
    message.asks().map(|(_, branch)| branch)
}

fn question(market: &Market, order: OrderId, branch: Branch) -> MessageId {
    let waiting = market.engine.state().outbox.waiting();
    let mut asked = waiting.filter(|(_, unanswered)| unanswered.body.asks() == Some((order, branch)));
    *asked.next().expect("the branch was asked").0
}

fn answer(market: &mut Market, order: OrderId, branch: Branch, answer: Answer) -> Vec<Event> {
    let message = question(market, order, branch);
    market.must(acknowledge(message, answer))
}

fn no(branch: Branch) -> Answer {
    Answer::No(Reason { code: format!("{branch:?}"), message: String::new() })
}

/// Messages posted by the last record.
fn posted(market: &Market) -> Vec<Message> {
    let last = market.records.len() as u64;
    let waiting = market.engine.state().outbox.waiting();
    waiting.filter(|(id, _)| id.position == last).map(|(_, unanswered)| unanswered.body.clone()).collect()
}

fn is_release(message: &Message) -> bool {
    matches!(
        message,
        Message::Risk(risk::Command::Release { .. })
            | Message::Settlement(settlement::Command::Release { .. })
    )
}

fn is_confirm(message: &Message) -> bool {
    matches!(
        message,
        Message::Risk(risk::Command::Confirm { .. })
            | Message::Settlement(settlement::Command::Confirm { .. })
    )
}

fn decisions(market: &Market, order: OrderId) -> (usize, Vec<String>) {
    let (mut accepted, mut rejected) = (0, Vec::new());
    for event in market.records.iter().flat_map(crate::Record::events) {
        let Event::Trading(event) = event else { continue };
        if let trading::Event::OrderAccepted { order: of } = event {
            accepted += usize::from(*of == order);
        }
        if let trading::Event::OrderRejected { order: of, reason, .. } = event
            && *of == order
        {
            rejected.push(reason.code.clone());
        }
    }
    (accepted, rejected)
}

#[test]
fn c1_an_order_and_its_three_questions_are_one_record() {
    let mut market = trading_alone();
    let order = market.place(limit("ANN", Side::Buy, 100_00, 4));
    let asked: Vec<_> = posted(&market).iter().filter_map(branch_of).collect();
    assert_eq!(asked, [Branch::Settlement, Branch::Risk, Branch::Compliance], "by receiver");
    let ids = || market.engine.state().outbox.waiting().map(|(id, _)| id.position);
    assert!(ids().all(|position| position == order.0), "nothing may be sent before that record is durable");
    market.check_replay();
}

#[test]
fn c2_exactly_one_of_accept_reject_and_deadline_wins_and_the_reason_does_not_depend_on_their_order() {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for (refusing, order_of_answers, deadline_after) in
        (0..8).flat_map(|bits| orders.iter().flat_map(move |o| (0..=3).map(move |after| (bits, o, after))))
    {
        let case = format!("{refusing:03b} {order_of_answers:?} {deadline_after}");
        let refuses = |branch: usize| refusing & (1 << branch) != 0;
        let mut market = trading_alone();
        let order = market.place(limit("ANN", Side::Buy, 100_00, 4));
        for (at, branch) in order_of_answers.iter().enumerate() {
            if at == deadline_after {
                market.now += FLOW_DEADLINE_NS + 1;
                market.settle_down();
            }
            let branch_at = Branch::ALL[*branch];
            let said = if refuses(*branch) { no(branch_at) } else { Answer::Yes };
            answer(&mut market, order, branch_at, said);
        }
        let heard: Vec<usize> = order_of_answers[..deadline_after].to_vec();
        let first_no = (0..3).find(|branch| heard.contains(branch) && refuses(*branch));
        let expected = match (first_no, deadline_after) {
            (Some(branch), _) => (0, vec![format!("{:?}", Branch::ALL[branch])]),
            (None, 3) => (1, vec![]),
            (None, _) => (0, vec![TIMED_OUT.to_owned()]),
        };
        assert_eq!(decisions(&market, order), expected, "{case}");
        let outbox = &market.engine.state().outbox;
        assert!(!outbox.waiting().any(|(_, unanswered)| is_confirm(&unanswered.body)), "{case}");
        let released: Vec<_> = outbox.waiting().map(|(_, unanswered)| unanswered.body.to()).collect();
        let holds = |branch: usize| expected.0 == 0 && !(heard.contains(&branch) && refuses(branch));
        let expected: Vec<_> = [(2, Context::Settlement), (1, Context::Risk)]
            .into_iter()
            .filter_map(|(branch, context)| holds(branch).then_some(context))
            .collect();
        assert_eq!(released, expected, "{case}: a release for every hold that was given or may still come");
        assert_eq!(market.engine.state().flows.waiting().count(), 0, "{case}");
    }
}

#[test]
fn c3_what_a_decision_sends_is_posted_by_the_record_of_the_decision() {
    let mut market = trading_alone();
    let order = market.place(limit("ANN", Side::Buy, 100_00, 4));
    answer(&mut market, order, Branch::Risk, Answer::Yes);
    answer(&mut market, order, Branch::Settlement, Answer::Yes);
    assert_eq!(posted(&market), []);
    let events = answer(&mut market, order, Branch::Compliance, no(Branch::Compliance));
    assert!(matches!(events.last(), Some(Event::Trading(trading::Event::OrderRejected { .. }))));
    assert!(posted(&market).iter().all(is_release));
    assert_eq!(posted(&market).len(), 2);
    market.check_replay();
}

#[test]
fn c4_only_an_undecided_flow_times_out_and_a_late_yes_is_released() {
    let mut market = trading_alone();
    let order = market.place(limit("ANN", Side::Buy, 100_00, 4));
    let risk = question(&market, order, Branch::Risk);
    answer(&mut market, order, Branch::Compliance, Answer::Yes);
    answer(&mut market, order, Branch::Settlement, Answer::Yes);
    market.now += FLOW_DEADLINE_NS - 10_000;
    assert_eq!(market.must(Command::ExpireDeadlines), [], "not yet");
    market.now += 10_000;
    let events = market.must(Command::ExpireDeadlines);
    assert_eq!(events[0], FlowEvent::FlowTimedOut { order }.into());
    assert_eq!(posted(&market).iter().filter(|message| is_release(message)).count(), 2);
    let late = market.must(acknowledge(risk, Answer::Yes));
    assert_eq!(late, [FlowEvent::MessageAnswered { message: risk }.into()], "a late yes changes nothing");
    let (_, unanswered) = market.engine.state().outbox.waiting_for(Context::Risk, None).next().unwrap();
    assert!(is_release(&unanswered.body), "and its hold is given back");
    market.check_replay();
}

#[test]
fn c4_a_decided_flow_never_times_out() {
    let mut market = trading_alone();
    let order = market.place(limit("ANN", Side::Buy, 100_00, 4));
    for branch in Branch::ALL {
        answer(&mut market, order, branch, Answer::Yes);
    }
    market.now += 10 * FLOW_DEADLINE_NS;
    assert_eq!(market.must(Command::ExpireDeadlines), []);
    assert_eq!(market.engine.state().trading.order(order).unwrap().status, Status::Open);
}

#[test]
fn c5_a_confirm_that_is_refused_raises_an_alarm_and_never_becomes_a_release() {
    let mut market = trading_alone();
    let sell = market.place(limit("BOB", Side::Sell, 100_00, 4));
    let buy = market.place(limit("ANN", Side::Buy, 100_00, 4));
    for (order, branch) in [sell, buy].into_iter().flat_map(|order| Branch::ALL.map(|branch| (order, branch)))
    {
        answer(&mut market, order, branch, Answer::Yes);
    }
    let confirms: Vec<MessageId> = market.engine.state().outbox.waiting().map(|(id, _)| *id).collect();
    assert_eq!(confirms.len(), 4);
    assert_eq!(market.must(acknowledge(confirms[0], Answer::Later)), []);
    assert_eq!(market.engine.state().outbox.len(), 4, "what cannot be done yet is asked again");
    for message in confirms {
        let events = market.must(acknowledge(message, no(Branch::Risk)));
        assert!(matches!(events[..], [_, Event::Flow(FlowEvent::ProtocolAlarm { order: Some(_), .. })]));
    }
    assert!(market.engine.state().outbox.is_empty(), "no release follows");
    assert_eq!(market.engine.state().trading.order(buy).unwrap().status, Status::Executed);
    market.check_replay();
}

#[test]
fn c5_answers_that_come_together_take_one_record_and_each_counts_once() {
    let mut market = trading_alone();
    let orders = [Side::Sell, Side::Buy].map(|side| {
        let account = if side == Side::Sell { "BOB" } else { "ANN" };
        market.place(limit(account, side, 100_00, 4))
    });
    let mut yes: Vec<(MessageId, Answer)> = Vec::new();
    for (order, branch) in orders.iter().flat_map(|order| Branch::ALL.map(|branch| (*order, branch))) {
        yes.push((question(&market, order, branch), Answer::Yes));
    }
    // One comes twice, as after a repetition, and one has nothing to do with anything.
    yes.push(yes[2].clone());
    yes.push((MessageId { position: 9_999, ..yes[0].0 }, Answer::Yes));
    let requests: Vec<_> = crate::Request::acknowledge(yes, id("node")).collect();
    assert_eq!(requests.len(), 1);
    let events = market.must(requests[0].command.clone());
    let answered = |event: &&Event| matches!(event, Event::Flow(FlowEvent::MessageAnswered { .. }));
    assert_eq!(events.iter().filter(answered).count(), 6);
    for order in orders {
        assert_eq!(market.engine.state().trading.order(order).unwrap().status, Status::Executed);
    }
    assert_eq!(posted(&market).iter().filter(|message| is_confirm(message)).count(), 4);
    market.check_replay();
}

#[test]
fn many_answers_take_several_records() {
    let answers =
        (1..=130).map(|index| (MessageId { position: 1, index, from: Context::Trading }, Answer::Yes));
    let sizes: Vec<usize> = crate::Request::acknowledge(answers, id("node"))
        .map(|request| {
            let Command::Acknowledge { more, .. } = request.command else { panic!("{request:?}") };
            more.len() + 1
        })
        .collect();
    assert_eq!(sizes, [64, 64, 2]);
}

#[test]
fn c8_a_flow_is_finished_only_when_every_branch_has_answered() {
    let mut market = trading_alone();
    let order = market.place(limit("ANN", Side::Buy, 100_00, 4));
    answer(&mut market, order, Branch::Compliance, no(Branch::Compliance));
    for branch in [Branch::Risk, Branch::Settlement] {
        answer(&mut market, order, branch, Answer::Yes);
    }
    let about = |market: &Market| {
        let all = market.engine.state().stuck(Timestamp(u64::MAX), 10);
        all.into_iter().filter(|stuck| stuck.order == Some(order)).count()
    };
    assert_eq!(about(&market), 2, "both releases wait for their answers, and are listed");
    let releases: Vec<MessageId> = market.engine.state().outbox.waiting().map(|(id, _)| *id).collect();
    for message in releases {
        market.must(acknowledge(message, Answer::Yes));
    }
    assert_eq!(about(&market), 0);
}

#[test]
fn c10_a_late_answer_holds_back_the_orders_behind_it_until_the_deadline_at_most() {
    let mut market = trading_alone();
    let slow = market.place(limit("ANN", Side::Buy, 100_00, 4));
    market.now += 1_000_000_000;
    let quick = [("BOB", Side::Sell), ("CAT", Side::Buy)].map(|(account, side)| {
        let order = market.place(limit(account, side, 100_00, 4));
        for branch in Branch::ALL {
            answer(&mut market, order, branch, Answer::Yes);
        }
        assert_eq!(market.engine.state().trading.order(order).unwrap().status, Status::Created);
        order
    });
    market.now += FLOW_DEADLINE_NS - 1_000_000_000;
    let events = market.must(Command::ExpireDeadlines);
    let decided: Vec<_> = events.iter().filter_map(decision).collect();
    assert_eq!(decided, [(slow, false), (quick[0], true), (quick[1], true)]);
    assert_eq!(market.engine.state().trading.order(quick[1]).unwrap().status, Status::Executed);
    market.check_replay();
}

/// Which order an event decides, and whether it is accepted.
fn decision(event: &Event) -> Option<(OrderId, bool)> {
    let Event::Trading(event) = event else { return None };
    if let trading::Event::OrderAccepted { order } = event {
        return Some((*order, true));
    }
    if let trading::Event::OrderRejected { order, .. } = event { Some((*order, false)) } else { None }
}

#[test]
fn c10_orders_that_wait_for_their_turn_go_on_a_bounded_number_in_one_record() {
    let mut market = trading_alone();
    market.place(limit("ANN", Side::Buy, 100_00, 1));
    let behind: Vec<OrderId> = (0..1_200)
        .map(|_| {
            let order = market.place(limit("BOB", Side::Sell, 101_00, 1));
            for branch in Branch::ALL {
                answer(&mut market, order, branch, Answer::Yes);
            }
            order
        })
        .collect();
    market.now += FLOW_DEADLINE_NS + 1;
    let before = market.records.len();
    market.settle_down();
    let accepted: Vec<usize> =
        market.records[before..].iter().map(|record| accepted_in(record.events())).collect();
    assert_eq!(accepted, [500, 501, 199]);
    assert!(
        behind
            .iter()
            .all(|order| market.engine.state().trading.order(*order).unwrap().status == Status::Open)
    );
    market.check_replay();
}

fn accepted_in(events: &[Event]) -> usize {
    events.iter().filter_map(decision).filter(|(_, accepted)| *accepted).count()
}

#[test]
fn deadlines_that_pass_together_are_ended_a_bounded_number_in_one_record() {
    let mut market = trading_alone();
    for _ in 0..1_100 {
        market.place(limit("ANN", Side::Buy, 1_00 * 90, 1));
    }
    market.now += FLOW_DEADLINE_NS + 2_000_000;
    let before = market.records.len();
    market.settle_down();
    let sizes: Vec<usize> = market.records[before..].iter().map(|record| record.events().len()).collect();
    assert_eq!(sizes, [1_000, 1_000, 200]);
}

#[test]
fn a_replacement_whose_order_is_gone_ends_its_flow_and_passes_its_turn() {
    let mut market = trading_alone();
    let all_yes = |market: &mut Market, order: OrderId| {
        for branch in Branch::ALL {
            answer(market, order, branch, Answer::Yes);
        }
    };
    let old = market.place(limit("ANN", Side::Buy, 100_00, 4));
    all_yes(&mut market, old);
    let seller = market.place(limit("BOB", Side::Sell, 100_00, 4));
    let (price, quantity, user) = (None, Some(vocabulary::Quantity(9)), id("user-1"));
    market.must(Command::Trading(trading::Command::ReplaceOrder { order: old, price, quantity, user }));
    let replacement = OrderId(market.records.len() as u64);
    let behind = market.place(limit("CAT", Side::Buy, 99_00, 4));
    all_yes(&mut market, behind);
    all_yes(&mut market, replacement);
    all_yes(&mut market, seller);
    let status = |order| market.engine.state().trading.order(order).map(|order| order.status);
    assert_eq!(status(old), Some(Status::Executed), "the seller came before the replacement");
    assert_eq!(status(replacement), None, "so there is nothing left to replace");
    assert_eq!(status(behind), Some(Status::Open), "and the next one has its turn");
    assert_eq!(market.engine.state().flows.waiting().count(), 0);
    market.now += FLOW_DEADLINE_NS + 1;
    market.settle_down();
    market.check_replay();
}

/// Risk, in another node, has a kill switch engaged.
fn sweep(market: &mut Market, index: u32) -> Vec<Event> {
    let (scope, cause) = (trading::Scope::Account(id("ANN")), trading::Cause::KillSwitch);
    let body = Box::new(Message::Trading(trading::Command::StartSweep { scope, cause, shard: 0 }));
    let message = MessageId { position: 1, index, from: Context::Risk };
    let answered_below = MessageId { index: 0, ..message };
    let request = market.request(Command::Deliver { message, body, answered_below });
    match market.submit(request) {
        Executed::Recorded(record) => record.events().to_vec(),
        Executed::Answered(_) => Vec::new(),
        Executed::Repeated { .. } => panic!("a message has no idempotency key"),
    }
}

#[test]
fn a_kill_switch_reaches_an_order_that_is_not_decided_and_its_holds_are_released() {
    let mut market = trading_alone();
    let order = market.place(limit("ANN", Side::Buy, 100_00, 4));
    answer(&mut market, order, Branch::Risk, Answer::Yes);
    sweep(&mut market, 0);
    answer(&mut market, order, Branch::Settlement, Answer::Yes);
    answer(&mut market, order, Branch::Compliance, Answer::Yes);
    assert_eq!(market.engine.state().trading.order_count(), 0);
    assert_eq!(posted(&market).iter().filter(|message| is_release(message)).count(), 2);
    market.settle_down();
    market.check_replay();
}

#[test]
fn b2_a_sweep_that_is_delivered_again_spares_the_orders_placed_since() {
    let mut market = trading_alone();
    assert!(!sweep(&mut market, 0).is_empty());
    market.settle_down();
    let order = market.place(limit("ANN", Side::Buy, 100_00, 4));
    for branch in Branch::ALL {
        answer(&mut market, order, branch, Answer::Yes);
    }
    assert_eq!(sweep(&mut market, 0), []);
    market.settle_down();
    assert_eq!(market.engine.state().trading.order(order).unwrap().status, Status::Open);
    sweep(&mut market, 1);
    assert_eq!(market.engine.state().trading.order(order), None, "another switch is another matter");
}

#[test]
fn an_order_and_its_retry_by_client_order_id_are_one_flow_while_it_is_undecided() {
    let mut market = trading_alone();
    let order = named(limit("ANN", Side::Buy, 100_00, 4), "mine");
    let first = market.place(order);
    let again = market.submit(market.request(place(order)));
    assert_eq!(again, Executed::Repeated { position: first.0 });
    assert_eq!(market.engine.state().flows.waiting().count(), 1);
}

#[test]
fn no_orders_are_taken_while_too_many_messages_are_unanswered() {
    let mut market = trading_alone();
    for _ in 0..100 {
        market.place(limit("ANN", Side::Buy, 100_00, 1));
    }
    let outbox = &market.engine.state().outbox;
    assert!(outbox.len() == 300 && crate::UNANSWERED_MAX > 300);
    let mut state = market.engine.state().clone();
    let message = outbox.waiting().next().unwrap().1.body.clone();
    let at = market.engine.last().unwrap();
    for _ in 300..crate::UNANSWERED_MAX {
        state.outbox.post(Context::Trading, message.clone(), at);
    }
    market.engine = crate::Engine::with(market.engine.setup(), state);
    let refusal = market.refused(place(limit("ANN", Side::Buy, 100_00, 1)));
    assert_eq!(refusal, Refusal::OutboxFull);
}
