//! The peer that only writes: a file that grows by so many bytes, and is synced, over and over.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use crate::load::{Measured, Schedule};

/// Measures it, in `directory`: appends of so many bytes, each followed by `fdatasync`.
///
/// # Errors
/// When the disk fails.
pub(crate) fn append(directory: &Path, bytes: usize, schedule: Schedule) -> anyhow::Result<Measured> {
    let mut file = File::create(directory.join("plain"))?;
    let bytes = vec![0x5a; bytes];
    let mut measured = Measured::new(schedule);
    let (start, end) = schedule.window();
    loop {
        let began = Instant::now();
        if began >= end {
            return Ok(measured);
        }
        file.write_all(&bytes)?;
        file.sync_data()?;
        measured.sent += 1;
        if began >= start {
            measured.take(began, began, 1);
        }
    }
}
