//! Where violations go, each with the place where it was seen. Absent on purpose: what is a violation, which each rule
//! says for itself.

use super::{ShardName, Violation};
use engine::Record;
use std::fmt;

/// What a rule hears at the moment.
#[derive(Clone, Copy)]
enum Place {
    Record(ShardName, u64),
    Answer,
    End,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(shard, position) => {
                write!(f, "{} {}, record {position}", shard.context, shard.number)
            }
            Self::Answer => f.write_str("in an answer"),
            Self::End => f.write_str("at the end"),
        }
    }
}

/// Takes what one record, one answer or the end shows.
pub(super) struct Findings<'a> {
    place: Place,
    found: &'a mut Vec<Violation>,
}

impl<'a> Findings<'a> {
    pub(super) fn in_record(shard: ShardName, record: &Record, found: &'a mut Vec<Violation>) -> Self {
        Self { place: Place::Record(shard, record.moment.position), found }
    }

    pub(super) fn in_answer(found: &'a mut Vec<Violation>) -> Self {
        Self { place: Place::Answer, found }
    }

    pub(super) fn at_the_end(found: &'a mut Vec<Violation>) -> Self {
        Self { place: Place::End, found }
    }

    /// There is a violation.
    pub(super) fn tell(&mut self, invariant: &'static str, told: impl fmt::Display) {
        self.found.push(Violation { invariant, told: format!("{}: {told}", self.place) });
    }

    /// There is one unless `holds`.
    pub(super) fn check(&mut self, holds: bool, invariant: &'static str, told: impl FnOnce() -> String) {
        if !holds {
            self.tell(invariant, told());
        }
    }
}
