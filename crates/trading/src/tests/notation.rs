//! A notation for order entry, and for what comes of it. Orders are #1, #2, .. and trades 1, 2, .. as they come into
//! being. Prices are in EUR.
//!
//! `ann buys 10 at 100.00`, `bob sells 5 at market ioc`; options `day`, `ioc`, `fok`, `post-only`, `stp-newest`,
//! `stp-oldest`, `stp-both`, `block`, `as C1` and `undecided`, which leaves the participants' answers to `accept #1` and
//! `reject #1`.

use super::market::{Market, id, order};
use crate::{Cause, Command, Event, OrderKind, Phase, Refusal, Scope};
use vocabulary::{
    ClientOrderId, OrderId, Price, Quantity, SelfTradePrevention, Side, TimeInForce, TradeId, format_decimal,
    parse_decimal,
};

fn price(text: &str) -> Price {
    Price(i64::try_from(parse_decimal(text, 2).unwrap()).unwrap())
}

fn quantity(text: &str) -> Quantity {
    Quantity(text.parse().unwrap())
}

fn show(price: Price) -> String {
    format_decimal(i128::from(price.0), 2)
}

impl Market {
    /// Does what the line says, and says what came of it.
    pub(crate) fn run(&mut self, line: &str) -> Result<Vec<String>, Refusal> {
        let events = self.perform(line)?;
        Ok(events.iter().map(|event| self.describe(event)).collect())
    }

    pub(crate) fn must(&mut self, line: &str) -> Vec<String> {
        self.run(line).unwrap_or_else(|refusal| panic!("{line}: {refusal}"))
    }

    pub(crate) fn numbered(&self, text: &str) -> OrderId {
        let number: usize = text.strip_prefix('#').unwrap().parse().unwrap();
        self.orders.get(number - 1).copied().unwrap_or(OrderId(9_999))
    }

