//! What trading has said of an order that its participants must have heard: what it asks for, its numbered parts, and
//! whether it is over (`docs/decisions/0005` and `0006`).

use super::HOLDS;
use crate::auditor::findings::Findings;
use crate::auditor::lives::DEADLINE_NS;
use trading::{CreatedOrder, OrderKind};
use vocabulary::{Amount, Fill, OrderTerms, Quantity, Reserved, Side, Timestamp, Trade};

/// A part of an order's holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Filled(Fill),
    GivenBack(Reserved),
}

impl Part {
    pub(super) fn used(&self) -> Reserved {
        match self {
            Self::Filled(fill) => fill.used,
            Self::GivenBack(what) => *what,
        }
    }
}

/// How far an order is, as its participants see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Undecided,
    Open,
    /// Rejected, executed, cancelled or expired.
    Over,
    /// A leg of a block trade that was turned round: its holds go before it does.
    TurnedRound,
}

pub(super) struct Placed {
    pub(super) created: CreatedOrder,
    pub(super) standing: Standing,
    since: Timestamp,
    remaining: Quantity,
    parts: Vec<Part>,
}

fn reserved(quantity: Quantity, amount: Amount) -> Reserved {
    let amount = i64::try_from(amount.0).expect("an order's notional fits 63 bits");
    Reserved { quantity: quantity.0, amount }
}

impl Placed {
    pub(super) fn new(created: &CreatedOrder, since: Timestamp) -> Self {
        let (standing, parts) = (Standing::Undecided, Vec::new());
        Self { created: created.clone(), standing, since, remaining: created.quantity, parts }
    }

    /// Whether its participants are asked to answer until then. A block trade asks about its legs step by step.
    pub(super) fn is_due(&self, deadline: Timestamp) -> bool {
        self.is_block() || deadline == self.since.plus_ns(DEADLINE_NS)
    }

    pub(super) fn is_block(&self) -> bool {
        matches!(self.created.kind, OrderKind::Block(_))
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// What every participant is asked to hold.
    pub(super) fn asked(&self) -> Reserved {
        reserved(self.created.quantity, self.created.notional)
    }

    /// So much of it at its own limit. Notionals are linear in quantity, because they are exact.
    fn share(&self, quantity: Quantity) -> Reserved {
        let whole = i128::from(self.created.quantity.0).max(1);
        reserved(quantity, Amount(self.created.notional.0 * i128::from(quantity.0) / whole))
    }

    /// What must still be held for it.
    pub(super) fn outstanding(&self) -> Reserved {
        match self.standing {
            Standing::Open | Standing::Undecided => self.share(self.remaining),
            Standing::Over | Standing::TurnedRound => Reserved::default(),
        }
    }

    /// What trading has decided of it so far.
    pub(super) fn standing(&self) -> String {
        format!("is {:?} with {} left", self.standing, self.remaining)
    }

    pub(super) fn may_be_released(&self) -> bool {
        match self.standing {
            Standing::Over | Standing::TurnedRound => true,
            Standing::Undecided | Standing::Open => false,
        }
    }

    pub(super) fn executed(&mut self, trade: &Trade, side: Side) {
        let of = trade.side(side);
        self.parts.push(Part::Filled(Fill {
            trade: trade.trade,
            part: of.part,
            used: reserved(trade.quantity, of.reserved),
            quantity: trade.quantity,
            notional: trade.notional,
            fee: of.fee,
            trade_date: trade.trade_date,
        }));
        self.remaining -= trade.quantity;
        if self.remaining <= Quantity::ZERO {
            self.standing = Standing::Over;
        }
    }

    pub(super) fn reduced(&mut self, by: Quantity) {
        self.parts.push(Part::GivenBack(self.share(by)));
        self.remaining -= by;
    }

    pub(super) fn check_terms(&self, name: &str, terms: &OrderTerms, findings: &mut Findings<'_>) {
        findings.check(*terms == self.created.terms, HOLDS, || {
            format!("{name} hears of {terms:?}, and the order is {:?}", self.created.terms)
        });
    }
}
