//! Policy bundles: which is in force, and bringing another into force.

use crate::answer::{self, Answer, Done, done};
use crate::call::{Call, Filter};
use crate::json;
use crate::problem::{Problem, kinds};
use crate::reads::{PageBody, PageQuery};
use crate::refusals;
use crate::rows;
use crate::services::Api;
use axum::extract::State;
use compliance::{Bundle, Module};
use engine::Command;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use views::{DecisionFilter, PageRequest};
use vocabulary::{OrderId, Reason};

/// The most decisions that a dry run takes again.
const DECISIONS_MAX: usize = 1_000;

/// A Rego module.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModuleBody {
    /// Its path, unique in the bundle.
    #[schema(example = "finance/compliance.rego")]
    name: String,
    /// Its text.
    #[schema(example = "package finance.compliance\n...")]
    text: String,
}

/// Modules and data that come into force together.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BundleBody {
    #[serde(deserialize_with = "json::objects")]
    modules: Vec<ModuleBody>,
    /// The document at `data`: limits and the like.
    #[schema(value_type = Object)]
    data: Value,
}

impl BundleBody {
    /// As the domain has it.
    pub(super) fn bundle(self) -> Result<Bundle, Problem> {
        if !self.data.is_object() {
            return Err(Problem::invalid("data", "must be a JSON object"));
        }
        let data = serde_json::to_string(&self.data).expect("what was JSON is JSON");
        let module = |ModuleBody { name, text }| Module { name, text };
        Ok(Bundle { modules: self.modules.into_iter().map(module).collect(), data })
    }
}

/// The bundle that judges orders and requests now.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ActivePolicy {
    /// Counts the activations from 1: decisions name their bundle by it.
    version: u32,
    /// SHA-256 of the bundle.
    digest: String,
    modules: Vec<ModuleBody>,
    /// The document at `data`: limits and the like.
    #[schema(value_type = Object)]
    data: Value,
}

/// A bundle to try, and on how many orders.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trial {
    bundle: BundleBody,
    /// How many of the latest decisions to take again, 1 to 1,000; 1,000 if left out.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1000)]
    decisions: Option<usize>,
}

/// What a bundle would have decided differently.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct TrialBody {
    /// Orders that were judged again.
    examined: u64,
    /// Allowed then, denied by the bundle, for these reasons.
    newly_denied: Vec<Redecided>,
    /// Denied then for these reasons, allowed by the bundle.
    newly_allowed: Vec<Redecided>,
}

/// An order whose verdict would be another.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Redecided {
    #[schema(value_type = u64)]
    order: OrderId,
    #[schema(value_type = Vec<rows::DecisionReason>)]
    reasons: Vec<Reason>,
}

/// Brings a bundle into force, for orders and for requests, if it is fit for it; otherwise the last one stays, and the
/// refusal is on record.
#[utoipa::path(post, path = "/compliance/policies", tag = "compliance", request_body = BundleBody,
    responses((status = 200, description = "In force", body = Done)))]
pub(crate) async fn activate_policy(State(api): State<Arc<Api>>, call: Call) -> Answer {
    let bundle = call.read::<BundleBody>()?.bundle()?;
    let activate = compliance::Command::ActivatePolicy { bundle };
    let receipt = api.submit(call.request(Command::Compliance(activate))).await?;
    // It is in force whatever comes of this, and whoever follows the journal refreshes them too.
    if let Err(problem) = api.refresh_permissions().await {
        tracing::warn!(detail = problem.detail(), "a new policy is in force and could not be read at once");
    }
    done(&receipt)
}

/// The bundle in force.
#[utoipa::path(get, path = "/compliance/policies", tag = "compliance",
    responses((status = 200, description = "Version, digest and content", body = ActivePolicy)))]
pub(crate) async fn active_policy(State(api): State<Arc<Api>>, _call: Call) -> Answer {
    let (position, policy) = api.look(|state| state.compliance.policy().cloned()).await?;
    let policy =
        policy.ok_or_else(|| Problem::new(&kinds::NO_POLICY, "no bundle was brought into force yet"))?;
    let module = |Module { name, text }| ModuleBody { name, text };
    let body = ActivePolicy {
        version: policy.version,
        digest: policy.digest.to_string(),
        modules: policy.bundle.modules.into_iter().map(module).collect(),
        data: serde_json::from_str(&policy.bundle.data).unwrap_or_default(),
    };
    answer::ok(position, &body)
}

/// Every bundle that came into force, by whom and when.
#[utoipa::path(get, path = "/compliance/policies/history", tag = "compliance", params(PageQuery),
    responses((status = 200, description = "The latest first", body = PageBody<rows::Policy>)))]
pub(crate) async fn policy_history(
    State(api): State<Arc<Api>>,
    call: Call,
    Filter(query): Filter<PageQuery>,
) -> Answer {
    let page = query.page()?;
    let (position, rows) = api.ask(&call, move |views| views.policies(&page)).await?;
    answer::ok(position, &PageBody::of(rows))
}

/// Judges recent orders again by a bundle, and says what it would have decided differently. Changes nothing.
#[utoipa::path(post, path = "/compliance/policies/dry-run", tag = "compliance", request_body = Trial,
    responses((status = 200, description = "The difference", body = TrialBody)))]
pub(crate) async fn dry_run(State(api): State<Arc<Api>>, call: Call) -> Answer {
    let Trial { bundle, decisions } = call.read()?;
    let bundle = bundle.bundle()?;
    let page = PageRequest::new(Some(decisions.unwrap_or(DECISIONS_MAX)), None)
        .map_err(|_| Problem::invalid("decisions", "must be 1 to 1000"))?;
    let recent = move |views: &views::Snapshot| views.decisions(&DecisionFilter::default(), &page);
    let (position, recent) = api.ask_at(api.node.durable_position(), recent).await?;
    let mut positions: Vec<u64> = recent.rows.iter().map(|decision| decision.position).collect();
    positions.sort_unstable();
    positions.dedup();
    let records = api.records(positions).await?;
    let judged = tokio::task::spawn_blocking(move || {
        let events = records.iter().flat_map(|record| record.events()).filter_map(decision);
        compliance::dry_run(events, &bundle)
    });
    let judged = judged.await.map_err(|_| Problem::new(&kinds::INTERNAL, "the bundle could not be run"))?;
    let judged = judged.map_err(|why| Problem::new(refusals::bad_bundle(&why), why.to_string()))?;
    let redecided = |all: Vec<compliance::Redecided>| {
        all.into_iter().map(|one| Redecided { order: one.order, reasons: one.reasons }).collect()
    };
    let body = TrialBody {
        examined: judged.examined,
        newly_denied: redecided(judged.newly_denied),
        newly_allowed: redecided(judged.newly_allowed),
    };
    answer::ok(position, &body)
}

fn decision(event: &engine::Event) -> Option<&compliance::Event> {
    match event {
        engine::Event::Compliance(event) => Some(event),
        engine::Event::Trading(_)
        | engine::Event::Settlement(_)
        | engine::Event::Risk(_)
        | engine::Event::Flow(_)
        | engine::Event::Block(_) => None,
    }
}
