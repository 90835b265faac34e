//! Obligations against the central counterparty, from novation until they are final.
//!
//! A confirmed fill gives one obligation; a trade has two, which may come far apart, and is complete with both.
//! Invariant: every unsettled trade is listed under its settlement date, except while a run has taken it. What the
//! trades of an instrument share is kept once, because unsettled trades are what settlement has most of.

use minicbor::{Decode, Encode};
use serde::Serialize;
use std::collections::BTreeSet;
use vocabulary::{
    AccountId, Amount, AssetId, CalendarId, CorrelationId, Date, Fill, Index, InstrumentId, MarketId,
    OrderId, OrderTerms, ParticipantId, Quantity, Reserved, SettledSide, Side, TradeId, planted,
};

/// What one side of a trade owes the central counterparty and has to get from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub struct Obligation {
    /// The order that was executed.
    #[n(0)]
    pub terms: OrderTerms,
    /// The execution.
    #[n(1)]
    pub fill: Fill,
    /// The calendar of its business days.
    #[n(2)]
    pub calendar: CalendarId,
    /// When it is due.
    #[n(3)]
    pub date: Date,
}

impl Obligation {
    /// What the participant receives in base; negative: delivers.
    pub fn base(&self) -> Amount {
        match self.terms.side {
            Side::Buy => self.fill.quantity.into(),
            Side::Sell => -Amount::from(self.fill.quantity),
        }
    }

    /// What the participant receives in quote, its fee taken off; negative: pays.
    pub fn quote(&self) -> Amount {
        match self.terms.side {
            Side::Buy => -(self.fill.notional + self.fill.fee),
            Side::Sell => self.fill.notional - self.fill.fee,
        }
    }

    pub(crate) fn settled(&self, date: Date) -> Box<SettledSide> {
        Box::new(SettledSide { terms: self.terms, fill: self.fill, date })
    }
}

/// One participant's change in one asset; negative: it delivers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Movement {
    pub(crate) participant: ParticipantId,
    pub(crate) asset: AssetId,
    pub(crate) change: Amount,
}

impl Movement {
    /// What has to be delivered, if that is what it does.
    pub(crate) fn outgoing(&self) -> Option<Amount> {
        self.change.is_negative().then(|| -self.change)
    }
}

/// A trade of which both sides are known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CompleteTrade {
    pub(crate) buy: Obligation,
    pub(crate) sell: Obligation,
}

impl CompleteTrade {
    pub(crate) fn id(&self) -> TradeId {
        self.buy.fill.trade
    }

    pub(crate) fn movements(&self) -> [Movement; 4] {
        let movement = |side: &Obligation, asset, change| Movement {
            participant: side.terms.participant,
            asset,
            change,
        };
        [
            movement(&self.buy, self.buy.terms.base, self.buy.base()),
            movement(&self.buy, self.buy.terms.quote, self.buy.quote()),
            movement(&self.sell, self.sell.terms.base, self.sell.base()),
            movement(&self.sell, self.sell.terms.quote, self.sell.quote()),
        ]
    }

    /// The fees of both sides, which the central counterparty keeps.
    pub(crate) fn fees(&self) -> [(AssetId, Amount); 2] {
        [self.buy, self.sell].map(|side| (side.terms.quote, side.fill.fee))
    }

    /// The first asset in which participants and fees do not sum to zero, and by how much.
    pub(crate) fn imbalance(&self) -> Option<(AssetId, Amount)> {
        let movements = self.movements();
        movements.iter().find_map(|movement| {
            let asset = movement.asset;
            let moved: Amount = movements.iter().filter(|m| m.asset == asset).map(|m| m.change).sum();
            let fees: Amount = self.fees().iter().filter(|fee| fee.0 == asset).map(|fee| fee.1).sum();
            let difference = moved + fees;
            (!difference.is_zero()).then_some((asset, difference))
        })
    }
}

/// What all trades of an instrument share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
struct Listing {
    #[n(0)]
    instrument: InstrumentId,
    #[n(1)]
    market: MarketId,
    #[n(2)]
    base: AssetId,
    #[n(3)]
    quote: AssetId,
    #[n(4)]
    calendar: CalendarId,
}

/// One side after novation: an [`Obligation`] without what it shares with others.
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode)]
struct Novated {
    #[n(0)]
    side: Side,
    #[n(1)]
    listing: u32,
    #[n(2)]
    order: OrderId,
    #[n(3)]
    account: AccountId,
    #[n(4)]
    participant: ParticipantId,
    #[n(5)]
    correlation: CorrelationId,
    #[n(6)]
    part: u32,
    #[n(7)]
    used: Reserved,
    #[n(8)]
    quantity: Quantity,
    #[n(9)]
    notional: Amount,
    #[n(10)]
    fee: Amount,
    #[n(11)]
    trade_date: Date,
}

#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode)]
struct Unsettled {
    #[n(0)]
    date: Date,
    #[n(1)]
    buy: Option<Novated>,
    #[n(2)]
    sell: Option<Novated>,
}

/// Every trade that is not final yet.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct Obligations {
    /// Boxed, so that growing the table moves pointers and not trades.
    #[n(0)]
    trades: Index<TradeId, Box<Unsettled>>,
    #[n(1)]
    by_date: BTreeSet<(Date, TradeId)>,
    #[n(2)]
    listings: Vec<Listing>,
    #[n(3)]
    listing_numbers: Index<Listing, u32>,
}

impl Obligations {
    /// When the trade is due, if a side of it is known.
    pub(crate) fn date(&self, trade: TradeId) -> Option<Date> {
        self.trades.get(&trade).map(|unsettled| unsettled.date)
    }

