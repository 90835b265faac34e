//! Settlement runs: totals, net positions, what settled and what could not be covered.

use serde::Serialize;
use vocabulary::{AssetId, CorrelationId, Date, ParticipantId, SettlementModel, Timestamp, TradeId, UserId};

use crate::columns::{Columns, Decimal, stored};
use crate::error::ViewsError;
use crate::query::page::{Conditions, Key, Listing, Page, PageRequest};
use crate::reader::Snapshot;

/// A trade that a run could not cover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecyclingRow {
    /// The run.
    pub run: u64,
    /// The trade.
    pub trade: TradeId,
    /// How it was to settle.
    pub model: SettlementModel,
    /// When it was due.
    pub due: Date,
    /// When it is due again.
    pub due_next: Date,
    /// Who was short.
    pub participant: ParticipantId,
    /// Of what.
    pub asset: AssetId,
    /// By how much, when the trade was judged.
    pub missing: Decimal,
    /// Where it is recorded.
    pub recorded: u64,
}

/// A settlement run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunRow {
    /// Counts runs from 1.
    pub run: u64,
    /// Its settlement date.
    pub date: Date,
    /// Who started it.
    pub actor: UserId,
    /// The thread of the command that started it.
    pub correlation: CorrelationId,
    /// Where it was started.
    pub started_position: u64,
    /// When.
    pub started: Timestamp,
    /// How many trades it took.
    pub trades: u64,
    /// Where it was complete; none while it is in progress.
    pub completed_position: Option<u64>,
    /// When.
    pub completed: Option<Timestamp>,
    /// How many trades it made final.
    pub settled: Option<u64>,
    /// How many it moved to a later day.
    pub recycled: Option<u64>,
}

/// What moves of one asset in a run. `delivered = received + fees`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunTotalRow {
    /// The run.
    pub run: u64,
    /// `due` when the run started, or `settled` by it.
    pub what: String,
    /// Of what.
    pub asset: AssetId,
    /// What participants deliver or pay.
    pub delivered: Decimal,
    /// What participants receive.
    pub received: Decimal,
    /// What the central counterparty keeps.
    pub fees: Decimal,
}

/// A net position of a run, as settlement recorded it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NettedPositionRow {
    /// The run.
    pub run: u64,
    /// Of what.
    pub asset: AssetId,
    /// Whose; none: the central counterparty's.
    pub participant: Option<ParticipantId>,
    /// What it would receive trade by trade.
    pub gross_in: Decimal,
    /// What it would deliver trade by trade.
    pub gross_out: Decimal,
    /// Receives this; negative: delivers.
    pub net: Decimal,
}

/// The settled trades of a run, added up anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettledPositionRow {
    /// The run.
    pub run: u64,
    /// How they settled.
    pub model: SettlementModel,
    /// Of what.
    pub asset: AssetId,
    /// Whose; none: the central counterparty's.
    pub participant: Option<ParticipantId>,
    /// How many sides of trades are part of it.
    pub movements: u64,
    /// What it received.
    pub gross_in: Decimal,
    /// What it delivered.
    pub gross_out: Decimal,
}

const RUNS: Listing = Listing {
    name: "settlement-runs",
    columns: "run, date, actor, correlation, started_position, started_time, trades, completed_position,
        completed_time, settled, recycled",
    from: "runs",
    key: &[Key::Number("run")],
    newest_first: true,
};

const RECYCLINGS: Listing = Listing {
    name: "recyclings",
    columns:
        "a.scale, r.run, r.position, r.number, r.model, r.due, r.due_next, r.participant, r.asset, r.missing,
        r.recorded",
    from: "recyclings r CROSS JOIN assets a ON a.asset = r.asset",
    key: &[Key::Number("r.run"), Key::Number("r.position"), Key::Number("r.number")],
    newest_first: true,
};

const NETTED: Listing = Listing {
    name: "netted-positions",
    columns: "a.scale, p.run, p.asset, p.party, p.gross_in, p.gross_out, p.net",
    from: "netted_positions p CROSS JOIN assets a ON a.asset = p.asset",
    key: &[Key::Number("p.run"), Key::Text("p.asset"), Key::Text("p.party")],
    newest_first: false,
};

impl Snapshot {
    /// Settlement runs, the latest first; of one date, if given.
    ///
    /// # Errors
    /// When the cursor is unknown or the database fails, here as in every list.
    pub fn settlement_runs(
        &self,
        date: Option<Date>,
        page: &PageRequest,
    ) -> Result<Page<RunRow>, ViewsError> {
        let mut conditions = Conditions::default();
        conditions.and_text("date = ?", date);
        self.page(&[(&RUNS, conditions)], page, run)
    }

