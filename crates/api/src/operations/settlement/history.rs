//! Runs, obligations and net positions as the views have them.

use crate::answer::{self, Answer};
use crate::call::{Call, Filter, Place, number};
use crate::forms;
use crate::problem::{Problem, kinds};
use crate::reads::{PageBody, page, visibility};
use crate::rows::{NetPosition, Obligation, RecycledTrade, SettlementRun, SettlementTotal};
use crate::services::Api;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use views::{ObligationFilter, PageRequest, Snapshot};
use vocabulary::{AccountId, Date, InstrumentId, ParticipantId};

/// Which runs, and which part of the list.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunQuery {
    /// Of this settlement date.
    #[param(value_type = Option<forms::Day>)]
    date: Option<Date>,
    /// Rows of the page, 1 to 1,000; 100 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Where the page begins: `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
}

/// Which obligations, and which part of the list.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ObligationQuery {
    /// Due on this date.
    #[param(value_type = Option<forms::Day>)]
    due: Option<Date>,
    /// Of this participant.
    #[param(value_type = Option<forms::Code>)]
    participant: Option<ParticipantId>,
    /// Of this account.
    #[param(value_type = Option<forms::Code>)]
    account: Option<AccountId>,
    /// Of trades in this instrument.
    #[param(value_type = Option<forms::Code>)]
    instrument: Option<InstrumentId>,
    /// Settled by this run: the way from a net position back to its trades.
    run: Option<u64>,
    /// Only what has settled, or only what has not.
    settled: Option<bool>,
    /// Rows of the page, 1 to 1,000; 100 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Where the page begins: `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
}

/// Which net positions, and which part of the list.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct NetQuery {
    /// Of this run.
    run: Option<u64>,
    /// Of this participant.
    #[param(value_type = Option<forms::Code>)]
    participant: Option<ParticipantId>,
    /// Rows of the page, 1 to 1,000; 100 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Where the page begins: `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
}

/// A run with what moved in it.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct RunLife<R, T, C> {
    run: R,
    /// What was due and what was settled, per asset.
    totals: Vec<T>,
    /// The first 100 trades that it could not cover.
    recycled: Vec<C>,
}

/// Settlement runs.
#[utoipa::path(get, path = "/settlement/runs", tag = "settlement", params(RunQuery),
    responses((status = 200, description = "The latest first", body = PageBody<SettlementRun>)))]
pub(crate) async fn list_runs(
    State(api): State<Arc<Api>>,
    call: Call,
    Filter(query): Filter<RunQuery>,
) -> Answer {
    let page = page(query.limit, query.cursor)?;
    let (position, rows) = api.ask(&call, move |views| views.settlement_runs(query.date, &page)).await?;
    answer::ok(position, &PageBody::of(rows))
}

/// A settlement run, with its totals and what it could not cover.
#[utoipa::path(get, path = "/settlement/runs/{run}", tag = "settlement",
    params(("run" = u64, Path, description = "Its number")),
    responses((status = 200, description = "The run",
        body = RunLife<SettlementRun, SettlementTotal, RecycledTrade>)))]
pub(crate) async fn get_run(State(api): State<Arc<Api>>, Place(run): Place<String>, call: Call) -> Answer {
    let number = number("run", &run)?;
    let ask = move |views: &Snapshot| {
        // Runs come latest first, so the page that begins after the next one's begins with this one.
        let after = Some(format!("settlement-runs:{}", number.saturating_add(1)));
        let page = views.settlement_runs(None, &PageRequest::new(Some(1), after)?)?;
        let Some(run) = page.rows.into_iter().find(|run| run.run == number) else { return Ok(None) };
        let recycled = views.recyclings(Some(number), None, &PageRequest::default())?.rows;
        Ok(Some(RunLife { run, totals: views.run_totals(number)?, recycled }))
    };
    let (position, found) = api.ask(&call, ask).await?;
    let unknown = || Problem::new(&kinds::UNKNOWN_RUN, format!("there is no settlement run {number}"));
    answer::ok(position, &found.ok_or_else(unknown)?)
}

/// Obligations against the central counterparty. A trader sees those of his accounts.
#[utoipa::path(get, path = "/settlement/obligations", tag = "settlement", params(ObligationQuery),
    responses((status = 200, description = "The latest first", body = PageBody<Obligation>)))]
pub(crate) async fn list_obligations(
    State(api): State<Arc<Api>>,
    call: Call,
    Filter(query): Filter<ObligationQuery>,
) -> Answer {
    let filter = ObligationFilter {
        due: query.due,
        participant: query.participant,
        account: query.account,
        instrument: query.instrument,
        run: query.run,
        settled: query.settled,
    };
    let (page, seen) = (page(query.limit, query.cursor)?, visibility(&call.principal));
    let (position, rows) = api.ask(&call, move |views| views.obligations(&filter, seen, &page)).await?;
    answer::ok(position, &PageBody::of(rows))
}

/// Net positions of runs, per participant and asset. Per run and asset they sum to zero.
#[utoipa::path(get, path = "/settlement/net-positions", tag = "settlement", params(NetQuery),
    responses((status = 200, description = "By run and asset", body = PageBody<NetPosition>)))]
pub(crate) async fn list_net_positions(
    State(api): State<Arc<Api>>,
    call: Call,
    Filter(query): Filter<NetQuery>,
) -> Answer {
    let page = page(query.limit, query.cursor)?;
    let ask = move |views: &Snapshot| views.netted_positions(query.run, query.participant, &page);
    let (position, rows) = api.ask(&call, ask).await?;
    answer::ok(position, &PageBody::of(rows))
}
