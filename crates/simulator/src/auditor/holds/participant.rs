//! The holds of one participant, risk or settlement, as its events tell (B2 to B8, B10).
//!
//! Invariant that it finds broken: held = confirmed + given back + outstanding, part by part in the order of the parts,
//! nothing before a hold but the release that refuses it, and nothing after a release. Absent on purpose: limits and
//! quotas, and what is unsettled.

use super::HOLDS;
use super::placed::{Part, Placed};
use crate::auditor::findings::Findings;
use std::collections::BTreeMap;
use vocabulary::{OrderId, OrderTerms, Reserved};

/// What became of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Its last part was confirmed or given back.
    Used,
    Released,
}

#[derive(Clone, Copy, Debug)]
struct Hold {
    /// None: its release came first.
    held: Option<Reserved>,
    outstanding: Reserved,
    parts: usize,
    end: Option<End>,
}

pub(super) struct Participant {
    name: &'static str,
    holds: BTreeMap<OrderId, Hold>,
}

/// The difference, if nothing of it is negative.
fn less(from: Reserved, what: Reserved) -> Option<Reserved> {
    let quantity =
        from.quantity.checked_sub(what.quantity).filter(|rest| *rest >= 0 && what.quantity >= 0)?;
    let amount = from.amount.checked_sub(what.amount).filter(|rest| *rest >= 0 && what.amount >= 0)?;
    Some(Reserved { quantity, amount })
}

impl Participant {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, holds: BTreeMap::new() }
    }

    /// Whether it holds something for the order, or has held it.
    pub(super) fn has_held(&self, order: OrderId) -> bool {
        self.holds.get(&order).is_some_and(|hold| hold.held.is_some())
    }

    /// Whether nothing can be held any more.
    pub(super) fn is_over(&self, order: OrderId) -> bool {
        self.holds.get(&order).is_some_and(|hold| hold.end.is_some())
    }

    /// Whether anything is still held.
    pub(super) fn holds(&self, order: OrderId) -> bool {
        self.holds.get(&order).is_some_and(|hold| hold.outstanding != Reserved::default())
    }

    pub(super) fn held(
        &mut self,
        (terms, reserved): (&OrderTerms, Reserved),
        placed: &Placed,
        findings: &mut Findings<'_>,
    ) {
        let (name, order) = (self.name, terms.order);
        placed.check_terms(name, terms, findings);
        findings.check(reserved == placed.asked(), HOLDS, || {
            format!("{name} holds {reserved:?} for order {order}, which asks {:?}", placed.asked())
        });
        match self.holds.get(&order) {
            Some(hold) => {
                findings.tell(HOLDS, format!("{name} holds for order {order}, and there is {hold:?}"))
            }
            None => {
                let hold = Hold { held: Some(reserved), outstanding: reserved, parts: 0, end: None };
                self.holds.insert(order, hold);
            }
        }
    }

    /// A part was confirmed, or given back while the order goes on: the next one, as trading has told it.
    pub(super) fn part(
        &mut self,
        terms: &OrderTerms,
        (number, part): (u32, Part),
        placed: &Placed,
        findings: &mut Findings<'_>,
    ) {
        let (name, order) = (self.name, terms.order);
        placed.check_terms(name, terms, findings);
        let told = usize::try_from(number).ok().and_then(|number| placed.parts().get(number));
        findings.check(told == Some(&part), HOLDS, || {
            format!("{name} takes part {number} of order {order}, {part:?}, and trading has told {told:?}")
        });
        let Some(hold) = self.holds.get_mut(&order).filter(|hold| hold.held.is_some() && hold.end.is_none())
        else {
            let hold = self.holds.get(&order);
            return findings.tell(HOLDS, format!("{name} takes part {number} of order {order}, of {hold:?}"));
        };
        findings.check(u32::try_from(hold.parts) == Ok(number), HOLDS, || {
            format!("{name} takes part {number} of order {order} after {} parts", hold.parts)
        });
        hold.parts += 1;
        match less(hold.outstanding, part.used()) {
            Some(rest) => hold.outstanding = rest,
            None => findings.tell(HOLDS, format!("{name} takes {part:?} of order {order}'s {hold:?}")),
        }
        if hold.outstanding == Reserved::default() {
            hold.end = Some(End::Used);
        }
    }

    /// The rest was given back, or the release came first.
    pub(super) fn released(
        &mut self,
        (terms, released): (&OrderTerms, Reserved),
        placed: &Placed,
        findings: &mut Findings<'_>,
    ) {
        let (name, order) = (self.name, terms.order);
        placed.check_terms(name, terms, findings);
        findings.check(placed.may_be_released(), HOLDS, || {
            format!("{name} releases {released:?} of order {order}, which {}", placed.standing())
        });
        let nothing = Hold { held: None, outstanding: Reserved::default(), parts: 0, end: None };
        let hold = self.holds.entry(order).or_insert(nothing);
        let is_right =
            hold.end.is_none() && hold.outstanding == released && hold.parts == placed.parts().len();
        findings.check(is_right, HOLDS, || {
            format!("{name} releases {released:?} of order {order} with {:?}, of {hold:?}", placed.parts())
        });
        hold.outstanding = Reserved::default();
        hold.end = Some(End::Released);
    }

    /// Nothing is under way: what is held is what the order still asks for.
    pub(super) fn check_end(&self, order: OrderId, placed: &Placed, findings: &mut Findings<'_>) {
        let name = self.name;
        let hold = self.holds.get(&order);
        let outstanding = hold.map(|hold| hold.outstanding).unwrap_or_default();
        findings.check(outstanding == placed.outstanding(), HOLDS, || {
            format!("{name} has {hold:?} for order {order}, which {}", placed.standing())
        });
        let (taken, told) = (hold.map_or(0, |hold| hold.parts), placed.parts().len());
        findings.check(taken == told, HOLDS, || {
            format!("{name} has taken {taken} parts of order {order}, and trading has told {told}")
        });
    }
}
