//! A day in the market of the tests, with every kind of order and end, in whatever nodes.

use super::commands::{block, consent, id, limit, named, phase, place, process, replace};
use super::{History, Market};
use engine::{Command, Context, Event, ReceiptResult, Refusal, Request};
use std::sync::LazyLock;
use trading::{OrderKind, Phase, PlaceOrder, Scope};
use vocabulary::{Amount, OrderId, Quantity, SelfTradePrevention, Side, TimeInForce};

/// The day in one node.
pub(crate) fn whole_day() -> History {
    static DAY: LazyLock<History> = LazyLock::new(|| Market::whole().day());
    DAY.clone()
}

/// The day in four nodes.
pub(crate) fn spread_day() -> History {
    static DAY: LazyLock<History> = LazyLock::new(|| Market::spread(1).day());
    DAY.clone()
}

/// The day in one node, and in several with messages in many orders.
pub(crate) fn right_days() -> impl Iterator<Item = History> {
    static DAYS: LazyLock<Vec<History>> = LazyLock::new(|| {
        let spread = (2..8).map(|seed| Market::spread(seed).day());
        let paired = (1..5).map(|seed| Market::paired(seed).day());
        [whole_day(), spread_day()].into_iter().chain(spread).chain(paired).collect()
    });
    DAYS.iter().cloned()
}

impl Market {
    /// A day with every kind of order and end, in whatever nodes.
    pub(crate) fn day(mut self) -> History {
        self.trade();
        self.refuse();
        self.repeat();
        self.negotiate();
        self.auction();
        self.stop();
        self.settle();
        self.history
    }

    fn trade(&mut self) {
        self.place(limit("BOB", Side::Sell, 100_10, 10));
        self.place(limit("ANN", Side::Buy, 101_00, 4));
        let resting = self.place(limit("ANN", Side::Buy, 99_00, 10));
        let other = self.place(limit("ANN", Side::Buy, 98_00, 10));
        self.calm();
        self.must(replace(resting, None, 7));
        self.must(replace(other, Some(98_50), 12));
        self.place(limit("BOB", Side::Sell, 98_75, 3));
        self.calm();
        self.must(Command::Trading(trading::Command::CancelOrder { order: resting }));
        let ioc = TimeInForce::ImmediateOrCancel;
        let market = PlaceOrder { kind: OrderKind::Market, ..limit("ANNA", Side::Buy, 1, 8) };
        self.place(PlaceOrder { time_in_force: ioc, ..market });
        self.place(PlaceOrder { time_in_force: ioc, ..limit("BOB", Side::Sell, 98_00, 2) });
        let fok = PlaceOrder { time_in_force: TimeInForce::FillOrKill, ..limit("BOB", Side::Sell, 98_00, 2) };
        self.place(fok);
        self.place(PlaceOrder { quantity: Quantity(50), ..fok });
        self.place(PlaceOrder { post_only: true, ..limit("BOB", Side::Sell, 98_00, 5) });
        let self_trade_prevention = SelfTradePrevention::CancelOldest;
        self.place(PlaceOrder { self_trade_prevention, ..limit("ANNA", Side::Sell, 98_00, 5) });
        self.calm();
    }

    fn refuse(&mut self) {
        // More than the policy, the quota and the funds allow.
        self.place(limit("ANN", Side::Buy, 100_00, 51));
        let (scope, measure) = (risk::Scope::Account(id("BOB")), risk::Measure::OrderQuantity(id("ACME")));
        let limit_at = |limit: i128| {
            Command::Risk(risk::Command::SetLimit { scope, measure, limit: Some(Amount(limit)) })
        };
        self.must(limit_at(1));
        self.place(limit("BOB", Side::Buy, 90_00, 2));
        self.calm();
        self.must(limit_at(1_000_000));
        self.refused(place(limit("BOB", Side::Sell, 100_00, 100_000)));
        let (account, asset, amount) = (id("BOB"), id("EUR"), Amount(900_000_00));
        self.refused(Command::Trading(trading::Command::Withdraw { account, asset, amount }));
        let amount = Amount(1_00);
        self.must(Command::Trading(trading::Command::Withdraw { account, asset, amount }));
    }

    fn repeat(&mut self) {
        let order = named(limit("ANN", Side::Buy, 95_00, 1), "mine");
        let request = self.request(place(order));
        let first = self.submit(request.clone());
        self.calm();
        assert_eq!(self.submit(request.clone()), first);
        assert_eq!(self.ask(place(order)), first);
        let other = PlaceOrder { quantity: Quantity(2), ..order };
        self.refused(place(other));
        let reused = self.submit(Request { command: place(other), ..request });
        let is_reused = matches!(reused.result, ReceiptResult::Refused(Refusal::IdempotencyKeyReused { .. }));
        assert!(is_reused, "{reused:?}");
    }

