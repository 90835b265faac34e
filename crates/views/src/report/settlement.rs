//! The settlement report of a date (SRV-2): its runs, what every party received and delivered gross and net, the trades
//! that each net position leads back to, and what could not be covered.

use serde::Serialize;
use std::collections::BTreeMap;
use vocabulary::{AssetId, Date, ParticipantId, SettlementModel, TradeId};

use crate::columns::Decimal;
use crate::error::ViewsError;
use crate::query::page::{PAGE_ROWS_MAX, PageRequest};
use crate::query::runs::{RecyclingRow, RunRow, RunTotalRow, SettledPositionRow};
use crate::query::trades::{TradeRow, TradeSideRow};
use crate::reader::Snapshot;
use crate::report::ReportHead;
use crate::report::html::{Cell, Page};
use crate::report::sheet::{Sheet, free_text, optional};

/// What a party received and delivered of an asset in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PositionLine {
    /// The run.
    pub run: u64,
    /// Trade by trade, or net.
    pub model: SettlementModel,
    /// Of what.
    pub asset: AssetId,
    /// Whose; none: the central counterparty's, which keeps the fees.
    pub participant: Option<ParticipantId>,
    /// How many sides of trades are part of it.
    pub movements: u64,
    /// What it received, trade by trade.
    pub gross_in: Decimal,
    /// What it delivered, trade by trade.
    pub gross_out: Decimal,
    /// The difference: received, or delivered if negative.
    pub net: Decimal,
    /// The net that settlement recorded when it netted; none where trades settle one by one.
    pub recorded_net: Option<Decimal>,
}

/// What all parties together received and delivered of an asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SumLine {
    /// Of what.
    pub asset: AssetId,
    /// Sum over participants: what they paid as fees, as a negative number.
    pub participants: Decimal,
    /// What the central counterparty kept: the fees.
    pub central_counterparty: Decimal,
    /// The two together: zero.
    pub sum: Decimal,
}

/// A trade that could not be covered, with its orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecycledLine {
    /// What happened.
    #[serde(flatten)]
    pub recycling: RecyclingRow,
    /// Why, in a sentence.
    pub reason: String,
    /// The trade as it is now.
    pub traded: TradeRow,
}

/// The report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettlementReport {
    /// What it is about and stands on.
    #[serde(flatten)]
    pub head: ReportHead,
    /// The runs of the date.
    pub runs: Vec<RunRow>,
    /// Whether each asset sums to zero, each total is its parts, and each net is the sum of its trades.
    pub balanced: bool,
    /// Totals of each run by asset: what was due, and what settled.
    pub totals: Vec<RunTotalRow>,
    /// Every party's position, gross and net.
    pub positions: Vec<PositionLine>,
    /// All positions of an asset added up.
    pub sums: Vec<SumLine>,
    /// The settled trades, up to the number asked for: the lineage of the positions of their run.
    pub trades: Vec<TradeRow>,
    /// How many trades were settled.
    pub trades_total: u64,
    /// What could not be covered, up to the number asked for.
    pub recycled: Vec<RecycledLine>,
    /// How many trades could not be covered.
    pub recycled_total: u64,
}

impl Snapshot {
    /// The settlement report of a date, with up to `rows_max` trades in each list.
    ///
    /// # Errors
    /// When the database fails.
    pub fn settlement_report(
        &self,
        date: Date,
        journal_hash: &str,
        rows_max: usize,
    ) -> Result<SettlementReport, ViewsError> {
        let mut runs = self.settlement_runs(Some(date), &PageRequest::new(Some(PAGE_ROWS_MAX), None)?)?.rows;
        runs.reverse();
        let mut report = SettlementReport {
            head: ReportHead::of(self, date, journal_hash),
            balanced: false,
            totals: Vec::new(),
            positions: Vec::new(),
            sums: Vec::new(),
            trades: Vec::new(),
            trades_total: 0,
            recycled: Vec::new(),
            recycled_total: 0,
            runs: Vec::new(),
        };
        for run in &runs {
            report.totals.extend(self.run_totals(run.run)?);
            report.positions.extend(self.position_lines(run.run)?);
            report.trades.extend(self.settled_trades(run.run, rows_max - report.trades.len())?);
            report.trades_total += run.settled.unwrap_or_default();
            report.recycled.extend(self.recycled_lines(run.run, rows_max - report.recycled.len())?);
            report.recycled_total += run.recycled.unwrap_or_default();
        }
        report.sums = sums(&report.positions);
        report.balanced = is_balanced(&report);
        report.runs = runs;
        Ok(report)
    }

