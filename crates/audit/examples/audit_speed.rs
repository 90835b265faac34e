//! What following the journal costs the audit log, on one core: a market's records to lines and to files, and the proof
//! of what was written.
//!
//! `cargo run --release -p audit --example audit_speed [-- DIRECTORY]`; the directory decides which disk is measured.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::float_arithmetic,
    reason = "a measurement has a person before it, not a caller"
)]

#[allow(dead_code, reason = "the tests use more of the market")]
#[path = "../src/tests/market.rs"]
mod market;

use audit::{AuditLog, verify, verify_against};
use market::{BEFORE_MIDNIGHT, Journal, Market, limit};
use node::Follower;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use vocabulary::Side;

const RECORDS: usize = 200_000;
/// What a follower gets at once.
const STEP: usize = 4_096;

fn main() {
    let base = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let dir = tempfile::TempDir::new_in(Path::new(&base)).unwrap();
    let records = orders();
    let events: usize = records.iter().map(|record| record.events().len()).sum();
    println!("{} records, {:.1} events each", records.len(), events as f64 / records.len() as f64);
    let batches: Vec<node::Batch> = records.chunks(STEP).map(|step| Arc::new(step.to_vec())).collect();

    let started = Instant::now();
    let mut log = AuditLog::open(dir.path()).unwrap();
    for batch in batches {
        log.follow(&[batch]).unwrap();
    }
    drop(log);
    tell("write", started, records.len());

    let started = Instant::now();
    drop(AuditLog::open(dir.path()).unwrap());
    println!("open: {:?}", started.elapsed());
    let started = Instant::now();
    verify(dir.path(), |_| ()).unwrap();
    tell("verify", started, records.len());
    let journal = Journal::of(&records);
    let started = Instant::now();
    let summary = verify_against(dir.path(), &journal, |_| ()).unwrap();
    tell("verify against the journal", started, records.len());
    let bytes = std::fs::read_dir(dir.path().join("audit")).unwrap();
    let bytes: u64 = bytes.map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    println!("{} bytes a record, {} decisions", bytes / records.len() as u64, summary.decisions.lines);
}

/// Placements that rest and match, a cancellation in ten, and a refusal in ten.
fn orders() -> Vec<engine::Record> {
    let mut market = Market::open(BEFORE_MIDNIGHT - 3_600_000_000_000);
    let bundle = compliance::default_bundle();
    let data = bundle.data.replace("\"orders_per_hour\": 100", "\"orders_per_hour\": 1000000");
    let bundle = bundle.with_data(data);
    market.run(engine::Command::Compliance(compliance::Command::ActivatePolicy { bundle }));
    while market.records.len() < RECORDS {
        let n = market.records.len() as i64;
        market.wait_ns(10_000);
        match n % 10 {
            0 => market.cancel((n - 1).unsigned_abs()),
            5 => market.cancel(1),
            _ => {
                let side = if n % 2 == 0 { Side::Sell } else { Side::Buy };
                let account = if n % 2 == 0 { "BOB" } else { "ANN" };
                market.place(limit(account, side, 10_000 + n % 7 - 3, 1 + n % 5))
            }
        };
    }
    market.records
}

fn tell(what: &str, started: Instant, records: usize) {
    let seconds = started.elapsed().as_secs_f64();
    println!("{what}: {:.0} records/s", records as f64 / seconds);
}
