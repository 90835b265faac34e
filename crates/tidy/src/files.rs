//! Rules about files as such: how long, what they are called, how they begin.

use crate::{Tree, Violation};

/// A file is read in one sitting.
pub const FILE_LINES_MAX: usize = 500;

/// Words that say nothing about what is in a file.
const EMPTY_NAMES: [&str; 10] =
    ["common", "helper", "helpers", "manager", "misc", "processor", "types", "util", "utilities", "utils"];

/// Checks names everywhere, and length and beginning of every Rust source.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations: Vec<_> = tree.paths().filter_map(badly_named).collect();
    for (path, text) in tree.rust_sources() {
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            let reason = format!("{lines} lines; {FILE_LINES_MAX} at most: split it by concept");
            violations.push(Violation::new(path, FILE_LINES_MAX + 1, reason));
        }
        if !text.starts_with("//! ") {
            let reason = "must begin with `//!`: what it owns, its invariant, what is deliberately absent";
            violations.push(Violation::new(path, 1, reason));
        }
    }
    violations
}

fn badly_named(path: &str) -> Option<Violation> {
    let words = path.split(['/', '_', '-', '.']);
    let empty = words.into_iter().find(|word| EMPTY_NAMES.contains(&word.to_ascii_lowercase().as_str()))?;
    Some(Violation::new(path, 1, format!("`{empty}` says nothing: name the concept that is in it")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_one(path: &str, text: &str) -> Vec<Violation> {
        check(&Tree::of(&[(path, text)]))
    }

    #[test]
    fn a_file_of_500_lines_is_long_enough() {
        let of = |lines: usize| format!("//! Books.\n{}", "// .\n".repeat(lines - 1));
        assert_eq!(check_one("crates/trading/src/book.rs", &of(500)), []);
        let violations = check_one("crates/trading/src/book.rs", &of(501));
        assert_eq!((violations.len(), violations[0].line), (1, 501));
    }

    #[test]
    fn a_source_says_first_what_it_owns() {
        assert_eq!(check_one("crates/trading/src/book.rs", "//! Owns the book.\n"), []);
        for bad in ["use std::fmt;\n", "", "//!\n", "// Owns the book.\n"] {
            assert_eq!(check_one("crates/trading/src/book.rs", bad).len(), 1, "{bad}");
        }
    }

    #[test]
    fn names_that_say_nothing_are_refused_in_any_part_of_a_path() {
        for bad in [
            "crates/api/src/utils.rs",
            "crates/common/src/lib.rs",
            "policies/helpers.rego",
            "x/order_types.rs",
        ] {
            let violations = check_one(bad, "//! Text.\n");
            assert_eq!(violations.len(), 1, "{bad}");
        }
        assert_eq!(check_one("crates/risk/src/exposure.rs", "//! Text.\n"), []);
    }
}