    fn position_lines(&self, run: u64) -> Result<Vec<PositionLine>, ViewsError> {
        let sql = "SELECT a.scale, p.asset, p.party, p.net FROM netted_positions p
            CROSS JOIN assets a ON a.asset = p.asset WHERE p.run = ?";
        let netted = self.all(sql, [crate::columns::stored(run)], |c| {
            let scale = c.take()?;
            Ok(((c.id::<AssetId>()?, c.take::<String>()?), c.decimal(scale)?))
        })?;
        let netted: BTreeMap<_, _> = netted.into_iter().collect();
        let line = |row: SettledPositionRow| {
            let party = optional(row.participant.as_ref());
            let recorded_net = match row.model {
                SettlementModel::Net => netted.get(&(row.asset, party)).copied(),
                SettlementModel::Gross => None,
            };
            PositionLine {
                run: row.run,
                model: row.model,
                asset: row.asset,
                participant: row.participant,
                movements: row.movements,
                gross_in: row.gross_in,
                gross_out: row.gross_out,
                net: Decimal::new(row.gross_in.minor - row.gross_out.minor, row.gross_in.scale),
                recorded_net,
            }
        };
        let mut lines: Vec<_> = self.settled_positions(run)?.into_iter().map(line).collect();
        // The central counterparty comes last.
        lines.sort_by_key(|l| {
            (l.model == SettlementModel::Net, l.asset, l.participant.is_none(), l.participant)
        });
        Ok(lines)
    }

    fn recycled_lines(&self, run: u64, max: usize) -> Result<Vec<RecycledLine>, ViewsError> {
        let mut lines = Vec::new();
        let mut request = PageRequest::new(Some(PAGE_ROWS_MAX), None)?;
        while lines.len() < max {
            let page = self.recyclings(Some(run), None, &request)?;
            for recycling in page.rows.into_iter().take(max - lines.len()) {
                lines.extend(self.recycled_line(recycling)?);
            }
            let Some(next) = page.next else { break };
            request = PageRequest::new(Some(PAGE_ROWS_MAX), Some(next))?;
        }
        Ok(lines)
    }

    fn recycled_line(&self, recycling: RecyclingRow) -> Result<Option<RecycledLine>, ViewsError> {
        let RecyclingRow { participant, asset, missing, .. } = &recycling;
        let reason = format!("{participant} was short of {missing} {asset}");
        let traded = self.trade(recycling.trade)?;
        Ok(traded.map(|traded| RecycledLine { recycling, reason, traded }))
    }
}

fn sums(positions: &[PositionLine]) -> Vec<SumLine> {
    let mut sums: BTreeMap<AssetId, SumLine> = BTreeMap::new();
    for line in positions {
        let zero = Decimal::new(0, line.net.scale);
        let sum = sums.entry(line.asset).or_insert(SumLine {
            asset: line.asset,
            participants: zero,
            central_counterparty: zero,
            sum: zero,
        });
        let part = match line.participant {
            Some(_) => &mut sum.participants,
            None => &mut sum.central_counterparty,
        };
        part.minor += line.net.minor;
        sum.sum.minor += line.net.minor;
    }
    sums.into_values().collect()
}

fn is_balanced(report: &SettlementReport) -> bool {
    let total_is_its_parts =
        |total: &RunTotalRow| total.delivered.minor == total.received.minor + total.fees.minor;
    let net_is_its_trades = |line: &PositionLine| line.recorded_net.is_none_or(|net| net == line.net);
    report.sums.iter().all(|sum| sum.sum.minor == 0)
        && report.totals.iter().all(total_is_its_parts)
        && report.positions.iter().all(net_is_its_trades)
}

const COLUMNS: &[&str] = &[
    "record",
    "run",
    "model",
    "asset",
    "participant",
    "movements",
    "received",
    "delivered",
    "net",
    "fees",
    "trade",
    "trade_date",
    "due",
    "due_next",
    "instrument",
    "price",
    "quantity",
    "notional",
    "quote",
    "buy_participant",
    "buy_account",
    "buy_order",
    "buy_correlation",
    "buy_fee",
    "sell_participant",
    "sell_account",
    "sell_order",
    "sell_correlation",
    "sell_fee",
    "reason",
];

