//! A thousand histories, and every one in which something ever was wrong, are sound; and one seed is one history.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use simulator::{Story, Telling, run};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{available_parallelism, scope};

/// Histories in every run of the tests.
const SEEDS: Range<u64> = 0..1_000;
/// Seeds that once failed, each with its story.
const ONCE_FAILED: &str = include_str!("once_failed.txt");

fn once_failed() -> impl Iterator<Item = u64> {
    let lines = ONCE_FAILED.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines.map(|line| {
        let (seed, story) = line.split_once(' ').expect("a seed and its story");
        assert!(!story.trim().is_empty(), "why did seed {seed} fail?");
        seed.parse().expect("a seed is a number")
    })
}

fn all_sound(seeds: &[u64]) {
    let next = AtomicU64::new(0);
    let failures = Mutex::new(Vec::new());
    scope(|threads| {
        for _ in 0..available_parallelism().map_or(1, usize::from) {
            threads.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    if let Err(failed) = run(*seed, &mut Story::new(Telling::Nothing)) {
                        failures.lock().unwrap().push(failed);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "see `cargo run --release -p simulator -- --seed N`: {failures:#?}");
}

#[test]
fn c6_c7_fault_1_to_5_9_13_14_a_thousand_histories_are_sound() {
    all_sound(&SEEDS.collect::<Vec<_>>());
}

#[test]
fn seeds_that_once_failed_are_sound() {
    all_sound(&once_failed().collect::<Vec<_>>());
}

#[test]
fn one_seed_is_one_history() {
    for seed in [3, 7, 11] {
        let told = |_| {
            let mut story = Story::new(Telling::Last(usize::MAX));
            run(seed, &mut story).unwrap();
            story.last().map(str::to_owned).collect::<Vec<_>>()
        };
        let (first, second) = (told(1), told(2));
        assert!(first.len() > 1_000, "a history has some steps");
        assert_eq!(first, second, "seed {seed}");
    }
}

#[test]
fn every_kind_of_fault_strikes() {
    let mut struck = std::collections::BTreeSet::new();
    for seed in 0..60 {
        struck.extend(run(seed, &mut Story::new(Telling::Nothing)).unwrap().struck.into_keys());
    }
    assert_eq!(struck.len(), 18, "{struck:?}");
}
