//! Obligations, quotas, shortfalls.

use serde::Serialize;
use vocabulary::{
    AccountId, AssetId, CorrelationId, Date, InstrumentId, OrderId, ParticipantId, SettlementModel, Side,
    TradeId,
};

use crate::columns::{Columns, Decimal, stored};
use crate::error::ViewsError;
use crate::query::page::{Conditions, Key, Listing, Page, PageRequest};
use crate::query::visibility::Visibility;
use crate::reader::Snapshot;

/// Which obligations. What is none does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ObligationFilter {
    /// Due on this date.
    pub due: Option<Date>,
    /// Of this participant.
    pub participant: Option<ParticipantId>,
    /// Of this account.
    pub account: Option<AccountId>,
    /// In trades of this instrument.
    pub instrument: Option<InstrumentId>,
    /// Settled by this run.
    pub run: Option<u64>,
    /// Settled (true), or not yet (false).
    pub settled: Option<bool>,
}

/// What one side of a trade owes the central counterparty and has to get from it. Positive: receives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ObligationRow {
    /// The trade.
    pub trade: TradeId,
    /// Which side of it.
    pub side: Side,
    /// The order that was executed.
    pub order: OrderId,
    /// Whose it was.
    pub account: AccountId,
    /// Who clears it.
    pub participant: ParticipantId,
    /// What was traded.
    pub instrument: InstrumentId,
    /// What is delivered.
    pub base: AssetId,
    /// What is paid.
    pub quote: AssetId,
    /// Receives this in base; negative: delivers.
    pub base_amount: Decimal,
    /// Receives this in quote, fee taken off; negative: pays.
    pub quote_amount: Decimal,
    /// The fee in it.
    pub fee: Decimal,
    /// The business day of the trade.
    pub trade_date: Date,
    /// When it is or was due.
    pub due: Date,
    /// `due`, `recycled` (due again) or `settled`.
    pub status: String,
    /// The run that settled it.
    pub run: Option<u64>,
    /// How.
    pub model: Option<SettlementModel>,
    /// The settlement date of that run.
    pub settled_on: Option<Date>,
    /// The thread of the order.
    pub correlation: CorrelationId,
}

/// A clearing quota.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuotaRow {
    /// Whose.
    pub participant: ParticipantId,
    /// In which currency.
    pub asset: AssetId,
    /// The quota.
    pub quota: Decimal,
    /// Taken by open orders.
    pub held: Decimal,
    /// Taken by unsettled trades.
    pub used: Decimal,
}

/// What is missing of what a participant must deliver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShortfallRow {
    /// Who is short.
    pub participant: ParticipantId,
    /// Of what.
    pub asset: AssetId,
    /// How much.
    pub missing: Decimal,
    /// Where it was recorded.
    pub position: u64,
}

macro_rules! obligations_of {
    ($side:literal, $number:literal) => {
        Listing {
            name: "obligations",
            columns: concat!(
                "i.base_scale, i.quote_scale, t.",
                $side,
                "_order, t.",
                $side,
                "_account, t.",
                $side,
                "_participant, t.instrument, i.base, i.quote, t.quantity, t.notional, t.",
                $side,
                "_fee, t.trade_date, t.due, t.status, t.run, t.model, t.settled_on, t.",
                $side,
                "_correlation, t.position, t.number"
            ),
            from: "trades t CROSS JOIN instruments i ON i.instrument = t.instrument",
            key: &[Key::Number("t.position"), Key::Number("t.number"), Key::Number($number)],
            newest_first: true,
        }
    };
}

// A sum, because SQLite takes a bare number to order by for that of a column.
const BUYERS: Listing = obligations_of!("buy", "0 + 0");
const SELLERS: Listing = obligations_of!("sell", "0 + 1");

const QUOTAS: Listing = Listing {
    name: "quotas",
    columns: "q.participant, q.asset, a.scale, q.quota, q.held, q.used",
    from: "quotas q CROSS JOIN assets a ON a.asset = q.asset",
    key: &[Key::Text("q.participant"), Key::Text("q.asset")],
    newest_first: false,
};

const SHORTFALLS: Listing = Listing {
    name: "shortfalls",
    columns: "s.participant, s.asset, a.scale, s.missing, s.position",
    from: "shortfalls s CROSS JOIN assets a ON a.asset = s.asset",
    key: &[Key::Text("s.participant"), Key::Text("s.asset")],
    newest_first: false,
};

