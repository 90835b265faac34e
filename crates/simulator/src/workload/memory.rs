//! What the answers have taught: which orders and block trades there are, phases, dates, and what is engaged.
//!
//! A belief and no more: answers come late, and much happens that nobody is told. Old orders fall out of mind.

use engine::{Command, Receipt, ReceiptResult};
use std::collections::{BTreeSet, VecDeque};
use trading::{Phase, PlaceOrder};
use vocabulary::{
    AccountId, AssetId, ClientOrderId, Date, OrderId, ParticipantId, Price, Quantity, Side, TimeInForce,
    Timestamp,
};

use super::Asked;
use super::market::Market;

const OPEN_MAX: usize = 60;
const OVER_MAX: usize = 16;
const RECENT_MAX: usize = 40;
/// How long a request is repeated. Well below the time for which command ids are known.
const REPEATED_NS: u64 = 3_600_000_000_000;

/// An order, as it was placed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Known {
    pub(super) order: OrderId,
    pub(super) shard: u16,
    /// Its instrument, by its place in the list.
    pub(super) at: usize,
    pub(super) side: Side,
    /// None: it takes what the market gives.
    pub(super) price: Option<Price>,
    pub(super) quantity: Quantity,
}

/// A block trade that nobody has answered yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Proposed {
    pub(super) block: OrderId,
    pub(super) shard: u16,
    pub(super) account: AccountId,
    pub(super) counterparty: AccountId,
}

/// An order placed under its client's own id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Named {
    pub(super) shard: u16,
    pub(super) place: PlaceOrder,
    pub(super) client_order_id: ClientOrderId,
}

/// An instrument's phase, and the records that told of it and of the reference price.
#[derive(Clone, Copy, Debug)]
struct Told {
    phase: Phase,
    phase_at: u64,
    reference_at: u64,
}

/// What is believed.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    pub(super) open: VecDeque<Known>,
    pub(super) over: VecDeque<Known>,
    pub(super) named: VecDeque<Named>,
    pub(super) proposed: Vec<Proposed>,
    pub(super) engaged: BTreeSet<risk::Switch>,
    pub(super) restricted: BTreeSet<compliance::Restriction>,
    pub(super) short: BTreeSet<(ParticipantId, AssetId)>,
    /// By trading shard.
    dates: Vec<Date>,
    /// By listed instrument.
    phases: Vec<Told>,
    recent: VecDeque<(Timestamp, Asked)>,
}

fn remember<T>(all: &mut VecDeque<T>, one: T, max: usize) {
    if all.len() == max {
        all.pop_front();
    }
    all.push_back(one);
}

impl Memory {
    pub(super) fn new(market: &Market) -> Self {
        Self {
            open: VecDeque::new(),
            over: VecDeque::new(),
            named: VecDeque::new(),
            proposed: Vec::new(),
            engaged: BTreeSet::new(),
            restricted: BTreeSet::new(),
            short: BTreeSet::new(),
            dates: vec![market.first_day; usize::from(market.shards)],
            phases: vec![Told { phase: Phase::Closed, phase_at: 0, reference_at: 0 }; market.listed.len()],
            recent: VecDeque::new(),
        }
    }

    pub(super) fn phase(&self, at: usize) -> Phase {
        self.phases[at].phase
    }

    /// The latest business day of any shard.
    pub(super) fn today(&self) -> Date {
        self.dates.iter().copied().max().expect("there is a trading shard")
    }

    /// Requests that can be repeated now.
    pub(super) fn recent(&self, now: Timestamp) -> Vec<&Asked> {
        let fresh = self.recent.iter().filter(|(at, _)| at.plus_ns(REPEATED_NS) > now);
        fresh.map(|(_, asked)| asked).collect()
    }

    pub(super) fn asked(&mut self, asked: &Asked, now: Timestamp) {
        remember(&mut self.recent, (now, asked.clone()), RECENT_MAX);
        match &asked.request.command {
            Command::Trading(trading::Command::PlaceOrder(place)) => {
                if let Some(client_order_id) = place.client_order_id {
                    let named = Named { shard: asked.shard, place: *place, client_order_id };
                    remember(&mut self.named, named, OVER_MAX);
                }
            }
            // An answer to these may be late; what is to be undone is known from the moment it is asked.
            Command::Risk(risk::Command::EngageKillSwitch { switch, .. }) => {
                self.engaged.insert(*switch);
            }
            Command::Compliance(compliance::Command::Restrict { restriction }) => {
                self.restricted.insert(*restriction);
            }
            Command::Settlement(settlement::Command::RecordShortfall { participant, asset, .. }) => {
                self.short.insert((*participant, *asset));
            }
            Command::Trading(_)
            | Command::Settlement(_)
            | Command::Risk(_)
            | Command::Compliance(_)
            | Command::ProposeBlock(_)
            | Command::ConsentBlock { .. }
            | Command::RefuseBlock { .. }
            | Command::RetryBlock { .. }
            | Command::ExpireDeadlines
            | Command::Deliver { .. }
            | Command::Acknowledge { .. }
            | Command::RecordAccess(_)
            | Command::RetryMessage { .. }
            | Command::TakeTurns => {}
        }
    }

