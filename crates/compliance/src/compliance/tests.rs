//! The context told as given, when, then.

use super::*;
use crate::rules::NO_DECISION;
use crate::test_orders::an_order;
use crate::{BadBundle, RESTRICTED, default_bundle, dry_run};
use vocabulary::Amount;

const HOUR_S: u64 = 3600;

struct World {
    compliance: Compliance,
    rules: Rules,
    events: Vec<Event>,
}

fn at_second(second: u64) -> Moment {
    Moment { position: second, time: Timestamp(second * 1_000_000_000) }
}

fn check(order: u64, edit: impl FnOnce(&mut CheckInput)) -> CheckInput {
    let mut input = an_order();
    input.terms.order = OrderId(order);
    edit(&mut input);
    input
}

impl World {
    fn without_policy() -> Self {
        Self { compliance: Compliance::default(), rules: Rules::default(), events: Vec::new() }
    }

    fn with_default_policy() -> Self {
        let mut world = Self::without_policy();
        world.run(&Command::ActivatePolicy { bundle: default_bundle() }, 0).unwrap();
        world
    }

    fn run(&mut self, command: &Command, second: u64) -> Result<usize, Refusal> {
        let at = at_second(second);
        let before = self.compliance.clone();
        let decided = self.compliance.decide(&mut self.rules, command, at);
        assert_eq!(self.compliance, before, "deciding changes nothing");
        let events = decided?;
        for event in &events {
            self.compliance.apply(event, at);
        }
        let count = events.len();
        self.events.extend(events);
        Ok(count)
    }

    fn check_at(&mut self, input: CheckInput, second: u64) -> Result<usize, Refusal> {
        let CheckInput { terms, user, price, quantity, notional, quote_scale, .. } = input;
        let deadline = at_second(second + 5).time;
        let command = Command::Check { terms, user, price, quantity, notional, quote_scale, deadline };
        self.run(&command, second)
    }

    /// Codes of the reasons against the order, all of them.
    fn codes(&mut self, input: CheckInput, second: u64) -> Vec<String> {
        assert_eq!(self.check_at(input, second), Ok(1));
        let Some(Event::OrderChecked { reasons, allowed, .. }) = self.events.last() else {
            panic!("no decision is on record")
        };
        assert_eq!(self.compliance.verdict(input.terms.order).unwrap().is_ok(), *allowed);
        reasons.iter().map(|reason| reason.code.clone()).collect()
    }

    fn restrict(&mut self, restriction: Restriction) {
        assert_eq!(self.run(&Command::Restrict { restriction }, 1), Ok(1));
    }
}

#[test]
fn fault_19_without_a_policy_every_order_is_denied() {
    let mut world = World::without_policy();
    assert_eq!(world.codes(check(1, |_| ()), 1), [NO_DECISION]);
}

#[test]
fn an_order_is_judged_and_the_answer_is_on_record() {
    let mut world = World::with_default_policy();
    assert_eq!(world.codes(check(1, |_| ()), 1), [] as [String; 0]);
    let over = check(2, |order| order.notional = Amount(100_000_001));
    assert_eq!(world.codes(over, 1), ["compliance.single-order-limit"]);
    let reason = world.compliance.verdict(OrderId(2)).unwrap().unwrap_err();
    assert_eq!(reason.message, "交易金额超过单笔限额（100 万）");
    assert_eq!(world.compliance.verdict(OrderId(3)), None);
    let Some(Event::OrderChecked { policy, .. }) = world.events.last() else { panic!("not on record") };
    assert_eq!(*policy, world.compliance.policy().unwrap().version);
}

#[test]
fn the_recorded_event_shows_what_the_policy_was_shown() {
    let mut world = World::with_default_policy();
    world.check_at(check(1, |_| ()), 1).unwrap();
    world.check_at(check(2, |_| ()), 1).unwrap();
    let shown = world.events.last().unwrap().check_input().unwrap();
    assert_eq!(shown, check(2, |order| order.orders_in_hour = 2));
}

