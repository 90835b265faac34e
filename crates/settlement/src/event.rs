//! What has happened in settlement.
//!
//! Lineage: a settled trade with model `Net` is part of the positions netted under the same `run`: for each of its two
//! participants the one in base and the one in quote, and the central counterparty's in both. The gross amounts of a
//! position are exactly the sums over those sides.

use crate::obligation::Obligation;
use crate::position::{Party, Total};
use minicbor::{Decode, Encode};
use serde::Serialize;
use vocabulary::{
    Amount, AssetId, Calendar, CalendarId, Date, MarketId, OrderId, OrderTerms, ParticipantId, Reserved,
    SettledSide, SettlementModel, Timestamp, TradeId,
};

/// What a participant with a recorded shortfall can deliver in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub struct Cover {
    /// Who.
    #[n(0)]
    pub participant: ParticipantId,
    /// Of what.
    #[n(1)]
    pub asset: AssetId,
    /// All that it has to deliver in the run, before any netting.
    #[n(2)]
    pub outgoing: Amount,
    /// What was recorded as missing of it.
    #[n(3)]
    pub missing: Amount,
}

impl Cover {
    /// What it can deliver: its outgoing less what is missing, and never below nothing.
    pub fn deliverable(&self) -> Amount {
        (self.outgoing - self.missing).max(Amount::ZERO)
    }
}

/// Who could not deliver, what, and how much was missing when the trade was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub struct Short {
    /// Who.
    #[n(0)]
    pub participant: ParticipantId,
    /// Of what.
    #[n(1)]
    pub asset: AssetId,
    /// In minor units, above 0. Gross: what the trade needs beyond what is left. Net: the net outgoing beyond what can
    /// be delivered, before this trade was taken out.
    #[n(2)]
    pub missing: Amount,
}

/// A fact of settlement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub enum Event {
    /// A participant's quota in a currency is this from now on.
    #[n(0)]
    QuotaSet {
        /// Whose.
        #[n(0)]
        participant: ParticipantId,
        /// In which currency.
        #[n(1)]
        asset: AssetId,
        /// In minor units.
        #[n(2)]
        quota: Amount,
    },
    /// A calendar has these business days from now on.
    #[n(1)]
    CalendarDefined {
        /// Which.
        #[n(0)]
        calendar: CalendarId,
        /// Its days.
        #[n(1)]
        days: Calendar,
    },
    /// A market settles so from now on.
    #[n(2)]
    SettlementModelSet {
        /// Which market.
        #[n(0)]
        market: MarketId,
        /// How.
        #[n(1)]
        model: SettlementModel,
    },
    /// This much is missing of what a participant must deliver; 0: nothing any more.
    #[n(3)]
    ShortfallRecorded {
        /// Who is short.
        #[n(0)]
        participant: ParticipantId,
        /// Of what.
        #[n(1)]
        asset: AssetId,
        /// In minor units.
        #[n(2)]
        missing: Amount,
    },
    /// Quota was reserved for an order.
    #[n(4)]
    QuotaHeld {
        /// The order.
        #[n(0)]
        terms: OrderTerms,
        /// How much.
        #[n(1)]
        reserved: Reserved,
    },
    /// A fill turned its part of a hold into used quota and into an obligation against the central counterparty.
    #[n(5)]
    ObligationRecorded {
        /// The obligation of this side.
        #[n(0)]
        obligation: Obligation,
    },
    /// A shrinking order gave back a part of its hold.
    #[n(6)]
    QuotaReduced {
        /// The order.
        #[n(0)]
        terms: OrderTerms,
        /// Which part, counted from 0 together with the confirmed ones.
        #[n(1)]
        part: u32,
        /// How much.
        #[n(2)]
        what: Reserved,
    },
    /// The rest of a hold was given back; nothing if the release overtook the hold, which is refused from now on.
    #[n(7)]
    QuotaReleased {
        /// The order.
        #[n(0)]
        terms: OrderTerms,
        /// How much.
        #[n(1)]
        released: Reserved,
        /// No request for this hold is good beyond that time: so long the release is remembered at least.
        #[n(2)]
        #[cbor(default)]
        until: Timestamp,
    },
    /// A settlement run began, over all trades that were complete and due then. Each was found to sum to zero per asset.
    #[n(8)]
    RunStarted {
        /// Counts runs from 1.
        #[n(0)]
        run: u64,
        /// Its settlement date.
        #[n(1)]
        date: Date,
        /// How many trades it takes.
        #[n(2)]
        trades: u64,
        /// What is due, per asset.
        #[n(3)]
        totals: Vec<Total>,
        /// Who can deliver less than is due.
        #[n(4)]
        covers: Vec<Cover>,
    },
    /// What one party delivers or receives of one asset for all net-settled trades of a run. Per run and asset the nets
    /// sum to zero; that of the central counterparty is what it keeps as fees.
    #[n(9)]
    PositionNetted {
        /// The run.
        #[n(0)]
        run: u64,
        /// Its settlement date.
        #[n(1)]
        date: Date,
        /// Whose position.
        #[n(2)]
        party: Party,
        /// Of what.
        #[n(3)]
        asset: AssetId,
        /// What it would receive trade by trade.
        #[n(4)]
        gross_in: Amount,
        /// What it would deliver trade by trade.
        #[n(5)]
        gross_out: Amount,
        /// `gross_in` less `gross_out`: it receives this, or delivers it if negative.
        #[n(6)]
        net: Amount,
    },
    /// Delivery and payment of a trade are final.
    #[n(10)]
    TradeSettled {
        /// The run.
        #[n(0)]
        run: u64,
        /// Its settlement date.
        #[n(1)]
        date: Date,
        /// Trade by trade, or as part of the positions of the run.
        #[n(2)]
        model: SettlementModel,
        /// The side of the buyer.
        #[n(3)]
        buy: Box<SettledSide>,
        /// The side of the seller.
        #[n(4)]
        sell: Box<SettledSide>,
    },
    /// A trade could not be covered: neither side moved, and it is due again on a later day.
    #[n(11)]
    TradeRecycled {
        /// The run.
        #[n(0)]
        run: u64,
        /// The trade.
        #[n(1)]
        trade: TradeId,
        /// The order of the buyer.
        #[n(2)]
        buy: OrderId,
        /// The order of the seller.
        #[n(3)]
        sell: OrderId,
        /// Trade by trade, or taken out of the positions of the run.
        #[n(4)]
        model: SettlementModel,
        /// When it was due.
        #[n(5)]
        from: Date,
        /// When it is due now: the business day after the run's date.
        #[n(6)]
        to: Date,
        /// Why.
        #[n(7)]
        short: Short,
    },
    /// Every trade of the run was settled or recycled.
    #[n(12)]
    RunCompleted {
        /// The run.
        #[n(0)]
        run: u64,
        /// Its settlement date.
        #[n(1)]
        date: Date,
        /// How many trades are final.
        #[n(2)]
        settled: u64,
        /// How many were moved to a later day.
        #[n(3)]
        recycled: u64,
        /// What was settled, per asset.
        #[n(4)]
        totals: Vec<Total>,
    },
}
