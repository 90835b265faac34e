//! Figures for people, as a table on the terminal or in a page, and for programs, as JSON.

use serde::Serialize;
use serde_json::Value;
use std::fmt::{Display, Write};

/// A table with what it shows.
pub(crate) struct Table {
    title: String,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Sentences under it.
    notes: Vec<String>,
    figures: Value,
}

impl Table {
    /// An empty one that shows `figures`.
    pub(crate) fn new(title: &str, head: &[&str], figures: &(impl Serialize + ?Sized)) -> Self {
        Self {
            title: title.to_owned(),
            head: head.iter().map(|&name| name.to_owned()).collect(),
            rows: Vec::new(),
            notes: Vec::new(),
            figures: serde_json::to_value(figures).expect("figures are plain data"),
        }
    }

    pub(crate) fn row(&mut self, cells: &[&dyn Display]) {
        self.rows.push(cells.iter().map(ToString::to_string).collect());
    }

    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// What it shows, for programs.
    pub(crate) fn figures(&self) -> &Value {
        &self.figures
    }

    /// On standard output.
    #[allow(clippy::print_stdout, reason = "this is the answer")]
    #[allow(clippy::unnecessary_wraps, reason = "the last line of every command")]
    pub(crate) fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            println!("{}", self.figures);
        } else {
            print!("{}", self.text());
        }
        Ok(())
    }

    /// Columns as wide as their longest cell; the first to the left, numbers to the right.
    fn text(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.chain(self.head.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let line = |cells: &[String]| {
            let mut line = String::new();
            for (column, cell) in cells.iter().enumerate() {
                let width = width(column);
                if column == 0 {
                    write!(line, "{cell:width$}").expect("a string takes everything");
                } else {
                    write!(line, "  {cell:>width$}").expect("a string takes everything");
                }
            }
            line.trim_end().to_owned() + "\n"
        };
        let mut text = format!("{}\n\n{}", self.title, line(&self.head));
        self.rows.iter().for_each(|row| text.push_str(&line(row)));
        self.notes.iter().for_each(|note| text.push_str(&format!("{note}\n")));
        text
    }

    /// As a section of a Markdown page.
    pub(crate) fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let mut text = format!("## {}\n\n{}", self.title, line(&self.head));
        text.push_str(&format!("|---{}|\n", "|---:".repeat(self.head.len().saturating_sub(1))));
        self.rows.iter().for_each(|row| text.push_str(&line(row)));
        self.notes.iter().for_each(|note| text.push_str(&format!("\n{note}\n")));
        text
    }
}

/// Nanoseconds as microseconds with two decimals.
pub(crate) fn micros(ns: u64) -> String {
    format!("{}.{:02}", ns / 1_000, ns % 1_000 / 10)
}
