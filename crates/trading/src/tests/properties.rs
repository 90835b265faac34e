//! Over random histories: the market does what the plain one does, and money and quantities add up throughout.

use super::market::{ACCOUNTS, Market, acme, id, order};
use super::naive::{Naive, Plain};
use crate::{Cause, Command, Event, OrderKind, Phase, PlaceOrder, Refusal, Scope};
use proptest::prelude::*;
use vocabulary::{OrderId, Price, Quantity, SelfTradePrevention, Side, TimeInForce};

#[derive(Clone, Copy, Debug)]
enum Action {
    Place(Entry),
    Cancel(usize),
    /// By the id that its client gave it.
    CancelByClient(usize),
    /// Order, new price, new quantity.
    Replace(usize, Option<i64>, Option<i64>),
    CancelAccount(usize),
    CancelParticipant(&'static str),
    CancelInstrument,
    CancelEverything,
    Phase(Phase),
    /// Both legs of a block trade, and whether they are executed or both given up.
    Block {
        price: i64,
        quantity: i64,
        executed: bool,
    },
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    account: usize,
    side: Side,
    /// In cents; none for a market order.
    price: Option<i64>,
    quantity: i64,
    time_in_force: TimeInForce,
    post_only: bool,
    prevention: SelfTradePrevention,
}

impl Entry {
    fn command(&self) -> PlaceOrder {
        PlaceOrder {
            account: id(ACCOUNTS[self.account].0),
            kind: self.price.map_or(OrderKind::Market, |price| OrderKind::Limit(Price(price))),
            time_in_force: self.time_in_force,
            post_only: self.post_only,
            self_trade_prevention: self.prevention,
            ..order(self.side, 0, self.quantity)
        }
    }
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

fn time_in_force() -> impl Strategy<Value = TimeInForce> {
    prop_oneof![
        4 => Just(TimeInForce::GoodTillCancel),
        2 => Just(TimeInForce::Day),
        1 => Just(TimeInForce::ImmediateOrCancel),
        1 => Just(TimeInForce::FillOrKill),
    ]
}

fn prevention() -> impl Strategy<Value = SelfTradePrevention> {
    prop_oneof![
        2 => Just(SelfTradePrevention::Off),
        1 => Just(SelfTradePrevention::CancelNewest),
        1 => Just(SelfTradePrevention::CancelOldest),
        1 => Just(SelfTradePrevention::CancelBoth),
    ]
}

/// Prices around the reference, close enough to meet.
fn price() -> impl Strategy<Value = i64> {
    99_95..=100_05_i64
}

fn entry() -> impl Strategy<Value = Entry> {
    let price = prop_oneof![8 => price().prop_map(Some), 1 => Just(None)];
    let many = (0..ACCOUNTS.len(), side(), price, 1..=9_i64);
    (many, time_in_force(), prop::bool::weighted(0.1), prevention()).prop_map(
        |((account, side, price, quantity), time_in_force, post_only, prevention)| Entry {
            account,
            side,
            price,
            quantity,
            time_in_force,
            post_only,
            prevention,
        },
    )
}

fn phase() -> impl Strategy<Value = Phase> {
    prop_oneof![
        1 => Just(Phase::Closed),
        2 => Just(Phase::OpeningAuction),
        4 => Just(Phase::Continuous),
        2 => Just(Phase::Halted),
        1 => Just(Phase::ClosingAuction),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let number = || 1..40_usize;
    prop_oneof![
        24 => entry().prop_map(Action::Place),
        3 => number().prop_map(Action::Cancel),
        2 => number().prop_map(Action::CancelByClient),
        5 => (number(), prop::option::of(price()), prop::option::of(1..=12_i64))
            .prop_map(|(order, price, quantity)| Action::Replace(order, price, quantity)),
        1 => (0..ACCOUNTS.len()).prop_map(Action::CancelAccount),
        1 => prop::sample::select(vec!["NORTH", "SOUTH"]).prop_map(Action::CancelParticipant),
        1 => prop::sample::select(vec![Action::CancelInstrument, Action::CancelEverything]),
        1 => (price(), 1..=9_i64, any::<bool>())
            .prop_map(|(price, quantity, executed)| Action::Block { price, quantity, executed }),
        3 => phase().prop_map(Action::Phase),
    ]
}

impl Market {
    fn order_number(&self, number: usize) -> OrderId {
        self.orders.get(number - 1).copied().unwrap_or(OrderId(u64::MAX))
    }

    fn act(&mut self, action: Action) -> Result<Vec<Event>, Refusal> {
        let events = match action {
            Action::Place(entry) => {
                let client_order_id = Some(client_id(self.orders.len() + 1));
                self.enter(Command::PlaceOrder(PlaceOrder { client_order_id, ..entry.command() }))
            }
            Action::Cancel(number) => self.command(Command::CancelOrder { order: self.order_number(number) }),
            Action::CancelByClient(number) => {
                let account = self.trading.terms(self.order_number(number)).map(|terms| terms.account);
                let (account, client_order_id) = (account.unwrap_or(id("ANN")), client_id(number));
                self.command(Command::CancelClientOrder { account, client_order_id })
            }
            Action::Replace(number, price, quantity) => {
                let (order, user) = (self.order_number(number), id("user-1"));
                let (price, quantity) = (price.map(Price), quantity.map(Quantity));
                self.enter(Command::ReplaceOrder { order, price, quantity, user })
            }
            Action::CancelAccount(account) => {
                let scope = Scope::Account(id(ACCOUNTS[account].0));
                self.command(Command::CancelAll { scope })
            }
            Action::CancelParticipant(code) => {
                self.command(Command::CancelAll { scope: Scope::Participant(id(code)) })
            }
            Action::CancelInstrument => {
                self.command(Command::CancelAll { scope: Scope::Instrument(id("ACME")) })
            }
            Action::CancelEverything => self.command(Command::CancelAll { scope: Scope::All }),
            Action::Phase(phase) => self.set_phase(phase),
            Action::Block { price, quantity, executed } => self.block(price, quantity, executed),
        };
        while self.trading.is_sweeping() {
            self.command(Command::ContinueSweep).unwrap();
        }
        events
    }

    /// Both legs, on which no phase and no book has any bearing.
    fn block(&mut self, price: i64, quantity: i64, executed: bool) -> Result<Vec<Event>, Refusal> {
        for (account, side) in [("ANN", Side::Buy), ("BOB", Side::Sell)] {
            let leg = PlaceOrder {
                account: id(account),
                kind: OrderKind::Block(Price(price)),
                ..order(side, 0, quantity)
            };
            self.enter(Command::PlaceOrder(leg))?;
        }
        let [.., buy, sell] = self.orders[..] else { panic!("two legs were created") };
        if executed {
            return self.command(Command::ExecuteBlock { buy, sell });
        }
        self.command(Command::WithdrawBlock { order: buy })?;
        self.command(Command::WithdrawBlock { order: sell })
    }

    fn resting(&self) -> Vec<(usize, i64)> {
        let listing = self.trading.listing(id("ACME")).unwrap();
        let queue = |side| listing.book.queue(side, &self.trading.orders);
        let slots = queue(Side::Buy).chain(queue(Side::Sell));
        let number = |order| self.orders.iter().position(|known| *known == order).unwrap() + 1;
        slots
            .map(|slot| {
                let order = self.trading.orders.at(slot);
                (number(order.id), order.remaining.0)
            })
            .collect()
    }
}

impl Naive {
    /// Does what the real market has accepted to do.
    fn act(&mut self, action: Action, events: &[Event], number: usize) {
        match action {
            Action::Place(entry) => self.enter(plain(entry, number)),
            Action::Cancel(number) | Action::CancelByClient(number) => {
                self.remove(|order| order.number != number);
            }
            Action::Replace(old, price, quantity) => {
                let created = events.iter().any(|event| matches!(event, Event::OrderCreated(_)));
                let found = self.find(old).unwrap();
                let (price, total) = (price.unwrap_or(found.limit), quantity.unwrap_or(found.total));
                assert_eq!(created, price != found.limit || total > found.total);
                let executed = found.total - found.left;
                if !created {
                    (found.left, found.total) = (total - executed, total);
                    return;
                }
                let left = total - executed;
                let new = Plain { number, limit: price, left, total: left, ..found.clone() };
                self.remove(|order| order.number != old);
                self.enter(new);
            }
            Action::CancelAccount(account) => self.remove(|order| order.account != account),
            Action::CancelParticipant(code) => self.remove(|order| ACCOUNTS[order.account].1 != code),
            Action::CancelInstrument | Action::CancelEverything => self.remove(|_| false),
            Action::Phase(phase) => {
                if phase != self.phase {
                    self.change_phase(phase);
                }
            }
            Action::Block { executed: false, .. } => {}
            Action::Block { price, quantity, executed: true } => {
                self.deals.push((number - 1, number, price, quantity));
            }
        }
    }

    fn in_priority(&self) -> Vec<(usize, i64)> {
        let side = |buys: bool| {
            let mut all: Vec<_> = self.resting.iter().filter(|order| order.buys == buys).collect();
            all.sort_by_key(|order| if buys { -order.limit } else { order.limit });
            all
        };
        side(true).into_iter().chain(side(false)).map(|order| (order.number, order.left)).collect()
    }
}

/// What the client calls the order that is created next, if it is that one.
fn client_id(number: usize) -> vocabulary::ClientOrderId {
    id(&format!("order-{number}"))
}

fn plain(entry: Entry, number: usize) -> Plain {
    let band = if entry.side == Side::Buy { 120_00 } else { 80_00 };
    let owner = if entry.account == 1 { 0 } else { entry.account };
    Plain {
        number,
        owner,
        account: entry.account,
        buys: entry.side == Side::Buy,
        limit: entry.price.unwrap_or(band),
        left: entry.quantity,
        total: entry.quantity,
        time_in_force: entry.time_in_force,
        post_only: entry.post_only,
        prevention: entry.prevention,
    }
}

fn deals(market: &Market) -> Vec<(usize, usize, i64, i64)> {
    let number = |order| market.orders.iter().position(|known| *known == order).unwrap() + 1;
    let deal = |trade: &vocabulary::Trade| {
        (number(trade.buy.order), number(trade.sell.order), trade.price.0, trade.quantity.0)
    };
    market.trades.iter().map(deal).collect()
}

/// Sums up every asset: what came in is all there is.
fn check_nothing_made(market: &Market, cash: i128, shares: i128) {
    for (asset, each) in [("EUR", cash), ("ACME", shares)] {
        let totals = market.trading.ledger().totals()[&id(asset)];
        let accounts = market.trading.ledger().accounts().iter().map(|account| account.balance(id(asset)));
        let held: i128 =
            accounts.map(|held| held.available.0 + held.frozen.0 + held.clearing.0).sum::<i128>();
        assert_eq!(held + totals.fees.0 + totals.counterparty.0, each * 4, "{asset}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_market_does_what_the_plain_market_does(actions in prop::collection::vec(action(), 1..60)) {
        let mut market = Market::open_with(1_000_000_000_00, 1_000_000);
        let mut naive = Naive::new(acme().reference_price.0, 1);
        for action in actions {
            let Ok(events) = market.act(action) else { continue };
            naive.act(action, &events, market.orders.len());
            prop_assert_eq!(deals(&market), naive.deals.clone(), "after {:?}", action);
            prop_assert_eq!(market.resting(), naive.in_priority(), "after {:?}", action);
            market.verify();
        }
        market.check_replay();
    }

    #[test]
    fn an_auctions_price_is_the_best_of_all_prices(
        entries in prop::collection::vec((side(), 99_90..=100_10_i64, 1..=4_i64), 0..12),
        reference in 99_85..=100_15_i64,
    ) {
        let mut market = Market::open_with(1_000_000_000_00, 1_000_000);
        market.set_phase(Phase::Halted).unwrap();
        let (instrument, price) = (id("ACME"), Price(reference));
        market.command(Command::SetReferencePrice { instrument, price }).unwrap();
        market.set_phase(Phase::ClosingAuction).unwrap();
        let mut naive = Naive::new(reference, 1);
        naive.phase = Phase::ClosingAuction;
        for (side, price, quantity) in entries {
            let entry = Entry {
                account: 0,
                side,
                price: Some(price),
                quantity,
                time_in_force: TimeInForce::GoodTillCancel,
                post_only: false,
                prevention: SelfTradePrevention::Off,
            };
            market.act(Action::Place(entry)).unwrap();
            naive.enter(plain(entry, market.orders.len()));
        }
        let found = market.trading.indicative_auction(id("ACME"));
        let found = found.map(|uncross| (uncross.price.0, uncross.quantity.0, uncross.surplus));
        prop_assert_eq!(found, naive.auction());
        market.set_phase(Phase::Closed).unwrap();
        naive.change_phase(Phase::Closed);
        prop_assert_eq!(deals(&market), naive.deals);
    }

    #[test]
    fn c10_the_order_of_answers_changes_nothing(
        entries in prop::collection::vec(entry(), 1..12),
        answers in prop::collection::vec(any::<prop::sample::Index>(), 12),
    ) {
        let mut at_once = Market::open_with(1_000_000_000_00, 1_000_000);
        let mut late = Market::open_with(1_000_000_000_00, 1_000_000);
        for entry in entries {
            let placed = at_once.enter(Command::PlaceOrder(entry.command())).is_ok();
            prop_assert_eq!(late.command(Command::PlaceOrder(entry.command())).is_ok(), placed);
        }
        let mut waiting = late.orders.clone();
        for answer in answers {
            if waiting.is_empty() {
                break;
            }
            let order = waiting.remove(answer.index(waiting.len()));
            late.accept(order).unwrap();
            late.verify();
        }
        prop_assert_eq!(deals(&late), deals(&at_once));
        prop_assert_eq!(late.resting(), at_once.resting());
        late.check_replay();
    }

    /// Poor accounts, answers that are late or no, sweeps, and settlement in any order.
    #[test]
    fn nothing_is_made_or_lost_whatever_happens(
        steps in prop::collection::vec((action(), 0..8_u8, any::<prop::sample::Index>()), 1..80),
    ) {
        let (cash, shares) = (20_000_00, 60);
        let mut market = Market::open_with(cash, shares);
        let mut reported: Vec<(usize, Side)> = Vec::new();
        for (action, kind, index) in steps {
            match (kind, action) {
                (0 | 1, Action::Place(entry)) => {
                    let _ = market.command(Command::PlaceOrder(entry.command()));
                }
                (0, Action::Replace(number, price, quantity)) => {
                    let (order, user) = (market.order_number(number), id("user-1"));
                    let (price, quantity) = (price.map(Price), quantity.map(Quantity));
                    let _ = market.command(Command::ReplaceOrder { order, price, quantity, user });
                }
                (2 | 3, _) if !market.orders.is_empty() => {
                    let order = market.orders[index.index(market.orders.len())];
                    let _ = if kind == 2 { market.accept(order) } else { market.reject(order) };
                }
                (4 | 5, _) if !market.trades.is_empty() => {
                    let trade = index.index(market.trades.len());
                    let side = if kind == 4 { Side::Buy } else { Side::Sell };
                    let first = !reported.contains(&(trade, side));
                    let events = market.settle(trade, side).unwrap();
                    prop_assert_eq!(events.is_empty(), !first, "a report counts once");
                    reported.push((trade, side));
                }
                (6, Action::CancelAccount(account)) => {
                    let scope = Scope::Account(id(ACCOUNTS[account].0));
                    market.command(Command::StartSweep { scope, cause: Cause::KillSwitch, shard: 0 }).unwrap();
                }
                (_, action) => {
                    let _ = market.act(action);
                }
            }
            market.verify();
            check_nothing_made(&market, cash, shares);
        }
        finish(&mut market);
        check_nothing_made(&market, cash, shares);
        market.check_replay();
    }
}

/// Decides, cancels and settles all that is left; then nothing may be left.
fn finish(market: &mut Market) {
    for order in market.orders.clone() {
        if let Some(order) =
            market.trading.order(order).filter(|order| order.status == crate::Status::Created)
        {
            market.accept(order.id).unwrap();
        }
    }
    market.act(Action::CancelEverything).unwrap();
    for order in market.orders.clone() {
        if market.trading.order(order).is_some_and(|order| order.block && order.status.is_live()) {
            market.command(Command::WithdrawBlock { order }).unwrap();
        }
    }
    for trade in 0..market.trades.len() {
        for side in [Side::Buy, Side::Sell] {
            market.settle(trade, side).unwrap();
        }
    }
    market.verify();
    assert_eq!(market.trading.order_count(), 0, "no order is kept for ever");
    for totals in market.trading.ledger().totals().values() {
        assert!(totals.frozen.is_zero() && totals.clearing.is_zero() && totals.counterparty.is_zero());
    }
}
