//! Exposures as they are now.

use super::limits::ScopeFilter;
use super::measures::{MeasureBody, ScopeBody, scale_of};
use crate::answer::{self, Answer};
use crate::call::{Call, Filter};
use crate::decimals::amount_text;
use crate::reads::PageBody;
use crate::services::Api;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
use vocabulary::format_decimal;

/// How much of one measure a scope uses.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ExposureBody {
    scope: ScopeBody,
    measure: MeasureBody,
    used: String,
    /// Null: not limited.
    limit: Option<String>,
    /// Share of the limit in percent.
    #[schema(example = "42.50")]
    utilisation_percent: Option<String>,
}

/// What is used of every standing measure that is limited or in use.
#[utoipa::path(get, path = "/risk/exposures", tag = "risk", params(ScopeFilter),
    responses((status = 200, description = "By scope and measure", body = PageBody<ExposureBody>)))]
pub(crate) async fn list_exposures(
    State(api): State<Arc<Api>>,
    _call: Call,
    Filter(filter): Filter<ScopeFilter>,
) -> Answer {
    let page = filter.page()?;
    let look = move |state: &engine::State| {
        let (scopes, next) = page.scopes(&state.risk);
        let lines = scopes.into_iter().flat_map(|scope| state.risk.exposure(scope));
        let body = |line: risk::ExposureLine| {
            let scale = scale_of(&state.trading, line.measure);
            ExposureBody {
                scope: line.scope.into(),
                measure: line.measure.into(),
                used: amount_text(line.used, scale),
                limit: line.limit.map(|limit| amount_text(limit, scale)),
                utilisation_percent: line.utilisation_bp.map(|share| format_decimal(share.into(), 2)),
            }
        };
        PageBody { items: lines.map(body).collect::<Vec<_>>(), next }
    };
    let (position, page) = api.look(look).await?;
    answer::ok(position, &page)
}
