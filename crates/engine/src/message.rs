//! Messages between contexts. In the same node they are delivered within the record that caused them; to another node
//! they are repeated until answered.

use minicbor::{Decode, Encode};
use serde::Serialize;
use std::error::Error;
use std::fmt;
use std::str::FromStr;
use vocabulary::{CorrelationId, OrderId, Reason};

/// A command that one context has for another.
#[derive(Clone, Debug, PartialEq, Serialize, Encode, Decode)]
pub enum Message {
    /// To trading.
    #[n(0)]
    Trading(#[n(0)] trading::Command),
    /// To settlement.
    #[n(1)]
    Settlement(#[n(0)] settlement::Command),
    /// To risk.
    #[n(2)]
    Risk(#[n(0)] risk::Command),
    /// To compliance.
    #[n(3)]
    Compliance(#[n(0)] compliance::Command),
    /// To any of them: what trading has defined, which it keeps a copy of. In the same node there is one already.
    #[n(4)]
    Definition(#[n(0)] Context, #[n(1)] Box<trading::Command>),
}

impl Message {
    /// Who it is for.
    pub fn to(&self) -> Context {
        match self {
            Self::Trading(_) => Context::Trading,
            Self::Settlement(_) => Context::Settlement,
            Self::Risk(_) => Context::Risk,
            Self::Compliance(_) => Context::Compliance,
            Self::Definition(to, _) => *to,
        }
    }

    /// Number of the shard that it is for: in trading that of the order or sweep, and 0 elsewhere.
    ///
    /// # Panics
    /// When a message to trading is about neither: there is none.
    pub fn shard(&self) -> u16 {
        let Self::Trading(command) = self else { return 0 };
        if let trading::Command::StartSweep { shard, .. } = command {
            return *shard;
        }
        shard_of(order_of_trading(command).expect("messages to trading are about an order or a sweep").0)
    }

    /// The thread that its order hangs on.
    pub fn correlation(&self) -> Option<CorrelationId> {
        match self {
            Self::Trading(trading::Command::Settle { side }) => Some(side.terms.correlation),
            Self::Risk(risk::Command::Settle { side }) => Some(side.terms.correlation),
            Self::Trading(_) => None,
            Self::Settlement(
                settlement::Command::Hold { terms, .. }
                | settlement::Command::Confirm { terms, .. }
                | settlement::Command::Reduce { terms, .. }
                | settlement::Command::Release { terms, .. },
            )
            | Self::Risk(
                risk::Command::Hold { terms, .. }
                | risk::Command::Confirm { terms, .. }
                | risk::Command::Reduce { terms, .. }
                | risk::Command::Release { terms, .. },
            )
            | Self::Compliance(compliance::Command::Check { terms, .. }) => Some(terms.correlation),
            Self::Settlement(_) | Self::Risk(_) | Self::Compliance(_) | Self::Definition(..) => None,
        }
    }

    /// The order that it is about.
    pub(crate) fn order(&self) -> Option<OrderId> {
        match self {
            Self::Trading(command) => order_of_trading(command),
            Self::Settlement(command) => order_of_settlement(command),
            Self::Risk(command) => order_of_risk(command),
            Self::Compliance(_) => self.asks().map(|(order, _)| order),
            Self::Definition(..) => None,
        }
    }

    /// The order whose flow waits for the answer, and as which branch; none if only receipt matters.
    pub(crate) fn asks(&self) -> Option<(OrderId, Branch)> {
        if let Self::Risk(risk::Command::Hold { terms, .. }) = self {
            return Some((terms.order, Branch::Risk));
        }
        if let Self::Settlement(settlement::Command::Hold { terms, .. }) = self {
            return Some((terms.order, Branch::Settlement));
        }
        if let Self::Compliance(compliance::Command::Check { terms, .. }) = self {
            return Some((terms.order, Branch::Compliance));
        }
        None
    }
}

/// The shard that a position, or an order's id, belongs to.
pub(crate) fn shard_of(position: u64) -> u16 {
    u16::try_from(position >> 48).expect("the upper 16 bits of 64")
}

fn order_of_trading(command: &trading::Command) -> Option<OrderId> {
    use trading::Command as T;
    if let T::Settle { side } = command {
        return Some(side.terms.order);
    }
    if let T::AcceptOrder { order }
    | T::RejectOrder { order, .. }
    | T::WithdrawBlock { order }
    | T::ExecuteBlock { buy: order, .. } = command
    {
        return Some(*order);
    }
    None
}

fn order_of_settlement(command: &settlement::Command) -> Option<OrderId> {
    use settlement::Command as S;
    if let S::Hold { terms, .. }
    | S::Confirm { terms, .. }
    | S::Reduce { terms, .. }
    | S::Release { terms, .. } = command
    {
        return Some(terms.order);
    }
    None
}

fn order_of_risk(command: &risk::Command) -> Option<OrderId> {
    use risk::Command as R;
    if let R::Settle { side } = command {
        return Some(side.terms.order);
    }
    if let R::Hold { terms, .. }
    | R::Confirm { terms, .. }
    | R::Reduce { terms, .. }
    | R::Release { terms, .. } = command
    {
        return Some(terms.order);
    }
    None
}

/// One of the four bounded contexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Context {
    /// Trading.
    #[n(0)]
    Trading,
    /// Settlement.
    #[n(1)]
    Settlement,
    /// Risk.
    #[n(2)]
    Risk,
    /// Compliance.
    #[n(3)]
    Compliance,
}

impl Context {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Trading, Self::Settlement, Self::Risk, Self::Compliance];
}

/// The record at that position of a shard of that service, in 64 bits, as spans of traces are named (W3C Trace Context):
/// shards of different services may have the same number, and so their records the same position. The highest bit is
/// never set, as long as there are fewer than 4,096 shards.
pub fn span_id(service: Context, position: u64) -> u64 {
    let number = match service {
        Context::Trading => 1,
        Context::Settlement => 2,
        Context::Risk => 3,
        Context::Compliance => 4,
    };
    position ^ (number << 60)
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trading => "trading",
            Self::Settlement => "settlement",
            Self::Risk => "risk",
            Self::Compliance => "compliance",
        })
    }
}

