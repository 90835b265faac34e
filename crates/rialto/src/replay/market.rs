//! The market of a recorded day: reference data, accounts with funds, and limits.

use anyhow::Context;
use engine::{Command, Request};
use node::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use trading::{OrderKind, PlaceOrder};
use vocabulary::{
    AccountId, Amount, Asset, AssetKind, Calendar, ClientOrderId, CorrelationId, Date, FeeSchedule,
    Instrument, InstrumentId, ParticipantId, Price, Quantity, SelfTradePrevention, TimeInForce, Timestamp,
    UserId,
};

use super::day::{Action, Day, OrderRow, PRICE_SCALE};
use super::{Limits, ReplayOptions};
use crate::cli::Failure;

/// How many clearing members the accounts are spread over at most.
const PARTICIPANTS_MAX: u32 = 10;
/// Cash of each account in minor units, and shares: more than any account can spend on such a day.
const CASH: Amount = Amount(1_000_000_000_000_000);
const SHARES: Amount = Amount(1_000_000_000);
/// Price band of the market, in hundredths of a percent.
const BAND_BP: u32 = 1_000;

/// A market for one recorded day.
pub(super) struct Market {
    pub(super) instrument: InstrumentId,
    pub(super) date: Date,
    definition: Instrument,
    accounts: u32,
    limits: Limits,
    midnight: Timestamp,
}

/// The day's own time, moved by whoever feeds it.
#[derive(Clone)]
pub(super) struct DayClock {
    now: Arc<AtomicU64>,
    midnight: Timestamp,
}

impl DayClock {
    /// Moves to so many hundredths of a second after midnight.
    pub(super) fn set(&self, hundredths: u32) {
        let time = self.midnight.plus_ns(u64::from(hundredths) * 10_000_000);
        self.now.fetch_max(time.0, Ordering::Relaxed);
    }
}

impl Clock for DayClock {
    fn now(&mut self) -> Timestamp {
        Timestamp(self.now.load(Ordering::Relaxed))
    }

    fn jumps(&self) -> u64 {
        0
    }
}

fn id<T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    text: &str,
) -> Result<T, Failure> {
    text.parse::<T>()
        .with_context(|| format!("{text:?}"))
        .map_err(|error| Failure::Misuse(format!("{error:#}")))
}

impl Market {
    pub(super) fn of(options: &ReplayOptions, day: &Day) -> Result<Self, Failure> {
        let instrument: InstrumentId = id(&options.instrument)?;
        let middle = day
            .middle_price()
            .ok_or_else(|| Failure::Misuse(format!("{} has no new order", options.orders.display())))?;
        let definition = Instrument {
            instrument,
            isin: None,
            market: id("SSE")?,
            base: id(&options.instrument)?,
            quote: id("CNY")?,
            price_scale: PRICE_SCALE,
            tick: Price(1),
            lot: Quantity(1),
            band_bp: Some(BAND_BP),
            reference_price: middle,
            settlement_days: 1,
            calendar: id("SSE")?,
            fees: FeeSchedule { maker_ppm: 0, taker_ppm: 0 },
            base_scale: 0,
            quote_scale: PRICE_SCALE,
        };
        let midnight = midnight(day.date);
        Ok(Self {
            instrument,
            date: day.date,
            definition,
            accounts: options.accounts,
            limits: options.limits,
            midnight,
        })
    }

    pub(super) fn clock(&self) -> DayClock {
        DayClock { now: Arc::new(AtomicU64::new(self.midnight.0)), midnight: self.midnight }
    }

    /// The day on which the day's trades settle.
    pub(super) fn settlement_date(&self) -> Date {
        Calendar::default().business_days_after(self.date, self.definition.settlement_days)
    }

    /// The account that an order of the exchange is placed for.
    pub(super) fn account(&self, order: u64) -> AccountId {
        account(u32::try_from(order % u64::from(self.accounts)).unwrap_or_default())
    }

    pub(super) fn user(&self, order: u64) -> UserId {
        user(u32::try_from(order % u64::from(self.accounts)).unwrap_or_default())
    }

    /// The decimals of an asset of this market.
    pub(super) fn scale_of(&self, asset: &str) -> u8 {
        let is_base = self.definition.base.to_string() == asset;
        if is_base { self.definition.base_scale } else { self.definition.quote_scale }
    }

