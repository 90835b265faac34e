//! Limits, and the shares of them at which alerts are raised.

use super::measures::{MeasureBody, ScopeBody, scale_of};
use crate::answer::{self, Answer, Done, List, done};
use crate::call::{Call, Filter};
use crate::decimals::{Decimal, amount_text};
use crate::problem::{Problem, kinds};
use crate::services::Api;
use axum::extract::State;
use engine::Command;
use risk::Scope;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use vocabulary::{AccountId, ParticipantId};

/// Scopes of an answer when no scope is asked for.
pub(super) const SCOPES_MAX: usize = 1_000;

/// A limit to set.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLimit<'a> {
    /// Whose.
    scope: ScopeBody,
    /// On what.
    measure: MeasureBody,
    /// The highest allowed; null lifts the limit.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, example = "5000000.00")]
    limit: Option<Decimal<'a>>,
}

/// A limit.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct LimitBody {
    scope: ScopeBody,
    measure: MeasureBody,
    #[schema(example = "5000000.00")]
    limit: String,
}

/// Whose.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ScopeFilter {
    /// Of this account.
    #[param(value_type = Option<String>)]
    pub(super) account: Option<AccountId>,
    /// Of this participant.
    #[param(value_type = Option<String>)]
    pub(super) participant: Option<ParticipantId>,
}

impl ScopeFilter {
    /// The scope asked for, if one is.
    pub(super) fn scope(&self) -> Result<Option<Scope>, Problem> {
        match (self.account, self.participant) {
            (Some(account), None) => Ok(Some(Scope::Account(account))),
            (None, Some(participant)) => Ok(Some(Scope::Participant(participant))),
            (None, None) => Ok(None),
            (Some(_), Some(_)) => {
                let detail = "account and participant exclude each other";
                Err(Problem::new(&kinds::INVALID_QUERY, detail).in_field("participant"))
            }
        }
    }
}

/// The shares at which alerts are raised.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Thresholds {
    /// Whole percents of every limit, 1 to 100; none at all means no alerts.
    #[schema(example = json!([80, 100]))]
    percents: Vec<u8>,
}

/// Sets a limit, or lifts it. It may be set below what is in use: what adds to that is refused.
#[utoipa::path(post, path = "/risk/limits", tag = "risk", request_body = NewLimit,
    responses((status = 200, description = "Set", body = Done)))]
pub(crate) async fn set_limit(State(api): State<Arc<Api>>, call: Call) -> Answer {
    let NewLimit { scope, measure, limit } = call.read()?;
    let scale = measure.scale(&api).await?;
    let limit = limit.map(|limit| limit.bound("limit", scale)).transpose()?;
    let set = risk::Command::SetLimit { scope: scope.into(), measure: measure.into(), limit };
    done(&api.submit(call.request(Command::Risk(set))).await?)
}

/// Limits; what is not listed is not limited.
#[utoipa::path(get, path = "/risk/limits", tag = "risk", params(ScopeFilter),
    responses((status = 200, description = "By scope and measure, of the first 1,000 scopes", body = List<LimitBody>)))]
pub(crate) async fn list_limits(
    State(api): State<Arc<Api>>,
    _call: Call,
    Filter(filter): Filter<ScopeFilter>,
) -> Answer {
    let wanted = filter.scope()?;
    let look = move |state: &engine::State| {
        let scopes: Vec<Scope> = match wanted {
            Some(scope) => vec![scope],
            None => state.risk.scopes(None).take(SCOPES_MAX).collect(),
        };
        let body = |scope: Scope| {
            state.risk.limits(scope).map(move |(measure, limit)| LimitBody {
                scope: scope.into(),
                measure: measure.into(),
                limit: amount_text(limit, scale_of(&state.trading, measure)),
            })
        };
        scopes.into_iter().flat_map(body).collect::<Vec<_>>()
    };
    let (position, items) = api.look(look).await?;
    answer::ok(position, &List { items })
}

/// The shares of every limit at which alerts are raised.
#[utoipa::path(get, path = "/risk/alert-thresholds", tag = "risk",
    responses((status = 200, description = "In percent", body = Thresholds)))]
pub(crate) async fn get_thresholds(State(api): State<Arc<Api>>, _call: Call) -> Answer {
    let (position, percents) = api.look(|state| state.risk.alert_thresholds().to_vec()).await?;
    answer::ok(position, &Thresholds { percents })
}

/// Sets the shares of every limit at which alerts are raised.
#[utoipa::path(post, path = "/risk/alert-thresholds", tag = "risk", request_body = Thresholds,
    responses((status = 200, description = "Set", body = Done)))]
pub(crate) async fn set_thresholds(State(api): State<Arc<Api>>, call: Call) -> Answer {
    let Thresholds { percents } = call.read()?;
    let set = risk::Command::SetAlertThresholds { percents };
    done(&api.submit(call.request(Command::Risk(set))).await?)
}
