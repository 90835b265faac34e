//! Comparing what happens with what the exchange published, as a follower: off the critical path, over durable records.

use engine::{Engine, Event, Hosts, Record};
use node::{Batch, Follower, FollowerError};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use vocabulary::{OrderId, Price, Quantity, Side, Trade, format_decimal};

use super::day::{Day, PRICE_SCALE, SnapshotRow, TradeRow};
use super::market::Market;

/// Levels of a published snapshot.
const LEVELS: usize = 10;

/// What the comparison came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    pub(super) trades: u64,
    /// Snapshots that were compared.
    pub(super) snapshots: u64,
    /// How many trades differ, where they are compared.
    pub(super) trade_mismatches: Option<u64>,
    pub(super) snapshot_mismatches: Option<u64>,
    /// The first difference, told in full. Nothing is compared after it.
    pub(super) first: Option<String>,
    pub(super) settled: u64,
    pub(super) recycled: u64,
}

/// Says as soon as there is a difference that there is one, and at the end what was found.
#[derive(Clone, Default)]
pub(super) struct Sighting {
    differs: Arc<AtomicBool>,
    findings: Arc<Mutex<Findings>>,
}

impl Sighting {
    /// Whether something differs from what was published.
    pub(super) fn differs(&self) -> bool {
        self.differs.load(Ordering::Relaxed)
    }

