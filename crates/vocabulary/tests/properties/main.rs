//! What holds for whatever amount, instrument or calendar: money and business days, by arithmetic done another way.

#![allow(clippy::unwrap_used)] // All of it is test.

mod calendar;
mod money;
