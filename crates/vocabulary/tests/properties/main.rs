//! What holds for whatever amount, instrument or calendar: money and business days, by arithmetic done another way.

mod calendar;
mod money;
