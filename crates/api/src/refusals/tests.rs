//! Every refusal is a problem of its own code.

use super::*;
use trading::Refusal as T;
use vocabulary::{Amount, OrderId, Price, Quantity, Reserved};

fn id<X: std::str::FromStr>(text: &str) -> X {
    text.parse().unwrap_or_else(|_| panic!("{text} is an id"))
}

fn of_trading() -> Vec<T> {
    let (order, text) = (OrderId(1), || "x".to_owned());
    vec![
        T::AlreadyDefined { what: text() },
        T::InvalidDefinition { field: text(), rule: text() },
        T::UnknownAsset(id("A")),
        T::UnknownInstrument(id("I")),
        T::UnknownParticipant(id("P")),
        T::UnknownAccount(id("A")),
        T::AmountOutOfRange,
        T::InsufficientFunds {
            account: id("A"),
            asset: id("E"),
            available: Amount(1),
            needed: Amount(2),
            scale: 0,
        },
        T::BusinessDayNotLater { current: id("2023-02-07") },
        T::NoBusinessDay,
        T::PhaseForbids { instrument: id("I"), phase: trading::Phase::Closed, what: text() },
        T::QuantityOutOfRange,
        T::QuantityNotInLots { lot: Quantity(2), scale: 0 },
        T::PriceOutOfRange,
        T::PriceNotInTicks { tick: Price(1), scale: 0 },
        T::PriceOutsideBand { low: Price(1), high: Price(2), scale: 0 },
        T::MarketOrderNeedsBand(id("I")),
        T::Contradiction { field: text(), rule: text() },
        T::NotionalTooLarge,
        T::ClientOrderIdReused { client_order_id: id("c"), order },
        T::OrderNotOpen(order),
        T::OrderUndecided(order),
        T::OrderInStatus { order, status: trading::Status::Executed },
        T::NothingToReplace,
        T::QuantityBelowExecuted { executed: Quantity(1), scale: 0 },
        T::NoSweep,
        T::BlockLegsDoNotMatch,
        T::UnknownClientOrder(id("c")),
        T::OrderCleared(order),
        T::OrderIsBlockLeg(order),
        T::BlockStopped(order),
        T::BookFull(id("I")),
        T::DayOrdersExpiring(id("I")),
    ]
}

const HOLDS: [HoldRefusal; 5] = [
    HoldRefusal::AlreadyReleased,
    HoldRefusal::NoHold,
    HoldRefusal::Early,
    HoldRefusal::ExceedsHold,
    HoldRefusal::AlreadyConfirmed,
];

fn of_settlement() -> Vec<settlement::Refusal> {
    use settlement::Refusal as S;
    let (participant, asset, amount) = (id("P"), id("E"), Amount(1));
    let mut all = vec![
        S::QuotaExceeded { participant, asset, quota: amount, used: amount, wanted: amount },
        S::NegativeAmount(amount),
        S::NoBusinessDay(id("C")),
        S::NotAWeekday(7),
        S::RunInProgress(id("2023-02-07")),
        S::Unbalanced { trade: id("1-0"), asset, difference: amount },
    ];
    all.extend(HOLDS.map(S::Hold));
    all
}

fn of_risk() -> Vec<risk::Refusal> {
    use risk::{Measure as M, Refusal as R, Scope, Switch};
    let exceeded = |measure| R::LimitExceeded {
        scope: Scope::Account(id("A")),
        measure,
        limit: Amount(1),
        would_be: Amount(2),
    };
    let measures = [
        M::OrderNotional(id("E")),
        M::OrderQuantity(id("I")),
        M::Position(id("I")),
        M::GrossExposure(id("E")),
        M::OrderRate,
    ];
    let mut all: Vec<R> = measures.map(exceeded).into();
    all.extend(HOLDS.map(R::Hold));
    all.extend([
        R::KillSwitchEngaged(Switch::All),
        R::NegativeHold(Reserved::default()),
        R::SwitchNotEngaged(Switch::All),
        R::BadThresholds,
        R::NegativeLimit(Amount(-1)),
        R::LimitTooLarge(Amount(1)),
    ]);
    all
}

fn of_compliance() -> Vec<compliance::Refusal> {
    use compliance::{BadBundle as B, Refusal as C};
    let message = || "x".to_owned();
    let bundles = [
        B::TooLarge,
        B::DoesNotCompile { message: message() },
        B::LacksRule { rule: message() },
        B::BadData { message: message() },
        B::OverBudget,
        B::GivesNoDecision { message: message() },
    ];
    bundles.map(C::BadBundle).into_iter().chain([C::DeadlinePassed, C::RestrictedListFull]).collect()
}

fn of_block() -> Vec<engine::block::Refusal> {
    use engine::block::Refusal as B;
    let block = OrderId(1);
    vec![
        B::UnknownBlock(block),
        B::NotAwaitingConsent(block),
        B::NotAParty(id("A")),
        B::SameAccount,
        B::DeadlineOutOfRange,
        B::NotStuck(block),
    ]
}

fn all() -> Vec<Refusal> {
    let mut all: Vec<Refusal> = of_trading().into_iter().map(Refusal::from).collect();
    all.extend(of_settlement().into_iter().map(Refusal::from));
    all.extend(of_risk().into_iter().map(Refusal::from));
    all.extend(of_compliance().into_iter().map(Refusal::from));
    all.extend(of_block().into_iter().map(Refusal::from));
    let reason = Reason { code: "compliance.restricted".into(), message: "x".into() };
    all.extend([
        Refusal::NotHosted(engine::Context::Risk),
        Refusal::IdempotencyKeyReused { position: 1 },
        Refusal::Denied(reason),
        Refusal::OnlyAsMessage,
        Refusal::NotAMessage,
        Refusal::OutboxFull,
        Refusal::UnknownMessage(engine::MessageId { from: engine::Context::Risk, position: 1, index: 0 }),
    ]);
    all
}

#[test]
fn a_refusal_and_its_problem_have_the_same_code_and_words() {
    for refusal in all() {
        let problem = problem(&refusal, 7);
        assert_eq!(problem.code(), refusal.code());
        assert_eq!(problem.detail(), refusal.to_string());
        assert_eq!(kinds::find(refusal.code()), Some(kind(&refusal)));
    }
}

#[test]
fn a_rejected_order_carries_the_code_of_the_reason_also_of_one_that_only_the_policy_knows() {
    let receipt = OrderReceipt {
        order: OrderId(5),
        status: trading::Status::Rejected,
        executed: Quantity::ZERO,
        quantity: Quantity(1),
        rejected: None,
        canceled: None,
    };
    let of = |code: &str| {
        let reason = Reason { code: code.into(), message: "why".into() };
        rejected(&receipt, &reason, 5)
    };
    assert_eq!((of("risk.position").code(), of("risk.position").status().as_u16()), ("risk.position", 422));
    let own = of("house.no-fridays");
    assert_eq!((own.code(), own.status().as_u16()), ("house.no-fridays", 422));
    let document = serde_json::to_value(own.document(vocabulary::CorrelationId(1))).unwrap();
    assert_eq!(document["type"], "/problems/trading.order-rejected");
    assert_eq!(document["order"], 5);
}
