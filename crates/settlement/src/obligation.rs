//! Obligations against the central counterparty, from novation until they are final.
//!
//! A confirmed fill gives one obligation; a trade has two, which may come far apart, and is complete with both.
//! Invariant: every unsettled trade is listed under its settlement date, except while a run has taken it, and the complete
//! ones among these are summed up as they come, so that a run begins at once however many they are. What the trades of an
//! instrument share is kept once, because unsettled trades are what settlement has most of.

use crate::due::{Due, DueSums, DueTrades, Sums};
use minicbor::{Decode, Encode};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
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
    /// Of which one side has not arrived.
    #[n(1)]
    incomplete: DueTrades,
    /// Complete, and in no run.
    #[n(2)]
    due: DueTrades,
    /// Over those that are due.
    #[n(3)]
    sums: DueSums,
    /// Those that are due and do not sum to zero: a run refuses to begin with one.
    #[n(4)]
    unbalanced: BTreeSet<Due>,
    #[n(5)]
    listings: Vec<Listing>,
    #[n(6)]
    listing_numbers: Index<Listing, u32>,
}

impl Obligations {
    /// When the trade is due, if a side of it is known.
    pub(crate) fn date(&self, trade: TradeId) -> Option<Date> {
        self.trades.get(&trade).map(|unsettled| unsettled.date)
    }

    /// What the complete trades due on `date` or before come to that no run has taken.
    pub(crate) fn sums(&self, date: Date) -> Sums {
        self.sums.until(last_due(date))
    }

    /// How many trades due on `date` or before lack a side.
    pub(crate) fn incomplete(&self, date: Date) -> u64 {
        self.incomplete.count_until(last_due(date))
    }

    /// The first trade due on `date` or before that does not sum to zero.
    pub(crate) fn unbalanced(&self, date: Date) -> Option<CompleteTrade> {
        let (due, trade) = *self.unbalanced.first()?;
        if due <= last_due(date) { self.complete(trade) } else { None }
    }

    /// Up to `trades_max` trades after `after` that no run has taken: first complete ones in order of date and id, then as
    /// many incomplete ones.
    pub(crate) fn after(&self, after: Option<Due>, trades_max: usize) -> impl Iterator<Item = Due> {
        self.due.after(after).take(trades_max).chain(self.incomplete.after(after).take(trades_max))
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

    /// Every side that is not final, by instrument and then in the order of trades. Costs a sort.
    pub(crate) fn by_instrument(&self) -> Vec<Obligation> {
        let trades = self.trades.sorted().into_iter();
        let mut sides: Vec<_> = trades.flat_map(|(trade, _)| self.sides(*trade)).collect();
        sides.sort_by_key(|side| side.terms.instrument);
        sides
    }

    pub(crate) fn record(&mut self, obligation: &Obligation) {
        let (trade, date) = (obligation.fill.trade, obligation.date);
        let novated = self.novated(obligation);
        let unsettled = match self.trades.get_mut(&trade) {
            Some(unsettled) => unsettled,
            None => {
                self.incomplete.insert((date, trade));
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
        if let Some(complete) = self.complete(trade) {
            assert!(self.incomplete.remove((date, trade)), "trade {trade} was listed with its first side");
            self.make_due(&complete);
        }
    }

    fn make_due(&mut self, trade: &CompleteTrade) {
        let due = (trade.buy.date, trade.id());
        self.due.insert(due);
        self.sums.add(due.0, trade);
        if trade.imbalance().is_some() {
            self.unbalanced.insert(due);
        }
    }

    /// Hands the complete trades due on `date` or before to a run, with what they come to by market.
    pub(crate) fn take_due(&mut self, date: Date) -> (DueTrades, BTreeMap<MarketId, Sums>) {
        let last = last_due(date);
        (self.due.take_until(last), self.sums.take_until(last))
    }

    /// Takes a trade back from a run, due on another date.
    pub(crate) fn put_back(&mut self, trade: TradeId, date: Date) {
        self.trades.get_mut(&trade).expect("a recycled trade is unsettled").date = date;
        if !planted!("recycled-never-due") {
            let complete = self.complete(trade).expect("a run takes complete trades only");
            self.make_due(&complete);
        }
    }

    /// Forgets a trade that is final.
    pub(crate) fn forget(&mut self, trade: TradeId) {
        self.trades.remove(&trade).expect("a settled trade was unsettled");
    }

    pub(crate) fn len(&self) -> usize {
        self.trades.len()
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
