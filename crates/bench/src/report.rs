//! `bench report`: all measurements in one run, written as tables, charts and figures into a folder, beside the machine
//! they were taken on.

use clap::Args;
use serde_json::{Map, Value};
use std::fs;
use std::path::PathBuf;

use crate::chart::{Chart, grouped};
use crate::scaling::{self, Axis};
use crate::table::Table;
use crate::{compare, journal, memory, overload, steady};

/// Options of `bench report`.
#[derive(Args)]
pub(crate) struct ReportOptions {
    /// Where tables, charts and figures are written.
    #[arg(long, default_value = "docs/benchmarks")]
    into: PathBuf,
    /// Measured seconds for each figure.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// For how many seconds the steady rate is kept up.
    #[arg(long, default_value_t = 600)]
    steady_seconds: u64,
}

struct Report {
    into: PathBuf,
    page: String,
    figures: Map<String, Value>,
}

/// Measures everything, with progress on standard error.
pub(crate) fn run(options: &ReportOptions) -> anyhow::Result<()> {
    fs::create_dir_all(&options.into)?;
    let mut report = Report {
        into: options.into.clone(),
        page: format!("# Figures\n\n{}\n", machine()),
        figures: Map::new(),
    };
    let seconds = options.seconds;
    report.add("compare", || Ok(compare::table(&compare::compare(64, 200, seconds, true)?)))?;
    report.add("journal", || Ok(journal::table(&journal::commits(&std::env::temp_dir(), seconds)?)))?;
    report.add_steady(options.steady_seconds)?;
    report.add("overload", || Ok(overload::table(&overload::overload(5, 1_024, seconds)?)))?;
    for axis in Axis::ALL {
        report.add_scaling(axis, seconds)?;
    }
    report.add_memory()
}

impl Report {
    fn add(&mut self, name: &str, measure: impl FnOnce() -> anyhow::Result<Table>) -> anyhow::Result<()> {
        progress(name);
        self.take(name, &measure()?)
    }

    fn take(&mut self, name: &str, table: &Table) -> anyhow::Result<()> {
        self.page.push_str(&format!("\n{}", table.markdown()));
        self.figures.insert(name.to_owned(), table.figures().clone());
        self.save()
    }

    /// What there is so far: a measurement that fails takes none with it.
    fn save(&self) -> anyhow::Result<()> {
        fs::write(self.into.join("figures.md"), &self.page)?;
        fs::write(self.into.join("figures.json"), serde_json::to_string_pretty(&self.figures)? + "\n")?;
        Ok(())
    }

    fn add_steady(&mut self, seconds: u64) -> anyhow::Result<()> {
        progress("steady");
        let steady = steady::steady(10_000, seconds, 256, 30)?;
        self.take("steady", &steady::table(&steady))?;
        let labels: Vec<String> = (0..steady.health.len()).map(|second| second.to_string()).collect();
        let memory = steady.health.iter().map(|health| health.memory_mib).collect();
        self.draw(
            "steady-memory",
            "Memory of the server, MiB, at 10,000 orders/s",
            "seconds",
            &labels,
            memory,
        )?;
        let behind = steady.health.iter().map(|health| health.views_behind).collect();
        self.draw(
            "steady-views",
            "Records that the views are behind, at 10,000 orders/s",
            "seconds",
            &labels,
            behind,
        )
    }

    fn add_scaling(&mut self, axis: Axis, seconds: u64) -> anyhow::Result<()> {
        let along = axis.name();
        progress(along);
        let points = scaling::scale(axis, seconds)?;
        let name = format!("scaling-{}", along.replace(' ', "-"));
        self.take(&name, &scaling::table(axis, &points))?;
        let labels: Vec<String> = points.iter().map(|point| grouped(point.size.into())).collect();
        let rate = points.iter().map(|point| point.per_second).collect();
        self.draw(&format!("{name}-rate"), "Orders a second", along, &labels, rate)?;
        let p99 = points.iter().map(|point| point.p99_us).collect();
        self.draw(&format!("{name}-p99"), "99 of 100 orders are answered within, µs", along, &labels, p99)
    }

    fn add_memory(&mut self) -> anyhow::Result<()> {
        progress("memory");
        let sizes = [10_000, 100_000, 1_000_000];
        let all =
            sizes.iter().map(|&orders| memory::weigh(orders, 10_000)).collect::<anyhow::Result<Vec<_>>>()?;
        self.take("memory", &memory::table(&all))?;
        let labels: Vec<String> = all.iter().map(|one| grouped(one.orders.into())).collect();
        let memory = all.iter().map(|one| one.memory_mib).collect();
        self.draw("memory", "Memory of open orders, MiB", "open orders", &labels, memory)?;
        let restart = all.iter().map(|one| one.restart_from_journal_ms).collect();
        self.draw("restart", "Restart from the journal alone, ms", "records, about", &labels, restart)
    }

    fn draw(
        &mut self,
        name: &str,
        title: &str,
        along: &str,
        labels: &[String],
        values: Vec<u64>,
    ) -> anyhow::Result<()> {
        let chart = Chart { title, along, labels: labels.to_vec(), values };
        fs::write(self.into.join(format!("{name}.svg")), chart.svg())?;
        self.page.push_str(&format!("\n![{title}]({name}.svg)\n"));
        self.save()
    }
}

#[allow(clippy::print_stderr, reason = "long work shows progress")]
fn progress(what: &str) {
    eprintln!("measuring: {what}");
}

/// Processors, memory and system, as the system tells.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, name)| name);
    let processors = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let meminfo = read("/proc/meminfo");
    let memory = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let memory = memory.and_then(|text| text.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    let gib = memory.unwrap_or(0) >> 20;
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{processors} × {model}, {gib} GiB, Linux {}", kernel.trim())
}
