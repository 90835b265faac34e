//! The rule of the ledger: every amount of every account, booked from the events alone (B11, `docs/decisions/0004`,
//! `0005` and `0012`).
//!
//! It finds: what was created or lost, what went below zero, funds frozen, freed or charged otherwise than the rules of
//! notional and fees say, an order that is over and has something frozen, what left clearing without settlement, twice
//! or on one side only, and a balance in a refusal that is not the one that follows from history. Absent on purpose:
//! whether an order may live as it does, and what settles when.

mod book;
#[cfg(test)]
mod tests;

use super::findings::Findings;
use super::{Rule, ShardName, Violation, worth};
use book::{Book, Place};
use engine::{Command, Event, Hosts, Outcome, Record, Refusal};
use std::collections::BTreeMap;
use trading::{CreatedOrder, OrderKind};
use vocabulary::{
    AccountId, Amount, AssetId, Instrument, InstrumentId, OrderId, OrderTerms, Price, Quantity, SettledSide,
    Side, Trade, TradeId,
};

const CONSERVATION: &str = "conservation";
const EXACT: &str = "exact notional";
const FEES: &str = "fees";
const FROZEN: &str = "frozen funds";
const CLEARING: &str = "clearing";

const BOTH: [Side; 2] = [Side::Buy, Side::Sell];

/// Books of every trading shard.
#[derive(Default)]
pub struct Ledger {
    books: BTreeMap<ShardName, Books>,
    /// What settlement has made final and trading has not heard of.
    finals: BTreeMap<(TradeId, Side), SettledSide>,
}

/// The books of one trading shard.
#[derive(Default)]
struct Books {
    book: Book,
    instruments: BTreeMap<InstrumentId, Instrument>,
    /// Orders that are not over.
    orders: BTreeMap<OrderId, Open>,
    /// What is in clearing.
    claims: BTreeMap<(TradeId, Side), Claim>,
}

/// An order that is not over.
struct Open {
    terms: OrderTerms,
    limit: Price,
    remaining: Quantity,
    frozen: Amount,
}

/// One side of a trade that is not final.
struct Claim {
    terms: OrderTerms,
    trade: Trade,
}

/// What an order pays with.
fn paid_in(terms: &OrderTerms) -> AssetId {
    match terms.side {
        Side::Buy => terms.quote,
        Side::Sell => terms.base,
    }
}

/// Whether something comes in from outside or goes out.
fn is_transfer(event: &Event) -> bool {
    matches!(event, Event::Trading(trading::Event::Deposited { .. } | trading::Event::Withdrawn { .. }))
}

impl Rule for Ledger {
    fn recorded(&mut self, shard: ShardName, _hosts: Hosts, record: &Record, found: &mut Vec<Violation>) {
        let mut findings = Findings::in_record(shard, record, found);
        let books = self.books.entry(shard).or_default();
        if let Outcome::Refused(Refusal::Trading(refusal)) = &record.outcome {
            books.check_refusal(refusal, &mut findings);
        }
        let transfers = record.events().iter().filter(|event| is_transfer(event)).count();
        findings.check(transfers <= 1, CONSERVATION, || format!("{transfers} transfers for one request"));
        for event in record.events() {
            if let Event::Settlement(settlement::Event::TradeSettled { buy, sell, .. }) = event {
                for side in [buy, sell] {
                    let before = self.finals.insert((side.fill.trade, side.terms.side), **side);
                    findings.check(before.is_none(), CLEARING, || {
                        format!("settlement makes {} final a second time", side.fill.trade)
                    });
                }
            }
            if let Event::Trading(trading::Event::ExecutionSettled(side)) = event {
                let is_final = self.finals.remove(&(side.fill.trade, side.terms.side));
                findings.check(is_final == Some(**side), CLEARING, || {
                    format!("trading settles {side:?}, and settlement has made final {is_final:?}")
                });
            }
            if let Event::Trading(event) = event {
                books.post(event, &record.request.command, &mut findings);
            }
        }
        books.book.check_conserved(&mut findings);
    }