    /// What was found, once the observer has gone.
    pub(super) fn findings(&self) -> Findings {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Holds a second copy of the state, made from the events alone, and looks at it after every record.
pub(super) struct Observer {
    engine: Engine,
    instrument: vocabulary::InstrumentId,
    expected_trades: Option<Vec<TradeRow>>,
    expected_snapshots: Option<Vec<SnapshotRow>>,
    numbers: BTreeMap<OrderId, u64>,
    volume: i64,
    sighting: Sighting,
    found: Findings,
    next_position: u64,
}

impl Observer {
    pub(super) fn new(day: &Day, market: &Market, sighting: Sighting) -> Self {
        let found = Findings {
            trade_mismatches: day.trades.as_ref().map(|_| 0),
            snapshot_mismatches: day.snapshots.as_ref().map(|_| 0),
            ..Findings::default()
        };
        Self {
            engine: Engine::new(Hosts::ALL),
            instrument: market.instrument,
            expected_trades: day.trades.clone(),
            expected_snapshots: day.snapshots.clone(),
            numbers: BTreeMap::new(),
            volume: 0,
            sighting,
            found,
            next_position: 1,
        }
    }

    fn see(&mut self, record: &Record) {
        for event in record.events() {
            if let Event::Trading(trading::Event::OrderCreated(created)) = event
                && let Some(number) = created.client_order_id.and_then(|id| id.to_string().parse().ok())
            {
                self.numbers.insert(created.terms.order, number);
            }
            if let Event::Trading(trading::Event::OrderExecuted(trade)) = event {
                self.see_trade(trade);
            }
            if let Event::Settlement(settlement::Event::TradeSettled { .. }) = event {
                self.found.settled += 1;
            }
            if let Event::Settlement(settlement::Event::TradeRecycled { .. }) = event {
                self.found.recycled += 1;
            }
        }
        self.engine.apply(record);
        self.compare_snapshots();
    }

    fn see_trade(&mut self, trade: &Trade) {
        let number = |order: OrderId| self.numbers.get(&order).copied().unwrap_or_default();
        let seen = TradeRow {
            buy_order: number(trade.buy.order),
            sell_order: number(trade.sell.order),
            price: trade.price,
            quantity: trade.quantity,
        };
        let at = self.found.trades;
        self.found.trades += 1;
        self.volume += trade.quantity.0;
        let Some(expected) = self.expected_trades.as_ref().filter(|_| self.found.first.is_none()) else {
            return;
        };
        let expected = usize::try_from(at).ok().and_then(|at| expected.get(at));
        if expected != Some(&seen) {
            let expected = expected.map_or("none".to_owned(), trade_text);
            self.found.trade_mismatches = Some(1);
            self.differs(format!("trade {}: expected {expected}, got {}", at + 1, trade_text(&seen)));
        }
    }

    /// Every snapshot must equal the book at some moment after as many trades and as much volume as it names.
    fn compare_snapshots(&mut self) {
        while self.found.first.is_none() {
            let at = usize::try_from(self.found.snapshots).unwrap_or(usize::MAX);
            let Some(row) = self.expected_snapshots.as_ref().and_then(|rows| rows.get(at)) else { return };
            if row.trades > self.found.trades {
                return;
            }
            let same_moment = row.trades == self.found.trades && row.volume == self.volume;
            let (bids, asks) = (self.levels(Side::Buy), self.levels(Side::Sell));
            if same_moment && bids == row.bids && asks == row.asks {
                self.found.snapshots += 1;
                continue;
            }
            if row.trades == self.found.trades {
                return;
            }
            let text = snapshot_text(row);
            let book = format!("bids {} asks {}", levels_text(&bids), levels_text(&asks));
            self.found.snapshots += 1;
            self.found.snapshot_mismatches = Some(1);
            self.differs(format!(
                "snapshot {}: no such book: {text}; the book has moved on to {book}",
                at + 1
            ));
        }
    }

    fn levels(&self, side: Side) -> Vec<(Price, Quantity)> {
        let depth = self.engine.state().trading.depth(self.instrument, side, LEVELS);
        depth.into_iter().map(|level| (level.price, level.quantity)).collect()
    }

    fn differs(&mut self, what: String) {
        self.found.first = Some(what);
        self.sighting.differs.store(true, Ordering::Relaxed);
    }

    /// What was expected and never came, on a day that was not broken off.
    fn missing(&mut self) {
        let expected = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
        if let Some(rows) = &self.expected_trades {
            let missing = expected(rows.len()).saturating_sub(self.found.trades);
            if missing > 0 {
                self.found.trade_mismatches = Some(missing);
                return self.differs(format!("{missing} trades are missing at the end"));
            }
        }
        if let Some(rows) = &self.expected_snapshots {
            let missing = expected(rows.len()).saturating_sub(self.found.snapshots);
            if missing > 0 {
                self.found.snapshot_mismatches = Some(missing);
                self.differs(format!("{missing} snapshots were never met"));
            }
        }
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        if self.found.first.is_none() {
            self.missing();
        }
        *self.sighting.findings.lock().unwrap_or_else(PoisonError::into_inner) = self.found.clone();
    }
}

impl Follower for Observer {
    fn name(&self) -> &'static str {
        "observer"
    }

    fn next_position(&self) -> u64 {
        self.next_position
    }

    fn follow(&mut self, batches: &[Batch]) -> Result<(), FollowerError> {
        for record in batches.iter().flat_map(|batch| batch.iter()) {
            self.see(record);
            self.next_position = record.moment.position + 1;
        }
        Ok(())
    }
}

fn decimal(price: Price) -> String {
    format_decimal(i128::from(price.0), PRICE_SCALE)
}

pub(super) fn trade_text(trade: &TradeRow) -> String {
    let TradeRow { buy_order, sell_order, price, quantity } = trade;
    format!("{quantity} at {} between buy {buy_order} and sell {sell_order}", decimal(*price))
}

fn levels_text(levels: &[(Price, Quantity)]) -> String {
    let texts: Vec<String> =
        levels.iter().map(|(price, quantity)| format!("{quantity}@{}", decimal(*price))).collect();
    texts.join(" ")
}

fn snapshot_text(row: &SnapshotRow) -> String {
    let (bids, asks) = (levels_text(&row.bids), levels_text(&row.asks));
    format!("after {} trades and volume {}: bids {bids} asks {asks}", row.trades, row.volume)
}
