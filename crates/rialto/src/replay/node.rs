//! Trading the day with a node in this process, batch by batch, as a gateway would.

use engine::{Command, ReceiptResult, Request};
use indicatif::ProgressBar;
use node::{NodeHandle, Unavailable};
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use vocabulary::UserId;

use super::day::{Action, OrderRow};
use super::feed::{Fed, Venue, failed};
use super::market::{DayClock, Market, request};
use super::observer::Sighting;
use crate::cli::Failure;

/// Orders in a batch, and batches under way at once.
const BATCH: usize = 256;
const UNDER_WAY: usize = 8;

/// A node.
pub(super) struct NodeVenue<'a> {
    pub(super) node: NodeHandle,
    pub(super) market: &'a Market,
    pub(super) clock: DayClock,
    pub(super) sighting: &'a Sighting,
}

struct UnderWay {
    since: Instant,
    orders: Vec<bool>,
    answer: tokio::sync::oneshot::Receiver<Result<Vec<engine::Receipt>, Unavailable>>,
}

impl Venue for NodeVenue<'_> {
    fn set_time(&self, hundredths: u32) {
        self.clock.set(hundredths);
    }

    fn must(&self, command: &Command) -> Result<(), Failure> {
        let actor: UserId = "replay".parse().map_err(failed)?;
        let correlation = u128::from(self.node.durable_position()) + (1 << 64);
        let request = request(command.clone(), actor, correlation);
        let receipt = self.node.submit_blocking(request).map_err(failed)?;
        match receipt.result {
            ReceiptResult::Refused(refusal) => Err(failed(format!("{}: {refusal}", refusal.code()))),
            ReceiptResult::Done { .. } | ReceiptResult::Order(_) | ReceiptResult::Answered(_) => Ok(()),
        }
    }

    /// Sends no more once something differs from what was published.
    fn trade(&self, rows: &[OrderRow], fed: &mut Fed, bar: &ProgressBar) -> Result<(), Failure> {
        let mut under_way: VecDeque<UnderWay> = VecDeque::new();
        for chunk in rows.chunks(BATCH) {
            if self.sighting.differs() {
                break;
            }
            if under_way.len() >= UNDER_WAY
                && let Some(oldest) = under_way.pop_front()
            {
                finish(oldest, fed)?;
            }
            self.clock.set(chunk.last().map_or(0, |row| row.time));
            let requests: Vec<Request> = chunk.iter().map(|row| self.market.request(row)).collect();
            let orders = chunk.iter().map(|row| matches!(row.action, Action::New { .. })).collect();
            let since = Instant::now();
            let answer = self.node.enqueue(requests).map_err(failed)?;
            under_way.push_back(UnderWay { since, orders, answer });
            bar.inc(chunk.len() as u64);
        }
        under_way.into_iter().try_for_each(|batch| finish(batch, fed))
    }

    fn look_at_the_end(&self, fed: &mut Fed) -> Result<(), Failure> {
        loop {
            let look = |state: &engine::State| {
                let running = state.settlement.running().is_some() || state.trading.is_sweeping();
                let conserved = state.trading.ledger().audit().is_ok();
                (running, conserved, state.settlement.unsettled_count() as u64)
            };
            let (position, (running, conserved, unsettled)) =
                self.node.read_blocking(look).map_err(failed)?;
            if !running {
                fed.conserved = conserved;
                fed.unsettled = unsettled;
                fed.position = position;
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn finish(batch: UnderWay, fed: &mut Fed) -> Result<(), Failure> {
    let answered = batch.answer.blocking_recv().map_err(failed)?;
    let receipts = answered.map_err(failed)?;
    let latency = u64::try_from(batch.since.elapsed().as_micros()).unwrap_or(u64::MAX);
    fed.latency_us.saturating_record_n(latency, receipts.len() as u64);
    for (is_order, receipt) in batch.orders.into_iter().zip(receipts) {
        let refusal = match receipt.result {
            ReceiptResult::Refused(refusal) => Some((refusal.code().to_owned(), refusal.to_string())),
            ReceiptResult::Order(order) => order.rejected.map(|reason| (reason.code, reason.message)),
            ReceiptResult::Done { .. } | ReceiptResult::Answered(_) => None,
        };
        if is_order { fed.count_order(refusal) } else { fed.count_cancel(refusal.is_some()) }
    }
    Ok(())
}
