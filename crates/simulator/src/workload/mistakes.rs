//! Requests that must be refused: unknown names, wrong numbers, contradictions, and what only the order flow may say.

use engine::Command;
use engine::block::ProposeBlock;
use std::collections::BTreeSet;
use trading::{OrderKind, PlaceOrder, Scope};
use vocabulary::{
    Amount, Calendar, OrderId, Price, Quantity, Reason, SelfTradePrevention, Side, TimeInForce,
};

use super::market::{Listed, id};
use super::{Asked, Workload};
use crate::Dice;

impl Workload {
    pub(super) fn mistake(&mut self) -> Asked {
        let listed = self.dice.pick(&self.market.listed).clone();
        let shard = listed.shard;
        let command = match self.dice.below(10) {
            0..=4 => {
                let mut place = self.usual_order(&listed);
                spoil(&mut self.dice, &mut place, &listed);
                Command::Trading(trading::Command::PlaceOrder(place))
            }
            5 | 6 => Command::Trading(self.bad_trading(&listed)),
            7 => self.bad_limits(),
            8 => self.bad_block(&listed),
            _ => self.of_the_flow(),
        };
        let wrong_shard = self.market.shards > 1 && self.dice.permille(100);
        let shard = if wrong_shard { (shard + 1) % self.market.shards } else { shard };
        let mut asked = self.operate("mistake", shard, command);
        if asked.context != engine::Context::Trading {
            asked.shard = 0;
        }
        asked
    }

    fn usual_order(&mut self, listed: &Listed) -> PlaceOrder {
        let holder = *self.dice.pick(&self.market.accounts);
        PlaceOrder {
            account: holder.account,
            instrument: listed.instrument.instrument,
            side: *self.dice.pick(&[Side::Buy, Side::Sell]),
            kind: OrderKind::Limit(listed.price_at(0)),
            quantity: listed.lots(1),
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            self_trade_prevention: SelfTradePrevention::Off,
            client_order_id: None,
            user: holder.owner,
        }
    }

    fn bad_trading(&mut self, listed: &Listed) -> trading::Command {
        use trading::Command as T;
        let holder = *self.dice.pick(&self.market.accounts);
        let (account, asset) = (holder.account, listed.instrument.quote);
        let (order, instrument) = (OrderId(self.dice.below(1_000_000)), listed.instrument.instrument);
        match self.dice.below(14) {
            0 => T::CancelOrder { order },
            1 => T::ReplaceOrder { order, price: None, quantity: Some(listed.lots(1)), user: holder.owner },
            2 => T::CancelClientOrder { account, client_order_id: id("never-used") },
            3 => T::CancelAll { scope: Scope::Account(id("NOBODY")) },
            4 => T::CancelAll { scope: Scope::Participant(id("NOBODY")) },
            5 => T::Deposit { account, asset, amount: Amount(*self.dice.pick(&[0, -1, i128::MAX])) },
            6 => T::Withdraw { account, asset, amount: Amount::MAX },
            7 => T::Withdraw { account: id("NOBODY"), asset, amount: Amount(1) },
            8 => T::Deposit { account, asset: id("NOTHING"), amount: Amount(1) },
            9 => T::OpenAccount { account: id("NEW"), participant: id("NOBODY"), owner: holder.owner },
            10 => T::OpenBusinessDay { date: self.market.first_day.previous() },
            11 => T::SetReferencePrice { instrument, price: Price(0) },
            12 => T::SetPhase { instrument: id("NOTHING"), phase: trading::Phase::Continuous },
            _ => T::DefineInstrument(Box::new(bad_instrument(&mut self.dice, listed))),
        }
    }

    fn bad_limits(&mut self) -> Command {
        let listed = self.dice.pick(&self.market.listed);
        let quote = listed.instrument.quote;
        let participant = *self.dice.pick(&self.market.participants);
        let (scope, measure) = (risk::Scope::Participant(participant), risk::Measure::OrderNotional(quote));
        let weekend = |days: std::ops::Range<u8>| {
            let days = Calendar { weekend: days.collect::<BTreeSet<_>>(), ..Calendar::default() };
            Command::Settlement(settlement::Command::DefineCalendar { calendar: id("DAYS"), days })
        };
        let amount = |quota| settlement::Command::SetQuota { participant, asset: quote, quota };
        let limit = |limit| Command::Risk(risk::Command::SetLimit { scope, measure, limit: Some(limit) });
        let percents = |percents| Command::Risk(risk::Command::SetAlertThresholds { percents });
        let missing = Amount(-1);
        match self.dice.below(10) {
            0 => limit(Amount(-1)),
            1 => limit(Amount::MAX + Amount(1)),
            2 => percents(vec![0]),
            3 => percents(vec![50, 101]),
            4 => percents((1..=9).collect()),
            5 => Command::Risk(risk::Command::LiftKillSwitch { switch: risk::Switch::Account(id("NOBODY")) }),
            6 => Command::Settlement(amount(Amount(-1))),
            7 => weekend(0..7),
            8 => weekend(5..9),
            _ => Command::Settlement(settlement::Command::RecordShortfall {
                participant,
                asset: quote,
                missing,
            }),
        }
    }

