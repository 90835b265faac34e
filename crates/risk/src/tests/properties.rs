//! Any history of orders, told again by a simple book-keeper that adds everything up from the orders themselves.

use super::{Order, World, account, gross, order, participant, position};
use proptest::prelude::*;
use vocabulary::Side;

/// An order as the book-keeper sees it.
struct Kept {
    order: Order,
    outstanding: i64,
    parts: u32,
    fills: Vec<(u32, i64, bool)>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Place { account: usize, buy: bool, quantity: i64 },
    Fill { order: usize, quantity: i64 },
    Shrink { order: usize, quantity: i64 },
    Close { order: usize },
    Settle { order: usize, fill: usize },
}

const ACCOUNTS: [(&str, &str); 3] = [("A1", "P"), ("A2", "P"), ("A3", "Q")];
const LIMIT: i128 = 40;

fn step() -> impl Strategy<Value = Step> {
    let order = 0_usize..30;
    prop_oneof![
        (0..ACCOUNTS.len(), any::<bool>(), 1_i64..20).prop_map(|(account, buy, quantity)| Step::Place {
            account,
            buy,
            quantity
        }),
        (order.clone(), 1_i64..20).prop_map(|(order, quantity)| Step::Fill { order, quantity }),
        (order.clone(), 1_i64..10).prop_map(|(order, quantity)| Step::Shrink { order, quantity }),
        order.clone().prop_map(|order| Step::Close { order }),
        (order, 0_usize..5).prop_map(|(order, fill)| Step::Settle { order, fill }),
    ]
}

#[derive(Default)]
struct BookKeeper {
    world: World,
    orders: Vec<Kept>,
}

impl BookKeeper {
    fn take(&mut self, step: Step) {
        let count = self.orders.len();
        match step {
            Step::Place { account, buy, quantity } => self.place(account, buy, quantity),
            Step::Fill { order, quantity } if order < count => {
                let kept = &mut self.orders[order];
                let quantity = quantity.min(kept.outstanding);
                if quantity > 0 {
                    self.world.does(&kept.order.confirm(kept.parts, quantity));
                    kept.fills.push((kept.parts, quantity, false));
                    kept.outstanding -= quantity;
                    kept.parts += 1;
                }
            }
            Step::Shrink { order, quantity } if order < count => {
                let kept = &mut self.orders[order];
                if quantity < kept.outstanding {
                    self.world.does(&kept.order.reduce(kept.parts, quantity));
                    kept.outstanding -= quantity;
                    kept.parts += 1;
                }
            }
            Step::Close { order } if order < count => {
                let kept = &mut self.orders[order];
                self.world.does(&kept.order.release(kept.parts));
                kept.outstanding = 0;
            }
            Step::Settle { order, fill } if order < count => {
                let kept = &mut self.orders[order];
                if let Some((part, quantity, settled)) = kept.fills.get_mut(fill) {
                    self.world.does(&kept.order.settle(*part, *quantity));
                    *settled = true;
                }
            }
            Step::Fill { .. } | Step::Shrink { .. } | Step::Close { .. } | Step::Settle { .. } => {}
        }
    }

    fn place(&mut self, account: usize, buy: bool, quantity: i64) {
        let side = if buy { Side::Buy } else { Side::Sell };
        let (account, participant) = ACCOUNTS[account];
        let placed = order(self.orders.len() as u64, side, quantity).of(account, participant);
        if self.world.state.decide(&placed.hold(), self.world.at).is_ok() {
            self.world.does(&placed.hold());
            self.orders.push(Kept { order: placed, outstanding: quantity, parts: 0, fills: Vec::new() });
        }
    }

    /// Position use and gross exposure of the orders that `counts` picks.
    fn sums(&self, counts: impl Fn(&Order) -> bool) -> (i128, i128) {
        let (mut net, mut buys, mut sells, mut amount) = (0, 0, 0, 0);
        for kept in self.orders.iter().filter(|kept| counts(&kept.order)) {
            let filled: i64 = kept.fills.iter().map(|fill| fill.1).sum();
            let unsettled: i64 = kept.fills.iter().filter(|fill| !fill.2).map(|fill| fill.1).sum();
            match kept.order.terms.side {
                Side::Buy => (net, buys) = (net + filled, buys + kept.outstanding),
                Side::Sell => (net, sells) = (net - filled, sells + kept.outstanding),
            }
            amount += (kept.outstanding + unsettled) * kept.order.price;
        }
        (i128::from((net + buys).abs().max((net - sells).abs())), i128::from(amount))
    }

    fn compare(&self) {
        for (account_id, participant_id) in ACCOUNTS {
            let used = |scope| (self.world.used(scope, position()), self.world.used(scope, gross()));
            let (account, participant) = (account(account_id), participant(participant_id));
            assert_eq!(used(account), self.sums(|order| order.terms.account.to_string() == account_id));
            assert_eq!(
                used(participant),
                self.sums(|order| order.terms.participant.to_string() == participant_id)
            );
            assert!(used(account).0 <= LIMIT, "the position limit holds whatever is filled");
        }
    }
}

proptest! {
    #[test]
    fn exposure_is_what_orders_and_fills_add_up_to(steps in prop::collection::vec(step(), 1..120)) {
        let mut keeper = BookKeeper::default();
        for (id, _) in ACCOUNTS {
            keeper.world.limits(account(id), position(), LIMIT);
        }
        for step in steps {
            keeper.take(step);
            keeper.compare();
        }
        let open = keeper.orders.iter().filter(|kept| kept.outstanding > 0).count();
        prop_assert_eq!(keeper.world.state.open_count(), open);
        let bytes = minicbor::to_vec(&keeper.world.state).unwrap();
        prop_assert_eq!(minicbor::decode::<crate::Risk>(&bytes).unwrap(), keeper.world.state);
    }
}
