//! The workload against a real engine that hosts everything, and against one that agrees to all.

use super::*;
use engine::block::{Event as BlockEvent, Leg, Step};
use engine::{Due, Engine, Event, Executed, Hosts, OrderReceipt, ReceiptResult, Record};
use std::collections::{BTreeMap, BTreeSet};
use trading::Status;
use vocabulary::{Moment, OrderId, Quantity, TradeId};

const OPENING: u64 = 1_675_733_400_000_000_000;
const SEEDS: u64 = 50;
const REQUESTS: u64 = 1_000;

/// How often what happened.
#[derive(Default)]
struct Tally {
    seen: BTreeMap<String, u64>,
    recycled: BTreeSet<TradeId>,
}

impl Tally {
    fn count(&mut self, what: impl Into<String>) {
        *self.seen.entry(what.into()).or_default() += 1;
    }

    fn of(&self, what: &str) -> u64 {
        self.seen.get(what).copied().unwrap_or_default()
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "what is not counted here is not asked for below")]
    fn see(&mut self, event: &Event) {
        use settlement::Event as S;
        use trading::Event as T;
        match event {
            Event::Trading(T::OrderAccepted { .. }) => self.count("accepted"),
            Event::Trading(T::OrderRested { .. }) => self.count("rested"),
            Event::Trading(T::OrderExecuted(_)) => self.count("executed"),
            Event::Trading(T::OrderReduced { .. }) => self.count("reduced"),
            Event::Trading(T::OrderExpired { .. }) => self.count("expired"),
            Event::Trading(T::OrderSettled { .. }) => self.count("settled"),
            Event::Trading(T::AuctionUncrossed { .. }) => self.count("uncrossed"),
            Event::Trading(T::OrderCanceled { cause, .. }) => self.count(format!("cancelled: {cause:?}")),
            Event::Trading(T::OrderRejected { reason, .. }) => {
                self.count(format!("rejected: {}", reason.code))
            }
            Event::Settlement(S::TradeRecycled { trade, .. }) => {
                self.recycled.insert(*trade);
                self.count("recycled");
            }
            Event::Settlement(S::TradeSettled { buy, model, .. }) => {
                self.count(format!("settled: {model:?}"));
                if self.recycled.remove(&buy.fill.trade) {
                    self.count("settled after it was recycled");
                }
            }
            Event::Risk(risk::Event::AlertRaised { .. }) => self.count("alert"),
            Event::Compliance(compliance::Event::PolicyActivated { .. }) => self.count("policy"),
            Event::Block(BlockEvent::BlockCompleted { .. }) => self.count("block completed"),
            Event::Block(BlockEvent::BlockRefused { .. }) => self.count("block refused"),
            Event::Block(BlockEvent::BlockExpired { .. }) => self.count("block expired"),
            Event::Block(BlockEvent::BlockStepFailed { .. }) => self.count("block failed"),
            Event::Block(BlockEvent::BlockStepUndone {
                leg: Leg::Proposer, step: Step::CreateOrder, ..
            }) => {
                self.count("block undone");
            }
            _ => {}
        }
    }
}

/// A workload and the one engine that it asks.
struct Driven {
    workload: Workload,
    engine: Engine,
    records: Vec<Record>,
    now: u64,
    /// A few words on all that was asked.
    asked: Vec<String>,
}

impl Driven {
    fn defined(seed: u64) -> Self {
        let workload = Workload::new(Dice::new(seed), &Topology { trading_shards: 1 });
        let (engine, records) = (Engine::new(Hosts::ALL), Vec::new());
        let mut driven = Self { workload, engine, records, now: OPENING, asked: Vec::new() };
        for asked in driven.workload.definitions() {
            let receipt = driven.execute(asked.request);
            let is_done = matches!(receipt.result, ReceiptResult::Done { .. });
            assert!(is_done, "seed {seed}: a definition came to {receipt:?}");
        }
        driven
    }

    fn execute(&mut self, request: Request) -> Receipt {
        self.now += 1_000;
        let at = Moment { position: self.records.len() as u64 + 1, time: Timestamp(self.now) };
        match self.engine.execute(request, at) {
            Executed::Recorded(record) => {
                let receipt = record.receipt();
                self.records.push(*record);
                receipt
            }
            Executed::Repeated { position } => self.records[usize::try_from(position).unwrap() - 1].receipt(),
            Executed::Answered(receipt) => receipt,
        }
    }

