//! The saga of block trades, S2 to S4: every step failed, repeated, undone and crashed over, in one node and spread.

use super::market::{Market, id, place, wide_definitions};
use super::network::{Faults, Network};
use crate::block::{Event as BlockEvent, Leg, ProposeBlock, Refusal as BlockRefusal, Stage, Step};
use crate::{Answer, Command, Context, Due, Event, FlowEvent, Message, Outcome, Record, Refusal, WaitsFor};
use trading::{OrderKind, PlaceOrder};
use vocabulary::{OrderId, Price, Quantity, Reason, Side, Timestamp};

const T: Context = Context::Trading;
const S: Context = Context::Settlement;
const R: Context = Context::Risk;
const C: Context = Context::Compliance;
const SPLITS: [&[&[Context]]; 4] =
    [&[&[T], &[S], &[R], &[C]], &[&[T, R], &[S, C]], &[&[T, S, C], &[R]], &[&[T, S, R, C]]];
const MINUTE_NS: u64 = 60_000_000_000;

fn proposal() -> ProposeBlock {
    ProposeBlock {
        account: id("ANN"),
        counterparty: id("BOB"),
        instrument: id("ACME"),
        side: Side::Buy,
        price: Price(100_00),
        quantity: Quantity(40),
        consent_ns: MINUTE_NS,
        user: id("user-ann"),
    }
}

fn consent(block: OrderId) -> Command {
    Command::ConsentBlock { block, account: id("BOB"), user: id("user-bob") }
}

fn refuse(block: OrderId, account: &str) -> Command {
    Command::RefuseBlock { block, account: id(account) }
}

fn block_events<'a>(records: impl Iterator<Item = &'a Record>) -> Vec<BlockEvent> {
    let of = |event: &Event| if let Event::Block(event) = event { Some(event.clone()) } else { None };
    records.flat_map(Record::events).filter_map(of).collect()
}

fn open(market: &Market) -> (OrderId, Stage) {
    let (id, block) = market.engine.state().blocks.iter().next().unwrap();
    (*id, block.stage)
}

/// Proposes, and consents as soon as that is what the block trade waits for.
fn trade(network: &mut Network, ms: u64) {
    network.ask(Command::ProposeBlock(proposal()));
    let mut asked = false;
    for _ in 0..ms {
        network.run(1);
        let waiting = network.engine(T).state().blocks.iter().next();
        let waits = waiting.filter(|(_, block)| block.stage == Stage::AwaitingConsent).map(|(id, _)| *id);
        if let (Some(block), false) = (waits, asked) {
            network.ask(consent(block));
            asked = true;
        }
    }
}

fn is_complete(network: &Network) -> bool {
    let events = block_events(network.nodes[network.host(T)].journal.iter());
    events.iter().any(|event| matches!(event, BlockEvent::BlockCompleted { .. }))
}

fn settle_and_check(network: &mut Network) {
    network.calm();
    network.audit();
    network.replay();
    network.ask(Command::Settlement(settlement::Command::Process { date: id("2023-02-10") }));
    network.calm();
    network.audit();
    let state = network.engine(T).state();
    assert_eq!((state.trading.order_count(), state.blocks.len()), (0, 0));
}

/// Makes one step of one leg fail.
fn forbid(network: &mut Network, leg: Leg, step: Step) {
    let account = if leg == Leg::Proposer { "ANN" } else { "BOB" };
    match step {
        Step::CreateOrder => {
            let (asset, amount) = if leg == Leg::Proposer { ("EUR", 500_000_00) } else { ("ACME", 10_000) };
            let (account, asset, amount) = (id(account), id(asset), vocabulary::Amount(amount));
            network.ask(Command::Trading(trading::Command::Withdraw { account, asset, amount }));
        }
        Step::ValidateRisk => {
            let (scope, measure) =
                (risk::Scope::Account(id(account)), risk::Measure::OrderQuantity(id("ACME")));
            let limit = Some(vocabulary::Amount(1));
            network.ask(Command::Risk(risk::Command::SetLimit { scope, measure, limit }));
        }
        Step::ProcessSettlement => {
            let participant = id(if leg == Leg::Proposer { "NORTH" } else { "SOUTH" });
            let (asset, quota) = (id("EUR"), vocabulary::Amount(1));
            network.ask(Command::Settlement(settlement::Command::SetQuota { participant, asset, quota }));
        }
        Step::ComplianceCheck => {
            let restriction = compliance::Restriction::Account(id(account));
            network.ask(Command::Compliance(compliance::Command::Restrict { restriction }));
        }
    }
    network.calm();
}

