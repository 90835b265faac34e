//! Trades from both sides; an owner sees the own side only.

use serde::Serialize;
use vocabulary::{
    AccountId, AssetId, CorrelationId, Date, InstrumentId, OrderId, ParticipantId, SettlementModel, Side,
    Timestamp, TradeId,
};

use crate::columns::{Columns, Decimal, stored};
use crate::error::ViewsError;
use crate::query::page::{Conditions, Key, Listing, Page, PageRequest};
use crate::query::visibility::Visibility;
use crate::reader::Snapshot;

/// Which trades. What is none does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TradeFilter {
    /// With a side of this account.
    pub account: Option<AccountId>,
    /// With a side that this participant clears.
    pub participant: Option<ParticipantId>,
    /// In this instrument.
    pub instrument: Option<InstrumentId>,
    /// Agreed on this business day.
    pub trade_date: Option<Date>,
    /// Of this order.
    pub order: Option<OrderId>,
}

/// One side of a trade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TradeSideRow {
    /// The order that was executed.
    pub order: OrderId,
    /// Whose it was.
    pub account: AccountId,
    /// Who clears it.
    pub participant: ParticipantId,
    /// Fee in quote.
    pub fee: Decimal,
    /// The thread of the order.
    pub correlation: CorrelationId,
}

/// A trade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TradeRow {
    /// Its id.
    pub trade: TradeId,
    /// When it was agreed.
    pub time: Timestamp,
    /// What was traded.
    pub instrument: InstrumentId,
    /// What changes hands.
    pub base: AssetId,
    /// What is paid.
    pub quote: AssetId,
    /// At what price.
    pub price: Decimal,
    /// How much base.
    pub quantity: Decimal,
    /// How much quote, fees apart.
    pub notional: Decimal,
    /// The business day on which it was agreed.
    pub trade_date: Date,
    /// The side that came in and matched; none in an auction or a block trade.
    pub aggressor: Option<Side>,
    /// The buyer, if seen.
    pub buy: Option<TradeSideRow>,
    /// The seller, if seen.
    pub sell: Option<TradeSideRow>,
    /// `executed`, `due`, `recycled` (due again) or `settled`.
    pub status: String,
    /// When it is or was due.
    pub due: Option<Date>,
    /// The run that settled it.
    pub run: Option<u64>,
    /// How it was settled.
    pub model: Option<SettlementModel>,
    /// The settlement date of that run.
    pub settled_on: Option<Date>,
}

const TRADES: Listing = Listing {
    name: "trades",
    columns: "i.price_scale, i.base_scale, i.quote_scale, t.position, t.number, t.time, t.instrument, i.base, i.quote,
        t.price, t.quantity, t.notional, t.trade_date, t.aggressor,
        t.buy_order, t.buy_account, t.buy_participant, t.buy_fee, t.buy_correlation,
        t.sell_order, t.sell_account, t.sell_participant, t.sell_fee, t.sell_correlation,
        t.status, t.due, t.run, t.model, t.settled_on",
    from: "trades t CROSS JOIN instruments i ON i.instrument = t.instrument",
    key: &[Key::Number("t.position"), Key::Number("t.number")],
    newest_first: true,
};

impl TradeFilter {
    /// Two for each account, one for each side that it can have; or one for all.
    pub(crate) fn arms(&self, accounts: Option<&[AccountId]>) -> Vec<(&'static Listing, Conditions)> {
        let Some(accounts) = accounts else { return vec![(&TRADES, self.conditions())] };
        let sides = |account| ["t.buy_account_ref", "t.sell_account_ref"].map(|side| (side, account));
        let arm = |(side, account): (&str, &AccountId)| {
            let mut conditions = self.conditions();
            conditions.and_ref(side, Some(account));
            (&TRADES, conditions)
        };
        accounts.iter().flat_map(sides).map(arm).collect()
    }

    fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        if let Some(participant) = self.participant {
            conditions.and_value(
                "(SELECT number FROM texts WHERE text = ?) IN (t.buy_participant_ref, t.sell_participant_ref)",
                participant.to_string(),
            );
        }
        conditions.and_ref("t.instrument_ref", self.instrument);
        conditions.and_ref("t.trade_date_ref", self.trade_date);
        if let Some(order) = self.order {
            conditions.and_value("? IN (t.buy_order, t.sell_order)", stored(order.0));
            // An execution is in a record that touched the order, or in the one that created it.
            conditions.and_value(
                "t.position IN (SELECT position FROM order_records WHERE order_id = ?
                    UNION SELECT position FROM orders WHERE order_id = ?)",
                stored(order.0),
            );
            conditions.value(stored(order.0));
        }
        conditions
    }
}

impl Snapshot {
    /// Trades, the latest first.
    pub fn trades(
        &self,
        filter: &TradeFilter,
        visibility: Visibility,
        page: &PageRequest,
    ) -> Result<Page<TradeRow>, ViewsError> {
        let accounts = self.confined(filter.account, visibility)?;
        let mut arms = filter.arms(accounts.as_deref());
        if let (Some(order), Visibility::Owner(_)) = (filter.order, visibility) {
            // The other side's order is not to be found out by asking for it.
            if self.order(order, visibility)?.is_none() {
                arms.clear();
            }
        }
        let mut found = self.page(&arms, page, trade)?;
        if let Visibility::Owner(_) = visibility {
            let owned = self.confined(None, visibility)?.unwrap_or_default();
            let hide = |side: &mut Option<TradeSideRow>| {
                side.take_if(|side| !owned.contains(&side.account));
            };
            for row in &mut found.rows {
                hide(&mut row.buy);
                hide(&mut row.sell);
            }
        }
        Ok(found)
    }

    /// The trades that a run has settled, in the order of their ids, up to `max`, and how many there are.
    pub(crate) fn settled_trades(&self, run: u64, max: usize) -> Result<Vec<TradeRow>, ViewsError> {
        let sql = format!(
            "SELECT {} FROM {} WHERE t.run = ? ORDER BY t.position, t.number LIMIT ?",
            TRADES.columns, TRADES.from
        );
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        self.all(&sql, [stored(run), max], trade)
    }

    /// A trade.
    pub(crate) fn trade(&self, trade_id: TradeId) -> Result<Option<TradeRow>, ViewsError> {
        let sql =
            format!("SELECT {} FROM {} WHERE t.position = ? AND t.number = ?", TRADES.columns, TRADES.from);
        let found = self.all(&sql, [stored(trade_id.position), i64::from(trade_id.index)], trade)?;
        Ok(found.into_iter().next())
    }
}

fn trade(c: &mut Columns<'_>) -> rusqlite::Result<TradeRow> {
    let (price_scale, base_scale, quote_scale) = (c.take()?, c.take()?, c.take()?);
    Ok(TradeRow {
        trade: TradeId { position: c.number()?, index: c.take()? },
        time: c.time()?,
        instrument: c.id()?,
        base: c.id()?,
        quote: c.id()?,
        price: c.decimal(price_scale)?,
        quantity: c.decimal(base_scale)?,
        notional: c.decimal(quote_scale)?,
        trade_date: c.id()?,
        aggressor: c.opt_word()?,
        buy: Some(side(c, quote_scale)?),
        sell: Some(side(c, quote_scale)?),
        status: c.take()?,
        due: c.opt_id()?,
        run: c.opt_number()?,
        model: c.opt_word()?,
        settled_on: c.opt_id()?,
    })
}

fn side(c: &mut Columns<'_>, quote_scale: u8) -> rusqlite::Result<TradeSideRow> {
    Ok(TradeSideRow {
        order: OrderId(c.number()?),
        account: c.id()?,
        participant: c.id()?,
        fee: c.decimal(quote_scale)?,
        correlation: c.thread()?,
    })
}
