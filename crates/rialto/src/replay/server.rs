//! Trading the day through the API of a server, as its participants would: each order by its owner, one after another.
//!
//! Each waits for the answer to the last, since their sequence is what a price-time market is about, and a cancellation acts
//! on what is decided when it is recorded. At the end trades, balances and obligations are asked for and compared.

use api::Role;
use engine::Command;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use vocabulary::{AccountId, Amount, AssetId, format_decimal, parse_decimal};

use super::day::{Action, Day, OrderRow, PRICE_SCALE, TradeRow};
use super::feed::{Fed, Venue, failed};
use super::market::Market;
use super::observer::{Findings, trade_text};
use crate::cli::Failure;
use crate::client::{Ask, Client, Speaker};

/// How long a settlement and what follows from it may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is asked whether it is over.
const POLL: Duration = Duration::from_millis(100);

const OPERATOR: Speaker = Speaker::Office(Role::Operator);
const AUDITOR: Speaker = Speaker::Office(Role::Auditor);

/// A server.
pub(super) struct ServerVenue<'a> {
    client: Client,
    market: &'a Market,
    /// The server's ids of orders, by the exchange's numbers.
    orders: RefCell<BTreeMap<u64, u64>>,
    /// What was paid in: who has how much there all together.
    paid_in: RefCell<BTreeMap<AssetId, Amount>>,
    accounts: RefCell<Vec<AccountId>>,
}

impl<'a> ServerVenue<'a> {
    /// Finds it.
    pub(super) fn connect(keys: PathBuf, server: &str, market: &'a Market) -> Result<Self, Failure> {
        Ok(Self {
            client: Client::at(keys, server)?,
            market,
            orders: RefCell::default(),
            paid_in: RefCell::default(),
            accounts: RefCell::default(),
        })
    }

    fn post(&self, speaker: Speaker, path: &str, body: &Value) -> Result<Value, Failure> {
        self.client.ask(speaker, path, &Ask::Post(body))
    }

    fn get(&self, path: &str) -> Result<Value, Failure> {
        self.client.ask(AUDITOR, path, &Ask::Get)
    }

