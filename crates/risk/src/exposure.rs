//! What one account or participant has at stake, and the limits on it.
//!
//! Invariants: open quantities and amounts are what the open holds of this scope have outstanding, and the unsettled
//! amount is that of its unsettled fills; none is ever negative, which is asserted. A position may have either sign.
//! Absent: values at market prices, so that no exposure moves without an event of this scope.

use crate::limit::{Measure, Scope};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};
use vocabulary::{
    Amount, AssetId, Fill, Index, InstrumentId, Listener, Moment, OrderTerms, Reserved, Side, planted,
};

/// One instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Encode, Decode)]
struct Position {
    /// Bought minus sold.
    #[n(0)]
    net: Amount,
    #[n(1)]
    open_buys: Amount,
    #[n(2)]
    open_sells: Amount,
}

impl Position {
    /// How far the position gets in the direction of `side` if every open order of that side is filled. Negative: not
    /// even to zero.
    fn reach(&self, side: Side) -> Amount {
        match side {
            Side::Buy => self.net + self.open_buys,
            Side::Sell if planted!("position-forgets-open-sells") => -self.net,
            Side::Sell => self.open_sells - self.net,
        }
    }

    fn used(&self) -> Amount {
        self.reach(Side::Buy).abs().max(self.reach(Side::Sell).abs())
    }

    fn open_mut(&mut self, side: Side) -> &mut Amount {
        match side {
            Side::Buy => &mut self.open_buys,
            Side::Sell => &mut self.open_sells,
        }
    }
}

/// One quote currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Encode, Decode)]
struct Commitment {
    #[n(0)]
    open: Amount,
    #[n(1)]
    unsettled: Amount,
}

impl Commitment {
    fn used(&self) -> Amount {
        if planted!("gross-forgets-open") { self.unsettled } else { self.open + self.unsettled }
    }
}

/// Orders held in one second of record time, counted from 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Encode, Decode)]
struct Rate {
    #[n(0)]
    second: u64,
    #[n(1)]
    orders: u64,
}

impl Rate {
    fn at(self, at: Moment) -> Self {
        let second = at.time.0 / 1_000_000_000;
        if self.second == second || planted!("rate-never-falls") { self } else { Self { second, orders: 0 } }
    }
}

/// How a hold moves a measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Use {
    pub(crate) before: Amount,
    pub(crate) after: Amount,
}

/// The exposure of one scope.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct Exposure {
    #[n(0)]
    limits: BTreeMap<Measure, Amount>,
    #[n(1)]
    positions: BTreeMap<InstrumentId, Position>,
    #[n(2)]
    commitments: BTreeMap<AssetId, Commitment>,
    #[n(3)]
    rate: Rate,
}

impl Exposure {
    pub(crate) fn limits(&self) -> &BTreeMap<Measure, Amount> {
        &self.limits
    }

    pub(crate) fn set_limit(&mut self, measure: Measure, limit: Option<Amount>) {
        match limit {
            Some(limit) => self.limits.insert(measure, limit),
            None => self.limits.remove(&measure),
        };
    }

    /// What a hold makes of a measure. For a position it is the reach in the direction of the order, so that an order
    /// that brings a position back is never in the way of a limit lowered since.
    pub(crate) fn with_hold(&self, measure: Measure, side: Side, held: Reserved, at: Moment) -> Use {
        let (before, added) = match measure {
            Measure::OrderNotional(_) => (Amount::ZERO, amount(held)),
            Measure::OrderQuantity(_) => (Amount::ZERO, quantity(held)),
            Measure::Position(instrument) => (self.position(instrument).reach(side), quantity(held)),
            Measure::GrossExposure(asset) => (self.commitment(asset).used(), amount(held)),
            Measure::OrderRate => (Amount(i128::from(self.rate.at(at).orders)), Amount(1)),
        };
        Use { before, after: before + added }
    }

    /// Every standing measure that is limited or not zero. The order rate is that of the last second with an order.
    pub(crate) fn used(&self) -> BTreeMap<Measure, Amount> {
        let positions = self.positions.iter().map(|(id, position)| (Measure::Position(*id), position.used()));
        let commitments =
            self.commitments.iter().map(|(id, money)| (Measure::GrossExposure(*id), money.used()));
        let rate = (Measure::OrderRate, Amount(i128::from(self.rate.orders)));
        let limited = self.limits.keys().filter(|measure| is_standing(**measure));
        let mut used: BTreeMap<Measure, Amount> = limited.map(|measure| (*measure, Amount::ZERO)).collect();
        let known = positions.chain(commitments).chain([rate]);
        used.extend(known.filter(|(measure, used)| !used.is_zero() || self.limits.contains_key(measure)));
        used
    }

