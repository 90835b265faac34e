//! The rule of clearing finds nothing in right days and storms, and each obligation, position, date and failure that is wrong.

use engine::{Command, Event};
use settlement::Event as S;
use vocabulary::{Amount, SettlementModel, Side};

use super::super::market::{History, Market, id, limit, process, right_days, spread_day, whole_day};
use super::super::storm::storm;
use super::*;

fn broken(history: &History) -> Vec<&'static str> {
    history.broken(Clearing::default())
}

/// Changes the first event of settlement that is meant.
fn settlement_event(history: History, change: impl Fn(&mut S) -> bool) -> History {
    history.with_event(|event| if let Event::Settlement(event) = event { change(event) } else { false })
}

fn without(history: History, is_meant: impl Fn(&S) -> bool) -> History {
    history.without(|event| if let Event::Settlement(event) = event { is_meant(event) } else { false })
}

fn missing(missing: i128) -> Command {
    let (participant, asset, missing) = (id("SOUTH"), id("ACME"), Amount(missing));
    Command::Settlement(settlement::Command::RecordShortfall { participant, asset, missing })
}

/// SOUTH sells 5, 5 and 5, and 7 of the 15 are missing on the day; on the next nothing is.
fn shortage(model: SettlementModel) -> History {
    let mut market = Market::whole();
    let command = settlement::Command::SetSettlementModel { market: id("MAIN"), model };
    market.must(Command::Settlement(command));
    for _ in 0..3 {
        market.place(limit("BOB", Side::Sell, 100_00, 5));
        market.place(limit("ANN", Side::Buy, 100_00, 5));
    }
    market.must(missing(7));
    market.must(process("2023-02-09"));
    market.calm();
    market.must(missing(0));
    market.must(process("2023-02-10"));
    market.calm();
    market.history
}

fn count(history: &History, is_meant: impl Fn(&S) -> bool) -> usize {
    let events = history.records().flat_map(|(_, record)| record.events());
    events.filter(|event| matches!(event, Event::Settlement(event) if is_meant(event))).count()
}

fn is_recycled(event: &S) -> bool {
    matches!(event, S::TradeRecycled { .. })
}

const MODELS: [SettlementModel; 2] = [SettlementModel::Gross, SettlementModel::Net];

#[test]
fn nothing_is_wrong_with_what_engines_do() {
    for history in right_days().chain((0..30).map(storm)) {
        assert_eq!(history.findings(Clearing::default()), []);
    }
    for model in MODELS {
        let history = shortage(model);
        assert_eq!(history.findings(Clearing::default()), []);
        assert_eq!(count(&history, is_recycled), 2);
        assert_eq!(count(&history, |event| matches!(event, S::TradeSettled { .. })), 3);
    }
}

#[test]
fn some_trades_of_the_storms_fail_and_some_settle() {
    let (mut recycled, mut settled, mut netted) = (0, 0, 0);
    for history in (0..10).map(storm) {
        recycled += count(&history, is_recycled);
        settled += count(&history, |event| matches!(event, S::TradeSettled { .. }));
        netted += count(&history, |event| matches!(event, S::PositionNetted { .. }));
    }
    assert!(recycled > 20 && settled > 100 && netted > 20, "{recycled}, {settled}, {netted}");
}

#[test]
fn an_obligation_that_is_missing_twice_there_or_different_is_found() {
    let is_obligation = |event: &S| matches!(event, S::ObligationRecorded { .. });
    for day in [whole_day(), spread_day()] {
        assert!(broken(&without(day.clone(), is_obligation)).contains(&"obligations"));
        let is_meant = |event: &Event| matches!(event, Event::Settlement(event) if is_obligation(event));
        assert_eq!(broken(&day.clone().twice(is_meant)), ["obligations"]);
        for change in [
            (|o| o.fill.fee += Amount(1)) as fn(&mut settlement::Obligation),
            |o| o.fill.notional += Amount(1),
            |o| o.fill.used.amount += 1,
            |o| o.terms.participant = id("EAST"),
            |o| o.terms.base = id("EUR"),
            |o| o.calendar = id("OTHER"),
        ] {
            let changed = settlement_event(day.clone(), |event| {
                let S::ObligationRecorded { obligation } = event else { return false };
                change(obligation);
                true
            });
            assert!(broken(&changed).contains(&"obligations"));
        }
    }
}

