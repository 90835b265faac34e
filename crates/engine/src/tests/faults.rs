//! The order flow over several nodes, with every fault: whatever goes wrong, every flow comes to its end, and what is
//! held is exactly what open orders and unsettled trades say (B1 to B11, C5 to C10; faults 1, 4, 5, 13).

use super::audit::{rejections, trades};
use super::market::{id, limit, named, place, wide_definitions};
use super::network::{Dice, Faults, Network};
use crate::{
    Answer, Command, Context, Engine, Event, Executed, FlowEvent, Hosts, Message, MessageId, Request,
    StateHash, WaitsFor,
};
use std::collections::BTreeMap;
use trading::{OrderKind, PlaceOrder, Scope};
use vocabulary::{Moment, Price, SelfTradePrevention, Side, TimeInForce, Timestamp};

const T: Context = Context::Trading;
const S: Context = Context::Settlement;
const R: Context = Context::Risk;
const C: Context = Context::Compliance;

/// Every way to spread four contexts that differs in what stays within one record.
const SPLITS: [&[&[Context]]; 6] = [
    &[&[T], &[S], &[R], &[C]],
    &[&[T, C], &[S], &[R]],
    &[&[T], &[S, R, C]],
    &[&[T, S], &[R, C]],
    &[&[T, R, C], &[S]],
    &[&[T, S, R, C]],
];

/// An order of some account at some price, seldom of a special kind; one in ten breaks the policy.
fn some_order(dice: &mut Dice, number: usize) -> PlaceOrder {
    let account = ["ANN", "BOB", "CAT"][dice.below(3) as usize];
    let side = if dice.below(2) == 0 { Side::Buy } else { Side::Sell };
    let price = 100_00 + i64::try_from(dice.below(7)).unwrap() - 3;
    let quantity = 1 + i64::try_from(dice.below(20)).unwrap();
    let quantity = if dice.below(10) == 0 { 51 } else { quantity };
    let order = named(limit(account, side, price, quantity), &format!("order-{number}"));
    match dice.below(12) {
        0 => PlaceOrder { time_in_force: TimeInForce::ImmediateOrCancel, ..order },
        1 => PlaceOrder { time_in_force: TimeInForce::FillOrKill, ..order },
        2 => PlaceOrder { post_only: true, ..order },
        3 => PlaceOrder { self_trade_prevention: SelfTradePrevention::CancelOldest, ..order },
        4 => PlaceOrder { kind: OrderKind::Market, time_in_force: TimeInForce::ImmediateOrCancel, ..order },
        _ => PlaceOrder { kind: OrderKind::Limit(Price(price)), ..order },
    }
}

fn some_orders(seed: u64, count: usize) -> Vec<Command> {
    let mut dice = Dice::new(seed);
    (0..count).map(|number| place(some_order(&mut dice, number))).collect()
}

fn cancel(number: u64) -> Command {
    let (account, client_order_id) = (id("ANN"), id(&format!("order-{number}")));
    Command::Trading(trading::Command::CancelClientOrder { account, client_order_id })
}

/// A day: orders, cancels, replacements, a kill switch, settlement.
fn a_day(network: &mut Network, faults: Faults, seed: u64) {
    network.faults = faults;
    let mut dice = Dice::new(seed);
    for (number, order) in (0..).zip(some_orders(seed, 60)) {
        network.ask(order);
        network.run(dice.below(12));
        match dice.below(12) {
            0 => network.ask(cancel(dice.below(number + 1))),
            1 => network.ask(replace(network, dice.below(60))),
            2 if number > 30 => network.ask(settle("2023-02-09")),
            _ => {}
        }
    }
    network.ask(engage());
    network.run(40);
    network.ask(Command::Risk(risk::Command::LiftKillSwitch { switch: risk::Switch::Account(id("CAT")) }));
    network.run(200);
}

/// What each context knows in the end, wherever it lives, with the hash over it.
fn facts(network: &Network) -> BTreeMap<Context, (StateHash, Vec<String>)> {
    let facts = |context| {
        let state = network.engine(context).state();
        let mut lines = Vec::new();
        state.tell(context, &mut |line| lines.push(line.to_string()));
        (context, (state.hash_of(context), lines))
    };
    Context::ALL.into_iter().map(facts).collect()
}

fn engage() -> Command {
    let switch = risk::Switch::Account(id("CAT"));
    Command::Risk(risk::Command::EngageKillSwitch { switch, reason: "test".into() })
}

fn settle(date: &str) -> Command {
    Command::Settlement(settlement::Command::Process { date: id(date) })
}

