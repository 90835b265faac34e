//! Ids of spans that several processes find without telling each other.

use crate::span::Kind;
use engine::{Context, span_id};
use vocabulary::CorrelationId;

/// The request to a service that commands of that thread came with.
pub fn request_span_id(service: Context, thread: CorrelationId) -> u64 {
    let (high, low) = ((thread.0 >> 64) as u64, thread.0 as u64);
    // Those of records leave the highest bit free.
    span_id(service, (high ^ low) >> 4) | 1 << 63
}

/// An event of that record, as it is published or consumed by a service: each of them is a span.
pub fn event_span_id(record: u64, index: u32, service: Context, kind: Kind) -> u64 {
    let which = (u64::from(index) << 8) | (kind as u64) << 4 | span_id(service, 0) >> 60;
    // SplitMix64's finaliser, which maps different numbers to different ones.
    let mut id = record ^ which.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    id = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    id = (id ^ (id >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (id ^ (id >> 31)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn services_requests_and_records_of_one_thread_have_ids_of_their_own() {
        let thread = CorrelationId(7);
        let of_requests = Context::ALL.map(|service| request_span_id(service, thread));
        let of_records =
            Context::ALL.map(|service| [1, 2, 1 << 48, (3 << 48) + 1].map(|at| span_id(service, at)));
        let all: BTreeSet<u64> = of_records.into_iter().flatten().chain(of_requests).collect();
        let of_events = Context::ALL.into_iter().flat_map(|service| {
            let of = move |index, kind| event_span_id(span_id(Context::Trading, 1), index, service, kind);
            (0..3).flat_map(move |index| [Kind::Producer, Kind::Consumer].map(|kind| of(index, kind)))
        });
        let all: BTreeSet<u64> = all.into_iter().chain(of_events).collect();
        assert_eq!(all.len(), 20 + 24);
        assert!(!all.contains(&0), "which would be no id");
    }
}
