//! What rows of the views look like to clients: only for the documentation. The rows themselves are written as the views
//! give them; tests compare both.

#![allow(dead_code, reason = "only their form is used, by the OpenAPI document")]

use utoipa::ToSchema;

/// An account.
#[derive(ToSchema)]
pub(crate) struct Account {
    /// Its code.
    account: String,
    /// Who clears for it.
    participant: String,
    /// Opaque id of its owner.
    owner: String,
    /// Where it was opened.
    position: u64,
    /// When.
    time: String,
}

/// An order.
#[derive(ToSchema)]
pub(crate) struct Order {
    /// Its id.
    order: u64,
    /// Whose it is.
    account: String,
    /// Opaque id of the account's owner.
    owner: String,
    /// Who clears it.
    participant: String,
    /// What it trades.
    instrument: String,
    /// The market of the instrument.
    market: String,
    /// Buy or sell.
    side: String,
    /// `limit`, `market` or `block`.
    kind: String,
    /// The worst price it can trade at.
    limit: String,
    /// How much it asks for in all.
    quantity: String,
    /// How much of it is executed.
    executed: String,
    /// How much of it can still be executed; nothing once it is closed.
    remaining: String,
    /// How long it lives.
    time_in_force: String,
    /// Must not match when it comes in.
    post_only: bool,
    /// Where it is in its life.
    status: String,
    /// The client's own id.
    client_order_id: Option<String>,
    /// Opaque id of who placed it.
    user: String,
    /// The thread that it hangs on.
    correlation: String,
    /// The order whose place it took.
    replaces: Option<u64>,
    /// Where it came into being.
    position: u64,
    /// When.
    time: String,
    /// Where it was closed.
    closed_position: Option<u64>,
    /// When.
    closed_time: Option<String>,
    /// Why: the code of a rejection, the cause of a cancel, `expired` or `executed`.
    closed_code: Option<String>,
    /// The sentence of a rejection.
    closed_message: Option<String>,
}

/// A trade.
#[derive(ToSchema)]
pub(crate) struct Trade {
    /// Its id.
    trade: String,
    /// When it was agreed.
    time: String,
    /// What was traded.
    instrument: String,
    /// What changes hands.
    base: String,
    /// What is paid.
    quote: String,
    /// At what price.
    price: String,
    /// How much base.
    quantity: String,
    /// How much quote, fees apart.
    notional: String,
    /// The business day on which it was agreed.
    trade_date: String,
    /// The side that came in and matched; none in an auction or a block trade.
    aggressor: Option<String>,
    /// The buyer, if seen.
    buy: Option<TradeSide>,
    /// The seller, if seen.
    sell: Option<TradeSide>,
    /// `executed`, `due`, `recycled` (due again) or `settled`.
    status: String,
    /// When it is or was due.
    due: Option<String>,
    /// The run that settled it.
    run: Option<u64>,
    /// How it was settled.
    model: Option<String>,
    /// The settlement date of that run.
    settled_on: Option<String>,
}

/// One side of a trade.
#[derive(ToSchema)]
pub(crate) struct TradeSide {
    /// The order that was executed.
    order: u64,
    /// Whose it was.
    account: String,
    /// Who clears it.
    participant: String,
    /// Fee in quote.
    fee: String,
    /// The thread of the order.
    correlation: String,
}

/// A block trade.
#[derive(ToSchema)]
pub(crate) struct Block {
    /// Its id, which is that of the proposer's order too.
    block: u64,
    /// The proposer's account.
    account: String,
    /// Whose consent is needed.
    counterparty: String,
    /// What is traded.
    instrument: String,
    /// The proposer's side.
    side: String,
    /// At what price.
    price: String,
    /// How much.
    quantity: String,
    /// Who proposed it.
    user: String,
    /// Until when the counterparty can consent.
    deadline: String,
    /// The thread that it hangs on.
    correlation: String,
    /// The counterparty's order, once it has consented.
    counter_order: Option<u64>,
    /// Who consented.
    counter_user: Option<String>,
    /// Where it is.
    stage: String,
    /// In which leg.
    leg: Option<String>,
    /// In which step.
    step: Option<String>,
    /// Code of why it was turned round: `block.refused`, `block.withdrawn`, `block.expired`, or that of the step which
    /// failed.
    code: Option<String>,
    /// Sentence of why.
    message: Option<String>,
    /// Where it was proposed.
    position: u64,
    /// When.
    time: String,
    /// Where it came to its stage.
    moved_position: u64,
    /// When.
    moved: String,
}

/// A stage that a block trade came to.
#[derive(ToSchema)]
pub(crate) struct BlockStage {
    /// Where.
    position: u64,
    /// When.
    time: String,
    /// Which.
    stage: String,
    /// In which leg.
    leg: Option<String>,
    /// In which step.
    step: Option<String>,
    /// Code of why, if it was turned round here.
    code: Option<String>,
    /// Sentence of why.
    message: Option<String>,
}

/// A decision on an order.
#[derive(ToSchema)]
pub(crate) struct Decision {
    /// Names the decision: the order that it is about.
    decision: u64,
    /// Where it is recorded.
    position: u64,
    /// When.
    time: String,
    /// The business day.
    day: String,
    /// The thread of the order.
    correlation: String,
    /// Who placed the order.
    user: String,
    /// For which account.
    account: String,
    /// In what.
    instrument: String,
    /// In which market.
    market: String,
    /// Version of the policy that judged it; 0 if none was in force.
    policy: u32,
    /// Digest of its bundle.
    digest: Option<String>,
    /// Whether the order may be placed.
    allowed: bool,
    /// Allowed orders of the user in the last hour, and this one.
    orders_in_hour: u32,
    /// Why not.
    reasons: Vec<DecisionReason>,
}