    pub(super) fn answered(&mut self, market: &mut Market, asked: &Asked, receipt: &Receipt) {
        let happened = matches!(receipt.result, ReceiptResult::Done { .. } | ReceiptResult::Order(_));
        match &asked.request.command {
            Command::Trading(command) => {
                if happened {
                    self.learn_trading(market, asked.shard, command, receipt);
                } else {
                    self.learn_refused(market, command, receipt);
                }
            }
            Command::Risk(risk::Command::LiftKillSwitch { switch }) => {
                self.engaged.remove(switch);
            }
            Command::Compliance(compliance::Command::Unrestrict { restriction }) => {
                self.restricted.remove(restriction);
            }
            Command::ProposeBlock(terms) if happened && !is_over(receipt) => {
                let (account, counterparty) = (terms.account, terms.counterparty);
                let block = OrderId(receipt.position);
                let proposed = Proposed { block, shard: asked.shard, account, counterparty };
                if !self.proposed.contains(&proposed) {
                    self.proposed.push(proposed);
                }
            }
            Command::ConsentBlock { block, .. } | Command::RefuseBlock { block, .. } => {
                if happened || is_unknown_block(receipt) {
                    self.proposed.retain(|proposed| proposed.block != *block);
                }
            }
            Command::Settlement(_)
            | Command::Risk(_)
            | Command::Compliance(_)
            | Command::ProposeBlock(_)
            | Command::RetryBlock { .. }
            | Command::ExpireDeadlines
            | Command::Deliver { .. }
            | Command::Acknowledge { .. }
            | Command::RecordAccess(_)
            | Command::RetryMessage { .. }
            | Command::TakeTurns => {}
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the rest teaches nothing that is needed")]
    fn learn_trading(
        &mut self,
        market: &mut Market,
        shard: u16,
        command: &trading::Command,
        receipt: &Receipt,
    ) {
        use trading::Command as T;
        match command {
            T::PlaceOrder(place) => self.learn_order(market, shard, place, receipt),
            T::CancelOrder { order } => self.ended(*order),
            T::ReplaceOrder { order, price, quantity, .. } => {
                self.learn_replacement(*order, *price, *quantity, receipt);
            }
            T::SetPhase { instrument, phase } => {
                if let Some(at) = market.place_of(*instrument) {
                    self.learn_phase(at, *phase, receipt.position);
                }
            }
            T::SetReferencePrice { instrument, price } => {
                if let Some(at) = market.place_of(*instrument)
                    && self.phases[at].reference_at <= receipt.position
                {
                    self.phases[at].reference_at = receipt.position;
                    market.listed[at].instrument.reference_price = *price;
                }
            }
            T::OpenBusinessDay { date } => {
                let known = &mut self.dates[usize::from(shard)];
                *known = (*known).max(*date);
            }
            _ => {}
        }
    }

    fn learn_order(&mut self, market: &Market, shard: u16, place: &PlaceOrder, receipt: &Receipt) {
        let ReceiptResult::Order(order) = &receipt.result else { return };
        let Some(at) = market.place_of(place.instrument) else { return };
        let price = if let trading::OrderKind::Limit(price) = place.kind { Some(price) } else { None };
        let (side, quantity) = (place.side, place.quantity);
        let known = Known { order: order.order, shard, at, side, price, quantity };
        // What cannot rest is over as soon as it is decided, and nobody will be told.
        let at_once = matches!(place.time_in_force, TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill);
        self.learn(known, order.status.is_closed() || at_once);
    }

    fn learn(&mut self, known: Known, is_over: bool) {
        if self.open.iter().chain(&self.over).any(|other| other.order == known.order) {
            return;
        }
        if is_over {
            remember(&mut self.over, known, OVER_MAX);
        } else {
            remember(&mut self.open, known, OPEN_MAX);
        }
    }

    fn learn_replacement(
        &mut self,
        order: OrderId,
        price: Option<Price>,
        quantity: Option<Quantity>,
        receipt: &Receipt,
    ) {
        let Some(old) = self.open.iter_mut().find(|known| known.order == order) else { return };
        let new = Known { price: price.or(old.price), quantity: quantity.unwrap_or(old.quantity), ..*old };
        match &receipt.result {
            ReceiptResult::Order(receipt) => {
                self.ended(order);
                self.learn(Known { order: receipt.order, ..new }, receipt.status.is_closed());
            }
            ReceiptResult::Done { .. } => *old = new,
            ReceiptResult::Refused(_) | ReceiptResult::Answered(_) => {}
        }
    }

    fn learn_phase(&mut self, at: usize, phase: Phase, position: u64) {
        let told = &mut self.phases[at];
        if told.phase_at <= position {
            (told.phase, told.phase_at) = (phase, position);
        }
    }

    /// What a refusal says of orders and phases.
    #[allow(clippy::wildcard_enum_match_arm, reason = "the rest teaches nothing that is needed")]
    fn learn_refused(&mut self, market: &Market, command: &trading::Command, receipt: &Receipt) {
        let ReceiptResult::Refused(engine::Refusal::Trading(refusal)) = &receipt.result else { return };
        match refusal {
            trading::Refusal::PhaseForbids { instrument, phase, .. } => {
                if let Some(at) = market.place_of(*instrument) {
                    self.learn_phase(at, *phase, receipt.position);
                }
            }
            trading::Refusal::OrderNotOpen(_) | trading::Refusal::OrderInStatus { .. } => {
                if let trading::Command::CancelOrder { order }
                | trading::Command::ReplaceOrder { order, .. } = command
                {
                    self.ended(*order);
                }
            }
            _ => {}
        }
    }

    fn ended(&mut self, order: OrderId) {
        if let Some(at) = self.open.iter().position(|known| known.order == order)
            && let Some(known) = self.open.remove(at)
        {
            remember(&mut self.over, known, OVER_MAX);
        }
    }
}

/// Whether an order had come to its end when the answer was written: for a block trade, its first leg.
fn is_over(receipt: &Receipt) -> bool {
    matches!(&receipt.result, ReceiptResult::Order(order) if order.status.is_closed())
}

fn is_unknown_block(receipt: &Receipt) -> bool {
    use engine::Refusal::Block;
    use engine::block::Refusal::UnknownBlock;
    matches!(receipt.result, ReceiptResult::Refused(Block(UnknownBlock(_))))
}
