//! A small made-up market, its records, and a journal of them in memory.

use engine::{Access, Command, Engine, Executed, Hosts, Record, Request};
use node::journal::{Batch, Chain, JournalError, JournalReader, Tail, first_position, frame_into, shard_of};
use std::sync::Arc;
use trading::{OrderKind, Phase, PlaceOrder};
use vocabulary::{
    Amount, Asset, AssetKind, CorrelationId, FeeSchedule, Instrument, Moment, OrderId, Price, Quantity,
    SelfTradePrevention, Side, TimeInForce, Timestamp,
};

/// 2026-11-22, one second before midnight.
pub(crate) const BEFORE_MIDNIGHT: u64 = 1_795_391_999_000_000_000;

pub(crate) fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// An engine with the position and time that a node would give it, and all it has recorded.
pub(crate) struct Market {
    engine: Engine,
    pub(crate) records: Vec<Record>,
    now: u64,
    shard: u16,
}

fn instrument() -> Instrument {
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
        reference_price: Price(10_000),
        settlement_days: 2,
        calendar: id("DAYS"),
        fees: FeeSchedule { maker_ppm: 100, taker_ppm: 300 },
        base_scale: 0,
        quote_scale: 2,
    }
}

/// A good-till-cancel limit order of that account.
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

/// Commands that make the market known, with funds in both accounts.
fn definitions() -> Vec<Command> {
    let asset = |code: &str, kind, scale| {
        Command::Trading(trading::Command::DefineAsset(Asset { asset: id(code), kind, scale }))
    };
    let mut all = vec![
        asset("EUR", AssetKind::Currency, 2),
        asset("ACME", AssetKind::Security, 0),
        Command::Trading(trading::Command::DefineInstrument(Box::new(instrument()))),
        Command::Compliance(compliance::Command::ActivatePolicy { bundle: compliance::default_bundle() }),
        Command::Trading(trading::Command::OpenBusinessDay { date: id("2026-11-23") }),
        Command::Trading(trading::Command::SetPhase { instrument: id("ACME"), phase: Phase::Continuous }),
    ];
    for (account, participant) in [("ANN", "NORTH"), ("BOB", "SOUTH")] {
        let participant = id(participant);
        all.push(Command::Trading(trading::Command::RegisterParticipant { participant }));
        all.push(Command::Settlement(settlement::Command::SetQuota {
            participant,
            asset: id("EUR"),
            quota: Amount(10_i128.pow(16)),
        }));
        let (account, owner) = (id(account), id(&format!("owner-{account}")));
        all.push(Command::Trading(trading::Command::OpenAccount { account, participant, owner }));
        for (asset, amount) in [("EUR", 10_i128.pow(16)), ("ACME", 10_i128.pow(12))] {
            let (asset, amount) = (id(asset), Amount(amount));
            all.push(Command::Trading(trading::Command::Deposit { account, asset, amount }));
        }
    }
    all
}

impl Market {
    /// Open for orders at that time, under the default policy.
    pub(crate) fn open(now: u64) -> Self {
        Self::open_in_shard(now, 0)
    }

    fn open_in_shard(now: u64, shard: u16) -> Self {
        let mut market = Self { engine: Engine::new(Hosts::ALL), records: Vec::new(), now, shard };
        for command in definitions() {
            market.run(command);
        }
        market
    }

    /// Records a request of `user-1`, a microsecond after the last one.
    pub(crate) fn run(&mut self, command: Command) -> &Record {
        self.now += 1_000;
        let position = first_position(self.shard) + self.records.len() as u64;
        let request = Request {
            command_id: None,
            correlation: CorrelationId(u128::from(position)),
            actor: id("user-1"),
            command,
        };
        let at = Moment { position, time: Timestamp(self.now) };
        let Executed::Recorded(record) = self.engine.execute(request, at) else {
            panic!("no two commands are the same")
        };
        self.records.push(*record);
        self.records.last().unwrap()
    }

    pub(crate) fn place(&mut self, order: PlaceOrder) -> &Record {
        self.run(Command::Trading(trading::Command::PlaceOrder(order)))
    }

    /// Cancels the order, whether it is there or not.
    pub(crate) fn cancel(&mut self, order: u64) -> &Record {
        self.run(Command::Trading(trading::Command::CancelOrder { order: OrderId(order) }))
    }

    pub(crate) fn access(&mut self, operation: &str, status: u16, code: Option<&str>) -> &Record {
        let (operation, code) = (operation.to_owned(), code.map(str::to_owned));
        self.run(Command::RecordAccess(Access { operation, status, code, unrecorded: None }))
    }

    pub(crate) fn wait_ns(&mut self, ns: u64) {
        self.now += ns;
    }
}

/// Everything that the audit log tells apart, over three days of which one has no orders.
pub(crate) fn a_few_days() -> Vec<Record> {
    a_few_days_of_shard(0)
}

/// The same in a shard of that number.
pub(crate) fn a_few_days_of_shard(shard: u16) -> Vec<Record> {
    let mut market = Market::open_in_shard(BEFORE_MIDNIGHT, shard);
    let sold = market.place(limit("BOB", Side::Sell, 10_000, 10)).moment.position;
    market.place(limit("ANN", Side::Buy, 10_100, 4));
    market.place(limit("ANN", Side::Buy, 10_000, 20_000));
    market.cancel(7);
    market.access("GET /audit", 200, None);
    market.wait_ns(1_000_000_000);
    market.access("GET /accounts/BOB", 403, Some("api.forbidden"));
    market.run(Command::ExpireDeadlines);
    market.wait_ns(86_400_000_000_000);
    let stricter = compliance::default_bundle();
    let data = stricter.data.replace("1000000", "1000");
    assert_ne!(data, stricter.data, "the default limit is a million");
    let bundle = stricter.with_data(data);
    market.run(Command::Compliance(compliance::Command::ActivatePolicy { bundle }));
    market.place(limit("ANN", Side::Buy, 10_000, 11));
    market.place(limit("ANN", Side::Buy, 10_000, 2));
    market.cancel(sold);
    market.records
}

/// The records as followers get them.
pub(crate) fn batch(records: &[Record]) -> [node::Batch; 1] {
    [Arc::new(records.to_vec())]
}

/// A journal in memory.
pub(crate) struct Journal {
    shard: u16,
    batches: Vec<Batch>,
    chain: Chain,
}

impl Journal {
    /// Holds the records in batches of three.
    pub(crate) fn of(records: &[Record]) -> Self {
        let shard = records.first().map_or(0, |first| shard_of(first.moment.position));
        let mut chain = Chain::genesis(shard);
        let seal = |records: &[Record]| {
            let mut bytes = Vec::new();
            for record in records {
                frame_into(&mut bytes, |out| minicbor::encode(record, out).unwrap());
            }
            chain.seal(1, u32::try_from(records.len()).unwrap(), bytes)
        };
        let batches = records.chunks(3).map(seal).collect();
        Self { shard, batches, chain }
    }
}

impl JournalReader for Journal {
    fn shard(&self) -> u16 {
        self.shard
    }

    fn tail(&self) -> Result<Tail, JournalError> {
        Ok(self.chain.tail())
    }

    fn read_from(&self, position: u64, _: usize) -> Result<Vec<Batch>, JournalError> {
        let start = self.batches.partition_point(|batch| batch.next_position() <= position);
        Ok(self.batches[start..].iter().take(2).cloned().collect())
    }
}
