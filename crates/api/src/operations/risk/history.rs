//! Alerts that were raised, and kill switches that were engaged, as the views have them.

use super::limits::one_scope;
use crate::answer::{self, Answer};
use crate::call::{Call, Filter};
use crate::forms;
use crate::reads::{PageBody, PageQuery, page};
use crate::rows::{Alert, KillSwitch};
use crate::services::Api;
use axum::extract::State;
use serde::Deserialize;
use std::sync::Arc;
use views::AlertFilter;
use vocabulary::{AccountId, Date, ParticipantId};

/// Which alerts, and which part of the list.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AlertQuery {
    /// Of this business day.
    #[param(value_type = Option<forms::Day>)]
    date: Option<Date>,
    /// Of this account.
    #[param(value_type = Option<forms::Code>)]
    account: Option<AccountId>,
    /// Of this participant.
    #[param(value_type = Option<forms::Code>)]
    participant: Option<ParticipantId>,
    /// From this share of the limit on.
    percent_min: Option<u8>,
    /// Rows of the page, 1 to 1,000; 100 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Where the page begins: `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
}

/// Alerts: limits of which a share was reached.
#[utoipa::path(get, path = "/risk/alerts", tag = "risk", params(AlertQuery),
    responses((status = 200, description = "The latest first", body = PageBody<Alert>)))]
pub(crate) async fn list_alerts(
    State(api): State<Arc<Api>>,
    call: Call,
    Filter(query): Filter<AlertQuery>,
) -> Answer {
    let scope = one_scope(query.account, query.participant)?;
    let filter = AlertFilter { day: query.date, scope, percent_min: query.percent_min };
    let page = page(query.limit, query.cursor)?;
    let (position, rows) = api.ask(&call, move |views| views.alerts(&filter, &page)).await?;
    answer::ok(position, &PageBody::of(rows))
}

/// Kill switches that are or were engaged.
#[utoipa::path(get, path = "/risk/kill-switches/history", tag = "risk", params(PageQuery),
    responses((status = 200, description = "The latest first", body = PageBody<KillSwitch>)))]
pub(crate) async fn switch_history(
    State(api): State<Arc<Api>>,
    call: Call,
    Filter(query): Filter<PageQuery>,
) -> Answer {
    let page = query.page()?;
    let (position, rows) = api.ask(&call, move |views| views.kill_switches(false, &page)).await?;
    answer::ok(position, &PageBody::of(rows))
}
