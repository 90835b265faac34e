//! How long an order takes from request to record: `cargo run --release --example order_speed -p engine`.
//!
//! A day of 58,000 orders of 100 accounts in one instrument: most come to rest near the middle, some match at once, and
//! one request in five is a cancel. Everything is hosted in one engine, so each order passes compliance, risk and
//! settlement within its own record. Not measured: writing, and the network.

#![allow(clippy::print_stdout)] // Its output is what it is for.

use compliance::{CheckInput, Rules, default_bundle};
use engine::{Command, Engine, Event, Executed, Hosts, Record, Request};
use std::hint::black_box;
use std::time::Instant;
use trading::{OrderKind, Phase, PlaceOrder};
use vocabulary::{
    AccountId, Amount, Asset, AssetKind, ClientOrderId, Code, CorrelationId, FeeSchedule, Instrument, Moment,
    OrderId, Price, Quantity, SelfTradePrevention, Side, TimeInForce, Timestamp, UserId,
};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ORDERS: u64 = 58_000;
const ACCOUNTS: u64 = 100;
const ROUNDS: usize = 5;
/// Records written at once.
const BATCH: usize = 256;

fn code(text: &str) -> Code {
    Code::new(text).expect("a code")
}

fn account(number: u64) -> AccountId {
    AccountId(code(&format!("A{number}")))
}

/// Marsaglia's xorshift64: the same day at every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn definitions() -> Vec<Command> {
    let asset = |text: &str, kind, scale| {
        let asset = vocabulary::AssetId(code(text));
        Command::Trading(trading::Command::DefineAsset(Asset { asset, kind, scale }))
    };
    let (base, quote) = (vocabulary::AssetId(code("600519")), vocabulary::AssetId(code("CNY")));
    let instrument = vocabulary::InstrumentId(code("600519"));
    let participant = vocabulary::ParticipantId(code("P1"));
    let limits =
        r#"{"finance":{"limits":{"base":{"single_order":1000000000000,"orders_per_hour":1000000000}}}}"#;
    let mut all = vec![
        asset("CNY", AssetKind::Currency, 2),
        asset("600519", AssetKind::Security, 0),
        Command::Trading(trading::Command::DefineInstrument(Box::new(Instrument {
            instrument,
            isin: None,
            market: vocabulary::MarketId(code("SSE")),
            base,
            quote,
            price_scale: 2,
            tick: Price(1),
            lot: Quantity(100),
            band_bp: Some(1_000),
            reference_price: Price(180_000),
            settlement_days: 1,
            calendar: vocabulary::CalendarId(code("SSE")),
            fees: FeeSchedule { maker_ppm: 100, taker_ppm: 300 },
            base_scale: 0,
            quote_scale: 2,
        }))),
        Command::Compliance(compliance::Command::ActivatePolicy {
            bundle: default_bundle().with_data(limits),
        }),
        Command::Trading(trading::Command::OpenBusinessDay { date: "2023-02-07".parse().expect("a date") }),
        Command::Trading(trading::Command::SetPhase { instrument, phase: Phase::Continuous }),
        Command::Trading(trading::Command::RegisterParticipant { participant }),
        Command::Settlement(settlement::Command::SetQuota { participant, asset: quote, quota: Amount::MAX }),
        Command::Risk(risk::Command::SetLimit {
            scope: risk::Scope::Participant(participant),
            measure: risk::Measure::OrderNotional(quote),
            limit: Some(Amount::MAX),
        }),
    ];
    for number in 0..ACCOUNTS {
        let account = account(number);
        let owner = UserId(format!("owner-{number}").parse().expect("an owner"));
        all.push(Command::Trading(trading::Command::OpenAccount { account, participant, owner }));
        for asset in [base, quote] {
            let amount = Amount(10_i128.pow(18));
            all.push(Command::Trading(trading::Command::Deposit { account, asset, amount }));
        }
    }
    all
}

/// The next request: an order four times in five, otherwise the cancel of one that may still be open.
fn next(dice: &mut Dice, position: u64, open: &mut Vec<OrderId>) -> Command {
    if dice.below(5) == 0 && !open.is_empty() {
        let at = usize::try_from(dice.below(open.len() as u64)).expect("fits");
        let order = open.swap_remove(at);
        return Command::Trading(trading::Command::CancelOrder { order });
    }
    let number = dice.below(ACCOUNTS);
    let side = if dice.below(2) == 0 { Side::Buy } else { Side::Sell };
    let away = i64::try_from(dice.below(40)).expect("fits") - 10;
    let price = if side == Side::Buy { 180_000 - away } else { 180_000 + away };
    open.push(OrderId(position));
    let id = format!("c-{position}").parse().expect("a client order id");
    Command::Trading(trading::Command::PlaceOrder(PlaceOrder {
        account: account(number),
        instrument: vocabulary::InstrumentId(code("600519")),
        side,
        kind: OrderKind::Limit(Price(price)),
        quantity: Quantity(100 * (1 + i64::try_from(dice.below(10)).expect("fits"))),
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        self_trade_prevention: SelfTradePrevention::Off,
        client_order_id: Some(ClientOrderId(id)),
        user: UserId(format!("user-{number}").parse().expect("a user")),
    }))
}

