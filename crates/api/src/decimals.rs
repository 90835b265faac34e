//! Decimal text to integers and back: where numbers come in and go out.
//!
//! Invariant: no number passes through a float, and none comes in that is not plain decimal text of the scale at hand
//! and within the bounds of its kind.

use crate::problem::Problem;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::borrow::Cow;
use std::fmt;
use vocabulary::{Amount, Price, Quantity, format_decimal, parse_decimal};

/// Decimal text as it came in, like `"12.50"`.
#[derive(Clone, Debug, PartialEq, Eq, utoipa::ToSchema)]
#[schema(value_type = String, example = "12.50", pattern = r"^[0-9]{1,31}(\.[0-9]{1,12})?$")]
pub(crate) struct Decimal<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Decimal<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Decimal<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a decimal number as text, like \"12.50\"")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Decimal(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Decimal(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl Decimal<'_> {
    /// A price above zero.
    pub(crate) fn price(&self, field: &str, scale: u8) -> Result<Price, Problem> {
        self.within(field, scale, 1, i128::from(Price::MAX.0)).map(|value| Price(small(value)))
    }

    /// A quantity above zero.
    pub(crate) fn quantity(&self, field: &str, scale: u8) -> Result<Quantity, Problem> {
        self.within(field, scale, 1, i128::from(Quantity::MAX.0)).map(|value| Quantity(small(value)))
    }

    /// An amount above zero.
    pub(crate) fn amount(&self, field: &str, scale: u8) -> Result<Amount, Problem> {
        self.within(field, scale, 1, Amount::MAX.0).map(Amount)
    }

    /// An amount that may be zero: a limit, a quota.
    pub(crate) fn bound(&self, field: &str, scale: u8) -> Result<Amount, Problem> {
        self.within(field, scale, 0, Amount::MAX.0).map(Amount)
    }

    fn within(&self, field: &str, scale: u8, min: i128, max: i128) -> Result<i128, Problem> {
        let value = parse_decimal(&self.0, scale).map_err(|error| Problem::invalid(field, error))?;
        if value < min {
            let rule = if min > 0 { "must be above 0" } else { "must not be negative" };
            return Err(Problem::invalid(field, rule));
        }
        if value > max {
            return Err(Problem::invalid(field, format!("must be at most {}", format_decimal(max, scale))));
        }
        Ok(value)
    }
}

fn small(value: i128) -> i64 {
    i64::try_from(value).expect("prices and quantities are bounded far below 2^63")
}

/// A price as text.
pub(crate) fn price_text(price: Price, scale: u8) -> String {
    format_decimal(i128::from(price.0), scale)
}

/// A quantity as text.
pub(crate) fn quantity_text(quantity: Quantity, scale: u8) -> String {
    format_decimal(i128::from(quantity.0), scale)
}

/// An amount as text.
pub(crate) fn amount_text(amount: Amount, scale: u8) -> String {
    format_decimal(amount.0, scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal<'_> {
        Decimal(Cow::Borrowed(text))
    }

    #[test]
    fn numbers_out_of_form_or_bounds_are_refused_by_field() {
        assert_eq!(decimal("12.5").amount("amount", 2).unwrap(), Amount(1_250));
        let cases =
            ["-1", "0", "0.00", "-0", "1e400", "NaN", "0.001", "170141183460469231731687303715884105728"];
        for text in cases {
            let problem = decimal(text).amount("amount", 2).unwrap_err();
            assert_eq!(problem.field(), Some("amount"), "{text}");
            assert_eq!(problem.status(), 400, "{text}");
        }
        assert_eq!(decimal("0").bound("limit", 2).unwrap(), Amount(0));
        assert!(decimal("-0.01").bound("limit", 2).is_err());
        assert!(decimal("1000000000000001").price("price", 0).is_err());
        assert_eq!(decimal("1000000000000000").quantity("quantity", 0).unwrap(), Quantity::MAX);
    }

    #[test]
    fn a_json_number_is_not_decimal_text() {
        assert!(serde_json::from_str::<Decimal<'_>>("\"1.5\"").is_ok());
        assert_eq!(serde_json::from_str::<Decimal<'_>>("\"\\u0031\"").unwrap(), decimal("1"));
        let error = serde_json::from_str::<Decimal<'_>>("1.5").unwrap_err().to_string();
        assert!(error.contains("expected a decimal number as text"), "{error}");
    }
}