    fn do_what_is_due(&mut self) {
        while let Due::Now(command) = self.engine.due(Timestamp(self.now)) {
            let actor = "node".parse().unwrap();
            self.execute(Request { command_id: None, correlation: CorrelationId(0), actor, command });
        }
    }

    fn submit(&mut self, asked: &Asked) {
        self.asked.push(format!("{} {:?}", asked.label, asked.request));
        let receipt = self.execute(asked.request.clone());
        self.workload.answered(asked, &receipt);
        self.do_what_is_due();
    }

    fn run(&mut self, requests: u64) {
        for _ in 0..requests {
            let asked = self.workload.next(Timestamp(self.now));
            self.submit(&asked);
            self.now += u64::try_from(self.workload.pause().as_nanos()).unwrap();
            self.do_what_is_due();
        }
    }

    fn close(&mut self) {
        while let Some(asked) = self.workload.closing(Timestamp(self.now)) {
            self.submit(&asked);
        }
    }

    fn tally(&self, tally: &mut Tally) {
        for record in &self.records {
            record.events().iter().for_each(|event| tally.see(event));
            if let ReceiptResult::Refused(refusal) = record.receipt().result {
                tally.count(format!("refused: {}", refusal.code()));
            }
            if let Command::Trading(trading::Command::PlaceOrder(_)) = record.request.command {
                tally.count("placed");
            }
        }
    }
}

const HAPPENS: &[&str] = &[
    "rested",
    "executed",
    "reduced",
    "expired",
    "settled",
    "uncrossed",
    "alert",
    "policy",
    "recycled",
    "settled: Gross",
    "settled: Net",
    "settled after it was recycled",
    "block completed",
    "block refused",
    "block expired",
    "block failed",
    "block undone",
    "cancelled: Requested",
    "cancelled: ImmediateOrCancel",
    "cancelled: FillOrKill",
    "cancelled: PostOnly",
    "cancelled: SelfTrade",
    "cancelled: Replaced",
    "cancelled: KillSwitch",
    "cancelled: BlockUndone",
    "rejected: compliance.restricted",
    "rejected: compliance.single-order-limit",
    "rejected: compliance.orders-per-hour",
    "rejected: house.no-sells",
    "rejected: risk.kill-switch-engaged",
    "rejected: risk.order-notional",
    "rejected: risk.order-quantity",
    "rejected: risk.position",
    "rejected: risk.gross-exposure",
    "rejected: risk.order-rate",
    "rejected: settlement.quota-exceeded",
];

const REFUSED: &[&str] = &[
    "trading.already-defined",
    "trading.invalid-definition",
    "trading.unknown-asset",
    "trading.unknown-instrument",
    "trading.unknown-participant",
    "trading.unknown-account",
    "trading.amount-out-of-range",
    "trading.insufficient-funds",
    "trading.business-day-not-later",
    "trading.phase-forbids",
    "trading.quantity-out-of-range",
    "trading.quantity-not-in-lots",
    "trading.price-out-of-range",
    "trading.price-not-in-ticks",
    "trading.price-outside-band",
    "trading.market-order-needs-band",
    "trading.contradiction",
    "trading.notional-too-large",
    "trading.client-order-id-reused",
    "trading.order-not-open",
    "trading.order-in-status",
    "trading.order-is-block-leg",
    "trading.nothing-to-replace",
    "trading.quantity-below-executed",
    "trading.unknown-client-order",
    "risk.switch-not-engaged",
    "risk.bad-thresholds",
    "risk.negative-limit",
    "risk.limit-too-large",
    "settlement.negative-amount",
    "settlement.no-business-day",
    "settlement.not-a-weekday",
    "compliance.bundle-does-not-compile",
    "compliance.bundle-lacks-rule",
    "compliance.bundle-gives-no-decision",
    "compliance.bundle-bad-data",
    "compliance.bundle-too-large",
    "block.unknown",
    "block.not-a-party",
    "block.same-account",
    "block.deadline-out-of-range",
    "block.not-stuck",
    "node.idempotency-key-reused",
    "node.only-as-message",
    "node.unknown-message",
];

