//! A node on a real SQLite journal, with faults put between them.

mod faults;
mod followers;
mod place;
mod retries;
mod running;
