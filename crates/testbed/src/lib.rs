//! Real servers on this machine, for tests and benchmarks: started from what the system has installed, each in a
//! directory of its own, and ended with the value that stands for it.

mod collector;
mod ends;
mod kafka;
mod ports;
mod postgres;
mod redis;

pub use collector::{Collector, ToldSpan};
pub use ends::{doing, ends_within, output_within};
pub use kafka::Kafka;
pub use ports::free_port;
pub use postgres::Postgres;
pub use redis::Redis;
