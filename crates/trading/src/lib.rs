//! Trading (SRV-1): reference data, accounts and funds, orders, books, matching and auctions.
//!
//! A pure state machine. Invariants: money is conserved per asset after every event; an order's life follows
//! [`Status::may_become`]; orders trade in price-time priority and reach a book in the order of their creation.
//! Absent on purpose: limits, quotas and policies, which other contexts keep and the order flow asks for.

mod apply;
mod auction;
mod block;
mod book;
mod command;
mod definitions;
mod event;
mod facts;
mod intake;
mod ledger;
mod lifecycle;
mod listing;
mod matching;
mod order;
mod phase;
mod refusal;
mod settling;
mod slots;
mod sweep;
#[cfg(test)]
mod tests;

use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use vocabulary::{
    Asset, AssetId, CorrelationId, Date, Events, Index, Instrument, InstrumentId, Moment, OrderId,
    OrderTerms, ParticipantId, Price, Quantity, Side, StepBound, TradeId,
};

pub use auction::Uncross;
pub use book::DepthLevel;
pub use command::{Command, OrderKind, PlaceOrder, Scope};
pub use event::{CreatedOrder, Event};
pub use ledger::{Account, Balance, Ledger, Totals};
pub use order::{Cause, Order, Status};
pub use phase::Phase;
pub use refusal::Refusal;

/// The state of the context.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Trading {
    #[n(0)]
    assets: BTreeMap<AssetId, Asset>,
    #[n(1)]
    participants: BTreeSet<ParticipantId>,
    #[n(2)]
    ledger: Ledger,
    #[n(3)]
    listings: Vec<listing::Listing>,
    #[n(4)]
    listing_slots: Index<InstrumentId, u32>,
    #[n(5)]
    business_date: Option<Date>,
    #[n(6)]
    orders: book::Orders,
    /// Every client order id ever used, with its order and the digest of its command.
    #[n(7)]
    client_orders: Index<u128, (OrderId, u64)>,
    #[n(8)]
    last_trade: Option<TradeId>,
    /// Trades of which settlement has not made both sides final.
    #[n(9)]
    unsettled: Index<TradeId, settling::OpenSides>,
    #[n(10)]
    sweeps: VecDeque<sweep::Sweep>,
    /// Legs of block trades that are neither executed nor given up, and whether a kill switch has stopped them.
    #[n(11)]
    block_legs: BTreeMap<OrderId, bool>,
}

impl Trading {
    /// Says what `command` would change, and changes nothing. No events means: already so. Long work goes no further than
    /// `bound`.
    ///
    /// # Errors
    /// A [`Refusal`], which is expected and recorded.
    pub fn decide(
        &self,
        command: &Command,
        at: Moment,
        correlation: CorrelationId,
        bound: StepBound,
    ) -> Result<Events<Event>, Refusal> {
        match command {
            Command::DefineAsset(asset) => self.define_asset(*asset),
            Command::DefineInstrument(instrument) => self.define_instrument(instrument),
            Command::SetReferencePrice { instrument, price } => self.set_reference_price(*instrument, *price),
            Command::RegisterParticipant { participant } => Ok(self.register_participant(*participant)),
            Command::OpenAccount { account, participant, owner } => {
                self.open_account(*account, *participant, *owner)
            }
            Command::Deposit { account, asset, amount } => self.deposit(*account, *asset, *amount),
            Command::Withdraw { account, asset, amount } => self.withdraw(*account, *asset, *amount),
            Command::OpenBusinessDay { date } => self.open_business_day(*date),
            Command::SetPhase { instrument, phase } => self.change_phase(*instrument, *phase, at),
            Command::PlaceOrder(place) => self.place(place, at, correlation),
            Command::CancelOrder { order } => self.cancel(*order),
            Command::ReplaceOrder { order, price, quantity, user } => {
                self.replace(*order, *price, *quantity, *user, at, correlation)
            }
            Command::CancelAll { scope } => {
                self.check_scope(*scope)?;
                Ok(self.start_sweep(*scope, Cause::Requested, at, bound))
            }
            Command::AcceptOrder { order } => self.accept(*order, at),
            Command::RejectOrder { order, reason } => self.reject(*order, reason),
            Command::Settle { side } => Ok(self.settle(side)),
            Command::ExecuteBlock { buy, sell } => self.execute_block(*buy, *sell, at),
            Command::WithdrawBlock { order } => self.withdraw_block(*order),
            Command::StartSweep { scope, cause, .. } => Ok(self.start_sweep(*scope, *cause, at, bound)),
            Command::ContinueSweep => self.continue_sweep(bound),
            Command::CancelClientOrder { account, client_order_id } => {
                self.cancel_client_order(*account, *client_order_id)
            }
        }
    }

