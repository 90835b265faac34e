//! An instrument with its phase and its book: what one order meets.

use minicbor::{Decode, Encode};
use vocabulary::{Amount, Instrument, Price, Quantity, Side};

use crate::book::Book;
use crate::phase::Phase;

/// An instrument as it is traded.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct Listing {
    #[n(0)]
    pub(crate) instrument: Instrument,
    #[n(1)]
    pub(crate) phase: Phase,
    #[n(2)]
    pub(crate) book: Book,
    /// Price and quantity of the last trade.
    #[n(3)]
    pub(crate) last_trade: Option<(Price, Quantity)>,
    /// What the orders in line and on the book, and the legs of block trades, still want to buy.
    #[n(4)]
    buying: Quantity,
    /// And to sell.
    #[n(5)]
    selling: Quantity,
}

impl Listing {
    pub(crate) fn new(instrument: Instrument) -> Self {
        let (buying, selling) = (Quantity::ZERO, Quantity::ZERO);
        Self { instrument, phase: Phase::Closed, book: Book::default(), last_trade: None, buying, selling }
    }

    /// The remaining quantity of all orders of one side that are not closed.
    pub(crate) fn open_quantity(&self, side: Side) -> Quantity {
        match side {
            Side::Buy => self.buying,
            Side::Sell => self.selling,
        }
    }

    pub(crate) fn open_quantity_mut(&mut self, side: Side) -> &mut Quantity {
        match side {
            Side::Buy => &mut self.buying,
            Side::Sell => &mut self.selling,
        }
    }

    /// What must be frozen for `quantity` of an order with that limit: quote with the highest fee for a buy, base for
    /// a sell. Linear in quantity but for the fee, which rounds down: what a fill frees always covers what it costs.
    pub(crate) fn freeze(&self, side: Side, limit: Price, quantity: Quantity) -> Amount {
        match side {
            Side::Buy => {
                let notional = self.instrument.notional(limit, quantity);
                notional + self.instrument.fees.highest(notional)
            }
            Side::Sell => Amount::from(quantity),
        }
    }

    /// Whether an order with that limit would trade with the best of the other side.
    pub(crate) fn crosses(&self, side: Side, limit: Price) -> bool {
        self.book.best(side.opposite()).is_some_and(|best| reaches(side, limit, best))
    }
}

/// Whether an order's limit takes that price.
pub(crate) fn reaches(side: Side, limit: Price, price: Price) -> bool {
    match side {
        Side::Buy => price <= limit,
        Side::Sell => price >= limit,
    }
}
