//! Orders coming in: one, or many in one request. The fast path of the gateway.

use crate::answer::{self, Answer};
use crate::call::Call;
use crate::catalog::Scales;
use crate::decimals::{Decimal, quantity_text};
use crate::forms;
use crate::gate::too_fast;
use crate::json;
use crate::ownership::Purpose;
use crate::problem::{Problem, ProblemDocument, kinds};
use crate::refusals;
use crate::services::Api;
use axum::extract::State;
use axum::http::StatusCode;
use engine::{Command, OrderReceipt, Receipt, ReceiptResult};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use trading::{Cause, OrderKind, PlaceOrder, Status};
use vocabulary::{
    AccountId, ClientOrderId, CorrelationId, InstrumentId, OrderId, SelfTradePrevention, Side, TimeInForce,
};

/// The most orders of a batch.
const BATCH_MAX: usize = 1_000;

/// What an order asks for its price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OrderType {
    /// This price or better.
    #[default]
    Limit,
    /// Whatever the market gives, within the price band.
    Market,
}

/// An order to place.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOrder<'a> {
    /// For which account; it must be yours.
    #[schema(value_type = forms::Code, example = "A1")]
    account: AccountId,
    /// In what.
    #[schema(value_type = forms::Code, example = "600519")]
    instrument: InstrumentId,
    /// `buy` or `sell`.
    #[schema(value_type = forms::Side, example = "buy")]
    side: Side,
    /// `limit` if left out.
    #[serde(default, rename = "type")]
    kind: OrderType,
    /// The limit; a market order has none.
    #[serde(borrow, default)]
    #[schema(example = "1788.00")]
    price: Option<Decimal<'a>>,
    /// How much base.
    #[serde(borrow)]
    #[schema(example = "100")]
    quantity: Decimal<'a>,
    /// `good_till_cancel`, `day`, `immediate_or_cancel` or `fill_or_kill`; if left out, `day` for a limit order and
    /// `immediate_or_cancel` for a market order.
    #[serde(default)]
    #[schema(value_type = Option<forms::TimeInForce>, example = "day")]
    time_in_force: Option<TimeInForce>,
    /// Must not match when it comes in.
    #[serde(default)]
    post_only: bool,
    /// `off` (if left out), `cancel_newest`, `cancel_oldest` or `cancel_both`.
    #[serde(default)]
    #[schema(value_type = forms::SelfTradePrevention, example = "off")]
    self_trade_prevention: SelfTradePrevention,
    /// Your own id of the order, unique per account for good; placing the same order under it again is safe.
    #[serde(default)]
    #[schema(value_type = Option<forms::Id>, example = "my-order-1")]
    client_order_id: Option<ClientOrderId>,
}

/// What became of an order.
#[derive(Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct PlacedOrder {
    /// Its id.
    #[schema(value_type = u64, example = 4711)]
    order: OrderId,
    /// `open`, `partially_executed`, `executed`, `canceled`; `created` while services still think about it.
    #[schema(value_type = forms::OrderStatus, example = "open")]
    status: Status,
    /// How much it asks for.
    #[schema(example = "100")]
    quantity: String,
    /// How much of that was executed at once.
    #[schema(example = "0")]
    executed: String,
    /// Why what was left was cancelled at once, like `fill_or_kill`, `post_only`, `self_trade`; absent if it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "immediate_or_cancel")]
    closed_code: Option<Cause>,
    /// Where it is recorded: reads can ask for at least this position.
    #[schema(example = 4711)]
    position: u64,
    /// The thread that it hangs on.
    #[schema(value_type = forms::Correlation, example = "0193e2a7c1d27f3a9b1c5d6e7f809a1b")]
    correlation: CorrelationId,
}

/// Orders to place, in this order.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOrders<'a> {
    /// At most 1,000.
    #[serde(borrow, deserialize_with = "json::objects")]
    #[schema(min_items = 1, max_items = 1000)]
    orders: Vec<NewOrder<'a>>,
}

/// What became of each order of a batch, in the same order.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct PlacedOrders<'a> {
    /// Where the last of them is recorded.
    position: u64,
    results: Vec<BatchResult<'a>>,
}

/// What became of one of them: `order` or `problem`.
#[derive(Serialize, utoipa::ToSchema)]
struct BatchResult<'a> {
    /// The status that it would have had as a request of its own.
    #[schema(example = 201)]
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<PlacedOrder>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemDocument<'a>>,
}

/// Places an order.
///
/// It is created, its funds are frozen, and risk, settlement and compliance are asked, all in one durable record. When
/// all agree it is matched (201). When one says no, the order exists and is rejected: a problem that names its id.
/// Safe to repeat under an `Idempotency-Key`, or with a `client_order_id`.
#[utoipa::path(post, path = "/trading/orders", tag = "orders", request_body = NewOrder,
    responses(
        (status = 201, description = "Accepted", body = PlacedOrder),
        (status = 202, description = "Created; services have not all answered yet", body = PlacedOrder),
    ))]
pub(crate) async fn place_order(State(api): State<Arc<Api>>, call: Call) -> Answer {
    let order: NewOrder<'_> = call.read()?;
    let (place, scales) = order.command(&api, &call).await?;
    let receipt = api.submit_order(call.request(command(place))).await?;
    let position = receipt.position;
    let placed = outcome(&api, call.correlation, scales, &receipt)?;
    let status = if placed.status == Status::Created { StatusCode::ACCEPTED } else { StatusCode::CREATED };
    answer::json(status, position, &placed)
}

