//! The rule of limits finds nothing in right days and storms, each order let in past a limit, and each turned away by none.

use compliance::Event as C;
use engine::{Command, Event};
use risk::{Event as R, Measure, Scope, Switch};
use vocabulary::{Amount, Side};

use super::super::market::{History, Market, id, limit, right_days, spread_day, whole_day};
use super::super::storm::storm;
use super::*;

fn broken(history: &History) -> Vec<&'static str> {
    history.broken(Limits::default())
}

fn risk_event(history: History, change: impl Fn(&mut R) -> bool) -> History {
    history.with_event(|event| if let Event::Risk(event) = event { change(event) } else { false })
}

fn compliance_event(history: History, change: impl Fn(&mut C) -> bool) -> History {
    history.with_event(|event| if let Event::Compliance(event) = event { change(event) } else { false })
}

fn markets() -> [Market; 3] {
    [Market::whole(), Market::spread(5), Market::paired(6)]
}

fn set_limit(market: &mut Market, scope: Scope, measure: Measure, limit: i128) {
    let limit = Some(Amount(limit));
    market.must(Command::Risk(risk::Command::SetLimit { scope, measure, limit }));
}

/// The first limit that is set is another one.
fn with_limit(history: &History, other: i128) -> Vec<&'static str> {
    broken(&risk_event(history.clone(), |event| {
        let R::LimitSet { limit, .. } = event else { return false };
        *limit = Some(Amount(other));
        true
    }))
}

#[test]
fn nothing_is_wrong_with_what_engines_do() {
    for history in right_days().chain((0..30).map(storm)) {
        assert_eq!(history.findings(Limits::default()), []);
    }
}

#[test]
fn storms_reach_every_limit() {
    let mut codes = std::collections::BTreeSet::new();
    for history in (0..12).map(storm) {
        for (_, record) in history.records() {
            if let Outcome::Refused(refusal) = &record.outcome {
                codes.insert(refusal.code().to_owned());
            }
            for event in record.events() {
                if let Event::Flow(FlowEvent::BranchAnswered { answer: Answer::No(reason), .. }) = event {
                    codes.insert(reason.code.clone());
                }
                if let Event::Risk(R::AlertRaised { .. }) = event {
                    codes.insert("alert".to_owned());
                }
            }
        }
    }
    for code in [
        "settlement.quota-exceeded",
        "risk.kill-switch-engaged",
        "risk.order-notional",
        "risk.order-quantity",
        "risk.position",
        "risk.gross-exposure",
        "risk.order-rate",
        "compliance.single-order-limit",
        "compliance.orders-per-hour",
        "compliance.restricted",
        "alert",
    ] {
        assert!(codes.contains(code), "{code} is not among {codes:?}");
    }
}

/// Sets a limit at what a few orders come to, so that the last of them is refused, and moves it in the records: lower, and
/// an order was let in that should not be; higher, and one was refused without need.
fn check_limit(scope: Scope, measure: Measure, limit_at: i128, last_in: i128) {
    for mut market in markets() {
        set_limit(&mut market, scope, measure, limit_at);
        market.calm();
        market.place(limit("ANN", Side::Buy, 100_00, 5));
        market.calm();
        market.place(limit("ANN", Side::Buy, 100_00, 6));
        market.calm();
        let is_refused = |record: &Record| {
            let mut events = record.events().iter();
            matches!(&record.outcome, Outcome::Refused(refusal) if refusal.code().starts_with("risk."))
                || events.any(|event| {
                    matches!(event, Event::Flow(FlowEvent::BranchAnswered { answer: Answer::No(_), .. }))
                })
        };
        assert!(market.history.records().any(|(_, record)| is_refused(record)), "{measure:?}");
        assert_eq!(broken(&market.history), [""; 0]);
        let lower = with_limit(&market.history, last_in - 1);
        assert!(lower.contains(&"risk limits"), "{measure:?}: {lower:?}");
        assert_eq!(with_limit(&market.history, 1_000_000_00), ["alerts", "risk limits"], "{measure:?}");
    }
}

#[test]
fn an_order_beyond_a_risk_limit_and_one_refused_within_it_are_found() {
    for scope in [Scope::Account(id("ANN")), Scope::Participant(id("NORTH"))] {
        check_limit(scope, Measure::OrderNotional(id("EUR")), 500_00, 500_00);
        check_limit(scope, Measure::OrderQuantity(id("ACME")), 5, 5);
        check_limit(scope, Measure::Position(id("ACME")), 6, 5);
        check_limit(scope, Measure::GrossExposure(id("EUR")), 600_00, 500_00);
        check_limit(scope, Measure::OrderRate, 1, 1);
    }
}

