//! How compliance stands now.

use crate::answer::{self, Answer};
use crate::call::Call;
use crate::services::Api;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;

/// How compliance stands now.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ComplianceStatus {
    /// Version of the bundle in force; null: none, and every order is denied.
    policy: Option<u32>,
    /// SHA-256 of that bundle.
    digest: Option<String>,
    /// Entries of the restricted list.
    restrictions: usize,
    /// Orders that wait for an answer of a service.
    undecided_orders: usize,
    /// Kill switches that are engaged.
    kill_switches: usize,
    /// The last durable position.
    position: u64,
    /// How far behind it each follower of the journal is: the audit log among them.
    followers: Vec<FollowerBody>,
}

/// How far a follower is.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct FollowerBody {
    #[schema(value_type = String, example = "audit")]
    name: &'static str,
    /// Records that it has not seen yet.
    behind: u64,
    /// Whether it has stopped after a failure.
    failed: bool,
}

/// How compliance stands now: what is in force, and whether everything is on record.
#[utoipa::path(get, path = "/compliance/status", tag = "compliance",
    responses((status = 200, description = "As of now", body = ComplianceStatus)))]
pub(crate) async fn live_status(State(api): State<Arc<Api>>, _call: Call) -> Answer {
    let node = api.node.status();
    let follower = |follower: &node::FollowerStatus| FollowerBody {
        name: follower.name,
        behind: (node.durable_position + 1).saturating_sub(follower.next_position),
        failed: follower.failed.is_some(),
    };
    let followers = node.followers.iter().map(follower).collect();
    let look = move |state: &engine::State| ComplianceStatus {
        policy: state.compliance.policy().map(|policy| policy.version),
        digest: state.compliance.policy().map(|policy| policy.digest.to_string()),
        restrictions: state.compliance.restrictions().len(),
        undecided_orders: state.flows.waiting().count(),
        kill_switches: state.risk.switches().count(),
        position: 0,
        followers,
    };
    let (position, mut status) = api.look(look).await?;
    status.position = position;
    answer::ok(position, &status)
}
