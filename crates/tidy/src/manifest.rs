//! What a `Cargo.toml` depends on, with line numbers.
//!
//! Reads one dependency a line, which is how manifests are written here. It is no TOML parser: a dependency in a table
//! of its own is reported as such, not understood.

/// What a dependency is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The code itself, or its build script.
    Code,
    /// Tests and benchmarks.
    Tests,
    /// Nothing by itself: the workspace's list that crates choose from.
    Workspace,
}

/// One dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency<'a> {
    /// Line, counted from 1.
    pub line: usize,
    /// Name as written.
    pub name: &'a str,
    /// What for.
    pub need: Need,
    /// What follows the name.
    pub source: &'a str,
}

impl Dependency<'_> {
    /// Whether its version is that of the workspace.
    pub fn is_inherited(&self) -> bool {
        self.source.replace(' ', "").contains("workspace=true")
    }

    /// Whether it is a crate of this repository, as seen from the workspace's list.
    pub fn is_path(&self) -> bool {
        self.source.replace(' ', "").contains("path=")
    }
}

/// All dependencies of a manifest, in the order of their lines.
pub fn dependencies(manifest: &str) -> Vec<Dependency<'_>> {
    let mut found = Vec::new();
    let mut table = None;
    for (line, text) in (1..).zip(manifest.lines()) {
        if let Some(header) = text.trim_end().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            table = need_of(header);
            if let Some((need, name)) = table.filter(|(_, name)| !name.is_empty()) {
                found.push(Dependency { line, name, need, source: "" });
                table = None;
            }
        } else if let Some((need, _)) = table
            && let Some((name, source)) = named(text)
        {
            found.push(Dependency { line, name, need, source });
        }
    }
    found
}

/// What the table of that header lists; with the name if the table is about one dependency.
fn need_of(header: &str) -> Option<(Need, &str)> {
    let tables = [
        ("workspace.dependencies", Need::Workspace),
        ("dev-dependencies", Need::Tests),
        ("build-dependencies", Need::Code),
        ("dependencies", Need::Code),
    ];
    for (table, need) in tables {
        let Some(start) = header.rfind(table) else { continue };
        let (before, after) = (&header[..start], &header[start + table.len()..]);
        let is_table = before.is_empty() || (before.starts_with("target.") && before.ends_with('.'));
        return match after.strip_prefix('.') {
            Some(name) if is_table => Some((need, name)),
            None if is_table && after.is_empty() => Some((need, "")),
            Some(_) | None => None,
        };
    }
    None
}

/// `name = source` or `name.workspace = true`, as name and the rest.
fn named(line: &str) -> Option<(&str, &str)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let end = line.find(|c| !is_name(c))?;
    let (name, source) = line.split_at(end);
    let starts = source.trim_start().starts_with(['=', '.']);
    (!name.is_empty() && starts).then_some((name, source.trim_start_matches('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_each_kind_with_its_line() {
        let manifest = "[package]\nname = \"risk\"\n\n[dependencies]\n# a reason\nvocabulary = { workspace = true }\n\
                        serde.workspace = true\ntokio = { version = \"1\", features = [\n    \"rt\",\n] }\n\
                        [target.'cfg(unix)'.dev-dependencies]\ntempfile = \"3\"\n[lints]\nworkspace = true\n";
        let found = dependencies(manifest);
        let brief: Vec<_> = found.iter().map(|d| (d.line, d.name, d.need, d.is_inherited())).collect();
        assert_eq!(
            brief,
            [
                (6, "vocabulary", Need::Code, true),
                (7, "serde", Need::Code, true),
                (8, "tokio", Need::Code, false),
                (12, "tempfile", Need::Tests, false),
            ]
        );
    }

    #[test]
    fn a_dependency_in_a_table_of_its_own_is_found_but_not_understood() {
        let found = dependencies("[dependencies.serde]\nworkspace = true\n");
        assert_eq!(found, [Dependency { line: 1, name: "serde", need: Need::Code, source: "" }]);
        assert!(!found[0].is_inherited());
    }

    #[test]
    fn the_workspace_list_tells_our_crates_from_others() {
        let found =
            dependencies("[workspace.dependencies]\nrisk = { path = \"crates/risk\" }\nserde = \"1\"\n");
        assert!(found[0].is_path() && !found[1].is_path());
        assert!(found.iter().all(|d| d.need == Need::Workspace));
    }
}
