//! Block trades, stage by stage.
//!
//! Invariant: the stage of a row is what the saga's own transition table makes of its events.

use engine::block::{Event, Leg, ProposeBlock, Stage, Step};
use rusqlite::{OptionalExtension, params};
use std::borrow::Cow;
use vocabulary::{AccountId, CorrelationId, OrderId, Reason, Timestamp};

use crate::batch::Batch;
use crate::columns::{stored, thread};
use crate::error::ViewsError;
use crate::words;

impl<'a> Batch<'a> {
    pub(crate) fn fold_block(&mut self, event: &'a Event) -> Result<(), ViewsError> {
        let block = event.block();
        // The proposer's leg is the order of the same id.
        self.touch(block);
        if let Event::BlockProposed { terms, deadline, correlation, .. } = event {
            self.propose(block, terms, *deadline, *correlation)?;
            let first = Stage::Doing { leg: Leg::Proposer, step: Step::CreateOrder };
            return self.enter(block, first, None);
        }
        let (stage, counter_order, proposer) = self.stage_of(block)?;
        counter_order.iter().for_each(|order| self.touch(*order));
        let next = stage.after(event).map_err(|illegal| self.misfit(format!("{illegal:?}")))?;
        if let Event::BlockConsented { order, user, .. } = event {
            self.touch(*order);
            self.run(
                "UPDATE blocks SET counter_order = ?, counter_user = ? WHERE block = ?",
                params![stored(order.0), user.0.as_str(), stored(block.0)],
            )?;
        }
        self.enter(block, next, reason_in(event, proposer).as_deref())
    }

    /// Where it is, the counterparty's order, and the proposer's account.
    fn stage_of(&self, block: OrderId) -> Result<(Stage, Option<OrderId>, AccountId), ViewsError> {
        type Found = (String, Option<String>, Option<String>, Option<i64>, String);
        let found: Option<Found> = self
            .connection
            .prepare_cached("SELECT stage, leg, step, counter_order, account FROM blocks WHERE block = ?")?
            .query_row([stored(block.0)], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })
            .optional()?;
        let stage = found.and_then(|(word, leg, step, order, account)| {
            let stage = words::read_stage(&word, leg.as_deref(), step.as_deref())?;
            Some((stage, order.map(|order| OrderId(order.cast_unsigned())), account.parse().ok()?))
        });
        stage.ok_or_else(|| self.misfit(format!("block trade {block} is unknown")))
    }

    fn propose(
        &self,
        block: OrderId,
        terms: &ProposeBlock,
        deadline: Timestamp,
        correlation: CorrelationId,
    ) -> Result<(), ViewsError> {
        let at = (self.at.position(), self.at.time());
        self.run(
            "INSERT INTO blocks (block, account, counterparty, instrument, side, price, quantity, user, deadline,
                correlation, stage, position, time, moved_position, moved_time)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'doing', ?, ?, ?, ?)",
            params![
                stored(block.0),
                terms.account.0.as_str(),
                terms.counterparty.0.as_str(),
                terms.instrument.0.as_str(),
                words::side(terms.side),
                terms.price.0,
                terms.quantity.0,
                terms.user.0.as_str(),
                stored(deadline.0),
                thread(correlation),
                at.0,
                at.1,
                at.0,
                at.1
            ],
        )
    }

    fn enter(&self, block: OrderId, stage: Stage, reason: Option<&Reason>) -> Result<(), ViewsError> {
        let (word, leg, step) = words::stage(stage);
        let (code, message) = (reason.map(|reason| &reason.code), reason.map(|reason| &reason.message));
        let (position, time) = (self.at.position(), self.at.time());
        self.run(
            "UPDATE blocks SET stage = ?, leg = ?, step = ?, code = coalesce(?, code),
                message = coalesce(?, message), moved_position = ?, moved_time = ? WHERE block = ?",
            params![word, leg, step, code, message, position, time, stored(block.0)],
        )?;
        self.run(
            "INSERT INTO block_stages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![stored(block.0), position, self.at.number(), time, word, leg, step, code, message],
        )
    }
}

/// Why the block trade was turned round, if it was.
fn reason_in(event: &Event, proposer: AccountId) -> Option<Cow<'_, Reason>> {
    let own = |code: &str, message: String| Some(Cow::Owned(Reason { code: code.to_owned(), message }));
    match event {
        Event::BlockStepFailed { reason, .. } | Event::BlockStuck { reason, .. } => {
            Some(Cow::Borrowed(reason))
        }
        Event::BlockRefused { account, .. } if *account == proposer => {
            own("block.withdrawn", format!("the proposer's account {account} took it back"))
        }
        Event::BlockRefused { account, .. } => {
            own("block.refused", format!("the counterparty's account {account} refused it"))
        }
        Event::BlockExpired { .. } => {
            own("block.expired", "the counterparty did not consent in time".to_owned())
        }
        Event::BlockProposed { .. }
        | Event::BlockStepDone { .. }
        | Event::BlockConsented { .. }
        | Event::BlockStepUndone { .. }
        | Event::BlockRetried { .. }
        | Event::BlockCompleted { .. } => None,
    }
}
