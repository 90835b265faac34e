//! Matching: every execution, cancellation and rest of an order is the one that price-time priority asks for.
//!
//! Keeps a book of its own for each instrument of each trading shard. When an order is accepted, or an auction ends, the
//! rule knows from that book what must come next, event by event, and holds it against what was recorded; then it takes
//! over what was recorded, so that one deviation is told once. Rules: price, then time, at the resting order's price;
//! self-trade prevention per owner (`docs/decisions/0015`); replacement (`docs/decisions/0016`); one price for an
//! auction; orders reach a book in the order of their creation (C10). Deliberately absent: funds and holds.

mod auction;
mod book;
mod execution;
mod incoming;
mod requests;
mod terms;
#[cfg(test)]
mod tests;

use engine::{Context, Event, Hosts, Record};
use std::collections::BTreeMap;
use trading::{Cause, CreatedOrder, Event as E, OrderKind, Phase, Scope};
use vocabulary::{AccountId, Date, InstrumentId, Moment, OrderId, SelfTradePrevention, TimeInForce, UserId};

use super::findings::Findings;
use super::{Rule, ShardName, Violation};
use auction::{Uncross, uncross};
use book::{Market, Order};
use incoming::{Incoming, Step};

/// Price-time priority, auctions, self-trade prevention, and the order in which orders reach a book.
#[derive(Debug, Default)]
pub struct Priority {
    shards: BTreeMap<ShardName, Shard>,
}

impl Rule for Priority {
    fn recorded(&mut self, shard: ShardName, hosts: Hosts, record: &Record, found: &mut Vec<Violation>) {
        if hosts.has(Context::Trading) {
            let mut found = Findings::in_record(shard, record, found);
            self.shards.entry(shard).or_default().follow(record, &mut found);
        }
    }

    fn ended(&mut self, found: &mut Vec<Violation>) {
        let found = &mut Findings::at_the_end(found);
        for market in self.shards.values().flat_map(|shard| shard.markets.values()) {
            if let Some(order) = market.line.first() {
                found.tell("order of creation", format!("order {} was never decided", order.id));
            }
            check_standing(market, found);
        }
    }
}

/// What must not stand on a book between two records.
fn check_standing(market: &Market, found: &mut Findings<'_>) {
    let instrument = market.instrument.instrument;
    if market.phase == Phase::Continuous
        && let Some((buy, sell)) = market.crossed()
    {
        let told = format!("{instrument}: orders {} and {} cross and have not traded", buy.id, sell.id);
        found.tell("crossed book", told);
    }
    let mut days = market.book.iter().filter(|order| order.time_in_force == TimeInForce::Day);
    if market.phase == Phase::Closed
        && let Some(order) = days.next()
    {
        let told = format!("{instrument} is closed, and day order {} is still on its book", order.id);
        found.tell("time in force", told);
    }
}

/// What is going on within a record.
#[derive(Debug, Default)]
enum Course {
    #[default]
    Idle,
    /// This order was taken out for one that must be accepted next.
    Replaced {
        old: OrderId,
        executed: i64,
    },
    Incoming(Box<Incoming>),
    /// An auction trades, and then the phase changes.
    Auction {
        instrument: InstrumentId,
        price: i64,
        left: i64,
    },
}

/// A trading shard.
#[derive(Debug, Default)]
struct Shard {
    owners: BTreeMap<AccountId, UserId>,
    day: Option<Date>,
    markets: BTreeMap<InstrumentId, Market>,
    /// The instruments of the orders in line and on the books.
    listed: BTreeMap<OrderId, InstrumentId>,
    /// Legs of block trades, which are on no book.
    legs: BTreeMap<OrderId, Order>,
    course: Course,
    /// Executions of the record so far.
    trades: u32,
}

impl Shard {
    fn follow(&mut self, record: &Record, found: &mut Findings<'_>) {
        self.trades = 0;
        self.check_request(record, found);
        for event in record.events() {
            if let Event::Trading(event) = event {
                self.hear(event, record.moment, found);
            }
        }
        self.interrupt(found);
    }

