//! What trading has published of a day, held against what the other services have recorded of it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../views/tests/market/mod.rs"]
mod market;

use bus::schema::event::What;
use bus::{Changes, Kept, Publication, Reconciliation, publications_of};
use engine::{
    Answer, Command, Context, Event, Hosts, LOGIC_VERSION, Message, MessageId, Outcome, Record, Request,
};
use std::collections::BTreeMap;
use trading::Cause;
use vocabulary::{CorrelationId, Moment, OrderId, Reserved, Timestamp};

fn published(records: &[Record]) -> Vec<Publication> {
    records.iter().flat_map(|record| publications_of(record, Hosts::ALL)).collect()
}

/// The record of a service that has answered a message.
fn answered(number: u64, body: Message) -> Record {
    let message = MessageId { position: number, index: 0, from: Context::Trading };
    let command = Command::Deliver { message, body: Box::new(body), answered_below: message };
    Record {
        moment: Moment { position: number, time: Timestamp(number) },
        logic_version: LOGIC_VERSION,
        request: Request {
            command_id: None,
            correlation: CorrelationId(1),
            actor: "system".parse().unwrap(),
            command,
        },
        outcome: Outcome::Events(Vec::new()),
    }
}

fn created(event: &Event) -> Option<&trading::CreatedOrder> {
    let Event::Trading(trading::Event::OrderCreated(created)) = event else { return None };
    Some(created)
}

/// What a service has recorded that was asked about all orders of the day.
fn asked(records: &[Record], question: impl Fn(&trading::CreatedOrder) -> Message) -> Vec<Record> {
    let events = records.iter().flat_map(Record::events);
    let questions = events.filter_map(created).map(question);
    questions.zip(1..).map(|(body, number)| answered(number, body)).collect()
}

fn hold(created: &trading::CreatedOrder) -> Message {
    let amount = i64::try_from(created.notional.0).unwrap();
    let reserved = Reserved { quantity: created.quantity.0, amount };
    let deadline = Timestamp(u64::MAX);
    Message::Risk(risk::Command::Hold { terms: created.terms, reserved, deadline })
}

/// Keeps in memory.
#[derive(Default)]
struct Keeper {
    progress: Option<String>,
    items: BTreeMap<String, String>,
}

impl Keeper {
    fn keep(&mut self, changes: Option<Changes>) {
        let Some(Changes { progress, items }) = changes else { return };
        self.progress = Some(progress);
        for (key, item) in items {
            match item {
                Some(item) => {
                    self.items.insert(key, item);
                }
                None => assert!(self.items.remove(&key).is_some(), "{key} was not kept"),
            }
        }
    }

    fn resume(&self, own: Context) -> Reconciliation {
        let items = self.items.iter().map(|(key, item)| (key.clone(), item.clone())).collect();
        Reconciliation::resume(own, 0, &Kept { progress: self.progress.clone(), items }).unwrap()
    }
}

/// In which partition an event lies, and at which offset of it.
fn lie(events: &[Publication]) -> Vec<(i32, i64, &Publication)> {
    let mut ends = BTreeMap::<(Context, i32), i64>::new();
    let place = |event| {
        let event: &Publication = event;
        let partition = i32::from(event.event.key.bytes().last().unwrap_or_default() % 3);
        let end = ends.entry((event.context, partition)).or_default();
        *end += 1;
        (partition, *end - 1, event)
    };
    events.iter().map(place).collect()
}

fn hear(all: &mut Reconciliation, (partition, offset, event): (i32, i64, &Publication)) {
    all.hear((event.context, partition), offset, event.name, &event.event);
}