fn replace(network: &Network, number: u64) -> Command {
    let trading = &network.engine(T).state().trading;
    let name = id(&format!("order-{number}"));
    let of = |account| trading.order_of_client(id(account), name);
    let order = ["ANN", "BOB", "CAT"].into_iter().find_map(of).unwrap_or(vocabulary::OrderId(0));
    let (price, quantity) = (Some(Price(100_01)), Some(vocabulary::Quantity(7)));
    Command::Trading(trading::Command::ReplaceOrder { order, price, quantity, user: id("user-1") })
}

fn check(network: &mut Network) {
    network.calm();
    network.audit();
    network.no_alarms();
    network.replay();
    network.ask(settle("2023-02-10"));
    network.calm();
    network.audit();
    network.ask(Command::Trading(trading::Command::CancelAll { scope: Scope::All }));
    network.calm();
    network.audit();
    let state = network.engine(T).state();
    assert_eq!((state.trading.order_count(), state.blocks.len()), (0, 0), "everything is settled and gone");
}

#[test]
fn c6_every_flow_ends_and_totals_are_conserved_whatever_goes_wrong() {
    for (split, seed) in
        SPLITS.iter().zip(1..).flat_map(|(split, at)| (0..4).map(move |n| (split, 10 * at + n)))
    {
        let mut network = Network::new(split, &wide_definitions(), seed);
        a_day(&mut network, Faults::ALL, seed);
        check(&mut network);
    }
}

#[test]
fn c6_a_crash_at_any_moment_of_any_node_leaves_nothing_held() {
    for (node, moment) in (0..4).flat_map(|node| (0..24).map(move |moment| (node, moment))) {
        let mut network = Network::new(SPLITS[0], &wide_definitions(), 5);
        network.faults = Faults { delay_ms: 3, ..Faults::default() };
        for (number, order) in some_orders(5, 12).into_iter().enumerate() {
            network.ask(order);
            network.run(2);
            if number * 2 == moment {
                network.crash(node);
            }
            if number * 2 + 1 == moment {
                // Decided and not written, or written and not sent.
                network.ask(cancel(1));
                network.crash(node);
            }
        }
        check(&mut network);
    }
}

#[test]
fn c7_two_that_believe_they_lead_do_no_harm() {
    for seed in 0..6 {
        let mut network = Network::new(SPLITS[0], &wide_definitions(), seed);
        let faults = Faults { second_leader: 60, stall: 60, delay_ms: 10, ..Faults::default() };
        a_day(&mut network, faults, seed);
        check(&mut network);
    }
}

#[test]
fn c10_the_same_arrivals_give_the_same_trades_and_reasons_wherever_the_contexts_live() {
    for seed in 0..8 {
        let outcome = |split: &[&[Context]], faults: Faults| {
            let mut network = Network::new(split, &wide_definitions(), seed);
            network.faults = faults;
            for order in some_orders(seed, 120) {
                network.ask(order);
                network.run(1);
            }
            network.calm();
            network.audit();
            let timed_out = |event: &&Event| matches!(event, Event::Flow(FlowEvent::FlowTimedOut { .. }));
            assert_eq!(network.events().filter(timed_out).count(), 0);
            let ledger = network.engine(T).state().trading.ledger().clone();
            let journal = &network.nodes[network.host(T)].journal;
            (trades(journal), rejections(journal), ledger, facts(&network))
        };
        let embedded = outcome(SPLITS[5], Faults::default());
        assert!(embedded.0.len() > 20 && embedded.1.len() > 3, "there is something to compare");
        assert!(embedded.3.values().all(|(_, lines)| !lines.is_empty()), "each context knows something");
        for split in &SPLITS[..5] {
            assert!(outcome(split, Faults::REORDER) == embedded, "seed {seed}, {split:?}");
        }
    }
}

/// What a node knows of assets, instruments, participants and accounts.
fn definitions_of(network: &Network, context: Context) -> Vec<String> {
    let trading = &network.engine(context).state().trading;
    let accounts = trading.ledger().accounts().iter();
    let accounts =
        accounts.map(|account| format!("{} {} {}", account.account, account.participant, account.owner));
    let mut all: Vec<String> = accounts.collect();
    all.extend(trading.assets().values().map(|asset| format!("{asset:?}")));
    all.extend(trading.participants().iter().map(ToString::to_string));
    all.extend(trading.instruments().map(|instrument| format!("{instrument:?}")));
    all.sort();
    all
}

#[test]
fn what_trading_defines_is_known_in_every_node_whatever_goes_wrong_on_the_way() {
    for (split, seed) in SPLITS.iter().zip(1..) {
        let mut network = Network::new(split, &[], seed);
        network.faults = Faults::ALL;
        for definition in wide_definitions() {
            network.ask(definition);
            network.run(20);
        }
        network.calm();
        let defined = definitions_of(&network, T);
        assert!(defined.len() > 6, "{defined:?}");
        for context in Context::ALL {
            assert_eq!(definitions_of(&network, context), defined, "{context} of {split:?}");
        }
        network.no_alarms();
        network.replay();
    }
}