#[test]
fn s2_a_block_trade_completes_and_settles_wherever_the_contexts_live() {
    for split in SPLITS {
        let mut network = Network::new(split, &wide_definitions(), 1);
        network.faults = Faults::REORDER;
        trade(&mut network, 600);
        assert!(is_complete(&network), "{split:?}");
        network.calm();
        network.audit();
        network.no_alarms();
        let ledger = network.engine(T).state().trading.ledger();
        assert_eq!(ledger.account(id("ANN")).unwrap().balance(id("EUR")).clearing.0, 4_000_00 + 40);
        let settlement = &network.engine(S).state().settlement;
        assert_eq!(settlement.unsettled_count(), 1, "its executions confirmed the holds of both legs");
        settle_and_check(&mut network);
        let ledger = network.engine(T).state().trading.ledger();
        assert_eq!(ledger.account(id("ANN")).unwrap().balance(id("ACME")).available.0, 10_040);
    }
}

#[test]
fn s2_every_step_that_fails_undoes_all_before_it_and_its_reason_comes_through() {
    for split in SPLITS {
        for (leg, step) in
            [Leg::Proposer, Leg::Counterparty].into_iter().flat_map(|leg| Step::ALL.map(|step| (leg, step)))
        {
            let mut network = Network::new(split, &wide_definitions(), 1);
            network.faults = Faults::REORDER;
            forbid(&mut network, leg, step);
            let before = network.engine(T).state().trading.ledger().clone();
            trade(&mut network, 600);
            network.calm();
            network.audit();
            network.no_alarms();
            assert_eq!(*network.engine(T).state().trading.ledger(), before, "{leg:?} {step:?}");
            let events = block_events(network.nodes[network.host(T)].journal.iter());
            if (leg, step) == (Leg::Proposer, Step::CreateOrder) {
                let propose = Command::ProposeBlock(proposal());
                assert!(matches!(network.outcome(&propose), Outcome::Refused(Refusal::Trading(_))));
                assert_eq!(events, [], "refused before it began");
                continue;
            }
            let failed = events.iter().find_map(failed);
            let code = match step {
                Step::CreateOrder => "trading.insufficient-funds",
                Step::ValidateRisk => "risk.order-quantity",
                Step::ProcessSettlement => "settlement.quota-exceeded",
                Step::ComplianceCheck => compliance::RESTRICTED,
            };
            assert_eq!(failed, Some((leg, step, code)), "{split:?}");
            let undone: Vec<(Leg, Step)> = events.iter().filter_map(undone).collect();
            assert_eq!(undone, steps_before(leg, step), "last done, first undone");
        }
    }
}

fn failed(event: &BlockEvent) -> Option<(Leg, Step, &str)> {
    let BlockEvent::BlockStepFailed { leg, step, reason, .. } = event else { return None };
    Some((*leg, *step, reason.code.as_str()))
}

fn undone(event: &BlockEvent) -> Option<(Leg, Step)> {
    if let BlockEvent::BlockStepUndone { leg, step, .. } = event { Some((*leg, *step)) } else { None }
}

/// The steps done before that one, latest first.
fn steps_before(leg: Leg, step: Step) -> Vec<(Leg, Step)> {
    let all =
        [Leg::Proposer, Leg::Counterparty].into_iter().flat_map(|leg| Step::ALL.map(|step| (leg, step)));
    let mut before: Vec<_> = all.take_while(|done| *done != (leg, step)).collect();
    before.reverse();
    before
}

#[test]
fn s2_a_crash_between_any_two_steps_of_doing_and_of_undoing_changes_nothing() {
    for fails in [false, true] {
        for (node, moment) in (0..4).flat_map(|node| (0..40).step_by(2).map(move |moment| (node, moment))) {
            let mut network = Network::new(SPLITS[0], &wide_definitions(), 2);
            if fails {
                forbid(&mut network, Leg::Counterparty, Step::ComplianceCheck);
            }
            network.faults = Faults { delay_ms: 1, ..Faults::default() };
            trade(&mut network, moment);
            network.crash(node);
            network.faults = Faults { delay_ms: 1, ..Faults::default() };
            consent_if_asked(&mut network);
            assert_eq!(is_complete(&network), !fails, "node {node}, after {moment} ms");
            settle_and_check(&mut network);
            network.no_alarms();
        }
    }
}