    fn perform(&mut self, line: &str) -> Result<Vec<Event>, Refusal> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [account, side @ ("buys" | "sells"), many, "at", limit, options @ ..] => {
                self.place(account, side, many, limit, options)
            }
            ["accept", order] => self.accept(self.numbered(order)),
            ["reject", order] => self.reject(self.numbered(order)),
            ["cancel", "all", scope @ ..] => self.command(Command::CancelAll { scope: scope_of(scope) }),
            ["kill", "all", scope @ ..] => self.command(Command::StartSweep {
                scope: scope_of(scope),
                cause: Cause::KillSwitch,
                shard: 0,
            }),
            ["cancel", order] => self.command(Command::CancelOrder { order: self.numbered(order) }),
            ["cancel", client, "of", account] => {
                let (account, client_order_id) = (id(&account.to_uppercase()), id(client));
                self.command(Command::CancelClientOrder { account, client_order_id })
            }
            ["replace", order, changes @ ..] => self.replace(order, changes),
            ["phase", phase] => self.set_phase(phase_of(phase)),
            ["reference", to] => {
                let (instrument, price) = (id("ACME"), price(to));
                self.command(Command::SetReferencePrice { instrument, price })
            }
            ["sweep", "on"] => self.command(Command::ContinueSweep),
            ["settle", trade, side] => {
                let side = if *side == "buy" { Side::Buy } else { Side::Sell };
                self.settle(trade.parse::<usize>().unwrap() - 1, side)
            }
            ["execute", buy, sell] => {
                let (buy, sell) = (self.numbered(buy), self.numbered(sell));
                self.command(Command::ExecuteBlock { buy, sell })
            }
            ["withdraw", order] => self.command(Command::WithdrawBlock { order: self.numbered(order) }),
            _ => panic!("not understood: {line}"),
        }
    }

    fn place(
        &mut self,
        account: &str,
        side: &str,
        many: &str,
        limit: &str,
        options: &[&str],
    ) -> Result<Vec<Event>, Refusal> {
        let side = if side == "buys" { Side::Buy } else { Side::Sell };
        let mut place = order(side, 0, quantity(many).0);
        place.account = id(&account.to_uppercase());
        place.kind = if limit == "market" { OrderKind::Market } else { OrderKind::Limit(price(limit)) };
        let mut undecided = false;
        let mut options = options.iter();
        while let Some(option) = options.next() {
            match *option {
                "day" => place.time_in_force = TimeInForce::Day,
                "ioc" => place.time_in_force = TimeInForce::ImmediateOrCancel,
                "fok" => place.time_in_force = TimeInForce::FillOrKill,
                "post-only" => place.post_only = true,
                "stp-newest" => place.self_trade_prevention = SelfTradePrevention::CancelNewest,
                "stp-oldest" => place.self_trade_prevention = SelfTradePrevention::CancelOldest,
                "stp-both" => place.self_trade_prevention = SelfTradePrevention::CancelBoth,
                "block" => place.kind = OrderKind::Block(price(limit)),
                "as" => {
                    let client_order_id: ClientOrderId = id(options.next().unwrap());
                    place.client_order_id = Some(client_order_id);
                }
                "undecided" => undecided = true,
                other => panic!("not an option: {other}"),
            }
        }
        let command = Command::PlaceOrder(place);
        if undecided { self.command(command) } else { self.enter(command) }
    }

    fn replace(&mut self, order: &str, changes: &[&str]) -> Result<Vec<Event>, Refusal> {
        let (mut to, mut at, mut undecided) = (None, None, false);
        let mut changes = changes.iter();
        while let Some(change) = changes.next() {
            match *change {
                "to" => to = Some(quantity(changes.next().unwrap())),
                "at" => at = Some(price(changes.next().unwrap())),
                "undecided" => undecided = true,
                other => panic!("not a change: {other}"),
            }
        }
        let order = self.numbered(order);
        let command = Command::ReplaceOrder { order, price: at, quantity: to, user: id("user-1") };
        if undecided { self.command(command) } else { self.enter(command) }
    }

    fn number(&self, order: OrderId) -> String {
        let at = self.orders.iter().position(|known| *known == order).unwrap();
        format!("#{}", at + 1)
    }

    fn trade_number(&self, trade: TradeId) -> usize {
        self.trades.iter().position(|known| known.trade == trade).unwrap() + 1
    }

    /// A refusal with the numbers of orders in place of their ids.
    pub(crate) fn explain(&self, refusal: &Refusal) -> String {
        let ids = self.orders.iter().enumerate();
        ids.fold(format!("no: {refusal}"), |said, (number, order)| {
            said.replace(&format!("order {order}"), &format!("order #{}", number + 1))
        })
    }

    pub(crate) fn describe(&self, event: &Event) -> String {
        match event {
            Event::OrderCreated(created) => {
                let order = self.number(created.terms.order);
                created.replaces.map_or_else(
                    || format!("{order} created"),
                    |old| format!("{order} created for {}", self.number(old)),
                )
            }
            Event::OrderCleared { order } => format!("{} cleared", self.number(*order)),
            Event::OrderAccepted { order } => format!("{} accepted", self.number(*order)),
            Event::OrderRejected { order, .. } => format!("{} rejected", self.number(*order)),
            Event::OrderRested { order } => format!("{} rests", self.number(*order)),
            Event::OrderExecuted(trade) => {
                let (buy, sell) = (self.number(trade.buy.order), self.number(trade.sell.order));
                let what = format!("{} at {}", trade.quantity, show(trade.price));
                match trade.aggressor {
                    Some(Side::Buy) => format!("{buy} buys {what} from {sell}"),
                    Some(Side::Sell) => format!("{sell} sells {what} to {buy}"),
                    None => format!("{buy} and {sell} trade {what}"),
                }
            }
            Event::OrderReduced { order, by, part, .. } => {
                format!("{} reduced by {by} as part {part}", self.number(*order))
            }
            Event::OrderCanceled { order, cause, remaining, .. } => {
                format!("{} canceled with {remaining} left: {cause:?}", self.number(*order))
            }
            Event::OrderExpired { order, remaining, .. } => {
                format!("{} expired with {remaining} left", self.number(*order))
            }
            Event::ExecutionSettled(side) => {
                let trade = self.trade_number(side.fill.trade);
                format!("{} has trade {trade} settled", self.number(side.terms.order))
            }
            Event::OrderSettled { order } => format!("{} settled", self.number(*order)),
            Event::AuctionUncrossed { price, quantity, surplus, .. } => {
                format!("uncross {quantity} at {}, surplus {surplus}", show(*price))
            }
            Event::PhaseChanged { to, .. } => format!("phase {to:?}"),
            Event::SweepStarted { cause, .. } => format!("sweep starts: {cause:?}"),
            Event::SweepAdvanced { next: Some(_) } => "sweep goes on".to_owned(),
            Event::SweepAdvanced { next: None } => "sweep ends".to_owned(),
            Event::ReferencePriceSet { price, .. } => format!("reference {}", show(*price)),
            other => format!("{other:?}"),
        }
    }
}

fn scope_of(words: &[&str]) -> Scope {
    match words {
        [] => Scope::All,
        ["in", instrument] => Scope::Instrument(id(instrument)),
        ["of", code @ ("NORTH" | "SOUTH" | "WEST")] => Scope::Participant(id(code)),
        ["of", account] => Scope::Account(id(&account.to_uppercase())),
        other => panic!("not a scope: {other:?}"),
    }
}

fn phase_of(word: &str) -> Phase {
    match word {
        "closed" => Phase::Closed,
        "opening" => Phase::OpeningAuction,
        "continuous" => Phase::Continuous,
        "halted" => Phase::Halted,
        "closing" => Phase::ClosingAuction,
        other => panic!("not a phase: {other}"),
    }
}
