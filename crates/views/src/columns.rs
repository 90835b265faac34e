//! Values between Rust and the tables: minor units of any size, ids, dates, words.
//!
//! Invariant: what is written reads back the same; an amount beyond 64 bits stands as decimal text.

use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Type, ValueRef};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::str::FromStr;
use vocabulary::{Amount, CorrelationId, Timestamp, format_decimal};

use crate::words;

/// An amount, quantity or price with the decimals to show it by. Shown and serialized as decimal text, like `12.50`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// In minor units.
    pub minor: i128,
    /// Decimals.
    pub scale: u8,
}

impl Decimal {
    /// `minor` at `scale`.
    #[must_use]
    pub fn new(minor: i128, scale: u8) -> Self {
        Self { minor, scale }
    }

    /// With a separator between thousands, for people.
    #[must_use]
    pub fn grouped(self) -> String {
        let plain = self.to_string();
        let (sign, rest) = plain.strip_prefix('-').map_or(("", plain.as_str()), |rest| ("-", rest));
        let (whole, fraction) = rest.split_once('.').map_or((rest, None), |(w, f)| (w, Some(f)));
        let mut grouped = sign.to_owned();
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        if let Some(fraction) = fraction {
            let _ = write!(grouped, ".{fraction}");
        }
        grouped
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&format_decimal(self.minor, self.scale))
    }
}

impl Serialize for Decimal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An amount as it stands in a column of type ANY.
#[derive(Clone, Copy)]
pub(crate) struct Minor(pub(crate) i128);

impl From<Amount> for Minor {
    fn from(amount: Amount) -> Self {
        Self(amount.0)
    }
}

impl ToSql for Minor {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match i64::try_from(self.0) {
            Ok(small) => small.into(),
            Err(_) => self.0.to_string().into(),
        })
    }
}

impl FromSql for Minor {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Integer(small) => Ok(Self(i128::from(small))),
            ValueRef::Text(_) => value.as_str()?.parse().map(Self).map_err(FromSqlError::other),
            ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => Err(FromSqlError::InvalidType),
        }
    }
}

/// A position, order id or time as SQLite's signed 64 bits.
pub(crate) fn stored(number: u64) -> i64 {
    number.cast_signed()
}

pub(crate) fn thread(correlation: CorrelationId) -> [u8; 16] {
    correlation.0.to_be_bytes()
}

/// Reads a row's columns from left to right.
pub(crate) struct Columns<'a> {
    row: &'a Row<'a>,
    next: usize,
}

type Read<T> = rusqlite::Result<T>;

impl<'a> Columns<'a> {
    pub(crate) fn from(row: &'a Row<'a>, next: usize) -> Self {
        Self { row, next }
    }

    fn value(&mut self) -> Read<ValueRef<'a>> {
        let value = self.row.get_ref(self.next);
        self.next += 1;
        value
    }

    fn unreadable(&self, value: &str) -> rusqlite::Error {
        let what = format!("column {} holds {value:?}", self.next - 1);
        rusqlite::Error::FromSqlConversionFailure(self.next - 1, Type::Text, what.into())
    }

    fn parsed<T>(&mut self, parse: impl Fn(&str) -> Option<T>) -> Read<Option<T>> {
        let value = self.value()?;
        let Some(text) = value.as_str_or_null().map_err(|error| self.unreadable(&error.to_string()))? else {
            return Ok(None);
        };
        parse(text).map(Some).ok_or_else(|| self.unreadable(text))
    }

    fn present<T>(&self, value: Option<T>) -> Read<T> {
        value.ok_or_else(|| self.unreadable("nothing"))
    }

    /// Any value that rusqlite knows.
    pub(crate) fn take<T: FromSql>(&mut self) -> Read<T> {
        let value = self.row.get(self.next);
        self.next += 1;
        value
    }

    pub(crate) fn number(&mut self) -> Read<u64> {
        self.take::<i64>().map(i64::cast_unsigned)
    }

    pub(crate) fn opt_number(&mut self) -> Read<Option<u64>> {
        self.take::<Option<i64>>().map(|number| number.map(i64::cast_unsigned))
    }

    pub(crate) fn time(&mut self) -> Read<Timestamp> {
        self.number().map(Timestamp)
    }

    pub(crate) fn opt_time(&mut self) -> Read<Option<Timestamp>> {
        Ok(self.opt_number()?.map(Timestamp))
    }

    /// An id or a date.
    pub(crate) fn id<T: FromStr>(&mut self) -> Read<T> {
        let id = self.opt_id()?;
        self.present(id)
    }

    pub(crate) fn opt_id<T: FromStr>(&mut self) -> Read<Option<T>> {
        self.parsed(|text| text.parse().ok())
    }

    /// The word of a field-less enum.
    pub(crate) fn word<T: for<'de> Deserialize<'de>>(&mut self) -> Read<T> {
        let word = self.opt_word()?;
        self.present(word)
    }

    pub(crate) fn opt_word<T: for<'de> Deserialize<'de>>(&mut self) -> Read<Option<T>> {
        self.parsed(|text| words::read(text))
    }

    /// Text that holds JSON.
    pub(crate) fn opt_json<T: serde::de::DeserializeOwned>(&mut self) -> Read<Option<T>> {
        self.parsed(|text| serde_json::from_str(text).ok())
    }

    pub(crate) fn amount(&mut self) -> Read<Amount> {
        self.take::<Minor>().map(|minor| Amount(minor.0))
    }

    pub(crate) fn decimal(&mut self, scale: u8) -> Read<Decimal> {
        self.take::<Minor>().map(|minor| Decimal::new(minor.0, scale))
    }

    pub(crate) fn thread(&mut self) -> Read<CorrelationId> {
        self.take::<[u8; 16]>().map(|bytes| CorrelationId(u128::from_be_bytes(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped_for_people() {
        for (minor, scale, text) in [
            (0, 2, "0.00"),
            (99_999, 2, "999.99"),
            (100_000, 2, "1,000.00"),
            (-123_456_789, 2, "-1,234,567.89"),
            (1_234, 0, "1,234"),
            (-5, 3, "-0.005"),
        ] {
            assert_eq!(Decimal::new(minor, scale).grouped(), text);
        }
    }

    #[test]
    fn amounts_of_any_size_come_back_from_a_table() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (a ANY NOT NULL) STRICT").unwrap();
        for amount in [0, -1, i128::from(i64::MAX), i128::from(i64::MAX) + 1, i128::MIN] {
            connection.execute("INSERT INTO t VALUES (?)", [Minor(amount)]).unwrap();
            let read = connection.query_row("SELECT a FROM t", [], |row| Columns::from(row, 0).amount());
            assert_eq!(read.unwrap(), Amount(amount));
            connection.execute("DELETE FROM t", []).unwrap();
        }
    }
}
