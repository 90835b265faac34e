//! Why the audit log cannot be written.

use std::io;
use std::path::{Path, PathBuf};

/// The audit log stops here. What it lacks is in the journal, and is written once the log is opened again.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file system refused: no room, no permission, a failing disk.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: "append to", "sync".
        action: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// The operating system's own words.
        source: io::Error,
    },
    /// The last whole line is not one that this log has written, so nothing can be chained to it.
    #[error("the last line of {} is not as it was written: `rialto audit verify` says more", path.display())]
    Damaged {
        /// In which file.
        path: PathBuf,
    },
    /// The log tells of another shard than the one that is to be written.
    #[error("{} is of shard {found}, not of shard {expected}", path.display())]
    OtherShard {
        /// In which file.
        path: PathBuf,
        /// The shard of its last line.
        found: u16,
        /// The shard that opens it.
        expected: u16,
    },
    /// Records did not come gaplessly, or their time went back by a day.
    #[error("the record at position {found} does not follow position {last}")]
    OutOfOrder {
        /// The last position written.
        last: u64,
        /// The position that came.
        found: u64,
    },
    /// A decision names a policy whose activation is not in the log before it.
    #[error(
        "the decision at position {position} names policy version {version}, which was not seen to come into force"
    )]
    UnknownPolicy {
        /// The decision's record.
        position: u64,
        /// The version it names.
        version: u32,
    },
    /// A failure before this has stopped the log.
    #[error("the audit log has stopped after a failure: open it again")]
    Stopped,
}

impl AuditError {
    /// For `map_err`: what was tried, and with what.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}
