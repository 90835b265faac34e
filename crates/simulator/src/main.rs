//! `cargo run --release -p simulator -- --seed N`: one history; `--seeds A..B`: many, and what they came to.

#![allow(clippy::print_stdout, clippy::print_stderr)] // Its output is what it is for.

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use simulator::{Failed, Story, Struck, Summary, Telling, last_steps, run};
use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{available_parallelism, scope};
use std::time::Instant;

/// How many steps before a violation are shown.
const LAST_STEPS: usize = 40;
/// No more failing seeds than this are looked for.
const FAILURES_MAX: usize = 20;

/// Runs simulated histories of Rialto, one for each seed, and checks all that happens in them
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// One history
    #[arg(long, conflicts_with = "seeds", required_unless_present = "seeds")]
    seed: Option<u64>,
    /// Prints the history of the seed step by step
    #[arg(long, requires = "seed")]
    steps: bool,
    /// Histories of the seeds from A up to, but not including, B
    #[arg(long, value_name = "A..B", value_parser = range)]
    seeds: Option<Range<u64>>,
    /// Sums up as JSON
    #[arg(long)]
    json: bool,
    /// Stops at the first history in which something must not be
    #[arg(long)]
    first: bool,
    /// Plants this bug, which the histories must find; "all": each of them in turn, and a table of what it took
    #[cfg(planted)]
    #[arg(long, value_name = "BUG")]
    planted: Option<String>,
}

/// So many histories must do to find a planted bug.
#[cfg(planted)]
const PLANTED_SEEDS_MAX: u64 = 200;

