//! What settlement can be asked to do.

use minicbor::{Decode, Encode};
use serde::Serialize;
use vocabulary::{
    Amount, AssetId, Calendar, CalendarId, Date, Fill, MarketId, OrderTerms, ParticipantId, Reserved,
    SettlementModel, Timestamp,
};

/// How long after the trade it settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub struct Cycle {
    /// Says what a business day is. One that is not defined counts as Monday to Friday without holidays.
    #[n(0)]
    pub calendar: CalendarId,
    /// Business days from trade to settlement: 0 for T+0.
    #[n(1)]
    pub settlement_days: u8,
}

/// A request to settlement. Each can be repeated: what is already so yields no events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub enum Command {
    /// Sets how much a participant may have in holds and unsettled obligations, per currency. It may fall below what
    /// is in use: then every hold is refused until enough has settled or been released.
    #[n(0)]
    SetQuota {
        /// Whose.
        #[n(0)]
        participant: ParticipantId,
        /// In which currency.
        #[n(1)]
        asset: AssetId,
        /// How much, in minor units; not negative.
        #[n(2)]
        quota: Amount,
    },
    /// Defines the business days of a calendar, or changes them for trades confirmed and recycled from now on.
    #[n(1)]
    DefineCalendar {
        /// Which.
        #[n(0)]
        calendar: CalendarId,
        /// Its days.
        #[n(1)]
        days: Calendar,
    },
    /// Chooses gross or net settlement for a market. Markets are gross until told otherwise.
    #[n(2)]
    SetSettlementModel {
        /// Which market.
        #[n(0)]
        market: MarketId,
        /// How its trades settle.
        #[n(1)]
        model: SettlementModel,
    },
    /// What the custodian or payment bank says is missing of all that a participant must deliver or pay. It stands until
    /// it is set anew; 0 clears it. A run uses what stood when it started.
    #[n(3)]
    RecordShortfall {
        /// Who is short.
        #[n(0)]
        participant: ParticipantId,
        /// Of what.
        #[n(1)]
        asset: AssetId,
        /// How much, in minor units; not negative.
        #[n(2)]
        missing: Amount,
    },
    /// Reserves the amount of the participant's quota in the order's quote currency.
    #[n(4)]
    Hold {
        /// The order.
        #[n(0)]
        terms: OrderTerms,
        /// How much.
        #[n(1)]
        reserved: Reserved,
        /// Until when the request is good.
        #[n(2)]
        deadline: Timestamp,
    },
    /// One fill: its part of the hold becomes used quota, and this side's obligation is recorded.
    #[n(5)]
    Confirm {
        /// The order.
        #[n(0)]
        terms: OrderTerms,
        /// What was executed.
        #[n(1)]
        fill: Fill,
        /// When it settles.
        #[n(2)]
        cycle: Cycle,
    },
    /// Gives back a part of the hold while the order goes on.
    #[n(6)]
    Reduce {
        /// The order.
        #[n(0)]
        terms: OrderTerms,
        /// Which part of the hold, counted from 0 together with the confirmed ones.
        #[n(1)]
        part: u32,
        /// How much.
        #[n(2)]
        what: Reserved,
    },
    /// Gives back the rest of the hold.
    #[n(7)]
    Release {
        /// The order.
        #[n(0)]
        terms: OrderTerms,
        /// How many parts were confirmed or given back before.
        #[n(1)]
        parts: u32,
        /// No request for this hold is good beyond that time: so long the release is remembered at least.
        #[n(2)]
        #[cbor(default)]
        until: Timestamp,
    },
    /// Starts a run over every complete trade that is due on `date` or before. With nothing due it yields no events, so
    /// it is safe to repeat; while a run is in progress it is refused, except for the same date.
    #[n(8)]
    Process {
        /// The settlement date.
        #[n(0)]
        date: Date,
    },
    /// Takes the next step of the run in progress; without one, nothing.
    #[n(9)]
    Advance,
}
