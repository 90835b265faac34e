//! The threads that long work hangs on: every step of a sweep or of a settlement run carries the correlation id of the
//! request that began it, and the end of a block trade or of an order's flow that of the block trade or order.

use minicbor::{Decode, Encode};
use std::collections::VecDeque;
use vocabulary::CorrelationId;

use crate::command::Command;
use crate::event::Event;
use crate::record::Record;
use crate::{Engine, State};

/// The threads of what is under way.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct Threads {
    #[n(0)]
    run: Option<CorrelationId>,
    /// In the order in which the sweeps take their turns.
    #[n(1)]
    sweeps: VecDeque<CorrelationId>,
}

impl Threads {
    /// Folds in a record.
    #[allow(clippy::wildcard_enum_match_arm, reason = "only beginnings and ends of long work matter")]
    pub(crate) fn follow(&mut self, record: &Record) {
        use settlement::Event as S;
        use trading::Event as T;
        for event in record.events() {
            match event {
                Event::Trading(T::SweepStarted { .. }) => self.sweeps.push_back(record.request.correlation),
                Event::Trading(T::SweepAdvanced { next: None }) => drop(self.sweeps.pop_front()),
                Event::Settlement(S::RunStarted { .. }) => self.run = Some(record.request.correlation),
                Event::Settlement(S::RunCompleted { .. }) => self.run = None,
                _ => {}
            }
        }
    }
}

impl Engine {
    /// The thread of a command that fell due: the one of what it goes on with or ends. Of several that are past their
    /// deadline at once, the first.
    pub fn thread_of(&self, due: &Command) -> Option<CorrelationId> {
        let State { threads, .. } = &self.state;
        if let Command::Trading(trading::Command::ContinueSweep) = due {
            return threads.sweeps.front().copied();
        }
        if let Command::Settlement(settlement::Command::Advance) = due {
            return threads.run;
        }
        if let Command::ExpireDeadlines = due {
            return self.first_past_deadline();
        }
        None
    }

    fn first_past_deadline(&self) -> Option<CorrelationId> {
        let flow = self.state.flows.waiting().next().map(|(order, flow)| (flow.deadline, *order));
        let block = self.state.blocks.first_deadline();
        match (flow, block) {
            (Some(flow), block) if block.is_none_or(|block| flow < block) => {
                self.state.trading.terms(flow.1).map(|terms| terms.correlation)
            }
            (_, Some((_, block))) => self.state.blocks.get(block).map(|block| block.correlation),
            (_, None) => None,
        }
    }
}