#[test]
fn an_order_beyond_the_clearing_quota_and_one_refused_within_it_are_found() {
    for mut market in markets() {
        let (participant, asset) = (id("NORTH"), id("EUR"));
        let command = settlement::Command::SetQuota { participant, asset, quota: Amount(900_00) };
        market.must(Command::Settlement(command));
        for quantity in [5, 5, 4] {
            market.place(limit("ANN", Side::Buy, 100_00, quantity));
            market.calm();
        }
        assert_eq!(broken(&market.history), [""; 0]);
        for other in [899_99, 1_000_00] {
            let history = market.history.clone().with_event(|event| {
                let Event::Settlement(settlement::Event::QuotaSet { quota, .. }) = event else {
                    return false;
                };
                let is_it = *quota == Amount(900_00);
                if is_it {
                    *quota = Amount(other);
                }
                is_it
            });
            assert_eq!(broken(&history), ["clearing quota"], "{other}");
        }
    }
}

#[test]
fn a_quota_that_is_given_back_twice_is_found() {
    let mut market = Market::whole();
    let order = market.place(limit("ANN", Side::Buy, 90_00, 5));
    market.must(Command::Trading(trading::Command::CancelOrder { order }));
    let of_quota =
        |event: &Event| matches!(event, Event::Settlement(settlement::Event::QuotaReleased { .. }));
    assert_eq!(broken(&market.history.clone().twice(of_quota)), ["clearing quota"]);
    let of_risk = |event: &Event| matches!(event, Event::Risk(R::ExposureReleased { .. }));
    assert_eq!(broken(&market.history.twice(of_risk)), ["risk limits"]);
}

#[test]
fn an_alert_that_is_skipped_repeated_or_wrong_is_found() {
    for mut market in markets() {
        set_limit(&mut market, Scope::Account(id("ANN")), Measure::Position(id("ACME")), 10);
        market.calm();
        for quantity in [7, 1, 2] {
            market.place(limit("ANN", Side::Buy, 90_00, quantity));
            market.calm();
        }
        let is_alert = |event: &Event| matches!(event, Event::Risk(R::AlertRaised { .. }));
        let events = market.history.records().flat_map(|(_, record)| record.events());
        assert_eq!(events.filter(|event| is_alert(event)).count(), 2);
        assert_eq!(broken(&market.history), [""; 0]);
        assert_eq!(broken(&market.history.clone().without(is_alert)), ["alerts"]);
        assert_eq!(broken(&market.history.clone().twice(is_alert)), ["alerts"]);
        let other = risk_event(market.history, |event| {
            let R::AlertRaised { percent, .. } = event else { return false };
            *percent += 1;
            true
        });
        assert_eq!(broken(&other), ["alerts"]);
    }
}

fn engage(switch: Switch) -> Command {
    Command::Risk(risk::Command::EngageKillSwitch { switch, reason: "test".to_owned() })
}

#[test]
fn an_order_let_in_past_a_kill_switch_and_one_stopped_by_none_are_found() {
    for mut market in markets() {
        for switch in [
            Switch::All,
            Switch::Participant(id("NORTH")),
            Switch::Account(id("ANN")),
            Switch::Instrument(id("ACME")),
        ] {
            market.must(engage(switch));
            market.calm();
            market.place(limit("ANN", Side::Buy, 90_00, 1));
            market.calm();
            market.must(Command::Risk(risk::Command::LiftKillSwitch { switch }));
            market.place(limit("ANN", Side::Buy, 90_00, 1));
            market.calm();
        }
        assert_eq!(broken(&market.history), [""; 0]);
        for switch in [Switch::All, Switch::Participant(id("NORTH")), Switch::Account(id("ANN"))] {
            let is_lifted = |event: &Event| matches!(event, Event::Risk(R::KillSwitchLifted { switch: lifted }) if *lifted == switch);
            assert_eq!(broken(&market.history.clone().without(is_lifted)), ["kill switch"]);
            let is_engaged = |event: &Event| matches!(event, Event::Risk(R::KillSwitchEngaged { switch: engaged, .. }) if *engaged == switch);
            assert_eq!(broken(&market.history.clone().without(is_engaged)), ["kill switch"]);
        }
    }
}

#[test]
fn an_order_that_a_kill_switch_leaves_open_is_found() {
    for mut market in markets() {
        market.place(limit("ANN", Side::Buy, 90_00, 1));
        market.calm();
        market.must(engage(Switch::Participant(id("NORTH"))));
        market.calm();
        let is_canceled = |event: &Event| matches!(event, Event::Trading(T::OrderCanceled { .. }));
        assert_eq!(broken(&market.history), [""; 0]);
        assert_eq!(broken(&market.history.without(is_canceled)), ["kill switch"]);
    }
}

fn activate(data: &str) -> Command {
    let bundle = compliance::default_bundle().with_data(data);
    Command::Compliance(compliance::Command::ActivatePolicy { bundle })
}

