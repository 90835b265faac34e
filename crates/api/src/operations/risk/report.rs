//! The risk report of a day.

use crate::answer::Answer;
use crate::call::{Call, Filter};
use crate::report_rows;
use crate::reports::{self, Accepted, ROWS_MAX, ReportQuery};
use crate::services::Api;
use axum::extract::State;
use std::sync::Arc;

/// Scopes whose exposures are in the report.
const SCOPES_MAX: usize = 5_000;

/// Exposure and utilisation per account and participant as they are now, engaged kill switches, alerts of a day.
#[utoipa::path(get, path = "/risk/report", tag = "risk", params(ReportQuery),
    responses((status = 200, description = "As JSON, CSV or a page fit to print", content(
        (report_rows::RiskReport = "application/json"),
        (String = "text/csv"),
        (String = "text/html"),
    ))))]
pub(crate) async fn risk_report(
    State(api): State<Arc<Api>>,
    accepted: Accepted,
    call: Call,
    Filter(query): Filter<ReportQuery>,
) -> Answer {
    let date = reports::day(&api, &call, query.date).await?;
    let exposures = api.look(|state| state.risk.exposures(None, SCOPES_MAX)).await?;
    let make = move |views: &views::Snapshot, hash: &str| {
        views.risk_report(date, hash, (exposures.0, &exposures.1), ROWS_MAX)
    };
    let (position, report) = api.report(&call, make).await?;
    reports::answer(position, &report, accepted.or(query.format))
}
