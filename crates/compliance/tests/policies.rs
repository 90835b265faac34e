//! Runs the tests of `policies/` the way `opa test` does, so that no OPA binary is needed.

#![allow(clippy::unwrap_used)] // All of it is test.

use regorus::{Engine, Value};
use std::fs;
use std::path::{Path, PathBuf};

fn rego_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rego_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rego") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn package(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("package ")).unwrap().trim()
}

fn tests_in(text: &str) -> Vec<&str> {
    let names = text.lines().filter(|line| line.starts_with("test_"));
    names.map(|line| line.split_whitespace().next().unwrap()).collect()
}

#[test]
fn every_policy_test_passes() {
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let mut engine = Engine::new();
    engine.set_strict_builtin_errors(false);
    engine.add_data_json(&fs::read_to_string(policies.join("data.json")).unwrap()).unwrap();
    let mut suites = Vec::new();
    for file in rego_files(&policies) {
        let text = fs::read_to_string(&file).unwrap();
        engine.add_policy(file.display().to_string(), text.clone()).unwrap();
        if file.to_string_lossy().ends_with("_test.rego") {
            suites.push((file, text));
        }
    }
    assert!(suites.len() >= 2, "the tests of compliance and of authz are found");
    let mut failed = Vec::new();
    for (file, text) in &suites {
        let tests = tests_in(text);
        assert!(!tests.is_empty(), "{} has no test", file.display());
        for test in tests {
            let rule = format!("data.{}.{test}", package(text));
            let value = engine.eval_rule(rule.clone());
            if !matches!(value, Ok(Value::Bool(true))) {
                failed.push(format!("{rule}: {value:?}"));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn every_shipped_policy_has_a_test_file() {
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let files = rego_files(&policies);
    for file in files.iter().filter(|file| !file.to_string_lossy().ends_with("_test.rego")) {
        let test = PathBuf::from(file.to_string_lossy().replace(".rego", "_test.rego"));
        assert!(files.contains(&test), "{} has no tests", file.display());
    }
}