    fn hear(&mut self, event: &E, at: Moment, found: &mut Findings<'_>) {
        match event {
            E::OrderExecuted(trade) => self.execute(trade, at, found),
            E::OrderCanceled { order, cause, remaining, .. } => {
                self.cancel(*order, *cause, remaining.0, found);
            }
            E::OrderExpired { order, remaining, .. } => self.expire(*order, remaining.0, found),
            E::OrderReduced { order, by, part, .. } => self.reduce(*order, by.0, *part, found),
            E::OrderRested { order } => self.rest(*order, found),
            E::OrderAccepted { order } => self.accept(*order, found),
            E::PhaseChanged { instrument, from, to } => self.change_phase(*instrument, *from, *to, found),
            E::AuctionUncrossed { instrument, price, quantity, surplus } => {
                let told = Uncross { price: price.0, quantity: quantity.0, surplus: *surplus };
                self.uncross(*instrument, told, found);
            }
            E::OrderCreated(created) => self.create(created, found),
            E::OrderRejected { order, .. } => {
                self.interrupt(found);
                self.take_off(*order);
            }
            E::SweepStarted { scope, cause } => {
                self.interrupt(found);
                self.sweep(*scope, *cause);
            }
            E::InstrumentDefined(instrument) => {
                self.markets.insert(instrument.instrument, Market::new((**instrument).clone()));
            }
            E::ReferencePriceSet { instrument, price } => {
                if let Some(market) = self.markets.get_mut(instrument) {
                    market.instrument.reference_price = *price;
                }
            }
            E::AccountOpened { account, owner, .. } => {
                self.owners.insert(*account, *owner);
            }
            E::BusinessDayOpened { date } => self.day = Some(*date),
            E::AssetDefined(_)
            | E::ParticipantRegistered { .. }
            | E::Deposited { .. }
            | E::Withdrawn { .. }
            | E::OrderCleared { .. }
            | E::ExecutionSettled(_)
            | E::OrderSettled { .. }
            | E::SweepAdvanced { .. } => {}
        }
    }

    /// Something else begins, or the record ends: what was going on must be over.
    fn interrupt(&mut self, found: &mut Findings<'_>) {
        let told = match std::mem::take(&mut self.course) {
            Course::Idle => return,
            Course::Replaced { old, .. } => format!("order {old} was taken out, and nothing took its place"),
            Course::Incoming(incoming) => {
                let next = self.next(&incoming);
                format!("order {} was left before its end: {next:?} must follow", incoming.order.id)
            }
            Course::Auction { instrument, left, .. } => {
                format!("the auction of {instrument} stopped with {left} to trade, or without a new phase")
            }
        };
        found.tell("price-time priority", told);
    }

    fn next(&self, incoming: &Incoming) -> Step {
        let market = self.markets.get(&incoming.order.instrument);
        market.map_or(Step::Nothing, |market| incoming.next(market))
    }

    /// The incoming order and what must come next of it.
    fn awaited(&self) -> Option<(&Order, Step)> {
        let Course::Incoming(incoming) = &self.course else { return None };
        Some((&incoming.order, self.next(incoming)))
    }

    fn market_of(&mut self, order: OrderId) -> Option<&mut Market> {
        self.markets.get_mut(self.listed.get(&order)?)
    }

    fn take_off(&mut self, order: OrderId) -> Option<Order> {
        let taken = self.market_of(order).and_then(|market| market.take_off(order));
        self.listed.remove(&order);
        taken.or_else(|| self.legs.remove(&order))
    }

    /// An order that can trade: the incoming one, a leg, or one on a book.
    fn live(&self, order: OrderId) -> Option<&Order> {
        if let Course::Incoming(incoming) = &self.course
            && incoming.order.id == order
        {
            return Some(&incoming.order);
        }
        let on_book = || self.markets.get(self.listed.get(&order)?)?.on_book(order);
        self.legs.get(&order).or_else(on_book)
    }

    fn create(&mut self, created: &CreatedOrder, found: &mut Findings<'_>) {
        self.interrupt(found);
        let terms = &created.terms;
        let Some(market) = self.markets.get_mut(&terms.instrument) else { return };
        for flaw in terms::flaws_of_order(market, created, self.day) {
            found.tell("tick, lot and band", format!("order {}: {flaw}", terms.order));
        }
        let mut order = Order::new(created, self.owners.get(&terms.account).copied());
        if let Some(old) = created.replaces {
            let executed = market.on_book(old).map(|old| old.executed);
            if executed.is_none() {
                let told = format!("order {} is to replace {old}, which is not on the book", order.id);
                found.tell("replacement", told);
            }
            order.replaces = Some((old, executed.unwrap_or_default()));
        }
        if matches!(created.kind, OrderKind::Block(_)) {
            self.legs.insert(order.id, order);
        } else {
            self.listed.insert(order.id, terms.instrument);
            market.line.push(order);
        }
    }

