//! What becomes of a request to replace an order (`docs/decisions/0016`).
//!
//! A smaller quantity at the same price shrinks the order in place; anything else creates a new order for the total asked
//! for less what the old one had executed.

use engine::{Command, Event, Record};
use trading::{Command as C, Event as E};

use super::{Findings, Shard};

impl Shard {
    /// Looks at the first event of a replacement, before anything of the record is taken over.
    pub(super) fn check_request(&self, record: &Record, found: &mut Findings<'_>) {
        let Command::Trading(C::ReplaceOrder { order: id, price, quantity, .. }) = &record.request.command
        else {
            return;
        };
        let Some(Event::Trading(event)) = record.events().first() else { return };
        let Some(old) = self.live(*id) else {
            let told = format!("order {id} was replaced, and is not on the book");
            return found.tell("replacement", told);
        };
        let (limit, total) = (price.map_or(old.limit, |p| p.0), quantity.map_or(old.total, |q| q.0));
        let is_right = if limit == old.limit && total < old.total {
            matches!(event, E::OrderReduced { order, by, .. } if order == id && by.0 == old.total - total)
        } else {
            matches!(event, E::OrderCreated(new) if new.replaces == Some(*id)
                && (new.limit.0, new.quantity.0) == (limit, total - old.executed)
                && new.terms.account == old.account
                && new.terms.side == old.side
                && new.time_in_force == old.time_in_force)
        };
        if !is_right {
            let (was, executed) = (old.total, old.executed);
            let told = format!(
                "order {id} for {was} at {} ({executed} executed) was to be {total} at {limit}, and came to {event:?}",
                old.limit
            );
            found.tell("replacement", told);
        }
    }
}
