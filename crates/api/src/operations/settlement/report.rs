//! The settlement report of a date.

use crate::answer::Answer;
use crate::call::{Call, Filter, Place, parameter};
use crate::forms;
use crate::report_rows;
use crate::reports::{self, Accepted, Format, ROWS_MAX};
use crate::services::Api;
use axum::extract::State;
use serde::Deserialize;
use std::sync::Arc;

/// In which form.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FormatQuery {
    /// `json`, `csv` or `html`; if left out, as the Accept header says.
    format: Option<Format>,
}

/// What settled on a date: runs, totals, positions gross and net, trades, and what could not be covered.
#[utoipa::path(get, path = "/settlement/reports/{date}", tag = "settlement",
    params(("date" = forms::Day, Path, description = "The settlement date"), FormatQuery),
    responses((status = 200, description = "As JSON, CSV or a page fit to print", content(
        (report_rows::SettlementReport = "application/json"),
        (String = "text/csv"),
        (String = "text/html"),
    ))))]
pub(crate) async fn settlement_report(
    State(api): State<Arc<Api>>,
    Place(date): Place<String>,
    accepted: Accepted,
    call: Call,
    Filter(query): Filter<FormatQuery>,
) -> Answer {
    let date = parameter("date", &date)?;
    let make = move |views: &views::Snapshot, hash: &str| views.settlement_report(date, hash, ROWS_MAX);
    let (position, report) = api.report(&call, make).await?;
    reports::answer(position, &report, accepted.or(query.format))
}
