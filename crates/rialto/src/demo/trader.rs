//! What the simulated people do: mostly small orders around the price, sometimes something else.

use engine::Command;
use engine::block::ProposeBlock;
use trading::{OrderKind, PlaceOrder, Scope};
use vocabulary::{Price, Quantity, SelfTradePrevention, Side, TimeInForce};

use super::Line;
use super::cast::{ACCOUNTS, INSTRUMENTS, id, owner};
use super::dice::Dice;

/// How far, in ticks, an order may be from where the price is thought to be.
const SPREAD_TICKS: i64 = 12;

/// All of them, with the price that they have in mind for each instrument.
pub(super) struct Traders {
    minds: [i64; INSTRUMENTS.len()],
    /// Whether a member only buys or only sells an instrument. An auction knows no self-trade prevention, so a day
    /// with auctions is played like this.
    one_sided: bool,
}

impl Traders {
    /// People who buy and sell.
    pub(super) fn two_sided() -> Self {
        Self { minds: INSTRUMENTS.map(|listed| listed.price), one_sided: false }
    }

    /// People who buy some instruments and sell the others, as their member does.
    pub(super) fn one_sided() -> Self {
        Self { one_sided: true, ..Self::two_sided() }
    }

    /// What happens next, and by whom.
    pub(super) fn next(&mut self, dice: &mut Dice) -> Line {
        let (account, member) = *dice.pick(&ACCOUNTS);
        if dice.once_in(100) {
            return (owner(account), cancel_all(account));
        }
        if dice.once_in(250) {
            return propose_block(account, member, dice);
        }
        (owner(account), Command::Trading(trading::Command::PlaceOrder(self.order(account, member, dice))))
    }

    fn order(&mut self, account: &str, member: &str, dice: &mut Dice) -> PlaceOrder {
        let at = usize::try_from(dice.below(INSTRUMENTS.len() as u64)).unwrap_or_default();
        let listed = &INSTRUMENTS[at];
        let mind = self.walk(at, dice);
        let buys = if self.one_sided { buys(member, at) } else { dice.once_in(2) };
        let side = if buys { Side::Buy } else { Side::Sell };
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
            time_in_force: time_in_force(market, dice),
            post_only: false,
            self_trade_prevention: SelfTradePrevention::CancelNewest,
            client_order_id: None,
            user: owner(account),
        }
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
}

/// On which side of an instrument a member stands when it takes only one. The one that will miss shares of the last
/// instrument sells it.
fn buys(member: &str, instrument: usize) -> bool {
    let mut members: Vec<&str> = ACCOUNTS.iter().map(|(_, member)| *member).collect();
    members.dedup();
    let at = members.iter().position(|known| *known == member).unwrap_or_default();
    !(at + instrument).is_multiple_of(2)
}

fn time_in_force(market: bool, dice: &mut Dice) -> TimeInForce {
    if market || dice.once_in(15) {
        return TimeInForce::ImmediateOrCancel;
    }
    if dice.once_in(4) { TimeInForce::GoodTillCancel } else { TimeInForce::Day }
}

/// With somebody of another member.
fn propose_block(account: &str, member: &str, dice: &mut Dice) -> Line {
    let others: Vec<&str> =
        ACCOUNTS.iter().filter(|(_, of)| *of != member).map(|(other, _)| *other).collect();
    let listed = &INSTRUMENTS[2];
    let propose = ProposeBlock {
        account: id(account),
        counterparty: id(dice.pick::<&str>(&others)),
        instrument: listed.id(),
        side: Side::Sell,
        price: Price(listed.price),
        quantity: Quantity(dice.between(5, 20) * 1_000),
        consent_ns: 60_000_000_000,
        user: owner(account),
    };
    (owner(account), Command::ProposeBlock(propose))
}

fn cancel_all(account: &str) -> Command {
    Command::Trading(trading::Command::CancelAll { scope: Scope::Account(id(account)) })
}
