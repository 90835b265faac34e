//! A node on a real SQLite journal, with faults put between them.

#![allow(clippy::unwrap_used, reason = "what does not come out as expected ends the test")]

mod courier;
mod faults;
mod followers;
mod place;
mod retries;
mod running;
mod stepped;
