//! Orders: placed, cancelled, replaced, and raced against their own cancels.

use engine::Command;
use trading::{OrderKind, Phase, PlaceOrder, Scope};
use vocabulary::{OrderId, Price, Quantity, SelfTradePrevention, Side, TimeInForce};

use super::market::{Listed, around, id, index};
use super::memory::{Known, Named};
use super::mix::{Act, Style};
use super::{Asked, Workload};
use crate::Dice;

const MODES: [SelfTradePrevention; 4] = [
    SelfTradePrevention::Off,
    SelfTradePrevention::CancelNewest,
    SelfTradePrevention::CancelOldest,
    SelfTradePrevention::CancelBoth,
];

impl Workload {
    /// An order in that instrument, or in one that seems to take orders.
    pub(super) fn place(&mut self, at: Option<usize>, style: Style) -> Asked {
        let at = at.unwrap_or_else(|| self.somewhere());
        let phase = self.memory.phase(at);
        let dice = &mut self.dice;
        let listed = &self.market.listed[at];
        let holder = *dice.pick(&self.market.accounts);
        let user = if dice.permille(850) { holder.owner } else { *dice.pick(&self.market.users) };
        let side = *dice.pick(&[Side::Buy, Side::Sell]);
        let kind = kind(dice, listed, phase, style, side);
        let time_in_force = time_in_force(dice, phase, style, kind);
        let at_once = matches!(time_in_force, TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill);
        let is_named = dice.permille(500);
        let place = PlaceOrder {
            account: holder.account,
            instrument: listed.instrument.instrument,
            side,
            kind,
            quantity: quantity(dice, listed, style),
            time_in_force,
            post_only: !at_once && dice.permille(120),
            self_trade_prevention: if dice.permille(500) {
                SelfTradePrevention::Off
            } else {
                *dice.pick(&MODES)
            },
            client_order_id: is_named.then(|| id(&format!("c-{}", self.made + 1))),
            user,
        };
        let shard = listed.shard;
        let mut asked = self.ask("place", shard, user, Command::Trading(trading::Command::PlaceOrder(place)));
        if is_named && self.dice.permille(500) {
            asked.request.command_id = None;
        }
        asked
    }

    /// Where orders seem to be taken, mostly.
    pub(super) fn somewhere(&mut self) -> usize {
        let all = 0..self.market.listed.len();
        let open: Vec<_> = all.filter(|at| self.memory.phase(*at).takes_orders()).collect();
        if open.is_empty() || self.dice.permille(50) {
            return index(&mut self.dice, self.market.listed.len());
        }
        *self.dice.pick(&open)
    }

    /// An order, and before anyone can have heard of it, what takes it back.
    pub(super) fn race(&mut self) -> Option<Asked> {
        let style = *self.dice.pick(&[Style::Crossing, Style::Passive, Style::Plain]);
        let after =
            [Act::CancelNamed, Act::CancelLatest, Act::Replace, Act::Repeat, Act::Place(Style::Crossing)];
        let count = self.dice.between(1, 4);
        let acts: Vec<_> = (0..count).map(|_| *self.dice.pick(&after)).collect();
        self.plan(acts);
        Some(self.place(None, style))
    }

    /// One that is believed to be open, often a late one, and now and then one that is not.
    fn some_order(&mut self) -> Option<Known> {
        let Self { dice, memory, .. } = self;
        let from = if dice.permille(60) { &memory.over } else { &memory.open };
        if from.is_empty() {
            return None;
        }
        let latest = from.len() - 1;
        let at = if dice.permille(500) {
            latest - index(dice, 8.min(from.len()))
        } else {
            index(dice, from.len())
        };
        Some(from[at])
    }

    pub(super) fn cancel(&mut self) -> Option<Asked> {
        let known = self.some_order()?;
        Some(self.cancel_order("cancel", known.shard, known.order))
    }

    /// The latest order, or the one that may have been created after it.
    pub(super) fn cancel_latest(&mut self) -> Option<Asked> {
        let Known { order, shard, .. } = *self.memory.open.back()?;
        let order = if self.dice.permille(300) { OrderId(order.0 + self.dice.between(1, 3)) } else { order };
        Some(self.cancel_order("cancel latest", shard, order))
    }

    fn cancel_order(&mut self, label: &'static str, shard: u16, order: OrderId) -> Asked {
        let actor = *self.dice.pick(&self.market.users);
        self.ask(label, shard, actor, Command::Trading(trading::Command::CancelOrder { order }))
    }

    /// By the client's own id: this needs no answer to have come.
    pub(super) fn cancel_named(&mut self) -> Option<Asked> {
        let latest = *self.memory.named.back()?;
        let Named { shard, place, client_order_id } = if self.dice.permille(700) {
            latest
        } else {
            self.memory.named[index(&mut self.dice, self.memory.named.len())]
        };
        let command = trading::Command::CancelClientOrder { account: place.account, client_order_id };
        Some(self.ask("cancel by client id", shard, place.user, Command::Trading(command)))
    }

    pub(super) fn replace(&mut self) -> Option<Asked> {
        let known = self.some_order()?;
        Some(self.replace_known(known))
    }

