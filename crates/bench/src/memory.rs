//! `bench memory`: a node full of open orders, weighed; then started again, from its snapshot and from the journal alone.

use clap::Args;
use engine::{Command, Hosts, ReceiptResult, Request};
use node::{Node, NodeConfig, NodeHandle, NodeParts, SystemClock};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;
use store::snapshot_files::SnapshotFiles;
use store::sqlite::{Check, Founding, SqliteJournal};
use trading::{OrderKind, Phase, PlaceOrder};
use vocabulary::{
    Amount, Asset, AssetKind, CorrelationId, FeeSchedule, Instrument, Price, Quantity, SelfTradePrevention,
    Side, TimeInForce,
};

/// Options of `bench memory`.
#[derive(Args)]
pub(crate) struct MemoryOptions {
    /// Open orders.
    #[arg(long, default_value_t = 1_000_000)]
    orders: u32,
    /// Accounts that they are spread over.
    #[arg(long, default_value_t = 10_000)]
    accounts: u32,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Weighed {
    orders: u32,
    accounts: u32,
    orders_per_second: u64,
    /// Resident memory over what the process had before, in MiB.
    memory_mib: u64,
    bytes_per_order: u64,
    journal_mib: u64,
    restart_from_snapshot_ms: u128,
    restart_from_journal_ms: u128,
}

const BATCH: u32 = 1_000;

/// Measures and prints.
#[allow(clippy::print_stdout, reason = "this is the answer")]
pub(crate) fn run(options: &MemoryOptions) -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let (node, _) = start(data.path())?;
    define(&node.handle(), options.accounts)?;
    let before = resident_kib()?;
    let began = Instant::now();
    fill(&node.handle(), options)?;
    let took = began.elapsed();
    let after = resident_kib()?;
    node.stop().map_err(anyhow::Error::msg)?;
    let from_snapshot = restart(data.path())?;
    std::fs::remove_dir_all(data.path().join("snapshots"))?;
    let from_journal = restart(data.path())?;
    let kib = after.saturating_sub(before);
    let weighed = Weighed {
        orders: options.orders,
        accounts: options.accounts,
        orders_per_second: u64::try_from(u128::from(options.orders) * 1_000 / took.as_millis().max(1))?,
        memory_mib: kib / 1024,
        bytes_per_order: kib * 1024 / u64::from(options.orders.max(1)),
        journal_mib: std::fs::metadata(data.path().join("journal.db"))?.len() >> 20,
        restart_from_snapshot_ms: from_snapshot,
        restart_from_journal_ms: from_journal,
    };
    if options.json {
        println!("{}", serde_json::to_string(&weighed)?);
        return Ok(());
    }
    println!("open orders            {} over {} accounts", weighed.orders, weighed.accounts);
    println!("filled at              {} orders/s, batches of {BATCH}, durable", weighed.orders_per_second);
    println!("memory                 {} MiB, {} bytes an order", weighed.memory_mib, weighed.bytes_per_order);
    println!("journal                {} MiB", weighed.journal_mib);
    println!("restart from snapshot  {from_snapshot} ms");
    println!("restart from journal   {from_journal} ms");
    Ok(())
}

fn start(data: &Path) -> anyhow::Result<(Node, u64)> {
    let founding = Founding { shard: 0, created: "bench".to_owned(), facts: BTreeMap::new() };
    let journal = SqliteJournal::open(data, &founding, Check::Tail)?;
    let snapshots = SnapshotFiles::in_data_dir(data, 0);
    let recovered = node::recover(Hosts::ALL, &journal.reader()?, &snapshots, |_| ())?;
    let records = recovered.records;
    let reader = Box::new(journal.reader()?);
    let parts = NodeParts {
        recovered,
        journal: Box::new(journal),
        snapshots: (Box::new(snapshots), reader),
        clock: Box::new(SystemClock::new()),
        followers: Vec::new(),
    };
    let config = NodeConfig { snapshot_every: u64::MAX, ..NodeConfig::default() };
    Ok((Node::start(&config, parts)?, records))
}

