//! Rows into tables, many to a statement: SQLite opens the table and its indexes once for all of them, and finds the end
//! of each where it has just been.
//!
//! Invariant: all rows are in or the transaction is to be rolled back. A statement does not undo what it did before it
//! failed (`OR FAIL`), or SQLite would copy every page before it changes.

use rusqlite::{Connection, Statement, ToSql};

/// Where rows go.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: usize,
    /// Rows in a statement, as long as there are so many.
    pub(crate) at_once: &'static [usize],
}

impl Table {
    /// A table without row ids.
    pub(crate) const fn new(name: &'static str, columns: usize) -> Self {
        Self { name, columns, at_once: &[32, 8, 1] }
    }

    /// A table whose row id is given. SQLite checks it in a way that may abort the statement whatever is said, and would
    /// copy every page for that if there were several rows.
    pub(crate) const fn with_row_id(name: &'static str, columns: usize) -> Self {
        Self { name, columns, at_once: &[1] }
    }
}

/// The values of a row, from left to right.
pub(crate) struct Values<'a, 'c> {
    statement: &'a mut Statement<'c>,
    next: usize,
}

impl Values<'_, '_> {
    pub(crate) fn put(&mut self, value: impl ToSql) -> rusqlite::Result<()> {
        self.next += 1;
        self.statement.raw_bind_parameter(self.next, value)
    }
}

/// Inserts a row into `table` for each of `rows`, with as many values as it has columns.
pub(crate) fn insert_all<T>(
    connection: &Connection,
    table: Table,
    mut rows: &[T],
    mut write: impl FnMut(&mut Values<'_, '_>, &T) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    for &at_once in table.at_once {
        if rows.len() < at_once {
            continue;
        }
        let mut statement = connection.prepare_cached(&sql(table, at_once))?;
        while rows.len() >= at_once {
            let (now, later) = rows.split_at(at_once);
            let mut values = Values { statement: &mut statement, next: 0 };
            now.iter().try_for_each(|row| write(&mut values, row))?;
            statement.raw_execute()?;
            rows = later;
        }
    }
    Ok(())
}

fn sql(Table { name, columns, .. }: Table, rows: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    format!("INSERT OR FAIL INTO {name} VALUES {}", vec![row; rows].join(", "))
}