    /// An order comes in against some on the book, and these are replaced before anyone has said yes to the newcomer: what
    /// they trade must come off the replacements.
    pub(super) fn overtake(&mut self) -> Option<Asked> {
        let Known { at, side, .. } = self.some_order()?;
        let beside = self.memory.open.iter().rev().filter(|known| (known.at, known.side) == (at, side));
        let met: Vec<_> = beside.take(5).copied().collect();
        let prices = met.iter().filter_map(|known| known.price);
        let worst = if side == Side::Buy { prices.min() } else { prices.max() }?;
        self.plan(met.iter().map(|known| Act::ReplaceKnown(*known)));
        let dice = &mut self.dice;
        let listed = &self.market.listed[at];
        let lots = met.iter().map(|known| known.quantity.0 / listed.instrument.lot.0).sum::<i64>();
        let most = u64::try_from(lots).unwrap_or(1).clamp(1, 40);
        let holder = *dice.pick(&self.market.accounts);
        let place = PlaceOrder {
            account: holder.account,
            instrument: listed.instrument.instrument,
            side: side.opposite(),
            kind: OrderKind::Limit(worst),
            quantity: listed.lots(dice.between(1, most)),
            time_in_force: *dice.pick(&[TimeInForce::GoodTillCancel, TimeInForce::ImmediateOrCancel]),
            post_only: false,
            self_trade_prevention: SelfTradePrevention::Off,
            client_order_id: None,
            user: holder.owner,
        };
        let shard = listed.shard;
        let command = Command::Trading(trading::Command::PlaceOrder(place));
        Some(self.ask("overtake", shard, holder.owner, command))
    }

    pub(super) fn replace_known(&mut self, known: Known) -> Asked {
        let dice = &mut self.dice;
        let listed = &self.market.listed[known.at];
        let lots = u64::try_from(known.quantity.0 / listed.instrument.lot.0).unwrap_or(1).clamp(1, 1_000);
        let moved = priced(listed, around(dice, 4));
        let (price, quantity) = match dice.below(8) {
            0..=2 => (None, Some(listed.lots(dice.between(1, lots)))),
            3 | 4 => (Some(moved), None),
            5 => (Some(moved), Some(listed.lots(dice.between(1, 2 * lots)))),
            6 => (known.price, Some(listed.lots(lots + dice.between(1, 5)))),
            _ => (known.price, Some(known.quantity)),
        };
        let user = *dice.pick(&self.market.users);
        let command = trading::Command::ReplaceOrder { order: known.order, price, quantity, user };
        self.ask("replace", known.shard, user, Command::Trading(command))
    }

    pub(super) fn cancel_all(&mut self) -> Asked {
        let Self { dice, market, .. } = self;
        let listed = dice.pick(&market.listed);
        let scope = match dice.below(5) {
            0 => Scope::All,
            1 => Scope::Participant(*dice.pick(&market.participants)),
            2 => Scope::Instrument(listed.instrument.instrument),
            _ => Scope::Account(dice.pick(&market.accounts).account),
        };
        let shard = listed.shard;
        self.operate("cancel all", shard, Command::Trading(trading::Command::CancelAll { scope }))
    }
}

/// So many ticks from the reference, and within the band.
pub(super) fn priced(listed: &Listed, ticks: i64) -> Price {
    let price = listed.price_at(ticks);
    listed.instrument.band().map_or(price, |(low, high)| price.max(low).min(high))
}

fn kind(dice: &mut Dice, listed: &Listed, phase: Phase, style: Style, side: Side) -> OrderKind {
    let takes_market = listed.instrument.band_bp.is_some() && phase == Phase::Continuous;
    let market = match style {
        Style::AtOnce => 400,
        Style::Plain | Style::Crossing => 80,
        Style::Passive | Style::Edge => 0,
    };
    if dice.permille(if takes_market { market } else { market / 40 }) {
        return OrderKind::Market;
    }
    OrderKind::Limit(price(dice, listed, style, side))
}

fn price(dice: &mut Dice, listed: &Listed, style: Style, side: Side) -> Price {
    let away = i64::try_from(dice.between(1, 6)).expect("a few ticks");
    let better = if side == Side::Buy { away } else { -away };
    match style {
        Style::Plain => priced(listed, around(dice, 4)),
        Style::Crossing => priced(listed, around(dice, 1) + better / 3),
        Style::Passive => priced(listed, -better),
        Style::AtOnce => priced(listed, better),
        Style::Edge => {
            let tick = listed.instrument.tick;
            let far = (tick, listed.price_at(2_000));
            let (low, high) = listed.instrument.band().unwrap_or(far);
            *dice.pick(&[low, low, high, high, low - tick, high + tick])
        }
    }
}

fn quantity(dice: &mut Dice, listed: &Listed, style: Style) -> Quantity {
    let most = match style {
        Style::Edge => *dice.pick(&[10, 25, 60, 200]),
        Style::Plain | Style::Crossing | Style::Passive | Style::AtOnce => 15,
    };
    listed.lots(dice.between(1, most))
}

fn time_in_force(dice: &mut Dice, phase: Phase, style: Style, kind: OrderKind) -> TimeInForce {
    use TimeInForce as F;
    let at_once = match (style, kind) {
        (_, OrderKind::Market) => 970,
        (Style::AtOnce, _) => 900,
        (Style::Passive, _) => 0,
        (Style::Plain | Style::Crossing | Style::Edge, _) => 200,
    };
    if dice.permille(if phase.is_auction() { at_once / 20 } else { at_once }) {
        return *dice.pick(&[F::ImmediateOrCancel, F::ImmediateOrCancel, F::FillOrKill]);
    }
    *dice.pick(&[F::GoodTillCancel, F::GoodTillCancel, F::Day])
}