    /// The trades due on `date` or before that no run has taken, oldest first.
    pub(crate) fn due(&self, date: Date) -> impl Iterator<Item = (Date, TradeId)> {
        let last = last_due(date);
        self.by_date.iter().copied().take_while(move |due| due.0 <= last)
    }

    /// The trades after `after` that no run has taken, in order of date and id.
    pub(crate) fn after(&self, after: Option<(Date, TradeId)>) -> impl Iterator<Item = (Date, TradeId)> {
        range_after(&self.by_date, after)
    }

    pub(crate) fn complete(&self, trade: TradeId) -> Option<CompleteTrade> {
        let unsettled = self.trades.get(&trade)?;
        let (buy, sell) = (unsettled.buy.as_ref()?, unsettled.sell.as_ref()?);
        let full = |side| self.full(trade, unsettled.date, side);
        Some(CompleteTrade { buy: full(buy), sell: full(sell) })
    }

    /// The sides of a trade that are known.
    pub(crate) fn sides(&self, trade: TradeId) -> impl Iterator<Item = Obligation> {
        self.trades.get(&trade).into_iter().flat_map(move |unsettled| {
            let sides = unsettled.buy.iter().chain(&unsettled.sell);
            sides.map(move |side| self.full(trade, unsettled.date, side))
        })
    }

    pub(crate) fn record(&mut self, obligation: &Obligation) {
        let (trade, date) = (obligation.fill.trade, obligation.date);
        let novated = self.novated(obligation);
        let unsettled = match self.trades.get_mut(&trade) {
            Some(unsettled) => unsettled,
            None => {
                self.by_date.insert((date, trade));
                self.trades.insert(trade, Box::new(Unsettled { date, buy: None, sell: None }));
                self.trades.get_mut(&trade).expect("the trade was just put in")
            }
        };
        assert_eq!(unsettled.date, date, "both sides of trade {trade} settle on one date");
        let slot = match novated.side {
            Side::Buy => &mut unsettled.buy,
            Side::Sell => &mut unsettled.sell,
        };
        assert!(slot.replace(novated).is_none(), "a side of trade {trade} was confirmed twice");
    }

    /// Hands the complete trades due on `date` or before to a run.
    pub(crate) fn take_due(&mut self, date: Date) -> BTreeSet<(Date, TradeId)> {
        let later = self.by_date.split_off(&(last_due(date).next(), TradeId { position: 0, index: 0 }));
        let due = std::mem::replace(&mut self.by_date, later);
        let complete = due.iter().copied().filter(|due| self.is_complete(due.1)).collect();
        self.by_date.extend(due.difference(&complete).copied());
        complete
    }

    /// Takes a trade back from a run, due on another date.
    pub(crate) fn put_back(&mut self, trade: TradeId, date: Date) {
        self.trades.get_mut(&trade).expect("a recycled trade is unsettled").date = date;
        if !planted!("recycled-never-due") {
            self.by_date.insert((date, trade));
        }
    }

    /// Forgets a trade that is final.
    pub(crate) fn forget(&mut self, trade: TradeId) {
        self.trades.remove(&trade).expect("a settled trade was unsettled");
    }

    pub(crate) fn len(&self) -> usize {
        self.trades.len()
    }

    fn is_complete(&self, trade: TradeId) -> bool {
        self.trades.get(&trade).is_some_and(|unsettled| unsettled.buy.is_some() && unsettled.sell.is_some())
    }

    fn full(&self, trade: TradeId, date: Date, side: &Novated) -> Obligation {
        let listing = &self.listings[side.listing as usize];
        let terms = OrderTerms {
            order: side.order,
            account: side.account,
            participant: side.participant,
            instrument: listing.instrument,
            market: listing.market,
            base: listing.base,
            quote: listing.quote,
            side: side.side,
            correlation: side.correlation,
        };
        let fill = Fill {
            trade,
            part: side.part,
            used: side.used,
            quantity: side.quantity,
            notional: side.notional,
            fee: side.fee,
            trade_date: side.trade_date,
        };
        Obligation { terms, fill, calendar: listing.calendar, date }
    }

    fn novated(&mut self, obligation: &Obligation) -> Novated {
        let Obligation { terms, fill, calendar, .. } = *obligation;
        let OrderTerms { instrument, market, base, quote, .. } = terms;
        Novated {
            side: terms.side,
            listing: self.listing(Listing { instrument, market, base, quote, calendar }),
            order: terms.order,
            account: terms.account,
            participant: terms.participant,
            correlation: terms.correlation,
            part: fill.part,
            used: fill.used,
            quantity: fill.quantity,
            notional: fill.notional,
            fee: fill.fee,
            trade_date: fill.trade_date,
        }
    }

    fn listing(&mut self, listing: Listing) -> u32 {
        if let Some(number) = self.listing_numbers.get(&listing) {
            return *number;
        }
        let number = u32::try_from(self.listings.len()).expect("there are fewer listings than 2^32");
        self.listings.push(listing);
        self.listing_numbers.insert(listing, number);
        number
    }
}

/// The last date on which a trade may be due that is settled on `date`.
fn last_due(date: Date) -> Date {
    if planted!("settled-too-early") { date.next() } else { date }
}

/// What of `trades` comes after `after`.
pub(crate) fn range_after(
    trades: &BTreeSet<(Date, TradeId)>,
    after: Option<(Date, TradeId)>,
) -> impl Iterator<Item = (Date, TradeId)> {
    use std::ops::Bound::{Excluded, Unbounded};
    trades.range((after.map_or(Unbounded, Excluded), Unbounded)).copied()
}