    fn ended(&mut self, found: &mut Vec<Violation>) {
        let mut findings = Findings::at_the_end(found);
        for (trade, side) in self.finals.keys() {
            findings
                .tell(CLEARING, format!("trading has not heard that the {side:?} side of {trade} is final"));
        }
        for (shard, books) in &self.books {
            books.check_end(*shard, &mut findings);
        }
    }
}

impl Books {
    fn post(&mut self, event: &trading::Event, command: &Command, findings: &mut Findings<'_>) {
        use trading::Event as E;
        match event {
            E::InstrumentDefined(instrument) => {
                findings.check(worth::is_exact(instrument), EXACT, || {
                    format!("a tick on a lot of {} is no whole number", instrument.instrument)
                });
                self.instruments.insert(instrument.instrument, (**instrument).clone());
            }
            E::Deposited { account, asset, amount } => {
                let asked = trading::Command::Deposit { account: *account, asset: *asset, amount: *amount };
                self.transfer(*account, *asset, *amount, (command, asked), findings);
            }
            E::Withdrawn { account, asset, amount } => {
                let asked = trading::Command::Withdraw { account: *account, asset: *asset, amount: *amount };
                self.transfer(*account, *asset, -*amount, (command, asked), findings);
            }
            E::OrderCreated(created) => self.freeze(created, findings),
            E::OrderRejected { order, released, .. }
            | E::OrderCanceled { order, released, .. }
            | E::OrderExpired { order, released, .. } => self.close(*order, *released, findings),
            E::OrderReduced { order, by, released, .. } => self.reduce(*order, *by, *released, findings),
            E::OrderExecuted(trade) => self.execute(trade, findings),
            E::ExecutionSettled(side) => self.settle(side, findings),
            E::AssetDefined(_)
            | E::ReferencePriceSet { .. }
            | E::ParticipantRegistered { .. }
            | E::AccountOpened { .. }
            | E::BusinessDayOpened { .. }
            | E::PhaseChanged { .. }
            | E::AuctionUncrossed { .. }
            | E::OrderCleared { .. }
            | E::OrderAccepted { .. }
            | E::OrderRested { .. }
            | E::OrderSettled { .. }
            | E::SweepStarted { .. }
            | E::SweepAdvanced { .. } => {}
        }
    }

    /// What comes in or goes out is what somebody asked for.
    fn transfer(
        &mut self,
        account: AccountId,
        asset: AssetId,
        amount: Amount,
        (command, asked): (&Command, trading::Command),
        findings: &mut Findings<'_>,
    ) {
        let is_asked = *command == Command::Trading(asked);
        findings.check(is_asked, CONSERVATION, || {
            format!("{amount} {asset} came into {account}, which nobody asked for")
        });
        self.book.come_in(asset, amount);
        self.book.change(asset, Place::Available(account), amount, findings);
    }

    fn freeze(&mut self, created: &CreatedOrder, findings: &mut Findings<'_>) {
        let CreatedOrder { terms, limit, quantity, .. } = *created;
        let order = terms.order;
        let Some(instrument) = self.instruments.get(&terms.instrument) else {
            return findings.tell(FROZEN, format!("order {order} is in an unknown instrument"));
        };
        let notional = worth::notional(instrument, limit, quantity);
        findings.check(created.notional == notional, EXACT, || {
            format!("order {order} reserves {}, and {limit:?} x {quantity} is {notional}", created.notional)
        });
        let frozen = worth::frozen(instrument, terms.side, limit, quantity);
        findings.check(created.frozen == frozen, FROZEN, || {
            format!("order {order} froze {}, and not {frozen}", created.frozen)
        });
        findings.check(is_on_grid(instrument, limit, quantity), EXACT, || {
            format!("order {order} is {quantity} at {limit:?}: not in ticks and lots")
        });
        let asked = match created.kind {
            OrderKind::Limit(price) | OrderKind::Block(price) => price,
            OrderKind::Market => limit,
        };
        findings
            .check(asked == limit, FROZEN, || format!("order {order} asked {asked:?}, and has {limit:?}"));
        let (asset, account) = (paid_in(&terms), terms.account);
        self.book.change(asset, Place::Available(account), -created.frozen, findings);
        self.book.change(asset, Place::Frozen(account), created.frozen, findings);
        self.orders.insert(order, Open { terms, limit, remaining: quantity, frozen: created.frozen });
    }

