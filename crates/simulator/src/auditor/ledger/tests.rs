//! The ledger finds nothing in right days, and each wrong amount in a wrong one.

use super::*;
use crate::auditor::market::{History, right_days, whole_day};
use crate::auditor::storm::storm;
use trading::Event as T;

/// The day with the first such event of trading changed.
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

fn with_order(change: impl Fn(&mut CreatedOrder)) -> History {
    with(|event| {
        if let T::OrderCreated(created) = event {
            change(created);
        }
        matches!(event, T::OrderCreated(_))
    })
}

fn is_settled(event: &Event) -> bool {
    matches!(event, Event::Trading(T::ExecutionSettled(_)))
}

#[test]
fn finds_nothing_in_right_days_wherever_the_contexts_live() {
    for day in right_days().chain((0..12).map(storm)) {
        assert_eq!(day.findings(Ledger::default()), []);
    }
}

#[test]
fn finds_a_fee_that_is_a_unit_off() {
    with_trade(|trade| trade.buy.fee += Amount(1)).breaks(Ledger::default(), FEES);
    with_trade(|trade| trade.sell.fee -= Amount(1)).breaks(Ledger::default(), FEES);
    // Taker and maker change places.
    with_trade(|trade| trade.aggressor = trade.aggressor.map(Side::opposite)).breaks(Ledger::default(), FEES);
}

#[test]
fn finds_a_notional_that_is_not_price_times_quantity() {
    with_trade(|trade| trade.notional += Amount(1)).breaks(Ledger::default(), EXACT);
    with_order(|created| created.notional += Amount(1)).breaks(Ledger::default(), EXACT);
}

#[test]
fn finds_what_is_frozen_or_freed_otherwise_than_the_rules_say() {
    with_order(|created| created.frozen += Amount(1)).breaks(Ledger::default(), FROZEN);
    with_order(|created| created.limit += Price(1)).breaks(Ledger::default(), FROZEN);
    with_trade(|trade| trade.buy.reserved += Amount(1)).breaks(Ledger::default(), FROZEN);
    let by_one = |event: &mut T| {
        if let T::OrderRejected { released, .. }
        | T::OrderCanceled { released, .. }
        | T::OrderReduced { released, .. }
        | T::OrderExpired { released, .. } = event
        {
            *released += Amount(1);
        }
    };
    let kinds: [fn(&T) -> bool; 4] = [
        |event| matches!(event, T::OrderRejected { .. }),
        |event| matches!(event, T::OrderCanceled { .. }),
        |event| matches!(event, T::OrderReduced { .. }),
        |event| matches!(event, T::OrderExpired { .. }),
    ];
    for is_meant in kinds {
        let wrong = with(|event| {
            by_one(event);
            is_meant(event)
        });
        wrong.breaks(Ledger::default(), FROZEN);
    }
}

#[test]
fn finds_money_out_of_nothing() {
    let more = with(|event| {
        if let T::Deposited { amount, .. } = event {
            *amount += Amount(1);
        }
        matches!(event, T::Deposited { .. })
    });
    more.breaks(Ledger::default(), CONSERVATION);
    let twice = whole_day().twice(|event| matches!(event, Event::Trading(T::Deposited { .. })));
    twice.breaks(Ledger::default(), CONSERVATION);
}

#[test]
fn finds_what_goes_below_zero() {
    let withdrawn = whole_day().with_record(|record| {
        let (Command::Trading(trading::Command::Withdraw { amount: asked, .. }), Outcome::Events(events)) =
            (&mut record.request.command, &mut record.outcome)
        else {
            return false;
        };
        let [Event::Trading(T::Withdrawn { amount, .. })] = &mut events[..] else { return false };
        *amount = Amount(600_000_00);
        *asked = *amount;
        true
    });
    withdrawn.breaks(Ledger::default(), "nothing below zero");
}

#[test]
fn finds_what_leaves_clearing_twice_on_one_side_or_without_settlement() {
    whole_day().twice(is_settled).breaks(Ledger::default(), CLEARING);
    whole_day().without(is_settled).breaks(Ledger::default(), CLEARING);
    let is_final = |event: &Event| matches!(event, Event::Settlement(settlement::Event::TradeSettled { .. }));
    whole_day().without(is_final).breaks(Ledger::default(), CLEARING);
    let other_fee = with(|event| {
        if let T::ExecutionSettled(side) = event {
            side.fill.fee += Amount(1);
        }
        matches!(event, T::ExecutionSettled(_))
    });
    other_fee.breaks(Ledger::default(), CLEARING);
}

#[test]
fn finds_a_balance_in_a_refusal_that_does_not_follow_from_history() {
    let wrong = whole_day().with_record(|record| {
        let Outcome::Refused(Refusal::Trading(trading::Refusal::InsufficientFunds { available, .. })) =
            &mut record.outcome
        else {
            return false;
        };
        *available += Amount(1);
        true
    });
    wrong.breaks(Ledger::default(), CONSERVATION);
}

#[test]
fn finds_an_instrument_whose_notionals_are_not_whole() {
    let wrong = with(|event| {
        if let T::InstrumentDefined(instrument) = event {
            instrument.price_scale = 3;
        }
        matches!(event, T::InstrumentDefined(_))
    });
    wrong.breaks(Ledger::default(), EXACT);
}
