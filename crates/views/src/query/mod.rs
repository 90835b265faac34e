//! Questions to the views, by what they are about. All are methods of [`crate::Snapshot`].

pub(crate) mod blocks;
pub(crate) mod compliance;
pub(crate) mod orders;
pub(crate) mod page;
#[cfg(test)]
mod plans;
pub(crate) mod reference;
pub(crate) mod refusals;
pub(crate) mod risk;
pub(crate) mod runs;
pub(crate) mod settlement;
pub(crate) mod trades;
pub(crate) mod visibility;
