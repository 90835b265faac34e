//! Any sequence of commands to a market does what a market as plain as possible does, keeps money and quantities
//! together, and can be told again from its events.

#![no_main]

#[path = "../../crates/trading/src/tests/naive.rs"]
mod naive;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use naive::{Naive, Plain};
use std::sync::LazyLock;
use trading::{Command, Event, OrderKind, Phase, PlaceOrder, Refusal, Scope, Trading};
use vocabulary::{
    Amount, Asset, AssetKind, CorrelationId, FeeSchedule, Instrument, Moment, OrderId, Price, Quantity,
    SelfTradePrevention, Side, StepBound, TimeInForce, Timestamp,
};

/// The reference price, tick and lot: prices and quantities are drawn in ticks and lots around them.
const REFERENCE: i64 = 10_000;
const TICK: i64 = 5;
const LOT: i64 = 10;
/// The ends of the band of 2 %.
const BAND: (i64, i64) = (9_800, 10_200);

/// The first two accounts are of one owner.
const ACCOUNTS: [(&str, &str); 4] = [("ANN", "one"), ("ANNA", "one"), ("BOB", "two"), ("CAT", "three")];
const TIMES_IN_FORCE: [TimeInForce; 4] =
    [TimeInForce::GoodTillCancel, TimeInForce::Day, TimeInForce::ImmediateOrCancel, TimeInForce::FillOrKill];
