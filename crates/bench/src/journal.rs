//! `bench journal`: a durable commit of the SQLite journal beside an append and `fdatasync` of the same bytes to a plain
//! file, by size.

use clap::Args;
use hdrhistogram::Histogram;
use node::journal::{Chain, Journal, JournalReader, frame_into};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::load::{Measured, Schedule};
use crate::market;
use crate::peers::plain_file;
use crate::table::Table;

/// Options of `bench journal`.
#[derive(Args)]
pub(crate) struct JournalOptions {
    /// The disk to measure, by a directory on it; the one for temporary files if left out.
    #[arg(long)]
    directory: Option<PathBuf>,
    /// Measured seconds for each.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

/// One size of commit.
#[derive(Serialize)]
pub(crate) struct Commit {
    bytes: usize,
    journal: Latency,
    file: Latency,
}

#[derive(Serialize)]
struct Latency {
    per_second: u64,
    p50_us: u64,
    p99_us: u64,
}

const RECORD_BYTES: usize = 1_000;
/// Records a commit.
const SIZES: [u32; 4] = [1, 16, 64, 1_000];

/// Measures and prints.
pub(crate) fn run(options: &JournalOptions) -> anyhow::Result<()> {
    let base = options.directory.clone().unwrap_or_else(std::env::temp_dir);
    table(&commits(&base, options.seconds)?).print(options.json)
}

/// Measures each size, on the disk of that directory.
pub(crate) fn commits(base: &Path, seconds: u64) -> anyhow::Result<Vec<Commit>> {
    SIZES.iter().map(|&records| commit(base, records, Schedule::seconds(seconds))).collect()
}

fn commit(base: &Path, records: u32, schedule: Schedule) -> anyhow::Result<Commit> {
    let mut bytes = Vec::new();
    (0..records).for_each(|_| frame_into(&mut bytes, |out| out.extend_from_slice(&[0x5a; RECORD_BYTES])));
    let directory = tempfile::tempdir_in(base)?;
    let journal = append(directory.path(), &bytes, records, schedule)?;
    let file = plain_file::append(directory.path(), bytes.len(), schedule)?;
    Ok(Commit { bytes: bytes.len(), journal: Latency::of(&journal), file: Latency::of(&file) })
}

fn append(directory: &Path, bytes: &[u8], records: u32, schedule: Schedule) -> anyhow::Result<Measured> {
    let (mut journal, _) = market::recover(directory)?;
    let mut chain = Chain::after(0, journal.tail()?);
    let mut measured = Measured::new(schedule);
    let (start, end) = schedule.window();
    loop {
        let batch = chain.seal(1, records, bytes.to_vec());
        let began = Instant::now();
        if began >= end {
            return Ok(measured);
        }
        journal.append(&batch)?;
        if began >= start {
            measured.take(began, began, 1);
        }
    }
}

impl Latency {
    fn of(measured: &Measured) -> Self {
        let latency: &Histogram<u64> = &measured.latency_us;
        Self {
            per_second: measured.per_second(),
            p50_us: latency.value_at_quantile(0.5),
            p99_us: latency.value_at_quantile(0.99),
        }
    }
}

/// As a table.
pub(crate) fn table(commits: &[Commit]) -> Table {
    let head =
        ["bytes", "journal/s", "p50 µs", "p99 µs", "file/s", "p50 µs", "p99 µs", "file over journal, %"];
    let mut table = Table::new("A durable commit: the journal beside a plain file", &head, commits);
    for Commit { bytes, journal, file } in commits {
        let percent = file.per_second * 100 / journal.per_second.max(1);
        table.row(&[
            bytes,
            &journal.per_second,
            &journal.p50_us,
            &journal.p99_us,
            &file.per_second,
            &file.p50_us,
            &file.p99_us,
            &percent,
        ]);
    }
    table
}
