//! A trading day with everything in it, told in order.

use super::{IntoCommand, Market, id, limit, phase};
use engine::Command;
use engine::block::ProposeBlock;
use trading::{OrderKind, Phase};
use vocabulary::{Amount, ClientOrderId, OrderId, Price, Quantity, SelfTradePrevention, Side, TimeInForce};

/// The orders and block trades of the day that tests ask for by name.
pub struct Day {
    pub market: Market,
    /// Sold in the opening auction.
    pub auction_sell: OrderId,
    /// Bought in parts, then shrunk, and still open at the end.
    pub long_lived: OrderId,
    /// Denied by the policy.
    pub denied: OrderId,
    /// Denied by the restricted list.
    pub restricted: OrderId,
    /// Rejected by risk.
    pub too_large: OrderId,
    /// Cancelled by the kill switch.
    pub killed: OrderId,
    /// Raised an alert.
    pub alerting: OrderId,
    /// Executed against each other.
    pub block: OrderId,
    /// Refused by the counterparty.
    pub refused_block: OrderId,
    /// Nobody consented in time.
    pub late_block: OrderId,
}

const ACME: &str = "ACME";

fn trade(command: trading::Command) -> Command {
    command.into_command()
}

fn propose(side: Side, quantity: i64) -> Command {
    Command::ProposeBlock(ProposeBlock {
        account: id("ANN"),
        counterparty: id("BOB"),
        instrument: id(ACME),
        side,
        price: Price(101_00),
        quantity: Quantity(quantity),
        consent_ns: 60_000_000_000,
        user: id("user-1"),
    })
}

/// The whole day, up to and including the settlement of the day after a shortfall.
pub fn a_day() -> Day {
    let mut day = morning();
    orders_of_all_kinds(&mut day);
    rejections(&mut day);
    blocks(&mut day);
    evening(&mut day.market);
    day
}

fn morning() -> Day {
    let mut market = Market::open();
    market.must(phase(ACME, Phase::OpeningAuction));
    market.must(phase("BOLT", Phase::Continuous));
    let auction_sell = market.place(limit("BOB", Side::Sell, 99_00, 300));
    market.place(limit("ANN", Side::Buy, 101_00, 200));
    market.place(limit("CAT", Side::Buy, 100_00, 50));
    market.must(phase(ACME, Phase::Continuous));
    let nothing = OrderId(0);
    Day {
        market,
        auction_sell,
        long_lived: nothing,
        denied: nothing,
        restricted: nothing,
        too_large: nothing,
        killed: nothing,
        alerting: nothing,
        block: nothing,
        refused_block: nothing,
        late_block: nothing,
    }
}

fn orders_of_all_kinds(day: &mut Day) {
    let market = &mut day.market;
    let client: ClientOrderId = id("client-1");
    let mut order = limit("ANN", Side::Buy, 98_00, 500);
    order.client_order_id = Some(client);
    day.long_lived = market.place(order);
    market.place(limit("BOB", Side::Sell, 98_00, 120));
    let price = None;
    let (order, quantity, user) = (day.long_lived, Some(Quantity(400)), id("user-1"));
    market.must(trade(trading::Command::ReplaceOrder { order, price, quantity, user }));
    // ANN and AMY have one owner.
    let mut order = limit("AMY", Side::Sell, 98_00, 5);
    order.self_trade_prevention = SelfTradePrevention::CancelNewest;
    market.place(order);
    let repriced = market.place(limit("CAT", Side::Sell, 105_00, 40));
    let (order, price, quantity) = (repriced, Some(Price(104_00)), None);
    market.must(trade(trading::Command::ReplaceOrder { order, price, quantity, user }));

    let mut order = limit("BOB", Side::Buy, 0, 10);
    order.kind = OrderKind::Market;
    order.time_in_force = TimeInForce::ImmediateOrCancel;
    market.place(order);
    for (time_in_force, quantity) in
        [(TimeInForce::ImmediateOrCancel, 100), (TimeInForce::FillOrKill, 1_000), (TimeInForce::Day, 70)]
    {
        let mut order = limit("BOB", Side::Buy, 104_00, quantity);
        order.time_in_force = time_in_force;
        market.place(order);
    }
    let mut order = limit("CAT", Side::Sell, 98_00, 5);
    order.post_only = true;
    market.place(order);
    let canceled = market.place(limit("AMY", Side::Buy, 90_00, 5));
    market.must(trade(trading::Command::CancelOrder { order: canceled }));
    let on_bolt = |account, side, quantity| {
        let mut order = limit(account, side, 100_00, quantity);
        order.instrument = id("BOLT");
        order
    };
    for quantity in [30, 40, 50] {
        market.place(on_bolt("ANN", Side::Sell, quantity));
        market.place(on_bolt("BOB", Side::Buy, quantity));
    }
    market.place(on_bolt("CAT", Side::Sell, 60));
    market.place(on_bolt("ANN", Side::Buy, 60));
    let withdrawal = Amount(1_000_00);
    market.must(trade(trading::Command::Withdraw {
        account: id("CAT"),
        asset: id("EUR"),
        amount: withdrawal,
    }));
}

