//! Where a node's bytes come to lie: the journal on SQLite ([`sqlite`]), snapshots in files ([`snapshot_files`]).
//!
//! Invariant: what an adapter here has acknowledged survives the process and the machine; what it finds damaged it
//! reports and never repairs. Deliberately absent: what the bytes mean.

mod durable_file;
pub mod snapshot_files;
pub mod sqlite;
