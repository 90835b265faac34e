//! Which records touched an order, and which hang on a correlation id.

use rusqlite::Connection;
use vocabulary::{CorrelationId, OrderId};

use crate::columns::{stored, thread};
use crate::error::ViewsError;
use crate::insert::{Table, insert_all};

/// What is noted in a batch.
#[derive(Default)]
pub(crate) struct Threads {
    /// Orders touched by the record at hand, with repetitions.
    touched: Vec<OrderId>,
    orders: Vec<(OrderId, u64)>,
    correlations: Vec<(CorrelationId, u64)>,
}

impl Threads {
    /// The record at hand touches an order.
    pub(crate) fn touch(&mut self, order: OrderId) {
        if self.touched.last() != Some(&order) {
            self.touched.push(order);
        }
    }

    /// The orders that the record at hand has touched, each once. The next record begins with none; give the vector
    /// back to it with [`Threads::begin`].
    pub(crate) fn touched(&mut self) -> Vec<OrderId> {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    /// Begins the next record, with room of the one before.
    pub(crate) fn begin(&mut self, mut room: Vec<OrderId>) {
        room.clear();
        self.touched = room;
    }

    pub(crate) fn note_order(&mut self, order: OrderId, position: u64) {
        self.orders.push((order, position));
    }

    pub(crate) fn note(&mut self, correlation: CorrelationId, position: u64) {
        // What the node does by itself hangs on no thread.
        if correlation != CorrelationId::default() {
            self.correlations.push((correlation, position));
        }
    }

    /// In the order of the keys, so that neighbours are written together.
    pub(crate) fn write(mut self, connection: &Connection) -> Result<(), ViewsError> {
        self.orders.sort_unstable();
        insert_all(connection, Table::new("order_records", 2), &self.orders, |values, (order, position)| {
            values.put(stored(order.0))?;
            values.put(stored(*position))
        })?;
        self.correlations.sort_unstable();
        insert_all(
            connection,
            Table::new("correlations", 2),
            &self.correlations,
            |values, (correlation, position)| {
                values.put(thread(*correlation))?;
                values.put(stored(*position))
            },
        )?;
        Ok(())
    }
}
