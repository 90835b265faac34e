//! The risk context, told as histories: given, when, then.

mod alerts;
mod encoding;
mod flow;
mod limits;
mod properties;
mod reports;
mod switches;

use crate::{Command, Event, Measure, Refusal, Risk, Scope};
use vocabulary::{
    Amount, CorrelationId, Date, Fill, Moment, OrderId, OrderTerms, Quantity, Reserved, SettledSide, Side,
    Timestamp, TradeId,
};

const SECOND_NS: u64 = 1_000_000_000;

/// Risk, and what time it is there.
#[derive(Clone, Default)]
struct World {
    state: Risk,
    at: Moment,
}

impl World {
    fn does(&mut self, command: &Command) -> Vec<Event> {
        let events = match self.state.decide(command, self.at) {
            Ok(events) => events.into_vec(),
            Err(refusal) => panic!("{command:?} was refused: {refusal}"),
        };
        for event in &events {
            self.state.apply(event, self.at);
        }
        events
    }

    fn finds_done(&self, command: &Command) {
        assert_eq!(self.state.decide(command, self.at).map(|events| events.into_vec()), Ok(Vec::new()));
    }

    fn refuses(&self, command: &Command) -> Refusal {
        match self.state.decide(command, self.at) {
            Ok(events) => panic!("{command:?} was not refused: {events:?}"),
            Err(refusal) => refusal,
        }
    }

    fn waits_ns(&mut self, ns: u64) {
        self.at.time = self.at.time.plus_ns(ns);
    }

    fn limits(&mut self, scope: Scope, measure: Measure, limit: i128) {
        self.does(&Command::SetLimit { scope, measure, limit: Some(Amount(limit)) });
    }

    /// What is used of a measure.
    fn used(&self, scope: Scope, measure: Measure) -> i128 {
        let lines = self.state.exposure(scope);
        lines.iter().find(|line| line.measure == measure).map_or(0, |line| line.used.0)
    }
}

/// An order of account A1, cleared by P, for 10 shares of X at a limit of 100, and its messages.
#[derive(Clone, Copy)]
struct Order {
    terms: OrderTerms,
    price: i64,
    quantity: i64,
}

fn order(id: u64, side: Side, quantity: i64) -> Order {
    let terms = OrderTerms {
        order: OrderId(id),
        account: "A1".parse().unwrap(),
        participant: "P".parse().unwrap(),
        instrument: "X".parse().unwrap(),
        market: "M".parse().unwrap(),
        base: "X".parse().unwrap(),
        quote: "CNY".parse().unwrap(),
        side,
        correlation: CorrelationId(u128::from(id)),
    };
    Order { terms, price: 100, quantity }
}

fn buy(id: u64, quantity: i64) -> Order {
    order(id, Side::Buy, quantity)
}

fn sell(id: u64, quantity: i64) -> Order {
    order(id, Side::Sell, quantity)
}

impl Order {
    fn of(mut self, account: &str, participant: &str) -> Self {
        self.terms.account = account.parse().unwrap();
        self.terms.participant = participant.parse().unwrap();
        self
    }

    fn for_instrument(mut self, instrument: &str) -> Self {
        self.terms.instrument = instrument.parse().unwrap();
        self
    }

    fn reserved(&self, quantity: i64) -> Reserved {
        Reserved { quantity, amount: quantity * self.price }
    }

    fn hold(&self) -> Command {
        let reserved = self.reserved(self.quantity);
        Command::Hold { terms: self.terms, reserved, deadline: Timestamp(u64::MAX) }
    }

    /// A fill at one less than the order's limit.
    fn fill(&self, part: u32, quantity: i64) -> Fill {
        Fill {
            trade: TradeId { position: self.terms.order.0, index: part },
            part,
            used: self.reserved(quantity),
            quantity: Quantity(quantity),
            notional: Amount(i128::from(quantity * (self.price - 1))),
            fee: Amount(1),
            trade_date: date("2023-02-07"),
        }
    }

    fn confirm(&self, part: u32, quantity: i64) -> Command {
        Command::Confirm { terms: self.terms, fill: self.fill(part, quantity) }
    }

    fn reduce(&self, part: u32, quantity: i64) -> Command {
        Command::Reduce { terms: self.terms, part, what: self.reserved(quantity) }
    }

    fn release(&self, parts: u32) -> Command {
        Command::Release { terms: self.terms, parts, until: vocabulary::Timestamp::default() }
    }

    fn settle(&self, part: u32, quantity: i64) -> Command {
        let side =
            SettledSide { terms: self.terms, fill: self.fill(part, quantity), date: date("2023-02-08") };
        Command::Settle { side }
    }
}

fn account(account: &str) -> Scope {
    Scope::Account(account.parse().unwrap())
}

fn participant(participant: &str) -> Scope {
    Scope::Participant(participant.parse().unwrap())
}

fn position() -> Measure {
    Measure::Position("X".parse().unwrap())
}

fn gross() -> Measure {
    Measure::GrossExposure("CNY".parse().unwrap())
}

fn notional() -> Measure {
    Measure::OrderNotional("CNY".parse().unwrap())
}

fn quantity() -> Measure {
    Measure::OrderQuantity("X".parse().unwrap())
}

fn exceeded(scope: Scope, measure: Measure, limit: i128, would_be: i128) -> Refusal {
    Refusal::LimitExceeded { scope, measure, limit: Amount(limit), would_be: Amount(would_be) }
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}