#[test]
fn an_engine_comes_to_every_kind_of_end_and_takes_a_third_of_the_orders() {
    let mut tally = Tally::default();
    for seed in 0..SEEDS {
        let mut driven = Driven::defined(seed);
        driven.run(REQUESTS);
        driven.tally(&mut tally);
    }
    let missing: Vec<_> = HAPPENS.iter().filter(|what| tally.of(what) == 0).collect();
    assert!(missing.is_empty(), "never: {missing:?} of {:#?}", tally.seen);
    let missing: Vec<_> = REFUSED.iter().filter(|code| tally.of(&format!("refused: {code}")) == 0).collect();
    assert!(missing.is_empty(), "never refused: {missing:?} of {:#?}", tally.seen);
    let (placed, accepted) = (tally.of("placed"), tally.of("accepted"));
    assert!(3 * accepted >= placed, "{accepted} of {placed} orders were accepted: {:#?}", tally.seen);
}

#[test]
fn closing_leaves_nothing_to_settle_no_block_trade_and_nothing_held_but_for_what_rests() {
    for seed in 0..SEEDS {
        let mut driven = Driven::defined(seed);
        driven.run(REQUESTS / 4);
        driven.close();
        let state = driven.engine.state();
        assert_eq!(state.settlement.unsettled_count(), 0, "seed {seed}");
        assert_eq!(state.risk.unsettled_count(), 0, "seed {seed}");
        assert_eq!(state.blocks.len(), 0, "seed {seed}");
        assert_eq!(state.trading.order_count(), state.risk.open_count(), "seed {seed}");
        assert_eq!(driven.engine.due(Timestamp(driven.now)), Due::Never, "seed {seed}");
        state.trading.ledger().audit().unwrap();
        assert!(driven.workload.closing(Timestamp(driven.now)).is_none(), "seed {seed}: it has an end");
    }
}

#[test]
fn the_same_seed_asks_the_same() {
    for seed in 0..5 {
        let asked = |requests| {
            let mut driven = Driven::defined(seed);
            driven.run(requests);
            driven.close();
            driven.asked
        };
        let (once, again) = (asked(200), asked(200));
        assert_eq!(once, again, "seed {seed}");
    }
    let first =
        |seed| Workload::new(Dice::new(seed), &Topology { trading_shards: 2 }).next(Timestamp(0)).request;
    assert_ne!(first(1), first(2));
}

/// An answer that agrees to everything.
fn agreed(asked: &Asked, position: u64) -> Receipt {
    let result = if let Command::Trading(trading::Command::PlaceOrder(place)) = &asked.request.command {
        ReceiptResult::Order(OrderReceipt {
            order: OrderId(position),
            status: Status::Created,
            executed: Quantity::ZERO,
            quantity: place.quantity,
            rejected: None,
            canceled: None,
        })
    } else {
        ReceiptResult::Done { changed: true }
    };
    Receipt { position, result }
}

/// All that a workload asks of nodes that agree to everything.
fn all_asked(seed: u64, shards: u16, requests: u64) -> Vec<Asked> {
    let mut workload = Workload::new(Dice::new(seed), &Topology { trading_shards: shards });
    let mut all = workload.definitions();
    for position in 1..=requests {
        let asked = workload.next(Timestamp(OPENING + position));
        let shard = u64::from(asked.shard) << 48;
        workload.answered(&asked, &agreed(&asked, shard | position));
        all.push(asked);
    }
    all
}

#[test]
fn requests_go_to_shards_that_exist_and_have_ids_of_their_own_unless_they_repeat() {
    for seed in 0..20 {
        let mut ids = BTreeSet::new();
        let mut names = BTreeSet::new();
        for Asked { context, shard, label, request } in all_asked(seed, 3, 500) {
            assert!(
                shard < 3 && (shard == 0 || context == Context::Trading),
                "{label} goes to {context}/{shard}"
            );
            let name = if let Command::Trading(trading::Command::PlaceOrder(place)) = &request.command {
                place.client_order_id.map(|name| (place.account, name))
            } else {
                None
            };
            assert!(request.command_id.is_some() || name.is_some(), "{label} would be executed twice");
            if !label.starts_with("repeat") {
                assert!(request.command_id.is_none_or(|id| ids.insert(id)), "{label}");
                assert!(name.is_none_or(|name| names.insert(name)), "{label}");
            }
        }
    }
}

/// The name of a command that a person gives.
fn name(command: &Command) -> Option<&'static str> {
    match command {
        Command::Trading(command) => name_in_trading(command),
        Command::Settlement(command) => name_in_settlement(command),
        Command::Risk(command) => name_in_risk(command),
        Command::Compliance(command) => name_in_compliance(command),
        Command::ProposeBlock(_) => Some("ProposeBlock"),
        Command::ConsentBlock { .. } => Some("ConsentBlock"),
        Command::RefuseBlock { .. } => Some("RefuseBlock"),
        Command::RetryBlock { .. } => Some("RetryBlock"),
        Command::RetryMessage { .. } => Some("RetryMessage"),
        Command::RecordAccess(_) => Some("RecordAccess"),
        Command::ExpireDeadlines
        | Command::Deliver { .. }
        | Command::Acknowledge { .. }
        | Command::TakeTurns => None,
    }
}

