//! The engine as a whole, at state-machine level: no clock, no disk, no network.

#![allow(clippy::inconsistent_digit_grouping, reason = "amounts read as units and cents")]

mod audit;
mod faults;
mod flow;
mod market;
mod network;
mod whole;
