//! Every refusal: its stable code, its field, and its sentence, read aloud.

use super::market::id;
use crate::{Phase, Refusal, Status};
use std::collections::BTreeSet;
use vocabulary::{Amount, OrderId, Price, Quantity};

const TEN: &str = "must be above 0 and at most 10^15 minor units";

/// A refusal, its code without the prefix, its field, and its sentence.
type Row = (Refusal, &'static str, &'static str, String);

const ORDER: OrderId = OrderId(7);

fn said(text: &str) -> String {
    text.to_owned()
}

fn of_reference_data_and_funds() -> Vec<Row> {
    let (acme, field, rule) = (id("ACME"), said("tick"), said("must be round"));
    vec![
        (
            Refusal::AlreadyDefined { what: said("asset EUR") },
            "already-defined",
            "",
            said("asset EUR is already defined, and differently"),
        ),
        (
            Refusal::InvalidDefinition { field, rule },
            "invalid-definition",
            "tick",
            said("tick must be round"),
        ),
        (Refusal::UnknownAsset(id("EUR")), "unknown-asset", "asset", said("there is no asset EUR")),
        (
            Refusal::UnknownInstrument(acme),
            "unknown-instrument",
            "instrument",
            said("there is no instrument ACME"),
        ),
        (
            Refusal::UnknownParticipant(id("NORTH")),
            "unknown-participant",
            "participant",
            said("there is no participant NORTH"),
        ),
        (Refusal::UnknownAccount(id("ANN")), "unknown-account", "account", said("there is no account ANN")),
        (
            Refusal::AmountOutOfRange,
            "amount-out-of-range",
            "amount",
            said("amount must be above 0 and at most 10^30 minor units"),
        ),
        (
            Refusal::InsufficientFunds {
                account: id("ANN"),
                asset: id("EUR"),
                available: Amount(5),
                needed: Amount(12_00),
                scale: 2,
            },
            "insufficient-funds",
            "",
            said("account ANN has 0.05 EUR available and needs 12.00"),
        ),
        (
            Refusal::BusinessDayNotLater { current: id("2023-02-07") },
            "business-day-not-later",
            "date",
            said("date must not be before 2023-02-07"),
        ),
        (Refusal::NoBusinessDay, "no-business-day", "", said("no business day is open: open one first")),
        (
            Refusal::PhaseForbids {
                instrument: acme,
                phase: Phase::Continuous,
                what: said("takes no new reference price"),
            },
            "phase-forbids",
            "phase",
            said("ACME is in continuous trading and takes no new reference price"),
        ),
    ]
}

fn of_new_orders() -> Vec<Row> {
    let (acme, order, field, rule) = (id("ACME"), ORDER, said("post_only"), said("cannot be"));
    vec![
        (Refusal::QuantityOutOfRange, "quantity-out-of-range", "quantity", format!("quantity {TEN}")),
        (
            Refusal::QuantityNotInLots { lot: Quantity(100), scale: 0 },
            "quantity-not-in-lots",
            "quantity",
            said("quantity must be in lots of 100"),
        ),
        (Refusal::PriceOutOfRange, "price-out-of-range", "price", format!("price {TEN}")),
        (
            Refusal::PriceNotInTicks { tick: Price(5), scale: 2 },
            "price-not-in-ticks",
            "price",
            said("price must be in ticks of 0.05"),
        ),
        (
            Refusal::PriceOutsideBand { low: Price(80_00), high: Price(120_00), scale: 2 },
            "price-outside-band",
            "price",
            said("price must lie within the price band, from 80.00 to 120.00"),
        ),
        (
            Refusal::MarketOrderNeedsBand(acme),
            "market-order-needs-band",
            "instrument",
            said(
                "ACME has no price band, which a market order needs for its worst price: place a limit order",
            ),
        ),
        (Refusal::Contradiction { field, rule }, "contradiction", "post_only", said("post_only cannot be")),
        (
            Refusal::NotionalTooLarge,
            "notional-too-large",
            "",
            said("price times quantity must be below 2^63 minor units of quote"),
        ),
        (
            Refusal::ClientOrderIdReused { client_order_id: id("C-1"), order },
            "client-order-id-reused",
            "client_order_id",
            said("client_order_id C-1 was used for order 7, which differs: choose a new one"),
        ),
    ]
}

