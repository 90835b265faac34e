//! Pages fit to print: one file without anything from outside, A4, tables with a head on every sheet.
//!
//! Invariant: every text is escaped on its way in; only this file writes markup.

use std::fmt::Write as _;

use crate::columns::Decimal;
use crate::report::ReportHead;

const STYLE: &str = include_str!("page.css");

/// What stands in a cell.
pub(crate) enum Cell {
    /// Words, to the left.
    Text(String),
    /// A number, to the right, in figures of one width.
    Number(String),
    /// Ids: several lines in small figures of one width, to the left.
    Ids(Vec<String>),
    /// A share of a limit in hundredths of a percent, as a bar and a number; none: no limit.
    Share(Option<u32>),
}

impl Cell {
    pub(crate) fn text(text: impl ToString) -> Self {
        Self::Text(text.to_string())
    }

    pub(crate) fn number(number: impl ToString) -> Self {
        Self::Number(number.to_string())
    }

    pub(crate) fn decimal(decimal: Decimal) -> Self {
        Self::Number(decimal.grouped())
    }

    pub(crate) fn count(count: u64) -> Self {
        Self::Number(Decimal::new(i128::from(count), 0).grouped())
    }

    pub(crate) fn empty() -> Self {
        Self::Text(String::new())
    }
}

/// A page in the making.
pub(crate) struct Page(String);

pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
}

/// Text within quotes in a style sheet: everything but plain characters as its number.
fn styled(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | ':' | '-' | '_');
    text.chars().map(|c| if plain(c) { c.to_string() } else { format!("\\{:x} ", u32::from(c)) }).collect()
}