    /// All rows of a list.
    fn list(&self, path: &str) -> Result<Vec<Value>, Failure> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let (mut rows, mut page) = (Vec::new(), format!("{path}{joint}limit=1000"));
        loop {
            let mut answer = self.get(&page)?;
            let items = answer["items"].as_array_mut().ok_or_else(|| failed(format!("{path} is no list")))?;
            rows.append(items);
            match answer["next"].as_str() {
                Some(cursor) => page = format!("{path}{joint}limit=1000&cursor={cursor}"),
                None => return Ok(rows),
            }
        }
    }

    /// What was refused, as its code and its message; anything else is a failure.
    fn refusal(answered: Result<Value, Failure>) -> Result<Result<Value, (String, String)>, Failure> {
        match answered {
            Ok(answer) => Ok(Ok(answer)),
            Err(Failure::Problem(document)) => {
                let problem: Value = serde_json::from_str(&document).map_err(failed)?;
                if problem["status"].as_u64().is_none_or(|status| status >= 500) {
                    return Err(Failure::Problem(document));
                }
                let text = |member: &str| problem[member].as_str().unwrap_or_default().to_owned();
                Ok(Err((text("code"), text("detail"))))
            }
            Err(failure) => Err(failure),
        }
    }

    fn place(&self, row: &OrderRow, body: &Value, fed: &mut Fed) -> Result<(), Failure> {
        let owner = Speaker::Owner(self.market.user(row.order));
        match Self::refusal(self.post(owner, "/trading/orders", body))? {
            Ok(placed) => {
                let order = placed["order"].as_u64().ok_or_else(|| failed("an order without an id"))?;
                self.orders.borrow_mut().insert(row.order, order);
                fed.count_order(None);
            }
            Err(refusal) => fed.count_order(Some(refusal)),
        }
        Ok(())
    }

    fn cancel(&self, row: &OrderRow, fed: &mut Fed) -> Result<(), Failure> {
        let order = self.orders.borrow().get(&row.order).copied();
        let Some(order) = order else {
            fed.count_cancel(true);
            return Ok(());
        };
        let owner = Speaker::Owner(self.market.user(row.order));
        let asked = self.client.ask(owner, &format!("/trading/orders/{order}"), &Ask::Delete);
        fed.count_cancel(Self::refusal(asked)?.is_err());
        Ok(())
    }

    /// Until nothing is due any more, and views have seen it.
    fn settle(&self, body: &Value) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let run = self.post(OPERATOR, "/settlement/process", body)?;
            if run["status"] == "complete" {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(failed(format!("the settlement is not complete after {} s", PATIENCE.as_secs())));
            }
            std::thread::sleep(POLL);
        }
    }

    /// Whether accounts hold, in all their places together, what was paid in; and how much of it is in clearing.
    fn balances(&self) -> Result<(bool, i128), Failure> {
        let (mut there, mut in_clearing) = (BTreeMap::<String, i128>::new(), 0);
        for account in self.accounts.borrow().iter() {
            for line in self.list(&format!("/trading/accounts/{account}/balances"))? {
                let asset = line["asset"].as_str().unwrap_or_default();
                let scale = self.market.scale_of(asset);
                for place in ["available", "frozen", "clearing"] {
                    let amount = parse_decimal(line[place].as_str().unwrap_or_default(), scale);
                    let amount = amount.map_err(failed)?;
                    *there.entry(asset.to_owned()).or_default() += amount;
                    in_clearing += if place == "clearing" { amount } else { 0 };
                }
            }
        }
        let paid_in = self.paid_in.borrow();
        let is_there =
            |(asset, amount): (&AssetId, &Amount)| there.get(&asset.to_string()) == Some(&amount.0);
        Ok((paid_in.iter().all(is_there), in_clearing))
    }

    /// How many trades the settlement runs have come to.
    fn of_runs(&self, what: &str) -> Result<u64, Failure> {
        let date = self.market.settlement_date();
        let runs = self.list(&format!("/settlement/runs?date={date}"))?;
        Ok(runs.iter().filter_map(|run| run[what].as_u64()).sum())
    }

    /// Compares what was traded with what the exchange published.
    pub(super) fn findings(&self, day: &Day) -> Result<Findings, Failure> {
        let numbers: BTreeMap<u64, u64> =
            self.orders.borrow().iter().map(|(number, order)| (*order, *number)).collect();
        // The latest come first.
        let mut trades = self.list("/trading/trades")?;
        trades.reverse();
        let mut found = Findings {
            trades: trades.len() as u64,
            trade_mismatches: day.trades.as_ref().map(|_| 0),
            settled: self.of_runs("settled")?,
            recycled: self.of_runs("recycled")?,
            ..Findings::default()
        };
        let Some(expected) = &day.trades else { return Ok(found) };
        for (at, trade) in trades.iter().enumerate() {
            let seen = read_trade(trade, &numbers)?;
            if expected.get(at) != Some(&seen) {
                let expected = expected.get(at).map_or("none".to_owned(), trade_text);
                found.trade_mismatches = Some(1);
                found.first =
                    Some(format!("trade {}: expected {expected}, got {}", at + 1, trade_text(&seen)));
                return Ok(found);
            }
        }
        if let Some(missing) = expected.len().checked_sub(trades.len()).filter(|missing| *missing > 0) {
            found.trade_mismatches = Some(missing as u64);
            found.first = Some(format!("{missing} trades are missing at the end"));
        }
        Ok(found)
    }
}

fn read_trade(trade: &Value, numbers: &BTreeMap<u64, u64>) -> Result<TradeRow, Failure> {
    let number = |side: &str| {
        let order = trade[side]["order"].as_u64().unwrap_or_default();
        numbers.get(&order).copied().unwrap_or_default()
    };
    let decimal = |member: &str, scale| {
        let value = parse_decimal(trade[member].as_str().unwrap_or_default(), scale).map_err(failed)?;
        i64::try_from(value).map_err(failed)
    };
    Ok(TradeRow {
        buy_order: number("buy"),
        sell_order: number("sell"),
        price: vocabulary::Price(decimal("price", PRICE_SCALE)?),
        quantity: vocabulary::Quantity(decimal("quantity", 0)?),
    })
}

impl Venue for ServerVenue<'_> {
    fn set_time(&self, _: u32) {}

    fn must(&self, command: &Command) -> Result<(), Failure> {
        if let Command::Settlement(settlement::Command::Process { date }) = command {
            return self.settle(&json!({"date": date}));
        }
        if let Command::Trading(trading::Command::Deposit { asset, amount, .. }) = command {
            self.paid_in.borrow_mut().entry(*asset).or_insert(Amount(0)).0 += amount.0;
        }
        if let Command::Trading(trading::Command::OpenAccount { account, .. }) = command {
            self.accounts.borrow_mut().push(*account);
        }
        let (speaker, path, body) = self.operation(command)?;
        self.post(speaker, &path, &body).map(drop)
    }

    fn trade(&self, rows: &[OrderRow], fed: &mut Fed, bar: &ProgressBar) -> Result<(), Failure> {
        for row in rows {
            let began = Instant::now();
            match row.action {
                Action::New { side, price, quantity } => {
                    let body = json!({
                        "account": self.market.account(row.order), "instrument": self.market.instrument,
                        "side": side, "price": format_decimal(price.0.into(), PRICE_SCALE),
                        "quantity": quantity.to_string(), "time_in_force": "day",
                        "self_trade_prevention": "off", "client_order_id": row.order.to_string(),
                    });
                    self.place(row, &body, fed)?;
                }
                Action::Cancel => self.cancel(row, fed)?,
            }
            fed.latency_us.saturating_record(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
            bar.inc(1);
        }
        Ok(())
    }

    fn look_at_the_end(&self, fed: &mut Fed) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        fed.unsettled = self.list("/settlement/obligations?settled=false")?.len() as u64;
        loop {
            let (is_conserved, in_clearing) = self.balances()?;
            fed.conserved = is_conserved;
            // What settlement has settled, trading hears a little later.
            if in_clearing == 0 || fed.unsettled > 0 || Instant::now() > deadline {
                return Ok(());
            }
            std::thread::sleep(POLL);
        }
    }
}