/// The last bundle that came into force has other data.
fn with_data(history: &History, other: &str) -> Vec<&'static str> {
    broken(&compliance_event(history.clone(), |event| {
        let C::PolicyActivated { version: 2, bundle, .. } = event else { return false };
        other.clone_into(&mut bundle.data);
        true
    }))
}

fn data(single_order: u32, orders_per_hour: u32) -> String {
    format!(
        r#"{{"finance":{{"limits":{{"base":{{"single_order":{single_order},"orders_per_hour":{orders_per_hour}}}}}}}}}"#
    )
}

#[test]
fn an_order_over_the_limits_of_the_policy_and_one_denied_within_them_are_found() {
    for mut market in markets() {
        market.must(activate(&data(500, 3)));
        market.place(limit("ANN", Side::Buy, 100_00, 5));
        market.place(limit("ANN", Side::Buy, 100_01, 5));
        market.calm();
        for _ in 0..4 {
            market.place(limit("ANN", Side::Buy, 90_00, 1));
        }
        market.calm();
        assert_eq!(broken(&market.history), [""; 0]);
        for (single_order, orders_per_hour) in [(499, 3), (501, 3), (500, 2), (500, 4)] {
            let found = with_data(&market.history, &data(single_order, orders_per_hour));
            assert_eq!(found, ["policy limits"], "{single_order}, {orders_per_hour}");
        }
        let own = r#"{"finance":{"limits":{"base":{"single_order":1,"orders_per_hour":1},
            "markets":{"MAIN":{"single_order":500,"orders_per_hour":3}}}}}"#;
        assert_eq!(with_data(&market.history, own), [""; 0]);
        assert_eq!(with_data(&market.history, "{}"), ["policy limits"]);
    }
}

#[test]
fn a_count_that_is_not_that_of_the_last_hour_is_found() {
    let mut market = Market::whole();
    for _ in 0..4 {
        market.wait(1_200);
        market.place(limit("ANN", Side::Buy, 90_00, 1));
    }
    assert_eq!(broken(&market.history), [""; 0]);
    for by in [-2, 1] {
        let history = compliance_event(market.history.clone(), |event| {
            let C::OrderChecked { orders_in_hour, .. } = event else { return false };
            let is_last = *orders_in_hour == 3;
            if is_last {
                *orders_in_hour = orders_in_hour.wrapping_add_signed(by);
            }
            is_last
        });
        assert_eq!(broken(&history), ["policy limits"], "{by}");
    }
}

#[test]
fn an_order_that_the_restricted_list_covers_or_not_is_found() {
    for day in [whole_day(), spread_day()] {
        let is_off = |event: &Event| matches!(event, Event::Compliance(C::Unrestricted { .. }));
        assert_eq!(broken(&day.clone().without(is_off)), ["restricted list"]);
        let is_on = |event: &Event| matches!(event, Event::Compliance(C::Restricted { .. }));
        assert_eq!(broken(&day.clone().without(is_on)), ["restricted list"]);
    }
}

#[test]
fn an_order_allowed_by_no_policy_or_judged_twice_is_found() {
    let is_policy = |event: &Event| matches!(event, Event::Compliance(C::PolicyActivated { .. }));
    assert_eq!(broken(&whole_day().without(is_policy)), ["policy"]);
    let is_check = |event: &Event| matches!(event, Event::Compliance(C::OrderChecked { .. }));
    assert!(broken(&whole_day().twice(is_check)).contains(&"policy"));
}

#[test]
fn rules_that_are_not_the_shipped_ones_decide_for_themselves() {
    let mut market = Market::whole();
    let text = "package finance.compliance\nimport rego.v1\n\
        deny contains \"no buys\" if input.attributes.request.body.side == \"buy\"\n";
    let mut bundle = compliance::default_bundle();
    let is_rule = |module: &&mut compliance::Module| module.name == "finance/compliance.rego";
    text.clone_into(&mut bundle.modules.iter_mut().find(is_rule).unwrap().text);
    market.must(Command::Compliance(compliance::Command::ActivatePolicy { bundle }));
    market.place(limit("ANN", Side::Buy, 100_00, 1_000));
    market.place(limit("ANN", Side::Sell, 100_00, 1_000));
    assert_eq!(broken(&market.history), [""; 0]);
}

#[test]
fn an_order_let_in_without_every_yes_is_found() {
    let day = whole_day();
    let is_held = |event: &Event| matches!(event, Event::Risk(R::ExposureHeld { .. }));
    assert!(broken(&day.clone().without(is_held)).contains(&"consent"));
    let denied = compliance_event(day.clone(), |event| {
        let C::OrderChecked { allowed, .. } = event else { return false };
        *allowed = false;
        true
    });
    assert!(broken(&denied).contains(&"consent") && broken(&denied).contains(&"policy"));
    let smaller = risk_event(day, |event| {
        let R::ExposureHeld { reserved, .. } = event else { return false };
        reserved.amount -= 1;
        true
    });
    assert!(broken(&smaller).contains(&"consent"));
}
