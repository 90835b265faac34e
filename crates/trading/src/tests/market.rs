//! A small made-up market, with the moments that a node would give it, that accepts orders as the order flow would.

use super::invariants;
use crate::{Command, Event, OrderKind, Phase, PlaceOrder, Refusal, Trading};
use std::fmt::Debug;
use std::str::FromStr;
use vocabulary::{
    Amount, Asset, AssetKind, CorrelationId, FeeSchedule, Fill, Instrument, Moment, OrderId, Price, Quantity,
    Reason, Reserved, SelfTradePrevention, SettledSide, Side, StepBound, TimeInForce, Timestamp, Trade,
};

pub(crate) fn id<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// ACME at 100.00 EUR, band 80.00 to 120.00, maker 0.1 %, taker 0.2 %.
pub(crate) fn acme() -> Instrument {
    Instrument {
        instrument: id("ACME"),
        isin: None,
        market: id("MAIN"),
        base: id("ACME"),
        quote: id("EUR"),
        price_scale: 2,
        tick: Price(1),
        lot: Quantity(1),
        band_bp: Some(2_000),
        reference_price: Price(100_00),
        settlement_days: 2,
        calendar: id("DAYS"),
        fees: FeeSchedule { maker_ppm: 1_000, taker_ppm: 2_000 },
        base_scale: 0,
        quote_scale: 2,
    }
}

/// A limit order of ANN, to be changed where a test wants it otherwise.
pub(crate) fn order(side: Side, price: i64, quantity: i64) -> PlaceOrder {
    PlaceOrder {
        account: id("ANN"),
        instrument: id("ACME"),
        side,
        kind: OrderKind::Limit(Price(price)),
        quantity: Quantity(quantity),
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        self_trade_prevention: SelfTradePrevention::Off,
        client_order_id: None,
        user: id("user-1"),
    }
}

/// Accounts, who clears for them, and who owns them: ANN and ANNA are of one owner.
pub(crate) const ACCOUNTS: [(&str, &str, &str); 4] = [
    ("ANN", "NORTH", "owner-1"),
    ("ANNA", "SOUTH", "owner-1"),
    ("BOB", "SOUTH", "owner-2"),
    ("CAT", "SOUTH", "owner-3"),
];

#[derive(Clone)]
pub(crate) struct Market {
    pub(crate) trading: Trading,
    pub(crate) history: Vec<(Moment, Command, Vec<Event>)>,
    /// Orders by number, in the order of their creation.
    pub(crate) orders: Vec<OrderId>,
    pub(crate) trades: Vec<Trade>,
    position: u64,
}

impl Market {
    pub(crate) fn empty() -> Self {
        let trading = Trading::default();
        Self { trading, history: Vec::new(), orders: Vec::new(), trades: Vec::new(), position: 0 }
    }

    /// Assets, participants and accounts with `cash` and `shares` each, and ACME, closed.
    pub(crate) fn closed(cash: i128, shares: i128) -> Self {
        let mut market = Self::empty();
        for (asset, kind, scale) in [("EUR", AssetKind::Currency, 2), ("ACME", AssetKind::Security, 0)] {
            market.command(Command::DefineAsset(Asset { asset: id(asset), kind, scale })).unwrap();
        }
        market.command(Command::DefineInstrument(Box::new(acme()))).unwrap();
        for (account, participant, owner) in ACCOUNTS {
            market.command(Command::RegisterParticipant { participant: id(participant) }).unwrap();
            let (account, owner) = (id(account), id(owner));
            market.command(Command::OpenAccount { account, participant: id(participant), owner }).unwrap();
            for (asset, amount) in [("EUR", cash), ("ACME", shares)] {
                let (asset, amount) = (id(asset), Amount(amount));
                market.command(Command::Deposit { account, asset, amount }).unwrap();
            }
        }
        market
    }

    /// In continuous trading, with a million EUR and ten thousand shares in every account.
    pub(crate) fn open() -> Self {
        Self::open_with(1_000_000_00, 10_000)
    }

    pub(crate) fn open_with(cash: i128, shares: i128) -> Self {
        let mut market = Self::closed(cash, shares);
        market.command(Command::OpenBusinessDay { date: id("2023-02-07") }).unwrap();
        market.set_phase(Phase::Continuous).unwrap();
        market
    }

    pub(crate) fn set_phase(&mut self, phase: Phase) -> Result<Vec<Event>, Refusal> {
        self.command(Command::SetPhase { instrument: id("ACME"), phase })
    }

