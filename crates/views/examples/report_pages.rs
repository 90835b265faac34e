//! The reports of a made-up day as files, to look at: `cargo run --example report_pages -p views -- DIRECTORY`.

#![allow(clippy::print_stdout)] // Its output is what it is for.

#[path = "../tests/market/mod.rs"]
mod market;

use market::day::a_day;
use market::id;
use std::path::PathBuf;
use views::ViewsWriter;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).ok_or("which directory?")?);
    std::fs::create_dir_all(&dir)?;
    let market = a_day().market;
    let home = tempfile::tempdir()?;
    let mut views = ViewsWriter::open(&home.path().join("views.db"), 0)?;
    views.follow(&market.records)?;
    let snapshot = views.reader(1)?.snapshot()?;
    let hash = "6f2b9c1de07a4b53aa1e6f2b9c1de07a4b53aa1e6f2b9c1de07a4b53aa1e0042";
    let settlement = snapshot.settlement_report(id("2023-02-09"), hash, 1_000)?;
    let state = market.engine.state();
    let exposures = (snapshot.position(), &state.risk.exposures(None, 1_000)[..]);
    let risk = snapshot.risk_report(id("2023-02-07"), hash, exposures, 1_000)?;
    let compliance = snapshot.compliance_report(id("2023-02-07"), hash, 1_000)?;
    for (name, html, csv, json) in [
        (
            "settlement",
            settlement.to_html(),
            settlement.to_csv()?,
            serde_json::to_string_pretty(&settlement)?,
        ),
        ("risk", risk.to_html(), risk.to_csv()?, serde_json::to_string_pretty(&risk)?),
        (
            "compliance",
            compliance.to_html(),
            compliance.to_csv()?,
            serde_json::to_string_pretty(&compliance)?,
        ),
    ] {
        for (suffix, text) in [("html", html), ("csv", csv), ("json", json)] {
            let file = dir.join(format!("{name}.{suffix}"));
            std::fs::write(&file, text)?;
            println!("{}", file.display());
        }
    }
    Ok(())
}
