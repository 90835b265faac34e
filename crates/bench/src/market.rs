//! The market that all measurements use: one data directory, filled by a node in this process and closed again.
//!
//! Half of the connections sell and half buy at one price, so that books stay small and every second order trades;
//! open orders of the filling stand below that price and are not touched.

use api::{Role, Roles, SigningKey, TokenIssuer};
use engine::{Command, Hosts, ReceiptResult, Request};
use node::{Node, NodeConfig, NodeHandle, NodeParts, Recovered, SystemClock};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};
use store::snapshot_files::SnapshotFiles;
use store::sqlite::SqliteJournal;
use store::{Check, Founding};
use trading::{OrderKind, Phase, PlaceOrder};
use vocabulary::{
    AccountId, Amount, Asset, AssetKind, CorrelationId, FeeSchedule, Instrument, InstrumentId, Price,
    Quantity, SelfTradePrevention, Side, TimeInForce, UserId,
};

use crate::load::Orders;

/// How many commands are submitted at once.
const BATCH: u32 = 1_000;
/// Every account has so many units of the base asset, and a hundred times as much in minor units of the quote asset.
const FUNDS: i128 = 1_000_000_000;
/// The only business day.
pub(crate) const DATE: &str = "2023-02-07";
/// What lets every order pass the policy.
pub(crate) const NO_LIMITS: &str = r#"{"finance":{"limits":{"base":{"single_order":1000000000,"orders_per_hour":1000000000},"markets":{}}}}"#;

/// How large a market is.
#[derive(Clone, Copy)]
pub(crate) struct Market {
    pub(crate) accounts: u32,
    /// The accounts belong to them in turn.
    pub(crate) owners: u32,
    pub(crate) instruments: u32,
    pub(crate) open_orders: u32,
}

impl Market {
    /// One instrument, and an owner with one account for each connection.
    pub(crate) fn small(connections: u32) -> Self {
        Self { accounts: connections, owners: connections, instruments: 1, open_orders: 0 }
    }

    /// What so many connections send, each under a token of its owner by the key in the directory `keys`.
    ///
    /// # Errors
    /// When the key cannot be read.
    pub(crate) fn orders(&self, keys: &Path, connections: u32, batch: u32) -> anyhow::Result<Vec<Orders>> {
        let of = |connection| {
            let owner = owner(connection % self.owners).to_string();
            let token = token(keys, &owner, Role::Trader)?;
            Ok(Orders::new(*self, connection, connections, batch, token))
        };
        (0..connections).map(of).collect()
    }

    /// Founds it in `data`, and writes a snapshot.
    ///
    /// # Errors
    /// When the disk or the node fails.
    pub(crate) fn found(&self, data: &Path) -> anyhow::Result<()> {
        let node = start(data)?;
        self.define(&node.handle())?;
        self.place_open_orders(&node.handle())?;
        node.stop().map_err(anyhow::Error::msg)
    }

    /// Everything but its open orders.
    ///
    /// # Errors
    /// When the node does not take it.
    pub(crate) fn define(&self, node: &NodeHandle) -> anyhow::Result<()> {
        use trading::Command as T;
        let (base, quote, participant) = (id("ACME"), id("EUR"), id("NORTH"));
        submit_all(
            node,
            [
                Command::Trading(T::DefineAsset(Asset { asset: quote, kind: AssetKind::Currency, scale: 2 })),
                Command::Trading(T::DefineAsset(Asset { asset: base, kind: AssetKind::Security, scale: 0 })),
                Command::Trading(T::OpenBusinessDay { date: id(DATE) }),
                Command::Trading(T::RegisterParticipant { participant }),
                Command::Settlement(settlement::Command::SetQuota {
                    participant,
                    asset: quote,
                    quota: Amount(1_000_000_000_000_000_000),
                }),
                Command::Compliance(compliance::Command::ActivatePolicy {
                    bundle: compliance::default_bundle().with_data(NO_LIMITS),
                }),
            ]
            .into_iter(),
        )?;
        let instruments = (0..self.instruments).flat_map(|number| {
            let define = Command::Trading(T::DefineInstrument(Box::new(listed(number))));
            let instrument = instrument(number);
            [define, Command::Trading(T::SetPhase { instrument, phase: Phase::Continuous })]
        });
        submit_all(node, instruments)?;
        let accounts = (0..self.accounts).flat_map(|number| {
            let (account, owner) = (account(number), owner(number % self.owners));
            [
                Command::Trading(T::OpenAccount { account, participant, owner }),
                Command::Trading(T::Deposit { account, asset: quote, amount: Amount(FUNDS * 100) }),
                Command::Trading(T::Deposit { account, asset: base, amount: Amount(FUNDS) }),
            ]
        });
        submit_all(node, accounts)
    }

