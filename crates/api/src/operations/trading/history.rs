//! Orders and trades as the views have them: lists, one order, and an order's whole life.

use super::orders::order_id;
use crate::answer::{self, Answer};
use crate::call::{Call, Filter, Place};
use crate::forms;
use crate::operations::trace::Trace;
use crate::problem::{Problem, kinds};
use crate::reads::{PageBody, page, visibility};
use crate::rows::{Order, Trade};
use crate::services::Api;
use axum::extract::State;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as WordError, StrDeserializer};
use std::sync::Arc;
use views::{OrderFilter, StatusFilter, TradeFilter};
use vocabulary::{
    AccountId, ClientOrderId, CorrelationId, Date, InstrumentId, OrderId, ParticipantId, Side, UserId,
};

/// Which orders, and which part of the list.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OrderQuery {
    /// Of this account.
    #[param(value_type = Option<forms::Code>)]
    account: Option<AccountId>,
    /// Cleared by this participant.
    #[param(value_type = Option<forms::Code>)]
    participant: Option<ParticipantId>,
    /// In this instrument.
    #[param(value_type = Option<forms::Code>)]
    instrument: Option<InstrumentId>,
    /// `buy` or `sell`.
    #[param(value_type = Option<forms::Side>)]
    side: Option<Side>,
    /// `active` for all that are not closed, or one of `created`, `open`, `partially_executed`, `executed`, `canceled`,
    /// `expired`, `rejected`, `settled`.
    #[param(value_type = Option<forms::OrderStatusFilter>)]
    status: Option<String>,
    /// Placed by this user.
    #[param(value_type = Option<forms::Id>)]
    user: Option<UserId>,
    /// With the client's own id.
    #[param(value_type = Option<forms::Id>)]
    client_order_id: Option<ClientOrderId>,
    /// On this thread.
    #[param(value_type = Option<forms::Correlation>)]
    correlation: Option<String>,
    /// Rows of the page, 1 to 1,000; 100 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Where the page begins: `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
}

/// Which trades, and which part of the list.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TradeQuery {
    /// With a side of this account.
    #[param(value_type = Option<forms::Code>)]
    account: Option<AccountId>,
    /// With a side that this participant clears.
    #[param(value_type = Option<forms::Code>)]
    participant: Option<ParticipantId>,
    /// In this instrument.
    #[param(value_type = Option<forms::Code>)]
    instrument: Option<InstrumentId>,
    /// Agreed on this business day.
    #[param(value_type = Option<forms::Day>)]
    date: Option<Date>,
    /// Of this order.
    order: Option<u64>,
    /// Rows of the page, 1 to 1,000; 100 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Where the page begins: `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
}

/// Orders. A trader sees those of his accounts.
#[utoipa::path(get, path = "/trading/orders", tag = "orders", params(OrderQuery),
    responses((status = 200, description = "The latest first", body = PageBody<Order>)))]
pub(crate) async fn list_orders(
    State(api): State<Arc<Api>>,
    call: Call,
    Filter(query): Filter<OrderQuery>,
) -> Answer {
    let correlation = query.correlation.map(|text| {
        let bad =
            |rule| Problem::new(&kinds::INVALID_QUERY, format!("correlation {rule}")).in_field("correlation");
        text.parse::<CorrelationId>().map_err(bad)
    });
    let filter = OrderFilter {
        account: query.account,
        participant: query.participant,
        instrument: query.instrument,
        side: query.side,
        status: query.status.as_deref().map(status).transpose()?,
        user: query.user,
        client_order_id: query.client_order_id,
        correlation: correlation.transpose()?,
    };
    let (page, seen) = (page(query.limit, query.cursor)?, visibility(&call.principal));
    let (position, rows) = api.ask(&call, move |views| views.orders(&filter, seen, &page)).await?;
    answer::ok(position, &PageBody::of(rows))
}

fn status(text: &str) -> Result<StatusFilter, Problem> {
    if text == "active" {
        return Ok(StatusFilter::Open);
    }
    let word: StrDeserializer<'_, WordError> = text.into_deserializer();
    let status = Deserialize::deserialize(word);
    status.map(StatusFilter::Is).map_err(|_| {
        let detail = "status must be active, created, open, partially_executed, executed, canceled, expired, rejected or settled";
        Problem::new(&kinds::INVALID_QUERY, detail).in_field("status")
    })
}

/// An order.
#[utoipa::path(get, path = "/trading/orders/{order}", tag = "orders",
    params(("order" = u64, Path, description = "The order's id")),
    responses((status = 200, description = "The order", body = Order)))]
pub(crate) async fn get_order(
    State(api): State<Arc<Api>>,
    Place(order): Place<String>,
    call: Call,
) -> Answer {
    let (order, seen) = (order_id(&order)?, visibility(&call.principal));
    let (position, found) = api.ask_about(&call, order, move |views| views.order(order, seen)).await?;
    match found {
        Some(found) => answer::ok(position, &found),
        None => Err(not_seen(&api, &call, order).await?),
    }
}

/// An order's whole life in sequence, over all services, as their journals have it.
#[utoipa::path(get, path = "/trading/orders/{order}/trace", tag = "orders",
    params(("order" = u64, Path, description = "The order's id")),
    responses((status = 200, description = "Oldest first", body = Trace)))]
pub(crate) async fn trace_order(
    State(api): State<Arc<Api>>,
    Place(order): Place<String>,
    call: Call,
) -> Answer {
    let (order, seen) = (order_id(&order)?, visibility(&call.principal));
    let positions = api.ask_about(&call, order, move |views| views.order_positions(order, seen)).await?;
    let (position, Some(positions)) = positions else { return Err(not_seen(&api, &call, order).await?) };
    answer::ok(position, &Trace::of(&api, order, positions, !call.principal.is_confined()).await?)
}

/// There is no such order, or it is somebody else's: the same to the caller, and not to the record.
async fn not_seen(api: &Arc<Api>, call: &Call, order: OrderId) -> Result<Problem, Problem> {
    let problem =
        Problem::new(&kinds::UNKNOWN_ORDER, format!("there is no order {order}, or it is not yours"));
    if !call.principal.is_confined() {
        return Ok(problem);
    }
    let (_, exists) =
        api.ask_about(call, order, move |views| views.order(order, views::Visibility::All)).await?;
    Ok(if exists.is_some() { problem.denied() } else { problem })
}

/// Trades. A trader sees those of his accounts, and of each his own side.
#[utoipa::path(get, path = "/trading/trades", tag = "market", params(TradeQuery),
    responses((status = 200, description = "The latest first", body = PageBody<Trade>)))]
pub(crate) async fn list_trades(
    State(api): State<Arc<Api>>,
    call: Call,
    Filter(query): Filter<TradeQuery>,
) -> Answer {
    let filter = TradeFilter {
        account: query.account,
        participant: query.participant,
        instrument: query.instrument,
        trade_date: query.date,
        order: query.order.map(OrderId),
    };
    let (page, seen) = (page(query.limit, query.cursor)?, visibility(&call.principal));
    let (position, rows) = api.ask(&call, move |views| views.trades(&filter, seen, &page)).await?;
    answer::ok(position, &PageBody::of(rows))
}