fn of_orders_that_are_there() -> Vec<Row> {
    let order = ORDER;
    vec![
        (Refusal::OrderNotOpen(order), "order-not-open", "order", said("there is no open order 7")),
        (
            Refusal::OrderUndecided(order),
            "order-undecided",
            "order",
            said("order 7 is not decided yet: try again"),
        ),
        (
            Refusal::OrderInStatus { order, status: Status::Executed },
            "order-in-status",
            "order",
            said("order 7 is already executed in full"),
        ),
        (
            Refusal::NothingToReplace,
            "nothing-to-replace",
            "",
            said("a replacement needs a new price or quantity"),
        ),
        (
            Refusal::QuantityBelowExecuted { executed: Quantity(3), scale: 0 },
            "quantity-below-executed",
            "quantity",
            said("quantity must be above what is already executed, 3"),
        ),
    ]
}

fn of_sweeps_lines_and_blocks() -> Vec<Row> {
    let (acme, order) = (id("ACME"), ORDER);
    vec![
        (Refusal::NoSweep, "no-sweep", "", said("there is no sweep to continue")),
        (
            Refusal::BlockLegsDoNotMatch,
            "block-legs-do-not-match",
            "",
            said(
                "a block trade needs two accepted legs, a buy and a sell of the same instrument, price and quantity",
            ),
        ),
        (
            Refusal::UnknownClientOrder(id("C-1")),
            "unknown-client-order",
            "client_order_id",
            said("the account has placed no order with client_order_id C-1"),
        ),
        (
            Refusal::OrderCleared(order),
            "order-cleared",
            "order",
            said("order 7 is cleared and can no longer be rejected"),
        ),
        (
            Refusal::OrderIsBlockLeg(order),
            "order-is-block-leg",
            "order",
            said("order 7 is a leg of a block trade: refuse the block trade instead"),
        ),
        (
            Refusal::BlockStopped(order),
            "block-stopped",
            "order",
            said("order 7 was stopped by a kill switch"),
        ),
        (
            Refusal::BookFull(acme),
            "book-full",
            "instrument",
            said(
                "all open orders of one side of ACME must stay below 2^63 minor units: try a smaller quantity",
            ),
        ),
        (
            Refusal::DayOrdersExpiring(acme),
            "day-orders-expiring",
            "instrument",
            said("day orders in ACME still expire: try again"),
        ),
    ]
}

#[test]
fn every_refusal_has_its_code_its_field_and_a_sentence() {
    let mut codes = BTreeSet::new();
    let all = [
        of_reference_data_and_funds(),
        of_new_orders(),
        of_orders_that_are_there(),
        of_sweeps_lines_and_blocks(),
    ]
    .concat();
    for (number, (refusal, code, field, sentence)) in all.into_iter().enumerate() {
        assert_eq!(refusal.code(), format!("trading.{code}"));
        assert_eq!(refusal.field().unwrap_or(""), field, "{code}");
        assert_eq!(refusal.to_string(), sentence);
        assert!(codes.insert(refusal.code()), "{code} is taken");
        let bytes = minicbor::to_vec(&refusal).unwrap();
        assert_eq!(minicbor::decode::<Refusal>(&bytes).unwrap(), refusal);
        let mut decoder = minicbor::Decoder::new(&bytes);
        decoder.array().unwrap();
        assert_eq!(decoder.u32().unwrap() as usize, number, "the table has every variant, in order: {code}");
    }
}

#[test]
fn phases_and_statuses_read_as_parts_of_a_sentence() {
    let phases = [
        (Phase::Closed, "closed"),
        (Phase::OpeningAuction, "in its opening auction"),
        (Phase::Continuous, "in continuous trading"),
        (Phase::Halted, "halted"),
        (Phase::ClosingAuction, "in its closing auction"),
    ];
    for (phase, words) in phases {
        assert_eq!(phase.to_string(), words);
    }
    let statuses = [
        (Status::Created, "not decided"),
        (Status::Rejected, "rejected"),
        (Status::Open, "open"),
        (Status::PartiallyExecuted, "executed in part"),
        (Status::Executed, "executed in full"),
        (Status::Canceled, "cancelled"),
        (Status::Expired, "expired"),
        (Status::Settled, "settled"),
    ];
    for (status, words) in statuses {
        assert_eq!(status.to_string(), words);
    }
}
