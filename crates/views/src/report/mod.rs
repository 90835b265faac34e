//! Reports: the same facts as JSON, as CSV and as a page fit to print.
//!
//! Each is a plain structure that serializes to JSON. Invariant: all of a report is from one snapshot, whose position
//! it names. Absent on purpose: a clock; a report is as of the last record, and made again from the same journal it is
//! the same.

pub(crate) mod compliance;
mod html;
pub(crate) mod risk;
pub(crate) mod settlement;
mod sheet;

use serde::Serialize;
use vocabulary::{Date, Timestamp};

use crate::reader::Snapshot;

/// What a report is about and what it stands on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReportHead {
    /// The day it is about.
    pub date: Date,
    /// The last position that it takes in.
    pub position: u64,
    /// Time of that record.
    pub as_of: Timestamp,
    /// Hash of the journal there, to prove what the report stands on.
    pub journal_hash: String,
}

impl ReportHead {
    fn of(snapshot: &Snapshot, date: Date, journal_hash: &str) -> Self {
        Self {
            date,
            position: snapshot.position(),
            as_of: snapshot.time(),
            journal_hash: journal_hash.to_owned(),
        }
    }
}