/// Everything that both sides say, in steps, and everything more than once: as when what was read is read again.
fn reconciled(own: Context, events: &[Publication], records: &[Record]) -> Reconciliation {
    let (mut keeper, events) = (Keeper::default(), lie(events));
    let steps = events.len().max(records.len()).div_ceil(40);
    for step in 0..=steps {
        let mut all = keeper.resume(own);
        for event in events.iter().skip(step.saturating_sub(1) * 40).take(80) {
            hear(&mut all, *event);
        }
        // The other side is behind, or ahead.
        let begin = if step % 2 == 0 { step * 40 } else { (step * 40).saturating_sub(60) };
        records.iter().take(begin + 40).for_each(|record| all.record(record));
        // One that is killed before it has kept what it has read reads it again.
        if step % 3 != 2 {
            keeper.keep(all.take_changes());
            keeper.keep(all.take_changes());
        }
    }
    let mut all = keeper.resume(own);
    events.iter().for_each(|event| hear(&mut all, *event));
    records.iter().for_each(|record| all.record(record));
    keeper.keep(all.take_changes());
    keeper.resume(own)
}

fn of_trading(events: &[Publication]) -> Vec<Publication> {
    events.iter().filter(|event| event.context == Context::Trading).cloned().collect()
}

fn count(events: &[Publication], name: &str) -> u64 {
    events.iter().filter(|event| event.name == name).count() as u64
}

#[test]
fn con_3_settlement_has_an_obligation_for_every_execution_that_trading_has_published() {
    let records = market::day::a_day().market.records;
    let events = published(&records);
    let all = reconciled(Context::Settlement, &of_trading(&events), &records);
    assert_eq!(all.open(), []);
    assert!(all.matched() > 10);
    assert_eq!(all.matched(), count(&events, "OrderExecuted"));
}

#[test]
fn con_3_risk_was_asked_about_every_order_that_trading_has_published() {
    let records = market::day::a_day().market.records;
    let events = published(&records);
    let asked = asked(&records, hold);
    let all = reconciled(Context::Risk, &of_trading(&events), &asked);
    assert_eq!(all.open(), []);
    assert_eq!(all.matched(), count(&events, "OrderCreated"));
    // One that it was not asked about.
    let left_out: Vec<Record> = asked.iter().filter(|record| record.moment.position != 5).cloned().collect();
    let all = reconciled(Context::Risk, &of_trading(&events), &left_out);
    let [(about, item)] = all.open()[..] else { panic!("{:?}", all.open()) };
    let created = events.iter().filter(|event| event.name == "OrderCreated").nth(4).unwrap();
    assert_eq!(about, format!("order {}", created.event.key));
    assert!(item.recorded.is_none() && !item.is_contradiction());
    assert_eq!(item.published.as_ref().unwrap().position, created.event.position);
}

#[test]
fn con_3_compliance_hears_everything_once_and_has_checked_every_order() {
    let records = market::day::a_day().market.records;
    let events = published(&records);
    let asked = asked(&records, |created| {
        Message::Compliance(compliance::Command::Check {
            terms: created.terms,
            user: created.user,
            price: created.limit,
            quantity: created.quantity,
            notional: created.notional,
            quote_scale: 2,
            deadline: Timestamp(u64::MAX),
        })
    });
    let all = reconciled(Context::Compliance, &events, &asked);
    assert_eq!(all.open(), []);
    assert_eq!(all.matched(), count(&events, "OrderCreated"));
    let mut expected = BTreeMap::new();
    for event in &events {
        *expected.entry((event.context.to_string(), event.name.to_owned())).or_insert(0) += 1;
    }
    let heard = all.events().map(|(topic, name, count)| ((topic.to_owned(), name.to_owned()), count));
    assert_eq!(heard.collect::<BTreeMap<_, _>>(), expected);
}