#[test]
fn a_check_delivered_again_gets_the_same_answer_and_counts_once() {
    let mut world = World::with_default_policy();
    assert_eq!(world.check_at(check(1, |_| ()), 1), Ok(1));
    let over = check(2, |order| order.notional = Amount(100_000_001));
    assert_eq!(world.check_at(over, 1), Ok(1));
    let state = world.compliance.clone();
    for second in [1, 2, 5] {
        assert_eq!(world.check_at(check(1, |_| ()), second), Ok(0));
        assert_eq!(world.check_at(over, second), Ok(0));
    }
    assert_eq!(world.compliance, state);
    assert_eq!(world.compliance.orders_in_hour(an_order().user, at_second(5)), 1);
}

#[test]
fn a_check_after_its_deadline_is_answered_only_if_it_was_answered_before() {
    let mut world = World::with_default_policy();
    world.check_at(check(1, |_| ()), 1).unwrap();
    let late = |order| {
        let CheckInput { terms, user, price, quantity, notional, quote_scale, .. } = check(order, |_| ());
        let deadline = at_second(6).time;
        Command::Check { terms, user, price, quantity, notional, quote_scale, deadline }
    };
    assert_eq!(world.run(&late(1), 60), Ok(0));
    assert_eq!(world.run(&late(2), 60), Err(Refusal::DeadlinePassed));
    assert_eq!(world.run(&late(2), 6), Ok(1), "at the deadline is in time");
    world.check_at(check(3, |_| ()), 100).unwrap();
    assert_eq!(world.run(&late(1), 100), Err(Refusal::DeadlinePassed), "forgotten, and never judged twice");
}

#[test]
fn the_hundred_and_first_order_of_a_user_within_the_hour_is_denied() {
    let mut world = World::with_default_policy();
    for order in 1..=100 {
        assert!(world.codes(check(order, |_| ()), order).is_empty(), "order {order}");
    }
    assert_eq!(world.codes(check(101, |_| ()), 101), ["compliance.orders-per-hour"]);
    let other = check(102, |order| order.user = "u-2".parse().unwrap());
    assert!(world.codes(other, 101).is_empty(), "the limit is each user's own");
    assert_eq!(world.codes(check(103, |_| ()), HOUR_S), ["compliance.orders-per-hour"]);
}

#[test]
fn the_window_slides_by_the_minute_and_denied_orders_do_not_count() {
    let mut world = World::with_default_policy();
    for order in 1..=40 {
        assert!(world.codes(check(order, |_| ()), 10).is_empty());
    }
    for order in 41..=100 {
        assert!(world.codes(check(order, |_| ()), 70).is_empty());
    }
    for order in 101..=110 {
        assert_eq!(world.codes(check(order, |_| ()), HOUR_S + 59).len(), 1, "none is an hour old for sure");
    }
    for order in 111..=150 {
        assert!(world.codes(check(order, |_| ()), HOUR_S + 60).is_empty(), "40 left the window");
    }
    assert_eq!(world.codes(check(151, |_| ()), HOUR_S + 60), ["compliance.orders-per-hour"]);
}

#[test]
fn the_restricted_list_denies_whatever_the_policy_says() {
    let instrument = an_order().terms.instrument;
    let account = an_order().terms.account;
    let user = an_order().user;
    let other = "Z".parse().unwrap();
    for restriction in [
        Restriction::Instrument(instrument),
        Restriction::InstrumentForAccount { instrument, account },
        Restriction::Account(account),
        Restriction::User(user),
    ] {
        let mut world = World::with_default_policy();
        world.restrict(restriction);
        assert_eq!(world.codes(check(1, |_| ()), 2), [RESTRICTED], "{restriction}");
        let both = check(2, |order| order.notional = Amount(100_000_001));
        assert_eq!(world.codes(both, 2), [RESTRICTED, "compliance.single-order-limit"]);
        let elsewhere = check(3, |order| {
            order.terms.instrument = vocabulary::InstrumentId(other);
            order.terms.account = vocabulary::AccountId(other);
            order.user = "u-2".parse().unwrap();
        });
        assert!(world.codes(elsewhere, 2).is_empty(), "{restriction}");
        assert_eq!(world.run(&Command::Unrestrict { restriction }, 3), Ok(1));
        assert!(world.codes(check(4, |_| ()), 3).is_empty(), "{restriction} was lifted");
    }
}

