//! A data directory, a small made-up market in it, and a journal that fails when told to.

use engine::{Command, Hosts, Receipt, ReceiptResult, Request};
use node::journal::{Batch, Hash, Journal, JournalError, JournalReader, Outcome, Tail};
use node::{Clock, Follower, Node, NodeConfig, NodeHandle, NodeParts};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::snapshot_files::SnapshotFiles;
use store::sqlite::SqliteJournal;
use store::{Check, Founding};
use trading::{OrderKind, Phase, PlaceOrder};
use vocabulary::{
    Amount, Asset, AssetKind, CorrelationId, FeeSchedule, Instrument, Price, Quantity, SelfTradePrevention,
    Side, TimeInForce, Timestamp,
};

pub(crate) fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// What the next append does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Append {
    #[default]
    Works,
    /// Nothing is written and the disk is full.
    Full,
    /// It is written, but nobody can say so.
    UnknownButDone,
    /// It is not written, but nobody can say so.
    UnknownAndLost,
    /// It takes until it is told to work.
    Waits,
}

pub(crate) type Plan = Arc<Mutex<Append>>;

struct PlannedJournal {
    journal: SqliteJournal,
    plan: Plan,
}

impl JournalReader for PlannedJournal {
    fn shard(&self) -> u16 {
        self.journal.shard()
    }

    fn tail(&self) -> Result<Tail, JournalError> {
        self.journal.tail()
    }

    fn read_from(&self, position: u64, bytes_max: usize) -> Result<Vec<Batch>, JournalError> {
        self.journal.read_from(position, bytes_max)
    }
}

impl Journal for PlannedJournal {
    fn append(&mut self, batch: &Batch) -> Result<(), JournalError> {
        let unknown = || JournalError::UnknownOutcome {
            position: batch.first_position,
            place: "the journal".to_owned(),
            source: "the disk does not answer".into(),
        };
        loop {
            let plan = *self.plan.lock().unwrap();
            match plan {
                Append::Works => return self.journal.append(batch),
                Append::Waits => std::thread::sleep(Duration::from_millis(1)),
                Append::UnknownAndLost => return Err(unknown()),
                Append::UnknownButDone => return self.journal.append(batch).and(Err(unknown())),
                Append::Full => {
                    let (place, source) = ("the journal".to_owned(), "no space left".into());
                    return Err(JournalError::Full { place, source });
                }
            }
        }
    }

    fn outcome_of(&mut self, first_position: u64, hash: &Hash) -> Result<Outcome, JournalError> {
        self.journal.outcome_of(first_position, hash)
    }
}

/// A clock that shows what it is told to, in nanoseconds, and has jumped as often as it is told.
#[derive(Clone, Default)]
pub(crate) struct SetClock(pub(crate) Arc<Mutex<(u64, u64)>>);

impl SetClock {
    /// Moves it by so many seconds, which is a jump.
    pub(crate) fn jump(&self, seconds: i64) {
        let mut shown = self.0.lock().unwrap();
        *shown = (shown.0.checked_add_signed(seconds * 1_000_000_000).unwrap(), shown.1 + 1);
    }
}

impl Clock for SetClock {
    fn now(&mut self) -> Timestamp {
        Timestamp(self.0.lock().unwrap().0)
    }

    fn jumps(&self) -> u64 {
        self.0.lock().unwrap().1
    }
}

/// What a follower sees the journal through.
pub(crate) type Glasses<'a> = &'a dyn Fn(Box<dyn JournalReader>) -> Box<dyn JournalReader>;

pub(crate) const AS_IT_IS: Glasses<'static> = &|reader| reader;

