//! Policy bundles: which is in force, and bringing another into force.

use crate::answer::{self, Answer, Done, done};
use crate::auth::Permissions;
use crate::call::Call;
use crate::problem::{Problem, kinds};
use crate::refusals;
use crate::services::Api;
use axum::extract::State;
use compliance::{Bundle, Module};
use engine::Command;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

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
    bundle: BundleBody,
}

/// Brings a bundle into force, for orders and for requests, if it is fit for it; otherwise the last one stays.
#[utoipa::path(post, path = "/compliance/policies", tag = "compliance", request_body = BundleBody,
    responses((status = 200, description = "In force", body = Done)))]
pub(crate) async fn activate_policy(State(api): State<Arc<Api>>, call: Call) -> Answer {
    let bundle = call.read::<BundleBody>()?.bundle()?;
    let bundle = check(bundle).await?;
    let activate = compliance::Command::ActivatePolicy { bundle };
    let receipt = api.submit(call.request(Command::Compliance(activate))).await?;
    api.refresh_permissions().await?;
    done(&receipt)
}

/// A bundle that does not say who may call what would leave the gateway with the one before.
async fn check(bundle: Bundle) -> Result<Bundle, Problem> {
    let compiled = tokio::task::spawn_blocking(move || match Permissions::of(&bundle, 0) {
        Ok(_) => Ok(bundle),
        Err(why) => Err(Problem::new(refusals::bad_bundle(&why), why.to_string())),
    });
    compiled.await.map_err(|_| Problem::new(&kinds::INTERNAL, "the bundle could not be compiled"))?
}

/// The bundle in force.
#[utoipa::path(get, path = "/compliance/policies/active", tag = "compliance",
    responses((status = 200, description = "Version, digest and content", body = ActivePolicy)))]
pub(crate) async fn active_policy(State(api): State<Arc<Api>>, _call: Call) -> Answer {
    let (position, policy) = api.look(|state| state.compliance.policy().cloned()).await?;
    let policy =
        policy.ok_or_else(|| Problem::new(&kinds::NO_POLICY, "no bundle was brought into force yet"))?;
    let module = |Module { name, text }| ModuleBody { name, text };
    let bundle = BundleBody {
        modules: policy.bundle.modules.into_iter().map(module).collect(),
        data: serde_json::from_str(&policy.bundle.data).unwrap_or_default(),
    };
    answer::ok(position, &ActivePolicy { version: policy.version, digest: policy.digest.to_string(), bundle })
}
