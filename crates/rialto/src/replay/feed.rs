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
use super::observer::Sighting;
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
    /// Refused orders by code.
    pub(super) refused: BTreeMap<String, Refused>,
    pub(super) cancels_refused: u64,
    pub(super) conserved: bool,
    pub(super) unsettled: u64,
    pub(super) took: Duration,
    pub(super) latency_us: Histogram<u64>,
    pub(super) position: u64,
}

/// Orders refused under one code, and why the first of them was.
pub(super) struct Refused {
    pub(super) orders: u64,
    pub(super) example: String,
}

pub(super) struct Feeder<'a> {
    pub(super) node: NodeHandle,
    pub(super) day: &'a Day,
    pub(super) market: &'a Market,
    pub(super) clock: DayClock,
    pub(super) options: &'a ReplayOptions,
    pub(super) sighting: &'a Sighting,
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
            cancels_refused: 0,
            conserved: false,
            unsettled: 0,
            took: Duration::ZERO,
            latency_us: Histogram::new_with_bounds(1, 60_000_000, 3).map_err(failed)?,
            position: 0,
        };
        let began = Instant::now();
        self.trade(&mut fed)?;
        fed.took = began.elapsed();
        if !self.sighting.differs() {
            let date = self.market.settlement_date();
            self.must(Command::Settlement(settlement::Command::Process { date }))?;
        }
        self.look_at_the_end(&mut fed)?;
        Ok(fed)
    }

    fn trade(&self, fed: &mut Fed) -> Result<(), Failure> {
        let bar = crate::journal::progress_bar(self.day.orders.len() as u64, "trading");
        let mut phase = Phase::Closed;
        let mut rest = self.day.orders.as_slice();
        while let Some(first) = rest.first().filter(|_| !self.sighting.differs()) {
            if first.phase != phase {
                self.clock.set(first.time);
                phase = first.phase;
                self.must(Command::Trading(trading::Command::SetPhase {
                    instrument: self.market.instrument,
                    phase,
                }))?;
            }
            let minute = first.minute();
            let together =
                |row: &&OrderRow| row.phase == phase && (!self.by_minute() || row.minute() == minute);
            let rows = rest.iter().take_while(together).count();
            let (now, later) = rest.split_at(rows);
            self.feed(now, fed, &bar)?;
            rest = later;
        }
        let closed = trading::Command::SetPhase { instrument: self.market.instrument, phase: Phase::Closed };
        self.must(Command::Trading(closed))?;
        bar.finish_and_clear();
        Ok(())
    }

    /// Under the case study's limits the minute of an order decides whether it is refused. No order is sent before all
    /// of the minute before are answered, so that every run refuses the same.
    fn by_minute(&self) -> bool {
        self.options.limits == Limits::CaseStudy
    }

    /// Sends rows and waits for all answers; sends no more once something differs from what was published.
    fn feed(&self, rows: &[OrderRow], fed: &mut Fed, bar: &ProgressBar) -> Result<(), Failure> {
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
        let refusal = match receipt.result {
            ReceiptResult::Refused(refusal) => Some((refusal.code().to_owned(), refusal.to_string())),
            ReceiptResult::Order(order) => order.rejected.map(|reason| (reason.code, reason.message)),
            ReceiptResult::Done { .. } | ReceiptResult::Answered(_) => None,
        };
        if is_order { fed.count_order(refusal) } else { fed.count_cancel(refusal.is_some()) }
    }
    Ok(())
}

impl Fed {
    /// A refusal is its code and its message.
    fn count_order(&mut self, refusal: Option<(String, String)>) {
        self.orders += 1;
        match refusal {
            Some((code, example)) => {
                self.refused.entry(code).or_insert(Refused { orders: 0, example }).orders += 1;
            }
            None => self.accepted += 1,
        }
    }

    fn count_cancel(&mut self, refused: bool) {
        self.cancels += 1;
        self.cancels_refused += u64::from(refused);
    }
}
