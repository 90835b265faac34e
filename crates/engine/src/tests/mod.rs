//! The engine as a whole, at state-machine level: no clock, no disk, no network.

mod market;
mod whole;
