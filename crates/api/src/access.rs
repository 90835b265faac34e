//! Putting on record who looked at what, and who was turned away (AUD-1, fault 18).
//!
//! A read in an office is recorded before it is answered: no record, no answer. A refused request is recorded without
//! anybody waiting, and at a bounded rate, so that an attacker fills neither journal nor disk; how many went unrecorded
//! stands in the next record.

use crate::auth::Principal;
use crate::problem::Problem;
use crate::routes::Route;
use crate::services::Api;
use engine::{Access, Command, Request};
use std::sync::atomic::Ordering;
use vocabulary::{CorrelationId, UserId};

/// The longest operation recorded, in bytes.
const OPERATION_MAX: usize = 200;

/// Who is put on record when nobody knows who it is.
fn anonymous() -> UserId {
    "anonymous".parse().expect("a valid id")
}

/// Records a read of somebody else's data.
pub(crate) async fn record_read(
    api: &Api,
    principal: &Principal,
    correlation: CorrelationId,
    path: &str,
    status: u16,
) -> Result<(), Problem> {
    let access = Access { operation: operation("GET", path), status, code: None, unrecorded: None };
    api.node.submit(request(principal.user, correlation, access)).await?;
    Ok(())
}

/// Records that somebody was turned away, with the path that he asked for. Of one whose token was not good, nothing
/// that he sent is recorded.
pub(crate) fn record_refused(
    api: &Api,
    principal: Option<&Principal>,
    correlation: CorrelationId,
    route: &Route,
    path: &str,
    problem: &Problem,
) {
    let path = if principal.is_some() { path } else { &route.path };
    let unrecorded = &api.unrecorded_refusals;
    let actor = principal.map_or_else(anonymous, |principal| principal.user);
    let before = api.access_rate.take((), 1).is_ok().then(|| unrecorded.swap(0, Ordering::Relaxed));
    let recorded = before.is_some_and(|before| {
        let access = Access {
            operation: operation(route.method.as_str(), path),
            status: problem.status().as_u16(),
            code: Some(problem.code().to_owned()),
            unrecorded: (before > 0).then_some(before),
        };
        api.node.enqueue(vec![request(actor, correlation, access)]).is_ok()
    });
    if !recorded {
        unrecorded.fetch_add(1 + before.unwrap_or(0), Ordering::Relaxed);
        api.metrics.access_suppressed.inc();
    }
}

fn request(actor: UserId, correlation: CorrelationId, access: Access) -> Request {
    Request { command_id: None, correlation, actor, command: Command::RecordAccess(access) }
}

fn operation(method: &str, path: &str) -> String {
    let mut operation = format!("{method} {path}");
    let end = (0..=OPERATION_MAX.min(operation.len())).rev().find(|end| operation.is_char_boundary(*end));
    operation.truncate(end.unwrap_or_default());
    operation
}