fn name_in_trading(command: &trading::Command) -> Option<&'static str> {
    use trading::Command as T;
    match command {
        T::DefineAsset(_) => Some("DefineAsset"),
        T::DefineInstrument(_) => Some("DefineInstrument"),
        T::SetReferencePrice { .. } => Some("SetReferencePrice"),
        T::RegisterParticipant { .. } => Some("RegisterParticipant"),
        T::OpenAccount { .. } => Some("OpenAccount"),
        T::Deposit { .. } => Some("Deposit"),
        T::Withdraw { .. } => Some("Withdraw"),
        T::OpenBusinessDay { .. } => Some("OpenBusinessDay"),
        T::SetPhase { .. } => Some("SetPhase"),
        T::PlaceOrder(_) => Some("PlaceOrder"),
        T::CancelOrder { .. } => Some("CancelOrder"),
        T::CancelClientOrder { .. } => Some("CancelClientOrder"),
        T::ReplaceOrder { .. } => Some("ReplaceOrder"),
        T::CancelAll { .. } => Some("CancelAll"),
        T::ContinueSweep
        | T::AcceptOrder { .. }
        | T::RejectOrder { .. }
        | T::Settle { .. }
        | T::ExecuteBlock { .. }
        | T::WithdrawBlock { .. }
        | T::StartSweep { .. } => None,
    }
}

fn name_in_settlement(command: &settlement::Command) -> Option<&'static str> {
    use settlement::Command as S;
    match command {
        S::SetQuota { .. } => Some("SetQuota"),
        S::DefineCalendar { .. } => Some("DefineCalendar"),
        S::SetSettlementModel { .. } => Some("SetSettlementModel"),
        S::RecordShortfall { .. } => Some("RecordShortfall"),
        S::Process { .. } => Some("Process"),
        S::Advance | S::Hold { .. } | S::Confirm { .. } | S::Reduce { .. } | S::Release { .. } => None,
    }
}

fn name_in_risk(command: &risk::Command) -> Option<&'static str> {
    use risk::Command as R;
    match command {
        R::SetLimit { .. } => Some("SetLimit"),
        R::SetAlertThresholds { .. } => Some("SetAlertThresholds"),
        R::EngageKillSwitch { .. } => Some("EngageKillSwitch"),
        R::LiftKillSwitch { .. } => Some("LiftKillSwitch"),
        R::Hold { .. } | R::Confirm { .. } | R::Reduce { .. } | R::Release { .. } | R::Settle { .. } => None,
    }
}

fn name_in_compliance(command: &compliance::Command) -> Option<&'static str> {
    use compliance::Command as C;
    match command {
        C::ActivatePolicy { .. } => Some("ActivatePolicy"),
        C::Restrict { .. } => Some("Restrict"),
        C::Unrestrict { .. } => Some("Unrestrict"),
        C::Check { .. } => None,
    }
}

#[test]
fn everything_that_a_person_can_ask_is_asked() {
    let mut asked = BTreeSet::new();
    for seed in 0..200 {
        let all = all_asked(seed, 1 + u16::try_from(seed % 3).unwrap(), 300);
        asked.extend(all.iter().filter_map(|asked| name(&asked.request.command)));
    }
    let expected = [
        "ActivatePolicy",
        "CancelAll",
        "CancelClientOrder",
        "CancelOrder",
        "ConsentBlock",
        "DefineAsset",
        "DefineCalendar",
        "DefineInstrument",
        "Deposit",
        "EngageKillSwitch",
        "LiftKillSwitch",
        "OpenAccount",
        "OpenBusinessDay",
        "PlaceOrder",
        "Process",
        "ProposeBlock",
        "RecordAccess",
        "RecordShortfall",
        "RefuseBlock",
        "RegisterParticipant",
        "ReplaceOrder",
        "Restrict",
        "RetryBlock",
        "RetryMessage",
        "SetAlertThresholds",
        "SetLimit",
        "SetPhase",
        "SetQuota",
        "SetReferencePrice",
        "SetSettlementModel",
        "Unrestrict",
        "Withdraw",
    ];
    assert_eq!(asked.into_iter().collect::<Vec<_>>(), expected);
}
