//! Bugs planted on purpose, to prove that the simulator finds them. In what ships there are none: only a build with
//! `RUSTFLAGS="--cfg planted"` has this module, and everywhere else [`planted!`](crate::planted!) is the constant false.

use std::sync::OnceLock;

static PLANTED: OnceLock<String> = OnceLock::new();

/// Plants a bug, for as long as the process lives.
///
/// # Panics
/// When another one is planted already.
pub fn plant(bug: &str) {
    assert!(PLANTED.set(bug.to_owned()).is_ok(), "one bug at a time");
}

/// Whether this bug is planted.
pub fn is(bug: &str) -> bool {
    PLANTED.get().is_some_and(|planted| planted == bug)
}
