//! What a journal is founded with, in whatever database it lies.

use std::collections::BTreeMap;

/// Laid down once, never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Founding {
    /// The shard whose journal it is.
    pub shard: u16,
    /// When, in RFC 3339; for people.
    pub created: String,
    /// Whatever else must not change over the journal's life, by name.
    pub facts: BTreeMap<String, String>,
}