/// Milliseconds until the node takes commands. It is not stopped in order, so that no snapshot is written.
fn restart(data: &Path) -> anyhow::Result<u128> {
    let founding = Founding { shard: 0, created: "bench".to_owned(), facts: BTreeMap::new() };
    let began = Instant::now();
    let journal = SqliteJournal::open(data, &founding, Check::Tail)?;
    let recovered =
        node::recover(Hosts::ALL, &journal.reader()?, &SnapshotFiles::in_data_dir(data, 0), |_| ())?;
    let took = began.elapsed().as_millis();
    drop(recovered);
    Ok(took)
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("codes of the benchmark are valid")
}

fn request(command: Command) -> Request {
    Request { command_id: None, correlation: CorrelationId(1), actor: id("bench"), command }
}

fn define(node: &NodeHandle, accounts: u32) -> anyhow::Result<()> {
    use trading::Command as T;
    let (base, quote, participant) = (id("ACME"), id("EUR"), id("NORTH"));
    let instrument = Instrument {
        instrument: id("ACME"),
        isin: None,
        market: id("MAIN"),
        base,
        quote,
        price_scale: 2,
        tick: Price(1),
        lot: Quantity(1),
        band_bp: None,
        reference_price: Price(100_00),
        settlement_days: 0,
        calendar: id("DAYS"),
        fees: FeeSchedule::default(),
        base_scale: 0,
        quote_scale: 2,
    };
    let limits = r#"{"finance":{"limits":{"base":{"single_order":1000000000,"orders_per_hour":1000000000},"markets":{}}}}"#;
    let mut all = vec![
        Command::Trading(T::DefineAsset(Asset { asset: quote, kind: AssetKind::Currency, scale: 2 })),
        Command::Trading(T::DefineAsset(Asset { asset: base, kind: AssetKind::Security, scale: 0 })),
        Command::Trading(T::DefineInstrument(Box::new(instrument))),
        Command::Trading(T::OpenBusinessDay { date: id("2023-02-07") }),
        Command::Trading(T::SetPhase { instrument: id("ACME"), phase: Phase::Continuous }),
        Command::Trading(T::RegisterParticipant { participant }),
        Command::Settlement(settlement::Command::SetQuota {
            participant,
            asset: quote,
            quota: Amount(1_000_000_000_000_000_000),
        }),
        Command::Compliance(compliance::Command::ActivatePolicy {
            bundle: compliance::default_bundle().with_data(limits),
        }),
    ];
    for number in 0..accounts {
        let account = id(&format!("A-{number}"));
        all.push(Command::Trading(T::OpenAccount { account, participant, owner: id("owner") }));
        all.push(Command::Trading(T::Deposit { account, asset: quote, amount: Amount(1_000_000_000_00) }));
    }
    submit(node, all)
}

/// Orders that rest, over a thousand prices, each under a client order id.
fn fill(node: &NodeHandle, options: &MemoryOptions) -> anyhow::Result<()> {
    let order = |number: u32| {
        Command::Trading(trading::Command::PlaceOrder(PlaceOrder {
            account: id(&format!("A-{}", number % options.accounts)),
            instrument: id("ACME"),
            side: Side::Buy,
            kind: OrderKind::Limit(Price(90_00 + i64::from(number % 1_000))),
            quantity: Quantity(1),
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            self_trade_prevention: SelfTradePrevention::Off,
            client_order_id: Some(id(&format!("order-{number}"))),
            user: id(&format!("owner-{}", number % options.accounts)),
        }))
    };
    (0..options.orders.div_ceil(BATCH)).try_for_each(|batch| {
        let last = options.orders.min((batch + 1) * BATCH);
        submit(node, (batch * BATCH..last).map(order).collect())
    })
}

fn submit(node: &NodeHandle, commands: Vec<Command>) -> anyhow::Result<()> {
    for chunk in commands.chunks(BATCH as usize) {
        let requests = chunk.iter().cloned().map(request).collect();
        for receipt in node.submit_all_blocking(requests)? {
            let refused = match &receipt.result {
                ReceiptResult::Refused(refusal) => Some(refusal.to_string()),
                ReceiptResult::Order(order) => order.rejected.as_ref().map(|reason| reason.message.clone()),
                ReceiptResult::Done { .. } | ReceiptResult::Answered(_) => None,
            };
            anyhow::ensure!(refused.is_none(), "refused: {}", refused.unwrap_or_default());
        }
    }
    Ok(())
}

/// Resident memory of this process, from `/proc`.
fn resident_kib() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let text = line.and_then(|line| line.split_whitespace().next()).unwrap_or("0");
    Ok(text.parse()?)
}