#[test]
fn a_definition_from_another_shard_that_says_something_else_raises_an_alarm_and_changes_nothing() {
    let mut engine = Engine::new(Hosts::only(&[R]));
    let asset = |scale| {
        let asset = vocabulary::Asset { asset: id("EUR"), kind: vocabulary::AssetKind::Currency, scale };
        Message::Definition(R, Box::new(trading::Command::DefineAsset(asset)))
    };
    let mut told = |position: u64, shard: u64, body: Message| {
        let from = MessageId { position: shard << 48 | position, index: 0, from: T };
        let command = Command::Deliver { message: from, body: Box::new(body), answered_below: from };
        let correlation = vocabulary::CorrelationId(1);
        let request = Request { command_id: None, correlation, actor: id("system"), command };
        let Executed::Recorded(record) =
            engine.execute(request, Moment { position, time: Timestamp(position) })
        else {
            panic!("a message is recorded");
        };
        record.answer().unwrap()
    };
    assert_eq!(told(1, 0, asset(2)), Answer::Yes);
    assert_eq!(told(2, 1, asset(2)), Answer::Yes, "the same from another shard is no news");
    let Answer::No(reason) = told(3, 2, asset(3)) else { panic!("two scales cannot both be right") };
    assert_eq!(reason.code, "trading.already-defined");
    let other =
        trading::Command::Deposit { account: id("ANN"), asset: id("EUR"), amount: vocabulary::Amount(1) };
    assert!(matches!(told(4, 0, Message::Definition(R, Box::new(other))), Answer::No(_)), "no definition");
    for (position, date) in [(5, "2023-02-07"), (6, "2023-02-06")] {
        let day = trading::Command::OpenBusinessDay { date: id(date) };
        assert_eq!(told(position, 0, Message::Definition(R, Box::new(day))), Answer::Yes);
    }
    assert_eq!(engine.state().trading.business_date(), Some(id("2023-02-07")), "days only go forward");
    assert_eq!(engine.state().trading.assets()[&id("EUR")].scale, 2);
}

#[test]
fn c5_confirms_are_repeated_until_a_context_that_was_away_for_long_has_answered() {
    let mut network = Network::new(SPLITS[0], &wide_definitions(), 3);
    network.ask(place(named(limit("BOB", Side::Sell, 100_00, 5), "order-0")));
    network.run(300);
    network.unreachable = vec![S, R];
    network.ask(place(named(limit("ANN", Side::Buy, 100_00, 5), "order-1")));
    network.run(6_000);
    let trading = || network.engine(T).state();
    assert!(trading().outbox.len() >= 4, "holds that were never answered, and their releases");
    assert_eq!(trading().flows.waiting().count(), 0, "the order is rejected nevertheless");
    network.unreachable.clear();
    check(&mut network);
}

#[test]
fn c5_a_confirm_that_waits_for_minutes_is_neither_lost_nor_turned_into_a_release() {
    let mut network = Network::new(SPLITS[0], &wide_definitions(), 3);
    network.ask(place(named(limit("BOB", Side::Sell, 100_00, 5), "order-2")));
    network.run(300);
    network.ask(place(named(limit("ANN", Side::Buy, 100_00, 5), "order-3")));
    network.held_back = Some(|message: &Message| message.asks().is_none());
    network.run(150_000);
    assert_eq!(trades(&network.nodes[0].journal).len(), 1);
    assert_eq!(network.nodes[0].engine().state().outbox.len(), 4, "two sides, two branches");
    network.held_back = None;
    check(&mut network);
}

#[test]
fn b2_a_message_whose_answer_was_lost_for_minutes_is_answered_as_at_first() {
    let mut network = Network::new(SPLITS[0], &wide_definitions(), 3);
    network.ask(place(named(limit("BOB", Side::Sell, 100_00, 5), "order-0")));
    network.ask(place(named(limit("ANN", Side::Buy, 100_00, 3), "order-1")));
    network.run(400);
    assert!(network.nodes[0].engine().state().outbox.is_empty());
    // A part is confirmed, and the rest released; risk and settlement do both, and nothing they say arrives.
    network.ask(Command::Trading(trading::Command::CancelClientOrder {
        account: id("BOB"),
        client_order_id: id("order-0"),
    }));
    let is_release = |message: &Message| {
        matches!(
            message,
            Message::Risk(risk::Command::Release { .. })
                | Message::Settlement(settlement::Command::Release { .. })
        )
    };
    network.forced_answer = Some((is_release, Answer::Later));
    network.run(150_000);
    assert_eq!(network.nodes[0].engine().state().outbox.len(), 2);
    network.forced_answer = None;
    check(&mut network);
}

