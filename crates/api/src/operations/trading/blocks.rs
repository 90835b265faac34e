//! Negotiated block trades (CON-4): proposed by one, consented to or refused by the other.

use crate::answer::{self, Answer, Done, done};
use crate::call::{Call, Filter, Place, number};
use crate::decimals::Decimal;
use crate::forms;
use crate::ownership::Purpose;
use crate::problem::{Problem, kinds};
use crate::reads::{PageBody, page, visibility};
use crate::rows;
use crate::services::Api;
use axum::extract::State;
use engine::block::ProposeBlock;
use engine::{Command, Receipt, ReceiptResult};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use views::{BlockFilter, Visibility};
use vocabulary::{AccountId, CorrelationId, InstrumentId, OrderId, Side};

const SECOND_NS: u64 = 1_000_000_000;
/// The stages that a list can be asked for.
pub(crate) const STAGES: [&str; 7] =
    ["doing", "awaiting_consent", "executing", "undoing", "stuck", "complete", "undone"];
/// How long the counterparty has when the proposer does not say.
const CONSENT_S_DEFAULT: u64 = 3_600;

/// A block trade to propose.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBlock<'a> {
    /// Your account.
    #[schema(value_type = forms::Code, example = "A1")]
    account: AccountId,
    /// Whose consent is needed.
    #[schema(value_type = forms::Code, example = "A2")]
    counterparty: AccountId,
    #[schema(value_type = forms::Code, example = "600519")]
    instrument: InstrumentId,
    /// Your side.
    #[schema(value_type = forms::Side, example = "sell")]
    side: Side,
    #[serde(borrow)]
    #[schema(example = "1785.00")]
    price: Decimal<'a>,
    #[serde(borrow)]
    #[schema(example = "10000")]
    quantity: Decimal<'a>,
    /// How long the counterparty has, in seconds: up to 7 days; an hour if left out.
    #[serde(default)]
    #[schema(example = 3600)]
    consent_seconds: Option<u64>,
}

/// Whose word it is.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Word {
    /// Your account, one of the two.
    #[schema(value_type = forms::Code, example = "A2")]
    account: AccountId,
}

/// A block trade that was proposed.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ProposedBlock {
    /// Its id.
    #[schema(value_type = u64, example = 4711)]
    block: OrderId,
    #[schema(example = 4711)]
    position: u64,
    #[schema(value_type = forms::Correlation)]
    correlation: CorrelationId,
}

/// A block trade, and the stages that it went through.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct BlockLife<B, S> {
    block: B,
    /// Oldest first.
    stages: Vec<S>,
}

/// Which block trades, and which part of the list.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct BlockQuery {
    /// With this account on either side.
    #[param(value_type = Option<forms::Code>)]
    account: Option<AccountId>,
    /// `doing`, `awaiting_consent`, `executing`, `undoing`, `stuck`, `complete` or `undone`.
    #[param(value_type = Option<forms::BlockProgress>)]
    stage: Option<String>,
    /// Rows of the page, 1 to 1,000; 100 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Where the page begins: `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
}

/// Proposes a block trade. Your leg is made at once, its funds frozen; then the counterparty is asked.
#[utoipa::path(post, path = "/trading/blocks", tag = "block trades", request_body = NewBlock,
    responses((status = 201, description = "Proposed", body = ProposedBlock)))]
pub(crate) async fn propose_block(State(api): State<Arc<Api>>, call: Call) -> Answer {
    let body: NewBlock<'_> = call.read()?;
    let scales = api.catalog.scales("instrument", body.instrument).await?;
    let price = body.price.price("price", scales.price)?;
    let quantity = body.quantity.quantity("quantity", scales.quantity)?;
    let consent_s = body.consent_seconds.unwrap_or(CONSENT_S_DEFAULT);
    api.check_account(&call, body.account, Purpose::Trade).await?;
    let propose = ProposeBlock {
        account: body.account,
        counterparty: body.counterparty,
        instrument: body.instrument,
        side: body.side,
        price,
        quantity,
        consent_ns: consent_s.saturating_mul(SECOND_NS),
        user: call.user(),
    };
    let proposing = api.submit(call.request(Command::ProposeBlock(propose))).await;
    let receipt = proposing.map_err(|problem| match problem.code() {
        // The proposer's account is known by now.
        code if code == kinds::UNKNOWN_ACCOUNT.code => problem.in_field("counterparty"),
        _ => problem,
    })?;
    let block = proposed(&receipt);
    let body = ProposedBlock { block, position: receipt.position, correlation: call.correlation };
    answer::created(receipt.position, &format!("/trading/blocks/{block}"), &body)
}

