//! Answers for people.

use crate::output::say;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::Value;

/// A column: its heading and the member of a row that it shows. A heading that ends in `>` is aligned right.
pub(crate) type Column = (&'static str, &'static str);

/// Prints rows as a table, or that there are none.
pub(crate) fn print_table(rows: &[Value], columns: &[Column]) {
    if rows.is_empty() {
        say!("none");
        return;
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(columns.iter().map(|(heading, _)| heading.trim_end_matches('>')));
    for row in rows {
        table.add_row(columns.iter().map(|(_, member)| text(row, member)));
    }
    for (at, (heading, _)) in columns.iter().enumerate() {
        if heading.ends_with('>')
            && let Some(column) = table.column_mut(at)
        {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    say!("{table}");
}

/// Prints an object as lines of name and value.
pub(crate) fn print_members(value: &Value) {
    let Some(members) = value.as_object() else { return say!("{value}") };
    let width = members.keys().map(String::len).max().unwrap_or_default();
    for (name, member) in members.iter().filter(|(_, member)| !member.is_null()) {
        say!("{name:width$}  {}", plain(member));
    }
}

/// A member by name, or by `/a/b` for one further in.
fn text(row: &Value, member: &str) -> String {
    let found = if member.starts_with('/') { row.pointer(member) } else { row.get(member) };
    found.map(plain).unwrap_or_default()
}

/// A value as people write it.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}
