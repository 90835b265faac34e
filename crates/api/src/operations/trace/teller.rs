//! Events in words, as far as they are about one order.
//!
//! Invariant: of a record that tells of several orders, only what is about this one is told; its owner is not told who
//! was on the other side.

use crate::catalog::Scales;
use crate::decimals::{amount_text, price_text, quantity_text};
use engine::block::{Event as BlockEvent, Leg, Step};
use engine::{Answer, Event, FlowEvent};
use serde_json::Value;
use vocabulary::{OrderId, OrderTerms, Reserved, Side, Trade};

/// Tells of one order.
pub(super) struct Teller {
    pub(super) order: OrderId,
    pub(super) scales: Scales,
}

impl Teller {
    /// The event in words; nothing if it is about something else.
    pub(super) fn tell(&self, event: &Event) -> Option<String> {
        match event {
            Event::Trading(event) => self.trading(event),
            Event::Settlement(event) => self.settlement(event),
            Event::Risk(event) => self.risk(event),
            Event::Compliance(event) => self.compliance(event),
            Event::Flow(event) => self.flow(event),
            Event::Block(event) => self.block(event),
        }
    }

    fn mine(&self, order: OrderId) -> Option<()> {
        (order == self.order).then_some(())
    }

    fn own(&self, terms: &OrderTerms) -> Option<()> {
        self.mine(terms.order)
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "events that are about no order are none of an order's life"
    )]
    fn trading(&self, event: &trading::Event) -> Option<String> {
        use trading::Event as E;
        let Scales { price, quantity, .. } = self.scales;
        let text = match event {
            E::OrderCreated(created) => {
                self.own(&created.terms)?;
                self.created(created)
            }
            E::OrderCleared { order } => {
                self.mine(*order)?;
                "all services agree; an earlier order of the book is still undecided".to_owned()
            }
            E::OrderAccepted { order } => {
                self.mine(*order)?;
                "all services agree".to_owned()
            }
            E::OrderRejected { order, reason, .. } => {
                self.mine(*order)?;
                format!("{}: {}", reason.code, reason.message)
            }
            E::OrderRested { order } => {
                self.mine(*order)?;
                "rests on the book".to_owned()
            }
            E::OrderExecuted(trade) => {
                let side = self.side_of(trade)?;
                let fee = amount_text(trade.side(side).fee, self.scales.amount);
                let (quantity, price) =
                    (quantity_text(trade.quantity, quantity), price_text(trade.price, price));
                format!("{quantity} at {price}, fee {fee}, trade {}", trade.trade)
            }
            E::OrderReduced { order, by, .. } => {
                self.mine(*order)?;
                format!("shrunk by {}", quantity_text(*by, quantity))
            }
            E::OrderCanceled { order, cause, remaining, .. } => {
                self.mine(*order)?;
                let cause = serde_json::to_value(cause).ok();
                let cause = cause.as_ref().and_then(Value::as_str).unwrap_or_default();
                format!("{cause}, {} left", quantity_text(*remaining, quantity))
            }
            E::OrderExpired { order, remaining, .. } => {
                self.mine(*order)?;
                format!("{} left", quantity_text(*remaining, quantity))
            }
            E::ExecutionSettled(side) => {
                self.own(&side.terms)?;
                format!("trade {} is final on {}", side.fill.trade, side.date)
            }
            E::OrderSettled { order } => {
                self.mine(*order)?;
                "every execution is final".to_owned()
            }
            _ => return None,
        };
        Some(text)
    }

    fn created(&self, created: &trading::CreatedOrder) -> String {
        let (terms, scales) = (&created.terms, self.scales);
        let (side, frozen_scale) = match terms.side {
            Side::Buy => ("buy", scales.amount),
            Side::Sell => ("sell", scales.quantity),
        };
        format!(
            "{side} {} {} at {}, {} frozen",
            quantity_text(created.quantity, scales.quantity),
            terms.instrument,
            price_text(created.limit, scales.price),
            amount_text(created.frozen, frozen_scale)
        )
    }

    fn side_of(&self, trade: &Trade) -> Option<Side> {
        [Side::Buy, Side::Sell].into_iter().find(|side| trade.side(*side).order == self.order)
    }

    fn amount(&self, reserved: Reserved) -> String {
        amount_text(vocabulary::Amount(reserved.amount.into()), self.scales.amount)
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "events that are about no order are none of an order's life"
    )]
    fn settlement(&self, event: &settlement::Event) -> Option<String> {
        use settlement::Event as E;
        let text = match event {
            E::QuotaHeld { terms, reserved } => {
                self.own(terms)?;
                format!("clearing quota of {} held", self.amount(*reserved))
            }
            E::ObligationRecorded { obligation } => {
                self.own(&obligation.terms)?;
                format!("trade {} is due on {}", obligation.fill.trade, obligation.date)
            }
            E::QuotaReduced { terms, what, .. } => {
                self.own(terms)?;
                format!("clearing quota of {} given back", self.amount(*what))
            }
            E::QuotaReleased { terms, released, .. } => {
                self.own(terms)?;
                format!("clearing quota of {} given back", self.amount(*released))
            }
            E::TradeSettled { run, buy, sell, .. } => {
                let side = [buy, sell].into_iter().find(|side| side.terms.order == self.order)?;
                format!("run {run} settled trade {}", side.fill.trade)
            }
            E::TradeRecycled { run, trade, buy, sell, to, .. } => {
                self.mine(*buy).or_else(|| self.mine(*sell))?;
                format!("run {run} could not cover trade {trade}; due again on {to}")
            }
            _ => return None,
        };
        Some(text)
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "events that are about no order are none of an order's life"
    )]
    fn risk(&self, event: &risk::Event) -> Option<String> {
        use risk::Event as E;
        let text = match event {
            E::ExposureHeld { terms, reserved } => {
                self.own(terms)?;
                format!("open exposure of {} held", self.amount(*reserved))
            }
            E::ExposureConfirmed { terms, fill } => {
                self.own(terms)?;
                format!("{} of it executed", self.amount(fill.used))
            }
            E::ExposureReduced { terms, what, .. } => {
                self.own(terms)?;
                format!("open exposure of {} given back", self.amount(*what))
            }
            E::ExposureReleased { terms, released, .. } => {
                self.own(terms)?;
                format!("open exposure of {} given back", self.amount(*released))
            }
            E::ExposureSettled { side } => {
                self.own(&side.terms)?;
                format!("trade {} counts no longer", side.fill.trade)
            }
            _ => return None,
        };
        Some(text)
    }

    fn compliance(&self, event: &compliance::Event) -> Option<String> {
        use compliance::Event as E;
        match event {
            E::OrderChecked { terms, policy, reasons, .. } => {
                self.own(terms)?;
                let said: Vec<String> =
                    reasons.iter().map(|reason| format!("{}: {}", reason.code, reason.message)).collect();
                if said.is_empty() {
                    return Some(format!("allowed under policy {policy}"));
                }
                Some(format!("denied under policy {policy}: {}", said.join("; ")))
            }
            E::PolicyActivated { .. } | E::Restricted { .. } | E::Unrestricted { .. } => None,
        }
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "events that are about no order are none of an order's life"
    )]
    fn flow(&self, event: &FlowEvent) -> Option<String> {
        match event {
            FlowEvent::BranchAnswered { order, branch, answer } => {
                self.mine(*order)?;
                let said = match answer {
                    Answer::Yes => "yes".to_owned(),
                    Answer::No(reason) => format!("no, {}", reason.code),
                    Answer::Later => "later".to_owned(),
                };
                Some(format!("{} says {said}", format!("{branch:?}").to_lowercase()))
            }
            FlowEvent::FlowTimedOut { order } => {
                self.mine(*order)?;
                Some("not every service answered in time".to_owned())
            }
            FlowEvent::ProtocolAlarm { order, reason, .. } => {
                self.mine((*order)?)?;
                Some(format!("{}: {}", reason.code, reason.message))
            }
            _ => None,
        }
    }

    /// A block trade has the id of the proposer's order.
    fn block(&self, event: &BlockEvent) -> Option<String> {
        let consented = match event {
            BlockEvent::BlockConsented { order, .. } => self.mine(*order),
            BlockEvent::BlockProposed { .. }
            | BlockEvent::BlockStepDone { .. }
            | BlockEvent::BlockStepFailed { .. }
            | BlockEvent::BlockRefused { .. }
            | BlockEvent::BlockExpired { .. }
            | BlockEvent::BlockStepUndone { .. }
            | BlockEvent::BlockStuck { .. }
            | BlockEvent::BlockRetried { .. }
            | BlockEvent::BlockCompleted { .. } => None,
        };
        consented.or_else(|| self.mine(event.block()))?;
        Some(format!("block trade {}: {}", event.block(), happened(event)))
    }
}

