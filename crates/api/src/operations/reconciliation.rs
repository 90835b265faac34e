//! What trading has published on Kafka, held against what the other services have recorded themselves.

use crate::answer::{self, Answer};
use crate::call::Call;
use crate::events::{OpenItem, OpenStatement, ReconciliationReport};
use crate::forms;
use crate::problem::{Problem, kinds};
use crate::services::Api;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
use tokio::task::spawn_blocking;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vocabulary::Timestamp;

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(settlement_reconciliation))
        .routes(routes!(risk_reconciliation))
        .routes(routes!(compliance_reconciliation))
}

/// What was matched, and what is open.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ReconciliationBody {
    /// Pairs of statements that agreed.
    #[schema(example = 18_685)]
    matched: u64,
    /// What has no counterpart, or another one. What is under way is open for a second or two.
    open: u64,
    /// The open ones: contradictions first, and else the oldest first; a thousand at most.
    items: Vec<OpenItemBody>,
    /// How many events of each kind were read, each counted once.
    events: Vec<EventCount>,
}

/// Something that only one side has stated, or both unlike.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct OpenItemBody {
    #[schema(example = "order 4711 in trade 4713")]
    about: String,
    /// What trading has published.
    published: Option<StatementBody>,
    /// What this service has recorded.
    recorded: Option<StatementBody>,
}

/// What one side says.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct StatementBody {
    /// Amounts in minor units, quantities in the scale of the instrument.
    #[schema(example = "buy 5 ACME for ANN of NORTH, worth 50000 with a fee of 10, on 2023-02-07")]
    what: String,
    /// Where that side has it on record.
    position: u64,
    #[schema(value_type = forms::Moment)]
    time: Timestamp,
}

/// How many events of a kind there were.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct EventCount {
    #[schema(value_type = forms::Service)]
    service: String,
    #[schema(example = "OrderExecuted")]
    event: String,
    count: u64,
}

/// Whether there is an obligation for each side of every execution that trading has published, and for nothing else.
#[utoipa::path(get, path = "/settlement/reconciliation", tag = "settlement",
    responses((status = 200, description = "As far as events were read", body = ReconciliationBody)))]
async fn settlement_reconciliation(State(api): State<Arc<Api>>, _: Call) -> Answer {
    report(&api).await
}

/// Whether risk was asked about every order that trading has published, and about nothing else.
#[utoipa::path(get, path = "/risk/reconciliation", tag = "risk",
    responses((status = 200, description = "As far as events were read", body = ReconciliationBody)))]
async fn risk_reconciliation(State(api): State<Arc<Api>>, _: Call) -> Answer {
    report(&api).await
}

/// Whether compliance was asked about every order that trading has published, and how many events there were of each kind.
#[utoipa::path(get, path = "/compliance/reconciliation", tag = "compliance",
    responses((status = 200, description = "As far as events were read", body = ReconciliationBody)))]
async fn compliance_reconciliation(State(api): State<Arc<Api>>, _: Call) -> Answer {
    report(&api).await
}

async fn report(api: &Arc<Api>) -> Answer {
    let not_here = || Problem::new(&kinds::NOT_RECONCILED, "no events are read here");
    let events = api.events.clone().ok_or_else(not_here)?;
    // It asks a database.
    let asked = spawn_blocking(move || events.report()).await;
    let asked = asked.map_err(|failed| Problem::new(&kinds::INTERNAL, failed.to_string()))?;
    let report = asked.map_err(|why| Problem::new(&kinds::READS_UNAVAILABLE, why).retry_after_s(1))?;
    let ReconciliationReport { position, matched, open, items, events } = report.ok_or_else(not_here)?;
    let events = events.into_iter().map(|(service, event, count)| EventCount { service, event, count });
    let items = items.into_iter().map(OpenItemBody::from).collect();
    answer::ok(position, &ReconciliationBody { matched, open, items, events: events.collect() })
}

impl From<OpenItem> for OpenItemBody {
    fn from(item: OpenItem) -> Self {
        let OpenItem { about, published, recorded } = item;
        Self { about, published: published.map(Into::into), recorded: recorded.map(Into::into) }
    }
}

impl From<OpenStatement> for StatementBody {
    fn from(statement: OpenStatement) -> Self {
        let OpenStatement { what, position, time_ns } = statement;
        Self { what, position, time: Timestamp(time_ns) }
    }
}
