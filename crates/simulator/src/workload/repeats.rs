//! The same request once more, as a client asks that has not heard; and another one under its name.

use engine::Command;
use vocabulary::{CorrelationId, Quantity};

use super::{Asked, Workload};

impl Workload {
    /// With the same content. Its thread may be another one: gateways begin one for every request.
    pub(super) fn repeat(&mut self) -> Option<Asked> {
        let mut asked = self.some_recent()?;
        asked.label = "repeat";
        if self.dice.permille(250) {
            self.made += 1;
            asked.request.correlation = CorrelationId(u128::from(self.made));
        }
        Some(asked)
    }

    /// With the content of another request to the same node, or with twice the quantity.
    pub(super) fn repeat_changed(&mut self) -> Option<Asked> {
        let mut asked = self.some_recent()?;
        asked.label = "repeat changed";
        if let Command::Trading(trading::Command::PlaceOrder(place)) = &mut asked.request.command {
            place.quantity = Quantity(place.quantity.0.saturating_mul(2));
            return Some(asked);
        }
        let recent = self.memory.recent(self.now).into_iter();
        let others: Vec<_> = recent.filter(|other| other.goes_where(&asked)).collect();
        asked.request.command = self.dice.pick(&others).request.command.clone();
        Some(asked)
    }

    fn some_recent(&mut self) -> Option<Asked> {
        let recent = self.memory.recent(self.now);
        if recent.is_empty() {
            return None;
        }
        Some((*self.dice.pick(&recent)).clone())
    }
}
