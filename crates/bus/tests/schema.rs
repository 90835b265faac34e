//! What has been published stays readable: no field of `schemas/events.proto` changes its number, type or name.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

/// Every field as it was published. Lines are added to it, never changed or taken out.
const GOLDEN: &str = include_str!("golden/events.txt");

/// A line for each field: message, number, name, and what it holds.
fn fields() -> String {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
    let described = protox::compile(["events.proto"], [schemas]).unwrap();
    let file = described.file.iter().find(|file| file.name() == "events.proto").unwrap();
    let mut lines = String::new();
    for message in &file.message_type {
        for field in &message.field {
            let (label, kind) = (field.label().as_str_name(), field.r#type().as_str_name());
            let kind = kind.trim_start_matches("TYPE_").to_lowercase();
            let of = field.type_name().rsplit('.').next().unwrap_or_default();
            let repeated = if label == "LABEL_REPEATED" { "repeated " } else { "" };
            let holds = if of.is_empty() { kind } else { of.to_owned() };
            writeln!(lines, "{} {} {} {repeated}{holds}", message.name(), field.number(), field.name())
                .unwrap();
        }
    }
    lines
}

#[test]
fn con_3_what_was_published_can_be_read_for_good() {
    let now = fields();
    if std::env::var_os("RIALTO_GOLDEN").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/events.txt");
        std::fs::write(path, &now).unwrap();
        return;
    }
    let (now, then): (BTreeSet<&str>, BTreeSet<&str>) = (now.lines().collect(), GOLDEN.lines().collect());
    let broken: Vec<_> = then.difference(&now).collect();
    assert!(broken.is_empty(), "readers of these fields break: {broken:?}");
    let new: Vec<_> = now.difference(&then).collect();
    assert!(new.is_empty(), "put them on record with RIALTO_GOLDEN=1 once they are final: {new:?}");
}

#[test]
fn numbers_are_used_once_in_a_message() {
    let mut used = BTreeSet::new();
    for line in GOLDEN.lines() {
        let number: Vec<&str> = line.split(' ').take(2).collect();
        assert!(used.insert(number), "{line}");
    }
    assert!(used.len() > 250, "{} fields", used.len());
}
