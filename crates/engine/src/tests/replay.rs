//! History: at every record the same state comes of applying, of deciding again, and of a snapshot with what follows.

use super::market::{Market, id, limit, named, place};
use crate::block::ProposeBlock;
use crate::{Command, Due, Engine, Hosts};
use trading::{Phase, Scope};
use vocabulary::{Moment, Price, Quantity, Side, Timestamp};

/// A day on which everything happens that can.
fn full_day() -> Market {
    let mut market = Market::open();
    for number in 0..12 {
        let (account, side) = [("ANN", Side::Buy), ("BOB", Side::Sell), ("CAT", Side::Buy)][number % 3];
        let order = limit(account, side, 100_00 + number as i64 % 4, 3 + number as i64);
        market.run(place(named(order, &format!("order-{number}"))));
    }
    let propose = |side| ProposeBlock {
        account: id("ANN"),
        counterparty: id("BOB"),
        instrument: id("ACME"),
        side,
        price: Price(100_00),
        quantity: Quantity(7),
        consent_ns: 1_000_000_000,
        user: id("user-1"),
    };
    let first = vocabulary::OrderId(market.records.len() as u64 + 1);
    market.must(Command::ProposeBlock(propose(Side::Sell)));
    market.must(Command::ConsentBlock { block: first, account: id("BOB"), user: id("user-2") });
    market.must(Command::ProposeBlock(propose(Side::Buy)));
    market.must(Command::Settlement(settlement::Command::Process { date: id("2023-02-09") }));
    market.now += 2_000_000_000;
    market.settle_down();
    let switch = risk::Switch::Participant(id("SOUTH"));
    market.must(Command::Risk(risk::Command::EngageKillSwitch { switch, reason: "test".into() }));
    market.run(place(limit("CAT", Side::Buy, 100_00, 1)));
    market.must(Command::Trading(trading::Command::CancelAll { scope: Scope::All }));
    market
        .must(Command::Trading(trading::Command::SetPhase { instrument: id("ACME"), phase: Phase::Closed }));
    market.settle_down();
    market
}

#[test]
fn every_prefix_replays_snapshots_and_decides_again_to_the_same_state() {
    let market = full_day();
    market.check_replay();
    let mut live = Engine::new(Hosts::ALL);
    for (at, record) in market.records.iter().enumerate() {
        live.apply(record);
        let snapshot = live.snapshot();
        let mut restored = Engine::restore(Hosts::ALL, &snapshot).unwrap();
        assert!(restored.state() == live.state(), "at record {at}");
        assert_eq!(restored.snapshot(), snapshot, "a snapshot of the same state is the same bytes");
        if let Some(next) = market.records.get(at + 1) {
            restored.apply(next);
            let mut applied = Engine::restore(Hosts::ALL, &snapshot).unwrap();
            applied.execute(next.request.clone(), next.moment);
            assert!(restored.state() == applied.state(), "after record {at}");
        }
    }
}

#[test]
fn after_a_restart_the_same_things_are_due() {
    let mut market = full_day();
    market.must(Command::Trading(trading::Command::SetPhase {
        instrument: id("ACME"),
        phase: Phase::Continuous,
    }));
    let restored = Engine::restore(Hosts::ALL, &market.engine.snapshot()).unwrap();
    for later in [0, 1_000_000_000, 100_000_000_000] {
        let now = Timestamp(market.now + later);
        assert_eq!(restored.due(now), market.engine.due(now));
    }
    assert_eq!(market.engine.due(Timestamp(u64::MAX)), Due::Never);
}

#[test]
#[should_panic(expected = "without gap")]
fn a_record_that_leaves_out_a_position_halts() {
    let mut market = Market::open();
    let at = Moment { position: market.records.len() as u64 + 2, time: Timestamp(market.now) };
    market.engine.execute(market.request(Command::ExpireDeadlines), at);
}

#[test]
#[should_panic(expected = "time went back")]
fn a_record_from_before_the_last_halts() {
    let mut market = Market::open();
    let at = Moment { position: market.records.len() as u64 + 1, time: Timestamp(market.now - 1) };
    market.engine.execute(market.request(Command::ExpireDeadlines), at);
}

#[test]
#[should_panic(expected = "without gap")]
fn a_journal_with_a_hole_halts() {
    let market = Market::open();
    let mut engine = Engine::new(Hosts::ALL);
    engine.apply(&market.records[0]);
    engine.apply(&market.records[2]);
}