    /// Orders that rest, over a thousand prices and all accounts and instruments, each under a client order id. How
    /// long it took.
    ///
    /// # Errors
    /// When the node does not take them.
    pub(crate) fn place_open_orders(&self, node: &NodeHandle) -> anyhow::Result<Duration> {
        self.place(node, 0..self.open_orders)
    }

    /// As [`Market::place_open_orders`], those of these numbers; then all of them are cancelled.
    ///
    /// # Errors
    /// When the node does not take them.
    pub(crate) fn place_and_cancel(&self, node: &NodeHandle, numbers: Range<u32>) -> anyhow::Result<()> {
        self.place(node, numbers)?;
        let scope = trading::Scope::All;
        submit_all(node, std::iter::once(Command::Trading(trading::Command::CancelAll { scope })))?;
        // The node takes them out step by step.
        while node.read_blocking(|state| state.trading.order_count() > 0)?.1 {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn place(&self, node: &NodeHandle, numbers: Range<u32>) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let order = |number: u32| {
            Command::Trading(trading::Command::PlaceOrder(PlaceOrder {
                account: account(number % self.accounts),
                instrument: instrument(number % self.instruments),
                side: Side::Buy,
                kind: OrderKind::Limit(Price(85_00 + i64::from(number % 1_000))),
                quantity: Quantity(1),
                time_in_force: TimeInForce::GoodTillCancel,
                post_only: false,
                self_trade_prevention: SelfTradePrevention::Off,
                client_order_id: Some(id(&format!("order-{number}"))),
                user: owner(number % self.accounts % self.owners),
            }))
        };
        submit_all(node, numbers.map(order))?;
        Ok(began.elapsed())
    }
}

/// A token for that owner, or for any other user, good for the time of a measurement.
///
/// # Errors
/// When the data directory cannot be written.
pub(crate) fn token(data: &Path, user: &str, role: Role) -> anyhow::Result<String> {
    let issuer = TokenIssuer::new(&SigningKey::open(data)?);
    Ok(issuer.mint(id(user), Roles::of([role]), 12 * 3_600).token)
}

/// Recovers what stands in `data`, which is founded if it is empty.
///
/// # Errors
/// When the journal cannot be read.
pub(crate) fn recover(data: &Path) -> anyhow::Result<(SqliteJournal, Recovered)> {
    let founding = Founding { shard: 0, created: "bench".to_owned(), facts: BTreeMap::new() };
    let journal = SqliteJournal::open(data, &founding, Check::Tail)?;
    let snapshots = SnapshotFiles::in_data_dir(data, 0);
    let recovered = node::recover(Hosts::ALL, &journal.reader()?, &snapshots, |_| ())?;
    Ok((journal, recovered))
}

/// A node without followers over `data`.
///
/// # Errors
/// As [`recover`].
pub(crate) fn start(data: &Path) -> anyhow::Result<Node> {
    let (journal, recovered) = recover(data)?;
    let reader = Box::new(journal.reader()?);
    let parts = NodeParts {
        recovered,
        journal: Box::new(journal),
        snapshots: (Box::new(SnapshotFiles::in_data_dir(data, 0)), reader),
        clock: Box::new(SystemClock::new()),
        followers: Vec::new(),
    };
    let config = NodeConfig { snapshot_every: u64::MAX, ..NodeConfig::default() };
    Ok(Node::start(&config, parts)?)
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("codes of the benchmark are valid")
}

pub(crate) fn account(number: u32) -> AccountId {
    id(&format!("A-{number}"))
}

pub(crate) fn instrument(number: u32) -> InstrumentId {
    id(&format!("I-{number}"))
}

pub(crate) fn owner(number: u32) -> UserId {
    id(&format!("owner-{number}"))
}

fn listed(number: u32) -> Instrument {
    Instrument {
        instrument: instrument(number),
        isin: None,
        market: id("MAIN"),
        base: id("ACME"),
        quote: id("EUR"),
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
    }
}

fn request(command: Command) -> Request {
    Request { command_id: None, correlation: CorrelationId(1), actor: id("bench"), command }
}

fn submit_all(node: &NodeHandle, commands: impl Iterator<Item = Command>) -> anyhow::Result<()> {
    let mut requests = commands.map(request).peekable();
    while requests.peek().is_some() {
        let batch = requests.by_ref().take(BATCH as usize).collect();
        for receipt in node.submit_all_blocking(batch)? {
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