    pub(crate) fn hold(&mut self, terms: &OrderTerms, held: Reserved, at: Moment) {
        *self.positions.entry(terms.instrument).or_default().open_mut(terms.side) += quantity(held);
        self.commitments.entry(terms.quote).or_default().open += amount(held);
        self.rate = self.rate.at(at);
        self.rate.orders += u64::from(!planted!("rate-not-counted"));
    }

    pub(crate) fn confirm(&mut self, terms: &OrderTerms, fill: &Fill) {
        let position = self.positions.entry(terms.instrument).or_default();
        take(position.open_mut(terms.side), quantity(fill.used));
        match terms.side {
            Side::Buy => position.net += fill.quantity.into(),
            Side::Sell => position.net -= fill.quantity.into(),
        }
        let commitment = self.commitments.entry(terms.quote).or_default();
        take(&mut commitment.open, amount(fill.used));
        commitment.unsettled += amount(fill.used);
    }

    pub(crate) fn give_back(&mut self, terms: &OrderTerms, what: Reserved) {
        let position = self.positions.entry(terms.instrument).or_default();
        take(position.open_mut(terms.side), quantity(what));
        take(&mut self.commitments.entry(terms.quote).or_default().open, amount(what));
    }

    pub(crate) fn settle(&mut self, asset: AssetId, settled: Amount) {
        if !planted!("gross-keeps-settled") {
            take(&mut self.commitments.entry(asset).or_default().unsettled, settled);
        }
    }

    /// Says what stands, line by line. What has come back to zero is as if it had never been.
    pub(crate) fn tell(&self, scope: Scope, listener: &mut Listener<'_>) {
        for (instrument, position) in &self.positions {
            let Position { net, open_buys, open_sells } = position;
            if *position != Position::default() {
                listener(format_args!(
                    "position {scope} {instrument} {net} open buys {open_buys} open sells {open_sells}"
                ));
            }
        }
        for (asset, commitment) in &self.commitments {
            let Commitment { open, unsettled } = commitment;
            if *commitment != Commitment::default() {
                listener(format_args!("exposure {scope} {asset} open {open} unsettled {unsettled}"));
            }
        }
    }

    fn position(&self, instrument: InstrumentId) -> Position {
        self.positions.get(&instrument).copied().unwrap_or_default()
    }

    fn commitment(&self, asset: AssetId) -> Commitment {
        self.commitments.get(&asset).copied().unwrap_or_default()
    }
}

/// The exposure of every scope that ever had an order or a limit.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct Exposures {
    #[n(0)]
    by_scope: Index<Scope, Exposure>,
    /// The same scopes in order, so that a report can be had page by page.
    #[n(1)]
    scopes: BTreeSet<Scope>,
}

impl Exposures {
    pub(crate) fn get(&self, scope: Scope) -> Option<&Exposure> {
        self.by_scope.get(&scope)
    }

    pub(crate) fn of(&mut self, scope: Scope) -> &mut Exposure {
        self.by_scope.entry_with(scope, || {
            self.scopes.insert(scope);
            Exposure::default()
        })
    }

    /// The scopes from this one on.
    pub(crate) fn from(&self, from: Option<Scope>) -> impl Iterator<Item = Scope> {
        use std::ops::Bound::{Included, Unbounded};
        self.scopes.range((from.map_or(Unbounded, Included), Unbounded)).copied()
    }
}

/// Whether a measure has a value between orders; the others look at one order alone.
fn is_standing(measure: Measure) -> bool {
    match measure {
        Measure::OrderNotional(_) | Measure::OrderQuantity(_) => false,
        Measure::Position(_) | Measure::GrossExposure(_) | Measure::OrderRate => true,
    }
}

fn quantity(reserved: Reserved) -> Amount {
    Amount(i128::from(reserved.quantity))
}

fn amount(reserved: Reserved) -> Amount {
    Amount(i128::from(reserved.amount))
}

fn take(from: &mut Amount, what: Amount) {
    *from -= what;
    assert!(!from.is_negative(), "more exposure was taken back than there was");
}
