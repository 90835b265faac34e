//! Bytes of what the engine itself records. These are never edited: what was written once must be read for good.

use super::market::{Market, id, limit, place};
use crate::block::{Event as BlockEvent, Leg, ProposeBlock, Step};
use crate::{
    Access, Answer, Branch, Command, CommandId, Context, Event, FlowEvent, Message, MessageId, Outcome,
    Record, Refusal, Request,
};
use std::fmt::Write;
use vocabulary::{CorrelationId, Moment, OrderId, Price, Quantity, Reason, Side, Timestamp};

const MESSAGE: MessageId = MessageId { position: 300, index: 2, from: Context::Trading };
const ORDER: OrderId = OrderId(7);

fn reason() -> Reason {
    Reason { code: "a.b".into(), message: "no".into() }
}

fn propose() -> ProposeBlock {
    ProposeBlock {
        account: id("ANN"),
        counterparty: id("BOB"),
        instrument: id("ACME"),
        side: Side::Sell,
        price: Price(100_00),
        quantity: Quantity(40),
        consent_ns: 60,
        user: id("u"),
    }
}

fn body() -> Box<Message> {
    Box::new(Message::Trading(trading::Command::WithdrawBlock { order: ORDER }))
}

fn events() -> Vec<Event> {
    let (order, message, block) = (ORDER, MESSAGE, ORDER);
    let (leg, step) = (Leg::Counterparty, Step::ProcessSettlement);
    let flow = [
        FlowEvent::BranchAnswered { order, branch: Branch::Risk, answer: Answer::Yes },
        FlowEvent::BranchAnswered { order, branch: Branch::Settlement, answer: Answer::No(reason()) },
        FlowEvent::FlowTimedOut { order },
        FlowEvent::MessageAnswered { message },
        FlowEvent::ProtocolAlarm { context: Context::Risk, order: Some(order), reason: reason() },
        FlowEvent::MessagesUnanswered {
            context: Context::Settlement,
            first: message,
            last: message,
            since: Timestamp(5),
            count: 1,
        },
        FlowEvent::MessageRetried { message },
        FlowEvent::MessageDeferred { body: body() },
    ];
    let blocks = [
        BlockEvent::BlockProposed {
            block,
            terms: propose(),
            deadline: Timestamp(9),
            correlation: CorrelationId(1),
        },
        BlockEvent::BlockStepDone { block, leg, step },
        BlockEvent::BlockStepFailed { block, leg, step, reason: reason() },
        BlockEvent::BlockConsented { block, order, user: id("u") },
        BlockEvent::BlockRefused { block, account: id("BOB") },
        BlockEvent::BlockExpired { block },
        BlockEvent::BlockStepUndone { block, leg, step },
        BlockEvent::BlockStuck { block, leg, step, reason: reason() },
        BlockEvent::BlockRetried { block },
        BlockEvent::BlockCompleted { block },
    ];
    flow.into_iter().map(Event::Flow).chain(blocks.into_iter().map(Event::Block)).collect()
}

fn commands() -> Vec<Command> {
    let (message, block) = (MESSAGE, ORDER);
    vec![
        Command::Trading(trading::Command::CancelOrder { order: ORDER }),
        Command::Settlement(settlement::Command::Advance),
        Command::Risk(risk::Command::LiftKillSwitch { switch: risk::Switch::All }),
        Command::Compliance(compliance::Command::Restrict {
            restriction: compliance::Restriction::Account(id("ANN")),
        }),
        Command::ProposeBlock(propose()),
        Command::ConsentBlock { block, account: id("BOB"), user: id("u") },
        Command::RefuseBlock { block, account: id("BOB") },
        Command::RetryBlock { block },
        Command::ExpireDeadlines,
        Command::Deliver { message, body: body(), answered_below: message },
        Command::Acknowledge { message, answer: Answer::Later, more: Vec::new() },
        Command::RecordAccess(Access {
            operation: "GET /x".into(),
            status: 403,
            code: Some("c".into()),
            unrecorded: None,
        }),
        Command::RetryMessage { message },
        Command::TakeTurns,
        Command::Deliver {
            message,
            body: Box::new(Message::Definition(
                Context::Risk,
                Box::new(trading::Command::RegisterParticipant { participant: id("NORTH") }),
            )),
            answered_below: message,
        },
        Command::Acknowledge { message, answer: Answer::Later, more: vec![(message, Answer::Yes)] },
    ]
}

