//! Events of the order flow and of block trades.

use super::Told;
use crate::schema::{self, event::What};
use crate::words::word;
use ::engine::block::{Event as BlockEvent, Leg, Step};
use ::engine::{Answer, FlowEvent};
use vocabulary::{OrderId, Reason};

/// None for the bookkeeping of messages between services.
pub(super) fn tell(event: &FlowEvent) -> Option<Told> {
    match event {
        FlowEvent::BranchAnswered { order, branch, answer } => Some(Told::of(
            order,
            What::BranchAnswered(schema::BranchAnswered {
                order_id: order.0,
                branch: word(branch),
                allowed: *answer == Answer::Yes,
                reason: reason_of(answer).map(Into::into),
            }),
        )),
        FlowEvent::FlowTimedOut { order } => {
            Some(Told::of(order, What::FlowTimedOut(schema::FlowTimedOut { order_id: order.0 })))
        }
        FlowEvent::ProtocolAlarm { context, order, reason } => Some(Told::of(
            order.map(|order| order.to_string()).unwrap_or_default(),
            What::ProtocolAlarm(schema::ProtocolAlarm {
                service: context.to_string(),
                order_id: order.map(|order| order.0),
                reason: Some(reason.into()),
            }),
        )),
        FlowEvent::MessageAnswered { .. }
        | FlowEvent::MessagesUnanswered { .. }
        | FlowEvent::MessageRetried { .. }
        | FlowEvent::MessageDeferred { .. } => None,
    }
}

fn reason_of(answer: &Answer) -> Option<&Reason> {
    match answer {
        Answer::No(reason) => Some(reason),
        Answer::Yes | Answer::Later => None,
    }
}

pub(super) fn tell_of_block(event: &BlockEvent) -> Told {
    let only = |block: &OrderId| schema::Block { block_id: block.0 };
    let what = match event {
        BlockEvent::BlockProposed { block, terms, deadline, correlation } => {
            let what = What::BlockProposed(schema::BlockProposed {
                block_id: block.0,
                account: terms.account.to_string(),
                counterparty: terms.counterparty.to_string(),
                instrument: terms.instrument.to_string(),
                side: word(terms.side),
                price: terms.price.0,
                quantity: terms.quantity.0,
                user: terms.user.to_string(),
                deadline_ns: deadline.0,
            });
            return Told::of(block, what).on(*correlation);
        }
        BlockEvent::BlockStepDone { block, leg, step } => {
            What::BlockStepDone(step_of(*block, *leg, *step, None))
        }
        BlockEvent::BlockStepFailed { block, leg, step, reason } => {
            What::BlockStepFailed(step_of(*block, *leg, *step, Some(reason)))
        }
        BlockEvent::BlockConsented { block, order, user } => What::BlockConsented(schema::BlockConsented {
            block_id: block.0,
            order_id: order.0,
            user: user.to_string(),
        }),
        BlockEvent::BlockRefused { block, account } => {
            What::BlockRefused(schema::BlockRefused { block_id: block.0, account: account.to_string() })
        }
        BlockEvent::BlockExpired { block } => What::BlockExpired(only(block)),
        BlockEvent::BlockStepUndone { block, leg, step } => {
            What::BlockStepUndone(step_of(*block, *leg, *step, None))
        }
        BlockEvent::BlockStuck { block, leg, step, reason } => {
            What::BlockStuck(step_of(*block, *leg, *step, Some(reason)))
        }
        BlockEvent::BlockRetried { block } => What::BlockRetried(only(block)),
        BlockEvent::BlockCompleted { block } => What::BlockCompleted(only(block)),
    };
    Told::of(event.block(), what)
}

fn step_of(block: OrderId, leg: Leg, step: Step, reason: Option<&Reason>) -> schema::BlockStep {
    schema::BlockStep { block_id: block.0, leg: word(leg), step: word(step), reason: reason.map(Into::into) }
}
