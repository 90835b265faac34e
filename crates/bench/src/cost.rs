//! What a process costs: processor time and context switches by kind of thread, and memory, as the system accounts for
//! them.
//!
//! Processor time is a better judge of a change than a rate on a machine that has other things to do.

use crate::table::micros;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What the threads of one kind have used so far.
#[derive(Clone, Copy, Default)]
struct Used {
    cpu_ns: u64,
    switches: u64,
}

/// What a process has used so far.
#[derive(Default)]
pub(crate) struct Usage(BTreeMap<String, Used>);

/// What the threads of one kind used for one operation.
#[derive(Serialize)]
pub(crate) struct ThreadCost {
    pub(crate) threads: String,
    /// Processor time, in nanoseconds.
    pub(crate) cpu_ns: u64,
    /// Context switches, in thousandths.
    pub(crate) switches_thousandths: u64,
}

/// What an operation cost, by kind of thread, in microseconds.
pub(crate) fn by_thread(cost: &[ThreadCost]) -> String {
    let one = |cost: &ThreadCost| format!("{} {}", cost.threads, micros(cost.cpu_ns));
    cost.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// What the process has used until now. Threads that have ended are left out.
///
/// # Errors
/// When the system does not tell, as when there is no such process.
pub(crate) fn usage(process: u32) -> anyhow::Result<Usage> {
    let mut usage = Usage::default();
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let task = task?.path();
        // A thread may end while it is looked at.
        if let Some((name, used)) = thread(&task) {
            let sum = usage.0.entry(name).or_default();
            sum.cpu_ns += used.cpu_ns;
            sum.switches += used.switches;
        }
    }
    Ok(usage)
}

/// The processes that a process has started.
///
/// # Errors
/// As [`usage`].
pub(crate) fn children(process: u32) -> anyhow::Result<Vec<u32>> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"))?;
    Ok(children.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
}

fn thread(task: &Path) -> Option<(String, Used)> {
    let read = |name: &str| fs::read_to_string(task.join(name)).ok();
    let name = read("comm")?.trim().to_owned();
    let cpu_ns = read("schedstat")?.split_whitespace().next()?.parse().ok()?;
    let status = read("status")?;
    let switches = status.lines().filter_map(|line| line.split_once("_ctxt_switches:"));
    let switches = switches.filter_map(|(_, count)| count.trim().parse::<u64>().ok()).sum();
    Some((name, Used { cpu_ns, switches }))
}

/// How much memory of the process is in use, in bytes.
///
/// # Errors
/// As [`usage`].
pub(crate) fn resident(process: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    Ok(kib.ok_or_else(|| anyhow::anyhow!("the system does not tell the memory of process {process}"))? * 1024)
}

impl Usage {
    /// Adds what another process has used.
    pub(crate) fn add(&mut self, other: &Self) {
        for (name, used) in &other.0 {
            let sum = self.0.entry(name.clone()).or_default();
            sum.cpu_ns += used.cpu_ns;
            sum.switches += used.switches;
        }
    }

    /// What each of `operations` since `before` used, by kind of thread, the dearest first.
    pub(crate) fn per_operation(&self, before: &Self, operations: u64) -> Vec<ThreadCost> {
        let operations = operations.max(1);
        let mut costs: Vec<ThreadCost> = self
            .0
            .iter()
            .map(|(name, used)| {
                let before = before.0.get(name).copied().unwrap_or_default();
                ThreadCost {
                    threads: name.clone(),
                    cpu_ns: used.cpu_ns.saturating_sub(before.cpu_ns) / operations,
                    switches_thousandths: used.switches.saturating_sub(before.switches) * 1_000 / operations,
                }
            })
            .filter(|cost| cost.cpu_ns >= 10)
            .collect();
        costs.sort_by_key(|cost| std::cmp::Reverse(cost.cpu_ns));
        costs
    }
}
