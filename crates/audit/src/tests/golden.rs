//! Lines as they were written once. They are added to and never edited: years of log have this form, and verification
//! against the journal makes them again.

use super::market::{BEFORE_MIDNIGHT, id, limit};
use crate::line::Lines;
use compliance::{Bundle, Digest, Module};
use engine::{Access, Command, CommandId, Event, FlowEvent, Outcome, Record, Refusal, Request};
use vocabulary::{
    Amount, CorrelationId, Moment, OrderId, OrderTerms, Price, Quantity, Reason, Side, Timestamp,
};

const AUDIT: &str = include_str!("golden-audit.jsonl");
const DECISIONS: &str = include_str!("golden-decisions.jsonl");

fn record(position: u64, command: Command, outcome: Outcome) -> Record {
    let moment = Moment { position, time: Timestamp(BEFORE_MIDNIGHT + position) };
    let command_id = (position == 2).then_some(CommandId(CorrelationId(0xabc)));
    let correlation = CorrelationId(u128::from(position) << 96);
    Record {
        moment,
        logic_version: 1,
        request: Request { command_id, correlation, actor: id("user-1"), command },
        outcome,
    }
}

fn activation() -> Record {
    let module = Module { name: "p.rego".into(), text: "package p\n".into() };
    let bundle = Bundle { modules: vec![module], data: "{}".into() };
    let command = Command::Compliance(compliance::Command::ActivatePolicy { bundle: bundle.clone() });
    let event = compliance::Event::PolicyActivated { version: 1, digest: Digest([0xab; 32]), bundle };
    record(1, command, Outcome::Events(vec![event.into()]))
}

fn rejection() -> Record {
    let order = OrderId(2);
    let mut place = limit("ANN", Side::Buy, 10_000, 20_000);
    place.client_order_id = Some(id("C-1"));
    let terms = OrderTerms {
        order,
        account: place.account,
        participant: id("NORTH"),
        instrument: place.instrument,
        market: id("MAIN"),
        base: id("ACME"),
        quote: id("EUR"),
        side: place.side,
        correlation: CorrelationId(2 << 96),
    };
    let reason = Reason { code: "p.limit".into(), message: "too \"large\"".into() };
    let checked = compliance::Event::OrderChecked {
        terms,
        user: place.user,
        price: Price(10_000),
        quantity: Quantity(20_000),
        notional: Amount(200_000_000),
        quote_scale: 2,
        deadline: Timestamp(BEFORE_MIDNIGHT),
        orders_in_hour: 1,
        restricted: None,
        policy: 1,
        allowed: false,
        reasons: vec![reason.clone()],
    };
    let answered = |branch| FlowEvent::BranchAnswered { order, branch, answer: engine::Answer::Yes };
    let rejected = trading::Event::OrderRejected { order, reason, released: Amount(200_000_000) };
    let events: Vec<Event> = vec![
        checked.into(),
        answered(engine::Branch::Risk).into(),
        answered(engine::Branch::Settlement).into(),
        rejected.into(),
    ];
    record(2, Command::Trading(trading::Command::PlaceOrder(place)), Outcome::Events(events))
}

fn records() -> Vec<Record> {
    let order = OrderId(7);
    let refusal = Refusal::Trading(trading::Refusal::OrderNotOpen(order));
    let deposit =
        trading::Command::Deposit { account: id("ANN"), asset: id("EUR"), amount: Amount(10_i128.pow(20)) };
    let deposited =
        trading::Event::Deposited { account: id("ANN"), asset: id("EUR"), amount: Amount(10_i128.pow(20)) };
    let access = |operation: &str, status, code: Option<&str>| {
        let (operation, code) = (operation.to_owned(), code.map(str::to_owned));
        Command::RecordAccess(Access { operation, status, code, unrecorded: None })
    };
    vec![
        activation(),
        rejection(),
        record(3, Command::Trading(trading::Command::CancelOrder { order }), Outcome::Refused(refusal)),
        record(4, Command::Trading(deposit), Outcome::Events(vec![deposited.into()])),
        record(5, access("GET /audit", 200, None), Outcome::Events(Vec::new())),
        record(6, access("GET /x", 403, Some("api.forbidden")), Outcome::Events(Vec::new())),
        record(7, Command::ExpireDeadlines, Outcome::Events(Vec::new())),
    ]
}

#[test]
fn records_give_the_lines_that_they_always_gave() {
    let (mut lines, mut audit, mut decisions) = (Lines::new(), Vec::new(), Vec::new());
    for record in records() {
        lines.write(&record, &mut audit, &mut decisions).unwrap();
    }
    assert_eq!(String::from_utf8(audit).unwrap(), AUDIT);
    assert_eq!(String::from_utf8(decisions).unwrap(), DECISIONS);
}