    /// What could not be covered, the latest run first; of one run or of one trade, if given.
    pub fn recyclings(
        &self,
        run: Option<u64>,
        trade: Option<TradeId>,
        page: &PageRequest,
    ) -> Result<Page<RecyclingRow>, ViewsError> {
        let mut conditions = Conditions::default();
        conditions.and_some("r.run = ?", run.map(stored));
        conditions.and_some("r.position = ?", trade.map(|trade| stored(trade.position)));
        conditions.and_some("r.number = ?", trade.map(|trade| i64::from(trade.index)));
        self.page(&[(&RECYCLINGS, conditions)], page, recycling)
    }

    /// Net positions by run, asset and party; of one run or participant, if given.
    pub fn netted_positions(
        &self,
        run: Option<u64>,
        participant: Option<ParticipantId>,
        page: &PageRequest,
    ) -> Result<Page<NettedPositionRow>, ViewsError> {
        let mut conditions = Conditions::default();
        conditions.and_some("p.run = ?", run.map(stored));
        conditions.and_text("p.party = ?", participant);
        self.page(&[(&NETTED, conditions)], page, |c| {
            let scale = c.take()?;
            Ok(NettedPositionRow {
                run: c.number()?,
                asset: c.id()?,
                participant: party(c)?,
                gross_in: c.decimal(scale)?,
                gross_out: c.decimal(scale)?,
                net: c.decimal(scale)?,
            })
        })
    }

    /// Totals of a run by asset: what was due, then what settled.
    pub fn run_totals(&self, run: u64) -> Result<Vec<RunTotalRow>, ViewsError> {
        let sql = "SELECT a.scale, t.run, t.what, t.asset, t.delivered, t.received, t.fees
            FROM run_totals t CROSS JOIN assets a ON a.asset = t.asset WHERE run = ? ORDER BY what, t.asset";
        self.all(sql, [stored(run)], |c| {
            let scale = c.take()?;
            Ok(RunTotalRow {
                run: c.number()?,
                what: c.take()?,
                asset: c.id()?,
                delivered: c.decimal(scale)?,
                received: c.decimal(scale)?,
                fees: c.decimal(scale)?,
            })
        })
    }

    /// The settled trades of a run, added up by model, asset and party.
    pub fn settled_positions(&self, run: u64) -> Result<Vec<SettledPositionRow>, ViewsError> {
        let sql = "SELECT a.scale, p.run, p.model, p.asset, p.party, p.movements, p.gross_in, p.gross_out
            FROM settled_positions p CROSS JOIN assets a ON a.asset = p.asset
            WHERE run = ? ORDER BY model, p.asset, party";
        self.all(sql, [stored(run)], |c| {
            let scale = c.take()?;
            Ok(SettledPositionRow {
                run: c.number()?,
                model: c.word()?,
                asset: c.id()?,
                participant: party(c)?,
                movements: c.number()?,
                gross_in: c.decimal(scale)?,
                gross_out: c.decimal(scale)?,
            })
        })
    }
}

/// Empty stands for the central counterparty.
fn party(c: &mut Columns<'_>) -> rusqlite::Result<Option<ParticipantId>> {
    c.id::<Party>().map(|party| party.0)
}

struct Party(Option<ParticipantId>);

impl std::str::FromStr for Party {
    type Err = vocabulary::text::TextError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() { Ok(Self(None)) } else { text.parse().map(|participant| Self(Some(participant))) }
    }
}

fn run(c: &mut Columns<'_>) -> rusqlite::Result<RunRow> {
    Ok(RunRow {
        run: c.number()?,
        date: c.id()?,
        actor: c.id()?,
        correlation: c.thread()?,
        started_position: c.number()?,
        started: c.time()?,
        trades: c.number()?,
        completed_position: c.opt_number()?,
        completed: c.opt_time()?,
        settled: c.opt_number()?,
        recycled: c.opt_number()?,
    })
}

fn recycling(c: &mut Columns<'_>) -> rusqlite::Result<RecyclingRow> {
    let scale = c.take()?;
    Ok(RecyclingRow {
        run: c.number()?,
        trade: TradeId { position: c.number()?, index: c.take()? },
        model: c.word()?,
        due: c.id()?,
        due_next: c.id()?,
        participant: c.id()?,
        asset: c.id()?,
        missing: c.decimal(scale)?,
        recorded: c.number()?,
    })
}