#[test]
fn c9_silence_for_long_is_told_once_and_listed_with_what_it_waits_for() {
    let mut network = Network::new(SPLITS[0], &wide_definitions(), 3);
    network.unreachable = vec![S];
    let asked = network.now_ms;
    network.ask(place(named(limit("BOB", Side::Sell, 100_00, 5), "order-0")));
    let told = |network: &Network| {
        let told = |event: &&Event| matches!(event, Event::Flow(FlowEvent::MessagesUnanswered { .. }));
        network.events().filter(told).cloned().collect::<Vec<_>>()
    };
    network.run(59_990);
    assert_eq!(told(&network), []);
    network.run(20);
    let Event::Flow(FlowEvent::MessagesUnanswered { context, count, first, .. }) = told(&network)[0] else {
        panic!()
    };
    assert_eq!((context, count), (S, 1), "the hold; its release is five seconds younger");
    network.run(50_000);
    assert_eq!(told(&network).len(), 1, "and once a minute at most");
    network.run(20_000);
    assert_eq!(told(&network).len(), 2, "the release");
    network.run(200_000);
    assert_eq!(told(&network).len(), 2);
    let state = network.engine(T).state();
    let stuck = state.stuck(Timestamp(state.outbox.get(first).unwrap().since.0 + 1), 10);
    assert_eq!(stuck.len(), 1);
    assert_eq!(stuck[0].waits_for, WaitsFor::Answer { message: first, context: S });
    assert!(stuck[0].order.is_some() && asked < network.now_ms);
    network.unreachable.clear();
    check(&mut network);
    assert_eq!(network.engine(T).state().stuck(Timestamp(u64::MAX), 10), []);
}

#[test]
fn c9_a_retry_by_an_operator_is_on_record_and_closes_nothing() {
    let mut network = Network::new(SPLITS[0], &wide_definitions(), 3);
    network.unreachable = vec![S];
    network.ask(place(named(limit("BOB", Side::Sell, 100_00, 5), "order-0")));
    network.run(10);
    let message = *network.engine(T).state().outbox.waiting_for(S, None).next().unwrap().0;
    let retry = Command::RetryMessage { message };
    network.ask(retry.clone());
    network.run(200);
    let events = [FlowEvent::MessageRetried { message }.into()].to_vec();
    assert_eq!(*network.outcome(&retry), crate::Outcome::Events(events));
    assert!(network.engine(T).state().outbox.get(message).is_some());
    network.unreachable.clear();
    network.calm();
    let mut network = network;
    network.ask(retry.clone());
    network.run(200);
    let refused = network.records().filter(|record| record.request.command == retry).last().unwrap();
    let unknown = crate::Refusal::UnknownMessage(message);
    assert_eq!(refused.outcome, crate::Outcome::Refused(unknown));
}

#[test]
fn a_kill_switch_stops_undecided_orders_too() {
    for split in SPLITS {
        let mut network = Network::new(split, &wide_definitions(), 9);
        network.faults = Faults::REORDER;
        for number in 0..30 {
            let side = if number % 2 == 0 { Side::Buy } else { Side::Sell };
            network.ask(place(named(
                limit("CAT", side, 100_00 - number % 2 * -50, 1),
                &format!("order-{number}"),
            )));
        }
        network.ask(engage());
        network.calm();
        network.audit();
        network.no_alarms();
        let trading = &network.engine(T).state().trading;
        let open = (0..2_000).filter_map(|n| trading.order(vocabulary::OrderId(n)));
        let alive = open.filter(|order| order.status.is_live()).count();
        assert_eq!(alive, 0, "{split:?}");
    }
}

#[test]
fn a_local_message_that_comes_too_early_is_sent_again() {
    // Settlement and risk share a node, and risk hears of a settled trade before trading's confirm has reached it.
    let mut network = Network::new(&[&[T], &[S, R, C]], &wide_definitions(), 3);
    network.forced_answer = None;
    let is_confirm_of_risk =
        |message: &Message| matches!(message, Message::Risk(risk::Command::Confirm { .. }));
    network.held_back = Some(is_confirm_of_risk);
    network.ask(place(named(limit("BOB", Side::Sell, 100_00, 5), "order-0")));
    network.run(300);
    network.ask(place(named(limit("ANN", Side::Buy, 100_00, 5), "order-1")));
    network.run(300);
    network.ask(settle("2023-02-09"));
    network.run(300);
    let deferred = |event: &&Event| matches!(event, Event::Flow(FlowEvent::MessageDeferred { .. }));
    assert_eq!(network.events().filter(deferred).count(), 2);
    network.held_back = None;
    check(&mut network);
    assert_eq!(network.nodes[1].hosts, Hosts::only(&[S, R, C]));
}
