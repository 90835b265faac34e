//! A small made-up market: two participants, three accounts, one instrument.

use crate::{Command, Engine, Event, Executed, Hosts, Outcome, Record, Refusal, Request};
use trading::{OrderKind, Phase, PlaceOrder};
use vocabulary::{
    Amount, Asset, AssetKind, CorrelationId, FeeSchedule, Instrument, Moment, OrderId, Price, Quantity,
    SelfTradePrevention, Side, TimeInForce, Timestamp,
};

pub(crate) fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// An engine with the position and time that a node would give it.
pub(crate) struct Market {
    pub(crate) engine: Engine,
    pub(crate) records: Vec<Record>,
    pub(crate) now: u64,
}

pub(crate) fn instrument() -> Instrument {
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
        fees: FeeSchedule { maker_ppm: 100, taker_ppm: 300 },
        base_scale: 0,
        quote_scale: 2,
    }
}

pub(crate) fn limit(account: &str, side: Side, price: i64, quantity: i64) -> PlaceOrder {
    PlaceOrder {
        account: id(account),
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

/// Commands that make the market known, with funds in every account.
pub(crate) fn definitions() -> Vec<Command> {
    let asset = |code: &str, kind, scale| {
        Command::Trading(trading::Command::DefineAsset(Asset { asset: id(code), kind, scale }))
    };
    let mut all = vec![
        asset("EUR", AssetKind::Currency, 2),
        asset("ACME", AssetKind::Security, 0),
        Command::Trading(trading::Command::DefineInstrument(Box::new(instrument()))),
        Command::Compliance(compliance::Command::ActivatePolicy { bundle: compliance::default_bundle() }),
        Command::Trading(trading::Command::OpenBusinessDay { date: id("2023-02-07") }),
        Command::Trading(trading::Command::SetPhase { instrument: id("ACME"), phase: Phase::Continuous }),
    ];
    for (account, participant) in [("ANN", "NORTH"), ("BOB", "SOUTH"), ("CAT", "SOUTH")] {
        all.push(Command::Trading(trading::Command::RegisterParticipant { participant: id(participant) }));
        let (participant, owner) = (id(participant), id(&format!("owner-{account}")));
        all.push(Command::Settlement(settlement::Command::SetQuota {
            participant,
            asset: id("EUR"),
            quota: Amount(1_000_000_00),
        }));
        all.push(Command::Trading(trading::Command::OpenAccount {
            account: id(account),
            participant,
            owner,
        }));
        for (asset, amount) in [("EUR", 500_000_00), ("ACME", 10_000)] {
            let (account, asset, amount) = (id(account), id(asset), Amount(amount));
            all.push(Command::Trading(trading::Command::Deposit { account, asset, amount }));
        }
    }
    all
}

/// The same with limits and quotas that nothing in a test reaches, for many orders.
pub(crate) fn wide_definitions() -> Vec<Command> {
    let data = r#"{"finance":{"limits":{"base":{"single_order":5000,"orders_per_hour":100000}}}}"#;
    let mut all = definitions();
    for command in &mut all {
        if let Command::Compliance(compliance::Command::ActivatePolicy { bundle }) = command {
            *bundle = bundle.with_data(data);
        }
        if let Command::Settlement(settlement::Command::SetQuota { quota, .. }) = command {
            *quota = Amount::MAX;
        }
    }
    all
}

/// The same order with the client's own id.
pub(crate) fn named(order: PlaceOrder, name: &str) -> PlaceOrder {
    PlaceOrder { client_order_id: Some(id(name)), ..order }
}

pub(crate) fn place(order: PlaceOrder) -> Command {
    Command::Trading(trading::Command::PlaceOrder(order))
}

impl Market {
    pub(crate) fn empty(hosts: Hosts) -> Self {
        Self { engine: Engine::new(hosts), records: Vec::new(), now: 1_675_733_400_000_000_000 }
    }

    pub(crate) fn open() -> Self {
        Self::defined(definitions())
    }

    /// With limits that many orders do not reach.
    pub(crate) fn wide() -> Self {
        Self::defined(wide_definitions())
    }

    fn defined(definitions: Vec<Command>) -> Self {
        let mut market = Self::empty(Hosts::ALL);
        for command in definitions {
            market.must(command);
        }
        market
    }

    pub(crate) fn at(&self) -> Moment {
        Moment { position: self.records.len() as u64 + 1, time: Timestamp(self.now) }
    }

    pub(crate) fn request(&self, command: Command) -> Request {
        let correlation = CorrelationId(u128::from(self.at().position));
        Request { command_id: None, correlation, actor: id("user-1"), command }
    }

    pub(crate) fn submit(&mut self, request: Request) -> Executed {
        self.now += 1_000;
        let executed = self.engine.execute(request, self.at());
        if let Executed::Recorded(record) = &executed {
            self.records.push((**record).clone());
        }
        executed
    }

    pub(crate) fn run(&mut self, command: Command) -> Outcome {
        let executed = self.submit(self.request(command));
        let Executed::Recorded(record) = executed else { panic!("not a record: {executed:?}") };
        record.outcome
    }

    pub(crate) fn must(&mut self, command: Command) -> Vec<Event> {
        match self.run(command) {
            Outcome::Events(events) => events,
            Outcome::Refused(refusal) => panic!("refused: {refusal}"),
        }
    }

    pub(crate) fn refused(&mut self, command: Command) -> Refusal {
        match self.run(command) {
            Outcome::Refused(refusal) => refusal,
            Outcome::Events(events) => panic!("not refused: {events:?}"),
        }
    }

    /// Places an order and gives its id.
    pub(crate) fn place(&mut self, order: PlaceOrder) -> OrderId {
        self.must(Command::Trading(trading::Command::PlaceOrder(order)));
        OrderId(self.records.len() as u64)
    }

    /// Does all work that is waiting.
    pub(crate) fn settle_down(&mut self) {
        while let crate::Due::Now(command) = self.engine.due(Timestamp(self.now)) {
            self.must(command);
        }
    }

    /// Rebuilds from the records alone and from a snapshot, and compares.
    pub(crate) fn check_replay(&self) {
        let mut again = Engine::new(self.engine.setup());
        let mut decided = Engine::new(self.engine.setup());
        for record in &self.records {
            let bytes = minicbor::to_vec(record).unwrap();
            let read: Record = minicbor::decode(&bytes).unwrap();
            assert_eq!(&read, record, "what is written reads back the same");
            again.apply(&read);
            let redone = decided.execute(record.request.clone(), record.moment);
            assert_eq!(redone, Executed::Recorded(Box::new(record.clone())));
        }
        assert!(again.state() == self.engine.state(), "applying the events gives the same state");
        let restored = Engine::restore(self.engine.setup(), &self.engine.snapshot()).unwrap();
        assert!(restored.state() == self.engine.state(), "a snapshot gives the same state");
        self.engine.state().trading.ledger().audit().unwrap();
    }
}
