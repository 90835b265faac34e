//! Words for what has no fields, as the HTTP API has them: what serde calls a variant.

use serde::Serialize;

/// The word of an enum without fields.
pub(crate) fn word(of: impl Serialize) -> String {
    match serde_json::to_value(of) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("a variant without fields is a word, not {other:?}"),
    }
}
