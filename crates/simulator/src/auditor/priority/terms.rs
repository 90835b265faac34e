//! What an order may ask for, and what a trade must say of itself, computed from the instrument's definition.
//!
//! Sources: prices are multiples of the tick, within the band and quantities of the lot (`docs/decisions/0004`); fees
//! round down per fill, the resting side and both sides of an auction pay the maker's; the part of a reservation that a
//! fill uses is its quantity at the order's own limit (`docs/decisions/0005`).

use trading::{CreatedOrder, OrderKind, Phase};
use vocabulary::{Date, Instrument, Price, Side, Trade};

use super::super::worth::{fee, notional};
use super::book::{Market, Order, must_match_at_once};

/// Whether a price is no further from the reference price than the band allows.
fn is_in_band(instrument: &Instrument, price: i64) -> bool {
    let Some(width_bp) = instrument.band_bp.map(i128::from) else { return true };
    let (price, reference) = (i128::from(price) * 10_000, i128::from(instrument.reference_price.0));
    (reference * (10_000 - width_bp)..=reference * (10_000 + width_bp)).contains(&price)
}

/// What is wrong with an order that has come into being.
pub(super) fn flaws_of_order(market: &Market, created: &CreatedOrder, day: Option<Date>) -> Vec<String> {
    let (instrument, phase) = (&market.instrument, market.phase);
    let (limit, quantity) = (created.limit.0, created.quantity.0);
    let mut flaws = Vec::new();
    let mut flaw = |is_wrong: bool, what: &str| {
        if is_wrong {
            flaws.push(what.to_owned());
        }
    };
    flaw(limit <= 0 || limit % instrument.tick.0 != 0, "its limit is not a price in ticks");
    flaw(quantity <= 0 || quantity % instrument.lot.0 != 0, "its quantity is not in lots");
    flaw(!is_in_band(instrument, limit), "its limit is outside the price band");
    let notional = notional(instrument, created.limit, created.quantity);
    flaw(notional != created.notional, "its notional is not limit times quantity");
    flaw(day.is_none(), "no business day is open");
    let at_once = must_match_at_once(created.time_in_force);
    let is_auction = matches!(phase, Phase::OpeningAuction | Phase::ClosingAuction);
    match created.kind {
        OrderKind::Limit(price) => {
            flaw(price.0 != limit, "its limit is not the one asked for");
            flaw(!is_auction && phase != Phase::Continuous, "its instrument takes no orders now");
            flaw(at_once && is_auction, "it must match at once, and nothing matches in an auction");
        }
        OrderKind::Market => {
            let tick = instrument.tick.0;
            let beyond = if created.terms.side == Side::Buy { limit + tick } else { limit - tick };
            let is_end = instrument.band_bp.is_some() && !(beyond > 0 && is_in_band(instrument, beyond));
            flaw(!is_end, "the limit of a market order is the end of the band");
            flaw(phase != Phase::Continuous, "market orders are for continuous trading");
            flaw(!at_once, "a market order cannot rest");
        }
        // A leg of a block trade is agreed off the book, whatever the phase.
        OrderKind::Block(price) => flaw(price.0 != limit, "its limit is not the price agreed"),
    }
    flaws
}

/// What is wrong with a trade between these two, as they were before it.
pub(super) fn flaws_of_trade(
    instrument: &Instrument,
    day: Option<Date>,
    trade: &Trade,
    buy: &Order,
    sell: &Order,
) -> Vec<String> {
    let (price, quantity) = (trade.price.0, trade.quantity.0);
    let mut flaws = Vec::new();
    let mut flaw = |is_wrong: bool, what: &str| {
        if is_wrong {
            flaws.push(what.to_owned());
        }
    };
    flaw((buy.side, sell.side) != (Side::Buy, Side::Sell), "the orders are not a buy and a sell");
    let is_of = |order: &Order| order.instrument == trade.instrument;
    flaw(!is_of(buy) || !is_of(sell), "the orders are for another instrument");
    flaw(!buy.takes(price) || !sell.takes(price), "the price is beyond the limit of an order");
    flaw(quantity <= 0 || quantity % instrument.lot.0 != 0, "the quantity is not in lots");
    flaw(quantity > buy.left().min(sell.left()), "the quantity is more than an order has left");
    flaw(Some(trade.trade_date) != day, "the trade date is not the business day");
    let amount = notional(instrument, trade.price, trade.quantity);
    flaw(amount != trade.notional, "the notional is not price times quantity");
    for (order, side) in [(buy, Side::Buy), (sell, Side::Sell)] {
        let (of, fees) = (trade.side(side), instrument.fees);
        let ppm = if trade.aggressor == Some(side) { fees.taker_ppm } else { fees.maker_ppm };
        flaw(of.fee != fee(ppm, trade.notional), "a fee is not its rate of the notional, rounded down");
        let is_his = (of.account, of.participant) == (order.account, order.participant);
        flaw(!is_his, "an account or participant is not that of the order");
        flaw(of.part != order.parts, "a part is not the next of its order");
        let reserved = notional(instrument, Price(order.limit), trade.quantity);
        flaw(reserved != of.reserved, "a reservation is not used at the order's own limit");
    }
    flaws
}