const PREVENTIONS: [SelfTradePrevention; 4] = [
    SelfTradePrevention::Off,
    SelfTradePrevention::CancelNewest,
    SelfTradePrevention::CancelOldest,
    SelfTradePrevention::CancelBoth,
];
const PHASES: [Phase; 5] =
    [Phase::Closed, Phase::OpeningAuction, Phase::Continuous, Phase::Halted, Phase::ClosingAuction];

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Action {
    Place(Entry),
    /// Which order of all so far.
    Cancel(u8),
    /// Which order, new price in ticks from the reference, new quantity in lots.
    Replace(u8, Option<i8>, Option<u8>),
    CancelAccount(u8),
    CancelInstrument,
    Phase(u8),
    /// A leg of a block trade of that many lots at that price, which no book may notice.
    Block(i8, u8),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
struct Entry {
    account: u8,
    buys: bool,
    /// In ticks from the reference; none for a market order.
    price: Option<i8>,
    lots: u8,
    time_in_force: u8,
    post_only: bool,
    prevention: u8,
}

fn pick<T: Copy, const N: usize>(all: [T; N], drawn: u8) -> T {
    all[usize::from(drawn) % N]
}

fn account(drawn: u8) -> usize {
    usize::from(drawn) % ACCOUNTS.len()
}

fn price(ticks: i8) -> i64 {
    REFERENCE + TICK * i64::from(ticks % 16)
}

fn quantity(lots: u8) -> i64 {
    LOT * i64::from(lots % 16)
}

impl Entry {
    fn place(self) -> PlaceOrder {
        PlaceOrder {
            account: id(ACCOUNTS[account(self.account)].0),
            instrument: id("ACME"),
            side: if self.buys { Side::Buy } else { Side::Sell },
            kind: self.price.map_or(OrderKind::Market, |ticks| OrderKind::Limit(Price(price(ticks)))),
            quantity: Quantity(quantity(self.lots)),
            time_in_force: pick(TIMES_IN_FORCE, self.time_in_force),
            post_only: self.post_only,
            self_trade_prevention: pick(PREVENTIONS, self.prevention),
            client_order_id: None,
            user: id("user"),
        }
    }

    fn plain(self, number: usize) -> Plain {
        let account = account(self.account);
        Plain {
            number,
            owner: account.max(1),
            account,
            buys: self.buys,
            limit: self.price.map_or(if self.buys { BAND.1 } else { BAND.0 }, price),
            left: quantity(self.lots),
            total: quantity(self.lots),
            time_in_force: pick(TIMES_IN_FORCE, self.time_in_force),
            post_only: self.post_only,
            prevention: pick(PREVENTIONS, self.prevention),
        }
    }
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a constant is a code")
}

/// Where every input begins: a rich market in continuous trading.
static OPEN: LazyLock<Market> = LazyLock::new(Market::open);

#[derive(Clone, Default)]
struct Market {
    trading: Trading,
    position: u64,
    history: Vec<(Moment, Vec<u8>)>,
    orders: Vec<OrderId>,
    deals: Vec<naive::Deal>,
}

impl Market {
    fn open() -> Self {
        let mut market = Self::default();
        let mut does = |command| drop(market.command(&command).expect("the market opens"));
        for (asset, kind, scale) in [("EUR", AssetKind::Currency, 2), ("ACME", AssetKind::Security, 1)] {
            does(Command::DefineAsset(Asset { asset: id(asset), kind, scale }));
        }
        does(Command::DefineInstrument(Box::new(acme())));
        does(Command::RegisterParticipant { participant: id("NORTH") });
        for (account, owner) in ACCOUNTS {
            let account = id(account);
            does(Command::OpenAccount { account, participant: id("NORTH"), owner: id(owner) });
            for asset in ["EUR", "ACME"] {
                does(Command::Deposit { account, asset: id(asset), amount: Amount(1_000_000_000_000) });
            }
        }
        does(Command::OpenBusinessDay { date: id("2023-02-07") });
        does(Command::SetPhase { instrument: id("ACME"), phase: Phase::Continuous });
        market
    }

    fn command(&mut self, command: &Command) -> Result<Vec<Event>, Refusal> {
        self.position += 1;
        self.step(command)
    }

    fn step(&mut self, command: &Command) -> Result<Vec<Event>, Refusal> {
        let at = Moment { position: self.position, time: Timestamp(self.position) };
        let correlation = CorrelationId(u128::from(self.position));
        let events = self.trading.decide(command, at, correlation, StepBound::USUAL)?.into_vec();
        for event in &events {
            match event {
                Event::OrderCreated(created) => self.orders.push(created.terms.order),
                Event::OrderExecuted(trade) => {
                    let (buy, sell) = (self.number(trade.buy.order), self.number(trade.sell.order));
                    self.deals.push((buy, sell, trade.price.0, trade.quantity.0));
                }
                _ => {}
            }
            self.trading.apply(event, at);
            self.history.push((at, minicbor::to_vec(event).expect("an event encodes")));
        }
        Ok(events)
    }

    /// An order's number, counted from 1 in the order of creation.
    fn number(&self, order: OrderId) -> usize {
        self.orders.iter().position(|known| *known == order).expect("the order was created") + 1
    }

    fn drawn(&self, order: u8) -> OrderId {
        let number = usize::from(order) % self.orders.len().max(1);
        self.orders.get(number).copied().unwrap_or(OrderId(u64::MAX))
    }

    fn act(&mut self, action: Action) -> Result<Vec<Event>, Refusal> {
        let instrument = id("ACME");
        let command = match action {
            Action::Place(entry) => Command::PlaceOrder(entry.place()),
            Action::Cancel(order) => Command::CancelOrder { order: self.drawn(order) },
            Action::Replace(order, ticks, lots) => Command::ReplaceOrder {
                order: self.drawn(order),
                price: ticks.map(|ticks| Price(price(ticks))),
                quantity: lots.map(|lots| Quantity(quantity(lots))),
                user: id("user"),
            },
            Action::CancelAccount(drawn) => {
                Command::CancelAll { scope: Scope::Account(id(ACCOUNTS[account(drawn)].0)) }
            }
            Action::CancelInstrument => Command::CancelAll { scope: Scope::Instrument(instrument) },
            Action::Phase(phase) => Command::SetPhase { instrument, phase: pick(PHASES, phase) },
            Action::Block(ticks, lots) => Command::PlaceOrder(block(ticks, lots)),
        };
        let mut events = self.command(&command)?;
        if let Some(Event::OrderCreated(created)) = events.first() {
            let order = created.terms.order;
            events.extend(self.step(&Command::AcceptOrder { order })?);
        }
        while self.trading.is_sweeping() {
            self.command(&Command::ContinueSweep)?;
        }
        Ok(events)
    }

    /// Number, side, limit and rest of every order on the book, in the order of creation.
    fn resting(&self) -> Vec<(usize, bool, i64, i64)> {
        let orders = (1..).zip(&self.orders);
        let live = orders.filter_map(|(number, order)| Some((number, self.trading.order(*order)?)));
        live.filter(|(_, order)| order.resting)
            .map(|(number, order)| (number, order.side == Side::Buy, order.limit.0, order.remaining.0))
            .collect()
    }

    /// Events alone, as they are written, come to the same state.
    fn check_replay(&self) {
        let mut again = Trading::default();
        for (at, bytes) in &self.history {
            again.apply(&minicbor::decode(bytes).expect("an event reads back"), *at);
        }
        assert!(again == self.trading);
    }
}

fn acme() -> Instrument {
    Instrument {
        instrument: id("ACME"),
        isin: None,
        market: id("MAIN"),
        base: id("ACME"),
        quote: id("EUR"),
        price_scale: 2,
        tick: Price(TICK),
        lot: Quantity(LOT),
        band_bp: Some(200),
        reference_price: Price(REFERENCE),
        settlement_days: 2,
        calendar: id("DAYS"),
        fees: FeeSchedule { maker_ppm: 333, taker_ppm: 777 },
        base_scale: 1,
        quote_scale: 2,
    }
}

fn block(ticks: i8, lots: u8) -> PlaceOrder {
    let buys = lots.is_multiple_of(2);
    let entry =
        Entry { account: lots, buys, price: None, lots, time_in_force: 0, post_only: false, prevention: 0 };
    PlaceOrder { kind: OrderKind::Block(Price(price(ticks))), ..entry.place() }
}

/// Does to the plain market what the real one has accepted to do.
fn follow(naive: &mut Naive, action: Action, events: &[Event], market: &Market) {
    let newest = market.orders.len();
    match action {
        Action::Place(entry) => naive.enter(entry.plain(newest)),
        Action::Cancel(order) => {
            let number = market.number(market.drawn(order));
            naive.remove(|order| order.number != number);
        }
        Action::Replace(..) => replace(naive, action, events, market),
        Action::CancelAccount(drawn) => naive.remove(|order| order.account != account(drawn)),
        Action::CancelInstrument => naive.remove(|_| false),
        Action::Phase(phase) => {
            if pick(PHASES, phase) != naive.phase {
                naive.change_phase(pick(PHASES, phase));
            }
        }
        Action::Block(..) => {}
    }
}

fn replace(naive: &mut Naive, action: Action, events: &[Event], market: &Market) {
    let Action::Replace(order, ticks, lots) = action else { return };
    let created = events.iter().any(|event| matches!(event, Event::OrderCreated(_)));
    // What was drawn, when there was one order less.
    let old = usize::from(order) % (market.orders.len() - usize::from(created)).max(1) + 1;
    let found = naive.find(old).expect("only a resting order is replaced");
    let limit = ticks.map_or(found.limit, price);
    let total = lots.map_or(found.total, quantity);
    assert_eq!(created, limit != found.limit || total > found.total, "what keeps its place");
    let left = total - (found.total - found.left);
    if created {
        // The new order asks for what was left, and has executed nothing.
        let new = Plain { number: market.orders.len(), limit, left, total: left, ..found.clone() };
        naive.remove(|order| order.number != old);
        naive.enter(new);
    } else {
        (found.left, found.total) = (left, total);
    }
}

fn check(market: &Market, naive: &Naive, action: Action) {
    assert_eq!(market.deals, naive.deals, "after {action:?}");
    let mut resting: Vec<_> =
        naive.resting.iter().map(|order| (order.number, order.buys, order.limit, order.left)).collect();
    resting.sort_unstable();
    assert_eq!(market.resting(), resting, "after {action:?}");
    let auction = market.trading.indicative_auction(id("ACME"));
    let auction = auction.map(|found| (found.price.0, found.quantity.0, found.surplus));
    assert!(auction.is_none() || auction == naive.auction(), "after {action:?}");
    for (side, buys) in [(Side::Buy, true), (Side::Sell, false)] {
        let of_side = resting.iter().filter(|order| order.1 == buys);
        let best = if buys { of_side.map(|order| order.2).max() } else { of_side.map(|order| order.2).min() };
        assert_eq!(market.trading.best(id("ACME"), side).map(|price| price.0), best);
    }
    market.trading.ledger().audit().expect("money adds up");
}

fuzz_target!(|actions: Vec<Action>| {
    let mut market = OPEN.clone();
    let mut naive = Naive::new(REFERENCE, TICK as usize);
    for action in actions.into_iter().take(64) {
        let Ok(events) = market.act(action) else { continue };
        follow(&mut naive, action, &events, &market);
        check(&market, &naive, action);
    }
    market.check_replay();
});