fn rejections(day: &mut Day) {
    let market = &mut day.market;
    day.denied = market.place(limit("CAT", Side::Sell, 101_00, 20_000));
    let restriction =
        compliance::Restriction::InstrumentForAccount { instrument: id(ACME), account: id("CAT") };
    market.must(compliance::Command::Restrict { restriction }.into_command());
    day.restricted = market.place(limit("CAT", Side::Sell, 101_00, 2));
    market.must(compliance::Command::Unrestrict { restriction }.into_command());
    let bundle = compliance::default_bundle();
    let data = bundle.data.replacen("1000000", "900000", 1);
    assert_ne!(data, bundle.data, "the shipped data have the limit of the requirements");
    market.must(compliance::Command::ActivatePolicy { bundle: bundle.with_data(data) }.into_command());
    market.must(
        compliance::Command::Restrict { restriction: compliance::Restriction::User(id("user-9")) }
            .into_command(),
    );

    let scope = risk::Scope::Account(id("BOB"));
    let set = |measure, limit| risk::Command::SetLimit { scope, measure, limit }.into_command();
    market.must(set(risk::Measure::OrderNotional(id("EUR")), Some(Amount(50_000_00))));
    market.must(set(risk::Measure::OrderQuantity(id(ACME)), Some(Amount(450))));
    market.must(set(risk::Measure::OrderQuantity(id("BOLT")), Some(Amount(450))));
    market.must(set(risk::Measure::OrderQuantity(id("BOLT")), None));
    day.too_large = market.place(limit("BOB", Side::Sell, 115_00, 490));
    day.alerting = market.place(limit("BOB", Side::Sell, 115_00, 430));

    market.refused(trade(trading::Command::PlaceOrder(limit("NOBODY", Side::Buy, 100_00, 1))));
    market.refused(trade(trading::Command::PlaceOrder(limit("ANN", Side::Buy, 100_00, 1_000_000))));
    market.refused(trade(trading::Command::CancelOrder { order: day.denied }));
    day.killed = market.place(limit("CAT", Side::Buy, 85_00, 7));
    let switch = risk::Switch::Account(id("CAT"));
    market.must(
        risk::Command::EngageKillSwitch { switch, reason: "a <strange> pattern".into() }.into_command(),
    );
    market.settle_down();
    market.place(limit("CAT", Side::Buy, 85_00, 7));
    market.must(risk::Command::LiftKillSwitch { switch }.into_command());
    let switch = risk::Switch::Instrument(id("BOLT"));
    market.must(risk::Command::EngageKillSwitch { switch, reason: "drill".into() }.into_command());
    market.settle_down();
}

fn blocks(day: &mut Day) {
    let market = &mut day.market;
    market.must(propose(Side::Buy, 11));
    day.block = OrderId(market.records.len() as u64);
    let consent = Command::ConsentBlock { block: day.block, account: id("BOB"), user: id("user-2") };
    market.must(consent);
    market.must(propose(Side::Sell, 12));
    day.refused_block = OrderId(market.records.len() as u64);
    market.must(Command::RefuseBlock { block: day.refused_block, account: id("BOB") });
    market.must(propose(Side::Sell, 13));
    day.late_block = OrderId(market.records.len() as u64);
    market.now += 61_000_000_000;
    market.settle_down();
}

fn evening(market: &mut Market) {
    market.must(phase(ACME, Phase::ClosingAuction));
    market.must(phase(ACME, Phase::Closed));
    market.settle_down();
    market.must(trade(trading::Command::OpenBusinessDay { date: id("2023-02-09") }));
    let shortfall_of = |participant, asset, missing| {
        let (participant, asset) = (id(participant), id(asset));
        settlement::Command::RecordShortfall { participant, asset, missing: Amount(missing) }.into_command()
    };
    let shortfall = |asset, missing| shortfall_of("SOUTH", asset, missing);
    market.must(shortfall("EUR", 10_000_00));
    market.must(shortfall(ACME, 200));
    market.process("2023-02-09");
    market.must(shortfall("EUR", 0));
    market.must(shortfall(ACME, 0));
    market.process("2023-02-10");
    market.must(shortfall_of("WEST", "BOLT", 5));
    // No order comes after these, so that they raise no alerts.
    for (scope, measure, limit) in [
        (risk::Scope::Participant(id("NORTH")), risk::Measure::GrossExposure(id("EUR")), 100_000_00),
        (risk::Scope::Participant(id("SOUTH")), risk::Measure::GrossExposure(id("EUR")), 60_000_00),
        (risk::Scope::Account(id("ANN")), risk::Measure::Position(id(ACME)), 600),
    ] {
        let limit = Some(Amount(limit));
        market.must(risk::Command::SetLimit { scope, measure, limit }.into_command());
    }
}
