//! The forms of what clients send and get as text: codes, dates, words out of a fixed set; only for the documentation.
//!
//! What is read and written are the domain's own types, which know nothing of OpenAPI. Fields of theirs name one of
//! these as their documented type. Tests hold both against each other.

#![allow(dead_code, reason = "only their form is used, by the OpenAPI document")]

use crate::reports::Format;
use utoipa::ToSchema;
use utoipa::openapi::{Components, RefOr, Schema};

/// Adds the forms that only parameters have: a handler brings along no more than those of its bodies.
pub(crate) fn add_parameters(components: &mut Components) {
    fn of<F: ToSchema>() -> (String, RefOr<Schema>) {
        (F::name().into_owned(), F::schema())
    }
    let forms = [of::<Correlation>(), of::<OrderStatusFilter>(), of::<BlockProgress>(), of::<Format>()];
    components.schemas.extend(forms);
}

/// A code: 1 to 16 letters, digits, `.`, `_` and `-`.
#[derive(ToSchema)]
#[schema(value_type = String, min_length = 1, max_length = 16, pattern = "^[A-Za-z0-9._-]+$")]
pub(crate) struct Code(String);

/// An opaque id: 1 to 36 letters, digits, `.`, `_` and `-`.
#[derive(ToSchema)]
#[schema(value_type = String, min_length = 1, max_length = 36, pattern = "^[A-Za-z0-9._-]+$")]
pub(crate) struct Id(String);

/// A day of the calendar (ISO 8601).
#[derive(ToSchema)]
#[schema(value_type = String, format = Date, pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
pub(crate) struct Day(String);

/// A moment in UTC (RFC 3339).
#[derive(ToSchema)]
#[schema(value_type = String, format = DateTime)]
pub(crate) struct Moment(String);

/// The thread that a request hangs on: 1 to 32 hexadecimal digits; hyphens, as in a UUID, are passed over.
#[derive(ToSchema)]
#[schema(value_type = String, max_length = 36, pattern = "^-*([0-9A-Fa-f]-*){1,32}$")]
pub(crate) struct Correlation(String);

/// Buy or sell.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum Side {
    Buy,
    Sell,
}

/// How long an order lives.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum TimeInForce {
    GoodTillCancel,
    Day,
    ImmediateOrCancel,
    FillOrKill,
}

/// What happens when an order would trade with another order of the same owner.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum SelfTradePrevention {
    Off,
    CancelNewest,
    CancelOldest,
    CancelBoth,
}

/// Where an order is in its life.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum OrderStatus {
    Created,
    Rejected,
    Open,
    PartiallyExecuted,
    Executed,
    Canceled,
    Expired,
    Settled,
}

/// Where orders are in their lives: `active` are all that are not closed.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum OrderStatusFilter {
    Active,
    Created,
    Rejected,
    Open,
    PartiallyExecuted,
    Executed,
    Canceled,
    Expired,
    Settled,
}

/// Where a block trade is.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum BlockProgress {
    Doing,
    AwaitingConsent,
    Executing,
    Undoing,
    Stuck,
    Complete,
    Undone,
}

/// What can be done with orders of an instrument.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum Phase {
    Closed,
    OpeningAuction,
    Continuous,
    Halted,
    ClosingAuction,
}

/// What kind of asset it is.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum AssetKind {
    Currency,
    Security,
}

/// How a market settles: trade by trade (BIS model 1) or net (BIS model 3).
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum SettlementModel {
    Gross,
    Net,
}

/// A service that sends messages to others.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum Service {
    Trading,
    Settlement,
    Risk,
    Compliance,
}

/// 0 = Monday to 6 = Sunday.
#[derive(ToSchema)]
#[schema(value_type = u8, maximum = 6)]
pub(crate) struct Weekday(u8);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::trading::blocks::STAGES;
    use serde::de::DeserializeOwned;
    use std::collections::BTreeSet;
    use utoipa::PartialSchema;

    /// The words that the documentation gives.
    fn documented<F: PartialSchema>() -> BTreeSet<String> {
        let schema = serde_json::to_value(F::schema()).unwrap();
        let words = schema["enum"].as_array().unwrap();
        words.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    }

    /// The words that are read, as the refusal of another one lists them.
    fn read<T: DeserializeOwned>() -> BTreeSet<String> {
        let Err(refusal) = serde_json::from_str::<T>("\"?\"") else { panic!("every word is read") };
        let refusal = refusal.to_string();
        let (_, listed) = refusal.split_once("expected ").unwrap();
        listed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn documented_words_are_those_that_are_read() {
        assert_eq!(documented::<Side>(), read::<vocabulary::Side>());
        assert_eq!(documented::<TimeInForce>(), read::<vocabulary::TimeInForce>());
        assert_eq!(documented::<SelfTradePrevention>(), read::<vocabulary::SelfTradePrevention>());
        assert_eq!(documented::<AssetKind>(), read::<vocabulary::AssetKind>());
        assert_eq!(documented::<SettlementModel>(), read::<vocabulary::SettlementModel>());
        assert_eq!(documented::<Phase>(), read::<trading::Phase>());
        assert_eq!(documented::<OrderStatus>(), read::<trading::Status>());
        let mut filters = read::<trading::Status>();
        filters.insert("active".to_owned());
        assert_eq!(documented::<OrderStatusFilter>(), filters);
        assert_eq!(documented::<BlockProgress>(), STAGES.map(str::to_owned).into());
    }
}
