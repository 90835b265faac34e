//! What the one who asked must be told, worked out from the record by the auditor itself.

use engine::{Command, Event, OrderReceipt, Outcome, ReceiptResult, Record};
use trading::Status;
use vocabulary::{OrderId, Quantity};

/// What is to be told of a record; none if another node asked, which is told otherwise.
pub(super) fn result_of(record: &Record) -> Option<ReceiptResult> {
    if matches!(record.request.command, Command::Deliver { .. }) {
        return None;
    }
    let events = match &record.outcome {
        Outcome::Refused(refusal) => return Some(ReceiptResult::Refused(refusal.clone())),
        Outcome::Events(events) => events,
    };
    let order = OrderId(record.moment.position);
    let created = events.iter().any(|event| {
        matches!(event, Event::Trading(trading::Event::OrderCreated(created)) if created.terms.order == order)
    });
    Some(if created {
        ReceiptResult::Order(receipt_of(order, events))
    } else {
        ReceiptResult::Done { changed: !events.is_empty() }
    })
}

/// What its own record has made of an order.
fn receipt_of(order: OrderId, events: &[Event]) -> OrderReceipt {
    let (executed, quantity, given_back) = (Quantity::ZERO, Quantity::ZERO, Quantity::ZERO);
    let status = Status::Created;
    let mut receipt = OrderReceipt { order, status, executed, quantity, rejected: None, canceled: None };
    let mut left = given_back;
    for event in events {
        use trading::Event as E;
        let Event::Trading(event) = event else { continue };
        if let E::OrderCreated(created) = event {
            receipt.quantity = created.quantity;
            left = created.quantity;
        }
        if let E::OrderExecuted(trade) = event
            && [trade.buy.order, trade.sell.order].contains(&order)
        {
            receipt.executed += trade.quantity;
            left -= trade.quantity;
            receipt.status = if left.is_zero() { Status::Executed } else { Status::PartiallyExecuted };
        }
        if let E::OrderReduced { order: of, by, .. } = event
            && *of == order
        {
            left -= *by;
        }
        if let E::OrderAccepted { order: of } = event
            && *of == order
        {
            receipt.status = Status::Open;
        }
        if let E::OrderRejected { order: of, reason, .. } = event
            && *of == order
        {
            receipt.status = Status::Rejected;
            receipt.rejected = Some(reason.clone());
        }
        if let E::OrderCanceled { order: of, cause, .. } = event
            && *of == order
        {
            receipt.status = Status::Canceled;
            receipt.canceled = Some(*cause);
        }
    }
    receipt
}
