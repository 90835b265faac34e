//! Feeding the day to a node, batch by batch, as a gateway would.

use engine::{Command, ReceiptResult, Request};
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use node::{NodeHandle, Unavailable};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};
use trading::{OrderKind, Phase, PlaceOrder};
use vocabulary::{SelfTradePrevention, TimeInForce, UserId};

use super::day::{Action, Day, OrderRow};
use super::market::{DayClock, Market, client_order_id, request};
use super::{Limits, ReplayOptions};
use crate::cli::Failure;

/// Orders in a batch, and batches under way at once.
const BATCH: usize = 256;
const UNDER_WAY: usize = 8;

/// What feeding the day came to.
pub(super) struct Fed {
    pub(super) orders: u64,
    pub(super) cancels: u64,
    pub(super) accepted: u64,
    pub(super) refused: BTreeMap<String, u64>,
    pub(super) conserved: bool,
    pub(super) unsettled: u64,
    pub(super) took: Duration,
    pub(super) latency_us: Histogram<u64>,
    pub(super) position: u64,
}

pub(super) struct Feeder<'a> {
    pub(super) node: NodeHandle,
    pub(super) day: &'a Day,
    pub(super) market: &'a Market,
    pub(super) clock: DayClock,
    pub(super) options: &'a ReplayOptions,
}

struct UnderWay {
    since: Instant,
    orders: Vec<bool>,
    answer: tokio::sync::oneshot::Receiver<Result<Vec<engine::Receipt>, Unavailable>>,
}

fn failed(why: impl std::fmt::Display) -> Failure {
    Failure::Wrong(why.to_string())
}

impl Feeder<'_> {
    pub(super) fn run(&self) -> Result<Fed, Failure> {
        for command in self.market.definitions()? {
            self.must(command)?;
        }
        let mut fed = Fed {
            orders: 0,
            cancels: 0,
            accepted: 0,
            refused: BTreeMap::new(),
            conserved: false,
            unsettled: 0,
            took: Duration::ZERO,
            latency_us: Histogram::new_with_bounds(1, 60_000_000, 3).map_err(failed)?,
            position: 0,
        };
        let began = Instant::now();
        self.trade(&mut fed)?;
        fed.took = began.elapsed();
        self.settle(&mut fed)?;
        Ok(fed)
    }

    fn trade(&self, fed: &mut Fed) -> Result<(), Failure> {
        let bar = crate::journal::progress_bar(self.day.orders.len() as u64, "trading");
        let mut phase = Phase::Closed;
        let mut rest = self.day.orders.as_slice();
        while let Some(first) = rest.first() {
            if first.phase != phase {
                self.clock.set(first.time);
                phase = first.phase;
                self.must(Command::Trading(trading::Command::SetPhase {
                    instrument: self.market.instrument,
                    phase,
                }))?;
            }
            let rows = rest.iter().take_while(|row| row.phase == phase).count();
            let (now, later) = rest.split_at(rows);
            self.feed(now, fed, &bar)?;
            rest = later;
        }
        let closed = trading::Command::SetPhase { instrument: self.market.instrument, phase: Phase::Closed };
        self.must(Command::Trading(closed))?;
        bar.finish_and_clear();
        Ok(())
    }

    /// Sends the rows of one phase and waits for all answers. Under the case study's limits, where time decides what
    /// is refused, one batch at a time, so that every run refuses the same.
    fn feed(&self, rows: &[OrderRow], fed: &mut Fed, bar: &ProgressBar) -> Result<(), Failure> {
        let (size, under_way_max) =
            if self.options.limits == Limits::CaseStudy { (1, 1) } else { (BATCH, UNDER_WAY) };
        let mut under_way: VecDeque<UnderWay> = VecDeque::new();
        for chunk in rows.chunks(size) {
            if under_way.len() >= under_way_max
                && let Some(oldest) = under_way.pop_front()
            {
                finish(oldest, fed)?;
            }
            self.clock.set(chunk.last().map_or(0, |row| row.time));
            let requests: Vec<Request> = chunk.iter().map(|row| self.request(row)).collect();
            let orders = chunk.iter().map(|row| matches!(row.action, Action::New { .. })).collect();
            let since = Instant::now();
            let answer = self.node.enqueue(requests).map_err(failed)?;
            under_way.push_back(UnderWay { since, orders, answer });
            bar.inc(chunk.len() as u64);
        }
        under_way.into_iter().try_for_each(|batch| finish(batch, fed))
    }

    fn request(&self, row: &OrderRow) -> Request {
        let user = self.market.user(row.order);
        let account = self.market.account(row.order);
        let client_order_id = client_order_id(row.order);
        let command = match row.action {
            Action::New { side, price, quantity } => trading::Command::PlaceOrder(PlaceOrder {
                account,
                instrument: self.market.instrument,
                side,
                kind: OrderKind::Limit(price),
                quantity,
                time_in_force: TimeInForce::Day,
                post_only: false,
                self_trade_prevention: SelfTradePrevention::Off,
                client_order_id: Some(client_order_id),
                user,
            }),
            Action::Cancel => trading::Command::CancelClientOrder { account, client_order_id },
        };
        request(Command::Trading(command), user, u128::from(row.order))
    }

    fn settle(&self, fed: &mut Fed) -> Result<(), Failure> {
        let date = self.market.settlement_date();
        self.must(Command::Settlement(settlement::Command::Process { date }))?;
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

    fn must(&self, command: Command) -> Result<(), Failure> {
        let actor: UserId = "replay".parse().map_err(failed)?;
        let correlation = u128::from(self.node.durable_position()) + (1 << 64);
        let receipt = self.node.submit_blocking(request(command, actor, correlation)).map_err(failed)?;
        match receipt.result {
            ReceiptResult::Refused(refusal) => Err(failed(format!("{}: {refusal}", refusal.code()))),
            ReceiptResult::Done { .. } | ReceiptResult::Order(_) | ReceiptResult::Answered(_) => Ok(()),
        }
    }
}

fn finish(batch: UnderWay, fed: &mut Fed) -> Result<(), Failure> {
    let answered = batch.answer.blocking_recv().map_err(failed)?;
    let receipts = answered.map_err(failed)?;
    let latency = u64::try_from(batch.since.elapsed().as_micros()).unwrap_or(u64::MAX);
    fed.latency_us.saturating_record_n(latency, receipts.len() as u64);
    for (is_order, receipt) in batch.orders.into_iter().zip(receipts) {
        *(if is_order { &mut fed.orders } else { &mut fed.cancels }) += 1;
        let code = match receipt.result {
            ReceiptResult::Refused(refusal) => Some(refusal.code().to_owned()),
            ReceiptResult::Order(order) => order.rejected.map(|reason| reason.code),
            ReceiptResult::Done { .. } | ReceiptResult::Answered(_) => None,
        };
        match code {
            Some(code) => *fed.refused.entry(code).or_default() += 1,
            None => fed.accepted += 1,
        }
    }
    Ok(())
}
