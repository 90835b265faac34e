//! Block trades and the stages that each went through. Both parties' owners see them.

use serde::Serialize;
use vocabulary::{AccountId, CorrelationId, InstrumentId, OrderId, Side, Timestamp, UserId};

use crate::columns::{Columns, Decimal, stored};
use crate::error::ViewsError;
use crate::query::page::{Conditions, Key, Listing, Page, PageRequest};
use crate::query::visibility::Visibility;
use crate::reader::Snapshot;

/// Which block trades. What is none does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockFilter {
    /// With this account on either side.
    pub account: Option<AccountId>,
    /// In this stage: `doing`, `awaiting_consent`, `executing`, `undoing`, `complete`, `undone` or `stuck`.
    pub stage: Option<String>,
}

/// A block trade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BlockRow {
    /// Its id, which is that of the proposer's order too.
    pub block: OrderId,
    /// The proposer's account.
    pub account: AccountId,
    /// Whose consent is needed.
    pub counterparty: AccountId,
    /// What is traded.
    pub instrument: InstrumentId,
    /// The proposer's side.
    pub side: Side,
    /// At what price.
    pub price: Decimal,
    /// How much.
    pub quantity: Decimal,
    /// Who proposed it.
    pub user: UserId,
    /// Until when the counterparty can consent.
    pub deadline: Timestamp,
    /// The thread that it hangs on.
    pub correlation: CorrelationId,
    /// The counterparty's order, once it has consented.
    pub counter_order: Option<OrderId>,
    /// Who consented.
    pub counter_user: Option<UserId>,
    /// Where it is.
    pub stage: String,
    /// In which leg.
    pub leg: Option<String>,
    /// In which step.
    pub step: Option<String>,
    /// Code of why it was turned round.
    pub code: Option<String>,
    /// Sentence of why.
    pub message: Option<String>,
    /// Where it was proposed.
    pub position: u64,
    /// When.
    pub time: Timestamp,
    /// Where it came to its stage.
    pub moved_position: u64,
    /// When.
    pub moved: Timestamp,
}

/// A stage that a block trade came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BlockStageRow {
    /// Where.
    pub position: u64,
    /// When.
    pub time: Timestamp,
    /// Which.
    pub stage: String,
    /// In which leg.
    pub leg: Option<String>,
    /// In which step.
    pub step: Option<String>,
    /// Code of why, if it was turned round here.
    pub code: Option<String>,
    /// Sentence of why.
    pub message: Option<String>,
}

const BLOCKS: Listing = Listing {
    name: "blocks",
    columns: "i.price_scale, i.base_scale, b.block, b.account, b.counterparty, b.instrument, b.side, b.price, b.quantity,
        b.user, b.deadline, b.correlation, b.counter_order, b.counter_user, b.stage, b.leg, b.step, b.code, b.message,
        b.position, b.time, b.moved_position, b.moved_time",
    from: "blocks b CROSS JOIN instruments i ON i.instrument = b.instrument",
    key: &[Key::Number("b.block")],
    newest_first: true,
};

impl Snapshot {
    /// Block trades, the latest first.
    ///
    /// # Errors
    /// When the cursor is unknown or the database fails, here as in every list.
    pub fn blocks(
        &self,
        filter: &BlockFilter,
        visibility: Visibility,
        page: &PageRequest,
    ) -> Result<Page<BlockRow>, ViewsError> {
        let mut conditions = Conditions::default();
        conditions.and_text("b.stage = ?", filter.stage.as_ref());
        let arms: Vec<_> = match self.confined(filter.account, visibility)? {
            None => vec![(&BLOCKS, conditions)],
            Some(accounts) => accounts
                .into_iter()
                .map(|account| {
                    let mut conditions = conditions.clone();
                    conditions.and_text("? IN (b.account, b.counterparty)", Some(account));
                    (&BLOCKS, conditions)
                })
                .collect(),
        };
        self.page(&arms, page, block)
    }

    /// A block trade with all its stages in sequence, if it is seen.
    pub fn block(
        &self,
        id: OrderId,
        visibility: Visibility,
    ) -> Result<Option<(BlockRow, Vec<BlockStageRow>)>, ViewsError> {
        let mut conditions = Conditions::default();
        conditions.and_value("b.block = ?", stored(id.0));
        let page = self.page(&[(&BLOCKS, conditions)], &PageRequest::default(), block)?;
        let Some(row) = page.rows.into_iter().next() else { return Ok(None) };
        if !self.sees(row.account, visibility)? && !self.sees(row.counterparty, visibility)? {
            return Ok(None);
        }
        let sql = "SELECT position, time, stage, leg, step, code, message FROM block_stages WHERE block = ?
            ORDER BY position, number";
        let stages = self.all(sql, [stored(id.0)], |c| {
            Ok(BlockStageRow {
                position: c.number()?,
                time: c.time()?,
                stage: c.take()?,
                leg: c.take()?,
                step: c.take()?,
                code: c.take()?,
                message: c.take()?,
            })
        })?;
        Ok(Some((row, stages)))
    }
}

fn block(c: &mut Columns<'_>) -> rusqlite::Result<BlockRow> {
    let (price_scale, base_scale) = (c.take()?, c.take()?);
    Ok(BlockRow {
        block: OrderId(c.number()?),
        account: c.id()?,
        counterparty: c.id()?,
        instrument: c.id()?,
        side: c.word()?,
        price: c.decimal(price_scale)?,
        quantity: c.decimal(base_scale)?,
        user: c.id()?,
        deadline: c.time()?,
        correlation: c.thread()?,
        counter_order: c.opt_number()?.map(OrderId),
        counter_user: c.opt_id()?,
        stage: c.take()?,
        leg: c.take()?,
        step: c.take()?,
        code: c.take()?,
        message: c.take()?,
        position: c.number()?,
        time: c.time()?,
        moved_position: c.number()?,
        moved: c.time()?,
    })
}
