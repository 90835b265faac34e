//! The trading day: phases, auctions, halts, reference prices, and the next business day.

use engine::Command;
use trading::Phase;
use vocabulary::Date;

use super::market::{around, index};
use super::mix::{Act, Style};
use super::{Asked, Workload};

const PHASES: [Phase; 5] =
    [Phase::Closed, Phase::OpeningAuction, Phase::Continuous, Phase::Halted, Phase::ClosingAuction];

impl Workload {
    pub(super) fn set_phase(&mut self, at: usize, phase: Phase) -> Asked {
        let listed = &self.market.listed[at];
        let (shard, instrument) = (listed.shard, listed.instrument.instrument);
        self.operate("phase", shard, Command::Trading(trading::Command::SetPhase { instrument, phase }))
    }

    /// One that may follow, mostly.
    pub(super) fn move_phase(&mut self) -> Asked {
        use Phase as P;
        let at = index(&mut self.dice, self.market.listed.len());
        let next: &[Phase] = match self.memory.phase(at) {
            P::Closed => &[P::OpeningAuction, P::Continuous],
            P::OpeningAuction => &[P::Continuous, P::Continuous, P::Halted, P::Closed],
            P::Continuous => &[P::Halted, P::ClosingAuction, P::Closed],
            P::Halted => &[P::Continuous, P::Continuous, P::OpeningAuction, P::ClosingAuction, P::Closed],
            P::ClosingAuction => &[P::Closed, P::Closed, P::Halted],
        };
        let phase = if self.dice.permille(60) { *self.dice.pick(&PHASES) } else { *self.dice.pick(next) };
        self.set_phase(at, phase)
    }

    /// Continuous trading where nothing trades.
    pub(super) fn reopen(&mut self) -> Option<Asked> {
        let all = 0..self.market.listed.len();
        let shut: Vec<_> = all.filter(|at| self.memory.phase(*at) != Phase::Continuous).collect();
        if shut.is_empty() {
            return None;
        }
        let at = *self.dice.pick(&shut);
        if self.memory.phase(at) == Phase::ClosingAuction {
            self.plan([Act::SetPhase(at, Phase::Continuous)]);
            return Some(self.set_phase(at, Phase::Closed));
        }
        Some(self.set_phase(at, Phase::Continuous))
    }

    /// Orders collect on both sides of the end of an auction, some are taken back, and there may be a halt in between.
    pub(super) fn auction(&mut self) -> Asked {
        let at = index(&mut self.dice, self.market.listed.len());
        let (before, during, after) = match self.memory.phase(at) {
            Phase::Closed | Phase::OpeningAuction => (None, Phase::OpeningAuction, Phase::Continuous),
            Phase::Continuous => (Some(Phase::Continuous), Phase::ClosingAuction, Phase::Closed),
            Phase::Halted | Phase::ClosingAuction => (None, Phase::ClosingAuction, Phase::Closed),
        };
        if before.is_some() && self.dice.permille(500) {
            self.plan([Act::PlaceIn(at, Style::Crossing), Act::PlaceIn(at, Style::AtOnce)]);
        }
        self.plan([Act::SetPhase(at, during)]);
        self.collect(at);
        if self.dice.permille(250) {
            self.plan([Act::SetPhase(at, Phase::Halted), Act::PlaceIn(at, Style::Plain), Act::Cancel]);
            self.plan([Act::SetPhase(at, during), Act::PlaceIn(at, Style::Crossing)]);
        }
        self.plan([Act::SetPhase(at, after), Act::PlaceIn(at, Style::Crossing)]);
        if after == Phase::Closed && self.dice.permille(700) {
            let next = *self.dice.pick(&[Phase::Continuous, Phase::OpeningAuction]);
            self.plan([Act::SetPhase(at, next)]);
        }
        self.place(Some(at), Style::Crossing)
    }

    fn collect(&mut self, at: usize) {
        for _ in 0..self.dice.between(3, 12) {
            let act = match self.dice.below(12) {
                0 => Act::Cancel,
                1 => Act::Replace,
                2 => Act::PlaceIn(at, Style::Edge),
                3 => Act::PlaceIn(at, Style::AtOnce),
                _ => Act::PlaceIn(at, Style::Crossing),
            };
            self.plan([act]);
        }
    }

    /// A halt first, mostly, because otherwise none is taken.
    pub(super) fn reference(&mut self) -> Asked {
        let at = index(&mut self.dice, self.market.listed.len());
        let is_taken = matches!(self.memory.phase(at), Phase::Closed | Phase::Halted);
        if is_taken || self.dice.permille(200) {
            return self.reference_of(at);
        }
        self.plan([Act::ReferenceOf(at), Act::SetPhase(at, Phase::Continuous)]);
        self.set_phase(at, Phase::Halted)
    }

    pub(super) fn reference_of(&mut self, at: usize) -> Asked {
        let listed = &self.market.listed[at];
        let (shard, instrument) = (listed.shard, listed.instrument.instrument);
        let price = listed.price_at(around(&mut self.dice, 3));
        let command = trading::Command::SetReferencePrice { instrument, price };
        self.operate("reference price", shard, Command::Trading(command))
    }

    pub(super) fn open_day(&mut self, shard: u16, date: Date) -> Asked {
        self.operate("business day", shard, Command::Trading(trading::Command::OpenBusinessDay { date }))
    }

    /// Some instruments close, the next day opens in one shard after another, and what is due is settled.
    pub(super) fn next_day(&mut self) -> Asked {
        let closing: Vec<_> = (0..self.market.listed.len()).filter(|_| self.dice.permille(500)).collect();
        self.plan(closing.iter().map(|at| Act::SetPhase(*at, Phase::Closed)));
        let days = *self.dice.pick(&[1, 1, 1, 3]);
        let date = (0..days).fold(self.memory.today(), |day, _| day.next());
        let first = index(&mut self.dice, usize::from(self.market.shards));
        let shards: Vec<u16> = (0..self.market.shards).collect();
        let (late, early) = shards.split_at(first);
        self.plan(early.iter().chain(late).map(|shard| Act::OpenDay(*shard, date)));
        if self.dice.permille(700) {
            self.plan([Act::Process]);
        }
        self.plan(closing.iter().map(|at| Act::SetPhase(*at, Phase::Continuous)));
        self.place(None, Style::Crossing)
    }
}
