//! What trading did: reference data, funds, orders, trades.
//!
//! The freeze of a buy order is worked out here as trading does it (quote at the limit with the highest fee), because an
//! execution says what it took and not what it freed.

use rusqlite::params;
use trading::{Event, Phase, Status};
use vocabulary::{
    AccountId, Amount, Instrument, Moment, OrderId, Price, Quantity, Reason, SettledSide, Side, Trade,
    planted,
};

use crate::batch::{Batch, run};
use crate::error::ViewsError;
use crate::fold::counts::Refused;
use crate::fold::orders::Closed;
use crate::fold::trades::Settling;
use crate::texts::Texts;
use crate::words;

impl<'a> Batch<'a> {
    pub(crate) fn fold_trading(&mut self, event: &'a Event) -> Result<(), ViewsError> {
        match event {
            Event::AssetDefined(asset) => {
                let (code, kind) = (asset.asset.0.as_str(), words::asset_kind(asset.kind));
                self.run("INSERT INTO assets VALUES (?, ?, ?)", params![code, kind, asset.scale])
            }
            Event::InstrumentDefined(instrument) => self.list(instrument),
            Event::ReferencePriceSet { instrument, price } => self.run(
                "UPDATE instruments SET reference_price = ? WHERE instrument = ?",
                params![price.0, instrument.0.as_str()],
            ),
            Event::ParticipantRegistered { participant } => {
                let row = params![participant.0.as_str(), self.at.position()];
                self.run("INSERT INTO participants VALUES (?, ?)", row)
            }
            Event::AccountOpened { account, participant, owner } => {
                let codes = (account.0.as_str(), participant.0.as_str(), owner.0.as_str());
                let row = params![codes.0, codes.1, codes.2, self.at.position(), self.at.time()];
                self.run("INSERT INTO accounts VALUES (?, ?, ?, ?, ?)", row)
            }
            Event::Deposited { account, asset, amount } => {
                self.balances.available(*account, *asset, *amount);
                Ok(())
            }
            Event::Withdrawn { account, asset, amount } => {
                self.balances.available(*account, *asset, -*amount);
                Ok(())
            }
            Event::BusinessDayOpened { date } => {
                self.cursor.business_day = Some(*date);
                let row = params![date.to_string(), self.at.position(), self.at.time()];
                self.run("INSERT INTO business_days VALUES (?, ?, ?)", row)
            }
            Event::PhaseChanged { instrument, to, .. } => self.run(
                "UPDATE instruments SET phase = ? WHERE instrument = ?",
                params![words::phase(*to), instrument.0.as_str()],
            ),
            Event::OrderCreated(created) => {
                self.orders.create(created, self.at.moment);
                self.touch(created.terms.order);
                let (account, asset) = (created.terms.account, created.terms);
                let asset = if asset.side == Side::Buy { asset.quote } else { asset.base };
                self.balances.freeze(account, asset, created.frozen);
                Ok(())
            }
            Event::OrderCleared { order } | Event::OrderRested { order } => {
                self.touch(*order);
                Ok(())
            }
            Event::OrderAccepted { order } => self.become_status(*order, Status::Open),
            Event::OrderSettled { order } => self.become_status(*order, Status::Settled),
            Event::OrderRejected { order, reason, released } => self.reject(*order, reason, *released),
            Event::OrderExecuted(trade) => self.execute(trade),
            Event::OrderReduced { order, by, released, .. } => self.reduce(*order, *by, *released),
            Event::OrderCanceled { order, cause, released, .. } => {
                let closed = closed(self.at.moment, words::cause(*cause), None);
                self.close(*order, Status::Canceled, closed, *released)
            }
            Event::OrderExpired { order, released, .. } => {
                let closed = closed(self.at.moment, "expired", None);
                self.close(*order, Status::Expired, closed, *released)
            }
            Event::ExecutionSettled(side) => self.settle_execution(side),
            Event::AuctionUncrossed { .. } | Event::SweepStarted { .. } | Event::SweepAdvanced { .. } => {
                Ok(())
            }
        }
    }

    pub(crate) fn run(&self, sql: &'static str, values: impl rusqlite::Params) -> Result<(), ViewsError> {
        run(self.connection, sql, values)?;
        Ok(())
    }

