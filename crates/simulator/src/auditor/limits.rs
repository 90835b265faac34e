//! Limits: no order is let in that a quota, a limit, a kill switch, the policy or the restricted list is against, and none
//! is turned away by them without need.
//!
//! Keeps sums of its own from what settlement, risk and compliance recorded, each in its own order, and asks of each yes
//! and no whether it was right. Rules: clearing quotas; limits per account and participant, and alerts at shares of them;
//! kill switches, which also cancel what is open; the policy's limits and the restricted list; an order is accepted with
//! all three yes. Deliberately absent: the protocol of holds, and money.

mod exposure;
mod policy;
mod quota;
mod switches;
#[cfg(test)]
mod tests;

use engine::{Answer, Branch, Command, Context, Event, FlowEvent, Hosts, Message, Outcome, Record};
use std::collections::BTreeMap;
use trading::{CreatedOrder, Event as T, OrderKind};
use vocabulary::{Moment, OrderId, OrderTerms, Quantity, Reserved};

use super::findings::Findings;
use super::{Rule, ShardName, Violation};
use exposure::Exposures;
use policy::Policy;
use quota::Quotas;
use switches::Switches;

/// Quotas, risk limits, alerts, kill switches, policy limits and the restricted list.
#[derive(Debug, Default)]
pub struct Limits {
    orders: BTreeMap<OrderId, Asked>,
    quotas: Quotas,
    exposures: Exposures,
    switches: Switches,
    policy: Policy,
}

/// An order and what was said to it.
#[derive(Debug)]
struct Asked {
    created: CreatedOrder,
    left: Quantity,
    is_closed: bool,
    risk: bool,
    quota: bool,
    compliance: bool,
}

impl Asked {
    fn is_block(&self) -> bool {
        matches!(self.created.kind, OrderKind::Block(_))
    }

    fn is_open(&self) -> bool {
        !self.is_closed && self.left > Quantity::ZERO
    }

    /// What must be held for it: its quantity, and its notional at its own limit.
    fn reserved(&self) -> Reserved {
        let amount = i64::try_from(self.created.notional.0).unwrap_or(i64::MAX);
        Reserved { quantity: self.created.quantity.0, amount }
    }
}

impl Rule for Limits {
    fn recorded(&mut self, shard: ShardName, hosts: Hosts, record: &Record, found: &mut Vec<Violation>) {
        let (found, at) = (&mut Findings::in_record(shard, record, found), record.moment);
        for event in record.events() {
            if !matches!(event, Event::Risk(risk::Event::AlertRaised { .. })) {
                self.exposures.check_alerts(found);
            }
            match event {
                Event::Trading(event) => self.hear_trading(event, found),
                Event::Risk(event) => self.hear_risk(event, at, found),
                Event::Settlement(event) => self.hear_settlement(event, found),
                Event::Compliance(event) => self.hear_compliance(event, at, found),
                Event::Flow(FlowEvent::BranchAnswered { order, branch, answer: Answer::No(reason) }) => {
                    // Where both live together, the branch was asked and said so in this very record.
                    if hosts.has(context(*branch)) {
                        self.check_no(*order, &reason.code, at, found);
                    }
                }
                Event::Flow(_) | Event::Block(_) => {}
            }
        }
        self.exposures.check_alerts(found);
        if let (Some(order), Outcome::Refused(refusal)) = (asked_about(record), &record.outcome) {
            self.check_no(order, refusal.code(), at, found);
        }
    }

    fn ended(&mut self, found: &mut Vec<Violation>) {
        let found = &mut Findings::at_the_end(found);
        for (order, switch) in self.switches.doomed() {
            let is_open = self.orders.get(order).is_some_and(Asked::is_open);
            found.check(!is_open, "kill switch", || {
                format!(
                    "order {order} is open still, and the switch of {switch:?} was engaged after it came in"
                )
            });
        }
    }
}

fn context(branch: Branch) -> Context {
    match branch {
        Branch::Compliance => Context::Compliance,
        Branch::Risk => Context::Risk,
        Branch::Settlement => Context::Settlement,
    }
}

/// The order that a record's message wants a hold for.
fn asked_about(record: &Record) -> Option<OrderId> {
    let Command::Deliver { body, .. } = &record.request.command else { return None };
    if let Message::Risk(risk::Command::Hold { terms, .. })
    | Message::Settlement(settlement::Command::Hold { terms, .. }) = &**body
    {
        return Some(terms.order);
    }
    None
}

impl Limits {
    fn hear_trading(&mut self, event: &T, found: &mut Findings<'_>) {
        match event {
            T::OrderCreated(created) => {
                let asked = Asked {
                    created: (**created).clone(),
                    left: created.quantity,
                    is_closed: false,
                    risk: false,
                    quota: false,
                    compliance: false,
                };
                self.orders.insert(created.terms.order, asked);
            }
            T::OrderAccepted { order } => {
                let yes = self.orders.get(order).map(|asked| (asked.risk, asked.quota, asked.compliance));
                found.check(yes == Some((true, true, true)), "consent", || {
                    format!("order {order} was accepted, and risk, settlement, compliance said {yes:?}")
                });
            }
            T::OrderExecuted(trade) => {
                for side in [&trade.buy, &trade.sell] {
                    self.change(side.order, |asked| asked.left -= trade.quantity);
                }
            }
            T::OrderReduced { order, by, .. } => self.change(*order, |asked| asked.left -= *by),
            T::OrderRejected { order, .. }
            | T::OrderCanceled { order, .. }
            | T::OrderExpired { order, .. } => self.change(*order, |asked| asked.is_closed = true),
            T::AssetDefined(_)
            | T::InstrumentDefined(_)
            | T::ReferencePriceSet { .. }
            | T::ParticipantRegistered { .. }
            | T::AccountOpened { .. }
            | T::Deposited { .. }
            | T::Withdrawn { .. }
            | T::BusinessDayOpened { .. }
            | T::PhaseChanged { .. }
            | T::AuctionUncrossed { .. }
            | T::OrderCleared { .. }
            | T::OrderRested { .. }
            | T::ExecutionSettled(_)
            | T::OrderSettled { .. }
            | T::SweepStarted { .. }
            | T::SweepAdvanced { .. } => {}
        }
    }

