//! Answers already given, so that a repeated check gets the same one and counts once (B2).
//!
//! Invariant: a verdict is remembered until [`REMEMBERED_S`] after its check's deadline at least. A check that comes
//! after its deadline for the first time is refused, so no order is ever judged twice.

use minicbor::{Decode, Encode};
use std::collections::BTreeMap;
use vocabulary::{Index, Moment, OrderId, Reason, Timestamp};

const SECOND_NS: u64 = 1_000_000_000;

/// How long a verdict outlives its deadline.
const REMEMBERED_S: u64 = 60;

/// Verdicts forgotten by one event, so that no event pays for a burst of a minute ago.
const FORGET_MAX: usize = 4;

#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct Verdicts {
    /// Why the order was denied; nothing if it was allowed. Boxed, since nearly all are allowed.
    #[n(0)]
    given: Index<OrderId, Option<Box<Reason>>>,
    /// By the second at whose end they may be forgotten.
    #[n(1)]
    expiries: BTreeMap<u64, Vec<OrderId>>,
}

impl Verdicts {
    /// The verdict on the order, while it is remembered.
    pub(crate) fn get(&self, order: OrderId) -> Option<Result<(), &Reason>> {
        self.given.get(&order).map(|denied| denied.as_deref().map_or(Ok(()), Err))
    }

    /// Whether there is a verdict on the order.
    pub(crate) fn contains(&self, order: OrderId) -> bool {
        self.given.contains(&order)
    }

    /// Folds in a verdict.
    pub(crate) fn add(&mut self, order: OrderId, denied: Option<&Reason>, deadline: Timestamp, at: Moment) {
        self.forget(at);
        let before = self.given.insert(order, denied.map(|reason| Box::new(reason.clone())));
        assert!(before.is_none(), "order {order} was judged twice");
        self.expiries.entry((deadline.0 / SECOND_NS).saturating_add(REMEMBERED_S)).or_default().push(order);
    }

    fn forget(&mut self, at: Moment) {
        for _ in 0..FORGET_MAX {
            let Some(mut oldest) = self.expiries.first_entry() else { return };
            if *oldest.key() >= at.time.0 / SECOND_NS {
                return;
            }
            let order = oldest.get_mut().pop().expect("a second without verdicts is removed");
            if oldest.get().is_empty() {
                oldest.remove();
            }
            self.given.remove(&order);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_second(second: u64) -> Moment {
        Moment { position: 0, time: Timestamp(second * SECOND_NS) }
    }

    #[test]
    fn remembers_a_verdict_until_a_minute_after_its_deadline_and_then_forgets_it() {
        let mut verdicts = Verdicts::default();
        let late = Timestamp(10 * SECOND_NS + SECOND_NS - 1);
        verdicts.add(OrderId(1), None, late, at_second(0));
        verdicts.add(OrderId(2), None, Timestamp(1_000 * SECOND_NS), at_second(70));
        assert_eq!(verdicts.get(OrderId(1)), Some(Ok(())));
        verdicts.add(OrderId(3), None, Timestamp(90 * SECOND_NS), at_second(71));
        assert_eq!(verdicts.get(OrderId(1)), None);
        verdicts.add(OrderId(4), None, Timestamp(1_000 * SECOND_NS), at_second(200));
        assert_eq!(verdicts.get(OrderId(3)), None, "a later deadline before it does not keep it");
        assert!(verdicts.contains(OrderId(2)) && verdicts.contains(OrderId(4)));
    }
}