impl Page {
    /// Begins a page with its head; the foot of every sheet says what the report stands on.
    pub(crate) fn new(title: &str, head: &ReportHead) -> Self {
        let ReportHead { date, position, as_of, journal_hash } = head;
        let short: String = journal_hash.chars().take(16).collect();
        let foot = format!("{title} of {date} - position {position} - journal {short}");
        let mut page = Self(String::new());
        page.write(&format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title} {date}</title>\n<style>\n{STYLE}\
             @page {{ @bottom-left {{ content: \"{}\"; }} }}\n</style>\n</head>\n<body>\n\
             <header>\n<p class=\"maker\">Rialto</p>\n<h1>{title}</h1>\n<dl>\n",
            styled(&foot),
            title = escaped(title),
        ));
        for (name, value) in [
            ("Date", date.to_string()),
            ("Position", position.to_string()),
            ("As of", as_of.to_string()),
            ("Journal hash", journal_hash.clone()),
        ] {
            let (name, value) = (escaped(name), escaped(&value));
            page.write(&format!("<div><dt>{name}</dt><dd>{value}</dd></div>\n"));
        }
        page.write("</dl>\n</header>\n<main>\n");
        page
    }

    fn write(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    pub(crate) fn section(&mut self, title: &str) {
        let _ = writeln!(self.0, "<h2>{}</h2>", escaped(title));
    }

    pub(crate) fn paragraph(&mut self, text: &str) {
        let _ = writeln!(self.0, "<p>{}</p>", escaped(text));
    }

    /// A sentence that tells whether all is well.
    pub(crate) fn verdict(&mut self, good: bool, text: &str) {
        let (class, sign) = if good { ("good", "✓") } else { ("bad", "✗") };
        let _ = writeln!(self.0, "<p class=\"verdict {class}\"><span>{sign}</span> {}</p>", escaped(text));
    }

    /// A table; without rows, a sentence that there is nothing.
    pub(crate) fn table(&mut self, columns: &[&str], rows: &[Vec<Cell>], totals: &[Vec<Cell>]) {
        if rows.is_empty() {
            return self.write("<p class=\"none\">None.</p>\n");
        }
        self.write("<table>\n<thead><tr>");
        for (at, column) in columns.iter().enumerate() {
            let number = rows[0].get(at).is_some_and(|cell| matches!(cell, Cell::Number(_)));
            let class = if number { " class=\"number\"" } else { "" };
            let _ = write!(self.0, "<th scope=\"col\"{class}>{}</th>", escaped(column));
        }
        self.write("</tr></thead>\n<tbody>\n");
        rows.iter().for_each(|row| self.row(row));
        self.write("</tbody>\n");
        if !totals.is_empty() {
            self.write("<tfoot>\n");
            totals.iter().for_each(|row| self.row(row));
            self.write("</tfoot>\n");
        }
        self.write("</table>\n");
    }

    fn row(&mut self, cells: &[Cell]) {
        self.write("<tr>");
        for cell in cells {
            match cell {
                Cell::Text(text) => {
                    let _ = write!(self.0, "<td>{}</td>", escaped(text));
                }
                Cell::Number(number) => {
                    let _ = write!(self.0, "<td class=\"number\">{}</td>", escaped(number));
                }
                Cell::Ids(lines) => {
                    let lines: Vec<_> = lines.iter().map(|line| escaped(line)).collect();
                    let _ = write!(self.0, "<td class=\"ids\">{}</td>", lines.join("<br>"));
                }
                Cell::Share(share) => {
                    let markup = share.map(bar).unwrap_or_else(|| "no limit".to_owned());
                    let _ = write!(self.0, "<td class=\"share\">{markup}</td>");
                }
            }
        }
        self.write("</tr>\n");
    }

    /// Says that a list was cut off, if it was.
    pub(crate) fn cut_off(&mut self, shown: usize, all: u64, what: &str) {
        if (shown as u64) < all {
            self.paragraph(&format!(
                "The first {shown} of {all} {what} are shown; the lists of the API have all of them."
            ));
        }
    }

    pub(crate) fn finish(mut self) -> String {
        self.write("</main>\n</body>\n</html>\n");
        self.0
    }
}

/// A bar of 100 by 8, full at the limit.
fn bar(share_bp: u32) -> String {
    let class = match share_bp {
        0..8_000 => "calm",
        8_000..10_000 => "high",
        10_000.. => "full",
    };
    let width = share_bp.min(10_000) / 100;
    let text = format!("{} %", Decimal::new(i128::from(share_bp), 2));
    format!(
        "<svg viewBox=\"0 0 100 8\" role=\"img\" aria-label=\"{text} of the limit\">\
         <rect class=\"track\" width=\"100\" height=\"8\" rx=\"2\"/>\
         <rect class=\"{class}\" width=\"{width}\" height=\"8\" rx=\"2\"/></svg><span>{text}</span>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> ReportHead {
        ReportHead {
            date: "2023-02-07".parse().unwrap(),
            position: 7,
            as_of: vocabulary::Timestamp(0),
            journal_hash: "\"; } body { display: none } </style>".into(),
        }
    }

    #[test]
    fn nothing_that_comes_in_is_markup() {
        let mut page = Page::new("Report <1>", &head());
        page.section("<h1>");
        page.table(&["<a>"], &[vec![Cell::text("<script>"), Cell::Ids(vec!["<i>".into()])]], &[]);
        let html = page.finish();
        for bad in ["<script>", "<a>", "<i>", "<h1><", "display: none } </style>", "\"; } body"] {
            assert!(!html.contains(bad), "{bad}");
        }
        assert!(html.contains("&lt;script&gt;"));
        assert_eq!(html.matches("</style>").count(), 1);
    }

    #[test]
    fn nothing_is_loaded_from_outside() {
        let html = Page::new("Report", &head()).finish();
        for bad in ["http:", "https:", "src=", "href=", "url(", "@import"] {
            assert!(!html.contains(bad), "{bad}");
        }
    }

    #[test]
    fn a_bar_is_full_at_the_limit_and_says_more_beyond_it() {
        assert!(bar(7_999).contains("class=\"calm\" width=\"79\""));
        assert!(bar(8_000).contains("class=\"high\" width=\"80\""));
        assert!(bar(12_345).contains("class=\"full\" width=\"100\"") && bar(12_345).contains("123.45 %"));
    }
}
