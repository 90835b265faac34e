//! What settlement answers about its own state: quotas, what is due, obligations, shortfalls.
//!
//! All of it is as of now. What has settled is history, which views keep.

use crate::position::Total;
use crate::{Obligation, QuotaLine, Settlement};
use serde::Serialize;
use vocabulary::{Amount, AssetId, Date, ParticipantId, TradeId};

/// What a run of that date would take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Due {
    /// The settlement date.
    pub date: Date,
    /// Complete trades due then or before.
    pub trades: u64,
    /// Trades due then or before of which one side has not arrived.
    pub incomplete: u64,
    /// What the complete ones move, per asset.
    pub totals: Vec<Total>,
}

impl Settlement {
    /// What is due on `date` or before, and not in a run already.
    pub fn due(&self, date: Date) -> Due {
        let sums = self.obligations.sums(date);
        let incomplete = self.obligations.incomplete(date);
        Due { date, trades: sums.trades, incomplete, totals: sums.totals.to_vec() }
    }

    /// Every quota that was ever set or asked for, by participant and currency.
    pub fn quotas(&self) -> Vec<QuotaLine> {
        self.quotas.lines()
    }

    /// The obligations of up to `trades_max` unsettled trades after `after`, by date and trade: both sides of a complete
    /// trade, buyer first, and the one known side of an incomplete one. Page on from the last one's date and trade.
    pub fn obligations(&self, after: Option<(Date, TradeId)>, trades_max: usize) -> Vec<Obligation> {
        let in_run = self.run.iter().flat_map(|run| run.remaining.after(after)).take(trades_max);
        let mut page: Vec<_> = self.obligations.after(after, trades_max).chain(in_run).collect();
        page.sort_unstable();
        page.truncate(trades_max);
        page.into_iter().flat_map(|(_, trade)| self.obligations.sides(trade)).collect()
    }

    /// Number of trades that are not final, complete or not.
    pub fn unsettled_count(&self) -> usize {
        self.obligations.len()
    }

    /// What is recorded as missing, by participant and asset.
    pub fn shortfalls(&self) -> impl Iterator<Item = (ParticipantId, AssetId, Amount)> {
        self.shortfalls.iter().map(|(&(participant, asset), &missing)| (participant, asset, missing))
    }
}
