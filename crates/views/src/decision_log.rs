//! The decision log (AUD-2): one JSON line for every decision of compliance, complete enough to decide it again.

use compliance::{Digest, Event};
use engine::Record;
use serde::Serialize;
use vocabulary::{CorrelationId, OrderId, Reason, Timestamp, UserId};

#[derive(Serialize)]
struct Head {
    /// Names the decision: the order that it is about.
    decision_id: OrderId,
    time: Timestamp,
    position: u64,
    correlation: CorrelationId,
    actor: UserId,
    bundle: BundleName,
}

#[derive(Serialize)]
struct BundleName {
    version: u32,
    digest: Option<String>,
}

#[derive(Serialize)]
struct Tail<'a> {
    result: &'static str,
    restricted: Option<compliance::Restriction>,
    reasons: &'a [Reason],
}

/// The line of an event of that record, without a line break; none if it decides nothing. `digest` is that of the bundle
/// of the event's version, which [`crate::Snapshot::policies`] knows. The input is what the policy was shown, as
/// compliance itself writes it.
///
/// # Panics
/// Never: ids, numbers and text always serialize.
#[must_use]
pub fn decision_log_line(record: &Record, event: &Event, digest: Option<Digest>) -> Option<String> {
    let Event::OrderChecked { terms, policy, allowed, restricted, reasons, .. } = event else { return None };
    let input = event.check_input()?;
    let head = Head {
        decision_id: terms.order,
        time: record.moment.time,
        position: record.moment.position,
        correlation: terms.correlation,
        actor: record.request.actor,
        bundle: BundleName { version: *policy, digest: digest.map(|digest| digest.to_string()) },
    };
    let tail = Tail { result: if *allowed { "allow" } else { "deny" }, restricted: *restricted, reasons };
    let json = "ids, numbers and text serialize";
    let head = serde_json::to_string(&head).expect(json);
    let tail = serde_json::to_string(&tail).expect(json);
    // The input is spliced in as it is: its amounts can have more digits than a JSON number read back would keep.
    Some(format!("{},\"input\":{},{}", &head[..head.len() - 1], input.to_json(), &tail[1..]))
}
