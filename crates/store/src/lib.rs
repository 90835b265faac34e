//! Where a node's bytes come to lie: the journal on SQLite ([`sqlite`]) or PostgreSQL (`postgres`, a feature), snapshots in
//! files ([`snapshot_files`]).
//!
//! Invariant: what an adapter here has acknowledged survives the process and the machine; what it finds damaged it
//! reports and never repairs. Deliberately absent: what the bytes mean.

mod check;
mod durable_file;
mod founding;
mod packed;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod snapshot_files;
pub mod sqlite;

pub use check::Check;
pub use founding::Founding;
