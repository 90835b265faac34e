//! The files of the repository, as the rules see them.
//!
//! Paths are relative to the root, with `/`. What is built, fetched or written at run time is not part of the tree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

/// Folders that hold what tools made. `data` only at the root, where a node keeps its journal by default.
const NOT_OURS: [&str; 3] = [".git", "target", "node_modules"];
/// What the product keeps when it is run here: its data, and a whole cluster.
const KEPT: [&str; 2] = ["data", "cluster"];

/// Larger files are data, not text that somebody wrote.
const TEXT_BYTES_MAX: u64 = 1 << 20;

/// All files below a root.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    texts: BTreeMap<String, String>,
    others: BTreeSet<String>,
}

impl Tree {
    /// Reads everything below `root`.
    ///
    /// # Errors
    /// When a folder or file cannot be read.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        tree.read_folder(root, "")?;
        Ok(tree)
    }

    /// A tree made of these texts.
    pub fn of(texts: &[(&str, &str)]) -> Self {
        let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        Self { texts: texts.iter().map(owned).collect(), others: BTreeSet::new() }
    }

    /// Path and content of every text file.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Path and content of every Rust source file of the workspace's crates.
    pub fn rust_sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(|(path, _)| path.starts_with("crates/") && path.ends_with(".rs"))
    }

    /// Path of every file, text or not.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.texts.keys().chain(&self.others).map(String::as_str)
    }

    /// Content of a text file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Whether there is a file of that path, or a folder with a file in it.
    pub fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.paths().any(|known| known == path || known.starts_with(&folder))
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if NOT_OURS.contains(&name.as_str()) || KEPT.contains(&path.as_str()) {
                continue;
            }
            if kind.is_dir() {
                self.read_folder(&entry.path(), &format!("{path}/"))?;
            } else if kind.is_file() {
                self.read_file(&entry, path)?;
            }
        }
        Ok(())
    }

    fn read_file(&mut self, entry: &fs::DirEntry, path: String) -> io::Result<()> {
        if entry.metadata()?.len() > TEXT_BYTES_MAX {
            self.others.insert(path);
            return Ok(());
        }
        match String::from_utf8(fs::read(entry.path())?) {
            Ok(text) => {
                self.texts.insert(path, text);
            }
            Err(_) => {
                self.others.insert(path);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_files_and_the_folders_they_are_in() {
        let tree = Tree::of(&[("crates/risk/src/lib.rs", "//! Risk.\n")]);
        for path in ["crates/risk/src/lib.rs", "crates/risk", "crates/risk/", "crates"] {
            assert!(tree.has(path), "{path}");
        }
        for path in ["crates/ris", "crates/risk/src/lib", "src/lib.rs", "crates/risk/src/lib.rs/x"] {
            assert!(!tree.has(path), "{path}");
        }
    }

    #[test]
    fn reads_its_own_source() {
        let tree = Tree::read(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert!(tree.text("src/tree.rs").is_some_and(|text| text.contains("reads_its_own_source")));
    }
}
