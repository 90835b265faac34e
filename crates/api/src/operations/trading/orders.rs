//! Orders that are there: changing them and taking them out of the market.

use crate::answer::{self, Answer, Done, done};
use crate::call::{Call, Filter, Place, number};
use crate::decimals::Decimal;
use crate::forms;
use crate::operations::trading::order_entry::{self, PlacedOrder};
use crate::ownership::Purpose;
use crate::problem::Problem;
use crate::refusals;
use crate::services::Api;
use axum::extract::State;
use axum::http::StatusCode;
use engine::{Command, ReceiptResult};
use serde::Deserialize;
use std::sync::Arc;
use trading::Scope;
use vocabulary::{AccountId, ClientOrderId, OrderId};

/// What to change of an order.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replacement<'a> {
    /// The new limit; left out: the same.
    #[serde(borrow, default)]
    #[schema(example = "1787.50")]
    price: Option<Decimal<'a>>,
    /// The new total quantity, what is executed included; left out: the same.
    #[serde(borrow, default)]
    #[schema(example = "200")]
    quantity: Option<Decimal<'a>>,
}

/// Which orders to cancel.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CancelFilter {
    /// Those of this account.
    #[param(value_type = forms::Code, example = "A1")]
    account: AccountId,
    /// Only the one that was placed under this id.
    #[param(value_type = Option<forms::Id>, example = "my-order-1")]
    client_order_id: Option<ClientOrderId>,
}

/// Changes price or quantity of an open order.
///
/// A smaller quantity at the same price keeps the order's priority (200). Anything else is a new order, judged as one,
/// that takes the place of the old one when it is accepted (201).
#[utoipa::path(patch, path = "/trading/orders/{order}", tag = "orders", request_body = Replacement,
    params(("order" = u64, Path, description = "The order's id")),
    responses(
        (status = 200, description = "Shrunk in place", body = Done),
        (status = 201, description = "Replaced by a new order", body = PlacedOrder),
    ))]
pub(crate) async fn replace_order(
    State(api): State<Arc<Api>>,
    Place(order): Place<String>,
    call: Call,
) -> Answer {
    let order = order_id(&order)?;
    let body: Replacement<'_> = call.read()?;
    let (_, scales) = api.check_order(&call, order, Purpose::Trade).await?;
    let price = body.price.map(|price| price.price("price", scales.price)).transpose()?;
    let quantity =
        body.quantity.map(|quantity| quantity.quantity("quantity", scales.quantity)).transpose()?;
    let replace = trading::Command::ReplaceOrder { order, price, quantity, user: call.user() };
    let receipt = api.submit_order(call.request(Command::Trading(replace))).await?;
    if let ReceiptResult::Refused(refusal) = &receipt.result {
        return Err(refusals::problem(refusal, receipt.position));
    }
    if let ReceiptResult::Order(_) = &receipt.result {
        let placed = order_entry::outcome(&api, call.correlation, scales, &receipt)?;
        return answer::json(StatusCode::CREATED, receipt.position, &placed);
    }
    done(&receipt)
}

/// Takes an order out of the market.
#[utoipa::path(delete, path = "/trading/orders/{order}", tag = "orders",
    params(("order" = u64, Path, description = "The order's id")),
    responses((status = 200, description = "Cancelled", body = Done)))]
pub(crate) async fn cancel_order(
    State(api): State<Arc<Api>>,
    Place(order): Place<String>,
    call: Call,
) -> Answer {
    let order = order_id(&order)?;
    api.check_order(&call, order, Purpose::Cancel).await?;
    done(&api.submit(call.request(Command::Trading(trading::Command::CancelOrder { order }))).await?)
}

/// Takes orders of an account out of the market: all of them, or the one of a client order id.
///
/// All of them are cancelled step by step: those that were open when this is answered will not trade after their step.
#[utoipa::path(delete, path = "/trading/orders", tag = "orders", params(CancelFilter),
    responses((status = 200, description = "Cancelled, or begun to be", body = Done)))]
pub(crate) async fn cancel_orders(
    State(api): State<Arc<Api>>,
    call: Call,
    Filter(filter): Filter<CancelFilter>,
) -> Answer {
    let CancelFilter { account, client_order_id } = filter;
    api.check_account(&call, account, Purpose::Cancel).await?;
    let command = match client_order_id {
        Some(client_order_id) => trading::Command::CancelClientOrder { account, client_order_id },
        None => trading::Command::CancelAll { scope: Scope::Account(account) },
    };
    done(&api.submit(call.request(Command::Trading(command))).await?)
}

/// The order of a path.
pub(crate) fn order_id(text: &str) -> Result<OrderId, Problem> {
    number("order", text).map(OrderId)
}
