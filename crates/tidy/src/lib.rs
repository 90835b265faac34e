//! Checks of the tree that no compiler makes: who may depend on whom, sizes, names, forbidden words, and whether what
//! the documents claim is there.
//!
//! Each rule is a function from a [`Tree`] to its violations, so that its tests can feed it a bad tree. `tests/tree.rs`
//! runs all of them on this repository: `cargo test -p tidy`. Nothing here is linked into the product, and nothing here
//! depends on it.

pub mod decisions;
pub mod files;
pub mod functions;
pub mod layers;
pub mod manifest;
pub mod requirements;
pub mod tree;
pub mod words;

pub use tree::Tree;

use std::fmt;

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path from the root of the tree.
    pub path: String,
    /// Line, counted from 1.
    pub line: usize,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl Violation {
    /// A violation of `path` at `line`.
    pub fn new(path: &str, line: usize, reason: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, reason: reason.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_shows_where_and_why() {
        let shown = Violation::new("crates/risk/src/lib.rs", 7, "too long").to_string();
        assert_eq!(shown, "crates/risk/src/lib.rs:7: too long");
    }
}
