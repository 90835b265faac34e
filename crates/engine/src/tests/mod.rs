//! The engine as a whole, at state-machine level: no clock, no disk, no network.

#![allow(clippy::inconsistent_digit_grouping, reason = "amounts read as units and cents")]

mod audit;
mod blocks;
mod encoding;
mod faults;
mod flow;
mod keys;
mod market;
mod network;
mod participant;
mod replay;
mod whole;
