//! Exposures as they are now.

use super::limits::{SCOPES_MAX, ScopeFilter};
use super::measures::{MeasureBody, ScopeBody, scale_of};
use crate::answer::{self, Answer, List};
use crate::call::{Call, Filter};
use crate::decimals::amount_text;
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
    responses((status = 200, description = "By scope and measure, of the first 1,000 scopes", body = List<ExposureBody>)))]
pub(crate) async fn list_exposures(
    State(api): State<Arc<Api>>,
    _call: Call,
    Filter(filter): Filter<ScopeFilter>,
) -> Answer {
    let wanted = filter.scope()?;
    let look = move |state: &engine::State| {
        let lines = match wanted {
            Some(scope) => state.risk.exposure(scope),
            None => state.risk.exposures(None, SCOPES_MAX),
        };
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
        lines.into_iter().map(body).collect::<Vec<_>>()
    };
    let (position, items) = api.look(look).await?;
    answer::ok(position, &List { items })
}