    fn unfreeze(&mut self, terms: &OrderTerms, amount: Amount, findings: &mut Findings<'_>) {
        self.book.change(paid_in(terms), Place::Frozen(terms.account), -amount, findings);
        self.book.change(paid_in(terms), Place::Available(terms.account), amount, findings);
    }

    /// The end of an order frees all that it has frozen, which is what the rest of it needs.
    fn close(&mut self, order: OrderId, released: Amount, findings: &mut Findings<'_>) {
        let Some(open) = self.orders.remove(&order) else {
            return findings.tell(FROZEN, format!("order {order} is over, and frees {released}"));
        };
        let Some(instrument) = self.instruments.get(&open.terms.instrument) else { return };
        let needed = worth::frozen(instrument, open.terms.side, open.limit, open.remaining);
        findings.check(released == needed && released == open.frozen, FROZEN, || {
            format!(
                "order {order} has {} frozen and needs {needed} for {} at its end, which frees {released}",
                open.frozen, open.remaining
            )
        });
        self.unfreeze(&open.terms, released, findings);
    }

    fn reduce(&mut self, order: OrderId, by: Quantity, released: Amount, findings: &mut Findings<'_>) {
        let Some(open) = self.orders.get_mut(&order) else {
            return findings.tell(FROZEN, format!("order {order} is over, and shrinks by {by}"));
        };
        let Some(instrument) = self.instruments.get(&open.terms.instrument) else { return };
        let needed = |quantity| worth::frozen(instrument, open.terms.side, open.limit, quantity);
        let freed = needed(open.remaining) - needed(open.remaining - by);
        findings.check(released == freed, FROZEN, || {
            format!("order {order} shrinks by {by}, which frees {released}, and not {freed}")
        });
        open.remaining -= by;
        open.frozen -= released;
        let terms = open.terms;
        self.unfreeze(&terms, released, findings);
    }

    fn execute(&mut self, trade: &Trade, findings: &mut Findings<'_>) {
        let Trade { trade: id, price, quantity, .. } = *trade;
        let Some(instrument) = self.instruments.get(&trade.instrument) else {
            return findings.tell(CLEARING, format!("trade {id} is in an unknown instrument"));
        };
        let notional = worth::notional(instrument, price, quantity);
        findings.check(trade.notional == notional && is_on_grid(instrument, price, quantity), EXACT, || {
            format!("trade {id} of {quantity} at {price:?} moves {}, and not {notional}", trade.notional)
        });
        let rates = instrument.fees;
        for side in BOTH {
            let ppm = if trade.aggressor == Some(side) { rates.taker_ppm } else { rates.maker_ppm };
            let (fee, charged) = (worth::fee(ppm, notional), trade.side(side).fee);
            findings.check(charged == fee, FEES, || {
                format!("trade {id} charges {charged} on {notional} at {ppm} ppm, and not {fee}")
            });
            self.execute_side(trade, side, findings);
        }
    }

    /// What the execution frees of the order is what the rest does not need; it pays the trade, and what a better price
    /// has saved is available again.
    fn execute_side(&mut self, trade: &Trade, side: Side, findings: &mut Findings<'_>) {
        let (id, of, quantity) = (trade.trade, trade.side(side), trade.quantity);
        let order = of.order;
        let Some(open) = self.orders.get_mut(&order) else {
            return findings
                .tell(FROZEN, format!("trade {id} executes order {order}, which has nothing frozen"));
        };
        let Some(instrument) = self.instruments.get(&trade.instrument) else { return };
        let needed = |quantity| worth::frozen(instrument, side, open.limit, quantity);
        let freed = needed(open.remaining) - needed(open.remaining - quantity);
        let taken = match side {
            Side::Buy => trade.notional + of.fee,
            Side::Sell => Amount::from(quantity),
        };
        findings.check(freed >= taken, FROZEN, || {
            format!("trade {id} takes {taken} from order {order}, of which it frees {freed}")
        });
        let reserved = worth::notional(instrument, open.limit, quantity);
        findings.check(of.reserved == reserved, FROZEN, || {
            format!("trade {id} uses {} of order {order}'s reservations, and not {reserved}", of.reserved)
        });
        open.remaining -= quantity;
        open.frozen -= freed;
        let (terms, rest, frozen) = (open.terms, open.remaining, open.frozen);
        let (asset, account) = (paid_in(&terms), terms.account);
        self.book.change(asset, Place::Frozen(account), -freed, findings);
        self.book.change(asset, Place::Clearing(account), taken, findings);
        self.book.change(asset, Place::Available(account), freed - taken, findings);
        if rest <= Quantity::ZERO {
            findings.check(frozen.is_zero(), FROZEN, || {
                format!("order {order} is executed in full with {frozen} frozen")
            });
            self.orders.remove(&order);
        }
        self.claims.insert((id, side), Claim { terms, trade: *trade });
    }

