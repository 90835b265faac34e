//! `rialto up --demo`: a made-up market whose simulated participants trade, so that every page and report has something
//! in it.
//!
//! First a past day from auction to settlement, with a recycled trade; then a live day that goes on until the process
//! ends. Names, prices and people are invented. It uses the node as any client would, through its handle.

mod cast;
mod dice;
#[cfg(test)]
mod tests;
mod trader;

use engine::{Command, ReceiptResult, Request};
use node::{NodeHandle, Unavailable};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use trading::Phase;
use vocabulary::{Amount, Calendar, CorrelationId, Date, UserId};

use cast::INSTRUMENTS;
use dice::Dice;
use trader::Traders;

/// Orders of the past day, and the pause between two orders of the live one.
const PAST_ORDERS: u32 = 600;
const PAUSE: Duration = Duration::from_millis(40);
/// So often the live day's trades are settled, ahead of their date: else cash and limits would be used up in an hour.
const ORDERS_BETWEEN_SETTLEMENTS: u64 = 3_000;

/// The simulated participants, running.
pub(crate) struct Demo {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Demo {
    /// Sets the stage, plays the past day, and lets the live day begin on a thread of its own. On a market that is
    /// there already, only the live day goes on.
    pub(crate) fn start(node: NodeHandle, today: Date) -> anyhow::Result<Self> {
        let stage = Stage { node, sent: AtomicU64::new(0) };
        let calendar = Calendar::default();
        let live_day = calendar.business_days_after(today, 0);
        let mut dice = Dice::new(20_231_122);
        let opened = stage.business_date()?;
        if opened.is_none() {
            stage.play_past_day(previous_business_day(&calendar, live_day), live_day, &mut dice)?;
        }
        stage.open_live_day(live_day)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("demo".to_owned()).spawn(move || {
            let mut traders = Traders::two_sided();
            let due = calendar.business_days_after(live_day, 1);
            let mut acts = 0..u64::MAX;
            while let Some(act) = acts.next().filter(|_| !stopped.load(Ordering::Relaxed)) {
                if stage.live(act, due, &mut traders, &mut dice).is_err() {
                    return;
                }
                std::thread::sleep(PAUSE);
            }
        })?;
        Ok(Self { stop, thread })
    }

    /// Sends the participants home.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        // A participant that failed has left the market, which is all that is asked of it here.
        drop(self.thread.join());
    }
}

fn previous_business_day(calendar: &Calendar, day: Date) -> Date {
    let mut before = day.previous();
    while !calendar.is_business_day(before) {
        before = before.previous();
    }
    before
}

struct Stage {
    node: NodeHandle,
    sent: AtomicU64,
}

/// Who sends a command, and the command.
pub(crate) type Line = (UserId, Command);

impl Stage {
    fn business_date(&self) -> anyhow::Result<Option<Date>> {
        Ok(self.node.read_blocking(|state| state.trading.business_date())?.1)
    }

    fn play_past_day(&self, past: Date, next: Date, dice: &mut Dice) -> anyhow::Result<()> {
        for line in cast::stage(past) {
            self.must(line)?;
        }
        let mut traders = Traders::one_sided();
        self.set_phases(Phase::OpeningAuction)?;
        self.play(PAST_ORDERS / 6, &mut traders, dice)?;
        self.set_phases(Phase::Continuous)?;
        self.play(PAST_ORDERS / 3 * 2, &mut traders, dice)?;
        self.set_phases(Phase::ClosingAuction)?;
        self.play(PAST_ORDERS / 6, &mut traders, dice)?;
        self.set_phases(Phase::Closed)?;
        self.must(cast::shortfall(Amount(150)))?;
        for date in [past, next] {
            self.must((cast::operator(), Command::Settlement(settlement::Command::Process { date })))?;
            self.wait_for_settlement()?;
        }
        self.must(cast::shortfall(Amount::ZERO))
    }

    /// One moment of the live day. Trades due by `due` are settled now and then.
    fn live(&self, act: u64, due: Date, traders: &mut Traders, dice: &mut Dice) -> Result<(), Unavailable> {
        if dice.once_in(20) {
            self.answer_blocks(dice)?;
            self.flip_switch(dice)?;
        }
        if act % ORDERS_BETWEEN_SETTLEMENTS == ORDERS_BETWEEN_SETTLEMENTS - 1 {
            let settle = settlement::Command::Process { date: due };
            self.try_send((cast::operator(), Command::Settlement(settle)))?;
        }
        self.try_send(traders.next(dice))
    }

