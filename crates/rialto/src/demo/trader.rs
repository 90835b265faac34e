//! What the simulated people do: mostly small orders around the price, sometimes something else.

use engine::Command;
use engine::block::ProposeBlock;
use trading::{OrderKind, PlaceOrder, Scope};
use vocabulary::{Price, Quantity, SelfTradePrevention, Side, TimeInForce};

use super::Line;
use super::cast::{ACCOUNTS, INSTRUMENTS, id, operator, owner};
use super::dice::Dice;

/// How far, in ticks, an order may be from where the price is thought to be.
const SPREAD_TICKS: i64 = 12;

/// All of them, with the price that they have in mind for each instrument.
pub(super) struct Traders {
    minds: [i64; INSTRUMENTS.len()],
    acts: u64,
}

impl Traders {
    pub(super) fn new() -> Self {
        Self { minds: INSTRUMENTS.map(|listed| listed.price), acts: 0 }
    }

    /// What happens next, and by whom.
    pub(super) fn next(&mut self, dice: &mut Dice) -> Line {
        self.acts += 1;
        let (account, _) = *dice.pick(&ACCOUNTS);
        if dice.once_in(400) {
            return (owner(account), cancel_all(account));
        }
        if dice.once_in(250) {
            return self.propose_block(account, dice);
        }
        if dice.once_in(900) {
            let switch = risk::Switch::Account(id("WEST-2"));
            let reason = "the member asked for a pause".to_owned();
            return (operator(), Command::Risk(risk::Command::EngageKillSwitch { switch, reason }));
        }
        if dice.once_in(300) {
            let switch = risk::Switch::Account(id("WEST-2"));
            return (operator(), Command::Risk(risk::Command::LiftKillSwitch { switch }));
        }
        (owner(account), Command::Trading(trading::Command::PlaceOrder(self.order(account, dice))))
    }

    fn order(&mut self, account: &str, dice: &mut Dice) -> PlaceOrder {
        let at = usize::try_from(dice.below(INSTRUMENTS.len() as u64)).unwrap_or_default();
        let listed = &INSTRUMENTS[at];
        let mind = self.walk(at, dice);
        let side = if dice.once_in(2) { Side::Buy } else { Side::Sell };
        let away = dice.between(-3, SPREAD_TICKS) * listed.tick;
        let price = if side == Side::Buy { mind - away } else { mind + away };
        let quantity = if dice.once_in(60) { dice.between(3_000, 12_000) } else { dice.between(1, 40) * 10 };
        let market = dice.once_in(12);
        PlaceOrder {
            account: id(account),
            instrument: listed.id(),
            side,
            kind: if market { OrderKind::Market } else { OrderKind::Limit(Price(price)) },
            quantity: Quantity(if market { 10 } else { quantity }),
            time_in_force: self.time_in_force(market, dice),
            post_only: false,
            self_trade_prevention: SelfTradePrevention::CancelNewest,
            client_order_id: None,
            user: owner(account),
        }
    }

    fn time_in_force(&self, market: bool, dice: &mut Dice) -> TimeInForce {
        if market || dice.once_in(15) {
            return TimeInForce::ImmediateOrCancel;
        }
        if dice.once_in(4) { TimeInForce::GoodTillCancel } else { TimeInForce::Day }
    }

    /// The price in mind moves a tick now and then, and stays well within the band.
    fn walk(&mut self, at: usize, dice: &mut Dice) -> i64 {
        let listed = &INSTRUMENTS[at];
        let moved = self.minds[at] + dice.between(-1, 1) * listed.tick;
        let room = listed.price / 20;
        let within = moved.clamp(listed.price - room, listed.price + room);
        self.minds[at] = within / listed.tick * listed.tick;
        self.minds[at]
    }

    fn propose_block(&self, account: &str, dice: &mut Dice) -> Line {
        let (counterparty, _) = *dice.pick(&ACCOUNTS);
        let listed = &INSTRUMENTS[2];
        let propose = ProposeBlock {
            account: id(account),
            counterparty: id(counterparty),
            instrument: listed.id(),
            side: Side::Sell,
            price: Price(listed.price),
            quantity: Quantity(dice.between(5, 20) * 1_000),
            consent_ns: 60_000_000_000,
            user: owner(account),
        };
        (owner(account), Command::ProposeBlock(propose))
    }
}

fn cancel_all(account: &str) -> Command {
    Command::Trading(trading::Command::CancelAll { scope: Scope::Account(id(account)) })
}