fn refusals() -> Vec<Refusal> {
    vec![
        Refusal::Trading(trading::Refusal::NoSweep),
        Refusal::Settlement(settlement::Refusal::NotAWeekday(7)),
        Refusal::Risk(risk::Refusal::BadThresholds),
        Refusal::Compliance(compliance::Refusal::DeadlinePassed),
        Refusal::Block(crate::block::Refusal::SameAccount),
        Refusal::NotHosted(Context::Compliance),
        Refusal::IdempotencyKeyReused { position: 5 },
        Refusal::Denied(reason()),
        Refusal::OnlyAsMessage,
        Refusal::NotAMessage,
        Refusal::OutboxFull,
        Refusal::UnknownMessage(MESSAGE),
    ]
}

fn records() -> Vec<Record> {
    let request = |command| Request {
        command_id: Some(CommandId(CorrelationId(3))),
        correlation: CorrelationId(4),
        actor: id("u"),
        command,
    };
    let moment = Moment { position: 7, time: Timestamp(8) };
    let record = |command, outcome| Record { moment, logic_version: 1, request: request(command), outcome };
    vec![
        record(
            Command::ExpireDeadlines,
            Outcome::Events(vec![FlowEvent::FlowTimedOut { order: ORDER }.into()]),
        ),
        record(Command::TakeTurns, Outcome::Refused(Refusal::OutboxFull)),
    ]
}

fn hex<T: minicbor::Encode<()>>(value: &T) -> String {
    minicbor::to_vec(value).unwrap().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn check<T>(golden: &str, values: &[T])
where
    T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + PartialEq + std::fmt::Debug,
{
    let written: Vec<String> = values.iter().map(hex).collect();
    let expected: Vec<&str> = golden.split_whitespace().collect();
    assert_eq!(written, expected, "\n{}", written.join("\n"));
    for value in values {
        assert_eq!(minicbor::decode::<T>(&minicbor::to_vec(value).unwrap()).unwrap(), *value);
    }
}

#[test]
fn events_keep_their_bytes() {
    check(include_str!("golden/events.txt"), &events());
}

#[test]
fn commands_keep_their_bytes() {
    check(include_str!("golden/commands.txt"), &commands());
}

#[test]
fn refusals_keep_their_bytes() {
    check(include_str!("golden/refusals.txt"), &refusals());
}

#[test]
fn records_keep_their_bytes() {
    check(include_str!("golden/records.txt"), &records());
}

#[test]
fn events_show_by_their_own_names() {
    let shown = serde_json::to_string(&events()[2]).unwrap();
    assert_eq!(shown, r#"{"FlowTimedOut":{"order":7}}"#);
}

#[test]
fn only_people_reach_what_is_theirs() {
    let internal = |command: &Command| command.is_internal();
    let theirs: Vec<bool> = commands().iter().map(internal).collect();
    let (yes, no) = (true, false);
    assert_eq!(theirs, [no, yes, no, no, no, no, no, no, yes, yes, yes, yes, no, yes, yes, yes]);
    let order = place(limit("ANN", Side::Buy, 100_00, 1));
    assert!(!order.is_internal());
    assert!(Command::Trading(trading::Command::ContinueSweep).is_internal());
}

#[test]
fn nobody_gives_the_commands_of_the_flow_as_his_own() {
    use trading::Command as T;
    let mut market = Market::open();
    let order = market.place(limit("ANN", Side::Buy, 100_00, 1));
    let terms = market.engine.state().trading.terms(order).unwrap();
    let scope = trading::Scope::All;
    let all = [
        Command::Trading(T::AcceptOrder { order }),
        Command::Trading(T::RejectOrder { order, reason: reason() }),
        Command::Trading(T::ExecuteBlock { buy: order, sell: order }),
        Command::Trading(T::WithdrawBlock { order }),
        Command::Trading(T::StartSweep { scope, cause: trading::Cause::KillSwitch, shard: 0 }),
        Command::Risk(risk::Command::Release { terms, parts: 0, until: vocabulary::Timestamp(9) }),
        Command::Settlement(settlement::Command::Release {
            terms,
            parts: 0,
            until: vocabulary::Timestamp(9),
        }),
    ];
    for command in all {
        assert!(command.is_internal());
        assert_eq!(market.refused(command), Refusal::OnlyAsMessage);
    }
}