/// A block trade's id is the position of its record, as an order's is.
fn proposed(receipt: &Receipt) -> OrderId {
    match &receipt.result {
        ReceiptResult::Order(order) => order.order,
        ReceiptResult::Done { .. } | ReceiptResult::Refused(_) | ReceiptResult::Answered(_) => {
            OrderId(receipt.position)
        }
    }
}

/// The counterparty agrees: its leg is made, and both are executed against each other.
#[utoipa::path(post, path = "/trading/blocks/{block}/consent", tag = "block trades", request_body = Word,
    params(("block" = u64, Path, description = "The block trade's id")),
    responses((status = 200, description = "Agreed", body = Done)))]
pub(crate) async fn consent_block(
    State(api): State<Arc<Api>>,
    Place(block): Place<String>,
    call: Call,
) -> Answer {
    let block = block_id(&block)?;
    let Word { account } = call.read()?;
    api.check_account(&call, account, Purpose::Trade).await?;
    check_party(&api, block, account).await?;
    let consent = Command::ConsentBlock { block, account, user: call.user() };
    done(&api.submit(call.request(consent)).await?)
}

/// The counterparty refuses, or the proposer takes it back: what was done is undone.
#[utoipa::path(post, path = "/trading/blocks/{block}/refuse", tag = "block trades", request_body = Word,
    params(("block" = u64, Path, description = "The block trade's id")),
    responses((status = 200, description = "Being undone", body = Done)))]
pub(crate) async fn refuse_block(
    State(api): State<Arc<Api>>,
    Place(block): Place<String>,
    call: Call,
) -> Answer {
    let block = block_id(&block)?;
    let Word { account } = call.read()?;
    api.check_account(&call, account, Purpose::Trade).await?;
    check_party(&api, block, account).await?;
    done(&api.submit(call.request(Command::RefuseBlock { block, account })).await?)
}

/// Block trades. A trader sees those of his accounts, on either side.
#[utoipa::path(get, path = "/trading/blocks", tag = "block trades", params(BlockQuery),
    responses((status = 200, description = "The latest first", body = PageBody<rows::Block>)))]
pub(crate) async fn list_blocks(
    State(api): State<Arc<Api>>,
    call: Call,
    Filter(query): Filter<BlockQuery>,
) -> Answer {
    let (page, seen) = (page(query.limit, query.cursor)?, visibility(&call.principal));
    if query.stage.as_ref().is_some_and(|stage| !STAGES.contains(&stage.as_str())) {
        let detail = format!("stage must be one of {}", STAGES.join(", "));
        return Err(Problem::new(&kinds::INVALID_QUERY, detail).in_field("stage"));
    }
    let filter = BlockFilter { account: query.account, stage: query.stage };
    let (position, rows) = api.ask(&call, move |views| views.blocks(&filter, seen, &page)).await?;
    answer::ok(position, &PageBody::of(rows))
}

/// A block trade, and the stages that it went through.
#[utoipa::path(get, path = "/trading/blocks/{block}", tag = "block trades",
    params(("block" = u64, Path, description = "The block trade's id")),
    responses((status = 200, description = "The block trade", body = BlockLife<rows::Block, rows::BlockStage>)))]
pub(crate) async fn get_block(
    State(api): State<Arc<Api>>,
    Place(block): Place<String>,
    call: Call,
) -> Answer {
    let (id, seen) = (block_id(&block)?, visibility(&call.principal));
    let (position, found) = api.ask_about(&call, id, move |views| views.block(id, seen)).await?;
    let Some((block, stages)) = found else {
        let (_, exists) = api.ask_about(&call, id, move |views| views.block(id, Visibility::All)).await?;
        let problem = unknown(id);
        return Err(if exists.is_some() { problem.denied() } else { problem });
    };
    answer::ok(position, &BlockLife { block, stages })
}

pub(crate) fn block_id(text: &str) -> Result<OrderId, Problem> {
    number("block", text).map(OrderId)
}

fn unknown(block: OrderId) -> Problem {
    Problem::new(&kinds::UNKNOWN_BLOCK, format!("there is no block trade {block} that is not over"))
}

/// To one who is no party to it, a block trade does not exist.
async fn check_party(api: &Api, id: OrderId, account: AccountId) -> Result<(), Problem> {
    let look = move |state: &engine::State| {
        let terms = state.blocks.get(id).map(|block| block.terms);
        terms.map(|terms| terms.account == account || terms.counterparty == account)
    };
    match api.look(look).await?.1 {
        Some(true) => Ok(()),
        Some(false) => Err(unknown(id).denied()),
        None => Err(unknown(id)),
    }
}
