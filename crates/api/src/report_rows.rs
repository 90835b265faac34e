//! What reports look like to clients: only for the documentation. The reports themselves are written as the views give
//! them; tests compare both.

#![allow(dead_code, reason = "only their form is used, by the OpenAPI document")]

use crate::rows::{Alert, Decision, KillSwitch, Policy, SettlementRun, SettlementTotal, Trade};
use utoipa::ToSchema;

/// An entry that is or was on the restricted list.
#[derive(ToSchema)]
pub(crate) struct RestrictionEntry {
    /// Where it was put on.
    position: u64,
    /// `instrument`, `instrument_for_account`, `account` or `user`.
    kind: String,
    /// What is not traded; empty: everything.
    instrument: String,
    /// By which account; empty: by all.
    account: String,
    /// By which user; empty: by all.
    user: String,
    /// Since when.
    time: String,
    /// Who put it on.
    actor: String,
    /// Where it was taken off; none: it stands.
    lifted_position: Option<u64>,
    /// When.
    lifted: Option<String>,
}

/// The report.
#[derive(ToSchema)]
pub(crate) struct SettlementReport {
    /// The day it is about.
    date: String,
    /// The last position that it takes in.
    position: u64,
    /// Time of that record.
    as_of: String,
    /// Hash of the journal there, to prove what the report stands on.
    journal_hash: String,
    /// The runs of the date.
    runs: Vec<SettlementRun>,
    /// Whether each asset sums to zero, each total is its parts, and each net is the sum of its trades.
    balanced: bool,
    /// Totals of each run by asset: what was due, and what settled.
    totals: Vec<SettlementTotal>,
    /// Every party's position, gross and net.
    positions: Vec<PositionLine>,
    /// All positions of an asset added up.
    sums: Vec<SumLine>,
    /// The settled trades, up to the number asked for: the lineage of the positions of their run.
    trades: Vec<Trade>,
    /// How many trades were settled.
    trades_total: u64,
    /// What could not be covered, up to the number asked for.
    recycled: Vec<RecycledLine>,
    /// How many trades could not be covered.
    recycled_total: u64,
}

/// What a party received and delivered of an asset in a run.
#[derive(ToSchema)]
pub(crate) struct PositionLine {
    /// The run.
    run: u64,
    /// Trade by trade, or net.
    model: String,
    /// Of what.
    asset: String,
    /// Whose; none: the central counterparty's, which keeps the fees.
    participant: Option<String>,
    /// How many sides of trades are part of it.
    movements: u64,
    /// What it received, trade by trade.
    gross_in: String,
    /// What it delivered, trade by trade.
    gross_out: String,
    /// The difference: received, or delivered if negative.
    net: String,
    /// The net that settlement recorded when it netted; none where trades settle one by one.
    recorded_net: Option<String>,
}

/// What all parties together received and delivered of an asset.
#[derive(ToSchema)]
pub(crate) struct SumLine {
    /// Of what.
    asset: String,
    /// Sum over participants: what they paid as fees, as a negative number.
    participants: String,
    /// What the central counterparty kept: the fees.
    central_counterparty: String,
    /// The two together: zero.
    sum: String,
}

/// A trade that could not be covered, with its orders.
#[derive(ToSchema)]
pub(crate) struct RecycledLine {
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
    /// Why, in a sentence.
    reason: String,
    /// The trade as it is now.
    traded: Trade,
}

/// The report.
#[derive(ToSchema)]
pub(crate) struct RiskReport {
    /// The day it is about.
    date: String,
    /// The last position that it takes in.
    position: u64,
    /// Time of that record.
    as_of: String,
    /// Hash of the journal there, to prove what the report stands on.
    journal_hash: String,
    /// The position of the live state that the exposures are from.
    exposures_position: u64,
    /// Exposures by scope and measure.
    exposures: Vec<ExposureLine>,
    /// Kill switches that are engaged.
    kill_switches: Vec<KillSwitch>,
    /// Alerts of the day, up to the number asked for.
    alerts: Vec<Alert>,
    /// How many alerts there were.
    alerts_total: u64,
}

/// How much of a measure an account or participant uses.
#[derive(ToSchema)]
pub(crate) struct ExposureLine {
    /// `account` or `participant`.
    scope: String,
    /// Which.
    scope_id: String,
    /// `position`, `gross_exposure` or `order_rate`.
    measure: String,
    /// The instrument or currency; empty for the order rate.
    measure_id: String,
    /// How much is used.
    used: String,
    /// The limit, if there is one.
    limit: Option<String>,
    /// Share of the limit in hundredths of a percent.
    utilisation_bp: Option<u32>,
}

/// The report.
#[derive(ToSchema)]
pub(crate) struct ComplianceReport {
    /// The day it is about.
    date: String,
    /// The last position that it takes in.
    position: u64,
    /// Time of that record.
    as_of: String,
    /// Hash of the journal there, to prove what the report stands on.
    journal_hash: String,
    /// How many orders were allowed.
    allowed: u64,
    /// How many were denied.
    denied: u64,
    /// Denials by the code of their first reason.
    by_code: Vec<DecisionSum>,
    /// Decisions by version of the policy.
    by_policy: Vec<DecisionSum>,
    /// Decisions by market.
    by_market: Vec<DecisionSum>,
    /// Decisions by user, those with most denials first, up to the number asked for.
    by_user: Vec<DecisionSum>,
    /// How many users placed orders.
    users_total: u64,
    /// Every denial, up to the number asked for.
    denials: Vec<Decision>,
    /// The policies that decided on the day, or came into force on it.
    policies: Vec<Policy>,
    /// The restricted list as it stands.
    restrictions: Vec<RestrictionEntry>,
}

/// Decisions that have something in common.
#[derive(ToSchema)]
pub(crate) struct DecisionSum {
    /// What: a code, a user, a market or a version.
    what: String,
    /// How many orders may be placed.
    allowed: u64,
    /// How many may not.
    denied: u64,
}
