//! Assets, instruments, participants, accounts with their balances, business days.

use serde::Serialize;
use trading::Phase;
use vocabulary::{
    AccountId, AssetId, AssetKind, CalendarId, Date, InstrumentId, MarketId, ParticipantId, Timestamp, UserId,
};

use crate::columns::{Columns, Decimal};
use crate::error::ViewsError;
use crate::query::page::{Conditions, Key, Listing, Page, PageRequest};
use crate::query::visibility::Visibility;
use crate::reader::Snapshot;

/// An asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AssetRow {
    /// Its code.
    pub asset: AssetId,
    /// Currency or security.
    pub kind: AssetKind,
    /// Decimals of its minor unit.
    pub scale: u8,
}

/// An instrument with its phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstrumentRow {
    /// Its symbol.
    pub instrument: InstrumentId,
    /// ISO 6166 code.
    pub isin: Option<String>,
    /// Its market.
    pub market: MarketId,
    /// What is bought and sold.
    pub base: AssetId,
    /// What is paid.
    pub quote: AssetId,
    /// Decimals of a price.
    pub price_scale: u8,
    /// Decimals of a quantity.
    pub base_scale: u8,
    /// Decimals of an amount.
    pub quote_scale: u8,
    /// Prices are multiples of this.
    pub tick: Decimal,
    /// Quantities are multiples of this.
    pub lot: Decimal,
    /// Price band in hundredths of a percent.
    pub band_bp: Option<u32>,
    /// What the band refers to.
    pub reference_price: Decimal,
    /// Business days from trade to settlement.
    pub settlement_days: u8,
    /// Calendar of its business days.
    pub calendar: CalendarId,
    /// Fee of the resting side, in parts per million.
    pub maker_ppm: u32,
    /// Fee of the incoming side, in parts per million.
    pub taker_ppm: u32,
    /// What can be done with orders now.
    pub phase: Phase,
}

/// A clearing member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ParticipantRow {
    /// Its code.
    pub participant: ParticipantId,
    /// Where it was registered.
    pub position: u64,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountRow {
    /// Its code.
    pub account: AccountId,
    /// Who clears for it.
    pub participant: ParticipantId,
    /// Opaque id of its owner.
    pub owner: UserId,
    /// Where it was opened.
    pub position: u64,
    /// When.
    pub time: Timestamp,
}

/// What an account has of an asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BalanceRow {
    /// Whose.
    pub account: AccountId,
    /// Of what.
    pub asset: AssetId,
    /// Free to use.
    pub available: Decimal,
    /// Set aside for open orders.
    pub frozen: Decimal,
    /// Executed, waiting for settlement.
    pub clearing: Decimal,
}

/// A business day that was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BusinessDayRow {
    /// The day.
    pub date: Date,
    /// Where it was opened.
    pub position: u64,
    /// When.
    pub time: Timestamp,
}

const ASSETS: Listing = Listing {
    name: "assets",
    columns: "asset, kind, scale",
    from: "assets",
    key: &[Key::Text("asset")],
    newest_first: false,
};

const INSTRUMENTS: Listing = Listing {
    name: "instruments",
    columns:
        "instrument, isin, market, base, quote, price_scale, base_scale, quote_scale, tick, lot, band_bp,
        reference_price, settlement_days, calendar, maker_ppm, taker_ppm, phase",
    from: "instruments",
    key: &[Key::Text("instrument")],
    newest_first: false,
};

const PARTICIPANTS: Listing = Listing {
    name: "participants",
    columns: "participant, position",
    from: "participants",
    key: &[Key::Text("participant")],
    newest_first: false,
};

const ACCOUNTS: Listing = Listing {
    name: "accounts",
    columns: "account, participant, owner, position, time",
    from: "accounts",
    key: &[Key::Text("account")],
    newest_first: false,
};

const BALANCES: Listing = Listing {
    name: "balances",
    columns: "b.account, b.asset, a.scale, available, frozen, clearing",
    from: "balances b CROSS JOIN assets a ON a.asset = b.asset",
    key: &[Key::Text("b.account"), Key::Text("b.asset")],
    newest_first: false,
};

const BUSINESS_DAYS: Listing = Listing {
    name: "business-days",
    columns: "date, position, time",
    from: "business_days",
    key: &[Key::Text("date")],
    newest_first: true,
};

impl Snapshot {
    /// Assets by code.
    ///
    /// # Errors
    /// When the cursor is unknown or the database fails, here as in every list.
    pub fn assets(&self, page: &PageRequest) -> Result<Page<AssetRow>, ViewsError> {
        self.page(&[(&ASSETS, Conditions::default())], page, |c| {
            Ok(AssetRow { asset: c.id()?, kind: c.word()?, scale: c.take()? })
        })
    }

