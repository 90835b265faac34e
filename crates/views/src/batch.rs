//! The records of one transaction, folded into the tables.
//!
//! Rows that many records of a batch touch or add (orders, trades, balances, quotas) are changed in memory and written once at
//! the end; they are read when first needed. What the next batch is likely to need stays in memory, within bounds.
//! Everything else is written at once.

use engine::{Context, Event, FlowEvent, Outcome, Record};
use rusqlite::{Connection, OptionalExtension, Params, params};
use vocabulary::{CorrelationId, Date, Index, Instrument, InstrumentId, Moment, OrderId, Timestamp, UserId};

use crate::columns::{Columns, stored};
use crate::error::ViewsError;
use crate::fold::balances::{Balances, Known};
use crate::fold::compliance::Decisions;
use crate::fold::counts::Counts;
use crate::fold::orders::{Orders, Standing};
use crate::fold::quotas::Quotas;
use crate::fold::settled::SettledPositions;
use crate::fold::threads::Threads;
use crate::fold::trades::Trades;
use crate::texts::{Numbers, Texts};
use crate::words;
use crate::writer::Cursor;

/// One transaction in the making.
pub(crate) struct Batch<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) instruments: &'a mut Index<InstrumentId, Instrument>,
    pub(crate) numbers: &'a mut Numbers,
    known_balances: &'a mut Known,
    pub(crate) cursor: Cursor,
    pub(crate) at: At,
    pub(crate) orders: Orders<'a>,
    pub(crate) trades: Trades<'a>,
    pub(crate) balances: Balances,
    pub(crate) quotas: Quotas,
    pub(crate) settled: SettledPositions,
    pub(crate) counts: Counts<'a>,
    pub(crate) decisions: Decisions<'a>,
    threads: Threads,
    /// A trade was settled in this node: then what trading says of that is known already.
    pub(crate) settles_here: bool,
    /// The order whose exposure was held last in this record: the one that an alert is about.
    pub(crate) held: Option<OrderId>,
}

/// What the writer remembers of the tables from one transaction to the next. A transaction that fails may have put in
/// what never came to be, so then it is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) instruments: Index<InstrumentId, Instrument>,
    pub(crate) numbers: Numbers,
    pub(crate) orders: Standing,
    pub(crate) balances: Known,
}

/// The record at hand, and the number of the event at hand in it.
#[derive(Clone, Copy)]
pub(crate) struct At {
    pub(crate) moment: Moment,
    pub(crate) actor: UserId,
    pub(crate) correlation: CorrelationId,
    pub(crate) number: usize,
}

impl At {
    pub(crate) fn position(&self) -> i64 {
        stored(self.moment.position)
    }

    pub(crate) fn time(&self) -> i64 {
        stored(self.moment.time.0)
    }

    pub(crate) fn number(&self) -> i64 {
        i64::try_from(self.number).expect("a record has fewer than 2^63 events")
    }
}

/// Runs a statement of fixed text, which stays prepared.
pub(crate) fn run(
    connection: &Connection,
    sql: &'static str,
    values: impl Params,
) -> Result<usize, rusqlite::Error> {
    connection.prepare_cached(sql)?.execute(values)
}

impl<'a> Batch<'a> {
    pub(crate) fn new(connection: &'a Connection, memory: &'a mut Memory, cursor: Cursor) -> Self {
        let nobody = UserId(vocabulary::text::Text::new("-").expect("a hyphen is a code"));
        let at =
            At { moment: Moment::default(), actor: nobody, correlation: CorrelationId::default(), number: 0 };
        Self {
            connection,
            instruments: &mut memory.instruments,
            numbers: &mut memory.numbers,
            known_balances: &mut memory.balances,
            cursor,
            at,
            orders: Orders::new(&mut memory.orders),
            trades: Trades::default(),
            balances: Balances::default(),
            quotas: Quotas::default(),
            settled: SettledPositions::default(),
            counts: Counts::default(),
            decisions: Decisions::default(),
            threads: Threads::default(),
            settles_here: false,
            held: None,
        }
    }

    /// Folds in the next record.
    pub(crate) fn fold(&mut self, record: &'a Record) -> Result<(), ViewsError> {
        let Record { moment, request, outcome, .. } = record;
        if moment.position != self.cursor.next_position {
            return Err(ViewsError::Gap { expected: self.cursor.next_position, found: moment.position });
        }
        self.at = At { moment: *moment, actor: request.actor, correlation: request.correlation, number: 0 };
        self.held = None;
        match outcome {
            Outcome::Events(events) => {
                for (number, event) in events.iter().enumerate() {
                    self.at.number = number;
                    self.fold_event(event)?;
                }
            }
            Outcome::Refused(refusal) => self.fold_refusal(&request.command, refusal)?,
        }
        self.note_touched()?;
        self.go_on_behind(record);
        Ok(())
    }

    /// Goes on behind a record without folding it in.
    pub(crate) fn go_on_behind(&mut self, record: &Record) {
        self.cursor.next_position += 1;
        self.cursor.time = record.moment.time;
    }

    fn fold_event(&mut self, event: &'a Event) -> Result<(), ViewsError> {
        match event {
            Event::Trading(event) => self.fold_trading(event),
            Event::Settlement(event) => self.fold_settlement(event),
            Event::Risk(event) => self.fold_risk(event),
            Event::Compliance(event) => self.fold_compliance(event),
            Event::Flow(event) => self.fold_flow(event),
            Event::Block(event) => self.fold_block(event),
        }
    }

