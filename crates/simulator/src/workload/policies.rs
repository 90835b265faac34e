//! Policies and the restricted list: the shipped rules with limits near what orders need, rules of a house's own, and
//! bundles that must not come into force.

use compliance::{Bundle, Module, Restriction, default_bundle};
use engine::Command;
use serde_json::json;

use super::market::{Listed, Market};
use super::mix::{Act, Style};
use super::{Asked, Workload};
use crate::Dice;

/// A rule that a house may have: nobody sells.
const NO_SELLS: &str = "package finance.compliance
import rego.v1
deny contains {\"code\": \"house.no-sells\", \"message\": \"nobody sells today\"} if {
	input.attributes.request.body.side == \"sell\"
}
";

/// The shipped rules, with limits that few or many orders meet.
pub(super) fn draw(dice: &mut Dice, market: &Market) -> Bundle {
    let usual = market.listed.iter().map(Listed::usual_whole).max().expect("something is listed");
    let single_order = if dice.permille(300) { usual * dice.between(1, 3) } else { usual * 1_000_000 };
    // Who has used up an hour trades no more: it is long.
    let orders_per_hour = if dice.permille(200) { dice.between(20, 150) } else { 1_000_000 };
    let mut markets = serde_json::Map::new();
    if dice.permille(200) {
        let own = json!({"orders_per_hour": *dice.pick(&[50, 1_000_000, 1_000_000])});
        markets.insert(dice.pick(&market.markets).to_string(), own);
    }
    let base = json!({"single_order": single_order, "orders_per_hour": orders_per_hour});
    let data = json!({"finance": {"limits": {"base": base, "markets": markets}}});
    default_bundle().with_data(data.to_string())
}

pub(super) fn activate(bundle: Bundle) -> compliance::Command {
    compliance::Command::ActivatePolicy { bundle }
}

/// The shipped rules with one module more.
fn with_rules(text: &str) -> Bundle {
    let mut bundle = default_bundle();
    bundle.modules.push(Module { name: "finance/house.rego".to_owned(), text: text.to_owned() });
    bundle
}

/// Other rules about orders in the place of the shipped ones.
fn other_rules(text: &str) -> Bundle {
    let mut bundle = default_bundle().with_data("{}");
    let orders = bundle.modules.iter_mut().find(|module| module.name.ends_with("compliance.rego"));
    orders.expect("the shipped rules are about orders").text = text.to_owned();
    bundle
}

impl Workload {
    pub(super) fn policy(&mut self) -> Asked {
        let bundle = draw(&mut self.dice, &self.market);
        self.operate("policy", 0, Command::Compliance(activate(bundle)))
    }

    /// For a few orders.
    pub(super) fn house_policy(&mut self) -> Asked {
        let orders = self.dice.between(2, 8);
        self.plan((0..orders).map(|_| Act::Place(Style::Crossing)));
        self.plan([Act::Policy]);
        self.operate("house policy", 0, Command::Compliance(activate(with_rules(NO_SELLS))))
    }

    /// One that must be refused, each for another reason.
    pub(super) fn bad_policy(&mut self) -> Asked {
        let bundle = match self.dice.below(6) {
            0 => other_rules("package finance.compliance\ndeny contains"),
            1 => other_rules("package finance.compliance\nimport rego.v1\nallow := true"),
            2 => other_rules("package finance.compliance\nimport rego.v1\ndeny := true"),
            3 => default_bundle().with_data("{"),
            4 => default_bundle().with_data(r#"{"finance":{"limits":{"base":{"single_order":"all"}}}}"#),
            _ => default_bundle().with_data(" ".repeat(Bundle::SIZE_MAX)),
        };
        self.operate("bad policy", 0, Command::Compliance(activate(bundle)))
    }

    /// An entry, orders that it may cover, and mostly its end.
    pub(super) fn restrict(&mut self) -> Asked {
        let Self { dice, market, .. } = self;
        let instrument = dice.pick(&market.listed).instrument.instrument;
        let account = dice.pick(&market.accounts).account;
        let restriction = match dice.below(5) {
            0 => Restriction::Instrument(instrument),
            1 => Restriction::Account(account),
            2 => Restriction::User(*dice.pick(&market.users)),
            _ => Restriction::InstrumentForAccount { instrument, account },
        };
        let orders = dice.between(1, 6);
        let is_lifted = dice.permille(700);
        self.plan((0..orders).map(|_| Act::Place(Style::Plain)));
        if is_lifted {
            self.plan([Act::Unrestrict]);
        }
        let command = compliance::Command::Restrict { restriction };
        self.operate("restrict", 0, Command::Compliance(command))
    }

    pub(super) fn unrestrict(&mut self) -> Option<Asked> {
        let restricted: Vec<_> = self.memory.restricted.iter().copied().collect();
        if restricted.is_empty() {
            return None;
        }
        let restriction = *self.dice.pick(&restricted);
        let command = compliance::Command::Unrestrict { restriction };
        Some(self.operate("unrestrict", 0, Command::Compliance(command)))
    }
}