fn consent_if_asked(network: &mut Network) {
    for _ in 0..600 {
        network.run(1);
        let waiting = network.engine(T).state().blocks.iter().next();
        let waits = waiting.filter(|(_, block)| block.stage == Stage::AwaitingConsent).map(|(id, _)| *id);
        if let Some(block) = waits {
            network.ask(consent(block));
            network.run(60);
        }
    }
}

#[test]
fn s2_with_every_fault_at_once_each_ends_complete_or_undone() {
    let (mut complete, mut undone) = (0, 0);
    for seed in 0..24 {
        let mut network = Network::new(SPLITS[seed as usize % 4], &wide_definitions(), seed);
        if seed % 3 == 0 {
            let leg = if seed % 2 == 0 { Leg::Proposer } else { Leg::Counterparty };
            forbid(&mut network, leg, Step::ALL[1 + seed as usize % 3]);
        }
        network.faults = Faults::ALL;
        trade(&mut network, 800);
        network.faults = Faults::default();
        consent_if_asked(&mut network);
        network.calm();
        if is_complete(&network) {
            complete += 1
        } else {
            undone += 1
        }
        settle_and_check(&mut network);
        network.no_alarms();
    }
    assert!(complete > 5 && undone > 5, "{complete} complete, {undone} undone");
}

#[test]
fn s3_an_undo_that_is_refused_leaves_it_stuck_and_listed_until_an_operator_retries() {
    let mut network = Network::new(SPLITS[0], &wide_definitions(), 1);
    forbid(&mut network, Leg::Counterparty, Step::ComplianceCheck);
    let reason = Reason { code: "risk.out-of-order".into(), message: "not today".into() };
    let is_release = |message: &Message| matches!(message, Message::Risk(risk::Command::Release { .. }));
    network.held_back = Some(is_release);
    trade(&mut network, 600);
    let state = |network: &Network| network.engine(T).state().clone();
    let (block, undoing) =
        state(&network).blocks.iter().map(|(id, block)| (*id, block.stage)).next().unwrap();
    assert_eq!(undoing, Stage::Undoing { leg: Leg::Counterparty, step: Step::ValidateRisk });
    let message = *state(&network).outbox.waiting_for(R, None).next().unwrap().0;
    let refused = Answer::No(reason.clone());
    network.ask(Command::Acknowledge { message, answer: refused, more: Vec::new() });
    network.run(60);
    let stuck = Stage::Stuck { leg: Leg::Counterparty, step: Step::ValidateRisk };
    assert_eq!(state(&network).blocks.get(block).unwrap().stage, stuck);
    let listed = state(&network).stuck(Timestamp(u64::MAX), 10);
    assert_eq!(listed.len(), 1);
    let waits_for =
        WaitsFor::Operator { leg: Leg::Counterparty, step: Step::ValidateRisk, reason: Some(reason) };
    assert_eq!((listed[0].order, &listed[0].waits_for), (Some(block), &waits_for));
    network.run(120_000);
    assert_eq!(state(&network).blocks.get(block).unwrap().stage, stuck, "nothing goes on by itself");
    let frozen = state(&network).trading.ledger().totals()[&id("EUR")].frozen;
    assert_eq!(frozen.0, 4_000_00 + 120, "the funds stay held");
    network.held_back = None;
    network.ask(Command::RetryBlock { block });
    network.run(300);
    assert_eq!(state(&network).blocks.len(), 0);
    settle_and_check(&mut network);
}

#[test]
fn s4_nothing_is_undone_after_a_block_trade_is_executed() {
    let mut market = Market::open();
    market.must(Command::ProposeBlock(proposal()));
    let (block, _) = open(&market);
    market.must(consent(block));
    let before = market.engine.state().clone();
    for command in [consent(block), refuse(block, "ANN"), refuse(block, "BOB"), Command::RetryBlock { block }]
    {
        assert_eq!(market.refused(command), Refusal::Block(BlockRefusal::UnknownBlock(block)));
    }
    let withdraw = Command::Trading(trading::Command::WithdrawBlock { order: block });
    assert_eq!(market.refused(withdraw), Refusal::OnlyAsMessage);
    let cancel = Command::Trading(trading::Command::CancelOrder { order: block });
    market.refused(cancel);
    assert_eq!(market.engine.state().trading, before.trading);
    market.check_replay();
}

