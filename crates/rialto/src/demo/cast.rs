//! Who and what is on the stage: four made-up companies, four clearing members, twelve accounts.

use engine::Command;
use vocabulary::{
    Amount, Asset, AssetKind, Calendar, Date, FeeSchedule, Instrument, InstrumentId, Price, Quantity,
    SettlementModel, UserId,
};

use super::Line;

/// A company and how its shares are traded.
pub(super) struct Listed {
    pub(super) symbol: &'static str,
    market: &'static str,
    /// In cents.
    pub(super) price: i64,
    pub(super) tick: i64,
    settlement_days: u8,
}

impl Listed {
    pub(super) fn id(&self) -> InstrumentId {
        id(self.symbol)
    }
}

/// The companies: two markets, one settling net and one gross.
pub(super) const INSTRUMENTS: [Listed; 4] = [
    Listed { symbol: "ALPENROSE", market: "MAIN", price: 48_50, tick: 1, settlement_days: 1 },
    Listed { symbol: "BRIGHTSEA", market: "MAIN", price: 125_00, tick: 5, settlement_days: 1 },
    Listed { symbol: "CEDARHILL", market: "MAIN", price: 9_80, tick: 1, settlement_days: 0 },
    Listed { symbol: "DUNEWIND", market: "SMALL", price: 310_00, tick: 10, settlement_days: 1 },
];

/// Accounts by the member that clears for them. An owner's id is the account's in lower case.
pub(super) const ACCOUNTS: [(&str, &str); 12] = [
    ("NORTH-1", "NORTHBANK"),
    ("NORTH-2", "NORTHBANK"),
    ("NORTH-3", "NORTHBANK"),
    ("EAST-1", "EASTBROKER"),
    ("EAST-2", "EASTBROKER"),
    ("EAST-3", "EASTBROKER"),
    ("SOUTH-1", "SOUTHHOUSE"),
    ("SOUTH-2", "SOUTHHOUSE"),
    ("SOUTH-3", "SOUTHHOUSE"),
    ("WEST-1", "WESTCAPITAL"),
    ("WEST-2", "WESTCAPITAL"),
    ("WEST-3", "WESTCAPITAL"),
];

/// The account that its member has paused now and then.
pub(super) fn pausing() -> risk::Switch {
    risk::Switch::Account(id("WEST-2"))
}

/// Reads a code that is written here.
pub(super) fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("codes of the demo are valid")
}

/// Who runs the venue.
pub(super) fn operator() -> UserId {
    id("demo-operator")
}

/// The owner of an account.
pub(super) fn owner(account: &str) -> UserId {
    id(&account.to_lowercase())
}

/// Everything that must be there before anyone trades.
pub(super) fn stage(day: Date) -> Vec<Line> {
    let mut all = vec![
        Command::Trading(trading::Command::DefineAsset(Asset {
            asset: id("EUR"),
            kind: AssetKind::Currency,
            scale: 2,
        })),
        Command::Settlement(settlement::Command::DefineCalendar {
            calendar: id("WEEKDAYS"),
            days: Calendar::default(),
        }),
        Command::Compliance(compliance::Command::ActivatePolicy { bundle: policy() }),
        Command::Trading(trading::Command::OpenBusinessDay { date: day }),
    ];
    for (market, model) in [("MAIN", SettlementModel::Net), ("SMALL", SettlementModel::Gross)] {
        all.push(Command::Settlement(settlement::Command::SetSettlementModel { market: id(market), model }));
    }
    for listed in &INSTRUMENTS {
        let asset = Asset { asset: id(listed.symbol), kind: AssetKind::Security, scale: 0 };
        all.push(Command::Trading(trading::Command::DefineAsset(asset)));
        all.push(Command::Trading(trading::Command::DefineInstrument(Box::new(instrument(listed)))));
    }
    for (account, participant) in ACCOUNTS {
        all.extend(opening(account, participant));
    }
    all.extend(limits());
    all.into_iter().map(|command| (operator(), command)).collect()
}

fn instrument(listed: &Listed) -> Instrument {
    Instrument {
        instrument: listed.id(),
        isin: None,
        market: id(listed.market),
        base: id(listed.symbol),
        quote: id("EUR"),
        price_scale: 2,
        tick: Price(listed.tick),
        lot: Quantity(1),
        band_bp: Some(1_000),
        reference_price: Price(listed.price),
        settlement_days: listed.settlement_days,
        calendar: id("WEEKDAYS"),
        fees: FeeSchedule { maker_ppm: 100, taker_ppm: 250 },
        base_scale: 0,
        quote_scale: 2,
    }
}

fn opening(account: &str, participant: &str) -> Vec<Command> {
    let (account_id, participant_id) = (id(account), id(participant));
    let quota = Amount(500_000_000_00);
    let mut all = vec![
        Command::Trading(trading::Command::RegisterParticipant { participant: participant_id }),
        Command::Settlement(settlement::Command::SetQuota {
            participant: participant_id,
            asset: id("EUR"),
            quota,
        }),
        Command::Trading(trading::Command::OpenAccount {
            account: account_id,
            participant: participant_id,
            owner: owner(account),
        }),
    ];
    let mut bring = |asset, amount| {
        all.push(Command::Trading(trading::Command::Deposit { account: account_id, asset, amount }));
    };
    bring(id("EUR"), Amount(50_000_000_00));
    for listed in &INSTRUMENTS {
        bring(id(listed.symbol), Amount(1_000_000));
    }
    all
}

/// Limits that leave room for hours of trading, and one that is felt now and then.
fn limits() -> Vec<Command> {
    let limit = |scope, measure, limit| {
        Command::Risk(risk::Command::SetLimit { scope, measure, limit: Some(Amount(limit)) })
    };
    let mut all = Vec::new();
    for (account, _) in ACCOUNTS {
        let scope = risk::Scope::Account(id(account));
        all.push(limit(scope, risk::Measure::OrderNotional(id("EUR")), 2_000_000_00));
        all.push(limit(scope, risk::Measure::GrossExposure(id("EUR")), 25_000_000_00));
    }
    all.push(limit(risk::Scope::Account(id("WEST-3")), risk::Measure::OrderNotional(id("EUR")), 100_000_00));
    for member in ["NORTHBANK", "EASTBROKER", "SOUTHHOUSE", "WESTCAPITAL"] {
        let scope = risk::Scope::Participant(id(member));
        all.push(limit(scope, risk::Measure::GrossExposure(id("EUR")), 70_000_000_00));
    }
    all
}

/// The shipped policies; both markets have set their own number of orders an hour, which few people could reach.
fn policy() -> compliance::Bundle {
    let data = serde_json::json!({"finance": {"limits": {
        "base": {"single_order": 1_000_000, "orders_per_hour": 100},
        "markets": {"MAIN": {"orders_per_hour": 1_000_000}, "SMALL": {"orders_per_hour": 1_000_000}},
    }}});
    compliance::default_bundle().with_data(data.to_string())
}

/// The custodian misses shares of one member, so that some of its trades are recycled; or misses none any more.
pub(super) fn shortfall(missing: Amount) -> Line {
    let (participant, asset) = (id("WESTCAPITAL"), id("DUNEWIND"));
    (operator(), Command::Settlement(settlement::Command::RecordShortfall { participant, asset, missing }))
}