    fn fold_flow(&mut self, event: &FlowEvent) -> Result<(), ViewsError> {
        match event {
            FlowEvent::BranchAnswered { order, .. } | FlowEvent::FlowTimedOut { order } => self.touch(*order),
            FlowEvent::MessageAnswered { .. }
            | FlowEvent::MessageRetried { .. }
            | FlowEvent::MessageDeferred { .. } => {}
            FlowEvent::ProtocolAlarm { context, order, reason } => {
                order.iter().for_each(|order| self.touch(*order));
                self.alarm(*context, *order, &reason.code, &reason.message)?;
            }
            FlowEvent::MessagesUnanswered { context, since, count, .. } => {
                let message = format!("{count} messages have not been answered, the oldest since {since}");
                self.alarm(*context, None, "flow.messages-unanswered", &message)?;
            }
        }
        Ok(())
    }

    fn alarm(
        &self,
        context: Context,
        order: Option<OrderId>,
        code: &str,
        message: &str,
    ) -> Result<(), ViewsError> {
        let order = order.map(|order| stored(order.0));
        let (position, number, time) = (self.at.position(), self.at.number(), self.at.time());
        let row = params![position, number, time, words::context(context), order, code, message];
        run(self.connection, "INSERT INTO alarms VALUES (?, ?, ?, ?, ?, ?, ?)", row)?;
        Ok(())
    }

    /// Notes that the record at hand touches an order.
    pub(crate) fn touch(&mut self, order: OrderId) {
        self.threads.touch(order);
    }

    /// Where trading is hosted elsewhere, orders are known by their ids only.
    fn note_touched(&mut self) -> Result<(), ViewsError> {
        let (position, correlation) = (self.at.moment.position, self.at.correlation);
        let touched = self.threads.touched();
        let mut is_of_order = false;
        for order in &touched {
            let known = self.orders.get(self.connection, *order)?;
            // The row of an order names the record that created it.
            if known.and_then(|state| state.created).is_none_or(|(_, at)| at.position != position) {
                self.threads.note_order(*order, position);
            }
            is_of_order |= known.is_some_and(|state| state.correlation == correlation);
        }
        if !is_of_order {
            self.threads.note(correlation, position);
        }
        self.threads.begin(touched);
        Ok(())
    }

    /// Writes what was changed in memory, and says where the views are then.
    pub(crate) fn finish(self) -> Result<Cursor, ViewsError> {
        let mut texts = Texts::new(self.numbers, self.connection);
        self.orders.write(self.connection, &mut texts)?;
        self.trades.write(self.connection, &mut texts)?;
        self.balances.write(self.connection, self.known_balances)?;
        self.quotas.write(self.connection)?;
        self.settled.write(self.connection)?;
        self.counts.write(self.connection)?;
        self.decisions.write(self.connection)?;
        self.threads.write(self.connection)?;
        Ok(self.cursor)
    }

    /// The day that the record at hand belongs to: the open business day, before the first one the day in UTC.
    pub(crate) fn day(&self) -> Date {
        self.cursor.business_day.unwrap_or_else(|| utc_day(self.at.moment.time))
    }

    pub(crate) fn misfit(&self, what: impl Into<String>) -> ViewsError {
        ViewsError::Misfit { position: self.at.moment.position, what: what.into() }
    }

    /// An instrument's reference data.
    pub(crate) fn instrument(&mut self, instrument: InstrumentId) -> Result<&Instrument, ViewsError> {
        if !self.instruments.contains(&instrument) {
            let found = load_instrument(self.connection, instrument)?;
            let found = found.ok_or_else(|| self.misfit(format!("instrument {instrument} is unknown")))?;
            self.instruments.insert(instrument, found);
        }
        Ok(self.instruments.get(&instrument).expect("it was there or has just been put in"))
    }
}

fn load_instrument(
    connection: &Connection,
    instrument: InstrumentId,
) -> Result<Option<Instrument>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT instrument, isin, market, base, quote, price_scale, tick, lot, band_bp, reference_price,
                settlement_days, calendar, maker_ppm, taker_ppm, base_scale, quote_scale
             FROM instruments WHERE instrument = ?",
        )?
        .query_row([instrument.0.as_str()], |row| {
            let mut columns = Columns::from(row, 0);
            Ok(Instrument {
                instrument: columns.id()?,
                isin: columns.take()?,
                market: columns.id()?,
                base: columns.id()?,
                quote: columns.id()?,
                price_scale: columns.take()?,
                tick: vocabulary::Price(columns.take()?),
                lot: vocabulary::Quantity(columns.take()?),
                band_bp: columns.take()?,
                reference_price: vocabulary::Price(columns.take()?),
                settlement_days: columns.take()?,
                calendar: columns.id()?,
                fees: vocabulary::FeeSchedule { maker_ppm: columns.take()?, taker_ppm: columns.take()? },
                base_scale: columns.take()?,
                quote_scale: columns.take()?,
            })
        })
        .optional()
}

fn utc_day(time: Timestamp) -> Date {
    let seconds = i64::try_from(time.0 / 1_000_000_000).expect("64 bits of nanoseconds are fewer seconds");
    let utc =
        time::OffsetDateTime::from_unix_timestamp(seconds).expect("a record's time lies before year 9999");
    Date::new(utc.year(), utc.month().into(), utc.day()).expect("the calendar has today")
}
