//! The README's table of requirements: what it calls done must have a scenario or a test that exists.
//!
//! CONTRIBUTING.md describes the format. A tree without a README has no claims, and passes.

use crate::functions::name_of_function;
use crate::{Tree, Violation};

const README: &str = "README.md";

/// How far a requirement has come, by its own account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Done, or done in part, as these scenarios and tests prove.
    Proven(Vec<String>),
    /// Nothing yet.
    NotYet,
}

/// One requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Line in the README.
    pub line: usize,
    /// Its code, like `SRV-1`.
    pub code: String,
    /// Paths of what fulfils it.
    pub places: Vec<String>,
    /// How far it has come.
    pub standing: Standing,
}

/// Checks every claim of the README.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let Some(readme) = tree.text(README) else { return Vec::new() };
    let (rows, mut violations) = parse(readme);
    if rows.is_empty() && violations.is_empty() {
        violations.push(Violation::new(README, 1, "has no table with the columns Code, Where and Proof"));
    }
    for (index, row) in rows.iter().enumerate() {
        let mut object = |reason| violations.push(Violation::new(README, row.line, reason));
        if rows[..index].iter().any(|earlier| earlier.code == row.code) {
            object(format!("{} stands twice", row.code));
        }
        for place in row.places.iter().filter(|place| !tree.has(place)) {
            object(format!("{}: there is no `{place}`", row.code));
        }
        if let Standing::Proven(proofs) = &row.standing {
            proofs
                .iter()
                .filter_map(|proof| flaw(tree, proof))
                .for_each(|flaw| object(format!("{}: {flaw}", row.code)));
        }
    }
    violations
}

/// The rows of all tables that have the columns Code, Where and Proof, and what is wrong with their form.
pub fn parse(readme: &str) -> (Vec<Row>, Vec<Violation>) {
    let (mut rows, mut violations) = (Vec::new(), Vec::new());
    let mut columns: Option<Columns> = None;
    for (line, text) in (1..).zip(readme.lines()) {
        let Some(cells) = cells(text) else {
            columns = None;
            continue;
        };
        match &columns {
            None => columns = Columns::of(&cells),
            Some(_) if cells.iter().all(|cell| cell.chars().all(|c| matches!(c, '-' | ':'))) => {}
            Some(columns) => match columns.row(line, &cells) {
                Ok(row) => rows.push(row),
                Err(reason) => violations.push(Violation::new(README, line, reason)),
            },
        }
    }
    (rows, violations)
}

/// Where the columns stand that matter here.
struct Columns {
    code: usize,
    place: usize,
    proof: usize,
    count: usize,
}

impl Columns {
    fn of(header: &[String]) -> Option<Self> {
        let column = |title| header.iter().position(|cell| cell == title);
        Some(Self {
            code: column("Code")?,
            place: column("Where")?,
            proof: column("Proof")?,
            count: header.len(),
        })
    }

    fn row(&self, line: usize, cells: &[String]) -> Result<Row, String> {
        if cells.len() != self.count {
            return Err(format!("has {} cells, the table has {}", cells.len(), self.count));
        }
        let code = cells[self.code].clone();
        if !is_code(&code) {
            return Err(format!("`{code}` is no requirement code like SRV-1"));
        }
        let standing = standing(&cells[self.proof]).map_err(|reason| format!("{code}: {reason}"))?;
        Ok(Row { line, code, places: quoted(&cells[self.place]), standing })
    }
}

fn standing(cell: &str) -> Result<Standing, &'static str> {
    if cell == "not yet" || cell.starts_with("not yet:") {
        return Ok(Standing::NotYet);
    }
    let Some(claim) = ["done: ", "partly: "].iter().find_map(|word| cell.strip_prefix(word)) else {
        return Err("Proof must begin with `done: `, `partly: ` or `not yet`");
    };
    let proofs = quoted(claim);
    if proofs.is_empty() {
        return Err("names no scenario or test in backquotes");
    }
    Ok(Standing::Proven(proofs))
}

/// What is wrong with `path` or `path::test` as a proof.
fn flaw(tree: &Tree, proof: &str) -> Option<String> {
    let (path, test) = proof.split_once("::").map_or((proof, None), |(path, test)| (path, Some(test)));
    let Some(text) = tree.text(path) else {
        return Some(format!("there is no file `{path}`"));
    };
    let name = match test {
        Some(test) => test.rsplit("::").next().unwrap_or(test),
        None if path.ends_with(".rs") => return Some(format!("`{path}` proves nothing: name a test in it")),
        None => return None,
    };
    (!defines_test(text, name)).then(|| format!("`{path}` has no test `{name}`"))
}

