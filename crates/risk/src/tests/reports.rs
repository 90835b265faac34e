//! What reports show.

use super::{World, account, buy, gross, notional, participant, position, sell};
use crate::{ExposureLine, Measure};
use vocabulary::Amount;

fn line(world: &World, measure: Measure) -> Option<ExposureLine> {
    world.state.exposure(account("A1")).into_iter().find(|line| line.measure == measure)
}

#[test]
fn a_line_shows_use_limit_and_utilisation() {
    let mut world = World::default();
    world.limits(account("A1"), gross(), 3_000);
    world.does(&buy(1, 10).hold());
    let expected = ExposureLine {
        scope: account("A1"),
        measure: gross(),
        used: Amount(1_000),
        limit: Some(Amount(3_000)),
        utilisation_bp: Some(3_333),
    };
    assert_eq!(line(&world, gross()), Some(expected));
    let unlimited = line(&world, position()).unwrap();
    assert_eq!((unlimited.used, unlimited.limit, unlimited.utilisation_bp), (Amount(10), None, None));
}

#[test]
fn a_limit_of_zero_is_used_in_full_and_a_limit_far_exceeded_stays_a_number() {
    let mut world = World::default();
    world.limits(account("A1"), gross(), 0);
    assert_eq!(line(&world, gross()).unwrap().utilisation_bp, Some(10_000));
    let mut world = World::default();
    world.does(&buy(1, 1_000_000_000).hold());
    world.limits(account("A1"), gross(), 1);
    assert_eq!(line(&world, gross()).unwrap().utilisation_bp, Some(u32::MAX));
}

#[test]
fn a_position_shows_the_further_of_its_two_ends() {
    let mut world = World::default();
    world.does(&buy(1, 10).hold());
    world.does(&sell(2, 15).hold());
    assert_eq!(line(&world, position()).unwrap().used, Amount(15));
    world.does(&sell(2, 15).release(0));
    assert_eq!(line(&world, position()).unwrap().used, Amount(10));
}

#[test]
fn what_is_neither_limited_nor_in_use_has_no_line() {
    let mut world = World::default();
    world.limits(account("A1"), notional(), 1);
    assert_eq!(world.state.exposure(account("A1")), []);
    world.limits(account("A1"), gross(), 1_000);
    assert_eq!(line(&world, gross()).unwrap().used, Amount::ZERO);
    assert_eq!(world.state.exposure(account("A2")), []);
}

#[test]
fn pages_follow_each_other_without_gap() {
    let mut world = World::default();
    for (id, name) in ["A3", "A1", "A2"].into_iter().enumerate() {
        world.does(&buy(u64::try_from(id).unwrap(), 1).of(name, "P").hold());
    }
    let all = [account("A1"), account("A2"), account("A3"), participant("P")];
    assert_eq!(world.state.scopes(None).collect::<Vec<_>>(), all);
    let whole: Vec<ExposureLine> = world.state.exposures(None, 4);
    let first = world.state.exposures(None, 2);
    let second = world.state.exposures(Some(account("A3")), 2);
    assert_eq!([first, second].concat(), whole);
    assert_eq!(world.state.exposures(Some(account("A20")), 1), world.state.exposure(account("A3")));
    assert_eq!(world.state.exposures(Some(participant("Z")), 1), []);
}
