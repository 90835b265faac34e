//! Limits, and the shares of them at which alerts are raised.

use super::measures::{MeasureBody, ScopeBody, scale_of};
use crate::answer::{self, Answer, Done, done};
use crate::call::{Call, Filter};
use crate::decimals::{Decimal, amount_text};
use crate::forms;
use crate::problem::{Problem, kinds};
use crate::reads::PageBody;
use crate::services::Api;
use axum::extract::State;
use engine::Command;
use risk::Scope;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use vocabulary::{AccountId, ParticipantId};

/// The most scopes of a page, and how many it has if nothing is said.
const SCOPES_MAX: usize = 1_000;

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
    #[schema(example = "5000000.00")]
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
    #[param(value_type = Option<forms::Code>)]
    account: Option<AccountId>,
    /// Of this participant.
    #[param(value_type = Option<forms::Code>)]
    participant: Option<ParticipantId>,
    /// Scopes of the page, 1 to 1,000; 1,000 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Where the page begins: `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
}

/// The scopes of a page.
pub(super) enum ScopePage {
    One(Scope),
    /// So many from that one on.
    From(Option<Scope>, usize),
}

impl ScopeFilter {
    /// What is asked for.
    pub(super) fn page(self) -> Result<ScopePage, Problem> {
        if let Some(scope) = one_scope(self.account, self.participant)? {
            return Ok(ScopePage::One(scope));
        }
        let limit = self.limit.unwrap_or(SCOPES_MAX);
        if limit == 0 || limit > SCOPES_MAX {
            return Err(wrong("limit", format!("limit must be 1 to {SCOPES_MAX}")));
        }
        let from = self.cursor.map(|cursor| {
            let bad = || wrong("cursor", "cursor must be the `next` of a page of the same list".to_owned());
            scope_of_cursor(&cursor).ok_or_else(bad)
        });
        Ok(ScopePage::From(from.transpose()?, limit))
    }
}

/// The one scope asked for, if one is.
pub(super) fn one_scope(
    account: Option<AccountId>,
    participant: Option<ParticipantId>,
) -> Result<Option<Scope>, Problem> {
    match (account, participant) {
        (Some(account), None) => Ok(Some(Scope::Account(account))),
        (None, Some(participant)) => Ok(Some(Scope::Participant(participant))),
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            Err(wrong("participant", "account and participant exclude each other".to_owned()))
        }
    }
}

fn wrong(field: &'static str, detail: String) -> Problem {
    Problem::new(&kinds::INVALID_QUERY, detail).in_field(field)
}

impl ScopePage {
    /// The scopes themselves, and where the next page begins.
    pub(super) fn scopes(&self, risk: &risk::Risk) -> (Vec<Scope>, Option<String>) {
        match *self {
            Self::One(scope) => (vec![scope], None),
            Self::From(from, limit) => {
                let mut scopes: Vec<Scope> = risk.scopes(from).take(limit + 1).collect();
                let next = if scopes.len() > limit { scopes.pop().map(cursor_of) } else { None };
                (scopes, next)
            }
        }
    }
}

fn cursor_of(scope: Scope) -> String {
    match scope {
        Scope::Account(account) => format!("account:{account}"),
        Scope::Participant(participant) => format!("participant:{participant}"),
    }
}

fn scope_of_cursor(cursor: &str) -> Option<Scope> {
    match cursor.split_once(':')? {
        ("account", account) => account.parse().ok().map(Scope::Account),
        ("participant", participant) => participant.parse().ok().map(Scope::Participant),
        _ => None,
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
    scope.check(&api).await?;
    let scale = measure.scale(&api).await?;
    let limit = limit.map(|limit| limit.bound("limit", scale)).transpose()?;
    let set = risk::Command::SetLimit { scope: scope.into(), measure: measure.into(), limit };
    done(&api.submit(call.request(Command::Risk(set))).await?)
}

/// Limits; what is not listed is not limited.
#[utoipa::path(get, path = "/risk/limits", tag = "risk", params(ScopeFilter),
    responses((status = 200, description = "By scope and measure", body = PageBody<LimitBody>)))]
pub(crate) async fn list_limits(
    State(api): State<Arc<Api>>,
    _call: Call,
    Filter(filter): Filter<ScopeFilter>,
) -> Answer {
    let page = filter.page()?;
    let look = move |state: &engine::State| {
        let (scopes, next) = page.scopes(&state.risk);
        let body = |scope: Scope| {
            state.risk.limits(scope).map(move |(measure, limit)| LimitBody {
                scope: scope.into(),
                measure: measure.into(),
                limit: amount_text(limit, scale_of(&state.trading, measure)),
            })
        };
        PageBody { items: scopes.into_iter().flat_map(body).collect::<Vec<_>>(), next }
    };
    let (position, page) = api.look(look).await?;
    answer::ok(position, &page)
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
