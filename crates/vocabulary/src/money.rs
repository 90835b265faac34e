//! Money and quantities: integers in minor units, checked.
//!
//! Scales are data of the asset or instrument, never part of the number. `+` and `-` panic on overflow: the bounds
//! below are enforced where numbers come in, so an overflow inside is a bug, and a shard with a bug must halt.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

/// Price of one whole unit of base, in `10^-price_scale` units of quote.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, Encode, Decode,
)]
#[serde(transparent)]
#[cbor(transparent)]
pub struct Price(#[n(0)] pub i64);

/// Quantity of base, in its minor units (`10^-scale`).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, Encode, Decode,
)]
#[serde(transparent)]
#[cbor(transparent)]
pub struct Quantity(#[n(0)] pub i64);

/// Amount of any asset, in its minor units (`10^-scale`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(pub i128);

impl Price {
    /// The highest price taken at an edge.
    pub const MAX: Self = Self(1_000_000_000_000_000);
}

impl Quantity {
    /// The largest quantity taken at an edge.
    pub const MAX: Self = Self(1_000_000_000_000_000);
    /// No quantity.
    pub const ZERO: Self = Self(0);

    /// Whether there is none.
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl Amount {
    /// The largest amount taken at an edge; sums of 10^7 of these still fit.
    pub const MAX: Self = Self(10_i128.pow(30));
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether it is less than nothing.
    pub fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The size without the sign.
    pub fn abs(self) -> Self {
        Self(self.0.abs())
    }
}

impl From<Quantity> for Amount {
    fn from(quantity: Quantity) -> Self {
        Self(i128::from(quantity.0))
    }
}

macro_rules! checked_arithmetic {
    ($name:ident) => {
        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0.checked_add(other.0).expect("money overflow"))
            }
        }
        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0.checked_sub(other.0).expect("money overflow"))
            }
        }
        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }
        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                *self = *self - other;
            }
        }
        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self(self.0.checked_neg().expect("money overflow"))
            }
        }
        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
                all.fold(Self(0), Add::add)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

checked_arithmetic!(Quantity);
checked_arithmetic!(Amount);
checked_arithmetic!(Price);

/// Amounts of 19 digits and more do not fit a JSON number everywhere, so an amount is text in minor units.
impl Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

impl<C> Encode<C> for Amount {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        match i64::try_from(self.0) {
            Ok(small) => e.i64(small)?.ok(),
            Err(_) => e.bytes(&self.0.to_be_bytes())?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Amount {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        if d.datatype()? == minicbor::data::Type::Bytes {
            let bytes =
                d.bytes()?.try_into().map_err(|_| minicbor::decode::Error::message("want 16 bytes"))?;
            return Ok(Self(i128::from_be_bytes(bytes)));
        }
        d.i64().map(|small| Self(i128::from(small)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_any_size_survive_encoding() {
        for amount in [0, 1, -1, i128::from(i64::MAX), i128::from(i64::MIN), i128::MAX, i128::MIN] {
            let bytes = minicbor::to_vec(Amount(amount)).unwrap();
            assert_eq!(minicbor::decode::<Amount>(&bytes).unwrap(), Amount(amount));
        }
    }

    #[test]
    #[should_panic(expected = "money overflow")]
    fn overflow_halts() {
        let _ = Amount(i128::MAX) + Amount(1);
    }
}
