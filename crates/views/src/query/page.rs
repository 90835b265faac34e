//! Lists in pages: a stable order by key, and a cursor that says where the next page begins.
//!
//! Invariant: following `next` from page to page gives every row that was there at the start once, whatever is added
//! meanwhile: the key of a row never changes. A cursor names its list, so one of another list is refused.

use rusqlite::types::Value;
use serde::Serialize;
use std::cmp::Ordering;

use crate::columns::Columns;
use crate::error::ViewsError;
use crate::reader::Snapshot;

/// The most rows of a page.
pub const PAGE_ROWS_MAX: usize = 1_000;
/// The rows of a page when nobody says how many.
pub const PAGE_ROWS_DEFAULT: usize = 100;

/// Which part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    limit: usize,
    cursor: Option<String>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: PAGE_ROWS_DEFAULT, cursor: None }
    }
}

impl PageRequest {
    /// Up to `limit` rows (none: [`PAGE_ROWS_DEFAULT`]) after `cursor` (none: from the beginning).
    ///
    /// # Errors
    /// [`ViewsError::BadLimit`] when `limit` is 0 or above [`PAGE_ROWS_MAX`].
    pub fn new(limit: Option<usize>, cursor: Option<String>) -> Result<Self, ViewsError> {
        let limit = limit.unwrap_or(PAGE_ROWS_DEFAULT);
        if limit == 0 || limit > PAGE_ROWS_MAX {
            return Err(ViewsError::BadLimit { limit, max: PAGE_ROWS_MAX });
        }
        Ok(Self { limit, cursor })
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// In the order of the list.
    pub rows: Vec<T>,
    /// Where the next page begins; none if this is the last.
    pub next: Option<String>,
    /// The last position that the views hold.
    pub position: u64,
}

/// A value that rows are ordered by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum KeyValue {
    Number(i64),
    Text(String),
}

impl KeyValue {
    pub(crate) fn is_number(&self, number: i64) -> bool {
        *self == Self::Number(number)
    }
}

/// A column of a key.
#[derive(Clone, Copy)]
pub(crate) enum Key {
    Number(&'static str),
    Text(&'static str),
}

impl Key {
    fn column(self) -> &'static str {
        match self {
            Self::Number(column) | Self::Text(column) => column,
        }
    }

    fn parse(self, text: &str) -> Option<KeyValue> {
        match self {
            // Only as it is written: no sign that means nothing, no leading zeros.
            Self::Number(_) => text
                .parse::<u64>()
                .ok()
                .filter(|number| number.to_string() == text)
                .map(|number| KeyValue::Number(number.cast_signed())),
            Self::Text(_) => {
                let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
                // Empty stands for nobody, as in the party of a net position.
                (text.len() <= 64 && text.bytes().all(fits)).then(|| KeyValue::Text(text.to_owned()))
            }
        }
    }
}

/// A list: what is selected from where, and in which order.
pub(crate) struct Listing {
    /// What cursors call it.
    pub(crate) name: &'static str,
    pub(crate) columns: &'static str,
    pub(crate) from: &'static str,
    pub(crate) key: &'static [Key],
    pub(crate) newest_first: bool,
}

impl Listing {
    fn keys(&self) -> String {
        self.key.iter().map(|key| key.column()).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn sql(&self, conditions: &Conditions, continued: bool) -> String {
        let (keys, direction) = (self.keys(), if self.newest_first { " DESC" } else { "" });
        let mut sql = format!("SELECT {keys}, {} FROM {} WHERE 1{}", self.columns, self.from, conditions.sql);
        if continued {
            let places = vec!["?"; self.key.len()].join(", ");
            let compare = if self.newest_first { '<' } else { '>' };
            sql.push_str(&format!(" AND ({keys}) {compare} ({places})"));
        }
        let order: Vec<_> = self.key.iter().map(|key| format!("{}{direction}", key.column())).collect();
        sql.push_str(&format!(" ORDER BY {} LIMIT ?", order.join(", ")));
        sql
    }

    fn read_cursor(&self, cursor: &str) -> Result<Vec<KeyValue>, ViewsError> {
        let parse = || {
            let parts: Vec<&str> = cursor.strip_prefix(self.name)?.strip_prefix(':')?.split(':').collect();
            if parts.len() != self.key.len() {
                return None;
            }
            self.key.iter().zip(parts).map(|(key, part)| key.parse(part)).collect()
        };
        parse().ok_or_else(|| ViewsError::UnknownCursor { list: self.name, cursor: cursor.to_owned() })
    }

    fn write_cursor(&self, key: &[KeyValue]) -> String {
        let part = |value: &KeyValue| match value {
            KeyValue::Number(number) => format!(":{}", number.cast_unsigned()),
            KeyValue::Text(text) => format!(":{text}"),
        };
        key.iter().fold(self.name.to_owned(), |cursor, value| cursor + &part(value))
    }

    fn compare(&self, a: &[KeyValue], b: &[KeyValue]) -> Ordering {
        if self.newest_first { b.cmp(a) } else { a.cmp(b) }
    }
}

/// What rows must satisfy, with the values that stand in it.
#[derive(Clone, Default)]
pub(crate) struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    /// Adds a condition without values.
    pub(crate) fn and(&mut self, sql: &str) {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
    }