    fn sweep(&mut self, scope: Scope, cause: Cause) {
        let covers = |order: &Order| match scope {
            Scope::All => true,
            Scope::Participant(participant) => order.participant == participant,
            Scope::Account(account) => order.account == account,
            Scope::Instrument(instrument) => order.instrument == instrument,
        };
        let lines = self.markets.values_mut().flat_map(|market| &mut market.line);
        // A kill switch stops the legs of block trades; other sweeps mean orders for the book.
        let legs = self.legs.values_mut().filter(|_| cause == Cause::KillSwitch);
        for order in lines.chain(legs).filter(|order| order.swept.is_none()) {
            let of_day = cause != Cause::DayEnded || order.time_in_force == TimeInForce::Day;
            if of_day && covers(order) {
                order.swept = Some(cause);
            }
        }
    }

    fn accept(&mut self, id: OrderId, found: &mut Findings<'_>) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.is_accepted = true;
            return self.interrupt(found);
        }
        let replaced = match std::mem::take(&mut self.course) {
            Course::Replaced { old, executed } => Some((old, executed)),
            other @ (Course::Idle | Course::Incoming(_) | Course::Auction { .. }) => {
                self.course = other;
                self.interrupt(found);
                None
            }
        };
        let Some(market) = self.market_of(id) else { return };
        let Some(at) = market.line.iter().position(|order| order.id == id) else { return };
        let first = market.line[0].id;
        if at > 0 {
            let told = format!("order {id} was accepted before {first}, which was created earlier");
            found.tell("order of creation", told);
        }
        let mut order = market.line.remove(at);
        order.is_accepted = true;
        let is_swept = order.swept.is_some();
        let mut incoming = Incoming { order, is_gone: false, since: 0, is_stopped: false };
        match (replaced, incoming.order.replaces) {
            (Some((old, executed)), Some((named, before))) if old == named => {
                incoming.since = executed - before;
                incoming.is_gone = incoming.since >= incoming.order.left();
            }
            (Some((old, _)), _) => {
                let told = format!("order {old} was taken out for {id}, which does not replace it");
                found.tell("replacement", told);
            }
            (None, Some((old, _))) if market.on_book(old).is_some() && !is_swept => {
                let told = format!("order {id} was accepted, and {old}, which it replaces, still stands");
                found.tell("replacement", told);
            }
            (None, Some(_)) => incoming.is_gone = true,
            (None, None) => {}
        }
        self.course = Course::Incoming(Box::new(incoming));
    }

    fn rest(&mut self, id: OrderId, found: &mut Findings<'_>) {
        let awaited = self.awaited().filter(|(incoming, _)| incoming.id == id);
        let Some((_, step)) = awaited else {
            self.interrupt(found);
            let told = format!("order {id} came to rest, though it was not accepted just now");
            return found.tell("price-time priority", told);
        };
        if step != Step::Rest {
            deviation(found, step, &format!("order {id} came to rest"));
        }
        if let Course::Incoming(incoming) = std::mem::take(&mut self.course)
            && let Some(market) = self.market_of(id)
        {
            market.book.push(incoming.order);
        }
    }

    fn reduce(&mut self, id: OrderId, by: i64, part: u32, found: &mut Findings<'_>) {
        let awaited = self.awaited().filter(|(incoming, _)| incoming.id == id).map(|(_, step)| step);
        match awaited {
            Some(step) if step != (Step::Reduce { by }) => {
                deviation(found, step, &format!("order {id} shrank by {by}"));
            }
            Some(_) => {}
            None => self.interrupt(found),
        }
        let order = match &mut self.course {
            Course::Incoming(incoming) if incoming.order.id == id => {
                incoming.since = 0;
                Some(&mut incoming.order)
            }
            Course::Incoming(_) | Course::Idle | Course::Replaced { .. } | Course::Auction { .. } => self
                .listed
                .get(&id)
                .and_then(|instrument| self.markets.get_mut(instrument))
                .and_then(|market| market.book.iter_mut().find(|order| order.id == id)),
        };
        let Some(order) = order else {
            return found.tell("replacement", format!("order {id} shrank and is not on the book"));
        };
        if by <= 0 || by >= order.left() || part != order.parts {
            let left = order.left();
            let told = format!("order {id} with {left} left shrank by {by} as part {part}");
            found.tell("replacement", told);
        }
        order.shrink(by);
    }

    fn cancel(&mut self, id: OrderId, cause: Cause, remaining: i64, found: &mut Findings<'_>) {
        if let Some((incoming, step)) = self.awaited() {
            if incoming.id == id {
                if step != Step::Cancel(cause) {
                    deviation(found, step, &format!("order {id} was cancelled for {cause:?}"));
                }
                check_remaining(incoming, remaining, found);
                self.listed.remove(&id);
                self.course = Course::Idle;
                return;
            }
            if cause == Cause::SelfTrade {
                if step != (Step::CancelOwn { resting: id }) {
                    deviation(found, step, &format!("resting order {id} was cancelled as its own"));
                }
                let both = incoming.prevention == SelfTradePrevention::CancelBoth;
                if let Course::Incoming(incoming) = &mut self.course {
                    incoming.is_stopped |= both;
                }
                return self.close(id, remaining, found);
            }
        }
        self.interrupt(found);
        let is_own_fault = match cause {
            Cause::Requested | Cause::KillSwitch | Cause::BlockUndone | Cause::Replaced => false,
            Cause::ImmediateOrCancel
            | Cause::FillOrKill
            | Cause::PostOnly
            | Cause::SelfTrade
            | Cause::ReplacedOrderGone
            | Cause::PhaseEnded
            | Cause::DayEnded => true,
        };
        if is_own_fault {
            let told = format!("order {id} was cancelled for {cause:?}, though nothing came in");
            found.tell("price-time priority", told);
        }
        let executed = self.live(id).map(|order| order.executed);
        self.close(id, remaining, found);
        if let (Cause::Replaced, Some(executed)) = (cause, executed) {
            self.course = Course::Replaced { old: id, executed };
        }
    }

    /// Takes out an order that was cancelled or has expired.
    fn close(&mut self, id: OrderId, remaining: i64, found: &mut Findings<'_>) {
        if let Some(order) = self.take_off(id) {
            check_remaining(&order, remaining, found);
        }
    }

    fn expire(&mut self, id: OrderId, remaining: i64, found: &mut Findings<'_>) {
        if let Some((incoming, step)) = self.awaited()
            && incoming.id == id
        {
            if step != Step::Expire {
                deviation(found, step, &format!("order {id} expired"));
            }
            self.listed.remove(&id);
            self.course = Course::Idle;
            return;
        }
        self.interrupt(found);
        if self.live(id).is_some_and(|order| order.time_in_force != TimeInForce::Day) {
            found.tell("time in force", format!("order {id} expired and is no day order"));
        }
        self.close(id, remaining, found);
    }

    fn uncross(&mut self, instrument: InstrumentId, told: Uncross, found: &mut Findings<'_>) {
        self.interrupt(found);
        let Some(market) = self.markets.get(&instrument) else { return };
        let right = uncross(market);
        if right != Some(told) {
            let told = format!("{instrument} uncrossed at {told:?}, and {right:?} is right");
            found.tell("auction price", told);
        }
        self.course = Course::Auction { instrument, price: told.price, left: told.quantity };
    }

    fn change_phase(&mut self, id: InstrumentId, from: Phase, to: Phase, found: &mut Findings<'_>) {
        if matches!(self.course, Course::Auction { instrument, left: 0, .. } if instrument == id) {
            self.course = Course::Idle;
        }
        self.interrupt(found);
        let Some(market) = self.markets.get_mut(&id) else { return };
        if market.phase != from || from == to {
            let told = format!("{id} went from {from:?} to {to:?}, and was in {:?}", market.phase);
            found.tell("phases", told);
        }
        // What has outlived the day stands out before it can trade in the next.
        check_standing(market, found);
        market.phase = to;
        let was_auction = matches!(from, Phase::OpeningAuction | Phase::ClosingAuction);
        if (to == Phase::Continuous || (was_auction && to == Phase::Closed))
            && let Some((buy, sell)) = market.crossed()
        {
            let told = format!("{id} went to {to:?}, and orders {} and {} still cross", buy.id, sell.id);
            found.tell("crossed book", told);
        }
    }
}

fn check_remaining(order: &Order, remaining: i64, found: &mut Findings<'_>) {
    if order.left() != remaining {
        let told = format!("order {} ended with {remaining} remaining, and had {}", order.id, order.left());
        found.tell("price-time priority", told);
    }
}

/// What happened is not what had to come.
fn deviation(found: &mut Findings<'_>, step: Step, told: &str) {
    let invariant = match step {
        Step::CancelOwn { .. } | Step::Cancel(Cause::SelfTrade) => "self-trade prevention",
        Step::Cancel(Cause::PhaseEnded) => "phases",
        Step::Cancel(Cause::ReplacedOrderGone) | Step::Reduce { .. } => "replacement",
        Step::Expire | Step::Cancel(_) | Step::Trade { .. } | Step::Rest | Step::Nothing => {
            "price-time priority"
        }
    };
    found.tell(invariant, format!("{told}, and {step:?} is right"));
}