impl SettlementReport {
    /// As CSV: lines of `total_due`, `total_settled`, `position`, `sum`, `trade` and `recycled`.
    ///
    /// # Errors
    /// [`ViewsError::Unwritable`] when a line cannot be written.
    pub fn to_csv(&self) -> Result<String, ViewsError> {
        let mut sheet = Sheet::new(COLUMNS)?;
        for total in &self.totals {
            sheet.line(
                &format!("total_{}", total.what),
                &[
                    ("run", total.run.to_string()),
                    ("asset", total.asset.to_string()),
                    ("received", total.received.to_string()),
                    ("delivered", total.delivered.to_string()),
                    ("fees", total.fees.to_string()),
                ],
            )?;
        }
        for line in &self.positions {
            sheet.line(
                "position",
                &[
                    ("run", line.run.to_string()),
                    ("model", crate::words::model(line.model).to_owned()),
                    ("asset", line.asset.to_string()),
                    ("participant", party(line.participant)),
                    ("movements", line.movements.to_string()),
                    ("received", line.gross_in.to_string()),
                    ("delivered", line.gross_out.to_string()),
                    ("net", line.net.to_string()),
                ],
            )?;
        }
        for sum in &self.sums {
            let values = [("asset", sum.asset.to_string()), ("net", sum.sum.to_string())];
            sheet.line("sum", &values)?;
        }
        for trade in &self.trades {
            let run = optional(trade.run.as_ref());
            let model = trade.model.map(crate::words::model).unwrap_or_default().to_owned();
            let mut values = vec![("run", run), ("model", model)];
            values.extend(trade_values(trade));
            values.push(("due", optional(trade.due.as_ref())));
            sheet.line("trade", &values)?;
        }
        for line in &self.recycled {
            let RecyclingRow { run, model, due, due_next, participant, asset, .. } = &line.recycling;
            let mut values = trade_values(&line.traded);
            values.extend([
                ("run", run.to_string()),
                ("model", crate::words::model(*model).to_owned()),
                ("due", due.to_string()),
                ("due_next", due_next.to_string()),
                ("participant", participant.to_string()),
                ("asset", asset.to_string()),
                ("reason", free_text(&line.reason)),
            ]);
            sheet.line("recycled", &values)?;
        }
        sheet.finish()
    }

    /// As a page fit to print.
    #[must_use]
    pub fn to_html(&self) -> String {
        let mut page = Page::new("Settlement report", &self.head);
        if self.runs.is_empty() {
            page.paragraph("There was no settlement run with this date.");
            return page.finish();
        }
        let verdict = if self.balanced {
            "Every asset sums to zero over all parties, and every net position is the sum of its trades."
        } else {
            "The parts do not add up: see the sums and positions below."
        };
        page.verdict(self.balanced, verdict);
        self.write_runs(&mut page);
        self.write_totals(&mut page);
        self.write_positions(&mut page);
        page.section("Trades that could not be covered");
        self.write_recycled(&mut page);
        page.cut_off(self.recycled.len(), self.recycled_total, "trades");
        page.section("Settled trades");
        self.write_trades(&mut page);
        page.cut_off(self.trades.len(), self.trades_total, "trades");
        page.finish()
    }

    fn write_runs(&self, page: &mut Page) {
        page.section("Runs");
        let row = |run: &RunRow| {
            let ended = run.completed.map_or_else(|| "in progress".to_owned(), |time| time.to_string());
            vec![
                Cell::number(run.run),
                Cell::count(run.trades),
                Cell::count(run.settled.unwrap_or_default()),
                Cell::count(run.recycled.unwrap_or_default()),
                Cell::text(ended),
                Cell::text(run.actor),
                Cell::Ids(vec![run.correlation.to_string()]),
            ]
        };
        let rows: Vec<_> = self.runs.iter().map(row).collect();
        let columns = ["Run", "Trades", "Settled", "Not covered", "Completed", "By", "Correlation"];
        page.table(&columns, &rows, &[]);
    }

    fn write_totals(&self, page: &mut Page) {
        page.section("Totals by asset");
        let row = |total: &RunTotalRow| {
            let difference = total.delivered.minor - total.received.minor - total.fees.minor;
            vec![
                Cell::number(total.run),
                Cell::text(&total.what),
                Cell::text(total.asset),
                Cell::decimal(total.delivered),
                Cell::decimal(total.received),
                Cell::decimal(total.fees),
                Cell::decimal(Decimal::new(difference, total.fees.scale)),
            ]
        };
        let rows: Vec<_> = self.totals.iter().map(row).collect();
        let columns = ["Run", "What", "Asset", "Delivered", "Received", "Fees", "Difference"];
        page.table(&columns, &rows, &[]);
    }

