//! Time and place of a record. Stamped by the writer, never read by the domain from a clock.

use minicbor::{Decode, Encode};
use serde::Serialize;
use std::fmt;

/// UTC nanoseconds since 1970-01-01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct Timestamp(#[n(0)] pub u64);

impl Timestamp {
    /// So many nanoseconds later.
    #[must_use]
    pub fn plus_ns(self, ns: u64) -> Self {
        Self(self.0.saturating_add(ns))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 with nanoseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(t) = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0)) else {
            return write!(f, "{} ns", self.0);
        };
        let (year, month, day) = t.to_calendar_date();
        let (hour, minute, second, ns) = t.to_hms_nano();
        write!(f, "{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ns:09}Z", u8::from(month))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where and when a decision is taken: the writer's stamp on a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Encode, Decode)]
pub struct Moment {
    /// Shard (upper 16 bits) and gapless position of the record within it.
    #[n(0)]
    pub position: u64,
    /// UTC; never earlier than that of the record before.
    #[n(1)]
    pub time: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_as_rfc_3339() {
        assert_eq!(Timestamp(1_675_733_400_000_000_001).to_string(), "2023-02-07T01:30:00.000000001Z");
    }
}
