//! A day in the market of the tests on which everything happens at once: crossing storms, owners who meet themselves,
//! auctions, limits and quotas that are just too small, switches, shortages. Drawn by seed.

use engine::{Command, ReceiptResult};
use risk::{Measure, Scope, Switch};
use trading::{Command as T, OrderKind, Phase, PlaceOrder};
use vocabulary::{
    Amount, Date, OrderId, Price, Quantity, SelfTradePrevention, SettlementModel, Side, TimeInForce,
};

use super::market::{History, Market, block, consent, id, limit, phase, place};
use crate::Dice;

const ACCOUNTS: [&str; 3] = ["ANN", "ANNA", "BOB"];
const PARTICIPANTS: [&str; 2] = ["NORTH", "SOUTH"];

struct Storm {
    market: Market,
    dice: Dice,
    orders: Vec<OrderId>,
    today: Date,
}

/// The history of a seed, in one node, in four, or in two.
pub(crate) fn storm(seed: u64) -> History {
    let market = match seed % 3 {
        0 => Market::whole(),
        1 => Market::spread(seed),
        _ => Market::paired(seed),
    };
    let mut storm = Storm { market, dice: Dice::new(seed), orders: Vec::new(), today: id("2023-02-07") };
    for _ in 0..500 {
        storm.act();
        let messages = storm.dice.below(8);
        storm.market.step(messages);
    }
    storm.end()
}

impl Storm {
    fn act(&mut self) {
        match self.dice.below(100) {
            0..=63 => self.place(),
            64..=68 => self.replace(),
            69..=72 => self.cancel(),
            73..=77 => self.move_phase(),
            78..=81 => self.limit(),
            82 | 83 => self.switch(),
            84..=86 => self.settle(),
            87 | 88 => self.block(),
            89 | 90 => self.restrict(),
            91 | 92 => self.policy(),
            93 => self.next_day(),
            94 => {
                let seconds = self.dice.between(600, 2_000);
                self.market.wait(seconds);
            }
            _ => {
                let seconds = self.dice.below(3);
                self.market.wait(seconds);
            }
        }
    }

    fn ask(&mut self, command: Command) -> Option<OrderId> {
        let receipt = self.market.ask(command);
        match receipt.result {
            ReceiptResult::Order(order) => Some(order.order),
            ReceiptResult::Done { .. } | ReceiptResult::Answered(_) | ReceiptResult::Refused(_) => None,
        }
    }

    fn small(&mut self, below: u64) -> i64 {
        i64::try_from(self.dice.below(below)).unwrap()
    }

    fn account<T: std::str::FromStr<Err: std::fmt::Debug>>(&mut self) -> T {
        id(self.dice.pick::<&str>(&ACCOUNTS))
    }

    fn participant<T: std::str::FromStr<Err: std::fmt::Debug>>(&mut self) -> T {
        id(self.dice.pick::<&str>(&PARTICIPANTS))
    }

    fn place(&mut self) {
        use SelfTradePrevention as P;
        use TimeInForce as F;
        let near = 99_95 + self.small(10);
        let price = if self.dice.permille(20) { *self.dice.pick(&[79_99, 120_01]) } else { near };
        let quantity = 1 + self.small(20);
        let side = *self.dice.pick(&[Side::Buy, Side::Sell]);
        let account = *self.dice.pick(&ACCOUNTS);
        let is_market = self.dice.permille(150);
        let kind = if is_market { OrderKind::Market } else { OrderKind::Limit(Price(price)) };
        let forces = [F::ImmediateOrCancel, F::FillOrKill, F::GoodTillCancel, F::GoodTillCancel, F::Day];
        let forces = if is_market { &forces[..2] } else { &forces };
        let order = PlaceOrder {
            kind,
            time_in_force: *self.dice.pick(forces),
            post_only: !is_market && self.dice.permille(100),
            self_trade_prevention: *self.dice.pick(&[
                P::Off,
                P::CancelNewest,
                P::CancelOldest,
                P::CancelBoth,
            ]),
            user: id(self.dice.pick::<&str>(&["user-1", "user-2"])),
            ..limit(account, side, price, quantity)
        };
        if let Some(order) = self.ask(place(order)) {
            self.orders.push(order);
        }
    }

    fn some_order(&mut self) -> Option<OrderId> {
        let from = self.orders.len().saturating_sub(30);
        (!self.orders.is_empty()).then(|| *self.dice.pick(&self.orders[from..]))
    }

    fn replace(&mut self) {
        let Some(order) = self.some_order() else { return };
        let price =
            self.dice.permille(400).then(|| Price(99_95 + i64::try_from(self.dice.below(10)).unwrap()));
        let quantity = Some(Quantity(1 + self.small(20)));
        let command = Command::Trading(T::ReplaceOrder { order, price, quantity, user: id("user-1") });
        if let Some(order) = self.ask(command) {
            self.orders.push(order);
        }
    }

    fn cancel(&mut self) {
        if self.dice.permille(150) {
            let scope = trading::Scope::Account(self.account());
            self.ask(Command::Trading(T::CancelAll { scope }));
        } else if let Some(order) = self.some_order() {
            self.ask(Command::Trading(T::CancelOrder { order }));
        }
    }

    fn move_phase(&mut self) {
        use Phase as P;
        let to =
            *self.dice.pick(&[P::Continuous, P::OpeningAuction, P::ClosingAuction, P::Halted, P::Closed]);
        self.ask(phase(to));
        if matches!(to, P::Halted | P::Closed) && self.dice.permille(600) {
            let price = Price(*self.dice.pick(&[99_95, 100_00, 100_05]));
            self.ask(Command::Trading(T::SetReferencePrice { instrument: id("ACME"), price }));
        }
        let orders = self.dice.below(6);
        (0..orders).for_each(|_| self.place());
        if self.dice.permille(800) {
            self.ask(phase(P::Continuous));
        }
    }

