//! Reports: in which form they are asked for, of which day, and what of the journal they stand on.

use crate::answer::{Answer, with_position};
use crate::call::Call;
use crate::forms;
use crate::problem::{Problem, kinds};
use crate::services::Api;
use axum::extract::FromRequestParts;
use axum::http::header::ACCEPT;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::sync::Arc;
use views::{ComplianceReport, RiskReport, SettlementReport, ViewsError};
use vocabulary::Date;

/// The most rows of each list in a report.
pub(crate) const ROWS_MAX: usize = 10_000;

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// For programs.
    Json,
    /// For spreadsheets.
    Csv,
    /// A page fit to print.
    Html,
}

/// Of which day, in which form.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReportQuery {
    /// The day; the open business day if left out.
    #[param(value_type = Option<forms::Day>)]
    pub(crate) date: Option<Date>,
    /// `json`, `csv` or `html`; if left out, as the Accept header says.
    pub(crate) format: Option<Format>,
}

/// The form that the Accept header asks for, for when the query does not.
pub(crate) struct Accepted(Format);

impl<S: Send + Sync> FromRequestParts<S> for Accepted {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(accepted(&parts.headers)))
    }
}

impl Accepted {
    /// The form asked for.
    pub(crate) fn or(self, asked: Option<Format>) -> Format {
        asked.unwrap_or(self.0)
    }
}

/// The first of the forms that the header names; JSON if it names none. Weights are passed over.
fn accepted(headers: &HeaderMap) -> Format {
    let text = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kinds = text.split(',').map(|part| part.split(';').next().unwrap_or_default().trim());
    kinds
        .filter_map(|kind| match kind {
            "application/json" => Some(Format::Json),
            "text/csv" => Some(Format::Csv),
            "text/html" => Some(Format::Html),
            _ => None,
        })
        .next()
        .unwrap_or(Format::Json)
}

/// A report of the views.
pub(crate) trait Report: Serialize {
    /// As CSV.
    fn csv(&self) -> Result<String, ViewsError>;
    /// As a page.
    fn html(&self) -> String;
}

macro_rules! report {
    ($($name:ident),*) => {
        $(impl Report for $name {
            fn csv(&self) -> Result<String, ViewsError> {
                self.to_csv()
            }
            fn html(&self) -> String {
                self.to_html()
            }
        })*
    };
}

report!(SettlementReport, RiskReport, ComplianceReport);

/// The report in the form asked for.
pub(crate) fn answer(position: u64, report: &impl Report, format: Format) -> Answer {
    let (kind, bytes) = match format {
        Format::Json => ("application/json", serde_json::to_vec(report).expect("reports are plain data")),
        Format::Csv => ("text/csv; charset=utf-8", report.csv().map_err(unwritable)?.into_bytes()),
        Format::Html => ("text/html; charset=utf-8", report.html().into_bytes()),
    };
    Ok(with_position(StatusCode::OK, position, kind, bytes))
}

fn unwritable(error: ViewsError) -> Problem {
    tracing::error!(%error, "a report could not be written");
    Problem::new(&kinds::INTERNAL, "the report could not be written")
}

/// The day asked for; else the business day that is open.
pub(crate) async fn day(api: &Arc<Api>, call: &Call, asked: Option<Date>) -> Result<Date, Problem> {
    if let Some(date) = asked {
        return Ok(date);
    }
    let (_, open) = api.ask(call, |views| Ok(views.business_day())).await?;
    open.ok_or_else(|| Problem::new(&kinds::NO_BUSINESS_DAY, "no business day is open: give a date"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_form_of_the_accept_header_counts() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, text.parse().unwrap());
            accepted(&headers)
        };
        assert_eq!(of("text/html,application/xhtml+xml,*/*;q=0.8"), Format::Html);
        assert_eq!(of("text/csv"), Format::Csv);
        assert_eq!(of("*/*"), Format::Json);
        assert_eq!(accepted(&HeaderMap::new()), Format::Json);
        assert_eq!(Accepted(Format::Html).or(Some(Format::Csv)), Format::Csv);
    }
}
