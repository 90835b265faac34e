//! Operations of compliance (SRV-4).

mod decisions;
mod policies;
mod report;
mod restrictions;
mod status;

use crate::services::Api;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(policies::active_policy, policies::activate_policy))
        .routes(routes!(policies::policy_history))
        .routes(routes!(policies::dry_run))
        .routes(routes!(decisions::list_decisions))
        .routes(routes!(decisions::get_decision))
        .routes(routes!(decisions::list_refusals))
        .routes(routes!(report::compliance_report))
        .routes(routes!(status::live_status))
        .routes(routes!(restrictions::list_restrictions, restrictions::restrict))
        .routes(routes!(restrictions::unrestrict))
}