/// A data directory with what surrounds the node that runs on it.
pub(crate) struct Place {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) plan: Plan,
    pub(crate) clock: SetClock,
    pub(crate) config: NodeConfig,
    hosts: Hosts,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::hosting(Hosts::ALL)
    }

    /// For a node with just these contexts.
    pub(crate) fn hosting(hosts: Hosts) -> Self {
        let clock = SetClock(Arc::new(Mutex::new((1_675_733_400_000_000_000, 0))));
        let config = NodeConfig::default();
        Self { dir: tempfile::tempdir().unwrap(), plan: Plan::default(), clock, config, hosts }
    }

    pub(crate) fn start(&self) -> Node {
        self.start_with(Vec::new())
    }

    pub(crate) fn start_with(&self, followers: Vec<Box<dyn Follower>>) -> Node {
        self.try_start(followers).unwrap()
    }

    pub(crate) fn try_start(&self, followers: Vec<Box<dyn Follower>>) -> std::io::Result<Node> {
        self.start_reading(followers.into_iter().map(|follower| (follower, AS_IT_IS)).collect())
    }

    /// Each follower reads history through something of its own.
    pub(crate) fn start_reading(
        &self,
        followers: Vec<(Box<dyn Follower>, Glasses<'_>)>,
    ) -> std::io::Result<Node> {
        Node::start(&self.config, self.parts(followers))
    }

    /// What a node here is made of.
    pub(crate) fn parts(&self, followers: Vec<(Box<dyn Follower>, Glasses<'_>)>) -> NodeParts {
        let founding = Founding { shard: 0, created: "2023-02-07".to_owned(), facts: BTreeMap::new() };
        let journal = SqliteJournal::open(self.dir.path(), &founding, Check::Tail).unwrap();
        let snapshots = SnapshotFiles::in_data_dir(self.dir.path(), 0);
        let recovered = node::recover(self.hosts, &journal.reader().unwrap(), &snapshots, |_| ()).unwrap();
        let with_reader = |(follower, through): (Box<dyn Follower>, Glasses<'_>)| {
            (follower, through(Box::new(journal.reader().unwrap())))
        };
        let followers = followers.into_iter().map(with_reader).collect();
        let reader = Box::new(journal.reader().unwrap());
        let journal = PlannedJournal { journal, plan: Arc::clone(&self.plan) };
        let clock = Box::new(self.clock.clone());
        NodeParts {
            recovered,
            journal: Box::new(journal),
            snapshots: (Box::new(snapshots), reader),
            clock,
            followers,
        }
    }

    pub(crate) fn plan(&self, next: Append) {
        *self.plan.lock().unwrap() = next;
    }

    pub(crate) fn open_market(&self) -> Node {
        let node = self.start();
        for command in definitions() {
            must(&node.handle(), command);
        }
        node
    }
}

pub(crate) fn definitions() -> Vec<Command> {
    use trading::Command as T;
    let (base, quote) = (id("ACME"), id("EUR"));
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
    let (participant, account, owner) = (id("NORTH"), id("ANN"), id("owner-1"));
    let quota = Amount(1_000_000_000_00);
    let bundle = compliance::default_bundle();
    let data =
        r#"{"finance":{"limits":{"base":{"single_order":1000000,"orders_per_hour":1000000},"markets":{}}}}"#;
    vec![
        Command::Trading(T::DefineAsset(Asset { asset: quote, kind: AssetKind::Currency, scale: 2 })),
        Command::Trading(T::DefineAsset(Asset { asset: base, kind: AssetKind::Security, scale: 0 })),
        Command::Trading(T::DefineInstrument(Box::new(instrument))),
        Command::Trading(T::OpenBusinessDay { date: id("2023-02-07") }),
        Command::Trading(T::SetPhase { instrument: id("ACME"), phase: Phase::Continuous }),
        Command::Trading(T::RegisterParticipant { participant }),
        Command::Trading(T::OpenAccount { account, participant, owner }),
        Command::Trading(T::Deposit { account, asset: quote, amount: Amount(1_000_000_00) }),
        Command::Settlement(settlement::Command::SetQuota { participant, asset: quote, quota }),
        Command::Compliance(compliance::Command::ActivatePolicy { bundle: bundle.with_data(data) }),
    ]
}

pub(crate) fn order(client_order_id: Option<&str>, quantity: i64) -> Command {
    Command::Trading(trading::Command::PlaceOrder(PlaceOrder {
        account: id("ANN"),
        instrument: id("ACME"),
        side: Side::Buy,
        kind: OrderKind::Limit(Price(10_00)),
        quantity: Quantity(quantity),
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        self_trade_prevention: SelfTradePrevention::Off,
        client_order_id: client_order_id.map(id),
        user: id("owner-1"),
    }))
}

pub(crate) fn request(command: Command) -> Request {
    Request { command_id: None, correlation: CorrelationId(7), actor: id("owner-1"), command }
}

pub(crate) fn must(node: &NodeHandle, command: Command) -> Receipt {
    let receipt = node.submit_blocking(request(command)).unwrap();
    assert!(!matches!(receipt.result, ReceiptResult::Refused(_)), "{receipt:?}");
    receipt
}

/// Number of open orders and what is frozen for them.
pub(crate) fn open_orders(node: &NodeHandle) -> (usize, Amount) {
    let look = |state: &engine::State| {
        let frozen = state.trading.ledger().account(id("ANN")).unwrap().balance(id("EUR")).frozen;
        (state.trading.order_count(), frozen)
    };
    node.read_blocking(look).unwrap().1
}

/// Waits until something is so; for what other threads do.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..60_000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("waited in vain until {what}");
}
