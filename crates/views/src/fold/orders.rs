//! Orders as they stand in the middle of a batch.
//!
//! Invariant: the row of an order says what the live state would, and goes on saying it once the live state has
//! forgotten the order.

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use trading::{CreatedOrder, Status};
use vocabulary::{
    AccountId, CorrelationId, Date, Index, InstrumentId, Moment, OrderId, OrderTerms, Price, Quantity, Side,
    UserId,
};

use crate::columns::{Columns, stored, thread};
use crate::error::ViewsError;
use crate::insert::{Table, Values, insert_all};
use crate::texts::Texts;
use crate::words;

/// An order, as far as later events change it or need it.
#[derive(Debug)]
pub(crate) struct OrderState<'a> {
    pub(crate) account: AccountId,
    pub(crate) instrument: InstrumentId,
    pub(crate) side: Side,
    pub(crate) limit: Price,
    pub(crate) quantity: Quantity,
    pub(crate) executed: Quantity,
    pub(crate) status: Status,
    pub(crate) correlation: CorrelationId,
    pub(crate) closed: Option<Closed<'a>>,
    /// Came into being in this batch: there is no row yet.
    pub(crate) created: Option<(&'a CreatedOrder, Moment)>,
    /// Allowed by compliance in the record that created it.
    allowed: Option<Allowed>,
    changed: bool,
}

/// What the decision that allowed an order says beside what the order says itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    pub(crate) policy: u32,
    pub(crate) orders_in_hour: u32,
    pub(crate) day: Date,
}

/// How an order stopped being alive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closed<'a> {
    pub(crate) at: Moment,
    pub(crate) code: &'a str,
    pub(crate) message: Option<&'a str>,
}

/// How many orders are remembered from one batch to the next before all are forgotten.
const STANDING_MAX: usize = 1 << 16;

/// Orders that are not closed, as their rows say: the next batch is likely to touch them.
pub(crate) type Standing = Index<OrderId, OrderState<'static>>;

/// The orders that a batch touches.
pub(crate) struct Orders<'a> {
    touched: Index<OrderId, OrderState<'a>>,
    standing: &'a mut Standing,
}

impl<'a> OrderState<'a> {
    /// As it is once its row is written.
    fn written(&self) -> OrderState<'static> {
        let Self { account, instrument, side, limit, quantity, executed, status, correlation, .. } = *self;
        OrderState {
            account,
            instrument,
            side,
            limit,
            quantity,
            executed,
            status,
            correlation,
            closed: None,
            created: None,
            allowed: None,
            changed: false,
        }
    }
}

impl<'a> Orders<'a> {
    pub(crate) fn new(standing: &'a mut Standing) -> Self {
        if standing.len() > STANDING_MAX {
            *standing = Index::default();
        }
        Self { touched: Index::default(), standing }
    }

    pub(crate) fn create(&mut self, created: &'a CreatedOrder, at: Moment) {
        let terms = &created.terms;
        let state = OrderState {
            account: terms.account,
            instrument: terms.instrument,
            side: terms.side,
            limit: created.limit,
            quantity: created.quantity,
            executed: Quantity::ZERO,
            status: Status::Created,
            correlation: terms.correlation,
            closed: None,
            created: Some((created, at)),
            allowed: None,
            changed: true,
        };
        self.touched.insert(terms.order, state);
    }

    /// Puts a decision at `at` into the row of its order, if that is all there is to say: the order was created in the
    /// same record, with the same terms and by the same user.
    pub(crate) fn allow(&mut self, terms: &OrderTerms, user: UserId, at: Moment, allowed: Allowed) -> bool {
        let Some(state) = self.touched.get_mut(&terms.order) else { return false };
        let is_same = state.created.is_some_and(|(created, created_at)| {
            created_at == at && created.terms == *terms && created.user == user
        });
        if is_same {
            state.allowed = Some(allowed);
        }
        is_same
    }