    /// What a row asks for.
    pub(super) fn request(&self, row: &OrderRow) -> Request {
        let user = self.user(row.order);
        let account = self.account(row.order);
        let client_order_id = client_order_id(row.order);
        let command = match row.action {
            Action::New { side, price, quantity } => trading::Command::PlaceOrder(PlaceOrder {
                account,
                instrument: self.instrument,
                side,
                kind: OrderKind::Limit(price),
                quantity,
                time_in_force: TimeInForce::Day,
                post_only: false,
                self_trade_prevention: SelfTradePrevention::Off,
                client_order_id: Some(client_order_id),
                user,
            }),
            Action::Cancel => trading::Command::CancelClientOrder { account, client_order_id },
        };
        request(Command::Trading(command), user, u128::from(row.order))
    }

    /// Commands that open the market.
    pub(super) fn definitions(&self) -> Result<Vec<Command>, Failure> {
        use trading::Command as T;
        let (base, quote) = (self.definition.base, self.definition.quote);
        let mut all = vec![
            Command::Trading(T::DefineAsset(Asset {
                asset: quote,
                kind: AssetKind::Currency,
                scale: PRICE_SCALE,
            })),
            Command::Trading(T::DefineAsset(Asset { asset: base, kind: AssetKind::Security, scale: 0 })),
            Command::Trading(T::DefineInstrument(Box::new(self.definition.clone()))),
            Command::Trading(T::OpenBusinessDay { date: self.date }),
            Command::Settlement(settlement::Command::DefineCalendar {
                calendar: self.definition.calendar,
                days: Calendar::default(),
            }),
            Command::Settlement(settlement::Command::SetSettlementModel {
                market: self.definition.market,
                model: vocabulary::SettlementModel::Net,
            }),
            Command::Compliance(compliance::Command::ActivatePolicy { bundle: self.policy() }),
        ];
        for number in 0..self.accounts.min(PARTICIPANTS_MAX) {
            let participant = participant(number);
            let quota = Amount(CASH.0 * 1_000_000);
            all.push(Command::Trading(T::RegisterParticipant { participant }));
            all.push(Command::Settlement(settlement::Command::SetQuota { participant, asset: quote, quota }));
        }
        for number in 0..self.accounts {
            let account = account(number);
            let participant = participant(number % PARTICIPANTS_MAX);
            all.push(Command::Trading(T::OpenAccount { account, participant, owner: user(number) }));
            all.push(Command::Trading(T::Deposit { account, asset: quote, amount: CASH }));
            all.push(Command::Trading(T::Deposit { account, asset: base, amount: SHARES }));
        }
        Ok(all)
    }

    /// The shipped policies; for this market, with limits that no order of a normal day reaches.
    fn policy(&self) -> compliance::Bundle {
        let shipped = compliance::default_bundle();
        match self.limits {
            Limits::CaseStudy => shipped,
            Limits::Market => {
                let market = serde_json::json!({"single_order": 1_000_000_000_000_u64, "orders_per_hour": 1_000_000_000});
                let base = serde_json::json!({"single_order": 1_000_000, "orders_per_hour": 100});
                let name = self.definition.market.to_string();
                let data =
                    serde_json::json!({"finance": {"limits": {"base": base, "markets": {name: market}}}});
                shipped.with_data(data.to_string())
            }
        }
    }
}

fn account(number: u32) -> AccountId {
    format!("ACCOUNT-{number:05}").parse().expect("a valid code")
}

fn participant(number: u32) -> ParticipantId {
    format!("MEMBER-{number:02}").parse().expect("a valid code")
}

fn user(number: u32) -> UserId {
    format!("user-{number:05}").parse().expect("a valid id")
}

/// The client's id of an order: the exchange's number.
fn client_order_id(order: u64) -> ClientOrderId {
    order.to_string().parse().expect("a valid id")
}

/// A request on a thread of its own.
pub(super) fn request(command: Command, actor: UserId, correlation: u128) -> Request {
    Request { command_id: None, correlation: CorrelationId(correlation), actor, command }
}

fn midnight(date: Date) -> Timestamp {
    let epoch = Date::new(1970, 1, 1).expect("a date");
    let days = u64::try_from(date.days_after(epoch)).unwrap_or_default();
    Timestamp(days * 24 * 3_600 * 1_000_000_000)
}
