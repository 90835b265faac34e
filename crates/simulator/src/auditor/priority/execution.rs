//! Executions: who trades with whom, at what price and in what quantity, in each of the three ways in which orders trade.
//!
//! An incoming order trades with the first of the other side at its price; an auction trades the first of both sides at the
//! one price; the legs of a block trade trade with each other as agreed, on no book. Nothing else trades.

use trading::Phase;
use vocabulary::{InstrumentId, Moment, OrderId, Side, Trade, TradeId};

use super::book::Order;
use super::incoming::Step;
use super::{Course, Findings, Shard, deviation, terms};

impl Shard {
    pub(super) fn execute(&mut self, trade: &Trade, at: Moment, found: &mut Findings<'_>) {
        let number = TradeId { position: at.position, index: self.trades };
        self.trades += 1;
        if trade.trade != number {
            let told = format!("trade {} is number {number} by position and count", trade.trade);
            found.tell("trade numbers", told);
        }
        self.check_turn(trade, found);
        self.check_terms(trade, found);
        for side in [Side::Buy, Side::Sell] {
            self.fill(trade.side(side).order, trade.quantity.0);
        }
        if let Course::Auction { left, .. } = &mut self.course {
            *left -= trade.quantity.0;
        }
    }

    /// Whether these two were next to trade, at that price and in that quantity.
    fn check_turn(&self, trade: &Trade, found: &mut Findings<'_>) {
        let (buy, sell, quantity) = (trade.buy.order, trade.sell.order, trade.quantity.0);
        let told = format!("{buy} and {sell} traded {quantity} at {} in trade {}", trade.price, trade.trade);
        match &self.course {
            Course::Incoming(incoming) => {
                let (order, step) = (&incoming.order, self.next(incoming));
                let with = trade.side(order.side.opposite()).order;
                let did = Step::Trade { with, price: trade.price.0, quantity };
                let is_taker = trade.side(order.side).order == order.id;
                if step != did || !is_taker || trade.aggressor != Some(order.side) {
                    deviation(found, step, &format!("orders {told} as order {} came in", order.id));
                }
                let phase = self.markets.get(&order.instrument).map(|market| market.phase);
                found.check(phase == Some(Phase::Continuous), "phases", || format!("{told} in {phase:?}"));
            }
            Course::Auction { instrument, price, left } => {
                let right = self.next_in_auction(*instrument, *left);
                let did = (buy, sell, quantity);
                if right != Some(did) || trade.price.0 != *price || trade.aggressor.is_some() {
                    let told = format!("orders {told} in the auction, and {right:?} at {price} is right");
                    found.tell("price-time priority", told);
                }
            }
            Course::Idle | Course::Replaced { .. } => self.check_block(trade, &told, found),
        }
    }

    /// Buyer, seller and quantity of the next trade of an auction with so much to trade.
    fn next_in_auction(&self, instrument: InstrumentId, left: i64) -> Option<(OrderId, OrderId, i64)> {
        let market = self.markets.get(&instrument)?;
        let (buy, sell) = (market.best(Side::Buy)?, market.best(Side::Sell)?);
        Some((buy.id, sell.id, left.min(buy.left()).min(sell.left())))
    }

    /// Nothing came in, so this can only be the two legs of a block trade.
    fn check_block(&self, trade: &Trade, told: &str, found: &mut Findings<'_>) {
        let legs = [&trade.buy, &trade.sell].map(|side| self.legs.get(&side.order));
        let [Some(buy), Some(sell)] = legs else {
            let phase = self.markets.get(&trade.instrument).map(|market| market.phase);
            let told = format!("orders {told}, though nothing came in; the phase is {phase:?}");
            return found.tell("phases", told);
        };
        let is_agreed =
            |leg: &Order| leg.is_accepted && leg.limit == trade.price.0 && leg.left() == trade.quantity.0;
        if !is_agreed(buy) || !is_agreed(sell) || trade.aggressor.is_some() {
            found.tell("block trade", format!("legs {told}, which is not what they agreed"));
        }
        if buy.swept.is_some() || sell.swept.is_some() {
            found.tell("kill switch", format!("legs {told} after a kill switch had stopped them"));
        }
    }

    fn check_terms(&self, trade: &Trade, found: &mut Findings<'_>) {
        let (buy, sell) = (self.live(trade.buy.order), self.live(trade.sell.order));
        let market = self.markets.get(&trade.instrument);
        let (Some(buy), Some(sell), Some(market)) = (buy, sell, market) else {
            let told = format!("trade {}: an order that is not open was executed", trade.trade);
            return found.tell("price-time priority", told);
        };
        for flaw in terms::flaws_of_trade(&market.instrument, self.day, trade, buy, sell) {
            found.tell("trade terms", format!("trade {}: {flaw}", trade.trade));
        }
    }

    /// Takes a part of an order that was executed. One that has nothing left is over.
    fn fill(&mut self, id: OrderId, quantity: i64) {
        if let Course::Incoming(incoming) = &mut self.course
            && incoming.order.id == id
        {
            incoming.order.fill(quantity);
            if incoming.order.left() <= 0 {
                self.listed.remove(&id);
                self.course = Course::Idle;
            }
        } else if let Some(leg) = self.legs.get_mut(&id) {
            leg.fill(quantity);
            if leg.left() <= 0 {
                self.legs.remove(&id);
            }
        } else if self.market_of(id).is_some_and(|market| market.fill(id, quantity)) {
            self.listed.remove(&id);
        }
    }
}
