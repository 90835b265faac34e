//! Trades as they stand in the middle of a batch: executed, due, settled or due again.

use rusqlite::{Connection, params};
use vocabulary::{Date, Index, Moment, SettlementModel, Side, Trade, TradeId};

use crate::batch::run;
use crate::columns::{Minor, stored};
use crate::error::ViewsError;
use crate::insert::{Table, Values, insert_all};
use crate::texts::Texts;
use crate::words;

/// What settlement has made of a trade.
#[derive(Clone, Copy)]
pub(crate) enum Settling {
    /// Settlement has not recorded an obligation.
    Executed,
    /// Both sides owe on that day.
    Due(Date),
    /// A run could not cover it: due again on that day.
    Recycled(Date),
    /// Final.
    Settled { run: u64, model: SettlementModel, on: Date },
    /// Final, by a run of a settlement that is hosted elsewhere.
    SettledElsewhere { on: Date },
}

/// The trades of a batch.
#[derive(Default)]
pub(crate) struct Trades<'a>(Index<TradeId, State<'a>>);

struct State<'a> {
    trade: &'a Trade,
    at: Moment,
    settling: Settling,
    /// When it was due last.
    due: Option<Date>,
}

impl<'a> Trades<'a> {
    pub(crate) fn execute(&mut self, trade: &'a Trade, at: Moment) {
        self.0.insert(trade.trade, State { trade, at, settling: Settling::Executed, due: None });
    }

    /// A trade of an earlier batch changes at once; where trading is hosted elsewhere, there is no row to change.
    pub(crate) fn settle(
        &mut self,
        connection: &Connection,
        texts: &mut Texts<'_>,
        trade: TradeId,
        settling: Settling,
    ) -> Result<(), ViewsError> {
        if let Some(state) = self.0.get_mut(&trade) {
            state.settling = settling;
            state.due = settling.due().or(state.due);
            return Ok(());
        }
        let words = settling.words(texts)?;
        let (position, number) = (stored(trade.position), trade.index);
        // A column that is set is indexed anew, so each sets only what it changes.
        match settling {
            Settling::Executed => 0,
            Settling::Due(due) | Settling::Recycled(due) => run(
                connection,
                "UPDATE trade_rows SET status_ref = ?, due_ref = ? WHERE position = ? AND number = ?",
                params![words.status, texts.date(due)?, position, number],
            )?,
            Settling::Settled { .. } => run(
                connection,
                "UPDATE trade_rows SET status_ref = ?, run = ?, model_ref = ?, settled_on_ref = ?
                 WHERE position = ? AND number = ?",
                params![words.status, words.run, words.model, words.settled_on, position, number],
            )?,
            Settling::SettledElsewhere { .. } => run(
                connection,
                "UPDATE trade_rows SET status_ref = ?, settled_on_ref = ? WHERE position = ? AND number = ?",
                params![words.status, words.settled_on, position, number],
            )?,
        };
        Ok(())
    }

    pub(crate) fn write(&self, connection: &Connection, texts: &mut Texts<'_>) -> Result<(), ViewsError> {
        insert_all(connection, Table::new("trade_rows", 22), &self.0.sorted(), |values, (_, state)| {
            put(values, texts, state)
        })?;
        Ok(())
    }
}

/// By number, as they stand in the row.
struct Words {
    status: i64,
    run: Option<i64>,
    model: Option<i64>,
    settled_on: Option<i64>,
}

impl Settling {
    /// When it is due, if this says so.
    fn due(self) -> Option<Date> {
        match self {
            Self::Due(due) | Self::Recycled(due) => Some(due),
            Self::Executed | Self::Settled { .. } | Self::SettledElsewhere { .. } => None,
        }
    }

    fn words(self, texts: &mut Texts<'_>) -> rusqlite::Result<Words> {
        let status = match self {
            Self::Executed => "executed",
            Self::Due(_) => "due",
            Self::Recycled(_) => "recycled",
            Self::Settled { .. } | Self::SettledElsewhere { .. } => "settled",
        };
        let status = texts.word(status)?;
        Ok(match self {
            Self::Executed | Self::Due(_) | Self::Recycled(_) => {
                Words { status, run: None, model: None, settled_on: None }
            }
            Self::Settled { run, model, on } => Words {
                status,
                run: Some(stored(run)),
                model: Some(texts.word(words::model(model))?),
                settled_on: Some(texts.date(on)?),
            },
            Self::SettledElsewhere { on } => {
                Words { status, run: None, model: None, settled_on: Some(texts.date(on)?) }
            }
        })
    }
}

fn put(values: &mut Values<'_, '_>, texts: &mut Texts<'_>, state: &State<'_>) -> rusqlite::Result<()> {
    let State { trade, at, settling, due } = state;
    let words = settling.words(texts)?;
    values.put(stored(trade.trade.position))?;
    values.put(trade.trade.index)?;
    values.put(stored(at.time.0))?;
    values.put(texts.code(trade.instrument.0)?)?;
    values.put(trade.price.0)?;
    values.put(trade.quantity.0)?;
    values.put(Minor::from(trade.notional))?;
    values.put(texts.date(trade.trade_date)?)?;
    values.put(trade.aggressor.map(|side| texts.word(words::side(side))).transpose()?)?;
    for side in [Side::Buy, Side::Sell] {
        let side = trade.side(side);
        values.put(stored(side.order.0))?;
        values.put(texts.code(side.account.0)?)?;
        values.put(texts.code(side.participant.0)?)?;
        values.put(Minor::from(side.fee))?;
    }
    values.put(words.status)?;
    values.put(due.map(|due| texts.date(due)).transpose()?)?;
    values.put(words.run)?;
    values.put(words.model)?;
    values.put(words.settled_on)
}