/// Whether `text` has a function of that name under an attribute that makes it a test.
fn defines_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_test = |at: usize| {
        let above =
            lines[..at].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        above.into_iter().any(|line| line.starts_with("#[") && line.contains("test"))
    };
    (0..lines.len()).any(|at| name_of_function(lines[at]) == Some(name) && is_test(at))
}

fn is_code(text: &str) -> bool {
    let parts = text.split_once('-');
    parts.is_some_and(|(letters, number)| {
        let all = |part: &str, kind: fn(&u8) -> bool| !part.is_empty() && part.bytes().all(|b| kind(&b));
        all(letters, u8::is_ascii_uppercase) && all(number, u8::is_ascii_digit)
    })
}

/// The cells of a table's line; none if the line is no part of a table.
fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    // An escaped bar is text. The stand-in cannot come in through a README.
    let inner = inner.replace("\\|", "\u{0}");
    Some(inner.split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect())
}

/// What stands between backquotes.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# Rialto\n\n| Code | Requirement | Where | Proof |\n|---|---|---|---|\n";
    const BOOK: &str =
        "//! Book.\n\n    #[test]\n    fn price_then_time() {\n    }\n\nfn not_a_test() {\n}\n";

    fn reasons(row: &str) -> Vec<String> {
        let readme = format!("{HEAD}{row}\n");
        let tree = Tree::of(&[
            ("README.md", &readme),
            ("crates/trading/src/book.rs", BOOK),
            ("scenarios/srv-1-place.txt", "place\n"),
        ]);
        check(&tree).into_iter().map(|violation| violation.reason).collect()
    }

    #[test]
    fn claims_with_proofs_that_exist_stand() {
        for row in [
            "| SRV-1 | Trading | `crates/trading` | done: `crates/trading/src/book.rs::tests::price_then_time` |",
            "| SRV-1 | Trading | `crates/trading/`, `scenarios` | done: `scenarios/srv-1-place.txt`, every case |",
            "| SRV-1 | a \\| b | | partly: `crates/trading/src/book.rs::price_then_time`; auctions are missing |",
            "| SEC-6 | Kata | | not yet |",
            "| SEC-6 | Kata | | not yet: needs a cluster |",
        ] {
            assert_eq!(reasons(row), [""; 0], "{row}");
        }
    }

    #[test]
    fn claims_without_one_do_not() {
        for (row, reason) in [
            ("| SRV-1 | T | | done: `scenarios/none.txt` |", "SRV-1: there is no file `scenarios/none.txt`"),
            ("| SRV-1 | T | | done: `scenarios` |", "SRV-1: there is no file `scenarios`"),
            (
                "| SRV-1 | T | | done: `crates/trading/src/book.rs::absent` |",
                "SRV-1: `crates/trading/src/book.rs` has no test `absent`",
            ),
            (
                "| SRV-1 | T | | done: `crates/trading/src/book.rs::not_a_test` |",
                "SRV-1: `crates/trading/src/book.rs` has no test `not_a_test`",
            ),
            (
                "| SRV-1 | T | | partly: `crates/trading/src/book.rs` |",
                "SRV-1: `crates/trading/src/book.rs` proves nothing: name a test in it",
            ),
            ("| SRV-1 | T | `crates/gone` | not yet |", "SRV-1: there is no `crates/gone`"),
            ("| SRV-1 | T | | done: certainly |", "SRV-1: names no scenario or test in backquotes"),
            ("| SRV-1 | T | | yes |", "SRV-1: Proof must begin with `done: `, `partly: ` or `not yet`"),
            ("| SRV-1 | T | | |", "SRV-1: Proof must begin with `done: `, `partly: ` or `not yet`"),
            ("| trading | T | | not yet |", "`trading` is no requirement code like SRV-1"),
            ("| SRV-1 | T | not yet |", "has 3 cells, the table has 4"),
        ] {
            assert_eq!(reasons(row), [reason], "{row}");
        }
    }

    #[test]
    fn a_code_stands_once_even_over_several_tables() {
        let row = "| SRV-1 | T | | not yet |\n";
        let readme = format!("{HEAD}{row}\nMore:\n\n{HEAD}{row}");
        let violations = check(&Tree::of(&[("README.md", &readme)]));
        assert_eq!(violations.len(), 1);
        assert_eq!((violations[0].line, violations[0].reason.as_str()), (13, "SRV-1 stands twice"));
    }

    #[test]
    fn other_tables_are_left_alone_but_a_readme_without_this_one_is_not() {
        let other = "| Command | What |\n|---|---|\n| up | all |\n";
        assert_eq!(parse(other), (vec![], vec![]));
        assert_eq!(check(&Tree::of(&[("README.md", other)])).len(), 1);
        assert_eq!(check(&Tree::of(&[])), []);
    }
}