    fn settle(&mut self, settled: &SettledSide, findings: &mut Findings<'_>) {
        let (id, side, fill) = (settled.fill.trade, settled.terms.side, &settled.fill);
        let Some(Claim { terms, trade }) = self.claims.remove(&(id, side)) else {
            return findings.tell(CLEARING, format!("nothing of the {side:?} side of {id} is in clearing"));
        };
        let agreed = (trade.quantity, trade.notional, trade.side(side).fee, trade.trade_date);
        findings.check((fill.quantity, fill.notional, fill.fee, fill.trade_date) == agreed, CLEARING, || {
            format!("the {side:?} side of {id} settles {fill:?}, and {agreed:?} was agreed")
        });
        findings.check(settled.terms == terms, CLEARING, || {
            format!("the {side:?} side of {id} settles for {:?}, and not for {terms:?}", settled.terms)
        });
        let quantity = Amount::from(fill.quantity);
        let (clearing, available) = (Place::Clearing(terms.account), Place::Available(terms.account));
        let mut change = |asset, place, by| self.book.change(asset, place, by, findings);
        match side {
            Side::Buy => {
                change(terms.quote, clearing, -(fill.notional + fill.fee));
                change(terms.quote, Place::Counterparty, fill.notional);
                change(terms.base, Place::Counterparty, -quantity);
                change(terms.base, available, quantity);
            }
            Side::Sell => {
                change(terms.base, clearing, -quantity);
                change(terms.base, Place::Counterparty, quantity);
                change(terms.quote, Place::Counterparty, -fill.notional);
                change(terms.quote, available, fill.notional - fill.fee);
            }
        }
        change(terms.quote, Place::Fees, fill.fee);
    }

    /// What a refusal says of a balance is what history says.
    fn check_refusal(&self, refusal: &trading::Refusal, findings: &mut Findings<'_>) {
        let trading::Refusal::InsufficientFunds { account, asset, available, needed, .. } = refusal else {
            return;
        };
        let booked = self.book.amount(*asset, Place::Available(*account));
        findings.check(*available == booked && available < needed, CONSERVATION, || {
            format!("{account} is refused {needed} {asset} for having {available}, and it has {booked}")
        });
    }

    fn check_end(&self, shard: ShardName, findings: &mut Findings<'_>) {
        for (trade, side) in self.claims.keys() {
            let other_waits = self.claims.contains_key(&(*trade, side.opposite()));
            findings.check(other_waits, CLEARING, || {
                format!("of trade {trade} the other side than {side:?} alone is final")
            });
        }
        let mut frozen: BTreeMap<(AssetId, AccountId), Amount> = BTreeMap::new();
        for open in self.orders.values() {
            *frozen.entry((paid_in(&open.terms), open.terms.account)).or_default() += open.frozen;
        }
        for (asset, place, amount) in self.book.places() {
            if let Place::Frozen(account) = place {
                let of_orders = frozen.get(&(asset, account)).copied().unwrap_or_default();
                findings.check(amount == of_orders, FROZEN, || {
                    format!("{account} has {amount} {asset} frozen, and its orders {of_orders}")
                });
            }
            let is_passed_on = place != Place::Counterparty || amount.is_zero();
            findings.check(is_passed_on, CLEARING, || {
                format!("{amount} {asset} are between the sides of trades, {shard:?}")
            });
        }
    }
}

fn is_on_grid(instrument: &Instrument, price: Price, quantity: Quantity) -> bool {
    price.0 % instrument.tick.0 == 0 && quantity.0 % instrument.lot.0 == 0
}
