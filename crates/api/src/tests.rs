//! The gateway as its clients meet it: real node, real store, real views; requests in process or over the network.

mod contract;
mod hostile_input;
mod house;
mod idempotency;
mod life_of_an_order;
mod network;
mod offices;
mod overload;
mod policies;
mod precedence;
mod reconciliation;
mod streams;
mod tokens;
