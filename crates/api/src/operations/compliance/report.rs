//! The compliance report of a day.

use crate::answer::Answer;
use crate::call::{Call, Filter};
use crate::report_rows;
use crate::reports::{self, Accepted, ROWS_MAX, ReportQuery};
use crate::services::Api;
use axum::extract::State;
use std::sync::Arc;

/// Decisions of a day by code, policy, market and user, every denial, the policies in force, the restricted list.
#[utoipa::path(get, path = "/compliance/report", tag = "compliance", params(ReportQuery),
    responses((status = 200, description = "As JSON, CSV or a page fit to print", content(
        (report_rows::ComplianceReport = "application/json"),
        (String = "text/csv"),
        (String = "text/html"),
    ))))]
pub(crate) async fn compliance_report(
    State(api): State<Arc<Api>>,
    accepted: Accepted,
    call: Call,
    Filter(query): Filter<ReportQuery>,
) -> Answer {
    let date = reports::day(&api, &call, query.date).await?;
    let make = move |views: &views::Snapshot, hash: &str| views.compliance_report(date, hash, ROWS_MAX);
    let (position, report) = api.report(&call, make).await?;
    reports::answer(position, &report, accepted.or(query.format))
}
