//! One seed, one history: lets it happen, and turns a panic of the product into a violation like any other.

use crate::auditor::Violation;
use crate::world::{Summary, World};
use crate::{Story, Telling};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::Once;

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}
static QUIET: Once = Once::new();

/// A history in which something happened that must not.
#[derive(Clone, Debug)]
pub struct Failed {
    /// Its seed.
    pub seed: u64,
    /// What must not be.
    pub violation: Violation,
}

/// Lets the history of a seed happen.
///
/// # Errors
/// The first thing in it that must not be.
pub fn run(seed: u64, story: &mut Story) -> Result<Summary, Failed> {
    QUIET.call_once(|| set_hook(Box::new(|panic| PANIC.set(Some(panic.to_string())))));
    let history = AssertUnwindSafe(|| World::new(seed, story).run());
    let ended = catch_unwind(history).unwrap_or_else(|_| {
        let told = PANIC.take().unwrap_or_default().replace('\n', " ");
        Err(Violation { invariant: "no panic", told })
    });
    ended.map_err(|violation| Failed { seed, violation })
}

/// Lets the history of a seed that failed happen again, and keeps its last `steps` steps.
pub fn last_steps(seed: u64, steps: usize) -> Vec<String> {
    let mut story = Story::new(Telling::Last(steps));
    // What it comes to is known.
    drop(run(seed, &mut story));
    story.last().map(str::to_owned).collect()
}
