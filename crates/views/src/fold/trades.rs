//! Trades as they stand in the middle of a batch: executed, due, settled or due again.

use rusqlite::{Connection, Statement, params};
use vocabulary::{Date, Index, Moment, SettlementModel, Side, Trade, TradeId};

use crate::batch::run;
use crate::columns::{Dates, Minor, stored, thread};
use crate::error::ViewsError;
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
        trade: TradeId,
        settling: Settling,
    ) -> Result<(), ViewsError> {
        if let Some(state) = self.0.get_mut(&trade) {
            state.settling = settling;
            state.due = settling.due().or(state.due);
            return Ok(());
        }
        let (words, position, number) = (settling.words(), stored(trade.position), trade.index);
        // A column that is set is indexed anew, so each sets only what it changes.
        match settling {
            Settling::Executed => 0,
            Settling::Due(due) | Settling::Recycled(due) => run(
                connection,
                "UPDATE trades SET status = ?, due = ? WHERE position = ? AND number = ?",
                params![words.status, due.to_string(), position, number],
            )?,
            Settling::Settled { on, .. } => run(
                connection,
                "UPDATE trades SET status = ?, run = ?, model = ?, settled_on = ? WHERE position = ? AND number = ?",
                params![words.status, words.run, words.model, on.to_string(), position, number],
            )?,
        };
        Ok(())
    }

    pub(crate) fn write(&self, connection: &Connection) -> Result<(), ViewsError> {
        let mut insert = connection.prepare_cached(INSERT)?;
        let mut dates = Default::default();
        for (_, state) in self.0.sorted() {
            insert_into(&mut insert, &mut dates, state)?;
        }
        Ok(())
    }
}

struct Words {
    status: &'static str,
    run: Option<i64>,
    model: Option<&'static str>,
    settled_on: Option<Date>,
}

impl Settling {
    /// When it is due, if this says so.
    fn due(self) -> Option<Date> {
        match self {
            Self::Due(due) | Self::Recycled(due) => Some(due),
            Self::Executed | Self::Settled { .. } => None,
        }
    }

    fn words(self) -> Words {
        let open = |status| Words { status, run: None, model: None, settled_on: None };
        match self {
            Self::Executed => open("executed"),
            Self::Due(_) => open("due"),
            Self::Recycled(_) => open("recycled"),
            Self::Settled { run, model, on } => Words {
                run: Some(stored(run)),
                model: Some(words::model(model)),
                settled_on: Some(on),
                ..open("settled")
            },
        }
    }
}

const INSERT: &str = "INSERT INTO trades VALUES
    (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// `dates` remembers trade dates, dates due and settlement dates apart.
fn insert_into(
    insert: &mut Statement<'_>,
    [traded, dues, settled]: &mut [Dates; 3],
    state: &State<'_>,
) -> Result<(), rusqlite::Error> {
    let State { trade, at, settling, due } = state;
    let (words, buy, sell) = (settling.words(), trade.side(Side::Buy), trade.side(Side::Sell));
    insert
        .execute(params![
            stored(trade.trade.position),
            trade.trade.index,
            stored(at.time.0),
            trade.instrument.0.as_str(),
            trade.price.0,
            trade.quantity.0,
            Minor::from(trade.notional),
            traded.text(trade.trade_date),
            trade.aggressor.map(words::side),
            stored(buy.order.0),
            buy.account.0.as_str(),
            buy.participant.0.as_str(),
            Minor::from(buy.fee),
            thread(buy.correlation),
            stored(sell.order.0),
            sell.account.0.as_str(),
            sell.participant.0.as_str(),
            Minor::from(sell.fee),
            thread(sell.correlation),
            words.status,
            due.map(|due| dues.text(due)),
            words.run,
            words.model,
            words.settled_on.map(|on| settled.text(on)),
        ])
        .map(drop)
}
