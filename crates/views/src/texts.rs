//! Words, codes and dates by number: the rows that there is one of for every order hold numbers for them.
//!
//! Invariant: a text has one number, which never changes while the file lives. Rows are shorter with numbers, an index
//! compares them faster, and SQLite binds them without a copy. Absent: what clients make up anew each time (their own ids
//! of orders, messages), which stands as it is.

use rusqlite::{Connection, OptionalExtension};
use std::collections::HashMap;
use vocabulary::text::Text;
use vocabulary::{Date, Index, UserId};

/// A code of the reference data.
type Code = Text<16>;

/// How many numbers of users are remembered before all are forgotten: users can be many.
const USERS_MAX: usize = 1 << 18;

/// The numbers that a writer remembers.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    codes: Index<Code, i64>,
    users: Index<UserId, i64>,
    dates: Index<Date, i64>,
    words: HashMap<Box<str>, i64>,
}

/// Gives texts their numbers, new ones to those that have none.
pub(crate) struct Texts<'a> {
    numbers: &'a mut Numbers,
    connection: &'a Connection,
}

impl<'a> Texts<'a> {
    pub(crate) fn new(numbers: &'a mut Numbers, connection: &'a Connection) -> Self {
        if numbers.users.len() > USERS_MAX {
            numbers.users = Index::default();
        }
        Self { numbers, connection }
    }

    pub(crate) fn code(&mut self, code: Code) -> rusqlite::Result<i64> {
        if let Some(number) = self.numbers.codes.get(&code) {
            return Ok(*number);
        }
        let number = self.ask(code.as_str())?;
        self.numbers.codes.insert(code, number);
        Ok(number)
    }

    pub(crate) fn user(&mut self, user: UserId) -> rusqlite::Result<i64> {
        if let Some(number) = self.numbers.users.get(&user) {
            return Ok(*number);
        }
        let number = self.ask(user.0.as_str())?;
        self.numbers.users.insert(user, number);
        Ok(number)
    }

    pub(crate) fn date(&mut self, date: Date) -> rusqlite::Result<i64> {
        if let Some(number) = self.numbers.dates.get(&date) {
            return Ok(*number);
        }
        let number = self.ask(&date.to_string())?;
        self.numbers.dates.insert(date, number);
        Ok(number)
    }

    /// A word of a fixed vocabulary, or the code of a reason.
    pub(crate) fn word(&mut self, word: &str) -> rusqlite::Result<i64> {
        if let Some(number) = self.numbers.words.get(word) {
            return Ok(*number);
        }
        let number = self.ask(word)?;
        self.numbers.words.insert(word.into(), number);
        Ok(number)
    }

    fn ask(&self, text: &str) -> rusqlite::Result<i64> {
        let known = self
            .connection
            .prepare_cached("SELECT number FROM texts WHERE text = ?")?
            .query_row([text], |row| row.get(0))
            .optional()?;
        match known {
            Some(number) => Ok(number),
            None => self.connection.prepare_cached("INSERT INTO texts (text) VALUES (?)")?.insert([text]),
        }
    }
}