#[test]
fn an_obligation_due_on_another_day_is_found() {
    let changed = settlement_event(whole_day(), |event| {
        let S::ObligationRecorded { obligation } = event else { return false };
        obligation.date = obligation.date.previous();
        true
    });
    assert!(broken(&changed).contains(&"settlement date"));
}

#[test]
fn a_trade_that_settles_twice_or_is_left_out_of_its_run_is_found() {
    let is_settled = |event: &S| matches!(event, S::TradeSettled { .. });
    let is_meant = |event: &Event| matches!(event, Event::Settlement(event) if is_settled(event));
    assert!(broken(&whole_day().twice(is_meant)).contains(&"finality"));
    assert!(broken(&without(whole_day(), is_settled)).contains(&"settlement run"));
}

#[test]
fn a_trade_that_settles_with_one_side_of_another_is_found() {
    let history = settlement_event(whole_day(), |event| {
        let S::TradeSettled { buy, sell, .. } = event else { return false };
        *sell = buy.clone();
        true
    });
    assert!(broken(&history).contains(&"delivery versus payment"));
}

#[test]
fn a_run_that_starts_with_more_or_less_than_is_due_is_found() {
    let changed = |change: fn(&mut u64)| {
        settlement_event(whole_day(), |event| {
            let S::RunStarted { trades, .. } = event else { return false };
            change(trades);
            true
        })
    };
    assert_eq!(broken(&changed(|trades| *trades += 1)), ["settlement run"]);
    let early = settlement_event(whole_day(), |event| {
        let S::RunStarted { date, .. } = event else { return false };
        *date = date.previous();
        true
    });
    assert!(broken(&early).contains(&"settlement run"));
}

#[test]
fn a_date_that_is_processed_without_a_run_is_found() {
    let history = without(whole_day(), |event| matches!(event, S::RunStarted { .. }));
    assert!(broken(&history).contains(&"settlement run"));
}

#[test]
fn a_run_without_an_end_is_found() {
    let history = without(whole_day(), |event| matches!(event, S::RunCompleted { .. }));
    assert_eq!(broken(&history), ["settlement run"]);
}

#[test]
fn totals_that_are_not_those_of_the_trades_are_found() {
    let history = settlement_event(whole_day(), |event| {
        let S::RunCompleted { totals, .. } = event else { return false };
        totals[0].received += Amount(1);
        true
    });
    assert_eq!(broken(&history), ["netting"]);
}

#[test]
fn a_net_position_that_is_missing_or_not_the_sum_of_its_trades_is_found() {
    let day = shortage(SettlementModel::Net);
    let is_netted = |event: &S| matches!(event, S::PositionNetted { .. });
    assert_eq!(broken(&without(day.clone(), is_netted)), ["netting"]);
    let changed = |change: fn(&mut Amount, &mut Amount, &mut Amount)| {
        broken(&settlement_event(day.clone(), |event| {
            let S::PositionNetted { gross_in, gross_out, net, .. } = event else { return false };
            change(gross_in, gross_out, net);
            true
        }))
    };
    assert_eq!(changed(|_, _, net| *net += Amount(1)), ["netting"]);
    let both = changed(|gross_in, gross_out, _| {
        *gross_in += Amount(1);
        *gross_out += Amount(1);
    });
    assert_eq!(both, ["netting"]);
    let is_meant = |event: &Event| matches!(event, Event::Settlement(event) if is_netted(event));
    assert_eq!(broken(&day.clone().twice(is_meant)), ["netting"]);
}

#[test]
fn a_market_that_settles_by_the_other_model_is_found() {
    let history = settlement_event(shortage(SettlementModel::Net), |event| {
        let S::SettlementModelSet { model, .. } = event else { return false };
        *model = SettlementModel::Gross;
        true
    });
    assert!(broken(&history).contains(&"delivery versus payment"));
}

