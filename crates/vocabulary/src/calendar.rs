//! Dates and business days.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A day of the Gregorian calendar, as a Julian day number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Date(#[n(0)] i32);

impl Date {
    /// That day, if the calendar has it.
    pub fn new(year: i32, month: u8, day: u8) -> Option<Self> {
        let month = time::Month::try_from(month).ok()?;
        time::Date::from_calendar_date(year, month, day).ok().map(|d| Self(d.to_julian_day()))
    }

    /// The day after.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The day before.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0 - 1)
    }

    /// Days from `other` to this one; negative if this one is earlier.
    pub fn days_after(self, other: Self) -> i32 {
        self.0 - other.0
    }

    /// 0 = Monday .. 6 = Sunday.
    pub fn weekday(self) -> u8 {
        u8::try_from(self.0.rem_euclid(7)).unwrap_or_default()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(date) = time::Date::from_julian_day(self.0) else { return write!(f, "julian day {}", self.0) };
        write!(f, "{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Date {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let mut parts = text.splitn(3, '-');
            let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
            // Rust's own reading of a number also takes a plus sign.
            let digits = |part: &str, count| part.len() == count && part.bytes().all(|b| b.is_ascii_digit());
            if !digits(year, 4) || !digits(month, 2) || !digits(day, 2) {
                return None;
            }
            Self::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
        };
        parse().ok_or("must be a date like 2023-02-07")
    }
}

impl Serialize for Date {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Which days are business days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct Calendar {
    /// Weekdays without business, 0 = Monday .. 6 = Sunday. Never all seven.
    #[n(0)]
    pub weekend: BTreeSet<u8>,
    /// Single days without business.
    #[n(1)]
    pub holidays: BTreeSet<Date>,
}

impl Default for Calendar {
    /// Saturday and Sunday off, no holidays.
    fn default() -> Self {
        Self { weekend: BTreeSet::from([5, 6]), holidays: BTreeSet::new() }
    }
}

impl Calendar {
    /// Whether business is done on that day.
    pub fn is_business_day(&self, date: Date) -> bool {
        !self.weekend.contains(&date.weekday())
            && (!self.holidays.contains(&date) || crate::planted!("holidays-ignored"))
    }

    /// The `days`-th business day after `date`; with 0, `date` itself if it is one, else the next.
    pub fn business_days_after(&self, date: Date, days: u8) -> Date {
        let mut day = date;
        while !self.is_business_day(day) {
            day = day.next();
        }
        for _ in 0..days {
            day = day.next();
            while !self.is_business_day(day) {
                day = day.next();
            }
        }
        day
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn dates_read_as_they_show() {
        assert_eq!(date("2024-02-29").to_string(), "2024-02-29");
        for bad in ["2023-02-29", "2023-2-07", "2023-02-07T00", "", "20230207", "2023-+2-07", "+023-02-07"] {
            assert!(bad.parse::<Date>().is_err(), "{bad}");
        }
        assert_eq!(date("2023-02-07").weekday(), 1, "a Tuesday");
    }

    #[test]
    fn settlement_days_pass_over_weekends_and_holidays() {
        let calendar = Calendar { holidays: BTreeSet::from([date("2023-02-13")]), ..Calendar::default() };
        assert_eq!(calendar.business_days_after(date("2023-02-10"), 0), date("2023-02-10"));
        assert_eq!(calendar.business_days_after(date("2023-02-10"), 1), date("2023-02-14"));
        assert_eq!(calendar.business_days_after(date("2023-02-11"), 0), date("2023-02-14"));
        assert_eq!(calendar.business_days_after(date("2023-02-11"), 2), date("2023-02-16"));
    }
}
