//! Runs every rule on this repository. A failure lists each place with what is wrong there.

use std::path::Path;
use tidy::{Tree, Violation, decisions, files, functions, layers, requirements, words};

fn check(rule: fn(&Tree) -> Vec<Violation>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tree = Tree::read(&root).expect("the repository can be read");
    assert!(tree.has("crates/tidy/tests/tree.rs"), "this is not the repository");
    let lines: Vec<_> = rule(&tree).iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}

#[test]
fn dependencies_point_inwards() {
    check(layers::check);
}

#[test]
fn files_are_short_well_named_and_introduced() {
    check(files::check);
}

#[test]
fn functions_fit_a_screen() {
    check(functions::check);
}

#[test]
fn forbidden_words_are_absent() {
    check(words::check);
}

#[test]
fn requirements_called_done_have_proofs() {
    check(requirements::check);
}

#[test]
fn decisions_are_listed_and_complete() {
    check(decisions::check);
}

#[test]
fn every_dependency_has_its_reason() {
    check(decisions::check_dependencies);
}
