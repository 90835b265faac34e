//! What can go wrong with the views. They are derived, so nothing here loses anything: rebuild, or ask again.

use std::path::PathBuf;

/// Why the views could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ViewsError {
    /// The file cannot be opened.
    #[error("cannot open the views at {}", path.display())]
    Open {
        /// Where.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The file was laid down by another version, and its writer has not rebuilt it yet.
    #[error("the views at {} have schema version {found}, not {expected}: start the writer to rebuild them", path.display())]
    OtherVersion {
        /// Where.
        path: PathBuf,
        /// The version in the file.
        found: i64,
        /// The version known here.
        expected: i64,
    },
    /// The database failed.
    #[error("the views' database failed")]
    Database(#[from] rusqlite::Error),
    /// Records are missing between the cursor and what came.
    #[error("the views wait for position {expected}, but were given {found}")]
    Gap {
        /// The next position.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// A record does not fit what the views hold: the views or the journal are corrupt, or there is a bug.
    #[error("record {position} does not fit the views: {what}")]
    Misfit {
        /// Which record.
        position: u64,
        /// What is wrong.
        what: String,
    },
    /// A cursor that no answer has given.
    #[error(
        "the cursor {cursor:?} is not one of the list of {list}: pass on what an answer of that list gave as next, or none to begin"
    )]
    UnknownCursor {
        /// The list that was asked for.
        list: &'static str,
        /// What was given.
        cursor: String,
    },
    /// A page of no rows, or of too many.
    #[error("limit must be 1 to {max}, but is {limit}")]
    BadLimit {
        /// What was asked for.
        limit: usize,
        /// The most rows a page can have.
        max: usize,
    },
    /// The views did not reach the wanted position in time.
    #[error("the views are at position {position} and did not reach {wanted} in time: ask again")]
    Behind {
        /// What was to be reached.
        wanted: u64,
        /// Where they are.
        position: u64,
    },
    /// A report could not be written out.
    #[error("the report cannot be written: {0}")]
    Unwritable(String),
}

impl ViewsError {
    /// Whether the one who asked did wrong, and asking the same again cannot succeed.
    #[must_use]
    pub fn is_bad_request(&self) -> bool {
        match self {
            Self::UnknownCursor { .. } | Self::BadLimit { .. } => true,
            Self::Open { .. }
            | Self::OtherVersion { .. }
            | Self::Database(_)
            | Self::Gap { .. }
            | Self::Misfit { .. }
            | Self::Behind { .. }
            | Self::Unwritable(_) => false,
        }
    }
}
