//! Ids. They come from the client (codes) or from the position of a record in its shard; the domain mints none.

use crate::text::Text;
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A code of up to 16 characters.
pub type Code = Text<16>;

macro_rules! code_id {
    ($(#[$doc:meta])* $name:ident, $text:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode)]
        #[serde(transparent)]
        #[cbor(transparent)]
        pub struct $name(#[n(0)] pub $text);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::text::TextError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                <$text>::new(text).map(Self)
            }
        }
    };
}

code_id!(
    /// A currency or a security, e.g. `CNY` or `600519`.
    AssetId, Code
);
code_id!(
    /// A thing that is traded: one asset against another, e.g. `600519`.
    InstrumentId, Code
);
code_id!(
    /// A clearing member, who answers for the accounts it carries.
    ParticipantId, Code
);
code_id!(
    /// A trading account of one owner, carried by one participant.
    AccountId, Code
);
code_id!(
    /// A market: the group of instruments that share a settlement model and policy limits.
    MarketId, Code
);
code_id!(
    /// A business-day calendar.
    CalendarId, Code
);
code_id!(
    /// Opaque id of a person or system. Never a name: history must not hold personal data.
    UserId, Text<36>
);
code_id!(
    /// The client's own id of an order, unique per account for good.
    ClientOrderId, Text<36>
);

/// An order: the shard (upper 16 bits) and the position of the record that created it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode)]
#[serde(transparent)]
#[cbor(transparent)]
pub struct OrderId(#[n(0)] pub u64);

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// A trade: the record that executed it and its place among the executions of that record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct TradeId {
    /// Shard and position of the record, packed as in [`OrderId`].
    #[n(0)]
    pub position: u64,
    /// Counts the executions of that record from 0.
    #[n(1)]
    pub index: u32,
}

impl fmt::Display for TradeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.position, self.index)
    }
}

impl fmt::Debug for TradeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for TradeId {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('-').and_then(|(p, i)| Some((p.parse().ok()?, i.parse().ok()?)));
        let (position, index) = parts.ok_or("a trade id looks like 123-0")?;
        Ok(Self { position, index })
    }
}

impl Serialize for TradeId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What ties together everything that one request caused: 128 bits, shown as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CorrelationId(pub u128);

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for CorrelationId {
    type Err = &'static str;
    /// Takes 1 to 32 hexadecimal digits; hyphens, as in a UUID, are passed over, and all are at most 36 characters.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Bounded before it is looked at: there may be any number of hyphens.
        if text.len() > 36 {
            return Err("must be 1 to 32 hexadecimal digits");
        }
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        // Rust's own reading also takes a plus sign.
        if digits.len() > 32 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err("must be 1 to 32 hexadecimal digits");
        }
        u128::from_str_radix(&digits, 16).map(Self).map_err(|_| "must be 1 to 32 hexadecimal digits")
    }
}

impl Serialize for CorrelationId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<C> Encode<C> for CorrelationId {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.0.to_be_bytes())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for CorrelationId {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let bytes = d.bytes()?.try_into().map_err(|_| minicbor::decode::Error::message("want 16 bytes"))?;
        Ok(Self(u128::from_be_bytes(bytes)))
    }
}