/// Why an order was denied.
#[derive(ToSchema)]
pub(crate) struct DecisionReason {
    /// Stable code.
    code: String,
    /// Sentence.
    message: String,
}

/// A policy that came into force.
#[derive(ToSchema)]
pub(crate) struct Policy {
    /// Counts the activations from 1.
    version: u32,
    /// Digest of its bundle.
    digest: String,
    /// Where it was activated.
    position: u64,
    /// When.
    time: String,
    /// On which business day.
    day: String,
    /// By whom.
    actor: String,
    /// The thread of the command.
    correlation: String,
    /// Names of its modules.
    modules: Vec<String>,
    /// Bytes of names, texts and data.
    size: u64,
}

/// A kill switch that is or was engaged.
#[derive(ToSchema)]
pub(crate) struct KillSwitch {
    /// Where it was engaged.
    position: u64,
    /// `all`, `participant`, `account` or `instrument`.
    scope: String,
    /// Which; empty for all.
    scope_id: String,
    /// Why.
    reason: String,
    /// When.
    time: String,
    /// By whom.
    actor: String,
    /// Where it was lifted; none: it is engaged.
    lifted_position: Option<u64>,
    /// When.
    lifted: Option<String>,
    /// By whom.
    lifted_by: Option<String>,
}

/// A share of a limit that was reached.
#[derive(ToSchema)]
pub(crate) struct Alert {
    /// Where it was raised.
    position: u64,
    /// When.
    time: String,
    /// The business day.
    day: String,
    /// `account` or `participant`.
    scope: String,
    /// Which.
    scope_id: String,
    /// What is measured, `order_notional`, `order_quantity`, `position`, `gross_exposure` or `order_rate`.
    measure: String,
    /// Of what.
    measure_id: String,
    /// The share that was reached, in percent.
    percent: u8,
    /// What was used with the order.
    used: String,
    /// The limit.
    limit: String,
    /// The order that brought it there.
    order: Option<u64>,
    /// Its thread.
    correlation: String,
}

/// What one side of a trade owes the central counterparty and has to get from it. Positive: receives.
#[derive(ToSchema)]
pub(crate) struct Obligation {
    /// The trade.
    trade: String,
    /// Which side of it.
    side: String,
    /// The order that was executed.
    order: u64,
    /// Whose it was.
    account: String,
    /// Who clears it.
    participant: String,
    /// What was traded.
    instrument: String,
    /// What is delivered.
    base: String,
    /// What is paid.
    quote: String,
    /// Receives this in base; negative: delivers.
    base_amount: String,
    /// Receives this in quote, fee taken off; negative: pays.
    quote_amount: String,
    /// The fee in it.
    fee: String,
    /// The business day of the trade.
    trade_date: String,
    /// When it is or was due.
    due: String,
    /// `due`, `recycled` (due again) or `settled`.
    status: String,
    /// The run that settled it.
    run: Option<u64>,
    /// How.
    model: Option<String>,
    /// The settlement date of that run.
    settled_on: Option<String>,
    /// The thread of the order.
    correlation: String,
}

/// A settlement run.
#[derive(ToSchema)]
pub(crate) struct SettlementRun {
    /// Counts runs from 1.
    run: u64,
    /// Its settlement date.
    date: String,
    /// Who started it.
    actor: String,
    /// The thread of the command that started it.
    correlation: String,
    /// Where it was started.
    started_position: u64,
    /// When.
    started: String,
    /// How many trades it took.
    trades: u64,
    /// Where it was complete; none while it is in progress.
    completed_position: Option<u64>,
    /// When.
    completed: Option<String>,
    /// How many trades it made final.
    settled: Option<u64>,
    /// How many it moved to a later day.
    recycled: Option<u64>,
}

/// What moves of one asset in a run. `delivered = received + fees`.
#[derive(ToSchema)]
pub(crate) struct SettlementTotal {
    /// The run.
    run: u64,
    /// `due` when the run started, or `settled` by it.
    what: String,
    /// Of what.
    asset: String,
    /// What participants deliver or pay.
    delivered: String,
    /// What participants receive.
    received: String,
    /// What the central counterparty keeps.
    fees: String,
}

/// A net position of a run, as settlement recorded it.
#[derive(ToSchema)]
pub(crate) struct NetPosition {
    /// The run.
    run: u64,
    /// Of what.
    asset: String,
    /// Whose; none: the central counterparty's.
    participant: Option<String>,
    /// What it would receive trade by trade.
    gross_in: String,
    /// What it would deliver trade by trade.
    gross_out: String,
    /// Receives this; negative: delivers.
    net: String,
}

/// A trade that a run could not cover.
#[derive(ToSchema)]
pub(crate) struct RecycledTrade {
    /// The run.
    run: u64,
    /// The trade.
    trade: String,
    /// How it was to settle.
    model: String,
    /// When it was due.
    due: String,
    /// When it is due again.
    due_next: String,
    /// Who was short.
    participant: String,
    /// Of what.
    asset: String,
    /// By how much, when the trade was judged.
    missing: String,
    /// Where it is recorded.
    recorded: u64,
}

/// A command that was refused.
#[derive(ToSchema)]
pub(crate) struct RecordedRefusal {
    /// Where it is recorded.
    position: u64,
    /// When.
    time: String,
    /// The business day.
    day: String,
    /// Stable code.
    code: String,
    /// Sentence.
    message: String,
    /// Who asked.
    actor: String,
    /// The thread of the command.
    correlation: String,
    /// The account that it named.
    account: Option<String>,
    /// The order that it named.
    order: Option<u64>,
}
