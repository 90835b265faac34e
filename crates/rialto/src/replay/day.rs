//! Reading the files of a recorded day.

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use trading::Phase;
use vocabulary::{Date, Price, Quantity, Side, parse_decimal};

use super::ReplayOptions;

/// Decimals of a price in the files.
pub(super) const PRICE_SCALE: u8 = 2;

/// A recorded day.
pub(super) struct Day {
    pub(super) date: Date,
    pub(super) orders: Vec<OrderRow>,
    pub(super) trades: Option<Vec<TradeRow>>,
    pub(super) snapshots: Option<Vec<SnapshotRow>>,
}

/// What reached the exchange.
#[derive(Clone, Debug)]
pub(super) struct OrderRow {
    /// Hundredths of a second since midnight.
    pub(super) time: u32,
    pub(super) phase: Phase,
    pub(super) order: u64,
    pub(super) action: Action,
}

impl OrderRow {
    /// Since midnight.
    pub(super) fn minute(&self) -> u32 {
        self.time / 6_000
    }
}

#[derive(Clone, Debug)]
pub(super) enum Action {
    New { side: Side, price: Price, quantity: Quantity },
    Cancel,
}

/// What the exchange answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TradeRow {
    pub(super) buy_order: u64,
    pub(super) sell_order: u64,
    pub(super) price: Price,
    pub(super) quantity: Quantity,
}

/// The ten best levels of each side, after so many trades and so much volume.
#[derive(Clone, Debug)]
pub(super) struct SnapshotRow {
    pub(super) time: u32,
    pub(super) trades: u64,
    pub(super) volume: i64,
    pub(super) bids: Vec<(Price, Quantity)>,
    pub(super) asks: Vec<(Price, Quantity)>,
}

/// Snapshots are compared in continuous trading: from 09:30:03 to before 14:57.
const SNAPSHOTS_FROM: u32 = clock(9, 30, 3);
const SNAPSHOTS_TO: u32 = clock(14, 57, 0);

const fn clock(hours: u32, minutes: u32, seconds: u32) -> u32 {
    ((hours * 60 + minutes) * 60 + seconds) * 100
}

#[derive(serde::Deserialize)]
struct RawOrder {
    time: String,
    phase: String,
    action: String,
    order: u64,
    side: String,
    price: String,
    quantity: String,
}

#[derive(serde::Deserialize)]
struct RawTrade {
    buy_order: u64,
    sell_order: u64,
    price: String,
    quantity: i64,
}

impl Day {
    pub(super) fn read(options: &ReplayOptions) -> anyhow::Result<Self> {
        let orders = rows::<RawOrder>(&options.orders)?;
        let orders = each(&options.orders, orders, order)?;
        let trades =
            options.expect_trades.as_deref().map(|path| each(path, rows(path)?, trade)).transpose()?;
        let snapshots = options.expect_snapshots.as_deref().map(read_snapshots).transpose()?;
        let date = options.date.or_else(|| date_in(&options.orders)).unwrap_or_else(crate::today);
        Ok(Self { date, orders, trades, snapshots })
    }

    /// The middle between the highest and the lowest limit of the day.
    pub(super) fn middle_price(&self) -> Option<Price> {
        let prices = || {
            self.orders.iter().filter_map(|row| match row.action {
                Action::New { price, .. } => Some(price),
                Action::Cancel => None,
            })
        };
        Some(Price(i64::midpoint(prices().min()?.0, prices().max()?.0)))
    }
}

fn open(path: &Path) -> anyhow::Result<csv::Reader<Box<dyn Read>>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let gzipped = path.extension().is_some_and(|extension| extension == "gz");
    let input: Box<dyn Read> =
        if gzipped { Box::new(flate2::read::GzDecoder::new(file)) } else { Box::new(file) };
    Ok(csv::Reader::from_reader(input))
}

fn rows<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    let rows = open(path)?.into_deserialize().collect::<Result<Vec<T>, _>>();
    rows.with_context(|| format!("cannot read {}", path.display()))
}

