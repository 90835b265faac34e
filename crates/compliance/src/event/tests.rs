//! Golden bytes: what was written once must read the same for good. Never edit them; add a version beside them.

use super::*;
use crate::Module;
use crate::test_orders::an_order;

fn hex(event: &Event) -> String {
    minicbor::to_vec(event).unwrap().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn check(event: &Event, golden: &str) {
    assert_eq!(hex(event), golden);
    let bytes: Vec<u8> =
        (0..golden.len()).step_by(2).map(|i| u8::from_str_radix(&golden[i..i + 2], 16).unwrap()).collect();
    assert_eq!(minicbor::decode::<Event>(&bytes).unwrap(), *event);
}

#[test]
fn policy_activated() {
    let module = Module { name: "m".into(), text: "t".into() };
    let bundle = Bundle { modules: vec![module], data: "{}".into() };
    let event = Event::PolicyActivated { version: 3, digest: Digest([0xab; 32]), bundle };
    check(
        &event,
        "820083035820abababababababababababababababababababababababababababababababab828182616d6174627b7d",
    );
}

#[test]
fn restricted() {
    let restriction = Restriction::Instrument("600519".parse().unwrap());
    check(&Event::Restricted { restriction }, "82018182008166363030353139");
}

#[test]
fn unrestricted() {
    let (instrument, account) = ("600519".parse().unwrap(), "A1".parse().unwrap());
    let for_account = Restriction::InstrumentForAccount { instrument, account };
    check(&Event::Unrestricted { restriction: for_account }, "82028182018266363030353139624131");
    check(&Event::Unrestricted { restriction: Restriction::Account(account) }, "820281820281624131");
    check(
        &Event::Unrestricted { restriction: Restriction::User("u-1".parse().unwrap()) },
        "82028182038163752d31",
    );
}

fn checked(restricted: Option<Restriction>, reasons: Vec<Reason>) -> Event {
    let CheckInput { terms, user, price, quantity, notional, quote_scale, orders_in_hour } = an_order();
    Event::OrderChecked {
        terms,
        user,
        price,
        quantity,
        notional,
        quote_scale,
        deadline: Timestamp(5),
        orders_in_hour,
        restricted,
        policy: 3,
        allowed: reasons.is_empty(),
        reasons,
    }
}

#[test]
fn order_checked() {
    check(
        &checked(None, Vec::new()),
        "82038c890162413162503166363030353139635353456636303035313963434e5900500000000000000000000000000000000763752d311904d218641a0001e208020501f603f580",
    );
    let restriction = Restriction::User("u-1".parse().unwrap());
    check(
        &checked(Some(restriction), vec![restriction.reason()]),
        "82038c890162413162503166363030353139635353456636303035313963434e5900500000000000000000000000000000000763752d311904d218641a0001e20802050182038163752d3103f4818275636f6d706c69616e63652e7265737472696374656478227573657220752d31206973206f6e207468652072657374726963746564206c697374",
    );
}

#[test]
fn every_refusal_has_its_own_code_and_a_sentence() {
    let text = || String::from("why");
    let all = [
        Refusal::BadBundle(BadBundle::TooLarge),
        Refusal::BadBundle(BadBundle::DoesNotCompile { message: text() }),
        Refusal::BadBundle(BadBundle::LacksRule { rule: text() }),
        Refusal::BadBundle(BadBundle::BadData { message: text() }),
        Refusal::BadBundle(BadBundle::OverBudget),
        Refusal::BadBundle(BadBundle::GivesNoDecision { message: text() }),
        Refusal::DeadlinePassed,
        Refusal::RestrictedListFull,
    ];
    let codes: std::collections::BTreeSet<_> = all.iter().map(Refusal::code).collect();
    assert_eq!(codes.len(), all.len());
    for refusal in all {
        assert!(refusal.code().starts_with("compliance.") && refusal.to_string().contains(' '));
        let bytes = minicbor::to_vec(&refusal).unwrap();
        assert_eq!(minicbor::decode::<Refusal>(&bytes).unwrap(), refusal);
    }
}