#[test]
fn only_the_named_counterparty_consents_and_only_in_time() {
    let mut market = Market::open();
    market.must(Command::ProposeBlock(proposal()));
    let (block, _) = open(&market);
    for account in ["ANN", "CAT"] {
        let (account, user) = (id(account), id("user-x"));
        let refusal = market.refused(Command::ConsentBlock { block, account, user });
        assert_eq!(refusal, Refusal::Block(BlockRefusal::NotAParty(account)));
    }
    assert_eq!(market.refused(refuse(block, "CAT")), Refusal::Block(BlockRefusal::NotAParty(id("CAT"))));
    assert_eq!(
        market.engine.due(Timestamp(market.now)),
        Due::At(market.engine.state().blocks.get(block).unwrap().deadline)
    );
    market.now += MINUTE_NS;
    assert_eq!(market.refused(consent(block)), Refusal::Block(BlockRefusal::NotAwaitingConsent(block)));
    let thread = market.engine.state().blocks.get(block).unwrap().correlation;
    assert_eq!(market.engine.thread_of(&Command::ExpireDeadlines), Some(thread));
    market.settle_down();
    let events = block_events(market.records.last().into_iter());
    assert!(matches!(events[0], BlockEvent::BlockExpired { .. }));
    assert_eq!(market.engine.state().trading.order_count(), 0);
    assert_eq!(market.engine.state().risk.open_count(), 0);
    assert_eq!(market.engine.due(Timestamp(market.now)), Due::Never);
    market.check_replay();
}

#[test]
fn a_kill_switch_on_either_party_undoes_it_on_consent() {
    for (account, code) in [("ANN", "trading.block-stopped"), ("BOB", "risk.kill-switch-engaged")] {
        let mut market = Market::open();
        let before = market.engine.state().trading.ledger().clone();
        market.must(Command::ProposeBlock(proposal()));
        let (block, _) = open(&market);
        let (switch, reason) = (risk::Switch::Account(id(account)), String::new());
        market.must(Command::Risk(risk::Command::EngageKillSwitch { switch, reason }));
        market.settle_down();
        let events = market.must(consent(block));
        let reason = block_events(market.records.last().into_iter());
        assert_eq!(reason.iter().find_map(failed).unwrap().2, code, "{events:?}");
        assert_eq!(*market.engine.state().trading.ledger(), before);
        assert_eq!((market.engine.state().blocks.len(), market.engine.state().risk.open_count()), (0, 0));
        market.check_replay();
    }
}

#[test]
fn either_party_can_end_it_before_consent() {
    for account in ["ANN", "BOB"] {
        let mut market = Market::open();
        let before = market.engine.state().trading.ledger().clone();
        market.must(Command::ProposeBlock(proposal()));
        let (block, _) = open(&market);
        market.must(refuse(block, account));
        assert_eq!(*market.engine.state().trading.ledger(), before);
        assert!(market.engine.state().blocks.is_empty());
        market.check_replay();
    }
}

#[test]
fn what_cannot_become_a_block_trade_is_refused_at_once() {
    let mut market = Market::open();
    let same = ProposeBlock { counterparty: id("ANN"), ..proposal() };
    assert_eq!(market.refused(Command::ProposeBlock(same)), Refusal::Block(BlockRefusal::SameAccount));
    for consent_ns in [0, crate::block::CONSENT_NS_MAX + 1] {
        let refusal = market.refused(Command::ProposeBlock(ProposeBlock { consent_ns, ..proposal() }));
        assert_eq!(refusal, Refusal::Block(BlockRefusal::DeadlineOutOfRange));
    }
    let leg =
        PlaceOrder { kind: OrderKind::Block(Price(100_00)), ..super::market::limit("ANN", Side::Buy, 1, 1) };
    assert_eq!(market.refused(place(leg)), Refusal::OnlyAsMessage, "a leg without its block trade");
}

#[test]
fn many_block_trades_expire_a_bounded_number_in_one_record() {
    let mut market = Market::wide();
    for _ in 0..250 {
        market.must(Command::ProposeBlock(ProposeBlock { quantity: Quantity(1), ..proposal() }));
    }
    market.now += MINUTE_NS;
    let before = market.records.len();
    market.settle_down();
    assert_eq!(market.records.len() - before, 3);
    assert!(market.engine.state().blocks.is_empty());
}

#[test]
fn alarms_are_no_part_of_a_block_trade_that_fails() {
    let mut market = Market::open();
    let restriction = compliance::Restriction::Account(id("BOB"));
    market.must(Command::Compliance(compliance::Command::Restrict { restriction }));
    market.must(Command::ProposeBlock(proposal()));
    let (block, _) = open(&market);
    let events = market.must(consent(block));
    assert!(!events.iter().any(|event| matches!(event, Event::Flow(FlowEvent::ProtocolAlarm { .. }))));
    market.check_replay();
}
