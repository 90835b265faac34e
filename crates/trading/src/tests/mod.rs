//! The context as a whole: what comes in, and what comes of it, in the words of a trading floor.

#![allow(clippy::inconsistent_digit_grouping, reason = "prices are in cents: 100_00 is 100.00")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at the events it is about")]

mod auction;
mod encoding;
mod funds;
mod intake;
mod invariants;
mod life;
mod line;
mod market;
mod matching;
mod naive;
mod notation;
mod phases;
mod properties;
mod reference;
mod refusals;
mod settling;
mod sweeps;

use market::Market;

/// In an open market, does what is `given`, then `when`, and expects just what `then` says to happen.
fn check(given: &[&str], when: &[&str], then: &[&str]) {
    let mut market = Market::open();
    for line in given {
        market.must(line);
    }
    let mut happened = Vec::new();
    for line in when {
        match market.run(line) {
            Ok(events) => happened.extend(events),
            Err(refusal) => happened.push(market.explain(&refusal)),
        }
        market.verify();
    }
    assert_eq!(happened, then);
    market.check_replay();
}
