//! How many allowed orders each user placed within the last hour.
//!
//! Orders are counted by minute. Invariant: an order less than an hour old is always counted, and none is counted for
//! more than 61 minutes. A user without orders in the last hour takes no memory.

use minicbor::{Decode, Encode};
use std::collections::VecDeque;
use vocabulary::{Index, Moment, UserId, planted};

const MINUTE_NS: u64 = 60_000_000_000;

/// Minutes that are counted: the current one, and the 60 before it.
const MINUTES: u32 = 61;

/// Minutes of users forgotten by one event, so that no event pays for the burst of an hour ago. One event adds at most
/// one, so they do not pile up.
const FORGET_MAX: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode)]
struct MinuteCount {
    #[n(0)]
    minute: u32,
    #[n(1)]
    orders: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct OrdersPerHour {
    /// Minutes with orders, oldest first.
    #[n(0)]
    users: Index<UserId, VecDeque<MinuteCount>>,
    /// Each minute of each user, in the order in which they are forgotten.
    #[n(1)]
    expiries: VecDeque<(u32, UserId)>,
}

impl OrdersPerHour {
    /// Orders of the user within the last hour.
    pub(crate) fn count(&self, user: UserId, at: Moment) -> u32 {
        let now = minute_of(at);
        let minutes = self.users.get(&user).into_iter().flatten();
        minutes.filter(|m| !is_over(m.minute, now)).fold(0, |sum, m| sum.saturating_add(m.orders))
    }

    /// Folds in an allowed order.
    pub(crate) fn add(&mut self, user: UserId, at: Moment) {
        let now = minute_of(at);
        self.forget(now);
        let minutes = self.users.entry(user);
        match minutes.back_mut() {
            Some(last) if last.minute == now => last.orders = last.orders.saturating_add(1),
            Some(_) | None => {
                minutes.push_back(MinuteCount { minute: now, orders: 1 });
                self.expiries.push_back((now, user));
            }
        }
    }

    fn forget(&mut self, now: u32) {
        for _ in 0..FORGET_MAX {
            if !self.expiries.front().is_some_and(|(minute, _)| is_over(*minute, now)) {
                return;
            }
            let Some((_, user)) = self.expiries.pop_front() else { return };
            let minutes =
                self.users.get_mut(&user).expect("a user whose minutes are not all forgotten is known");
            minutes.pop_front();
            if minutes.is_empty() {
                self.users.remove(&user);
            }
        }
    }
}

fn minute_of(at: Moment) -> u32 {
    u32::try_from(at.time.0 / MINUTE_NS).expect("64 bits of nanoseconds are fewer than 32 bits of minutes")
}

fn is_over(minute: u32, now: u32) -> bool {
    now >= minute.saturating_add(MINUTES) && !planted!("hourly-count-never-falls")
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocabulary::Timestamp;

    fn at_second(second: u64) -> Moment {
        Moment { position: 0, time: Timestamp(second * 1_000_000_000) }
    }

    fn user(name: &str) -> UserId {
        name.parse().unwrap()
    }

    #[test]
    fn counts_an_order_for_an_hour_at_least_and_61_minutes_at_most() {
        let mut orders = OrdersPerHour::default();
        for second in [0, 59, 60] {
            orders.add(user("a"), at_second(second));
        }
        assert_eq!(orders.count(user("a"), at_second(60)), 3);
        assert_eq!(orders.count(user("a"), at_second(3659)), 3, "the one of second 59 is 3600 seconds old");
        assert_eq!(
            orders.count(user("a"), at_second(3660)),
            1,
            "both orders of the first minute are over an hour old"
        );
        assert_eq!(orders.count(user("a"), at_second(3720)), 0);
        assert_eq!(orders.count(user("b"), at_second(60)), 0);
    }

    #[test]
    fn users_without_orders_in_the_last_hour_are_dropped() {
        let mut orders = OrdersPerHour::default();
        for name in ["a", "b", "c"] {
            orders.add(user(name), at_second(0));
        }
        orders.add(user("c"), at_second(100));
        orders.add(user("d"), at_second(3660));
        assert_eq!((orders.users.len(), orders.expiries.len()), (2, 2));
        assert_eq!(orders.count(user("c"), at_second(3660)), 1);
        orders.add(user("d"), at_second(10_000_000));
        assert_eq!((orders.users.len(), orders.expiries.len()), (1, 1));
    }
}
