//! One seed, one whole history: nodes, network, storage and clients in one thread, with every fault that machines have.
//!
//! Runs the real engine, writer, journal protocol, recovery, order flow, and in some histories views and audit log. A
//! workload asks, faults strike, and an auditor with rules of its own watches what is asked, answered and recorded.
//! Invariant: a history follows from its seed and the program alone. Deliberately absent: threads, wall clocks, and files
//! other than those of views and audit log.

pub mod auditor;
mod dice;
mod history;
#[cfg(planted)]
pub mod planted;
mod story;
pub mod workload;
mod world;

pub use dice::Dice;
pub use history::{Failed, last_steps, run};
pub use story::{Story, Telling};
pub use world::{Struck, Summary};
