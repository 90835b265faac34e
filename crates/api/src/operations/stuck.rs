//! What does not go on (C9, S3): the list for an operator, and trying again. Nothing is ended by force.

use crate::answer::{self, Answer, Done, List, done};
use crate::call::{Call, Filter, Place};
use crate::forms;
use crate::operations::trading::blocks::block_id;
use crate::problem::{Problem, kinds};
use crate::services::Api;
use axum::extract::State;
use engine::{Command, Context, MessageId, StuckFlow, WaitsFor};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vocabulary::{OrderId, Timestamp};

/// The most entries of the list.
const ENTRIES_MAX: usize = 1_000;
/// For how long a flow has not gone on before it is listed, when nobody says.
const OLDER_THAN_S_DEFAULT: u64 = 10;

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_stuck))
        .routes(routes!(retry_message))
        .routes(routes!(retry_block))
}

/// A flow or block trade that has not gone on for long.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct StuckBody {
    /// The order or block trade, if it is about one.
    #[schema(value_type = Option<u64>)]
    order: Option<OrderId>,
    #[schema(value_type = forms::Moment)]
    since: Timestamp,
    /// `answer` of a service, which is asked again and again, or `operator`: a block trade that could not be undone.
    #[schema(example = "answer")]
    waits_for: &'static str,
    /// The message without an answer.
    message: Option<MessageBody>,
    /// Why a block trade could not be undone.
    reason: Option<String>,
}

/// Names a message to another service.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MessageBody {
    /// The service that it comes from: `trading`, `settlement`, `risk` or `compliance`.
    #[schema(value_type = forms::Service, example = "trading")]
    from: String,
    /// Position of the record that caused it.
    #[schema(example = 4711)]
    position: u64,
    /// Which of that record's messages, from 0.
    #[schema(example = 0)]
    index: u32,
}

/// How long it must have been stuck.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StuckQuery {
    /// For at least so many seconds; 10 if left out.
    older_than_s: Option<u64>,
}

/// What does not go on, and what it waits for.
#[utoipa::path(get, path = "/operations/stuck", tag = "operations", params(StuckQuery),
    responses((status = 200, description = "Block trades first, then messages", body = List<StuckBody>)))]
async fn list_stuck(State(api): State<Arc<Api>>, _call: Call, Filter(query): Filter<StuckQuery>) -> Answer {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let older_than_s = query.older_than_s.unwrap_or(OLDER_THAN_S_DEFAULT);
    let before =
        u64::try_from(now).unwrap_or(u64::MAX).saturating_sub(older_than_s.saturating_mul(1_000_000_000));
    let (position, stuck) = api.look(move |state| state.stuck(Timestamp(before), ENTRIES_MAX)).await?;
    answer::ok(position, &List { items: stuck.into_iter().map(StuckBody::from).collect() })
}

/// Sends a message that is not answered once more, now.
#[utoipa::path(post, path = "/operations/messages/retry", tag = "operations", request_body = MessageBody,
    responses((status = 200, description = "Sent again", body = Done)))]
async fn retry_message(State(api): State<Arc<Api>>, call: Call) -> Answer {
    let MessageBody { from, position, index } = call.read()?;
    let known = Context::ALL.into_iter().find(|context| context.to_string() == from);
    let from =
        known.ok_or_else(|| Problem::new(&kinds::INVALID_FIELD, "from is no service").in_field("from"))?;
    let message = MessageId { position, index, from };
    done(&api.submit(call.request(Command::RetryMessage { message })).await?)
}

/// Tries again to undo a block trade that is stuck.
#[utoipa::path(post, path = "/operations/blocks/{block}/retry", tag = "operations",
    params(("block" = u64, Path, description = "The block trade's id")),
    responses((status = 200, description = "Tried again", body = Done)))]
async fn retry_block(State(api): State<Arc<Api>>, Place(block): Place<String>, call: Call) -> Answer {
    let block = block_id(&block)?;
    done(&api.submit(call.request(Command::RetryBlock { block })).await?)
}

impl From<StuckFlow> for StuckBody {
    fn from(stuck: StuckFlow) -> Self {
        let (waits_for, message, reason) = match stuck.waits_for {
            WaitsFor::Answer { message, .. } => {
                let MessageId { position, index, from } = message;
                ("answer", Some(MessageBody { from: from.to_string(), position, index }), None)
            }
            WaitsFor::Operator { reason, .. } => ("operator", None, reason.map(|reason| reason.message)),
        };
        Self { order: stuck.order, since: stuck.since, waits_for, message, reason }
    }
}
