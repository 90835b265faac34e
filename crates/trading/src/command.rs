//! What trading can be asked to do.

use minicbor::{Decode, Encode};
use serde::Serialize;
use vocabulary::{
    AccountId, Amount, Asset, AssetId, ClientOrderId, Date, Instrument, InstrumentId, OrderId, ParticipantId,
    Price, Quantity, Reason, SelfTradePrevention, SettledSide, Side, TimeInForce, UserId,
};

use crate::order::Cause;
use crate::phase::Phase;

/// A request of a client or operator, or a message of the order flow.
#[derive(Clone, Debug, PartialEq, Serialize, Encode, Decode)]
pub enum Command {
    /// Makes an asset known.
    #[n(0)]
    DefineAsset(#[n(0)] Asset),
    /// Makes an instrument known. Its scales must be those of its assets.
    #[n(1)]
    DefineInstrument(#[n(0)] Box<Instrument>),
    /// Sets what the price band and the auction refer to.
    #[n(2)]
    SetReferencePrice {
        /// Of which instrument.
        #[n(0)]
        instrument: InstrumentId,
        /// The new reference price.
        #[n(1)]
        price: Price,
    },
    /// Admits a clearing member.
    #[n(3)]
    RegisterParticipant {
        /// Its code.
        #[n(0)]
        participant: ParticipantId,
    },
    /// Opens an account.
    #[n(4)]
    OpenAccount {
        /// Its code.
        #[n(0)]
        account: AccountId,
        /// Who clears for it.
        #[n(1)]
        participant: ParticipantId,
        /// Opaque id of its owner.
        #[n(2)]
        owner: UserId,
    },
    /// Brings an asset in from outside.
    #[n(5)]
    Deposit {
        /// Into which account.
        #[n(0)]
        account: AccountId,
        /// What.
        #[n(1)]
        asset: AssetId,
        /// How much, in minor units.
        #[n(2)]
        amount: Amount,
    },
    /// Takes an available asset out.
    #[n(6)]
    Withdraw {
        /// From which account.
        #[n(0)]
        account: AccountId,
        /// What.
        #[n(1)]
        asset: AssetId,
        /// How much, in minor units.
        #[n(2)]
        amount: Amount,
    },
    /// Begins a business day. Days only go forward.
    #[n(7)]
    OpenBusinessDay {
        /// The day.
        #[n(0)]
        date: Date,
    },
    /// Moves an instrument to another market phase. What crosses is traded at one price when an auction is followed by
    /// continuous trading or the close, and when continuous trading resumes.
    #[n(8)]
    SetPhase {
        /// Of which instrument.
        #[n(0)]
        instrument: InstrumentId,
        /// The new phase.
        #[n(1)]
        phase: Phase,
    },
    /// Takes in an order.
    #[n(9)]
    PlaceOrder(#[n(0)] PlaceOrder),
    /// Takes an order out of the market.
    #[n(10)]
    CancelOrder {
        /// Which.
        #[n(0)]
        order: OrderId,
    },
    /// Changes price or quantity. A smaller quantity at the same price keeps priority; anything else is a new order
    /// that takes the place of the old one when it is accepted.
    #[n(11)]
    ReplaceOrder {
        /// Which.
        #[n(0)]
        order: OrderId,
        /// New limit; none: the same.
        #[n(1)]
        price: Option<Price>,
        /// New total quantity, what is executed included; none: the same.
        #[n(2)]
        quantity: Option<Quantity>,
        /// Who asks.
        #[n(3)]
        user: UserId,
    },
    /// Cancels every open order in a scope that was placed before this. Legs of block trades are not on the book: a
    /// block trade is refused by a command of its own.
    #[n(12)]
    CancelAll {
        /// Whose or what for.
        #[n(0)]
        scope: Scope,
    },
    /// Message: all participants said yes.
    #[n(13)]
    AcceptOrder {
        /// Which.
        #[n(0)]
        order: OrderId,
    },
    /// Message: a participant said no, or did not answer in time.
    #[n(14)]
    RejectOrder {
        /// Which.
        #[n(0)]
        order: OrderId,
        /// Why.
        #[n(1)]
        reason: Reason,
    },
    /// Message: settlement has made one side of a trade final.
    #[n(15)]
    Settle {
        /// That side.
        #[n(0)]
        side: Box<SettledSide>,
    },
    /// Message: the two legs of a block trade are executed against each other.
    #[n(16)]
    ExecuteBlock {
        /// The buying leg.
        #[n(0)]
        buy: OrderId,
        /// The selling leg.
        #[n(1)]
        sell: OrderId,
    },
    /// Message: a leg of a block trade is given up and its funds are freed.
    #[n(17)]
    WithdrawBlock {
        /// Which.
        #[n(0)]
        order: OrderId,
    },
    /// Message: starts cancelling the open orders in a scope for another cause than their owner's wish.
    #[n(18)]
    StartSweep {
        /// Whose or what for.
        #[n(0)]
        scope: Scope,
        /// Why.
        #[n(1)]
        cause: Cause,
        /// The trading shard whose orders are meant.
        #[n(2)]
        #[cbor(default)]
        shard: u16,
    },
    /// The next bounded step of the first sweep that has not ended.
    #[n(19)]
    ContinueSweep,
    /// Takes an order out of the market by its client's own id.
    #[n(20)]
    CancelClientOrder {
        /// Whose.
        #[n(0)]
        account: AccountId,
        /// The id under which it was placed.
        #[n(1)]
        client_order_id: ClientOrderId,
    },
}

/// An order as its client wants it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Encode, Decode)]
pub struct PlaceOrder {
    /// For which account.
    #[n(0)]
    pub account: AccountId,
    /// In what.
    #[n(1)]
    pub instrument: InstrumentId,
    /// Buy or sell.
    #[n(2)]
    pub side: Side,
    /// Limit, market or block leg.
    #[n(3)]
    pub kind: OrderKind,
    /// How much base, in minor units.
    #[n(4)]
    pub quantity: Quantity,
    /// How long it lives.
    #[n(5)]
    pub time_in_force: TimeInForce,
    /// Must not match when it comes in.
    #[n(6)]
    pub post_only: bool,
    /// What to do when it meets an order of the same owner.
    #[n(7)]
    pub self_trade_prevention: SelfTradePrevention,
    /// The client's own id, unique per account for good.
    #[n(8)]
    pub client_order_id: Option<ClientOrderId>,
    /// Opaque id of who places it.
    #[n(9)]
    pub user: UserId,
}

/// What an order asks for its price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub enum OrderKind {
    /// This price or better.
    #[n(0)]
    Limit(#[n(0)] Price),
    /// Whatever the market gives, within the price band.
    #[n(1)]
    Market,
    /// A leg of a negotiated block trade at this very price; never on the book.
    #[n(2)]
    Block(#[n(0)] Price),
}

/// Which open orders are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub enum Scope {
    /// All of them.
    #[n(0)]
    All,
    /// Those of the accounts that a participant clears.
    #[n(1)]
    Participant(#[n(0)] ParticipantId),
    /// Those of an account.
    #[n(2)]
    Account(#[n(0)] AccountId),
    /// Those in an instrument.
    #[n(3)]
    Instrument(#[n(0)] InstrumentId),
}

impl Command {
    /// Whether it defines what other contexts have to know too.
    pub fn is_definition(&self) -> bool {
        matches!(
            self,
            Self::DefineAsset(_)
                | Self::DefineInstrument(_)
                | Self::RegisterParticipant { .. }
                | Self::OpenAccount { .. }
                | Self::OpenBusinessDay { .. }
        )
    }
}