impl ObligationFilter {
    /// One for each side, of each account if they are given.
    pub(crate) fn arms(&self, accounts: Option<&[AccountId]>) -> Vec<(&'static Listing, Conditions)> {
        let sides: [(&'static Listing, _, _); 2] =
            [(&BUYERS, Side::Buy, "t.buy_account_ref"), (&SELLERS, Side::Sell, "t.sell_account_ref")];
        let mut arms = Vec::new();
        for (listing, side, of_account) in sides {
            let conditions = self.conditions(side);
            let Some(accounts) = accounts else {
                arms.push((listing, conditions));
                continue;
            };
            arms.extend(accounts.iter().map(|account| {
                let mut conditions = conditions.clone();
                conditions.and_ref(of_account, Some(account));
                (listing, conditions)
            }));
        }
        arms
    }

    fn conditions(&self, side: Side) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.and("t.due_ref IS NOT NULL");
        conditions.and_ref("t.due_ref", self.due);
        let participant = match side {
            Side::Buy => "t.buy_participant_ref",
            Side::Sell => "t.sell_participant_ref",
        };
        conditions.and_ref(participant, self.participant);
        conditions.and_ref("t.instrument_ref", self.instrument);
        conditions.and_some("t.run = ?", self.run.map(stored));
        match self.settled {
            Some(true) => conditions.and("t.run IS NOT NULL"),
            Some(false) => conditions.and("t.run IS NULL"),
            None => {}
        }
        conditions
    }
}

impl Snapshot {
    /// Obligations, those of the latest trades first.
    ///
    /// # Errors
    /// When the cursor is unknown or the database fails, here as in every list.
    pub fn obligations(
        &self,
        filter: &ObligationFilter,
        visibility: Visibility,
        page: &PageRequest,
    ) -> Result<Page<ObligationRow>, ViewsError> {
        let accounts = self.confined(filter.account, visibility)?;
        let arms = filter.arms(accounts.as_deref());
        // Each arm knows which side it is by the last part of its key, which is read before the columns.
        self.page_with_key(&arms, page, |key, c| {
            let side = if key.last().is_some_and(|last| last.is_number(0)) { Side::Buy } else { Side::Sell };
            obligation(side, c)
        })
    }

    /// Clearing quotas by participant and currency; of one participant, if given.
    pub fn quotas(
        &self,
        participant: Option<ParticipantId>,
        page: &PageRequest,
    ) -> Result<Page<QuotaRow>, ViewsError> {
        let mut conditions = Conditions::default();
        conditions.and_text("q.participant = ?", participant);
        self.page(&[(&QUOTAS, conditions)], page, |c| {
            let (participant, asset, scale) = (c.id()?, c.id()?, c.take()?);
            let (quota, held, used) = (c.decimal(scale)?, c.decimal(scale)?, c.decimal(scale)?);
            Ok(QuotaRow { participant, asset, quota, held, used })
        })
    }

    /// What is recorded as missing now, by participant and asset.
    pub fn shortfalls(&self, page: &PageRequest) -> Result<Page<ShortfallRow>, ViewsError> {
        self.page(&[(&SHORTFALLS, Conditions::default())], page, |c| {
            let (participant, asset, scale) = (c.id()?, c.id()?, c.take()?);
            Ok(ShortfallRow { participant, asset, missing: c.decimal(scale)?, position: c.number()? })
        })
    }
}

fn obligation(side: Side, c: &mut Columns<'_>) -> rusqlite::Result<ObligationRow> {
    let (base_scale, quote_scale) = (c.take()?, c.take()?);
    let (order, account, participant, instrument) = (OrderId(c.number()?), c.id()?, c.id()?, c.id()?);
    let (base, quote) = (c.id()?, c.id()?);
    let (quantity, notional, fee) =
        (c.decimal(base_scale)?, c.decimal(quote_scale)?, c.decimal(quote_scale)?);
    let (base_amount, quote_amount) = match side {
        Side::Buy => (quantity.minor, -(notional.minor + fee.minor)),
        Side::Sell => (-quantity.minor, notional.minor - fee.minor),
    };
    Ok(ObligationRow {
        side,
        order,
        account,
        participant,
        instrument,
        base,
        quote,
        base_amount: Decimal::new(base_amount, base_scale),
        quote_amount: Decimal::new(quote_amount, quote_scale),
        fee,
        trade_date: c.id()?,
        due: c.id()?,
        status: c.take()?,
        run: c.opt_number()?,
        model: c.opt_word()?,
        settled_on: c.opt_id()?,
        correlation: c.thread()?,
        trade: TradeId { position: c.number()?, index: c.take()? },
    })
}
