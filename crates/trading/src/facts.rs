//! What trading knows, as lines: reference data, accounts, orders and books.

use vocabulary::{Facts, Listener, OrderId, Side};

use crate::Trading;
use crate::listing::Listing;
use crate::order::Order;
use crate::settling::OpenSides;

impl Facts for Trading {
    fn tell(&self, listener: &mut Listener<'_>) {
        self.tell_definitions(listener);
        self.tell_accounts(listener);
        for (slot, listing) in self.listings.iter().enumerate() {
            self.tell_listing(slot, listing, listener);
        }
        self.tell_unsettled(listener);
        for (key, (_, digest)) in self.client_orders.sorted() {
            listener(format_args!("client order {key:032x} command {digest:016x}"));
        }
    }
}

impl Trading {
    fn tell_definitions(&self, listener: &mut Listener<'_>) {
        for asset in self.assets.values() {
            listener(format_args!("asset {} {:?} scale {}", asset.asset, asset.kind, asset.scale));
        }
        for participant in &self.participants {
            listener(format_args!("participant {participant}"));
        }
        if let Some(date) = self.business_date {
            listener(format_args!("business date {date}"));
        }
    }

    fn tell_accounts(&self, listener: &mut Listener<'_>) {
        for account in self.ledger.by_code() {
            let code = account.account;
            listener(format_args!("account {code} of {} owner {}", account.participant, account.owner));
            for (asset, balance) in account.balances() {
                let (available, frozen, clearing) = (balance.available, balance.frozen, balance.clearing);
                listener(format_args!(
                    "balance {code} {asset} available {available} frozen {frozen} clearing {clearing}"
                ));
            }
        }
        for (asset, totals) in self.ledger.totals() {
            let (outside, counterparty, fees) = (totals.outside, totals.counterparty, totals.fees);
            listener(format_args!("total {asset} outside {outside} counterparty {counterparty} fees {fees}"));
        }
    }

    fn tell_listing(&self, slot: usize, listing: &Listing, listener: &mut Listener<'_>) {
        let code = listing.instrument.instrument;
        listener(format_args!("instrument {:?}", listing.instrument));
        listener(format_args!("phase {code} {:?}", listing.phase));
        if let Some((price, quantity)) = listing.last_trade {
            listener(format_args!("last trade {code} {quantity} at {price}"));
        }
        let orders = self.orders_of(slot);
        for (number, order) in orders.iter().enumerate() {
            self.tell_order(number, order, listener);
        }
        let number = |order: OrderId| {
            orders.binary_search_by_key(&order, |order| order.id).expect("it is one of them")
        };
        for side in [Side::Buy, Side::Sell] {
            for slot in listing.book.queue(side, &self.orders) {
                listener(format_args!("book {code} {side:?} order {}", number(self.orders.at(slot).id)));
            }
        }
        for undecided in listing.book.line() {
            listener(format_args!("in line {code} order {}", number(undecided.order)));
        }
    }

    fn tell_order(&self, number: usize, order: &Order, listener: &mut Listener<'_>) {
        let code = self.listings[order.instrument as usize].instrument.instrument;
        let account = self.ledger.at(order.account).account;
        let Order { side, limit, quantity, remaining, status, unsettled, .. } = *order;
        let (time_in_force, prevention) = (order.time_in_force, order.self_trade_prevention);
        let (post_only, block) = (order.post_only, order.block);
        listener(format_args!(
            "order {code} {number} of {account} {side:?} {quantity} at {limit} remaining {remaining} {status:?} \
             {time_in_force:?} {prevention:?} post only {post_only} block {block} unsettled {unsettled}"
        ));
    }

    /// The orders of an instrument that are alive or not settled, oldest first.
    fn orders_of(&self, listing: usize) -> Vec<&Order> {
        let slots = 0..self.orders.slot_count();
        let of_it = |order: &&Order| order.instrument as usize == listing;
        let mut orders: Vec<_> = slots.filter_map(|slot| self.orders.peek(slot)).filter(of_it).collect();
        orders.sort_unstable_by_key(|order| order.id);
        orders
    }

    /// Counted, since ids say in which order trades of different instruments came, which is nobody's fact.
    fn tell_unsettled(&self, listener: &mut Listener<'_>) {
        let open = self.unsettled.sorted();
        let count = |sides: OpenSides| open.iter().filter(|(_, open)| **open == sides).count();
        let (buy, sell) = (OpenSides { buy: true, sell: false }, OpenSides { buy: false, sell: true });
        listener(format_args!(
            "unsettled trades {} with buy left {} with sell left {}",
            count(OpenSides::BOTH),
            count(buy),
            count(sell)
        ));
    }
}