    /// The operator pauses an account now and then, and soon lets it go on.
    fn flip_switch(&self, dice: &mut Dice) -> Result<(), Unavailable> {
        let switch = cast::pausing();
        let command = if self.node.read_blocking(move |state| state.risk.is_engaged(&switch))?.1 {
            dice.once_in(5).then_some(risk::Command::LiftKillSwitch { switch })
        } else {
            let reason = "the member asked for a pause".to_owned();
            dice.once_in(45).then_some(risk::Command::EngageKillSwitch { switch, reason })
        };
        command.map_or(Ok(()), |command| self.try_send((cast::operator(), Command::Risk(command))))
    }

    fn open_live_day(&self, day: Date) -> anyhow::Result<()> {
        self.must((cast::operator(), Command::Trading(trading::Command::OpenBusinessDay { date: day })))?;
        for instrument in INSTRUMENTS {
            let id = instrument.id();
            let (_, phase) = self.node.read_blocking(move |state| state.trading.phase(id))?;
            if phase == Some(Phase::Closed) {
                let open = trading::Command::SetPhase { instrument: id, phase: Phase::Continuous };
                self.must((cast::operator(), Command::Trading(open)))?;
            }
        }
        Ok(())
    }

    fn set_phases(&self, phase: Phase) -> anyhow::Result<()> {
        for instrument in INSTRUMENTS {
            let set = trading::Command::SetPhase { instrument: instrument.id(), phase };
            self.must((cast::operator(), Command::Trading(set)))?;
        }
        Ok(())
    }

    fn play(&self, orders: u32, traders: &mut Traders, dice: &mut Dice) -> anyhow::Result<()> {
        for _ in 0..orders {
            self.try_send(traders.next(dice))?;
        }
        Ok(self.answer_blocks(dice)?)
    }

    /// Counterparties of block trades mostly agree, sometimes refuse, and sometimes let the time run out.
    fn answer_blocks(&self, dice: &mut Dice) -> Result<(), Unavailable> {
        let waiting = |state: &engine::State| -> Vec<_> {
            let waits = |block: &engine::block::Block| block.stage == engine::block::Stage::AwaitingConsent;
            let blocks = state.blocks.iter().filter(|(_, block)| waits(block));
            blocks.map(|(id, block)| (*id, block.terms.counterparty)).take(10).collect()
        };
        for (block, account) in self.node.read_blocking(waiting)?.1 {
            let user = cast::owner(&account.to_string());
            match dice.below(8) {
                0 => self.try_send((user, Command::RefuseBlock { block, account }))?,
                1..=4 => self.try_send((user, Command::ConsentBlock { block, account, user }))?,
                _ => {}
            }
        }
        Ok(())
    }

    fn wait_for_settlement(&self) -> anyhow::Result<()> {
        while self.node.read_blocking(|state| state.settlement.running().is_some())?.1 {
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Sends a line whose refusal would be a mistake in the play.
    fn must(&self, line: Line) -> anyhow::Result<()> {
        match self.send(line)? {
            ReceiptResult::Refused(refusal) => anyhow::bail!("the demo was refused: {refusal}"),
            ReceiptResult::Done { .. } | ReceiptResult::Order(_) | ReceiptResult::Answered(_) => Ok(()),
        }
    }

    /// Sends a line that may be refused, as orders of people are.
    fn try_send(&self, line: Line) -> Result<(), Unavailable> {
        match self.send(line) {
            Ok(_) | Err(Unavailable::Overloaded { .. }) => Ok(()),
            Err(gone) => Err(gone),
        }
    }

    fn send(&self, (actor, command): Line) -> Result<ReceiptResult, Unavailable> {
        let number = self.sent.fetch_add(1, Ordering::Relaxed) + 1;
        let thread = u128::from(self.node.durable_position()) << 64 | u128::from(number);
        let request = Request { command_id: None, correlation: CorrelationId(thread), actor, command };
        Ok(self.node.submit_blocking(request)?.result)
    }
}
