//! Words that must not be written: what would make a decision depend on anything but its command and the state, what
//! marks work as unfinished, and paths of one machine.
//!
//! This crate is exempt, because it has to name them.

use crate::layers::pure_crates;
use crate::{Tree, Violation};

/// Each word with what is wrong with it in a pure crate.
const IMPURE: [(&str, &str); 19] = [
    ("std::time", "time is stamped by the writer"),
    ("SystemTime", "time is stamped by the writer"),
    ("Instant::now", "time is stamped by the writer"),
    ("HashMap", "its order differs from run to run: use vocabulary::Index or BTreeMap"),
    ("HashSet", "its order differs from run to run: use vocabulary::Index or BTreeSet"),
    ("FxHashMap", "its order depends on history: use vocabulary::Index or BTreeMap"),
    ("FxHashSet", "its order depends on history: use vocabulary::Index or BTreeSet"),
    ("std::thread", "there is one writer"),
    ("thread_local!", "state is what apply has folded in"),
    ("std::fs", "no IO here"),
    ("std::net", "no IO here"),
    ("std::io", "no IO here"),
    ("std::env", "no IO here"),
    ("async fn", "nothing here waits"),
    ("tokio", "nothing here waits"),
    ("rand::", "no randomness: ids come from the client or the position"),
    ("f32", "integers only"),
    ("f64", "integers only"),
    ("use std::{", "one path a line, so that this check sees what is used"),
];

/// The one place that may hold a hash map: it never lets anybody see the order.
const HASH_MAP_HOME: &str = "crates/vocabulary/src/index.rs";

const UNFINISHED: [&str; 6] = ["TODO", "FIXME", "XXX", "todo!", "unimplemented!", "dbg!"];

/// Beginnings of paths that exist on one machine only.
const MACHINE_PATHS: [&str; 3] = ["/root/", "/home/", "/Users/"];

/// Checks the whole tree.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| !path.starts_with("crates/tidy/")) {
        if is_pure(path) {
            violations.extend(impurities(path, text));
        }
        for (line, text) in (1..).zip(text.lines()) {
            if path.ends_with(".rs") {
                let unfinished = UNFINISHED.into_iter().filter(|word| has_word(text, word));
                violations.extend(
                    unfinished.map(|word| Violation::new(path, line, format!("`{word}`: finish it"))),
                );
            }
            let machine = MACHINE_PATHS.into_iter().filter(|start| has_absolute_path(text, start));
            let reason = |start| format!("`{start}` is a path of one machine");
            violations.extend(machine.map(|start| Violation::new(path, line, reason(start))));
        }
    }
    violations
}

fn is_pure(path: &str) -> bool {
    let beside_the_product = ["/tests/", "/tests.rs", "/benches/", "/examples/"];
    let mut crates = pure_crates();
    path.ends_with(".rs")
        && crates.any(|name| path.starts_with(&format!("crates/{name}/")))
        && !beside_the_product.iter().any(|part| path.contains(part))
}

fn impurities(path: &str, text: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (line, code) in product_code(text) {
        for (word, reason) in IMPURE {
            let is_home = path == HASH_MAP_HOME && word.contains("HashMap");
            if !is_home && has_word(code, word) {
                violations.push(Violation::new(path, line, format!("`{word}` in a pure crate: {reason}")));
            }
        }
    }
    violations
}

/// The lines without comments and without modules of tests, which may use what they like.
fn product_code(text: &str) -> Vec<(usize, &str)> {
    let mut code = Vec::new();
    let mut lines = (1..).zip(text.lines()).peekable();
    while let Some((number, line)) = lines.next() {
        let opens_module = |(_, next): &(usize, &str)| next.starts_with("mod ") && next.ends_with('{');
        let is_for_tests = line == "#[cfg(test)]";
        while is_for_tests && lines.next_if(|(_, next)| next.starts_with("#[")).is_some() {}
        if is_for_tests && lines.next_if(opens_module).is_some() {
            lines.by_ref().find(|(_, inner)| *inner == "}");
        } else {
            code.push((number, line.split_once("//").map_or(line, |(before, _)| before)));
        }
    }
    code
}

/// Whether `word` stands in `text`, not as a part of a longer name.
fn has_word(text: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(word).any(|(start, _)| {
        let before = text[..start].chars().next_back().filter(|_| word.starts_with(is_name));
        let after = text[start + word.len()..].chars().next().filter(|_| word.ends_with(is_name));
        !before.is_some_and(is_name) && !after.is_some_and(is_name)
    })
}

/// Whether a path in `text` begins with `start`, rather than has it further on.
fn has_absolute_path(text: &str, start: &str) -> bool {
    let continues = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '~' | '*' | '}' | '/');
    text.match_indices(start).any(|(at, _)| !text[..at].ends_with(continues))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn each_impure_word_is_found_in_a_pure_crate_only() {
        for (word, _) in IMPURE {
            let text = format!("//! Text.\n    {word} x\n");
            assert_eq!(lines("crates/risk/src/limits.rs", &text), [2], "{word}");
            assert_eq!(lines("crates/node/src/writer.rs", &text), [0; 0], "{word}");
        }
    }

    #[test]
    fn names_that_contain_a_word_and_comments_are_not_meant() {
        let innocent = "//! No std::time, no f64.\nlet operand::X = as_f64(mystd::io); // HashMap\n";
        assert_eq!(lines("crates/risk/src/limits.rs", innocent), [0; 0]);
    }

    #[test]
    fn modules_of_tests_are_free_but_what_follows_them_is_not() {
        let text = "#[cfg(test)]\n#[allow(x)]\nmod tests {\n    use std::fs;\n}\nuse std::net;\n#[cfg(test)]\nmod more;\nuse std::io;\n";
        assert_eq!(lines("crates/engine/src/flow.rs", text), [6, 9]);
        for path in
            ["crates/engine/tests/flow.rs", "crates/risk/src/tests.rs", "crates/risk/examples/speed.rs"]
        {
            assert_eq!(lines(path, "use std::fs;\n"), [0; 0], "{path}");
        }
    }

    #[test]
    fn the_index_may_hold_a_hash_map_and_nobody_else() {
        let text = "use rustc_hash::FxHashMap;\nuse std::collections::HashSet;\n";
        assert_eq!(lines(HASH_MAP_HOME, text), [2]);
        assert_eq!(lines("crates/vocabulary/src/ids.rs", text), [1, 2]);
    }

    #[test]
    fn unfinished_work_is_found_in_comments_and_tests_too() {
        for word in UNFINISHED {
            assert_eq!(lines("crates/api/src/lib.rs", &format!("//! Text.\n// {word}\n")), [2], "{word}");
        }
        assert_eq!(lines("crates/api/src/lib.rs", "let TODOS = XXXL;\n"), [0; 0]);
    }

    #[test]
    fn paths_of_one_machine_are_found_in_every_kind_of_text() {
        for start in MACHINE_PATHS {
            assert_eq!(lines("docs/bench.md", &format!("see `{start}x`\n")), [1], "{start}");
        }
        assert_eq!(lines("README.md", "https://example.org/work/x and net/work/y\n"), [0; 0]);
        assert_eq!(lines("crates/tidy/src/words.rs", "/root/ TODO\n"), [0; 0]);
    }
}
