//! The audit log (AUD-1) and the policy decision log (AUD-2): JSON lines in `audit/` of the data directory.
//!
//! - `audit-YYYY-MM-DD.jsonl`: one line a record of the journal, so one for every command, every refusal and every
//!   administrative read.
//! - `decisions-YYYY-MM-DD.jsonl`: one line for every order that compliance has judged (`"kind":"decision"`) and one for
//!   every policy bundle that came into force (`"kind":"activation"`).
//!
//! Invariant: the lines follow from the journal alone. The same records give the same bytes, so that a lost log is
//! written again and a rewritten one is found out ([`verify_against`]). In each of the two logs every line carries the
//! hash of the line before it, across files: `hash` is SHA-256 over the 32 bytes of `previous` and the line as it is
//! written without its `hash` member. A day's file is only ever appended to, and not touched once the next day's has
//! begun, so that files can be archived by day. No personal data comes in, since commands hold none.
//!
//! Nothing waits for this log, and no order fails with it (fault 22): what it has not written is still in the journal,
//! and [`AuditLog::open`] goes on exactly where the lines end. Deliberately absent: retention, archiving, and reading the
//! log for anything but proving it.

mod action;
mod clock;
mod day_files;
mod error;
mod event_fact;
mod hash_chain;
mod line;
mod log;
mod outcome;
#[cfg(test)]
mod tests;
mod verify;
mod walk;

pub use error::AuditError;
pub use log::AuditLog;
pub use verify::{Summary, verify, verify_against};
pub use walk::{AuditFlaw, Flaw, LogSummary, VerifyError};
