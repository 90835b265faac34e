//! What following the journal costs the audit log, on one core: a market's records to lines and to files, and the proof
//! of what was written.
//!
//! `cargo run --release -p audit --example audit_speed [-- DIRECTORY]`; the directory decides which disk is measured.
//! The CPU time is that of the thread, in this program and in the kernel, and hardly depends on what else runs.

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

    let run = Run::start();
    let mut log = AuditLog::open(dir.path(), 0).unwrap();
    for batch in &batches {
        log.follow(std::slice::from_ref(batch)).unwrap();
    }
    drop(log);
    run.tell("write", records.len());
    drop(batches);

    let started = Instant::now();
    drop(AuditLog::open(dir.path(), 0).unwrap());
    println!("open: {:?}", started.elapsed());
    let run = Run::start();
    verify(dir.path(), 0, |_| ()).unwrap();
    run.tell("verify", records.len());
    let journal = Journal::of(&records);
    let run = Run::start();
    let summary = verify_against(dir.path(), &journal, |_| ()).unwrap();
    run.tell("verify against the journal", records.len());
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

/// Something that is being measured.
struct Run {
    started: Instant,
    cpu_us: [f64; 2],
}

impl Run {
    fn start() -> Self {
        Self { started: Instant::now(), cpu_us: cpu_us() }
    }

    fn tell(self, what: &str, records: usize) {
        let records = records as f64;
        let speed = records / self.started.elapsed().as_secs_f64();
        let (before, after) = (self.cpu_us, cpu_us());
        let [program, kernel] = [0, 1].map(|part| (after[part] - before[part]) / records);
        println!(
            "{what}: {speed:.0} records/s; CPU a record: {program:.2} us here, {kernel:.2} us in the kernel"
        );
    }
}

/// How long this thread has run so far, in the program and in the kernel. Linux counts it in hundredths of a second.
fn cpu_us() -> [f64; 2] {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<&str> = fields.split(' ').collect();
    [fields[11], fields[12]].map(|ticks| ticks.parse::<f64>().unwrap() * 1e4)
}
