//! Judging one order: the restricted list first, then the policy.

use crate::compliance::Compliance;
use crate::{CheckInput, Event, Rules};
use vocabulary::{Moment, Timestamp};

impl Compliance {
    /// The decision on an order that has none yet. `order.orders_in_hour` is filled in here.
    pub(crate) fn check(
        &self,
        rules: &mut Rules,
        mut order: CheckInput,
        deadline: Timestamp,
        at: Moment,
    ) -> Event {
        let CheckInput { terms, user, price, quantity, notional, quote_scale, .. } = order;
        order.orders_in_hour = self.orders_in_hour(user, at).saturating_add(1);
        rules.follow(self.policy().map(|policy| (&policy.bundle, policy.digest)));
        let restricted = self.restricted().covering(terms.instrument, terms.account, user);
        let mut reasons = rules.judge(&order).reasons;
        if let Some(restriction) = restricted {
            reasons.insert(0, restriction.reason());
        }
        Event::OrderChecked {
            terms,
            user,
            price,
            quantity,
            notional,
            quote_scale,
            deadline,
            orders_in_hour: order.orders_in_hour,
            restricted,
            policy: self.policy().map_or(0, |policy| policy.version),
            allowed: reasons.is_empty(),
            reasons,
        }
    }
}
