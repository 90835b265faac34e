//! What a replay answers.

use serde::Serialize;
use std::collections::BTreeMap;

use super::ReplayOptions;
use super::feed::Fed;
use super::observer::Findings;
use crate::cli::Failure;
use crate::output::say;

/// The answer, as JSON.
#[derive(Serialize)]
pub(super) struct Summary {
    orders: u64,
    cancels: u64,
    /// Orders alone: with those refused, all orders.
    accepted: u64,
    /// Refused orders by code.
    refused: BTreeMap<String, u64>,
    /// The first message of each code.
    reasons: BTreeMap<String, String>,
    /// Cancels that were refused.
    cancels_refused: u64,
    trades: u64,
    /// None where there was nothing to compare with.
    trade_mismatches: Option<u64>,
    snapshots: u64,
    snapshot_mismatches: Option<u64>,
    settled: u64,
    recycled: u64,
    unsettled: u64,
    conserved: bool,
    /// New orders and cancels, from the first sent to the last durable answer.
    orders_per_second: u64,
    latency_us: Latency,
    position: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_difference: Option<String>,
}

#[derive(Serialize)]
struct Latency {
    p50: u64,
    p99: u64,
    p999: u64,
}

pub(super) fn summarise(fed: &Fed, found: Findings) -> Summary {
    let rows = u128::from(fed.orders + fed.cancels);
    let rate = rows * 1_000_000 / fed.took.as_micros().max(1);
    Summary {
        orders: fed.orders,
        cancels: fed.cancels,
        accepted: fed.accepted,
        refused: fed.refused.iter().map(|(code, refused)| (code.clone(), refused.orders)).collect(),
        reasons: fed.refused.iter().map(|(code, refused)| (code.clone(), refused.example.clone())).collect(),
        cancels_refused: fed.cancels_refused,
        trades: found.trades,
        trade_mismatches: found.trade_mismatches,
        snapshots: found.snapshots,
        snapshot_mismatches: found.snapshot_mismatches,
        settled: found.settled,
        recycled: found.recycled,
        unsettled: fed.unsettled,
        conserved: fed.conserved,
        orders_per_second: u64::try_from(rate).unwrap_or(u64::MAX),
        latency_us: Latency {
            p50: fed.latency_us.value_at_quantile(0.5),
            p99: fed.latency_us.value_at_quantile(0.99),
            p999: fed.latency_us.value_at_quantile(0.999),
        },
        position: fed.position,
        first_difference: found.first,
    }
}

pub(super) fn print(summary: &Summary, options: &ReplayOptions) -> Result<(), Failure> {
    if options.json {
        say!("{}", serde_json::to_string(summary).map_err(anyhow::Error::from)?);
        return Ok(());
    }
    say!("orders      {}: {} accepted", summary.orders, summary.accepted);
    for (code, count) in &summary.refused {
        let reason = summary.reasons.get(code).map_or("", String::as_str);
        say!("refused     {count} {code}: {reason}");
    }
    say!("cancels     {}, {} refused", summary.cancels, summary.cancels_refused);
    match summary.trade_mismatches {
        Some(differ) => say!("trades      {}, {differ} differ from what was published", summary.trades),
        None => say!("trades      {}, not compared", summary.trades),
    }
    match summary.snapshot_mismatches {
        Some(differ) => say!("snapshots   {} compared, {differ} differ", summary.snapshots),
        None => say!("snapshots   not compared"),
    }
    say!(
        "settlement  {} trades final, {} recycled, {} open",
        summary.settled,
        summary.recycled,
        summary.unsettled
    );
    say!("conserved   {}", if summary.conserved { "yes" } else { "no" });
    let Latency { p50, p99, p999 } = summary.latency_us;
    say!("speed       {} orders/s; latency µs p50 {p50}, p99 {p99}, p99.9 {p999}", summary.orders_per_second);
    Ok(())
}

/// Exit code 1 at the first difference, and when the day did not settle whole.
pub(super) fn judge(summary: &Summary) -> Result<(), Failure> {
    if let Some(difference) = &summary.first_difference {
        return Err(Failure::Wrong(format!("differs from what was published: {difference}")));
    }
    if !summary.conserved {
        return Err(Failure::Wrong("money was not conserved".to_owned()));
    }
    if summary.unsettled > 0 || summary.settled + summary.recycled != summary.trades {
        return Err(Failure::Wrong(format!("{} sides of trades did not settle", summary.unsettled)));
    }
    Ok(())
}
