//! Operations of settlement (SRV-2).

mod history;
mod quotas;
mod reference;
mod report;
mod runs;

use crate::services::Api;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(quotas::list_quotas, quotas::set_quota))
        .routes(routes!(quotas::list_shortfalls, quotas::record_shortfall))
        .routes(routes!(reference::define_calendar))
        .routes(routes!(reference::list_calendars))
        .routes(routes!(reference::list_models))
        .routes(routes!(reference::set_model))
        .routes(routes!(runs::due))
        .routes(routes!(runs::process))
        .routes(routes!(history::list_runs))
        .routes(routes!(history::get_run))
        .routes(routes!(history::list_obligations))
        .routes(routes!(history::list_net_positions))
        .routes(routes!(report::settlement_report))
}
