//! What gives an engine its position, time and durability.
//!
//! Owns the journal's form and rules ([`journal`]) and the snapshots' ([`snapshot`]). Where the bytes come to lie is
//! the business of the `store` crate; what they mean is the engine's.

pub mod journal;
pub mod snapshot;