    fn write_positions(&self, page: &mut Page) {
        page.section("Positions of every party, gross and net");
        let row = |line: &PositionLine| {
            vec![
                Cell::number(line.run),
                Cell::text(crate::words::model(line.model)),
                Cell::text(line.asset),
                Cell::text(party(line.participant)),
                Cell::count(line.movements),
                Cell::decimal(line.gross_in),
                Cell::decimal(line.gross_out),
                Cell::decimal(line.net),
            ]
        };
        let rows: Vec<_> = self.positions.iter().map(row).collect();
        let total = |sum: &SumLine| {
            let mut cells = vec![Cell::text("Sum"), Cell::empty(), Cell::text(sum.asset), Cell::empty()];
            cells.extend([Cell::empty(), Cell::empty(), Cell::empty(), Cell::decimal(sum.sum)]);
            cells
        };
        let totals: Vec<_> = self.sums.iter().map(total).collect();
        let columns = ["Run", "Model", "Asset", "Party", "Movements", "Received", "Delivered", "Net"];
        page.table(&columns, &rows, &totals);
    }

    fn write_recycled(&self, page: &mut Page) {
        let row = |line: &RecycledLine| {
            let mut cells = vec![Cell::number(line.recycling.run)];
            cells.extend(trade_cells(&line.traded));
            let RecyclingRow { due, due_next, .. } = &line.recycling;
            cells.push(Cell::Ids(vec![
                line.reason.clone(),
                format!("due {due}"),
                format!("again {due_next}"),
            ]));
            cells
        };
        let rows: Vec<_> = self.recycled.iter().map(row).collect();
        let mut columns = vec!["Run"];
        columns.extend(TRADE_COLUMNS);
        columns.push("Reason");
        page.table(&columns, &rows, &[]);
    }

    fn write_trades(&self, page: &mut Page) {
        let row = |trade: &TradeRow| {
            let mut cells = vec![Cell::number(optional(trade.run.as_ref()))];
            cells.extend(trade_cells(trade));
            cells.push(Cell::text(trade.model.map(crate::words::model).unwrap_or_default()));
            cells
        };
        let rows: Vec<_> = self.trades.iter().map(row).collect();
        let mut columns = vec!["Run"];
        columns.extend(TRADE_COLUMNS);
        columns.push("Model");
        page.table(&columns, &rows, &[]);
    }
}

const TRADE_COLUMNS: [&str; 7] = ["Trade", "Instrument", "Price", "Quantity", "Notional", "Buyer", "Seller"];

fn trade_cells(trade: &TradeRow) -> [Cell; 7] {
    let side = |side: &Option<TradeSideRow>| {
        let lines = side.as_ref().map(|side| {
            vec![
                format!("{} / {}", side.participant, side.account),
                format!("order {}, fee {}", side.order, side.fee.grouped()),
                side.correlation.to_string(),
            ]
        });
        Cell::Ids(lines.unwrap_or_default())
    };
    let id: TradeId = trade.trade;
    [
        Cell::text(id),
        Cell::text(trade.instrument),
        Cell::decimal(trade.price),
        Cell::decimal(trade.quantity),
        Cell::decimal(trade.notional),
        side(&trade.buy),
        side(&trade.sell),
    ]
}

fn trade_values(trade: &TradeRow) -> Vec<(&'static str, String)> {
    let mut values = vec![
        ("trade", trade.trade.to_string()),
        ("trade_date", trade.trade_date.to_string()),
        ("instrument", trade.instrument.to_string()),
        ("price", trade.price.to_string()),
        ("quantity", trade.quantity.to_string()),
        ("notional", trade.notional.to_string()),
        ("quote", trade.quote.to_string()),
    ];
    if let Some(buy) = &trade.buy {
        values.extend([
            ("buy_participant", buy.participant.to_string()),
            ("buy_account", buy.account.to_string()),
            ("buy_order", buy.order.to_string()),
            ("buy_correlation", buy.correlation.to_string()),
            ("buy_fee", buy.fee.to_string()),
        ]);
    }
    if let Some(sell) = &trade.sell {
        values.extend([
            ("sell_participant", sell.participant.to_string()),
            ("sell_account", sell.account.to_string()),
            ("sell_order", sell.order.to_string()),
            ("sell_correlation", sell.correlation.to_string()),
            ("sell_fee", sell.fee.to_string()),
        ]);
    }
    values
}

fn party(participant: Option<ParticipantId>) -> String {
    participant.map_or_else(|| "central counterparty".to_owned(), |participant| participant.to_string())
}
