//! Operations of risk (SRV-3).

mod exposures;
mod history;
mod kill_switches;
mod limits;
pub(crate) mod measures;
mod report;

use crate::services::Api;
use crate::streams;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(limits::list_limits, limits::set_limit))
        .routes(routes!(limits::get_thresholds, limits::set_thresholds))
        .routes(routes!(exposures::list_exposures))
        .routes(routes!(kill_switches::list_switches, kill_switches::engage_switch))
        .routes(routes!(kill_switches::lift_switch))
        .routes(routes!(history::switch_history))
        .routes(routes!(history::list_alerts))
        .routes(routes!(report::risk_report))
        .routes(routes!(streams::alert_stream))
}
