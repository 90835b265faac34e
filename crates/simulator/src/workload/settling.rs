//! Settlement: runs, what custodians miss, calendars and models.

use engine::Command;
use vocabulary::{Amount, Asset, Date, SettlementModel};

use super::market::{days, times};
use super::mix::{Act, Style};
use super::{Asked, Workload};

impl Workload {
    fn in_days(&self, days: u64) -> Date {
        (0..days).fold(self.memory.today(), |day, _| day.next())
    }

    /// Of today, mostly; of a day before or after now and then.
    pub(super) fn process(&mut self) -> Asked {
        let date = match self.dice.below(8) {
            0 => self.memory.today().previous(),
            1 => self.in_days(1),
            2 => self.in_days(2),
            3 => self.in_days(7),
            _ => self.memory.today(),
        };
        self.operate("settle", 0, Command::Settlement(settlement::Command::Process { date }))
    }

    /// Some of what a member must deliver or pay is missing; all of it now and then.
    pub(super) fn shortfall(&mut self) -> Asked {
        let participant = *self.dice.pick(&self.market.participants);
        let shard = self.dice.pick(&self.market.listed).shard;
        let Asset { asset, .. } = *self.dice.pick(&self.market.assets_in(shard));
        let usual = self.market.usual_of(asset);
        let missing = match self.dice.below(6) {
            0 => Amount::ZERO,
            1 => Amount(1),
            2 => times(usual, 1_000_000),
            _ => Amount(times(usual, self.dice.between(1, 40)).0 / 4),
        };
        let command = settlement::Command::RecordShortfall { participant, asset, missing };
        self.operate("shortfall", 0, Command::Settlement(command))
    }

    /// Nothing is missing any more.
    pub(super) fn cover(&mut self) -> Option<Asked> {
        let short: Vec<_> = self.memory.short.iter().copied().collect();
        if short.is_empty() {
            return None;
        }
        let (participant, asset) = *self.dice.pick(&short);
        let command = settlement::Command::RecordShortfall { participant, asset, missing: Amount::ZERO };
        Some(self.operate("cover", 0, Command::Settlement(command)))
    }

    /// Trades, withdrawals, something missing, a run that recycles, the next day, cover, and another run.
    pub(super) fn shortage(&mut self) -> Asked {
        let trades = self.dice.between(1, 4);
        self.plan((0..trades).map(|_| Act::Place(Style::Crossing)));
        self.plan([Act::Withdraw, Act::Shortfall]);
        if self.dice.permille(400) {
            self.plan([Act::Shortfall, Act::Model]);
        }
        self.plan([Act::Process, Act::Place(Style::Crossing)]);
        let tomorrow = self.in_days(1);
        self.plan((0..self.market.shards).map(|shard| Act::OpenDay(shard, tomorrow)));
        if self.dice.permille(600) {
            self.plan([Act::Cover]);
        }
        self.plan([Act::Process]);
        self.place(None, Style::Crossing)
    }

    pub(super) fn calendar(&mut self) -> Asked {
        let calendar = *self.dice.pick(&self.market.calendars);
        let days = days(&mut self.dice, self.memory.today());
        let command = settlement::Command::DefineCalendar { calendar, days };
        self.operate("calendar", 0, Command::Settlement(command))
    }

    pub(super) fn model(&mut self) -> Asked {
        let market = *self.dice.pick(&self.market.markets);
        let model = *self.dice.pick(&[SettlementModel::Gross, SettlementModel::Net]);
        let command = settlement::Command::SetSettlementModel { market, model };
        self.operate("settlement model", 0, Command::Settlement(command))
    }
}
