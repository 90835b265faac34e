//! A report as CSV (RFC 4180): one header for all kinds of lines, the kind in the first column, empty where a column
//! does not apply.

use crate::error::ViewsError;

/// Lines of CSV under one header.
pub(crate) struct Sheet {
    header: &'static [&'static str],
    writer: csv::Writer<Vec<u8>>,
}

fn unwritable(error: impl std::fmt::Display) -> ViewsError {
    ViewsError::Unwritable(error.to_string())
}

impl Sheet {
    /// A sheet of these columns; the first is the kind of line.
    pub(crate) fn new(header: &'static [&'static str]) -> Result<Self, ViewsError> {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        writer.write_record(header).map_err(unwritable)?;
        Ok(Self { header, writer })
    }

    /// Adds a line of a kind, with values by column.
    ///
    /// # Panics
    /// When a column is not in the header.
    pub(crate) fn line(&mut self, kind: &str, values: &[(&str, String)]) -> Result<(), ViewsError> {
        let mut line = vec![""; self.header.len()];
        line[0] = kind;
        for (column, value) in values {
            let at = self.header.iter().position(|name| name == column);
            line[at.expect("a value stands in a column of the header")] = value;
        }
        self.writer.write_record(line).map_err(unwritable)
    }

    pub(crate) fn finish(self) -> Result<String, ViewsError> {
        String::from_utf8(self.writer.into_inner().map_err(unwritable)?).map_err(unwritable)
    }
}

/// Shows a value, or nothing.
pub(crate) fn optional<T: ToString>(value: Option<&T>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

/// Free text that no spreadsheet takes for a formula.
pub(crate) fn free_text(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_all_kinds_have_all_columns() {
        let mut sheet = Sheet::new(&["record", "asset", "reason"]).unwrap();
        sheet.line("total", &[("asset", "EUR".into())]).unwrap();
        sheet.line("note", &[("reason", free_text("=1+1, \"quoted\""))]).unwrap();
        assert_eq!(
            sheet.finish().unwrap(),
            "record,asset,reason\r\ntotal,EUR,\r\nnote,,\"'=1+1, \"\"quoted\"\"\"\r\n"
        );
    }
}