impl ServerVenue<'_> {
    /// The operation that gives a command, by whom.
    fn operation(&self, command: &Command) -> Result<(Speaker, String, Value), Failure> {
        use settlement::Command as S;
        use trading::Command as T;
        let by_operator = |path: &str, body: Value| Ok((OPERATOR, path.to_owned(), body));
        let amount = |asset: &AssetId, amount: &Amount| {
            format_decimal(amount.0, self.market.scale_of(&asset.to_string()))
        };
        if let Command::Compliance(compliance::Command::ActivatePolicy { bundle }) = command {
            let data: Value = serde_json::from_str(&bundle.data).map_err(failed)?;
            let body = json!({"modules": bundle.modules, "data": data});
            return Ok((Speaker::Office(Role::Compliance), "/compliance/policies".to_owned(), body));
        }
        if let Command::Trading(T::DefineAsset(asset)) = command {
            let kind = match asset.kind {
                vocabulary::AssetKind::Currency => "currency",
                vocabulary::AssetKind::Security => "security",
            };
            let body = json!({"asset": asset.asset, "kind": kind, "scale": asset.scale});
            return by_operator("/trading/assets", body);
        }
        if let Command::Trading(T::DefineInstrument(instrument)) = command {
            return by_operator("/trading/instruments", listed(instrument));
        }
        if let Command::Trading(T::OpenBusinessDay { date }) = command {
            return by_operator("/trading/business-day", json!({"date": date}));
        }
        if let Command::Trading(T::RegisterParticipant { participant }) = command {
            return by_operator("/trading/participants", json!({"participant": participant}));
        }
        if let Command::Trading(T::OpenAccount { account, participant, owner }) = command {
            let body = json!({"account": account, "participant": participant, "owner": owner});
            return by_operator("/trading/accounts", body);
        }
        if let Command::Trading(T::Deposit { account, asset, amount: paid }) = command {
            let body = json!({"asset": asset, "amount": amount(asset, paid)});
            return by_operator(&format!("/trading/accounts/{account}/deposits"), body);
        }
        if let Command::Trading(T::SetPhase { instrument, phase }) = command {
            return by_operator(&format!("/trading/instruments/{instrument}/phase"), json!({"phase": phase}));
        }
        if let Command::Settlement(S::DefineCalendar { calendar, days }) = command {
            return by_operator(&format!("/settlement/calendars/{calendar}"), json!(days));
        }
        if let Command::Settlement(S::SetSettlementModel { market, model }) = command {
            return by_operator(&format!("/settlement/models/{market}"), json!({"model": model}));
        }
        if let Command::Settlement(S::SetQuota { participant, asset, quota }) = command {
            let body = json!({"participant": participant, "asset": asset, "quota": amount(asset, quota)});
            return by_operator("/settlement/quotas", body);
        }
        Err(failed(format!("the API has no operation for {command:?}")))
    }
}

fn listed(instrument: &vocabulary::Instrument) -> Value {
    json!({
        "instrument": instrument.instrument, "market": instrument.market, "base": instrument.base,
        "quote": instrument.quote, "price_scale": instrument.price_scale,
        "tick": format_decimal(instrument.tick.0.into(), instrument.price_scale),
        "lot": format_decimal(instrument.lot.0.into(), instrument.base_scale),
        "band_percent": instrument.band_bp.map(|band| format_decimal(band.into(), 2)),
        "reference_price": format_decimal(instrument.reference_price.0.into(), instrument.price_scale),
        "settlement_days": instrument.settlement_days, "calendar": instrument.calendar,
        "maker_ppm": instrument.fees.maker_ppm, "taker_ppm": instrument.fees.taker_ppm,
    })
}