    fn change(&mut self, order: OrderId, change: impl FnOnce(&mut Asked)) {
        if let Some(asked) = self.orders.get_mut(&order) {
            change(asked);
        }
    }

    fn hear_risk(&mut self, event: &risk::Event, at: Moment, found: &mut Findings<'_>) {
        use risk::Event as R;
        match event {
            R::LimitSet { scope, measure, limit } => self.exposures.set_limit(*scope, *measure, *limit),
            R::AlertThresholdsSet { percents } => self.exposures.set_thresholds(percents),
            R::KillSwitchEngaged { switch, .. } => {
                let open = self.orders.values().filter(|asked| asked.risk && asked.is_open());
                // Legs of block trades are on no book; a switch stops their execution.
                let open = open.filter(|asked| !asked.is_block()).map(|asked| &asked.created.terms);
                self.switches.engage(*switch, open);
            }
            R::KillSwitchLifted { switch } => self.switches.lift(*switch),
            R::ExposureHeld { terms, reserved } => {
                self.check_asked("risk", terms, *reserved, found);
                if let Some(switch) = self.switches.stopping(terms) {
                    let told = format!("order {} was let in, and {switch:?} is engaged", terms.order);
                    found.tell("kill switch", told);
                }
                self.exposures.hold(terms, *reserved, at, found);
                self.change(terms.order, |asked| asked.risk = true);
            }
            R::ExposureConfirmed { terms, fill } => self.exposures.confirm(terms, fill, found),
            R::ExposureReduced { terms, what, .. } => self.exposures.give_back(terms, *what, found),
            R::ExposureReleased { terms, released, .. } => self.exposures.give_back(terms, *released, found),
            R::ExposureSettled { side } => self.exposures.settle(&side.terms, side.fill.used, found),
            R::AlertRaised { scope, measure, percent, used, limit, correlation } => {
                let alert = exposure::Alert {
                    scope: *scope,
                    measure: *measure,
                    percent: *percent,
                    used: *used,
                    limit: *limit,
                    correlation: *correlation,
                };
                self.exposures.hear_alert(alert, found);
            }
        }
    }

    fn hear_settlement(&mut self, event: &settlement::Event, found: &mut Findings<'_>) {
        if let settlement::Event::QuotaHeld { terms, reserved } = event {
            self.check_asked("settlement", terms, *reserved, found);
            self.change(terms.order, |asked| asked.quota = true);
        }
        self.quotas.hear(event, found);
    }

    fn hear_compliance(&mut self, event: &compliance::Event, at: Moment, found: &mut Findings<'_>) {
        if let compliance::Event::OrderChecked {
            terms,
            user,
            price,
            quantity,
            notional,
            quote_scale,
            allowed,
            ..
        } = event
        {
            let shown = (*user, *price, *quantity, *notional, *quote_scale);
            let right = self.orders.get(&terms.order).map(|asked| {
                let CreatedOrder { user, limit, quantity, notional, quote_scale, .. } = asked.created;
                (user, limit, quantity, notional, quote_scale)
            });
            found.check(right == Some(shown), "consent", || {
                format!("order {} was checked as {shown:?}, and is {right:?}", terms.order)
            });
            self.change(terms.order, |asked| asked.compliance = *allowed);
        }
        self.policy.hear(event, at, found);
    }

    /// What was held for an order is what it asked for.
    fn check_asked(&self, who: &str, terms: &OrderTerms, held: Reserved, found: &mut Findings<'_>) {
        let right = self.orders.get(&terms.order).map(|asked| (asked.created.terms, asked.reserved()));
        found.check(right == Some((*terms, held)), "consent", || {
            format!("{who} holds {held:?} for {terms:?}, and the order is {right:?}")
        });
    }

    /// A limit, a quota or a switch was named against an order: it must be against it.
    fn check_no(&self, order: OrderId, code: &str, at: Moment, found: &mut Findings<'_>) {
        let Some(asked) = self.orders.get(&order) else { return };
        let (terms, reserved) = (&asked.created.terms, asked.reserved());
        let (invariant, is_right) = match code {
            "settlement.quota-exceeded" => ("clearing quota", self.quotas.excess(terms, reserved).is_some()),
            "risk.kill-switch-engaged" => ("kill switch", self.switches.stopping(terms).is_some()),
            "risk.order-notional"
            | "risk.order-quantity"
            | "risk.position"
            | "risk.gross-exposure"
            | "risk.order-rate" => ("risk limits", self.exposures.excess(terms, reserved, at).is_some()),
            _ => return,
        };
        found.check(is_right, invariant, || format!("order {order} was refused for {code} without need"));
    }
}