    /// An order to look at, if it is known.
    pub(crate) fn get(
        &mut self,
        connection: &Connection,
        order: OrderId,
    ) -> Result<Option<&OrderState<'a>>, ViewsError> {
        self.load(connection, order)?;
        Ok(self.touched.get(&order))
    }

    /// An order to change, if it is known.
    pub(crate) fn change(
        &mut self,
        connection: &Connection,
        order: OrderId,
    ) -> Result<Option<&mut OrderState<'a>>, ViewsError> {
        self.load(connection, order)?;
        let mut state = self.touched.get_mut(&order);
        if let Some(state) = &mut state {
            state.changed = true;
        }
        Ok(state)
    }

    fn load(&mut self, connection: &Connection, order: OrderId) -> Result<(), ViewsError> {
        if self.touched.contains(&order) {
            return Ok(());
        }
        if let Some(known) = self.standing.get(&order) {
            self.touched.insert(order, known.written());
            return Ok(());
        }
        let found = connection
            .prepare_cached(
                "SELECT account, instrument, side, limit_price, quantity, executed, status, correlation
                 FROM orders WHERE order_id = ?",
            )?
            .query_row([stored(order.0)], |row| {
                let mut columns = Columns::from(row, 0);
                Ok(OrderState {
                    account: columns.id()?,
                    instrument: columns.id()?,
                    side: columns.word()?,
                    limit: Price(columns.take()?),
                    quantity: Quantity(columns.take()?),
                    executed: Quantity(columns.take()?),
                    status: columns.word()?,
                    correlation: columns.thread()?,
                    closed: None,
                    created: None,
                    allowed: None,
                    changed: false,
                })
            })
            .optional()?;
        if let Some(found) = found {
            self.touched.insert(order, found);
        }
        Ok(())
    }

    pub(crate) fn write(self, connection: &Connection, texts: &mut Texts<'_>) -> Result<(), ViewsError> {
        let mut fresh = Vec::with_capacity(self.touched.len());
        let mut update = Update::new(connection)?;
        for (order, state) in self.touched.sorted() {
            if state.closed.is_some() {
                self.standing.remove(order);
            } else if state.changed && state.status.is_live() {
                self.standing.insert(*order, state.written());
            }
            match state.created {
                Some((created, at)) => fresh.push((state, created, at)),
                None if state.changed => update.run(texts, *order, state)?,
                None => {}
            }
        }
        insert_all(
            connection,
            Table::with_row_id("order_rows", 25),
            &fresh,
            |values, (state, created, at)| put(values, texts, state, created, *at),
        )?;
        Ok(())
    }
}

fn put(
    values: &mut Values<'_, '_>,
    texts: &mut Texts<'_>,
    state: &OrderState<'_>,
    created: &CreatedOrder,
    at: Moment,
) -> rusqlite::Result<()> {
    let (terms, closed, allowed) = (&created.terms, state.closed, state.allowed);
    values.put(stored(terms.order.0))?;
    values.put(texts.code(terms.account.0)?)?;
    values.put(texts.code(terms.participant.0)?)?;
    values.put(texts.code(terms.instrument.0)?)?;
    values.put(texts.word(words::side(terms.side))?)?;
    values.put(texts.word(words::order_kind(&created.kind))?)?;
    values.put(created.limit.0)?;
    values.put(state.quantity.0)?;
    values.put(state.executed.0)?;
    values.put(texts.word(words::time_in_force(created.time_in_force))?)?;
    values.put(created.post_only)?;
    values.put(texts.word(words::status(state.status))?)?;
    values.put(created.client_order_id.as_ref().map(|id| id.0.as_str()))?;
    values.put(texts.user(created.user)?)?;
    values.put(thread(terms.correlation))?;
    values.put(created.replaces.map(|order| stored(order.0)))?;
    values.put(stored(at.position))?;
    values.put(stored(at.time.0))?;
    values.put(closed.map(|closed| stored(closed.at.position)))?;
    values.put(closed.map(|closed| stored(closed.at.time.0)))?;
    values.put(closed.map(|closed| texts.word(closed.code)).transpose()?)?;
    values.put(closed.and_then(|closed| closed.message))?;
    values.put(allowed.map(|allowed| allowed.policy))?;
    values.put(allowed.map(|allowed| allowed.orders_in_hour))?;
    values.put(allowed.map(|allowed| texts.date(allowed.day)).transpose()?)
}

/// Changes rows of earlier batches.
struct Update<'c> {
    alive: CachedStatement<'c>,
    closed: CachedStatement<'c>,
}

impl<'c> Update<'c> {
    fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let alive = "UPDATE order_rows SET quantity = ?, executed = ?, status_ref = ? WHERE order_id = ?";
        let closed = "UPDATE order_rows SET quantity = ?, executed = ?, status_ref = ?,
            closed_position = ?, closed_time = ?, closed_code_ref = ?, closed_message = ? WHERE order_id = ?";
        Ok(Self { alive: connection.prepare_cached(alive)?, closed: connection.prepare_cached(closed)? })
    }

    fn run(&mut self, texts: &mut Texts<'_>, order: OrderId, state: &OrderState<'_>) -> rusqlite::Result<()> {
        let order = stored(order.0);
        let status = texts.word(words::status(state.status))?;
        let (quantity, executed) = (state.quantity.0, state.executed.0);
        match state.closed {
            None => self.alive.execute(params![quantity, executed, status, order]),
            Some(Closed { at, code, message }) => {
                let (position, time, code) = (stored(at.position), stored(at.time.0), texts.word(code)?);
                let row = params![quantity, executed, status, position, time, code, message, order];
                self.closed.execute(row)
            }
        }
        .map(drop)
    }
}