/// Places up to 1,000 orders, each decided by itself, in this order.
///
/// One that is refused does not hold up the others. A body that does not have the form of a batch is refused whole.
/// With an `Idempotency-Key`, each order has a key of its own, made from it and the order's place in the batch.
#[utoipa::path(post, path = "/trading/orders/batch", tag = "orders", request_body = NewOrders,
    responses((status = 200, description = "What became of each", body = PlacedOrders)))]
pub(crate) async fn place_orders(State(api): State<Arc<Api>>, call: Call) -> Answer {
    let NewOrders { orders } = call.read()?;
    if orders.is_empty() || orders.len() > BATCH_MAX {
        return Err(Problem::invalid("orders", format!("must hold 1 to {BATCH_MAX} orders")));
    }
    // One was counted at the gate.
    let more = u32::try_from(orders.len() - 1).unwrap_or(u32::MAX);
    api.rates.take(call.user(), more).map_err(too_fast)?;
    let mut entries = Vec::with_capacity(orders.len());
    let mut requests = Vec::with_capacity(orders.len());
    for (index, order) in orders.iter().enumerate() {
        let read = order.command(&api, &call).await;
        entries.push(read.map(|(place, scales)| {
            requests.push(call.part(index, command(place)));
            scales
        }));
    }
    let receipts = api.submit_orders(requests).await?;
    let position = receipts.iter().map(|receipt| receipt.position).max();
    let mut receipts = receipts.into_iter();
    let outcomes: Vec<Result<PlacedOrder, Problem>> = entries
        .into_iter()
        .map(|entry| match (entry?, receipts.next()) {
            (scales, Some(receipt)) => outcome(&api, call.correlation, scales, &receipt),
            (_, None) => Err(Problem::new(&kinds::INTERNAL, "an order of the batch was not answered")),
        })
        .collect();
    let results = outcomes.iter().map(|outcome| BatchResult::of(outcome, call.correlation)).collect();
    let position = position.unwrap_or_else(|| api.node.durable_position());
    answer::ok(position, &PlacedOrders { position, results })
}

fn command(place: PlaceOrder) -> Command {
    Command::Trading(trading::Command::PlaceOrder(place))
}

impl NewOrder<'_> {
    /// Reads the numbers, and makes sure that the account is the caller's.
    async fn command(&self, api: &Api, call: &Call) -> Result<(PlaceOrder, Scales), Problem> {
        let scales = api.catalog.scales("instrument", self.instrument).await?;
        let (kind, usual) = match (self.kind, &self.price) {
            (OrderType::Limit, Some(price)) => {
                (OrderKind::Limit(price.price("price", scales.price)?), TimeInForce::Day)
            }
            (OrderType::Limit, None) => {
                return Err(Problem::invalid("price", "is missing: a limit order needs it"));
            }
            (OrderType::Market, None) => (OrderKind::Market, TimeInForce::ImmediateOrCancel),
            (OrderType::Market, Some(_)) => {
                return Err(Problem::invalid("price", "must be left out of a market order"));
            }
        };
        let quantity = self.quantity.quantity("quantity", scales.quantity)?;
        api.check_account(call, self.account, Purpose::Trade).await?;
        let place = PlaceOrder {
            account: self.account,
            instrument: self.instrument,
            side: self.side,
            kind,
            quantity,
            time_in_force: self.time_in_force.unwrap_or(usual),
            post_only: self.post_only,
            self_trade_prevention: self.self_trade_prevention,
            client_order_id: self.client_order_id,
            user: call.user(),
        };
        Ok((place, scales))
    }
}

/// What an order's receipt says, and that it was counted.
pub(crate) fn outcome(
    api: &Api,
    correlation: CorrelationId,
    scales: Scales,
    receipt: &Receipt,
) -> Result<PlacedOrder, Problem> {
    let position = receipt.position;
    let refused = |problem: Problem| {
        api.metrics.order_refused(kinds::find(problem.code()).unwrap_or(&kinds::ORDER_REJECTED).code);
        problem
    };
    match &receipt.result {
        ReceiptResult::Order(order) => match &order.rejected {
            Some(reason) => Err(refused(refusals::rejected(order, reason, position))),
            None => {
                api.metrics.orders_accepted.inc();
                Ok(PlacedOrder::of(order, scales, position, correlation))
            }
        },
        ReceiptResult::Refused(refusal) => Err(refused(refusals::problem(refusal, position))),
        ReceiptResult::Done { .. } | ReceiptResult::Answered(_) => {
            Err(Problem::new(&kinds::INTERNAL, "an order was placed without one"))
        }
    }
}

impl PlacedOrder {
    fn of(receipt: &OrderReceipt, scales: Scales, position: u64, correlation: CorrelationId) -> Self {
        Self {
            order: receipt.order,
            status: receipt.status,
            quantity: quantity_text(receipt.quantity, scales.quantity),
            executed: quantity_text(receipt.executed, scales.quantity),
            closed_code: receipt.canceled,
            position,
            correlation,
        }
    }
}

impl<'a> BatchResult<'a> {
    fn of(outcome: &'a Result<PlacedOrder, Problem>, correlation: CorrelationId) -> Self {
        match outcome {
            Ok(placed) => {
                let status = if placed.status == Status::Created { 202 } else { 201 };
                Self { status, order: Some(placed.clone()), problem: None }
            }
            Err(problem) => {
                let document = problem.document(correlation);
                Self { status: document.status, order: None, problem: Some(document) }
            }
        }
    }
}