    fn bad_block(&mut self, listed: &Listed) -> Command {
        let holder = *self.dice.pick(&self.market.accounts);
        let (account, user) = (holder.account, holder.owner);
        let block = OrderId(self.dice.below(1_000_000));
        let propose = ProposeBlock {
            account,
            counterparty: id("NOBODY"),
            instrument: listed.instrument.instrument,
            side: Side::Buy,
            price: listed.price_at(0),
            quantity: listed.lots(1),
            consent_ns: 1_000_000_000,
            user,
        };
        match self.dice.below(6) {
            0 => Command::ProposeBlock(propose),
            1 => Command::ProposeBlock(ProposeBlock { counterparty: account, ..propose }),
            2 => Command::ProposeBlock(ProposeBlock { quantity: Quantity(0), ..propose }),
            3 => Command::ConsentBlock { block, account, user },
            4 => Command::RefuseBlock { block, account },
            _ => Command::RetryBlock { block },
        }
    }

    /// What nobody may ask from outside, whatever is true of the order.
    fn of_the_flow(&mut self) -> Command {
        let known = self.memory.open.back().map(|known| known.order);
        let order = known.unwrap_or(OrderId(1));
        let scope = Scope::All;
        match self.dice.below(5) {
            0 => Command::Trading(trading::Command::AcceptOrder { order }),
            1 => {
                let reason = Reason { code: "none".to_owned(), message: "for no reason".to_owned() };
                Command::Trading(trading::Command::RejectOrder { order, reason })
            }
            2 => Command::Trading(trading::Command::WithdrawBlock { order }),
            3 => Command::Trading(trading::Command::ExecuteBlock { buy: order, sell: order }),
            _ => Command::Trading(trading::Command::StartSweep {
                scope,
                cause: trading::Cause::KillSwitch,
                shard: 0,
            }),
        }
    }
}

/// Makes one thing about an order wrong.
fn spoil(dice: &mut Dice, place: &mut PlaceOrder, listed: &Listed) {
    let (tick, lot) = (listed.instrument.tick, listed.instrument.lot);
    match dice.below(14) {
        0 => place.account = id("NOBODY"),
        1 => place.instrument = id("NOTHING"),
        2 => place.quantity = Quantity::ZERO,
        3 => place.quantity = -lot,
        4 => place.quantity = Quantity(i64::MAX),
        // A tick or lot of one minor unit cannot be missed: then the order is right.
        5 => place.quantity += Quantity(lot.0 / 2),
        6 => place.kind = OrderKind::Limit(listed.price_at(0) + Price(tick.0 / 2)),
        7 => place.kind = OrderKind::Limit(Price(*dice.pick(&[0, -1, i64::MAX, i64::MIN]))),
        8 => place.kind = OrderKind::Market,
        9 => {
            place.kind = OrderKind::Market;
            place.time_in_force = TimeInForce::ImmediateOrCancel;
            place.post_only = true;
        }
        10 => {
            place.time_in_force = TimeInForce::FillOrKill;
            place.post_only = true;
        }
        11 => place.kind = OrderKind::Block(listed.price_at(0)),
        12 => {
            // Too much for 63 bits where there is no band.
            place.kind = OrderKind::Limit(Price(Price::MAX.0 / tick.0 * tick.0));
            place.quantity = Quantity(Quantity::MAX.0 / lot.0 * lot.0);
        }
        _ => place.kind = OrderKind::Limit(listed.price_at(1_000_000)),
    }
}

fn bad_instrument(dice: &mut Dice, listed: &Listed) -> vocabulary::Instrument {
    let mut instrument = listed.instrument.clone();
    instrument.instrument = id("NEW");
    match dice.below(7) {
        0 => instrument.tick = Price(0),
        1 => instrument.lot = Quantity(-1),
        2 => instrument.quote = instrument.base,
        3 => instrument.settlement_days = 3,
        4 => instrument.fees.taker_ppm = 100_001,
        5 => instrument.band_bp = Some(10_000),
        _ => instrument.base_scale += 1,
    }
    instrument
}
