//! Orders as they stand in the middle of a batch.
//!
//! Invariant: the row of an order says what the live state would, and goes on saying it once the live state has
//! forgotten the order.

use rusqlite::{Connection, OptionalExtension, Statement, params};
use trading::{CreatedOrder, Status};
use vocabulary::{
    AccountId, CorrelationId, Date, Index, InstrumentId, Moment, OrderId, OrderTerms, Price, Quantity, Side,
    UserId,
};

use crate::batch::run;
use crate::columns::{Columns, Dates, stored, thread};
use crate::error::ViewsError;
use crate::words;

/// An order, as far as later events change it or need it.
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
#[derive(Clone, Copy)]
pub(crate) struct Allowed {
    pub(crate) policy: u32,
    pub(crate) orders_in_hour: u32,
    pub(crate) day: Date,
}

/// How an order stopped being alive.
#[derive(Clone, Copy)]
pub(crate) struct Closed<'a> {
    pub(crate) at: Moment,
    pub(crate) code: &'a str,
    pub(crate) message: Option<&'a str>,
}

/// The orders that a batch touches.
#[derive(Default)]
pub(crate) struct Orders<'a>(Index<OrderId, OrderState<'a>>);

impl<'a> Orders<'a> {
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
        self.0.insert(terms.order, state);
    }

    /// Puts a decision at `at` into the row of its order, if that is all there is to say: the order was created in the
    /// same record, with the same terms and by the same user.
    pub(crate) fn allow(&mut self, terms: &OrderTerms, user: UserId, at: Moment, allowed: Allowed) -> bool {
        let Some(state) = self.0.get_mut(&terms.order) else { return false };
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
        Ok(self.0.get(&order))
    }

    /// An order to change, if it is known.
    pub(crate) fn change(
        &mut self,
        connection: &Connection,
        order: OrderId,
    ) -> Result<Option<&mut OrderState<'a>>, ViewsError> {
        self.load(connection, order)?;
        let mut state = self.0.get_mut(&order);
        if let Some(state) = &mut state {
            state.changed = true;
        }
        Ok(state)
    }

    fn load(&mut self, connection: &Connection, order: OrderId) -> Result<(), ViewsError> {
        if self.0.contains(&order) {
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
            self.0.insert(order, found);
        }
        Ok(())
    }

    pub(crate) fn write(&self, connection: &Connection) -> Result<(), ViewsError> {
        let mut insert = connection.prepare_cached(INSERT)?;
        let mut days = Dates::default();
        for (order, state) in self.0.sorted() {
            match state.created {
                Some((created, at)) => insert_into(&mut insert, &mut days, state, created, at)?,
                None if state.changed => update(connection, *order, state)?,
                None => {}
            }
        }
        Ok(())
    }
}

const INSERT: &str = "INSERT INTO orders VALUES
    (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

fn insert_into(
    insert: &mut Statement<'_>,
    days: &mut Dates,
    state: &OrderState<'_>,
    created: &CreatedOrder,
    at: Moment,
) -> Result<(), rusqlite::Error> {
    let terms = &created.terms;
    insert
        .execute(params![
            stored(terms.order.0),
            terms.account.0.as_str(),
            terms.participant.0.as_str(),
            terms.instrument.0.as_str(),
            words::side(terms.side),
            words::order_kind(&created.kind),
            created.limit.0,
            state.quantity.0,
            state.executed.0,
            words::time_in_force(created.time_in_force),
            created.post_only,
            words::status(state.status),
            created.client_order_id.as_ref().map(|id| id.0.as_str()),
            created.user.0.as_str(),
            thread(terms.correlation),
            created.replaces.map(|order| stored(order.0)),
            stored(at.position),
            stored(at.time.0),
            state.closed.map(|closed| stored(closed.at.position)),
            state.closed.map(|closed| stored(closed.at.time.0)),
            state.closed.map(|closed| closed.code),
            state.closed.and_then(|closed| closed.message),
            state.allowed.map(|allowed| allowed.policy),
            state.allowed.map(|allowed| allowed.orders_in_hour),
            state.allowed.map(|allowed| days.text(allowed.day)),
        ])
        .map(drop)
}

fn update(connection: &Connection, order: OrderId, state: &OrderState<'_>) -> Result<(), rusqlite::Error> {
    let (quantity, executed, status) = (state.quantity.0, state.executed.0, words::status(state.status));
    match state.closed {
        None => run(
            connection,
            "UPDATE orders SET quantity = ?, executed = ?, status = ? WHERE order_id = ?",
            params![quantity, executed, status, stored(order.0)],
        ),
        Some(closed) => run(
            connection,
            "UPDATE orders SET quantity = ?, executed = ?, status = ?,
                closed_position = ?, closed_time = ?, closed_code = ?, closed_message = ? WHERE order_id = ?",
            params![
                quantity,
                executed,
                status,
                stored(closed.at.position),
                stored(closed.at.time.0),
                closed.code,
                closed.message,
                stored(order.0)
            ],
        ),
    }
    .map(drop)
}
