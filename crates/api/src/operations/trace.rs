//! An order's life, from the events of the journal that are about it: whole where one process hosts everything, and else
//! each service's part of it, which the gateway puts together.

mod teller;

use super::trading::orders::order_id;
use crate::answer::{self, Answer};
use crate::call::{Call, Place};
use crate::catalog::Scales;
use crate::forms;
use crate::problem::Problem;
use crate::services::Api;
use axum::extract::State;
use engine::{Context, Event, Record};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use teller::Teller;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vocabulary::{CorrelationId, InstrumentId, OrderId, Timestamp};

/// The most records of a trace.
const RECORDS_MAX: usize = 2_000;

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(trace_in_settlement))
        .routes(routes!(trace_in_risk))
        .routes(routes!(trace_in_compliance))
}

/// What is told of an order's life.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Trace {
    /// Oldest first.
    items: Vec<TraceItem>,
    /// Null: a trace has one page.
    next: Option<String>,
    /// The services whose part is not in it: they are in other processes, and cannot be asked now or not by the caller.
    #[schema(value_type = Vec<String>, example = json!([]))]
    missing: Vec<Context>,
}

/// One event of an order's life.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct TraceItem {
    /// Which service it happened in.
    #[schema(value_type = String, example = "trading")]
    service: Context,
    /// Where it is recorded: a position of that service's journal.
    position: u64,
    #[schema(value_type = forms::Moment)]
    time: Timestamp,
    /// What happened.
    #[schema(example = "OrderCreated")]
    event: String,
    /// The same in words.
    #[schema(example = "buy 100 600519 at 1788.00, 178817.88 frozen")]
    summary: String,
    /// The thread of the request that caused it.
    #[schema(value_type = forms::Correlation)]
    correlation: CorrelationId,
    /// The event as it is recorded, numbers in minor units; for offices only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    details: Option<Value>,
}

impl Trace {
    /// What a node that hosts these contexts has recorded of the order at these positions.
    pub(crate) async fn of(
        api: &Arc<Api>,
        order: OrderId,
        mut positions: Vec<u64>,
        details: bool,
    ) -> Result<Self, Problem> {
        positions.truncate(RECORDS_MAX);
        let records = api.records(positions).await?;
        let mut events = records.iter().flat_map(Record::events);
        let items = match events.find_map(|event| instrument_of(event, order)) {
            Some(instrument) => {
                let scales = api.catalog.scales("instrument", instrument).await?;
                told(&records, order, scales, details)
            }
            None => Vec::new(),
        };
        let missing = Context::ALL.into_iter().filter(|context| !api.hosts.has(*context)).collect();
        Ok(Self { items, next: None, missing })
    }

    /// Only what happened in one service.
    fn part(mut self, context: Context) -> Self {
        self.items.retain(|item| item.service == context);
        self.missing.clear();
        self
    }
}

/// What settlement has recorded of an order: its quota, its obligations and how they ended.
#[utoipa::path(get, path = "/settlement/orders/{order}/trace", tag = "settlement",
    params(("order" = u64, Path, description = "The order's id")),
    responses((status = 200, description = "Oldest first; nothing if it has not heard of the order", body = Trace)))]
async fn trace_in_settlement(State(api): State<Arc<Api>>, Place(order): Place<String>, _: Call) -> Answer {
    part(&api, &order, Context::Settlement).await
}

/// What risk has recorded of an order: the exposure that was held for it, and how that ended.
#[utoipa::path(get, path = "/risk/orders/{order}/trace", tag = "risk",
    params(("order" = u64, Path, description = "The order's id")),
    responses((status = 200, description = "Oldest first; nothing if it has not heard of the order", body = Trace)))]
async fn trace_in_risk(State(api): State<Arc<Api>>, Place(order): Place<String>, _: Call) -> Answer {
    part(&api, &order, Context::Risk).await
}

/// What compliance has recorded of an order: the decision on it.
#[utoipa::path(get, path = "/compliance/orders/{order}/trace", tag = "compliance",
    params(("order" = u64, Path, description = "The order's id")),
    responses((status = 200, description = "Oldest first; nothing if it has not heard of the order", body = Trace)))]
async fn trace_in_compliance(State(api): State<Arc<Api>>, Place(order): Place<String>, _: Call) -> Answer {
    part(&api, &order, Context::Compliance).await
}

/// What is durable by now: an order's id says nothing about positions in the journal of another service.
async fn part(api: &Arc<Api>, order: &str, context: Context) -> Answer {
    let order = order_id(order)?;
    let now = api.node.durable_position();
    let (position, positions) = api.ask_at(now, move |views| views.order_records(order)).await?;
    answer::ok(position, &Trace::of(api, order, positions, true).await?.part(context))
}

/// What the order trades, if the event says so.
fn instrument_of(event: &Event, order: OrderId) -> Option<InstrumentId> {
    use risk::Event as R;
    use settlement::Event as S;
    if let Event::Trading(trading::Event::OrderCreated(created)) = event {
        return (created.terms.order == order).then_some(created.terms.instrument);
    }
    if let Event::Settlement(
        S::QuotaHeld { terms, .. } | S::QuotaReduced { terms, .. } | S::QuotaReleased { terms, .. },
    )
    | Event::Risk(
        R::ExposureHeld { terms, .. }
        | R::ExposureConfirmed { terms, .. }
        | R::ExposureReduced { terms, .. }
        | R::ExposureReleased { terms, .. },
    )
    | Event::Compliance(compliance::Event::OrderChecked { terms, .. }) = event
    {
        return (terms.order == order).then_some(terms.instrument);
    }
    None
}

/// What the records tell about the order.
fn told(records: &[Record], order: OrderId, scales: Scales, details: bool) -> Vec<TraceItem> {
    let teller = Teller { order, scales };
    let mut items = Vec::new();
    for record in records {
        for event in record.events() {
            let Some(summary) = teller.tell(event) else { continue };
            let whole = serde_json::to_value(event).unwrap_or_default();
            let name = whole.as_object().and_then(|members| members.keys().next().cloned());
            items.push(TraceItem {
                service: event.context(),
                position: record.moment.position,
                time: record.moment.time,
                event: name.unwrap_or_default(),
                summary,
                correlation: record.request.correlation,
                details: details.then_some(whole),
            });
        }
    }
    items
}
