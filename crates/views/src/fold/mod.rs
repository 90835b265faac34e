//! Folding events into rows, by what the rows are about.

pub(crate) mod balances;
mod blocks;
pub(crate) mod compliance;
pub(crate) mod counts;
pub(crate) mod orders;
pub(crate) mod quotas;
mod refusals;
mod risk;
pub(crate) mod settled;
mod settlement;
pub(crate) mod threads;
pub(crate) mod trades;
mod trading;
