//! What the parser would have to go through, told before it begins.
//!
//! It reads each list, set and object twice, first as the comprehension that it might be; so what stands in `n` of them
//! is read 2^n times, and a hundred bytes could keep it busy for years. Counted in bytes read, so that the same text is
//! refused on every machine.

/// Bytes that the parser goes through in this text, at most.
pub(super) fn bytes_read(text: &str) -> u64 {
    let (mut read, mut depth, mut within) = (0_u64, 0_u32, Within::Code);
    for byte in text.bytes() {
        read = read.saturating_add(1_u64.checked_shl(depth).unwrap_or(u64::MAX));
        within = within.after(byte);
        match byte {
            b'[' | b'{' if within == Within::Code => depth = depth.saturating_add(1),
            b']' | b'}' if within == Within::Code => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    read
}

/// Where brackets count, and where they do not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Code,
    Comment,
    /// In double quotes; whether the next character is escaped.
    Text {
        escaped: bool,
    },
    /// In backquotes.
    RawText,
}

impl Within {
    fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Code, b'#') => Self::Comment,
            (Self::Code, b'"') => Self::Text { escaped: false },
            (Self::Code, b'`') => Self::RawText,
            (Self::Comment, b'\n') | (Self::Text { escaped: false }, b'"') | (Self::RawText, b'`') => {
                Self::Code
            }
            (Self::Text { escaped }, _) => Self::Text { escaped: !escaped && byte == b'\\' },
            (Self::Code | Self::Comment | Self::RawText, _) => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::bytes_read;
    use crate::program::Program;
    use crate::{BadBundle, Bundle, Module, default_bundle};

    fn compile(rules: &str) -> Result<(), BadBundle> {
        let text = format!("package finance.compliance\nimport rego.v1\n{rules}");
        let modules = vec![Module { name: "x.rego".into(), text }];
        Program::compile(&Bundle { modules, data: "{}".into() }, crate::DENY_RULE, &[]).map(|_| ())
    }

    fn nested(depth: usize, open: &str, close: &str) -> String {
        format!("a := {}1{}\ndeny contains \"x\" if a == 1", open.repeat(depth), close.repeat(depth))
    }

    #[test]
    fn each_level_doubles_what_is_read() {
        assert_eq!(bytes_read("ab"), 2);
        assert_eq!(bytes_read("[a]b"), 1 + 2 + 2 + 1);
        assert_eq!(bytes_read("{[a]}"), 1 + 2 + 4 + 4 + 2);
        assert_eq!(bytes_read("]a"), 2);
        assert_eq!(bytes_read(&"[".repeat(1_000)), u64::MAX);
    }

    #[test]
    fn brackets_in_texts_and_comments_do_not_count() {
        for flat in ["\"[[\"a", "\"\\\"[\"a", "`[\\`a", "#[\"`\na", "\"\\\\\"#[", "'a'"] {
            assert_eq!(bytes_read(flat), flat.len() as u64, "{flat}");
        }
        assert_eq!(bytes_read("\"\\\\\"[a"), 7, "the text ends at its second quote");
    }

    #[test]
    fn the_shipped_modules_are_far_from_the_bound() {
        let read: u64 = default_bundle().modules.iter().map(|module| bytes_read(&module.text)).sum();
        assert!(read < super::super::BYTES_READ_MAX / 10, "{read}");
    }

    #[test]
    fn fault_19_what_would_keep_the_parser_busy_for_years_is_refused() {
        for (open, close) in [("[", "]"), ("{", "}"), ("{\"a\":", "}"), ("count([", "])")] {
            assert_eq!(compile(&nested(6, open, close)), Ok(()), "{open}");
            let refused = compile(&nested(100, open, close)).unwrap_err();
            assert_eq!(refused.code(), "compliance.bundle-does-not-compile", "{open}");
            assert!(refused.to_string().contains("stand too deep in each other"), "{refused}");
        }
    }
}