    fn check_scope(&self, scope: Scope) -> Result<(), Refusal> {
        match scope {
            Scope::All => Ok(()),
            Scope::Participant(participant) if self.participants.contains(&participant) => Ok(()),
            Scope::Participant(participant) => Err(Refusal::UnknownParticipant(participant)),
            Scope::Account(account) => {
                self.ledger.slot(account).map(|_| ()).ok_or(Refusal::UnknownAccount(account))
            }
            Scope::Instrument(instrument) => self.listing(instrument).map(|_| ()),
        }
    }

    fn listing(&self, instrument: InstrumentId) -> Result<&listing::Listing, Refusal> {
        let slot = self.listing_slots.get(&instrument).ok_or(Refusal::UnknownInstrument(instrument))?;
        Ok(&self.listings[*slot as usize])
    }

    fn listing_mut(&mut self, instrument: InstrumentId) -> &mut listing::Listing {
        let slot = *self.listing_slots.get(&instrument).expect("the instrument of an event is listed");
        &mut self.listings[slot as usize]
    }

    /// The accounts.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The assets, by code.
    pub fn assets(&self) -> &BTreeMap<AssetId, Asset> {
        &self.assets
    }

    /// The clearing members.
    pub fn participants(&self) -> &BTreeSet<ParticipantId> {
        &self.participants
    }

    /// An instrument's reference data.
    pub fn instrument(&self, instrument: InstrumentId) -> Option<&Instrument> {
        self.listing(instrument).ok().map(|listing| &listing.instrument)
    }

    /// All instruments in the order in which they were defined.
    pub fn instruments(&self) -> impl Iterator<Item = &Instrument> {
        self.listings.iter().map(|listing| &listing.instrument)
    }

    /// An instrument's phase.
    pub fn phase(&self, instrument: InstrumentId) -> Option<Phase> {
        self.listing(instrument).ok().map(|listing| listing.phase)
    }

    /// The open business day.
    pub fn business_date(&self) -> Option<Date> {
        self.business_date
    }

    /// A live order, or a closed one with executions that are not final.
    pub fn order(&self, order: OrderId) -> Option<&Order> {
        self.orders.get(order)
    }

    /// Number of orders that are alive or not settled.
    pub fn order_count(&self) -> usize {
        self.orders.len()
    }

    /// Whose an order is and what for, as its participants are told.
    pub fn terms(&self, order: OrderId) -> Option<OrderTerms> {
        let order = self.orders.get(order)?;
        let account = self.ledger.at(order.account);
        let instrument = &self.listings[order.instrument as usize].instrument;
        Some(OrderTerms {
            order: order.id,
            account: account.account,
            participant: account.participant,
            instrument: instrument.instrument,
            market: instrument.market,
            base: instrument.base,
            quote: instrument.quote,
            side: order.side,
            correlation: order.correlation,
        })
    }

    /// The best `max` price levels of one side.
    pub fn depth(&self, instrument: InstrumentId, side: Side, max: usize) -> Vec<DepthLevel> {
        self.listing(instrument).map(|listing| listing.book.depth(side, max)).unwrap_or_default()
    }

    /// The best price of one side.
    pub fn best(&self, instrument: InstrumentId, side: Side) -> Option<Price> {
        self.listing(instrument).ok()?.book.best(side)
    }

    /// Price and quantity of the last trade.
    pub fn last_trade(&self, instrument: InstrumentId) -> Option<(Price, Quantity)> {
        self.listing(instrument).ok()?.last_trade
    }

    /// What an auction would come to now.
    pub fn indicative_auction(&self, instrument: InstrumentId) -> Option<Uncross> {
        let listing = self.listing(instrument).ok()?;
        listing.phase.is_auction().then(|| auction::uncross(listing)).flatten()
    }

    /// Whether a sweep has steps left.
    pub fn is_sweeping(&self) -> bool {
        !self.sweeps.is_empty()
    }
}