    fn negotiate(&mut self) {
        let propose = |market: &mut Self, quantity| {
            let block = OrderId(market.must(Command::ProposeBlock(block(quantity))).position);
            market.calm();
            block
        };
        let complete = propose(self, 20);
        self.must(consent(complete));
        let refused = propose(self, 21);
        self.must(Command::RefuseBlock { block: refused, account: id("BOB") });
        self.calm();
        let restriction = compliance::Restriction::Account(id("BOB"));
        let failing = propose(self, 22);
        self.must(Command::Compliance(compliance::Command::Restrict { restriction }));
        self.must(consent(failing));
        self.calm();
        self.must(Command::Compliance(compliance::Command::Unrestrict { restriction }));
        propose(self, 23);
        self.wait(61);
        self.calm();
    }

    fn auction(&mut self) {
        let day = |order| PlaceOrder { time_in_force: TimeInForce::Day, ..order };
        self.must(phase(Phase::ClosingAuction));
        self.place(day(limit("ANN", Side::Buy, 101_00, 9)));
        self.place(limit("BOB", Side::Sell, 99_00, 7));
        self.place(limit("ANNA", Side::Sell, 100_50, 1));
        self.place(day(limit("ANNA", Side::Buy, 95_00, 5)));
        self.calm();
        self.must(phase(Phase::Closed));
        self.calm();
        self.must(phase(Phase::Continuous));
    }

    fn stop(&mut self) {
        self.place(limit("ANN", Side::Buy, 92_00, 5));
        // One that nobody answers about in time; in one node everything is answered at once.
        self.unreachable = Some(Context::Settlement);
        self.place(limit("BOB", Side::Buy, 91_00, 5));
        self.place(limit("ANNA", Side::Buy, 91_00, 5));
        self.step(10);
        self.wait(6);
        self.step(10);
        self.unreachable = None;
        self.calm();
        let switch = risk::Switch::Account(id("ANN"));
        self.must(Command::Risk(risk::Command::EngageKillSwitch { switch, reason: "test".to_owned() }));
        self.place(limit("ANN", Side::Buy, 92_00, 5));
        self.calm();
        self.must(Command::Trading(trading::Command::CancelAll { scope: Scope::Account(id("BOB")) }));
        self.calm();
    }

    fn settle(&mut self) {
        self.place(limit("ANNA", Side::Buy, 92_50, 5));
        self.calm();
        let trades = self.trades();
        self.must(place(limit("BOB", Side::Sell, 92_00, 2)));
        while self.trades() == trades {
            self.step(1);
        }
        // Risk hears that the trade is final before it hears of the trade.
        self.unreachable = Some(Context::Risk);
        self.calm();
        self.must(process("2023-02-09"));
        self.calm();
        self.unreachable = None;
        self.calm();
    }

    fn trades(&self) -> usize {
        let events = self.history.records().flat_map(|(_, record)| record.events());
        let is_trade = |event: &&Event| matches!(event, Event::Trading(trading::Event::OrderExecuted(_)));
        events.filter(is_trade).count()
    }
}

#[test]
fn the_days_hold_what_the_rules_look_for() {
    use engine::FlowEvent;
    let has = |is_meant: fn(&Event) -> bool| {
        right_days().any(|day| day.records().any(|(_, record)| record.events().iter().any(is_meant)))
    };
    assert!(has(|event| matches!(event, Event::Flow(FlowEvent::FlowTimedOut { .. }))));
    assert!(has(|event| matches!(event, Event::Flow(FlowEvent::MessageDeferred { .. }))));
    assert!(has(|event| matches!(event, Event::Trading(trading::Event::OrderCleared { .. }))));
    assert!(has(|event| matches!(event, Event::Trading(trading::Event::AuctionUncrossed { .. }))));
    assert!(has(|event| matches!(event, Event::Trading(trading::Event::OrderExpired { .. }))));
    assert!(has(|event| matches!(event, Event::Trading(trading::Event::OrderSettled { .. }))));
    assert!(has(|event| matches!(event, Event::Block(engine::block::Event::BlockCompleted { .. }))));
    assert!(has(|event| matches!(event, Event::Block(engine::block::Event::BlockExpired { .. }))));
}