#[test]
fn a_restriction_of_one_account_leaves_the_others() {
    let mut world = World::with_default_policy();
    let (instrument, account) = (an_order().terms.instrument, "A2".parse().unwrap());
    world.restrict(Restriction::InstrumentForAccount { instrument, account });
    assert!(world.codes(check(1, |_| ()), 2).is_empty());
    assert_eq!(world.codes(check(2, |order| order.terms.account = account), 2), [RESTRICTED]);
}

#[test]
fn restricting_twice_and_lifting_what_is_not_restricted_change_nothing() {
    let mut world = World::with_default_policy();
    let restriction = Restriction::User("u-9".parse().unwrap());
    assert_eq!(world.run(&Command::Unrestrict { restriction }, 1), Ok(0));
    assert_eq!(world.run(&Command::Restrict { restriction }, 1), Ok(1));
    assert_eq!(world.run(&Command::Restrict { restriction }, 2), Ok(0));
    assert_eq!(world.compliance.restrictions(), [(restriction, at_second(1).time)]);
}

#[test]
fn the_restricted_list_is_bounded() {
    let mut compliance = Compliance::default();
    for number in 0..RestrictedList::SIZE_MAX {
        let restriction = Restriction::User(number.to_string().parse().unwrap());
        compliance.apply(&Event::Restricted { restriction }, at_second(1));
    }
    let command = Command::Restrict { restriction: Restriction::User("u".parse().unwrap()) };
    let refused = compliance.decide(&mut Rules::default(), &command, at_second(1)).unwrap_err();
    assert_eq!(refused.code(), "compliance.restricted-list-full");
}

#[test]
fn fault_19_a_bundle_that_is_not_fit_leaves_the_last_good_one_in_force() {
    let mut world = World::with_default_policy();
    let policy = world.compliance.policy().cloned();
    let with_text = |text: &str| {
        let mut bundle = default_bundle();
        bundle.modules[0].text = text.into();
        bundle
    };
    let slow = "package finance.compliance\nimport rego.v1\nmany := [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]\n\
        deny contains \"x\" if { some a in many; some b in many; some c in many; a + b + c > 99 }";
    let unfit = [
        (with_text("package finance.compliance\ndeny[x] {"), "compliance.bundle-does-not-compile"),
        (
            with_text("package finance.compliance\nimport rego.v1\nallow := true"),
            "compliance.bundle-lacks-rule",
        ),
        (
            with_text("package finance.compliance\nimport rego.v1\ndeny := 1"),
            "compliance.bundle-gives-no-decision",
        ),
        (with_text(slow), "compliance.bundle-over-budget"),
        (with_text(&"#".repeat(Bundle::SIZE_MAX)), "compliance.bundle-too-large"),
    ];
    for (order, (bundle, code)) in (1..).zip(unfit) {
        let refusal = world.run(&Command::ActivatePolicy { bundle }, 1).unwrap_err();
        assert_eq!(refusal.code(), code, "{refusal}");
        assert_eq!(world.compliance.policy(), policy.as_ref());
        assert!(world.codes(check(order, |_| ()), 1).is_empty());
    }
}