/// What happened to a block trade, in words.
fn happened(event: &BlockEvent) -> String {
    let of = |leg: &Leg, step: &Step| format!("{} of the {}'s leg", step_word(*step), leg_word(*leg));
    match event {
        BlockEvent::BlockProposed { terms, .. } => format!("proposed to {}", terms.counterparty),
        BlockEvent::BlockStepDone { leg, step, .. } => format!("{} is done", of(leg, step)),
        BlockEvent::BlockStepFailed { leg, step, reason, .. } => {
            format!("{} failed, {}: {}", of(leg, step), reason.code, reason.message)
        }
        BlockEvent::BlockConsented { .. } => "the counterparty consents".to_owned(),
        BlockEvent::BlockRefused { account, .. } => format!("refused by {account}"),
        BlockEvent::BlockExpired { .. } => "the counterparty did not consent in time".to_owned(),
        BlockEvent::BlockStepUndone { leg, step, .. } => format!("{} is undone", of(leg, step)),
        BlockEvent::BlockStuck { leg, step, reason, .. } => {
            format!("{} cannot be undone, {}: {}", of(leg, step), reason.code, reason.message)
        }
        BlockEvent::BlockRetried { .. } => "undone again by an operator".to_owned(),
        BlockEvent::BlockCompleted { .. } => "executed".to_owned(),
    }
}

fn step_word(step: Step) -> &'static str {
    match step {
        Step::CreateOrder => "create-order",
        Step::ValidateRisk => "validate-risk",
        Step::ProcessSettlement => "process-settlement",
        Step::ComplianceCheck => "compliance-check",
    }
}

fn leg_word(leg: Leg) -> &'static str {
    match leg {
        Leg::Proposer => "proposer",
        Leg::Counterparty => "counterparty",
    }
}
