//! How long functions are.
//!
//! Counts what clippy counts: the lines of the body, without blank ones and comments. It relies on rustfmt: a body ends
//! at the first brace that stands alone at the indentation of its `fn`.

use crate::{Tree, Violation};

/// A function fits a screen.
pub const FUNCTION_LINES_MAX: usize = 70;

const QUALIFIERS: [&str; 7] = ["pub", "pub(crate)", "pub(super)", "const", "async", "unsafe", "extern"];

/// Checks every function of every crate, tests included.
pub fn check(tree: &Tree) -> Vec<Violation> {
    tree.rust_sources().flat_map(|(path, text)| long_functions(path, text)).collect()
}

/// The name in `pub const fn name<..`, if the line begins a function.
pub(crate) fn name_of_function(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let is_qualifier = |word: &str| QUALIFIERS.contains(&word) || word.starts_with('"');
    if !before.split_whitespace().all(is_qualifier) {
        return None;
    }
    let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
    (end > 0).then(|| &after[..end])
}

fn long_functions(path: &str, text: &str) -> Vec<Violation> {
    let lines: Vec<&str> = text.lines().collect();
    let mut violations = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = name_of_function(line) else { continue };
        let length = body_length(&lines[start..]);
        if length > FUNCTION_LINES_MAX {
            let reason = format!("function {name} has {length} lines; {FUNCTION_LINES_MAX} at most");
            violations.push(Violation::new(path, start + 1, reason));
        }
    }
    violations
}

/// Lines of code in the body of the function that begins at the first of `lines`.
fn body_length(lines: &[&str]) -> usize {
    let indentation = lines[0].len() - lines[0].trim_start().len();
    let end_of_signature = lines.iter().position(|line| line.trim_end().ends_with(['{', '}', ';']));
    let Some(opening) = end_of_signature.filter(|at| lines[*at].trim_end().ends_with('{')) else { return 0 };
    let closing = format!("{}}}", " ".repeat(indentation));
    let is_code = |line: &&&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    lines[opening + 1..].iter().take_while(|line| line.trim_end() != closing).filter(is_code).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(lines: usize) -> String {
        format!(
            "//! Text.\n\nimpl Book {{\n    pub fn walk(&self) {{\n{}    }}\n}}\n",
            "        step();\n".repeat(lines)
        )
    }

    fn check_one(text: &str) -> Vec<Violation> {
        check(&Tree::of(&[("crates/trading/src/book.rs", text)]))
    }

    #[test]
    fn seventy_lines_fit_and_one_more_does_not() {
        assert_eq!(check_one(&function(70)), []);
        let violations = check_one(&function(71));
        assert_eq!(violations.len(), 1);
        assert_eq!(
            violations[0].to_string(),
            "crates/trading/src/book.rs:4: function walk has 71 lines; 70 at most"
        );
    }

    #[test]
    fn blank_lines_and_comments_cost_nothing() {
        let text = function(70).replacen("        step();\n", "        // Why.\n\n        step();\n", 1);
        assert_eq!(check_one(&text), []);
    }

    #[test]
    fn a_declaration_or_a_signature_of_many_lines_is_not_a_body() {
        let declared = format!(
            "trait T {{\n    fn a(\n        &self,\n    );\n{}}}\n",
            "    // .\n    const X: u8;\n".repeat(80)
        );
        assert_eq!(check_one(&declared), []);
        let long = function(71).replace("walk(&self) {", "walk(\n        &self,\n    ) {");
        assert_eq!(check_one(&long).len(), 1);
    }

    #[test]
    fn finds_names_behind_qualifiers_only() {
        assert_eq!(name_of_function("    pub(crate) const fn high(x: u8) {"), Some("high"));
        assert_eq!(name_of_function("async fn serve() {"), Some("serve"));
        assert_eq!(name_of_function("    let f = a.fn b"), None);
        assert_eq!(name_of_function("type F = fn (u8);"), None);
    }
}