impl FromStr for Context {
    type Err = UnknownContext;

    fn from_str(text: &str) -> Result<Self, UnknownContext> {
        let named = Self::ALL.into_iter().find(|context| context.to_string() == text);
        named.ok_or_else(|| UnknownContext(text.to_owned()))
    }
}

/// A word that names no context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownContext(String);

impl fmt::Display for UnknownContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not one of trading, settlement, risk and compliance", self.0)
    }
}

impl Error for UnknownContext {}

/// A participant of the order flow besides trading, in the order in which their reasons count: when several say no,
/// the first of these is the reason of the rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Branch {
    /// Policy check.
    #[n(0)]
    Compliance,
    /// Risk limits.
    #[n(1)]
    Risk,
    /// Clearing quota.
    #[n(2)]
    Settlement,
}

impl Branch {
    /// All of them, in that order.
    pub const ALL: [Self; 3] = [Self::Compliance, Self::Risk, Self::Settlement];
}

/// Names a message for good: the record that caused it, its place among the messages of that record, and whose record
/// it was.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Encode, Decode)]
pub struct MessageId {
    /// Shard and position of the record.
    #[n(0)]
    pub position: u64,
    /// Counts from 0.
    #[n(1)]
    pub index: u32,
    /// The first context of the node that it comes from: shards of different contexts may have the same number.
    #[n(2)]
    pub from: Context,
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.from, self.position, self.index)
    }
}

/// What a participant answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub enum Answer {
    /// Done, now or before.
    #[n(0)]
    Yes,
    /// Refused, for good.
    #[n(1)]
    No(#[n(0)] Reason),
    /// Cannot be done before an earlier message: send it again.
    #[n(2)]
    Later,
}

/// The contexts that a node hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hosts(u8);

impl Hosts {
    /// All four, as in one process.
    pub const ALL: Self = Self(0b1111);

    /// Just these.
    pub fn only(contexts: &[Context]) -> Self {
        Self(contexts.iter().fold(0, |bits, context| bits | Self::bit(*context)))
    }

    /// The first of them, which names the node among those with the same shard.
    pub(crate) fn first(self) -> Context {
        self.iter().next().unwrap_or(Context::Trading)
    }

    /// Whether `context` is among them.
    pub fn has(self, context: Context) -> bool {
        self.0 & Self::bit(context) != 0
    }

    /// Them, in the order of [`Context::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Context> {
        Context::ALL.into_iter().filter(move |context| self.has(*context))
    }

    fn bit(context: Context) -> u8 {
        match context {
            Context::Trading => 1,
            Context::Settlement => 2,
            Context::Risk => 4,
            Context::Compliance => 8,
        }
    }
}

impl fmt::Display for Hosts {
    /// Their names, with commas between.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, context) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{context}")?;
        }
        Ok(())
    }
}

impl FromStr for Hosts {
    type Err = UnknownContext;

    fn from_str(text: &str) -> Result<Self, UnknownContext> {
        let named = text.split(',').map(str::parse).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::only(&named))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_written_as_they_are_read() {
        for hosts in
            [Hosts::ALL, Hosts::only(&[Context::Risk]), Hosts::only(&[Context::Risk, Context::Trading])]
        {
            assert_eq!(hosts.to_string().parse(), Ok(hosts));
        }
        assert_eq!(Hosts::only(&[Context::Risk, Context::Trading]).to_string(), "trading,risk");
        assert!("".parse::<Hosts>().is_err());
        assert!("trading,netting".parse::<Hosts>().unwrap_err().to_string().contains("netting"));
    }
}
