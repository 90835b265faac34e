//! What several events say.

use crate::schema;
use crate::words::word;
use vocabulary::{Fill, OrderTerms, Reason, Reserved};

impl From<&OrderTerms> for schema::OrderTerms {
    fn from(terms: &OrderTerms) -> Self {
        Self {
            order_id: terms.order.0,
            account: terms.account.to_string(),
            participant: terms.participant.to_string(),
            instrument: terms.instrument.to_string(),
            market: terms.market.to_string(),
            base: terms.base.to_string(),
            quote: terms.quote.to_string(),
            side: word(terms.side),
        }
    }
}

impl From<&Reserved> for schema::Reserved {
    fn from(reserved: &Reserved) -> Self {
        Self { quantity: reserved.quantity, amount: reserved.amount }
    }
}

impl From<&Fill> for schema::Fill {
    fn from(fill: &Fill) -> Self {
        Self {
            trade_id: fill.trade.to_string(),
            part: fill.part,
            used: Some((&fill.used).into()),
            quantity: fill.quantity.0,
            notional: fill.notional.0.to_string(),
            fee: fill.fee.0.to_string(),
            trade_date: fill.trade_date.to_string(),
        }
    }
}

impl From<&Reason> for schema::Reason {
    fn from(reason: &Reason) -> Self {
        Self { code: reason.code.clone(), message: reason.message.clone() }
    }
}

impl From<&trading::Scope> for schema::Scope {
    fn from(scope: &trading::Scope) -> Self {
        use trading::Scope;
        match scope {
            Scope::All => of_kind("all", ""),
            Scope::Participant(participant) => of_kind("participant", participant),
            Scope::Account(account) => of_kind("account", account),
            Scope::Instrument(instrument) => of_kind("instrument", instrument),
        }
    }
}

impl From<&risk::Switch> for schema::Scope {
    fn from(switch: &risk::Switch) -> Self {
        use risk::Switch;
        match switch {
            Switch::All => of_kind("all", ""),
            Switch::Participant(participant) => of_kind("participant", participant),
            Switch::Account(account) => of_kind("account", account),
            Switch::Instrument(instrument) => of_kind("instrument", instrument),
        }
    }
}

impl From<&risk::Scope> for schema::Scope {
    fn from(scope: &risk::Scope) -> Self {
        use risk::Scope;
        match scope {
            Scope::Account(account) => of_kind("account", account),
            Scope::Participant(participant) => of_kind("participant", participant),
        }
    }
}

fn of_kind(kind: &str, id: impl ToString) -> schema::Scope {
    schema::Scope { kind: kind.to_owned(), id: id.to_string() }
}

impl From<&risk::Measure> for schema::Measure {
    fn from(measure: &risk::Measure) -> Self {
        use risk::Measure;
        let (kind, id) = match measure {
            Measure::OrderNotional(asset) => ("order_notional", asset.to_string()),
            Measure::OrderQuantity(instrument) => ("order_quantity", instrument.to_string()),
            Measure::Position(instrument) => ("position", instrument.to_string()),
            Measure::GrossExposure(asset) => ("gross_exposure", asset.to_string()),
            Measure::OrderRate => ("order_rate", String::new()),
        };
        Self { kind: kind.to_owned(), id }
    }
}