/// Reads each row; says file and line of the first that is wrong.
fn each<R, T>(path: &Path, rows: Vec<R>, read: impl Fn(R) -> anyhow::Result<T>) -> anyhow::Result<Vec<T>> {
    let numbered = rows.into_iter().enumerate();
    numbered
        .map(|(at, row)| read(row).with_context(|| format!("{}, line {}", path.display(), at + 2)))
        .collect()
}

fn order(raw: RawOrder) -> anyhow::Result<OrderRow> {
    let phase = match raw.phase.as_str() {
        "opening-auction" => Phase::OpeningAuction,
        "continuous" => Phase::Continuous,
        "closing-auction" => Phase::ClosingAuction,
        other => bail!("phase {other:?} must be opening-auction, continuous or closing-auction"),
    };
    let action = match raw.action.as_str() {
        "cancel" => Action::Cancel,
        "new" => {
            let side = match raw.side.as_str() {
                "B" => Side::Buy,
                "S" => Side::Sell,
                other => bail!("side {other:?} must be B or S"),
            };
            let quantity = raw.quantity.parse().with_context(|| format!("quantity {:?}", raw.quantity))?;
            Action::New { side, price: price(&raw.price)?, quantity: Quantity(quantity) }
        }
        other => bail!("action {other:?} must be new or cancel"),
    };
    Ok(OrderRow { time: time(&raw.time)?, phase, order: raw.order, action })
}

fn trade(raw: RawTrade) -> anyhow::Result<TradeRow> {
    let (price, quantity) = (price(&raw.price)?, Quantity(raw.quantity));
    Ok(TradeRow { buy_order: raw.buy_order, sell_order: raw.sell_order, price, quantity })
}

fn read_snapshots(path: &Path) -> anyhow::Result<Vec<SnapshotRow>> {
    let records = open(path)?.into_records().collect::<Result<Vec<_>, _>>();
    let records = records.with_context(|| format!("cannot read {}", path.display()))?;
    let all = each(path, records, |row| snapshot(&row))?;
    let compared = |row: &SnapshotRow| (SNAPSHOTS_FROM..SNAPSHOTS_TO).contains(&row.time);
    Ok(all.into_iter().filter(compared).collect())
}

fn snapshot(row: &csv::StringRecord) -> anyhow::Result<SnapshotRow> {
    let field = |at: usize| row.get(at).with_context(|| format!("column {} is missing", at + 1));
    let levels = |from: usize| -> anyhow::Result<Vec<(Price, Quantity)>> {
        let mut levels = Vec::with_capacity(10);
        for level in 0..10 {
            let quantity: i64 = field(from + level * 2 + 1)?.parse()?;
            if quantity > 0 {
                levels.push((price(field(from + level * 2)?)?, Quantity(quantity)));
            }
        }
        Ok(levels)
    };
    Ok(SnapshotRow {
        time: time(field(0)?)?,
        trades: field(1)?.parse()?,
        volume: field(2)?.parse()?,
        bids: levels(3)?,
        asks: levels(23)?,
    })
}

fn price(text: &str) -> anyhow::Result<Price> {
    let value = parse_decimal(text, PRICE_SCALE).with_context(|| format!("price {text:?}"))?;
    Ok(Price(i64::try_from(value)?))
}

/// `HH:MM:SS` with or without hundredths.
fn time(text: &str) -> anyhow::Result<u32> {
    let (whole, hundredths) = text.split_once('.').unwrap_or((text, "0"));
    let parts: Vec<u32> = whole.split(':').map(str::parse).collect::<Result<_, _>>()?;
    let [hours, minutes, seconds] = parts[..] else { bail!("time {text:?} must be HH:MM:SS") };
    Ok(clock(hours, minutes, seconds) + hundredths.parse::<u32>()?)
}

fn date_in(path: &Path) -> Option<Date> {
    let path = path.to_string_lossy();
    let starts = (0..path.len().saturating_sub(9)).filter(|at| path.is_char_boundary(*at));
    starts.filter_map(|at| path.get(at..at + 10)?.parse().ok()).next()
}