#[test]
fn what_does_not_agree_stays_open_and_comes_first() {
    let records = market::day::a_day().market.records;
    let mut events = of_trading(&published(&records));
    // Trading says that another amount was executed than settlement is to settle, and of an order that nobody knows.
    let executed = events.iter_mut().filter(|event| event.name == "OrderExecuted").nth(3).unwrap();
    let Some(What::OrderExecuted(body)) = &mut executed.event.what else { panic!() };
    body.notional = "1".to_owned();
    let (order, trade) = (body.order_id, body.trade_id.clone());
    let mut forged = events.iter().find(|event| event.name == "OrderExecuted").unwrap().clone();
    let Some(What::OrderExecuted(body)) = &mut forged.event.what else { panic!() };
    body.order_id = 999_999;
    forged.event.position = u64::MAX >> 16;
    let trade_of_forged = body.trade_id.clone();
    events.push(forged);
    let all = reconciled(Context::Settlement, &events, &records);
    let open = all.open();
    assert_eq!(open[0].0, format!("order {order} in trade {trade}"));
    let (published, recorded) = (&open[0].1.published, &open[0].1.recorded);
    let (published, recorded) = (published.as_ref().unwrap(), recorded.as_ref().unwrap());
    assert!(published.what.contains(", worth 1 with"), "{published:?}");
    assert_ne!(published.what, recorded.what);
    assert_eq!(open[1].0, format!("order 999999 in trade {trade_of_forged}"));
    assert_eq!(open.len(), 2);
    // The other way round: asked about an order that trading does not know, and about another quantity.
    let mut asked = asked(&records, hold);
    let Command::Deliver { body, .. } = &mut asked[2].request.command else { panic!() };
    let Message::Risk(risk::Command::Hold { reserved, .. }) = &mut **body else { panic!() };
    reserved.quantity += 1;
    let all = reconciled(Context::Risk, &events, &asked);
    let [(_, item)] = all.open()[..] else { panic!("{:?}", all.open()) };
    assert!(item.is_contradiction());
    let unknown =
        asked.iter().chain([&answered(10_000, unknown_order(&records))]).cloned().collect::<Vec<_>>();
    let all = reconciled(Context::Risk, &events, &unknown);
    assert_eq!(all.open().len(), 2);
    assert!(all.open()[1].1.published.is_none(), "{:?}", all.open());
}

fn unknown_order(records: &[Record]) -> Message {
    let mut events = records.iter().flat_map(Record::events);
    let mut created = events.find_map(created).unwrap().clone();
    created.terms.order = OrderId(424_242);
    hold(&created)
}

#[test]
fn what_is_to_be_asked_again_is_not_answered_yet() {
    let records = market::day::a_day().market.records;
    let mut asked = asked(&records, hold);
    asked[0].outcome = Outcome::Refused(risk::Refusal::Hold(vocabulary::HoldRefusal::Early).into());
    assert_eq!(asked[0].receipt().result, engine::ReceiptResult::Answered(Answer::Later));
    let all = reconciled(Context::Risk, &of_trading(&published(&records)), &asked);
    assert_eq!(all.open().len(), 1);
}

#[test]
fn a_block_trade_that_was_undone_before_it_came_here_is_not_missed() {
    let records = market::day::a_day().market.records;
    let undone = |event: &Event| {
        let Event::Trading(trading::Event::OrderCanceled { order, cause, .. }) = event else { return None };
        (*cause == Cause::BlockUndone).then_some(*order)
    };
    let undone: Vec<_> = records.iter().flat_map(Record::events).filter_map(undone).collect();
    assert!(!undone.is_empty(), "the day has one");
    let mut asked = asked(&records, hold);
    let whole = reconciled(Context::Risk, &of_trading(&published(&records)), &asked);
    asked.retain(|record| {
        let Command::Deliver { body, .. } = &record.request.command else { panic!() };
        let Message::Risk(risk::Command::Hold { terms, .. }) = &**body else { panic!() };
        !undone.contains(&terms.order)
    });
    let all = reconciled(Context::Risk, &of_trading(&published(&records)), &asked);
    assert_eq!(all.open(), []);
    assert_eq!(all.matched() + undone.len() as u64, whole.matched());
}
