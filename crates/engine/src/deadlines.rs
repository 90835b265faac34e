//! What falls due without anyone asking: deadlines, long silence, and the next bounded step of long work.

use vocabulary::{Moment, Timestamp, planted};

use crate::Engine;
use crate::command::{Command, Due};
use crate::event::{Event, FlowEvent};
use crate::outbox::UNANSWERED_MAX;

impl Engine {
    /// What there is to do without anyone asking. Costs a few look-ups, however much is waiting.
    ///
    /// Deadlines go first: what is past one is bounded. Then orders are taken out, then let in, then settled.
    pub fn due(&self, now: Timestamp) -> Due {
        let state = &self.state;
        let block = state.blocks.first_deadline().map(|(deadline, _)| deadline);
        let deadlines = [state.flows.next_deadline(), block, state.outbox.next_alert()];
        let next = deadlines.into_iter().flatten().min();
        if next.is_some_and(|deadline| deadline < now) {
            return Due::Now(Command::ExpireDeadlines);
        }
        if state.trading.is_sweeping() {
            return Due::Now(Command::Trading(trading::Command::ContinueSweep));
        }
        if state.flows.next_turn().is_some() {
            return Due::Now(Command::TakeTurns);
        }
        // A run waits while other nodes have not taken in what it has settled.
        if state.settlement.running().is_some() && state.outbox.len() < UNANSWERED_MAX {
            return Due::Now(Command::Settlement(settlement::Command::Advance));
        }
        next.map_or(Due::Never, Due::At)
    }

    pub(crate) fn expire_deadlines(&self, at: Moment, log: &mut Vec<Event>) {
        log.extend(self.state.outbox.alerts(at).map(Event::from));
        self.expire_blocks(at, log);
        for order in self.state.flows.overdue(at, self.setup.step) {
            log.push(FlowEvent::FlowTimedOut { order }.into());
            if planted!("late-yes-accepts") {
                self.accept(order, at, log);
                continue;
            }
            self.reject(order, self.state.flows.reason_at_deadline(order), at, log);
        }
    }
}