    /// Decides and folds in one command, as a record of its own.
    pub(crate) fn command(&mut self, command: Command) -> Result<Vec<Event>, Refusal> {
        self.position += 1;
        self.step(command)
    }

    /// Decides and folds in one command within the record before.
    fn step(&mut self, command: Command) -> Result<Vec<Event>, Refusal> {
        let at = Moment { position: self.position, time: Timestamp(self.position * 1_000) };
        let correlation = CorrelationId(u128::from(self.position));
        let events = self.trading.decide(&command, at, correlation, StepBound::USUAL)?.into_vec();
        for event in &events {
            match event {
                Event::OrderCreated(created) => self.orders.push(created.terms.order),
                Event::OrderExecuted(trade) => self.trades.push(*trade),
                _ => {}
            }
            self.trading.apply(event, at);
        }
        self.history.push((at, command, events.clone()));
        Ok(events)
    }

    /// An order or a replacement that its participants clear at once.
    pub(crate) fn enter(&mut self, command: Command) -> Result<Vec<Event>, Refusal> {
        let mut events = self.command(command)?;
        if let Some(Event::OrderCreated(created)) = events.first() {
            let order = created.terms.order;
            events.extend(self.accept(order)?);
        }
        Ok(events)
    }

    /// A participant's last yes, and what it lets through behind it.
    pub(crate) fn accept(&mut self, order: OrderId) -> Result<Vec<Event>, Refusal> {
        let mut events = self.step(Command::AcceptOrder { order })?;
        events.extend(self.let_through());
        Ok(events)
    }

    pub(crate) fn reject(&mut self, order: OrderId) -> Result<Vec<Event>, Refusal> {
        let reason = Reason { code: "risk.test".to_owned(), message: "as the test wants it".to_owned() };
        let mut events = self.command(Command::RejectOrder { order, reason })?;
        events.extend(self.let_through());
        Ok(events)
    }

    fn let_through(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(order) = self.trading.next_cleared(id("ACME")) {
            events.extend(self.step(Command::AcceptOrder { order }).unwrap());
        }
        events
    }

    /// What settlement reports of one side of a trade, by the trade's number.
    pub(crate) fn settled_side(&self, trade: usize, side: Side) -> SettledSide {
        let trade = self.trades[trade];
        let of = trade.side(side);
        let created = self.history.iter().flat_map(|(_, _, events)| events).find_map(|event| match event {
            Event::OrderCreated(created) if created.terms.order == of.order => Some(created.terms),
            _ => None,
        });
        let amount = i64::try_from(of.reserved.0).unwrap();
        let fill = Fill {
            trade: trade.trade,
            part: of.part,
            used: Reserved { quantity: trade.quantity.0, amount },
            quantity: trade.quantity,
            notional: trade.notional,
            fee: of.fee,
            trade_date: trade.trade_date,
        };
        SettledSide { terms: created.unwrap(), fill, date: id("2023-02-09") }
    }

    pub(crate) fn settle(&mut self, trade: usize, side: Side) -> Result<Vec<Event>, Refusal> {
        let side = Box::new(self.settled_side(trade, side));
        self.command(Command::Settle { side })
    }

    pub(crate) fn verify(&self) {
        invariants::verify(&self.trading);
    }

    /// The same decisions again, events alone, and a snapshot taken half-way: all come to the same state.
    pub(crate) fn check_replay(&self) {
        let mut decided = Trading::default();
        let mut applied = Trading::default();
        for (number, (at, command, events)) in self.history.iter().enumerate() {
            let again = decided
                .decide(command, *at, CorrelationId(u128::from(at.position)), StepBound::USUAL)
                .unwrap();
            assert_eq!(again.as_slice(), events.as_slice(), "{command:?} is decided again as before");
            for event in events {
                decided.apply(event, *at);
                let bytes = minicbor::to_vec(event).unwrap();
                let read: Event = minicbor::decode(&bytes).unwrap();
                assert_eq!(&read, event, "what is written reads back the same");
                applied.apply(&read, *at);
            }
            if number == self.history.len() / 2 {
                let bytes = minicbor::to_vec(&applied).unwrap();
                applied = minicbor::decode(&bytes).unwrap();
                assert_eq!(minicbor::to_vec(&applied).unwrap(), bytes, "a snapshot has one form");
            }
        }
        assert!(decided == self.trading, "deciding again gives the same state");
        assert!(applied == self.trading, "events and a snapshot half-way give the same state");
        assert_eq!(minicbor::to_vec(&applied).unwrap(), minicbor::to_vec(&self.trading).unwrap());
    }
}