#[test]
fn a_shortfall_that_fails_the_wrong_trade_or_none_is_found() {
    for model in MODELS {
        // What failed settles instead, with the sides that it has on the next day.
        let history = shortage(model);
        let settled = history.records().flat_map(|(_, record)| record.events()).find_map(|event| {
            let Event::Settlement(S::TradeSettled { run: 2, model, buy, sell, .. }) = event else {
                return None;
            };
            Some((*model, buy.clone(), sell.clone()))
        });
        let (its_model, buy, sell) = settled.unwrap();
        let instead = settlement_event(history, |event| {
            let S::TradeRecycled { run, trade, from, .. } = *event else { return false };
            if trade != buy.fill.trade {
                return false;
            }
            let (mut buy, mut sell) = (buy.clone(), sell.clone());
            (buy.date, sell.date) = (from, from);
            *event = S::TradeSettled { run, date: from, model: its_model, buy, sell };
            true
        });
        assert!(broken(&instead).contains(&"shortfall"), "{model:?}");
        let changed = |change: fn(&mut S)| {
            broken(&settlement_event(shortage(model), |event| {
                let is_it = is_recycled(event);
                if is_it {
                    change(event);
                }
                is_it
            }))
        };
        let to = |event: &mut S| {
            let S::TradeRecycled { to, .. } = event else { return };
            *to = to.next();
        };
        assert!(changed(to).contains(&"settlement date"), "{model:?}");
        let less = |event: &mut S| {
            let S::TradeRecycled { short, .. } = event else { return };
            short.missing -= Amount(1);
        };
        assert!(changed(less).contains(&"shortfall"), "{model:?}");
        let other = |event: &mut S| {
            let S::TradeRecycled { short, .. } = event else { return };
            short.participant = id("NORTH");
        };
        assert!(changed(other).contains(&"shortfall"), "{model:?}");
    }
}

#[test]
fn a_failure_without_a_reported_shortfall_is_found() {
    for model in MODELS {
        let history = without(shortage(model), |event| matches!(event, S::ShortfallRecorded { .. }));
        assert!(broken(&history).contains(&"shortfall"));
    }
}

#[test]
fn a_later_trade_fails_before_an_earlier_one() {
    // The trades of the two failures change places: the earlier one leaves the netting first.
    let history = shortage(SettlementModel::Net);
    let failures = history.records().flat_map(|(_, record)| record.events()).filter_map(|event| {
        let Event::Settlement(S::TradeRecycled { trade, buy, sell, .. }) = event else { return None };
        Some((*trade, *buy, *sell))
    });
    let failures: Vec<_> = failures.collect();
    let (first, second) = (failures[0], failures[1]);
    assert!(first.0 > second.0);
    let history = settlement_event(history, |event| {
        let S::TradeRecycled { trade, buy, sell, .. } = event else { return false };
        (*trade, *buy, *sell) = second;
        true
    });
    assert!(broken(&history).contains(&"shortfall"));
}

#[test]
fn trading_and_risk_hear_of_each_settled_side_once() {
    let in_trading = |event: &Event| matches!(event, Event::Trading(T::ExecutionSettled(_)));
    let in_risk = |event: &Event| matches!(event, Event::Risk(risk::Event::ExposureSettled { .. }));
    for day in [whole_day(), spread_day()] {
        assert!(broken(&day.clone().without(in_trading)).contains(&"finality"));
        assert!(broken(&day.clone().twice(in_trading)).contains(&"finality"));
        assert_eq!(broken(&day.clone().without(in_risk)), ["finality"]);
        assert_eq!(broken(&day.clone().twice(in_risk)), ["finality"]);
        let early = |event: &Event| matches!(event, Event::Settlement(S::TradeSettled { .. }));
        assert!(broken(&day.clone().without(early)).contains(&"finality"));
    }
}

#[test]
fn an_order_is_called_settled_when_all_of_it_is_final_and_not_before() {
    let is_settled = |event: &Event| matches!(event, Event::Trading(T::OrderSettled { .. }));
    assert_eq!(broken(&whole_day().without(is_settled)), ["finality"]);
    assert_eq!(broken(&whole_day().twice(is_settled)), ["finality"]);
    let early = whole_day().with_events(|events| {
        let at = events.iter().position(|event| matches!(event, Event::Trading(T::OrderExecuted(_))));
        let Some(at) = at else { return false };
        let Event::Trading(T::OrderExecuted(trade)) = events[at] else { return false };
        events.insert(at + 1, Event::Trading(T::OrderSettled { order: trade.buy.order }));
        true
    });
    assert_eq!(broken(&early), ["finality"]);
}
