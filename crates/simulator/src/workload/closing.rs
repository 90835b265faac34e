//! The end of it all, in order: block trades end, switches are lifted, phases close, what rests goes, and days open and
//! settle until nothing is left to settle.

use engine::block::Refusal as BlockRefusal;
use engine::{Command, Receipt, ReceiptResult, Refusal};
use std::collections::VecDeque;
use trading::{Phase, Scope};
use vocabulary::{Amount, AssetId, Date, OrderId, ParticipantId};

use super::market::Market;
use super::memory::{Memory, Proposed};
use crate::Dice;

/// No closing takes more requests than this, whatever is answered.
const ASKED_MAX: u32 = 600;
/// Business days that open one after another.
const DAYS: u64 = 3;
/// Days until everything is due, whatever calendars say.
const ALL_DUE_DAYS: u64 = 90;

#[derive(Clone, Copy, Debug)]
enum Step {
    EndBlock(Proposed),
    RetryBlock(Proposed),
    Lift(risk::Switch),
    SetPhase(usize, Phase),
    CancelAll(u16),
    Cover(ParticipantId, AssetId),
    OpenDay(u16, Date),
    Process(Date),
}

/// What is still to be asked.
#[derive(Clone, Debug)]
pub(super) struct Closing {
    steps: VecDeque<Step>,
    asked: u32,
    /// Block trades that were asked about, each time.
    ended: Vec<Proposed>,
}

fn after(date: Date, days: u64) -> Date {
    (0..days).fold(date, |date, _| date.next())
}

impl Closing {
    pub(super) fn plan(dice: &mut Dice, market: &Market, memory: &Memory) -> Self {
        let mut steps: VecDeque<Step> = memory.proposed.iter().copied().map(Step::EndBlock).collect();
        if dice.permille(500) {
            steps.extend(memory.engaged.iter().copied().map(Step::Lift));
        }
        for at in 0..market.listed.len() {
            let is_stopped = matches!(memory.phase(at), Phase::OpeningAuction | Phase::Halted);
            if is_stopped && dice.permille(500) {
                steps.push_back(Step::SetPhase(at, Phase::Continuous));
            }
        }
        steps.extend((0..market.listed.len()).map(|at| Step::SetPhase(at, Phase::Closed)));
        // What is good till cancelled outlives the day in some histories.
        if dice.permille(750) {
            steps.extend((0..market.shards).map(Step::CancelAll));
        }
        let today = memory.today();
        steps.push_back(Step::Process(today));
        steps.extend(memory.short.iter().map(|(participant, asset)| Step::Cover(*participant, *asset)));
        for days in 1..=DAYS {
            let day = after(today, days);
            steps.extend((0..market.shards).map(|shard| Step::OpenDay(shard, day)));
            steps.push_back(Step::Process(day));
        }
        steps.push_back(Step::Process(after(today, ALL_DUE_DAYS)));
        Self { steps, asked: 0, ended: Vec::new() }
    }

    /// A label, the shard, and what is asked.
    pub(super) fn next(&mut self, market: &Market) -> Option<(&'static str, u16, Command)> {
        if self.asked == ASKED_MAX {
            return None;
        }
        let step = self.steps.pop_front()?;
        self.asked += 1;
        Some(match step {
            Step::EndBlock(proposed) => {
                self.ended.push(proposed);
                let Proposed { block, account, shard, .. } = proposed;
                ("end block", shard, Command::RefuseBlock { block, account })
            }
            Step::RetryBlock(Proposed { block, shard, .. }) => {
                ("retry block", shard, Command::RetryBlock { block })
            }
            Step::Lift(switch) => ("lift", 0, Command::Risk(risk::Command::LiftKillSwitch { switch })),
            Step::SetPhase(at, phase) => {
                let listed = &market.listed[at];
                let instrument = listed.instrument.instrument;
                let command = trading::Command::SetPhase { instrument, phase };
                ("phase", listed.shard, Command::Trading(command))
            }
            Step::CancelAll(shard) => {
                let command = trading::Command::CancelAll { scope: Scope::All };
                ("cancel all", shard, Command::Trading(command))
            }
            Step::Cover(participant, asset) => {
                let missing = Amount::ZERO;
                let command = settlement::Command::RecordShortfall { participant, asset, missing };
                ("cover", 0, Command::Settlement(command))
            }
            Step::OpenDay(shard, date) => {
                let command = trading::Command::OpenBusinessDay { date };
                ("business day", shard, Command::Trading(command))
            }
            Step::Process(date) => ("settle", 0, Command::Settlement(settlement::Command::Process { date })),
        })
    }

    /// A run that began, or was in the way, is followed by another of that date; a block trade that does not wait for
    /// consent is tried again, a few times.
    pub(super) fn answered(&mut self, command: &Command, receipt: &Receipt) {
        if let Command::Settlement(settlement::Command::Process { date }) = command
            && is_to_repeat(&receipt.result)
        {
            self.steps.push_front(Step::Process(*date));
        }
        if let Command::RefuseBlock { block, .. } = command
            && let ReceiptResult::Refused(Refusal::Block(BlockRefusal::NotAwaitingConsent(_))) =
                receipt.result
        {
            self.try_again(*block);
        }
    }

    fn try_again(&mut self, block: OrderId) {
        let tries: Vec<_> = self.ended.iter().filter(|proposed| proposed.block == block).copied().collect();
        if let [last, ..] = tries[..]
            && tries.len() < 3
        {
            self.steps.push_front(Step::EndBlock(last));
            self.steps.push_front(Step::RetryBlock(last));
        }
    }
}

fn is_to_repeat(result: &ReceiptResult) -> bool {
    use settlement::Refusal::RunInProgress;
    matches!(
        result,
        ReceiptResult::Done { changed: true } | ReceiptResult::Refused(Refusal::Settlement(RunInProgress(_)))
    )
}