    /// Instruments by symbol; of one market, if given.
    pub fn instruments(
        &self,
        market: Option<MarketId>,
        page: &PageRequest,
    ) -> Result<Page<InstrumentRow>, ViewsError> {
        let mut conditions = Conditions::default();
        conditions.and_text("market = ?", market);
        self.page(&[(&INSTRUMENTS, conditions)], page, instrument)
    }

    /// An instrument.
    pub fn instrument(&self, instrument_id: InstrumentId) -> Result<Option<InstrumentRow>, ViewsError> {
        let mut conditions = Conditions::default();
        conditions.and_text("instrument = ?", Some(instrument_id));
        let page = self.page(&[(&INSTRUMENTS, conditions)], &PageRequest::default(), instrument)?;
        Ok(page.rows.into_iter().next())
    }

    /// Clearing members by code.
    pub fn participants(&self, page: &PageRequest) -> Result<Page<ParticipantRow>, ViewsError> {
        self.page(&[(&PARTICIPANTS, Conditions::default())], page, |c| {
            Ok(ParticipantRow { participant: c.id()?, position: c.number()? })
        })
    }

    /// Accounts by code; of one participant, if given.
    pub fn accounts(
        &self,
        participant: Option<ParticipantId>,
        visibility: Visibility,
        page: &PageRequest,
    ) -> Result<Page<AccountRow>, ViewsError> {
        let mut conditions = Conditions::default();
        conditions.and_text("participant = ?", participant);
        if let Visibility::Owner(owner) = visibility {
            conditions.and_text("owner = ?", Some(owner));
        }
        self.page(&[(&ACCOUNTS, conditions)], page, account)
    }

    /// An account, if it is seen.
    pub fn account(
        &self,
        account_id: AccountId,
        visibility: Visibility,
    ) -> Result<Option<AccountRow>, ViewsError> {
        let mut conditions = Conditions::default();
        conditions.and_text("account = ?", Some(account_id));
        if let Visibility::Owner(owner) = visibility {
            conditions.and_text("owner = ?", Some(owner));
        }
        let page = self.page(&[(&ACCOUNTS, conditions)], &PageRequest::default(), account)?;
        Ok(page.rows.into_iter().next())
    }

    /// Balances by account and asset; of one account, if given.
    pub fn balances(
        &self,
        account: Option<AccountId>,
        visibility: Visibility,
        page: &PageRequest,
    ) -> Result<Page<BalanceRow>, ViewsError> {
        let arms: Vec<_> = match self.confined(account, visibility)? {
            None => vec![(&BALANCES, Conditions::default())],
            Some(accounts) => accounts
                .into_iter()
                .map(|account| {
                    let mut conditions = Conditions::default();
                    conditions.and_text("b.account = ?", Some(account));
                    (&BALANCES, conditions)
                })
                .collect(),
        };
        self.page(&arms, page, |c| {
            let (account, asset, scale) = (c.id()?, c.id()?, c.take()?);
            let (available, frozen, clearing) = (c.decimal(scale)?, c.decimal(scale)?, c.decimal(scale)?);
            Ok(BalanceRow { account, asset, available, frozen, clearing })
        })
    }

    /// Business days, the latest first.
    pub fn business_days(&self, page: &PageRequest) -> Result<Page<BusinessDayRow>, ViewsError> {
        self.page(&[(&BUSINESS_DAYS, Conditions::default())], page, |c| {
            Ok(BusinessDayRow { date: c.id()?, position: c.number()?, time: c.time()? })
        })
    }
}

fn account(c: &mut Columns<'_>) -> rusqlite::Result<AccountRow> {
    Ok(AccountRow {
        account: c.id()?,
        participant: c.id()?,
        owner: c.id()?,
        position: c.number()?,
        time: c.time()?,
    })
}

fn instrument(c: &mut Columns<'_>) -> rusqlite::Result<InstrumentRow> {
    let (instrument, isin, market, base, quote) = (c.id()?, c.take()?, c.id()?, c.id()?, c.id()?);
    let (price_scale, base_scale, quote_scale) = (c.take()?, c.take()?, c.take()?);
    Ok(InstrumentRow {
        instrument,
        isin,
        market,
        base,
        quote,
        price_scale,
        base_scale,
        quote_scale,
        tick: c.decimal(price_scale)?,
        lot: c.decimal(base_scale)?,
        band_bp: c.take()?,
        reference_price: c.decimal(price_scale)?,
        settlement_days: c.take()?,
        calendar: c.id()?,
        maker_ppm: c.take()?,
        taker_ppm: c.take()?,
        phase: c.word()?,
    })
}
