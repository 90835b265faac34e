//! `rialto replay`: a recorded trading day through the whole pipeline, compared with what the exchange published.

mod day;
mod feed;
mod market;
mod node;
mod observer;
mod report;
mod server;

use ::node::NodeConfig;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use vocabulary::Date;

use self::node::NodeVenue;
use crate::cli::Failure;
use crate::embedded;
use day::Day;
use feed::Feeder;
use market::Market;
use observer::{Observer, Sighting};
use report::Summary;
use server::ServerVenue;

/// Options of `rialto replay`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReplayOptions {
    /// Orders as they reached the exchange: CSV, also gzipped (time, phase, action, order, side, price, quantity).
    #[arg(long)]
    orders: PathBuf,
    /// Trades to compare with, in sequence: CSV (time, buy_order, sell_order, price, quantity).
    #[arg(long)]
    expect_trades: Option<PathBuf>,
    /// Book snapshots to compare with: CSV (time, trades, volume, ten levels a side).
    #[arg(long)]
    expect_snapshots: Option<PathBuf>,
    /// How many accounts the orders are spread over.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    accounts: u32,
    /// Whose policy limits hold: high ones set for this market, or the case study's.
    #[arg(long, value_enum, default_value_t = Limits::Market)]
    limits: Limits,
    /// The instrument's symbol.
    #[arg(long, default_value = "600519")]
    instrument: String,
    /// The business day; else the date in the path of the orders, else today.
    #[arg(long)]
    date: Option<Date>,
    /// Where the journal is written and kept; else in a temporary directory that is removed. With --server, the data
    /// directory that holds the key to speak to it.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Trade at this server, which has no market yet, like http://127.0.0.1:7400; one order after another, as each waits
    /// for the answer to the last.
    #[arg(long, value_name = "URL", requires = "data")]
    server: Option<String>,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Limits {
    /// Limits set for this market, so that no order of a normal day is refused.
    Market,
    /// 1,000,000 a single order and 100 orders per user and hour.
    CaseStudy,
}

/// Runs the day.
pub(crate) fn run(options: &ReplayOptions) -> Result<(), Failure> {
    if options.server.is_some() && (options.expect_snapshots.is_some() || options.limits == Limits::CaseStudy)
    {
        return Err(Failure::Misuse(
            "--server compares trades only, and its time cannot be told: leave out --expect-snapshots and --limits case-study"
                .to_owned(),
        ));
    }
    if options.limits == Limits::CaseStudy
        && (options.expect_trades.is_some() || options.expect_snapshots.is_some())
    {
        return Err(Failure::Misuse(
            "--expect-trades and --expect-snapshots need --limits market: under other limits orders are refused".to_owned(),
        ));
    }
    let day = Day::read(options).map_err(|error| Failure::Misuse(format!("{error:#}")))?;
    let market = Market::of(options, &day)?;
    let sighting = Sighting::default();
    let by_minute = options.limits == Limits::CaseStudy;
    let feeder = Feeder { day: &day, market: &market, sighting: &sighting, by_minute };
    let summary = match &options.server {
        Some(server) => over_there(server, &feeder, options)?,
        None => in_this_process(&feeder, options)?,
    };
    report::print(&summary, options)?;
    report::judge(&summary)
}

/// With a node of its own, whose every record is looked at.
fn in_this_process(feeder: &Feeder<'_>, options: &ReplayOptions) -> Result<Summary, Failure> {
    let (data, _temporary) = data_directory(options)?;
    let opened = embedded::open(&data, |_| ()).map_err(|error| Failure::Misuse(format!("{error:#}")))?;
    if opened.recovered().records > 0 || opened.recovered().from_snapshot.is_some() {
        return Err(Failure::Misuse(format!(
            "{} holds a journal already: name an empty directory",
            data.display()
        )));
    }
    let observer = Observer::new(feeder.day, feeder.market, feeder.sighting.clone());
    let clock = feeder.market.clock();
    let node = opened.start(&NodeConfig::default(), Box::new(clock.clone()), vec![Box::new(observer)])?;
    let (market, sighting) = (feeder.market, feeder.sighting);
    let fed = feeder.run(&NodeVenue { node: node.handle(), market, clock, sighting });
    let stopped = node.stop().map_err(Failure::Wrong);
    let summary = report::summarise(&fed?, sighting.findings());
    stopped?;
    Ok(summary)
}

/// Through the API of a server, as anybody else would.
fn over_there(server: &str, feeder: &Feeder<'_>, options: &ReplayOptions) -> Result<Summary, Failure> {
    let keys = options.data.clone().unwrap_or_default();
    let venue = ServerVenue::connect(keys, server, feeder.market)?;
    let fed = feeder.run(&venue)?;
    Ok(report::summarise(&fed, venue.findings(feeder.day)?))
}

fn data_directory(options: &ReplayOptions) -> Result<(PathBuf, Option<tempfile::TempDir>), Failure> {
    if let Some(data) = &options.data {
        return Ok((data.clone(), None));
    }
    let temporary = tempfile::tempdir().map_err(anyhow::Error::from)?;
    Ok((temporary.path().to_owned(), Some(temporary)))
}
