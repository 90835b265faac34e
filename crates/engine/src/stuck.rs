//! What does not go on, and what it waits for (C9, S3). Nothing here ends anything: an operator can only try again.

use serde::Serialize;
use vocabulary::{OrderId, Reason, Timestamp};

use crate::State;
use crate::block::{Leg, Stage, Step};
use crate::message::{Context, MessageId};

/// A flow or block trade that has not gone on for long.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StuckFlow {
    /// Which order it is about, if it is about one.
    pub order: Option<OrderId>,
    /// What it waits for.
    pub waits_for: WaitsFor,
    /// Since when.
    pub since: Timestamp,
}

/// What would let it go on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum WaitsFor {
    /// The answer of a context. The message is repeated without an end; `RetryMessage` repeats it at once.
    Answer {
        /// To which message.
        message: MessageId,
        /// Of which context.
        context: Context,
    },
    /// A block trade could not be undone, and its funds are held: `RetryBlock` tries again.
    Operator {
        /// Whose leg.
        leg: Leg,
        /// What could not be undone.
        step: Step,
        /// Why.
        reason: Option<Reason>,
    },
}

impl State {
    /// What has waited since before `before`, block trades first and at most `max` in all.
    pub fn stuck(&self, before: Timestamp, max: usize) -> Vec<StuckFlow> {
        let blocks = self.blocks.iter().filter_map(|(id, block)| match block.stage {
            Stage::Stuck { leg, step } => {
                let waits_for = WaitsFor::Operator { leg, step, reason: block.reason.clone() };
                Some(StuckFlow { order: Some(*id), waits_for, since: block.since })
            }
            Stage::Doing { .. }
            | Stage::AwaitingConsent
            | Stage::Executing
            | Stage::Undoing { .. }
            | Stage::Complete
            | Stage::Undone => None,
        });
        let messages = self.outbox.waiting().map(|(message, unanswered)| {
            let waits_for = WaitsFor::Answer { message: *message, context: unanswered.body.to() };
            StuckFlow { order: unanswered.body.order(), waits_for, since: unanswered.since }
        });
        blocks.chain(messages).filter(|stuck| stuck.since < before).take(max).collect()
    }
}