/// Runs this program once for each planted bug. A bug is planted in a whole process, so each has one of its own.
#[cfg(planted)]
fn find_all_planted(seeds: &Range<u64>) -> ExitCode {
    let program = std::env::current_exe().expect("a running program knows its file");
    println!("| bug | what goes wrong | seeds needed | found by |\n|---|---|---|---|");
    let mut all_found = true;
    for bug in simulator::planted::BUGS {
        let range = format!("{}..{}", seeds.start, seeds.end);
        let ran = std::process::Command::new(&program)
            .args(["--planted", bug.name, "--seeds", &range, "--json", "--first"])
            .output()
            .expect("this program can be run");
        let summed_up: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap_or_default();
        let first = &summed_up["failures"][0];
        let needed = first["seed"].as_u64().map(|seed| seed - seeds.start + 1);
        all_found &= needed.is_some();
        let needed = needed.map_or("not found".to_owned(), |needed| needed.to_string());
        println!(
            "| {} | {} | {needed} | {} |",
            bug.name,
            bug.what,
            first["invariant"].as_str().unwrap_or("-")
        );
    }
    if all_found { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let ends = text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    let range: Range<u64> = ends.ok_or("write it like 0..1000")?;
    if range.is_empty() {
        Err("there is no seed in it: the second number must be larger".to_owned())
    } else {
        Ok(range)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    #[cfg(planted)]
    match arguments.planted.as_deref() {
        Some("all") => return find_all_planted(&arguments.seeds.unwrap_or(0..PLANTED_SEEDS_MAX)),
        Some(bug) => vocabulary::planted::plant(bug),
        None => {}
    }
    let Arguments { seed, steps, seeds, json, first, .. } = arguments;
    if let (Some(seed), true) = (seed, steps) {
        return match run(seed, &mut Story::new(Telling::All)) {
            Ok(summary) => {
                println!("{}", in_words(&Totals::of(&summary)));
                ExitCode::SUCCESS
            }
            Err(failed) => {
                println!("{}: {}", failed.violation.invariant, failed.violation.told);
                ExitCode::FAILURE
            }
        };
    }
    let seeds = seeds.unwrap_or_else(|| seed.map_or(0..0, |seed| seed..seed + 1));
    let begun = Instant::now();
    let (totals, failures) = run_all(&seeds, if first { 1 } else { FAILURES_MAX });
    if json {
        println!("{}", summed_up(&totals, &failures, begun.elapsed().as_secs_f64()));
    } else {
        failures.iter().for_each(report);
        println!("{}", in_words(&totals));
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[derive(Default)]
struct Totals {
    seeds: u64,
    all: Summary,
}

impl Totals {
    fn of(summary: &Summary) -> Self {
        Self { seeds: 1, all: summary.clone() }
    }

    fn add(&mut self, summary: Summary) {
        self.seeds += 1;
        self.all.simulated_ns += summary.simulated_ns;
        self.all.commands += summary.commands;
        self.all.records += summary.records;
        for (kind, times) in summary.struck {
            *self.all.struck.entry(kind).or_default() += times;
        }
    }

    /// In tenths.
    fn simulated_hours(&self) -> String {
        let tenths = self.all.simulated_ns / 360_000_000_000;
        format!("{}.{}", tenths / 10, tenths % 10)
    }
}

/// Runs them on all processors. Failures come in the order of their seeds.
fn run_all(seeds: &Range<u64>, failures_max: usize) -> (Totals, Vec<Failed>) {
    let style =
        ProgressStyle::with_template("{bar:40} {pos}/{len} histories, {eta} left").expect("a valid template");
    let progress = ProgressBar::new(seeds.end - seeds.start).with_style(style);
    let next = AtomicU64::new(seeds.start);
    let came_to = Mutex::new((Totals::default(), Vec::new()));
    scope(|threads| {
        for _ in 0..available_parallelism().map_or(1, usize::from) {
            threads.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let ended = run(seed, &mut Story::new(Telling::Nothing));
                    let mut came_to = came_to.lock().unwrap_or_else(PoisonError::into_inner);
                    match ended {
                        Ok(summary) => came_to.0.add(summary),
                        Err(failed) => came_to.1.push(failed),
                    }
                    if came_to.1.len() >= failures_max {
                        return;
                    }
                    drop(came_to);
                    progress.inc(1);
                }
            });
        }
    });
    progress.finish_and_clear();
    let (totals, mut failures) = came_to.into_inner().unwrap_or_else(PoisonError::into_inner);
    failures.sort_by_key(|failed| failed.seed);
    (totals, failures)
}

/// What happened before it, and what must not be.
fn report(failed: &Failed) {
    let Failed { seed, violation } = failed;
    println!("seed {seed} at commit {}: {}", commit(), violation.invariant);
    for step in last_steps(*seed, LAST_STEPS) {
        println!("  {}", step.chars().take(600).collect::<String>());
    }
    println!("  {}: {}\n", violation.invariant, violation.told);
}

/// The commit that this runs in, if git knows.
fn commit() -> String {
    let asked = std::process::Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    let known = asked.ok().filter(|output| output.status.success());
    known.map_or("unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn in_words(totals: &Totals) -> String {
    let faults = |struck: &Struck| {
        let kinds: Vec<_> = struck.iter().map(|(kind, times)| format!("{kind} {times}")).collect();
        if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") }
    };
    format!(
        "{} histories sound: {} simulated hours, {} commands, {} records\nfaults: {}",
        totals.seeds,
        totals.simulated_hours(),
        totals.all.commands,
        totals.all.records,
        faults(&totals.all.struck),
    )
}

fn summed_up(totals: &Totals, failures: &[Failed], seconds: f64) -> String {
    let failures: Vec<_> = failures
        .iter()
        .map(|Failed { seed, violation }| {
            json!({"seed": seed, "invariant": violation.invariant, "told": violation.told})
        })
        .collect();
    json!({
        "commit": commit(),
        "seeds": totals.seeds,
        "simulated_hours": totals.simulated_hours(),
        "commands": totals.all.commands,
        "records": totals.all.records,
        "faults": totals.all.struck,
        "failures": failures,
        "seconds": seconds,
    })
    .to_string()
}
