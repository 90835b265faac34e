//! The day in its order: definitions, phases, orders and cancels, settlement. Where it is traded is a [`Venue`].

use engine::Command;
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use trading::Phase;

use super::day::{Day, OrderRow};
use super::market::Market;
use super::observer::Sighting;
use crate::cli::Failure;

/// Where a day is traded: a node in this process, or a server.
pub(super) trait Venue {
    /// Has it be that time, in hundredths of a second after midnight, where time can be told.
    fn set_time(&self, hundredths: u32);
    /// Gives a command that has to be taken.
    fn must(&self, command: &Command) -> Result<(), Failure>;
    /// Trades rows of one phase in their sequence, and waits for all answers.
    fn trade(&self, rows: &[OrderRow], fed: &mut Fed, bar: &ProgressBar) -> Result<(), Failure>;
    /// Notes how everything is once nothing is under way any more.
    fn look_at_the_end(&self, fed: &mut Fed) -> Result<(), Failure>;
}

/// What feeding the day came to.
pub(super) struct Fed {
    pub(super) orders: u64,
    pub(super) cancels: u64,
    pub(super) accepted: u64,
    /// Refused orders by code.
    pub(super) refused: BTreeMap<String, Refused>,
    pub(super) cancels_refused: u64,
    pub(super) conserved: bool,
    pub(super) unsettled: u64,
    pub(super) took: Duration,
    pub(super) latency_us: Histogram<u64>,
    pub(super) position: u64,
}

/// Orders refused under one code, and why the first of them was.
pub(super) struct Refused {
    pub(super) orders: u64,
    pub(super) example: String,
}

/// Takes a venue through a day.
pub(super) struct Feeder<'a> {
    pub(super) day: &'a Day,
    pub(super) market: &'a Market,
    pub(super) sighting: &'a Sighting,
    /// Whether no order is sent before all of the minute before are answered. Under the case study's limits the minute of
    /// an order decides whether it is refused, and so every run refuses the same.
    pub(super) by_minute: bool,
}

pub(super) fn failed(why: impl std::fmt::Display) -> Failure {
    Failure::Wrong(why.to_string())
}

impl Feeder<'_> {
    pub(super) fn run(&self, venue: &impl Venue) -> Result<Fed, Failure> {
        for command in self.market.definitions()? {
            venue.must(&command)?;
        }
        let mut fed = Fed {
            orders: 0,
            cancels: 0,
            accepted: 0,
            refused: BTreeMap::new(),
            cancels_refused: 0,
            conserved: false,
            unsettled: 0,
            took: Duration::ZERO,
            latency_us: Histogram::new_with_bounds(1, 60_000_000, 3).map_err(failed)?,
            position: 0,
        };
        let began = Instant::now();
        self.trade(venue, &mut fed)?;
        fed.took = began.elapsed();
        if !self.sighting.differs() {
            let date = self.market.settlement_date();
            venue.must(&Command::Trading(trading::Command::OpenBusinessDay { date }))?;
            venue.must(&Command::Settlement(settlement::Command::Process { date }))?;
        }
        venue.look_at_the_end(&mut fed)?;
        Ok(fed)
    }

    fn trade(&self, venue: &impl Venue, fed: &mut Fed) -> Result<(), Failure> {
        let bar = crate::journal::progress_bar(self.day.orders.len() as u64, "trading");
        let set_phase = |phase| {
            let instrument = self.market.instrument;
            venue.must(&Command::Trading(trading::Command::SetPhase { instrument, phase }))
        };
        let mut phase = Phase::Closed;
        let mut rest = self.day.orders.as_slice();
        while let Some(first) = rest.first().filter(|_| !self.sighting.differs()) {
            if first.phase != phase {
                venue.set_time(first.time);
                phase = first.phase;
                set_phase(phase)?;
            }
            let minute = first.minute();
            let together =
                |row: &&OrderRow| row.phase == phase && (!self.by_minute || row.minute() == minute);
            let rows = rest.iter().take_while(together).count();
            let (now, later) = rest.split_at(rows);
            venue.trade(now, fed, &bar)?;
            rest = later;
        }
        set_phase(Phase::Closed)?;
        bar.finish_and_clear();
        Ok(())
    }
}

impl Fed {
    /// A refusal is its code and its message.
    pub(super) fn count_order(&mut self, refusal: Option<(String, String)>) {
        self.orders += 1;
        match refusal {
            Some((code, example)) => {
                self.refused.entry(code).or_insert(Refused { orders: 0, example }).orders += 1;
            }
            None => self.accepted += 1,
        }
    }

    pub(super) fn count_cancel(&mut self, refused: bool) {
        self.cancels += 1;
        self.cancels_refused += u64::from(refused);
    }
}