    /// Adds a condition with one value.
    pub(crate) fn and_value(&mut self, sql: &str, value: impl Into<Value>) {
        self.and(sql);
        self.values.push(value.into());
    }

    /// A further value of the last condition.
    pub(crate) fn value(&mut self, value: impl Into<Value>) {
        self.values.push(value.into());
    }

    /// Adds a condition with one value, if there is one.
    pub(crate) fn and_some<T: Into<Value>>(&mut self, sql: &str, value: Option<T>) {
        if let Some(value) = value {
            self.and_value(sql, value);
        }
    }

    /// Adds the condition that a column refers to the text of a value, if there is one.
    pub(crate) fn and_ref<T: ToString>(&mut self, column: &str, value: Option<T>) {
        self.and_text(&format!("{column} = (SELECT number FROM texts WHERE text = ?)"), value);
    }

    /// Adds a condition with the text of a value, if there is one.
    pub(crate) fn and_text<T: ToString>(&mut self, sql: &str, value: Option<T>) {
        self.and_some(sql, value.map(|value| value.to_string()));
    }
}

impl Snapshot {
    /// A page of a list whose rows satisfy the conditions of any arm. Each arm is walked in the order of the key and no
    /// further than a page, so that a list of several accounts costs a page for each and no sort of all their rows.
    pub(crate) fn page<T>(
        &self,
        arms: &[(&Listing, Conditions)],
        request: &PageRequest,
        read: impl Fn(&mut Columns<'_>) -> rusqlite::Result<T>,
    ) -> Result<Page<T>, ViewsError> {
        self.page_with_key(arms, request, |_, columns| read(columns))
    }

    /// As [`Snapshot::page`], for rows that are told apart by their key.
    pub(crate) fn page_with_key<T>(
        &self,
        arms: &[(&Listing, Conditions)],
        request: &PageRequest,
        read: impl Fn(&[KeyValue], &mut Columns<'_>) -> rusqlite::Result<T>,
    ) -> Result<Page<T>, ViewsError> {
        let mut found = Vec::new();
        for (listing, conditions) in arms {
            self.walk(listing, conditions, request, &read, &mut found)?;
        }
        let Some((listing, _)) = arms.first() else {
            return Ok(Page { rows: Vec::new(), next: None, position: self.position() });
        };
        if arms.len() > 1 {
            found.sort_by(|a, b| listing.compare(&a.0, &b.0));
            found.dedup_by(|a, b| a.0 == b.0);
        }
        let more = found.len() > request.limit;
        found.truncate(request.limit);
        let last = found.last().filter(|_| more);
        let next = last.map(|(key, _)| listing.write_cursor(key));
        let rows = found.into_iter().map(|(_, row)| row).collect();
        Ok(Page { rows, next, position: self.position() })
    }

    fn walk<T>(
        &self,
        listing: &Listing,
        conditions: &Conditions,
        request: &PageRequest,
        read: &impl Fn(&[KeyValue], &mut Columns<'_>) -> rusqlite::Result<T>,
        found: &mut Vec<(Vec<KeyValue>, T)>,
    ) -> Result<(), ViewsError> {
        let after = request.cursor.as_deref().map(|cursor| listing.read_cursor(cursor)).transpose()?;
        let sql = listing.sql(conditions, after.is_some());
        let mut values = conditions.values.clone();
        values.extend(after.into_iter().flatten().map(|value| match value {
            KeyValue::Number(number) => Value::Integer(number),
            KeyValue::Text(text) => Value::Text(text),
        }));
        let limit = i64::try_from(request.limit + 1).expect("a page has at most a thousand rows");
        values.push(Value::Integer(limit));
        let mut statement = self.connection().prepare_cached(&sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            let mut columns = Columns::from(row, 0);
            let key = |key: &Key| match key {
                Key::Number(_) => columns.take().map(KeyValue::Number),
                Key::Text(_) => columns.take().map(KeyValue::Text),
            };
            let key = listing.key.iter().map(key).collect::<Result<Vec<_>, _>>()?;
            let row = read(&key, &mut columns)?;
            found.push((key, row));
        }
        Ok(())
    }

    /// All rows of a query, for reports.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
        read: impl Fn(&mut Columns<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, ViewsError> {
        let mut statement = self.connection().prepare_cached(sql)?;
        let rows = statement.query_map(values, |row| read(&mut Columns::from(row, 0)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
