//! Runs the acceptance cases of `scenarios/`: plain text, one file a case, named by requirement code.
//!
//! A line is one of:
//! - `# ...` or empty: for the reader.
//! - `market`: the small market of the tests is opened: account ANN (owner ann) with 1,000,000 EUR, instrument ACME.
//! - `as USER ROLE`: who speaks from here on.
//! - `METHOD /path [JSON]`: a request; `{name}` is replaced by what was kept under that name.
//! - `-> STATUS`: what the last request must have been answered with.
//! - `.pointer = JSON`: what a member of the answer must be; `.a.0.b` goes into objects and arrays.
//! - `.pointer has TEXT`: what a member, as text, must contain.
//! - `keep .pointer as name`: for later lines.
//! - `restart` and `kill`: the server ends in order, or not, and is started again.

use crate::server::{Server, token};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

struct Stage {
    directory: tempfile::TempDir,
    server: Server,
    speaker: String,
    tokens: BTreeMap<String, String>,
    kept: BTreeMap<String, String>,
    answer: (u16, Value),
}

impl Stage {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let server = Server::start(directory.path());
        let (tokens, kept) = (BTreeMap::new(), BTreeMap::new());
        Self { directory, server, speaker: String::new(), tokens, kept, answer: (0, Value::Null) }
    }

    fn run(&mut self, line: &str) -> Result<(), String> {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        match first {
            "market" => self.server.open_market(),
            "as" => self.speak_as(rest),
            "restart" => self.restart(true),
            "kill" => self.restart(false),
            "->" => return self.expect_status(rest),
            "keep" => return self.keep(rest),
            "GET" | "POST" | "DELETE" | "PATCH" => self.send(first, rest),
            member if member.starts_with('.') => return self.expect_member(member, rest),
            other => return Err(format!("{other:?} is no word of a scenario")),
        }
        Ok(())
    }

    fn speak_as(&mut self, who: &str) {
        let (user, role) = who.split_once(' ').expect("as USER ROLE");
        let known = self.tokens.entry(who.to_owned());
        self.speaker.clone_from(known.or_insert_with(|| token(self.directory.path(), user, role)));
    }

    fn restart(&mut self, in_order: bool) {
        if in_order {
            assert_eq!(self.server.terminate(), Some(0));
        } else {
            self.server.kill();
        }
        self.server = Server::start(self.directory.path());
    }

    fn send(&mut self, method: &str, rest: &str) {
        let mut text = rest.to_owned();
        for (name, value) in &self.kept {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        let (path, body) = text.split_once(' ').unwrap_or((&text, ""));
        let body = (!body.is_empty()).then_some(body);
        self.answer = self.server.request(&self.speaker, method, path, body);
    }

    fn expect_status(&self, status: &str) -> Result<(), String> {
        let (got, body) = &self.answer;
        if got.to_string() == status { Ok(()) } else { Err(format!("answered {got}: {body}")) }
    }

    fn member(&self, member: &str) -> Value {
        let pointer = member.replace('.', "/");
        self.answer.1.pointer(&pointer).cloned().unwrap_or(Value::Null)
    }

    fn expect_member(&self, member: &str, rest: &str) -> Result<(), String> {
        let got = self.member(member);
        let (word, wanted) = rest.split_once(' ').ok_or("a member needs = or has")?;
        let good = match word {
            "=" => got == serde_json::from_str::<Value>(wanted).map_err(|error| error.to_string())?,
            "has" => got.to_string().contains(wanted),
            other => return Err(format!("{other:?} must be = or has")),
        };
        if good { Ok(()) } else { Err(format!("{member} is {got} in {}", self.answer.1)) }
    }

    fn keep(&mut self, rest: &str) -> Result<(), String> {
        let (member, name) = rest.split_once(" as ").ok_or("keep .pointer as name")?;
        let found = self.member(member);
        if found.is_null() {
            return Err(format!("{member} is missing in {}", self.answer.1));
        }
        let value = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
        self.kept.insert(name.to_owned(), value);
        Ok(())
    }
}

fn play(file: &Path) -> Result<usize, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let mut stage = Stage::new();
    let mut expectations = 0;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        stage.run(line).map_err(|why| format!("{}:{}: {line}\n    {why}", file.display(), at + 1))?;
        expectations += usize::from(line.starts_with("->") || line.starts_with('.'));
    }
    Ok(expectations)
}

#[test]
fn every_scenario_comes_out_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "txt")).collect();
    files.sort();
    assert!(!files.is_empty());
    let mut failures = Vec::new();
    for file in files {
        match play(&file) {
            Ok(0) => failures.push(format!("{} expects nothing", file.display())),
            Ok(_) => {}
            Err(failure) => failures.push(failure),
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
