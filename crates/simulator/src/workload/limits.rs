//! What bounds trading: limits, alert shares, kill switches and clearing quotas, close to what orders need.

use engine::Command;
use risk::{Measure, Scope, Switch};
use vocabulary::{Amount, Asset};

use super::market::{Market, times};
use super::mix::{Act, Style};
use super::{Asked, Workload};
use crate::Dice;

/// A limit that some order will meet, or none any more.
pub(super) fn draw(dice: &mut Dice, market: &Market) -> risk::Command {
    let listed = dice.pick(&market.listed);
    let (instrument, quote) = (listed.instrument.instrument, listed.instrument.quote);
    let (notional, quantity) = (market.usual_in(quote), listed.usual_quantity().into());
    let scope = if dice.permille(700) {
        Scope::Account(dice.pick(&market.accounts).account)
    } else {
        Scope::Participant(*dice.pick(&market.participants))
    };
    let (measure, unit, room) = match dice.below(5) {
        0 => (Measure::OrderNotional(quote), notional, dice.between(1, 4)),
        1 => (Measure::OrderQuantity(instrument), quantity, dice.between(1, 4)),
        2 => (Measure::Position(instrument), quantity, dice.between(2, 30)),
        3 => (Measure::GrossExposure(quote), notional, dice.between(3, 60)),
        _ => (Measure::OrderRate, Amount(1), dice.between(2, 20)),
    };
    let limit = match dice.below(20) {
        0 => Some(Amount::ZERO),
        1..=7 => None,
        _ => Some(times(unit, room)),
    };
    risk::Command::SetLimit { scope, measure, limit }
}

/// Shares of a limit, in any order, or none.
pub(super) fn percents(dice: &mut Dice) -> Vec<u8> {
    let count = *dice.pick(&[0, 1, 2, 2, 8]);
    (0..count).map(|_| u8::try_from(dice.between(1, 100)).expect("a percent")).collect()
}

impl Workload {
    pub(super) fn limit(&mut self) -> Asked {
        let command = draw(&mut self.dice, &self.market);
        self.operate("limit", 0, Command::Risk(command))
    }

    pub(super) fn thresholds(&mut self) -> Asked {
        let percents = percents(&mut self.dice);
        self.operate("alert shares", 0, Command::Risk(risk::Command::SetAlertThresholds { percents }))
    }

    /// From nothing to enough; sometimes less than is in use.
    pub(super) fn quota(&mut self) -> Asked {
        let Self { dice, market, .. } = self;
        let participant = *dice.pick(&market.participants);
        let Asset { asset, .. } = *dice.pick(&market.quotes);
        let orders = match dice.below(12) {
            0 => 0,
            1..=4 => dice.between(1, 10),
            5..=7 => dice.between(10, 60),
            _ => dice.between(200, 2_000),
        };
        let quota = times(market.usual_in(asset), orders);
        let command = settlement::Command::SetQuota { participant, asset, quota };
        self.operate("quota", 0, Command::Settlement(command))
    }

    /// A switch is engaged while orders come in, engaged again now and then, and mostly lifted.
    pub(super) fn kill_storm(&mut self) -> Asked {
        let before = self.dice.below(4);
        self.plan((0..before).map(|_| Act::Place(Style::Passive)));
        self.plan([Act::Engage]);
        for _ in 0..self.dice.between(2, 6) {
            let acts =
                [Act::Place(Style::Crossing), Act::CancelLatest, Act::Repeat, Act::Place(Style::Plain)];
            let act = *self.dice.pick(&acts);
            self.plan([act]);
        }
        if self.dice.permille(850) {
            self.plan([Act::Lift, Act::Place(Style::Crossing)]);
        }
        self.place(None, Style::Passive)
    }

    pub(super) fn engage(&mut self) -> Asked {
        let Self { dice, market, .. } = self;
        let switch = match dice.below(5) {
            0 => Switch::All,
            1 => Switch::Participant(*dice.pick(&market.participants)),
            2 => Switch::Instrument(dice.pick(&market.listed).instrument.instrument),
            _ => Switch::Account(dice.pick(&market.accounts).account),
        };
        let reason = (*dice.pick(&["a runaway program", "the member asked", "a drill"])).to_owned();
        self.operate("engage", 0, Command::Risk(risk::Command::EngageKillSwitch { switch, reason }))
    }

    /// The widest switch that may be engaged, mostly.
    pub(super) fn lift(&mut self) -> Option<Asked> {
        let engaged: Vec<_> = self.memory.engaged.iter().copied().collect();
        let widest = *engaged.first()?;
        let switch = if self.dice.permille(600) { widest } else { *self.dice.pick(&engaged) };
        Some(self.operate("lift", 0, Command::Risk(risk::Command::LiftKillSwitch { switch })))
    }
}
