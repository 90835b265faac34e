//! Operations of compliance (SRV-4).

mod policies;
mod restrictions;

use crate::services::Api;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(policies::activate_policy))
        .routes(routes!(policies::active_policy))
        .routes(routes!(restrictions::list_restrictions, restrictions::restrict))
        .routes(routes!(restrictions::unrestrict))
}