fn request(command: Command, position: u64) -> Request {
    let correlation = CorrelationId(u128::from(position));
    let actor = UserId("gateway".parse().expect("a user"));
    Request { command_id: None, correlation, actor, command }
}

fn moment(position: u64) -> Moment {
    Moment { position, time: Timestamp(1_675_733_400_000_000_000 + position * 10_000) }
}

fn execute(engine: &mut Engine, command: Command, position: u64) -> Record {
    let Executed::Recorded(record) = engine.execute(request(command, position), moment(position)) else {
        panic!("every request is new");
    };
    *record
}

struct Day {
    execute_ns: u128,
    encode_ns: u128,
    apply_ns: u128,
    policy_ns: u128,
    bytes: usize,
    trades: usize,
    orders: usize,
}

/// An open market, its history, and the requests of a day.
fn prepare() -> (Engine, Vec<Record>, Vec<Command>) {
    let mut engine = Engine::new(Hosts::ALL);
    let mut records: Vec<Record> = Vec::new();
    for command in definitions() {
        records.push(execute(&mut engine, command, records.len() as u64 + 1));
    }
    let first = records.len() as u64 + 1;
    let (mut dice, mut open) = (Dice(88_172_645_463_325_252), Vec::new());
    let commands = (0..ORDERS + ORDERS / 4).map(|number| next(&mut dice, first + number, &mut open));
    (engine, records, commands.collect())
}

/// As a node does it: batches of records, gone once they are written.
fn time_execute() -> u128 {
    let (mut engine, defined, commands) = prepare();
    let (mut position, mut batch) = (defined.len() as u64, Vec::with_capacity(BATCH));
    let start = Instant::now();
    for command in commands {
        position += 1;
        batch.push(execute(&mut engine, command, position));
        if batch.len() == BATCH {
            black_box(&batch);
            batch.clear();
        }
    }
    start.elapsed().as_nanos()
}

fn day() -> Day {
    let execute_ns = time_execute();
    let (mut engine, mut records, commands) = prepare();
    for command in commands {
        records.push(execute(&mut engine, command, records.len() as u64 + 1));
    }
    let (mut bytes, mut size) = (Vec::with_capacity(4 << 20), 0);
    let start = Instant::now();
    for batch in records.chunks(BATCH) {
        bytes.clear();
        for record in batch {
            minicbor::encode(record, &mut bytes).expect("a record encodes into memory");
        }
        size += bytes.len();
    }
    let encode_ns = start.elapsed().as_nanos();

    let mut again = Engine::new(Hosts::ALL);
    let start = Instant::now();
    records.iter().for_each(|record| again.apply(record));
    let apply_ns = start.elapsed().as_nanos();
    assert!(again.state() == engine.state(), "history gives the same state");

    let events = || records.iter().flat_map(Record::events);
    let inputs: Vec<_> = events()
        .filter_map(|event| if let Event::Compliance(event) = event { event.check_input() } else { None })
        .collect();
    let policy_ns = time_policy(&engine, &inputs);
    let executed = |event: &&Event| matches!(event, Event::Trading(trading::Event::OrderExecuted(_)));
    let trades = events().filter(executed).count();
    Day { execute_ns, encode_ns, apply_ns, policy_ns, bytes: size, trades, orders: inputs.len() }
}

fn time_policy(engine: &Engine, inputs: &[CheckInput]) -> u128 {
    let bundle = engine.state().compliance.bundle().expect("a policy is in force");
    let mut rules = Rules::compile(bundle).expect("the policy compiled before");
    let start = Instant::now();
    for input in inputs {
        black_box(rules.judge(black_box(input)));
    }
    start.elapsed().as_nanos()
}

fn main() {
    let days: Vec<Day> = (0..ROUNDS).map(|_| day()).collect();
    let best = |of: fn(&Day) -> u128| days.iter().map(of).min().unwrap_or_default();
    let Day { orders, trades, bytes, .. } = days[0];
    let per_order = |ns: u128| ns / orders as u128;
    let (execute_ns, policy_ns) = (best(|day| day.execute_ns), best(|day| day.policy_ns));
    println!("{orders} orders, {} cancels, {trades} trades", ORDERS + ORDERS / 4 - orders as u64);
    println!("execute: {} ns an order, cancels included", per_order(execute_ns));
    println!("of that the policy: {} ns, {} %", per_order(policy_ns), 100 * policy_ns / execute_ns);
    println!("encode: {} ns and {} bytes an order", per_order(best(|day| day.encode_ns)), bytes / orders);
    println!("apply: {} ns an order", per_order(best(|day| day.apply_ns)));
}
