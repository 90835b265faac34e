//! Which nodes there are, and which contexts each hosts: drawn by seed.

use super::shard::Shard;
use crate::Dice;
use crate::auditor::ShardName;
use engine::{Context, Hosts};
use vocabulary::StepBound;

use Context::{Compliance, Risk, Settlement, Trading};

/// How contexts other than a trading shard's own are spread over nodes.
const SPREADS: [&[&[Context]]; 4] = [
    &[&[Settlement], &[Risk], &[Compliance]],
    &[&[Settlement, Risk], &[Compliance]],
    &[&[Settlement, Risk, Compliance]],
    &[&[Risk], &[Settlement, Compliance]],
];

/// Ways to put one trading shard and the other contexts into nodes.
const SPLITS: [&[&[Context]]; 4] = [
    &[&[Trading, Risk, Compliance], &[Settlement]],
    &[&[Trading, Compliance], &[Settlement, Risk]],
    &[&[Trading, Settlement], &[Risk, Compliance]],
    &[&[Trading, Settlement, Risk], &[Compliance]],
];

/// Draws one: everything in one node, each context in its own, mixed, or several trading shards.
pub(super) fn draw(dice: &mut Dice) -> Vec<(ShardName, Hosts)> {
    let named = |number: u16, contexts: &[Context]| {
        (ShardName { context: contexts[0], number }, Hosts::only(contexts))
    };
    match dice.below(10) {
        0..=3 => vec![named(0, &[Trading, Settlement, Risk, Compliance])],
        4 | 5 => dice.pick(&SPLITS).iter().map(|contexts| named(0, contexts)).collect(),
        drawn => {
            let trading = if drawn < 8 { 1 } else { dice.between(2, 3) };
            let trading = (0..u16::try_from(trading).expect("a few")).map(|number| named(number, &[Trading]));
            trading.chain(dice.pick(&SPREADS).iter().map(|contexts| named(0, contexts))).collect()
        }
    }
}

/// Draws how far steps of long work go: as far as they do, or so short that a small market sees second steps.
pub(super) fn draw_step(dice: &mut Dice) -> StepBound {
    if dice.permille(400) {
        return StepBound::USUAL;
    }
    StepBound::at_most(usize::try_from(dice.between(1, 8)).expect("a few"))
}

/// The shard of that context and number. Only trading has several.
pub(super) fn find(shards: &[Shard], context: Context, number: u16) -> usize {
    let is_it =
        |shard: &Shard| shard.setup.hosts.has(context) && (shard.name.number == number || context != Trading);
    shards.iter().position(is_it).expect("every context is hosted, and requests name shards that are")
}
