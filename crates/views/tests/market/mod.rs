//! A small made-up market, run by the real engine: two markets (one settles gross, one net), three participants.

#![allow(dead_code, unreachable_pub, reason = "each test and example uses its part")]

pub mod day;

use engine::{Command, Due, Engine, Executed, Hosts, Outcome, Record, Request};
use std::str::FromStr;
use trading::{OrderKind, Phase, PlaceOrder};
use vocabulary::{
    Amount, Asset, AssetKind, CorrelationId, FeeSchedule, Instrument, Moment, OrderId, Price, Quantity,
    SelfTradePrevention, SettlementModel, Side, TimeInForce, Timestamp,
};

pub fn id<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

/// An engine with the position and time that a node would give it.
pub struct Market {
    pub engine: Engine,
    pub records: Vec<Record>,
    pub now: u64,
    pub first_position: u64,
}

pub const ACCOUNTS: [(&str, &str, &str); 4] = [
    ("ANN", "NORTH", "owner-a"),
    ("AMY", "NORTH", "owner-a"),
    ("BOB", "SOUTH", "owner-b"),
    ("CAT", "WEST", "owner-c"),
];

pub fn instrument(symbol: &str, market: &str) -> Instrument {
    Instrument {
        instrument: id(symbol),
        isin: None,
        market: id(market),
        base: id(symbol),
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

pub fn limit(account: &str, side: Side, price: i64, quantity: i64) -> PlaceOrder {
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

pub fn phase(symbol: &str, phase: Phase) -> Command {
    trading::Command::SetPhase { instrument: id(symbol), phase }.into_command()
}

/// Shorter than naming the context each time.
pub trait IntoCommand {
    fn into_command(self) -> Command;
}

impl IntoCommand for trading::Command {
    fn into_command(self) -> Command {
        Command::Trading(self)
    }
}

impl IntoCommand for settlement::Command {
    fn into_command(self) -> Command {
        Command::Settlement(self)
    }
}

impl IntoCommand for risk::Command {
    fn into_command(self) -> Command {
        Command::Risk(self)
    }
}

impl IntoCommand for compliance::Command {
    fn into_command(self) -> Command {
        Command::Compliance(self)
    }
}

/// Commands that make assets, instruments and rules known.
pub fn definitions() -> Vec<Command> {
    let asset = |code: &str, kind, scale| {
        trading::Command::DefineAsset(Asset { asset: id(code), kind, scale }).into_command()
    };
    let net = settlement::Command::SetSettlementModel { market: id("NETTED"), model: SettlementModel::Net };
    vec![
        asset("EUR", AssetKind::Currency, 2),
        asset("ACME", AssetKind::Security, 0),
        asset("BOLT", AssetKind::Security, 0),
        trading::Command::DefineInstrument(Box::new(instrument("ACME", "MAIN"))).into_command(),
        trading::Command::DefineInstrument(Box::new(instrument("BOLT", "NETTED"))).into_command(),
        net.into_command(),
        compliance::Command::ActivatePolicy { bundle: compliance::default_bundle() }.into_command(),
        trading::Command::OpenBusinessDay { date: id("2023-02-07") }.into_command(),
    ]
}

/// Commands that open an account with funds.
pub fn opening(account: &str, participant: &str, owner: &str, euros: i128) -> Vec<Command> {
    let (participant, account) = (id(participant), id(account));
    let quota =
        settlement::Command::SetQuota { participant, asset: id("EUR"), quota: Amount(10_i128.pow(14)) };
    let open = trading::Command::OpenAccount { account, participant, owner: id(owner) };
    let mut all = vec![
        trading::Command::RegisterParticipant { participant }.into_command(),
        quota.into_command(),
        open.into_command(),
    ];
    for (asset, amount) in [("EUR", euros), ("ACME", 10_000_000), ("BOLT", 10_000_000)] {
        let deposit = trading::Command::Deposit { account, asset: id(asset), amount: Amount(amount) };
        all.push(deposit.into_command());
    }
    all
}

impl Market {
    pub fn empty() -> Self {
        Self::empty_in_shard(0)
    }

    fn empty_in_shard(shard: u16) -> Self {
        let (engine, first_position) = (Engine::new(Hosts::ALL), node::journal::first_position(shard));
        Self { engine, records: Vec::new(), now: 1_675_733_400_000_000_000, first_position }
    }

    /// Everything known, everybody funded, nothing traded yet.
    pub fn open() -> Self {
        Self::open_in_shard(0)
    }

    /// The same in a shard of that number.
    pub fn open_in_shard(shard: u16) -> Self {
        let mut market = Self::empty_in_shard(shard);
        definitions().into_iter().for_each(|command| drop(market.must(command)));
        for (account, participant, owner) in ACCOUNTS {
            for command in opening(account, participant, owner, 500_000_00) {
                market.must(command);
            }
        }
        market
    }

    pub fn at(&self) -> Moment {
        Moment { position: self.first_position + self.records.len() as u64, time: Timestamp(self.now) }
    }

    pub fn submit(&mut self, command: Command) -> Outcome {
        self.now += 1_000_000;
        let correlation = CorrelationId(0xC0 << 64 | u128::from(self.at().position));
        let request = Request { command_id: None, correlation, actor: id("user-1"), command };
        match self.engine.execute(request, self.at()) {
            Executed::Recorded(record) => {
                let outcome = record.outcome.clone();
                self.records.push(*record);
                outcome
            }
            other @ (Executed::Repeated { .. } | Executed::Answered(_)) => panic!("not recorded: {other:?}"),
        }
    }

    pub fn must(&mut self, command: Command) -> Vec<engine::Event> {
        match self.submit(command) {
            Outcome::Events(events) => events,
            Outcome::Refused(refusal) => panic!("refused: {refusal}"),
        }
    }

    pub fn refused(&mut self, command: Command) -> engine::Refusal {
        match self.submit(command) {
            Outcome::Refused(refusal) => refusal,
            Outcome::Events(events) => panic!("not refused: {events:?}"),
        }
    }

    /// Places an order and gives its id.
    pub fn place(&mut self, order: PlaceOrder) -> OrderId {
        self.must(trading::Command::PlaceOrder(order).into_command());
        OrderId(self.at().position - 1)
    }

    /// Does all work that is waiting.
    pub fn settle_down(&mut self) {
        while let Due::Now(command) = self.engine.due(Timestamp(self.now)) {
            self.must(command);
        }
    }

    pub fn process(&mut self, date: &str) {
        self.must(settlement::Command::Process { date: id(date) }.into_command());
        self.settle_down();
    }
}