#[test]
fn an_activated_bundle_judges_the_next_order_and_activating_it_again_changes_nothing() {
    let mut world = World::with_default_policy();
    let data = r#"{"finance": {"limits": {"base": {"single_order": 10, "orders_per_hour": 100}}}}"#;
    let stricter = default_bundle().with_data(data);
    let activate = Command::ActivatePolicy { bundle: stricter.clone() };
    assert!(world.codes(check(1, |_| ()), 1).is_empty());
    assert_eq!(world.run(&activate, 1), Ok(1));
    assert_eq!(world.run(&activate, 1), Ok(0));
    assert_eq!(world.codes(check(2, |_| ()), 1), ["compliance.single-order-limit"]);
    let policy = world.compliance.policy().unwrap();
    assert_eq!((policy.version, policy.digest), (2, stricter.digest()));
    assert_eq!(world.compliance.bundle(), Some(&stricter));
}

#[test]
fn a_dry_run_says_what_a_candidate_would_have_decided_differently() {
    let mut world = World::with_default_policy();
    world.restrict(Restriction::Account("A9".parse().unwrap()));
    world.check_at(check(1, |order| order.notional = Amount(1_000)), 2).unwrap();
    world.check_at(check(2, |order| order.notional = Amount(50_000_000)), 2).unwrap();
    world.check_at(check(3, |order| order.notional = Amount(100_000_001)), 2).unwrap();
    world.check_at(check(4, |order| order.terms.account = "A9".parse().unwrap()), 2).unwrap();
    let limit = |amount: u64| {
        let base = format!(r#"{{"single_order": {amount}, "orders_per_hour": 100}}"#);
        default_bundle().with_data(format!(r#"{{"finance": {{"limits": {{"base": {base}}}}}}}"#))
    };
    let orders = |all: &[crate::Redecided]| all.iter().map(|r| r.order.0).collect::<Vec<_>>();

    let stricter = dry_run(&world.events, &limit(1_000)).unwrap();
    assert_eq!((stricter.examined, orders(&stricter.newly_denied)), (4, vec![2]));
    assert_eq!(stricter.newly_denied[0].reasons[0].message, "交易金额超过单笔限额（1000）");
    assert!(stricter.newly_allowed.is_empty());

    let laxer = dry_run(&world.events, &limit(2_000_000)).unwrap();
    assert_eq!(orders(&laxer.newly_allowed), [3], "the restricted list stays");
    assert_eq!(laxer.newly_allowed[0].reasons[0].message, "交易金额超过单笔限额（100 万）");
    assert!(laxer.newly_denied.is_empty());

    let broken = limit(1).with_data("{");
    assert!(matches!(dry_run(&world.events, &broken), Err(BadBundle::DoesNotCompile { .. })));
}

#[test]
fn a_snapshot_restores_the_state_and_it_decides_the_same() {
    let mut world = World::with_default_policy();
    world.restrict(Restriction::Instrument("X".parse().unwrap()));
    for order in 1..=100 {
        world.check_at(check(order, |_| ()), order).unwrap();
    }
    world.check_at(check(101, |_| ()), 101).unwrap();
    let bytes = minicbor::to_vec(&world.compliance).unwrap();
    let restored: Compliance = minicbor::decode(&bytes).unwrap();
    assert_eq!(restored, world.compliance);
    assert_eq!(minicbor::to_vec(&restored).unwrap(), bytes);
    let mut world = World { compliance: restored, rules: Rules::default(), events: Vec::new() };
    assert_eq!(world.check_at(check(101, |_| ()), 102), Ok(0));
    assert_eq!(world.codes(check(102, |_| ()), 102), ["compliance.orders-per-hour"]);
}

#[test]
fn applying_the_recorded_events_leads_to_the_same_state() {
    let mut world = World::with_default_policy();
    world.restrict(Restriction::Account("A9".parse().unwrap()));
    world.check_at(check(1, |_| ()), 1).unwrap();
    world.check_at(check(2, |order| order.notional = Amount::MAX), 1).unwrap();
    let mut replayed = Compliance::default();
    for (event, second) in world.events.iter().zip([0, 1, 1, 1]) {
        let bytes = minicbor::to_vec(event).unwrap();
        replayed.apply(&minicbor::decode::<Event>(&bytes).unwrap(), at_second(second));
    }
    assert_eq!(replayed, world.compliance);
}
