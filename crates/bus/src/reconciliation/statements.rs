//! What is stated, by whom, about what.
//!
//! Risk and compliance are asked about every order that is created; settlement is told of both sides of every execution. The
//! words of both statements are made of what each side has on record itself.

use crate::schema::{self, event::What};
use crate::words::word;
use ::compliance::Command as Compliance;
use ::risk::Command as Risk;
use ::settlement::Event as Settlement;
use engine::{Answer, Command, Context, Event, Message, ReceiptResult, Record};
use trading::Cause;

/// What an event says that others have on record too.
pub(super) enum Published {
    /// This, about that.
    That { about: String, what: String },
    /// It was undone: a step of a block trade that may not have come to everybody.
    Undone { about: String },
}

/// What trading has published, as far as `own` has to have it on record.
pub(super) fn published(own: Context, event: &schema::Event) -> Option<Published> {
    match (own, event.what.as_ref()?) {
        (Context::Settlement, What::OrderExecuted(executed)) => Some(Published::That {
            about: execution(executed.order_id, &executed.trade_id),
            what: self::executed(executed),
        }),
        (Context::Risk | Context::Compliance, What::OrderCreated(created)) => {
            let terms = created.terms.as_ref()?;
            let what = asked(terms, created.quantity, &created.notional);
            Some(Published::That { about: order(terms.order_id), what })
        }
        (Context::Risk | Context::Compliance, What::OrderCanceled(canceled))
            if canceled.cause == word(Cause::BlockUndone) =>
        {
            Some(Published::Undone { about: order(canceled.order_id) })
        }
        _ => None,
    }
}

/// What `own` has recorded itself: about what, and what.
pub(super) fn recorded(own: Context, record: &Record) -> Vec<(String, String)> {
    match own {
        Context::Settlement => record.events().iter().filter_map(obligation).collect(),
        Context::Risk | Context::Compliance => question(record).into_iter().collect(),
        Context::Trading => Vec::new(),
    }
}

fn obligation(event: &Event) -> Option<(String, String)> {
    let Event::Settlement(Settlement::ObligationRecorded { obligation }) = event else { return None };
    let (terms, fill) = (&obligation.terms, &obligation.fill);
    let same = schema::OrderExecuted {
        order_id: terms.order.0,
        account: terms.account.to_string(),
        participant: terms.participant.to_string(),
        side: word(terms.side),
        trade_id: fill.trade.to_string(),
        instrument: terms.instrument.to_string(),
        quantity: fill.quantity.0,
        notional: fill.notional.0.to_string(),
        fee: fill.fee.0.to_string(),
        trade_date: fill.trade_date.to_string(),
        ..schema::OrderExecuted::default()
    };
    Some((execution(same.order_id, &same.trade_id), executed(&same)))
}

/// What was asked of an order, once it was answered.
fn question(record: &Record) -> Option<(String, String)> {
    let Command::Deliver { body, .. } = &record.request.command else { return None };
    if record.receipt().result == ReceiptResult::Answered(Answer::Later) {
        return None;
    }
    let (terms, quantity, notional) = match &**body {
        Message::Risk(Risk::Hold { terms, reserved, .. }) => {
            (terms, reserved.quantity, reserved.amount.to_string())
        }
        Message::Compliance(Compliance::Check { terms, quantity, notional, .. }) => {
            (terms, quantity.0, notional.0.to_string())
        }
        Message::Trading(_)
        | Message::Settlement(_)
        | Message::Risk(_)
        | Message::Compliance(_)
        | Message::Definition(..) => return None,
    };
    Some((order(terms.order.0), asked(&terms.into(), quantity, &notional)))
}

fn order(order: u64) -> String {
    format!("order {order}")
}

fn execution(order: u64, trade: &str) -> String {
    format!("order {order} in trade {trade}")
}

fn asked(terms: &schema::OrderTerms, quantity: i64, notional: &str) -> String {
    let schema::OrderTerms { account, participant, instrument, quote, side, .. } = terms;
    format!("{side} {quantity} {instrument} for {account} of {participant}, worth {notional} {quote}")
}

/// As far as settlement has to have it on record.
fn executed(executed: &schema::OrderExecuted) -> String {
    let schema::OrderExecuted { account, participant, side, instrument, quantity, .. } = executed;
    let schema::OrderExecuted { notional, fee, trade_date, .. } = executed;
    format!(
        "{side} {quantity} {instrument} for {account} of {participant}, worth {notional} with a fee of {fee}, on {trade_date}"
    )
}
