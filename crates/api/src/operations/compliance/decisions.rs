//! Decisions on orders, and commands that were refused.

use crate::answer::{self, Answer};
use crate::call::{Call, Filter, Place, number};
use crate::forms;
use crate::problem::{Problem, kinds};
use crate::reads::{PageBody, page};
use crate::rows::{Decision, RecordedRefusal};
use crate::services::Api;
use axum::extract::State;
use serde::Deserialize;
use std::sync::Arc;
use views::{DecisionFilter, RefusalFilter};
use vocabulary::{AccountId, Date, MarketId, OrderId, UserId};

/// Which decisions, and which part of the list.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DecisionQuery {
    /// Of this business day.
    #[param(value_type = Option<forms::Day>)]
    date: Option<Date>,
    /// Only those that allowed, or only those that denied.
    allowed: Option<bool>,
    /// On orders of this user.
    #[param(value_type = Option<forms::Id>)]
    user: Option<UserId>,
    /// On orders of this account.
    #[param(value_type = Option<forms::Code>)]
    account: Option<AccountId>,
    /// On orders in this market.
    #[param(value_type = Option<forms::Code>)]
    market: Option<MarketId>,
    /// Under this version of the policy.
    policy: Option<u32>,
    /// Rows of the page, 1 to 1,000; 100 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Where the page begins: `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
}

/// Which refusals, and which part of the list.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RefusalQuery {
    /// Of this business day.
    #[param(value_type = Option<forms::Day>)]
    date: Option<Date>,
    /// With this code.
    code: Option<String>,
    /// To this user.
    #[param(value_type = Option<forms::Id>)]
    actor: Option<UserId>,
    /// About this account.
    #[param(value_type = Option<forms::Code>)]
    account: Option<AccountId>,
    /// Rows of the page, 1 to 1,000; 100 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Where the page begins: `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
}

/// Decisions on orders.
#[utoipa::path(get, path = "/compliance/decisions", tag = "compliance", params(DecisionQuery),
    responses((status = 200, description = "The latest first", body = PageBody<Decision>)))]
pub(crate) async fn list_decisions(
    State(api): State<Arc<Api>>,
    call: Call,
    Filter(query): Filter<DecisionQuery>,
) -> Answer {
    let filter = DecisionFilter {
        day: query.date,
        allowed: query.allowed,
        user: query.user,
        account: query.account,
        market: query.market,
        policy: query.policy,
    };
    let page = page(query.limit, query.cursor)?;
    let (position, rows) = api.ask(&call, move |views| views.decisions(&filter, &page)).await?;
    answer::ok(position, &PageBody::of(rows))
}

/// The decision on an order.
#[utoipa::path(get, path = "/compliance/decisions/{order}", tag = "compliance",
    params(("order" = u64, Path, description = "The order's id")),
    responses((status = 200, description = "The decision", body = Decision)))]
pub(crate) async fn get_decision(
    State(api): State<Arc<Api>>,
    Place(order): Place<String>,
    call: Call,
) -> Answer {
    let order = OrderId(number("order", &order)?);
    let (position, found) = api.ask(&call, move |views| views.decision(order)).await?;
    let unknown =
        || Problem::new(&kinds::UNKNOWN_ORDER, format!("no decision was taken on an order {order}"));
    answer::ok(position, &found.ok_or_else(unknown)?)
}

/// Commands that were refused, by whichever service.
#[utoipa::path(get, path = "/compliance/refusals", tag = "compliance", params(RefusalQuery),
    responses((status = 200, description = "The latest first", body = PageBody<RecordedRefusal>)))]
pub(crate) async fn list_refusals(
    State(api): State<Arc<Api>>,
    call: Call,
    Filter(query): Filter<RefusalQuery>,
) -> Answer {
    let filter =
        RefusalFilter { day: query.date, code: query.code, actor: query.actor, account: query.account };
    let page = page(query.limit, query.cursor)?;
    let (position, rows) = api.ask(&call, move |views| views.refusals(&filter, &page)).await?;
    answer::ok(position, &PageBody::of(rows))
}
