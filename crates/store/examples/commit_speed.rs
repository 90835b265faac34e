//! What a durable commit costs: the SQLite journal beside a bare file that grows and is synced, by size of batch.
//!
//! `cargo run --release -p store --example commit_speed [-- DIRECTORY]`; the directory decides which disk is measured.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement has a person before it, not a caller"
)]

use node::journal::{Chain, Journal, JournalReader, frame_into, verify_chain};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use store::sqlite::{Check, Founding, SqliteJournal, SqliteReader};

const RECORD_BYTES: usize = 400;

fn main() {
    let base = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let dir = Path::new(&base).join("commit-speed");
    println!("{:>9} {:>7}  {:>44}   {:>44}", "", "", "SQLite journal, us", "file, append and fdatasync, us");
    println!(
        "{:>9} {:>7}  {:>8} {:>8} {:>8} {:>8} {:>8}   {:>8} {:>8} {:>8} {:>8} {:>8}",
        "bytes", "commits", "p50", "p99", "p99.9", "max", "MB/s", "p50", "p99", "p99.9", "max", "MB/s"
    );
    for (bytes, commits) in [(4_096, 20_000), (20_000, 8_000), (100_000, 4_000), (1_000_000, 400)] {
        let records = bytes / (RECORD_BYTES + 8);
        let bodies: Vec<u8> = (0..RECORD_BYTES).map(|i| i as u8).collect();
        let mut framed = Vec::new();
        (0..records).for_each(|_| frame_into(&mut framed, |out| out.extend_from_slice(&bodies)));
        let journal = in_fresh(&dir, |dir| journal(dir, &framed, records as u32, commits));
        let read = read_back(&dir);
        let file = in_fresh(&dir, |dir| file(dir, &framed, commits));
        println!("{bytes:>9} {commits:>7}  {journal}   {file}   verified {read:.0} MB/s");
    }
    fs::remove_dir_all(&dir).unwrap();
}

fn in_fresh<T>(dir: &Path, measure: impl FnOnce(&Path) -> T) -> T {
    let _ = fs::remove_dir_all(dir);
    fs::create_dir_all(dir).unwrap();
    measure(dir)
}

fn journal(dir: &Path, framed: &[u8], records: u32, commits: usize) -> String {
    let founding = Founding { shard: 0, created: String::new(), facts: BTreeMap::new() };
    let mut journal = SqliteJournal::open(dir, &founding, Check::Tail).unwrap();
    let mut chain = Chain::after(0, journal.tail().unwrap());
    let mut largest_log = 0;
    let taken = (0..commits)
        .map(|commit| {
            let batch = chain.seal(1, records, framed.to_vec());
            if commit % 16 == 0 {
                largest_log = largest_log.max(fs::metadata(dir.join("journal.db-wal")).unwrap().len());
            }
            let start = Instant::now();
            journal.append(&batch).unwrap();
            start.elapsed()
        })
        .collect();
    format!("{} (log {:>3} MB)", row(taken, framed.len()), largest_log >> 20)
}

/// Megabytes per second at which the journal is proven from its start.
fn read_back(dir: &Path) -> f64 {
    let reader = SqliteReader::open(dir, 0).unwrap();
    let start = Instant::now();
    let summary = verify_chain(&reader, |_| ()).unwrap();
    rate(summary.bytes, start.elapsed())
}

fn file(dir: &Path, framed: &[u8], commits: usize) -> String {
    let mut file = File::create(dir.join("bare")).unwrap();
    let taken = (0..commits)
        .map(|_| {
            let start = Instant::now();
            file.write_all(framed).unwrap();
            file.sync_data().unwrap();
            start.elapsed()
        })
        .collect();
    row(taken, framed.len())
}

fn row(mut taken: Vec<Duration>, bytes: usize) -> String {
    let total = taken.iter().sum();
    let rate = rate((bytes * taken.len()) as u64, total);
    taken.sort_unstable();
    let at = |per_mille: usize| taken[(taken.len() - 1) * per_mille / 1_000].as_micros();
    format!("{:>8} {:>8} {:>8} {:>8} {rate:>8.0}", at(500), at(990), at(999), at(1_000))
}

#[expect(clippy::float_arithmetic, reason = "a measured rate is no amount")]
fn rate(bytes: u64, taken: Duration) -> f64 {
    bytes as f64 / 1e6 / taken.as_secs_f64()
}
