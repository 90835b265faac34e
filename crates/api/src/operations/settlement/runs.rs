//! Settlement runs: what is due, and settling it.

use crate::answer::{self, Answer};
use crate::call::{Call, Filter};
use crate::decimals::amount_text;
use crate::forms;
use crate::problem::{Problem, kinds};
use crate::services::Api;
use axum::extract::State;
use axum::http::StatusCode;
use engine::Command;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use views::{PageRequest, Snapshot};
use vocabulary::{AssetId, Date};

/// How often the wait for a run looks whether it is complete.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// What to settle.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRun {
    /// Everything due then or before; the open business day at the latest.
    #[schema(value_type = forms::Day, example = "2023-02-08")]
    date: Date,
}

/// What became of it.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct RunBody {
    #[schema(value_type = forms::Day, example = "2023-02-08")]
    date: Date,
    /// `complete`; or `in_progress` when it goes on after this answer.
    #[schema(example = "complete")]
    status: &'static str,
    /// The run that this request started; null when nothing was due, or one was in progress.
    #[schema(example = 1)]
    run: Option<u64>,
    /// Trades that it made final, once it is complete.
    #[schema(example = 2)]
    settled: Option<u64>,
    /// Trades that it could not cover, and moved to a later day.
    #[schema(example = 0)]
    recycled: Option<u64>,
    /// Where the request is recorded.
    #[schema(example = 4711)]
    position: u64,
}

/// As of which date.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DueFilter {
    /// The settlement date.
    #[param(value_type = forms::Day, example = "2023-02-08")]
    date: Date,
}

/// What a run of that date would take.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct DueBody {
    #[schema(value_type = forms::Day, example = "2023-02-08")]
    date: Date,
    /// Complete trades due then or before.
    trades: u64,
    /// Trades of which one side has not arrived.
    incomplete: u64,
    totals: Vec<TotalBody>,
}

/// What moves of one asset: what is delivered is received, or kept as fees.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct TotalBody {
    #[schema(value_type = forms::Code)]
    asset: AssetId,
    delivered: String,
    received: String,
    fees: String,
}

/// Settles everything that is due on a date or before, delivery against payment.
///
/// The date is one that has come: the open business day, or one before it. First verifies that what is due sums to zero
/// per asset. Safe to repeat: what has settled does not settle again. Waits until
/// the run is complete (200), and answers 202 when that takes longer than half a minute; the run goes on.
#[utoipa::path(post, path = "/settlement/process", tag = "settlement", request_body = NewRun,
    responses(
        (status = 200, description = "Complete", body = RunBody),
        (status = 202, description = "In progress", body = RunBody),
    ))]
pub(crate) async fn process(State(api): State<Arc<Api>>, call: Call) -> Answer {
    let NewRun { date } = call.read()?;
    check_reached(&api, date).await?;
    let process = settlement::Command::Process { date };
    let receipt = api.submit(call.request(Command::Settlement(process))).await?;
    let position = receipt.position;
    let Some(complete) = wait_for_completion(&api).await? else {
        let body =
            RunBody { date, status: "in_progress", run: None, settled: None, recycled: None, position };
        return answer::json(StatusCode::ACCEPTED, position, &body);
    };
    let ask = move |views: &Snapshot| {
        let page = views.settlement_runs(Some(date), &PageRequest::default())?;
        Ok(page.rows.into_iter().find(|run| run.started_position == position))
    };
    // A receipt of before, or of nothing due: there is no run of this very request.
    let run = api.ask_at(complete, ask).await?.1;
    let body = RunBody {
        date,
        status: "complete",
        run: run.as_ref().map(|run| run.run),
        settled: Some(run.as_ref().and_then(|run| run.settled).unwrap_or_default()),
        recycled: Some(run.as_ref().and_then(|run| run.recycled).unwrap_or_default()),
        position,
    };
    answer::ok(complete, &body)
}

/// What settles is final, so a date that has not come is taken for a typing error.
async fn check_reached(api: &Api, date: Date) -> Result<(), Problem> {
    let detail = match api.look(|state| state.trading.business_date()).await?.1 {
        Some(open) if date <= open => return Ok(()),
        Some(open) => format!("{date} has not come yet: the open business day is {open}"),
        None => format!("{date} has not come yet: no business day is open"),
    };
    Err(Problem::new(&kinds::DATE_NOT_REACHED, detail).in_field("date"))
}

/// The position at which no run was in progress any more; none if that takes too long.
async fn wait_for_completion(api: &Api) -> Result<Option<u64>, Problem> {
    let deadline = Instant::now() + api.settings.settlement_timeout;
    loop {
        let (position, running) = api.look(|state| state.settlement.running()).await?;
        if running.is_none() {
            return Ok(Some(position));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        sleep(LOOK_INTERVAL).await;
    }
}

/// What a run of a date would settle.
#[utoipa::path(get, path = "/settlement/due", tag = "settlement", params(DueFilter),
    responses((status = 200, description = "Trades and totals per asset", body = DueBody)))]
pub(crate) async fn due(
    State(api): State<Arc<Api>>,
    _call: Call,
    Filter(DueFilter { date }): Filter<DueFilter>,
) -> Answer {
    let look = move |state: &engine::State| {
        let due = state.settlement.due(date);
        let scale = |asset| state.trading.assets().get(&asset).map_or(0, |known| known.scale);
        let totals = due.totals.iter().map(|total| TotalBody {
            asset: total.asset,
            delivered: amount_text(total.delivered, scale(total.asset)),
            received: amount_text(total.received, scale(total.asset)),
            fees: amount_text(total.fees, scale(total.asset)),
        });
        DueBody { date, trades: due.trades, incomplete: due.incomplete, totals: totals.collect() }
    };
    let (position, body) = api.look(look).await?;
    answer::ok(position, &body)
}