    fn limit(&mut self) {
        let scope = match self.dice.below(2) {
            0 => Scope::Account(self.account()),
            _ => Scope::Participant(self.participant()),
        };
        let (measure, usual) = match self.dice.below(6) {
            0 => (Measure::OrderNotional(id("EUR")), 1_500_00),
            1 => (Measure::OrderQuantity(id("ACME")), 8),
            2 => (Measure::Position(id("ACME")), 60),
            3 => (Measure::GrossExposure(id("EUR")), 10_000_00),
            4 => (Measure::OrderRate, 3),
            _ => {
                let (participant, asset) = (self.participant(), id("EUR"));
                let quota = Amount(i128::from(self.small(20)) * 5_000_00);
                let command = settlement::Command::SetQuota { participant, asset, quota };
                self.ask(Command::Settlement(command));
                return;
            }
        };
        let limit = self.dice.permille(400).then(|| Amount(i128::from(self.dice.below(usual * 3))));
        self.ask(Command::Risk(risk::Command::SetLimit { scope, measure, limit }));
        if self.dice.permille(100) {
            let percents = vec![50, u8::try_from(1 + self.dice.below(100)).unwrap()];
            self.ask(Command::Risk(risk::Command::SetAlertThresholds { percents }));
        }
    }

    fn switch(&mut self) {
        let switch = match self.dice.below(4) {
            0 => Switch::All,
            1 => Switch::Participant(self.participant()),
            2 => Switch::Instrument(id("ACME")),
            _ => Switch::Account(self.account()),
        };
        let reason = "test".to_owned();
        self.ask(Command::Risk(risk::Command::EngageKillSwitch { switch, reason }));
        let orders = self.dice.below(4);
        (0..orders).for_each(|_| self.place());
        let messages = self.dice.below(30);
        self.market.step(messages);
        self.ask(Command::Risk(risk::Command::LiftKillSwitch { switch }));
    }

    fn settle(&mut self) {
        let (asset, unit) = *self.dice.pick(&[("EUR", 700_00), ("ACME", 7)]);
        let (asset, missing) = (id(asset), Amount(i128::from(self.small(5)) * unit));
        let participant = self.participant();
        let command = settlement::Command::RecordShortfall { participant, asset, missing };
        self.ask(Command::Settlement(command));
        if self.dice.permille(300) {
            let model = *self.dice.pick(&[SettlementModel::Gross, SettlementModel::Net]);
            let command = settlement::Command::SetSettlementModel { market: id("MAIN"), model };
            self.ask(Command::Settlement(command));
        }
        if self.dice.permille(200) {
            let mut days = vocabulary::Calendar::default();
            let off = 1 + self.dice.below(4);
            days.holidays.insert(self.in_days(off));
            let command = settlement::Command::DefineCalendar { calendar: id("DAYS"), days };
            self.ask(Command::Settlement(command));
        }
        let days = self.dice.below(4);
        let date = self.in_days(days);
        self.ask(Command::Settlement(settlement::Command::Process { date }));
    }

    fn in_days(&self, days: u64) -> Date {
        (0..days).fold(self.today, |day, _| day.next())
    }

    fn block(&mut self) {
        let quantity = 1 + self.small(10);
        let proposed = self.market.ask(Command::ProposeBlock(block(quantity)));
        if matches!(proposed.result, ReceiptResult::Refused(_)) {
            return;
        }
        let messages = self.dice.below(20);
        self.market.step(messages);
        self.ask(consent(OrderId(proposed.position)));
    }

    fn restrict(&mut self) {
        let restriction = match self.dice.below(3) {
            0 => compliance::Restriction::Account(self.account()),
            1 => compliance::Restriction::User(id("user-2")),
            _ => compliance::Restriction::InstrumentForAccount {
                instrument: id("ACME"),
                account: self.account(),
            },
        };
        self.ask(Command::Compliance(compliance::Command::Restrict { restriction }));
        let orders = self.dice.below(4);
        (0..orders).for_each(|_| self.place());
        self.ask(Command::Compliance(compliance::Command::Unrestrict { restriction }));
    }

    fn policy(&mut self) {
        let (single, hourly) = (1_500 + self.dice.below(1_500), 20 + self.dice.below(200));
        let own = 1_500 + self.dice.below(1_000);
        let data = match self.dice.below(3) {
            0 => "{}".to_owned(),
            1 => format!(
                r#"{{"finance":{{"limits":{{"base":{{"single_order":{single},"orders_per_hour":{hourly}}}}}}}}}"#
            ),
            _ => format!(
                r#"{{"finance":{{"limits":{{"base":{{"single_order":1,"orders_per_hour":10000}},"markets":{{"MAIN":{{"single_order":{own}}}}}}}}}}}"#
            ),
        };
        let bundle = compliance::default_bundle().with_data(data);
        self.ask(Command::Compliance(compliance::Command::ActivatePolicy { bundle }));
        if self.dice.permille(300) {
            self.market.wait(1_800);
        }
    }

    fn next_day(&mut self) {
        self.today = self.today.next();
        let date = self.today;
        self.ask(Command::Trading(T::OpenBusinessDay { date }));
    }

    fn end(mut self) -> History {
        self.market.wait(100);
        self.market.calm();
        self.ask(phase(Phase::Closed));
        self.market.calm();
        for days in 0..6 {
            let date = self.in_days(days);
            self.ask(Command::Settlement(settlement::Command::Process { date }));
            self.market.calm();
        }
        self.market.history
    }
}
