//! What has happened in trading. Events are never changed once written; new fields take new numbers.

use minicbor::{Decode, Encode};
use serde::Serialize;
use vocabulary::{
    AccountId, Amount, Asset, AssetId, ClientOrderId, Date, Instrument, InstrumentId, OrderId, OrderTerms,
    ParticipantId, Price, Quantity, Reason, SelfTradePrevention, SettledSide, TimeInForce, Trade, UserId,
};

use crate::command::{Command, OrderKind, Scope};
use crate::order::Cause;
use crate::phase::Phase;

/// A fact.
#[derive(Clone, Debug, PartialEq, Serialize, Encode, Decode)]
#[allow(missing_docs, reason = "field names are those of the command that the event answers")]
pub enum Event {
    #[n(0)]
    AssetDefined(#[n(0)] Asset),
    #[n(1)]
    InstrumentDefined(#[n(0)] Box<Instrument>),
    #[n(2)]
    ReferencePriceSet {
        #[n(0)]
        instrument: InstrumentId,
        #[n(1)]
        price: Price,
    },
    #[n(3)]
    ParticipantRegistered {
        #[n(0)]
        participant: ParticipantId,
    },
    #[n(4)]
    AccountOpened {
        #[n(0)]
        account: AccountId,
        #[n(1)]
        participant: ParticipantId,
        #[n(2)]
        owner: UserId,
    },
    #[n(5)]
    Deposited {
        #[n(0)]
        account: AccountId,
        #[n(1)]
        asset: AssetId,
        #[n(2)]
        amount: Amount,
    },
    #[n(6)]
    Withdrawn {
        #[n(0)]
        account: AccountId,
        #[n(1)]
        asset: AssetId,
        #[n(2)]
        amount: Amount,
    },
    #[n(7)]
    BusinessDayOpened {
        #[n(0)]
        date: Date,
    },
    #[n(8)]
    PhaseChanged {
        #[n(0)]
        instrument: InstrumentId,
        #[n(1)]
        from: Phase,
        #[n(2)]
        to: Phase,
    },
    /// An auction found a price; its executions follow. `surplus` is buy minus sell quantity left at that price.
    #[n(9)]
    AuctionUncrossed {
        #[n(0)]
        instrument: InstrumentId,
        #[n(1)]
        price: Price,
        #[n(2)]
        quantity: Quantity,
        #[n(3)]
        surplus: i64,
    },
    /// The order exists and its funds are frozen; its participants are asked.
    #[n(10)]
    OrderCreated(#[n(0)] Box<CreatedOrder>),
    /// Every participant said yes, but an earlier order of the book is still undecided.
    #[n(11)]
    OrderCleared {
        #[n(0)]
        order: OrderId,
    },
    #[n(12)]
    OrderAccepted {
        #[n(0)]
        order: OrderId,
    },
    #[n(13)]
    OrderRejected {
        #[n(0)]
        order: OrderId,
        #[n(1)]
        reason: Reason,
        #[n(2)]
        released: Amount,
    },
    /// What is left of the order rests on the book.
    #[n(14)]
    OrderRested {
        #[n(0)]
        order: OrderId,
    },
    /// Two orders traded: funds and securities are deducted into clearing.
    #[n(15)]
    OrderExecuted(#[n(0)] Trade),
    /// The order shrank in place. `part` numbers the change among the parts of its holds.
    #[n(16)]
    OrderReduced {
        #[n(0)]
        order: OrderId,
        #[n(1)]
        by: Quantity,
        #[n(2)]
        released: Amount,
        #[n(3)]
        part: u32,
    },
    #[n(17)]
    OrderCanceled {
        #[n(0)]
        order: OrderId,
        #[n(1)]
        cause: Cause,
        #[n(2)]
        remaining: Quantity,
        #[n(3)]
        released: Amount,
    },
    #[n(18)]
    OrderExpired {
        #[n(0)]
        order: OrderId,
        #[n(1)]
        remaining: Quantity,
        #[n(2)]
        released: Amount,
    },
    /// One side of a trade is final: what was in clearing has changed hands.
    #[n(19)]
    ExecutionSettled(#[n(0)] Box<SettledSide>),
    /// The order is closed and all of its executions are final.
    #[n(20)]
    OrderSettled {
        #[n(0)]
        order: OrderId,
    },
    /// Orders in a scope are being cancelled, step by step.
    #[n(21)]
    SweepStarted {
        #[n(0)]
        scope: Scope,
        #[n(1)]
        cause: Cause,
    },
    /// A step of the first sweep: it goes on at the order in slot `next`; none left to look at: it has ended.
    #[n(22)]
    SweepAdvanced {
        #[n(0)]
        next: Option<u32>,
    },
}

/// An order as it came into being.
#[derive(Clone, Debug, PartialEq, Serialize, Encode, Decode)]
pub struct CreatedOrder {
    /// Whose it is and what for.
    #[n(0)]
    pub terms: OrderTerms,
    /// As its client asked.
    #[n(1)]
    pub kind: OrderKind,
    /// The worst price it can trade at: its limit, or the end of the band for a market order.
    #[n(2)]
    pub limit: Price,
    /// How much base.
    #[n(3)]
    pub quantity: Quantity,
    /// How long it lives.
    #[n(4)]
    pub time_in_force: TimeInForce,
    /// Must not match when it comes in.
    #[n(5)]
    pub post_only: bool,
    /// What to do when it meets an order of the same owner.
    #[n(6)]
    pub self_trade_prevention: SelfTradePrevention,
    /// The client's own id.
    #[n(7)]
    pub client_order_id: Option<ClientOrderId>,
    /// Who placed it.
    #[n(8)]
    pub user: UserId,
    /// What was frozen: quote for a buy, base for a sell.
    #[n(9)]
    pub frozen: Amount,
    /// Price times quantity at the limit: what is reserved with risk and settlement.
    #[n(10)]
    pub notional: Amount,
    /// The order whose place this one takes when it is accepted.
    #[n(11)]
    pub replaces: Option<OrderId>,
    /// Digest of the command, to tell a retry from a second order with the same client order id.
    #[n(12)]
    pub digest: u64,
    /// Decimals of quote and of a price, so that amounts can be shown without a look-up.
    #[n(13)]
    pub quote_scale: u8,
}

impl Event {
    /// The command that defines elsewhere what this event has defined here.
    pub fn definition(&self) -> Option<Command> {
        if let Self::AssetDefined(asset) = self {
            return Some(Command::DefineAsset(*asset));
        }
        if let Self::InstrumentDefined(instrument) = self {
            return Some(Command::DefineInstrument(instrument.clone()));
        }
        if let Self::ParticipantRegistered { participant } = self {
            return Some(Command::RegisterParticipant { participant: *participant });
        }
        if let Self::AccountOpened { account, participant, owner } = self {
            let (account, participant, owner) = (*account, *participant, *owner);
            return Some(Command::OpenAccount { account, participant, owner });
        }
        if let Self::BusinessDayOpened { date } = self {
            return Some(Command::OpenBusinessDay { date: *date });
        }
        None
    }
}
