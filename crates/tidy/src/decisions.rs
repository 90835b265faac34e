//! The record of decisions: complete in its index, one form, and one reason for every dependency.

use crate::manifest::{self, Need};
use crate::{Tree, Violation};

const FOLDER: &str = "docs/decisions/";
const INDEX: &str = "docs/decisions/README.md";
const DEPENDENCIES: &str = "docs/decisions/0013-dependencies.md";
const HEADINGS: [&str; 4] = ["## Context", "## Decision", "## Consequences", "## Looking again"];

/// Checks the form of every decision and that the index lists each of them, and nothing else.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let Some(index) = tree.text(INDEX) else {
        return vec![Violation::new(INDEX, 1, "is missing: it lists the decisions")];
    };
    let decisions: Vec<(&str, &str)> = decisions(tree).collect();
    let mut violations: Vec<_> = decisions.iter().flat_map(|(name, text)| flaws(name, text)).collect();
    for (name, _) in &decisions {
        let path = format!("{FOLDER}{name}");
        if !index.contains(&format!("]({name})")) {
            violations.push(Violation::new(&path, 1, format!("is not linked in {INDEX}")));
        }
        if decisions.iter().any(|(other, _)| other < name && other.get(..4) == name.get(..4)) {
            violations.push(Violation::new(&path, 1, "another decision has this number"));
        }
    }
    for (line, text) in (1..).zip(index.lines()) {
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        let dead =
            links.map(|(name, _)| name).filter(|name| !decisions.iter().any(|(known, _)| known == name));
        violations
            .extend(dead.map(|name| Violation::new(INDEX, line, format!("there is no decision {name}"))));
    }
    violations
}

/// Checks that the table of dependencies and the workspace name the same crates.
pub fn check_dependencies(tree: &Tree) -> Vec<Violation> {
    let (Some(table), Some(root)) = (tree.text(DEPENDENCIES), tree.text("Cargo.toml")) else {
        return vec![Violation::new(DEPENDENCIES, 1, "is missing: it gives the reason for each dependency")];
    };
    let dependencies = manifest::dependencies(root);
    let taken: Vec<_> = dependencies.iter().filter(|d| d.need == Need::Workspace && !d.is_path()).collect();
    let reasoned: Vec<(usize, &str)> =
        (1..).zip(table.lines()).filter_map(|(line, row)| Some((line, named_crate(row)?))).collect();
    let mut violations = Vec::new();
    for dependency in &taken {
        if !reasoned.iter().any(|(_, name)| *name == dependency.name) {
            let reason = format!("{} has no row with its reason in {DEPENDENCIES}", dependency.name);
            violations.push(Violation::new("Cargo.toml", dependency.line, reason));
        }
    }
    for (line, name) in reasoned {
        if !taken.iter().any(|dependency| dependency.name == name) {
            violations.push(Violation::new(
                DEPENDENCIES,
                line,
                format!("the workspace does not depend on {name}"),
            ));
        }
    }
    violations
}

/// Name and text of every decision.
fn decisions(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    let names = tree.texts().filter_map(|(path, text)| Some((path.strip_prefix(FOLDER)?, text)));
    names.filter(|(name, _)| *name != "README.md" && name.ends_with(".md"))
}

fn flaws(name: &str, text: &str) -> Vec<Violation> {
    let path = format!("{FOLDER}{name}");
    let number = name.split('-').next().unwrap_or_default();
    let mut violations = Vec::new();
    if number.len() != 4 || !number.bytes().all(|b| b.is_ascii_digit()) {
        violations.push(Violation::new(&path, 1, "must be named like 0001-what-was-decided.md"));
    }
    if !text.starts_with(&format!("# {number} ")) {
        violations.push(Violation::new(&path, 1, format!("must begin with `# {number} ` and a title")));
    }
    let absent = HEADINGS.into_iter().filter(|heading| !text.lines().any(|line| line == *heading));
    violations.extend(absent.map(|heading| Violation::new(&path, 1, format!("has no `{heading}`"))));
    violations
}

/// The crate that a row of the table begins with: `` | `name` | ``.
fn named_crate(row: &str) -> Option<&str> {
    row.strip_prefix("| `")?.split_once('`').map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "# 0001 One writer\n\n## Context\n\n## Decision\n\n## Consequences\n\n## Looking again\n";

    fn reasons(index: &str, decisions: &[(&str, &str)]) -> Vec<String> {
        let files = [&[(INDEX, index)], decisions].concat();
        check(&Tree::of(&files)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_well_formed_and_listed_passes() {
        assert_eq!(reasons("[One writer](0001-w.md)\n", &[("docs/decisions/0001-w.md", GOOD)]), [""; 0]);
    }

    #[test]
    fn the_index_lists_every_decision_and_nothing_else() {
        let unlisted = reasons("none\n", &[("docs/decisions/0001-w.md", GOOD)]);
        assert_eq!(unlisted, ["docs/decisions/0001-w.md:1: is not linked in docs/decisions/README.md"]);
        let dead = reasons("a\n[Gone](0002-gone.md)\n", &[]);
        assert_eq!(dead, ["docs/decisions/README.md:2: there is no decision 0002-gone.md"]);
        assert_eq!(check(&Tree::of(&[])).len(), 1, "no index at all");
    }

    #[test]
    fn a_decision_has_a_number_of_its_own_and_all_its_parts() {
        let index = "[a](0001-a.md) [b](0001-b.md) [c](1-c.md)\n";
        let twice = reasons(
            index,
            &[
                ("docs/decisions/0001-a.md", GOOD),
                ("docs/decisions/0001-b.md", GOOD),
                ("docs/decisions/1-c.md", &GOOD.replace("0001", "1")),
            ],
        );
        assert_eq!(
            twice,
            [
                "docs/decisions/1-c.md:1: must be named like 0001-what-was-decided.md",
                "docs/decisions/0001-b.md:1: another decision has this number",
            ]
        );
        let poor = reasons("[a](0001-a.md)\n", &[("docs/decisions/0001-a.md", "# One writer\n## Context\n")]);
        assert_eq!(poor.len(), 4, "no number, and three parts missing");
    }

    #[test]
    fn every_dependency_has_its_reason_and_every_reason_its_dependency() {
        let root =
            "[workspace.dependencies]\nrisk = { path = \"crates/risk\" }\nserde = \"1\"\ncsv = \"1\"\n";
        let table = "| crate | why |\n|---|---|\n| `serde` | JSON |\n| `gone` | was used |\n";
        let violations = check_dependencies(&Tree::of(&[("Cargo.toml", root), (DEPENDENCIES, table)]));
        let shown: Vec<_> = violations.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "Cargo.toml:4: csv has no row with its reason in docs/decisions/0013-dependencies.md",
                "docs/decisions/0013-dependencies.md:4: the workspace does not depend on gone",
            ]
        );
        assert_eq!(check_dependencies(&Tree::of(&[("Cargo.toml", root)])).len(), 1, "no table at all");
    }
}