    fn list(&mut self, instrument: &Instrument) -> Result<(), ViewsError> {
        self.instruments.insert(instrument.instrument, instrument.clone());
        self.run(
            "INSERT INTO instruments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                instrument.instrument.0.as_str(),
                instrument.isin,
                instrument.market.0.as_str(),
                instrument.base.0.as_str(),
                instrument.quote.0.as_str(),
                instrument.price_scale,
                instrument.base_scale,
                instrument.quote_scale,
                instrument.tick.0,
                instrument.lot.0,
                instrument.band_bp,
                instrument.reference_price.0,
                instrument.settlement_days,
                instrument.calendar.0.as_str(),
                instrument.fees.maker_ppm,
                instrument.fees.taker_ppm,
                words::phase(Phase::default()),
            ],
        )
    }

    /// An order of trading is always known here: both are of the same journal.
    fn change_order(
        &mut self,
        order: OrderId,
    ) -> Result<&mut crate::fold::orders::OrderState<'a>, ViewsError> {
        self.touch(order);
        let position = self.at.moment.position;
        let unknown = || ViewsError::Misfit { position, what: format!("order {order} is unknown") };
        self.orders.change(self.connection, order)?.ok_or_else(unknown)
    }

    fn become_status(&mut self, order: OrderId, status: Status) -> Result<(), ViewsError> {
        self.change_order(order)?.status = status;
        Ok(())
    }

    fn reject(&mut self, order: OrderId, reason: &'a Reason, released: Amount) -> Result<(), ViewsError> {
        self.counts.refusal(self.day(), Refused::Order, &reason.code);
        let closed = closed(self.at.moment, &reason.code, Some(&reason.message));
        self.close(order, Status::Rejected, closed, released)
    }

    fn close(
        &mut self,
        order: OrderId,
        status: Status,
        closed: Closed<'a>,
        released: Amount,
    ) -> Result<(), ViewsError> {
        let state = self.change_order(order)?;
        if planted!("views-close-unseen") && status == Status::Expired {
            return self.unfreeze(order, released);
        }
        state.status = status;
        state.closed = Some(closed);
        self.unfreeze(order, released)
    }

    fn reduce(&mut self, order: OrderId, by: Quantity, released: Amount) -> Result<(), ViewsError> {
        self.change_order(order)?.quantity -= by;
        self.unfreeze(order, released)
    }

    fn unfreeze(&mut self, order: OrderId, released: Amount) -> Result<(), ViewsError> {
        let state = self.change_order(order)?;
        let (account, instrument, side) = (state.account, state.instrument, state.side);
        let instrument = self.instrument(instrument)?;
        let asset = if side == Side::Buy { instrument.quote } else { instrument.base };
        self.balances.freeze(account, asset, -released);
        Ok(())
    }

    fn execute(&mut self, trade: &'a Trade) -> Result<(), ViewsError> {
        self.trades.execute(trade, self.at.moment);
        for side in [Side::Buy, Side::Sell] {
            let at = self.at.moment;
            let state = self.change_order(trade.side(side).order)?;
            let before = state.quantity - state.executed;
            state.executed += trade.quantity;
            let after = state.quantity - state.executed;
            state.status = if after.is_zero() { Status::Executed } else { Status::PartiallyExecuted };
            if after.is_zero() {
                state.closed = Some(closed(at, "executed", None));
            }
            let limit = state.limit;
            self.deduct(trade, side, limit, (before, after))?;
        }
        Ok(())
    }

    /// Moves what an execution takes into clearing, and frees what was frozen beyond it.
    fn deduct(
        &mut self,
        trade: &Trade,
        side: Side,
        limit: Price,
        (before, after): (Quantity, Quantity),
    ) -> Result<(), ViewsError> {
        let of = trade.side(side);
        let account: AccountId = of.account;
        let instrument = self.instrument(trade.instrument)?;
        let (base, quote) = (instrument.base, instrument.quote);
        let freed = freeze(instrument, side, limit, before) - freeze(instrument, side, limit, after);
        let (asset, taken) = match side {
            Side::Buy => (quote, trade.notional + of.fee),
            Side::Sell => (base, Amount::from(trade.quantity)),
        };
        self.balances.clear(account, asset, taken);
        self.balances.freeze(account, asset, -(freed - taken));
        Ok(())
    }

    fn settle_execution(&mut self, side: &SettledSide) -> Result<(), ViewsError> {
        self.pay_and_deliver(side);
        // One that was settled here has been told of before, by the run that did.
        if self.settles_here {
            return Ok(());
        }
        self.settle_trade(side.fill.trade, Settling::SettledElsewhere { on: side.date })
    }

    fn pay_and_deliver(&mut self, settled: &SettledSide) {
        let (terms, fill) = (&settled.terms, &settled.fill);
        self.touch(terms.order);
        let quantity = Amount::from(fill.quantity);
        match terms.side {
            Side::Buy => {
                self.balances.deliver(terms.account, terms.quote, fill.notional + fill.fee);
                self.balances.available(terms.account, terms.base, quantity);
            }
            Side::Sell => {
                self.balances.deliver(terms.account, terms.base, quantity);
                self.balances.available(terms.account, terms.quote, fill.notional - fill.fee);
            }
        }
    }

    /// Notes what settlement has made of a trade.
    pub(crate) fn settle_trade(
        &mut self,
        trade: vocabulary::TradeId,
        settling: Settling,
    ) -> Result<(), ViewsError> {
        let mut texts = Texts::new(self.numbers, self.connection);
        self.trades.settle(self.connection, &mut texts, trade, settling)
    }
}

fn closed<'a>(at: Moment, code: &'a str, message: Option<&'a str>) -> Closed<'a> {
    Closed { at, code, message }
}

fn freeze(instrument: &Instrument, side: Side, limit: Price, quantity: Quantity) -> Amount {
    match side {
        Side::Buy => {
            let notional = instrument.notional(limit, quantity);
            notional + instrument.fees.highest(notional)
        }
        Side::Sell => Amount::from(quantity),
    }
}
