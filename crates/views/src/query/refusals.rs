//! Refused commands and rejected orders, one by one and counted.

use serde::Serialize;
use vocabulary::{AccountId, CorrelationId, Date, OrderId, Timestamp, UserId};

use crate::error::ViewsError;
use crate::query::page::{Conditions, Key, Listing, Page, PageRequest};
use crate::reader::Snapshot;

/// Which refusals. What is none does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusalFilter {
    /// Of this business day.
    pub day: Option<Date>,
    /// With this code.
    pub code: Option<String>,
    /// Of commands by this user.
    pub actor: Option<UserId>,
    /// Of commands for this account.
    pub account: Option<AccountId>,
}

/// A command that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusalRow {
    /// Where it is recorded.
    pub position: u64,
    /// When.
    pub time: Timestamp,
    /// The business day.
    pub day: Date,
    /// Stable code.
    pub code: String,
    /// Sentence.
    pub message: String,
    /// Who asked.
    pub actor: UserId,
    /// The thread of the command.
    pub correlation: CorrelationId,
    /// The account that it named.
    pub account: Option<AccountId>,
    /// The order that it named.
    pub order: Option<OrderId>,
}

/// How often a code was the reason on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusalCountRow {
    /// The business day.
    pub day: Date,
    /// `command`: refused, without effect; `order`: rejected after it had come into being.
    pub what: String,
    /// Stable code.
    pub code: String,
    /// How often.
    pub number: u64,
}

const REFUSALS: Listing = Listing {
    name: "refusals",
    columns: "position, time, day, code, message, actor, correlation, account, order_id",
    from: "refusals",
    key: &[Key::Number("position")],
    newest_first: true,
};

const COUNTS: Listing = Listing {
    name: "refusal-counts",
    columns: "day, what, code, number",
    from: "refusal_counts",
    key: &[Key::Text("day"), Key::Text("what"), Key::Text("code")],
    newest_first: true,
};

impl Snapshot {
    /// Refused commands, the latest first.
    ///
    /// # Errors
    /// When the cursor is unknown or the database fails, here as in every list.
    pub fn refusals(
        &self,
        filter: &RefusalFilter,
        page: &PageRequest,
    ) -> Result<Page<RefusalRow>, ViewsError> {
        let mut conditions = Conditions::default();
        conditions.and_text("day = ?", filter.day);
        conditions.and_text("code = ?", filter.code.as_ref());
        conditions.and_text("actor = ?", filter.actor);
        conditions.and_text("account = ?", filter.account);
        self.page(&[(&REFUSALS, conditions)], page, |c| {
            Ok(RefusalRow {
                position: c.number()?,
                time: c.time()?,
                day: c.id()?,
                code: c.take()?,
                message: c.take()?,
                actor: c.id()?,
                correlation: c.thread()?,
                account: c.opt_id()?,
                order: c.opt_number()?.map(OrderId),
            })
        })
    }

    /// Refusals and rejections by day and code, the latest day first; of one day, if given.
    pub fn refusal_counts(
        &self,
        day: Option<Date>,
        page: &PageRequest,
    ) -> Result<Page<RefusalCountRow>, ViewsError> {
        let mut conditions = Conditions::default();
        conditions.and_text("day = ?", day);
        self.page(&[(&COUNTS, conditions)], page, |c| {
            Ok(RefusalCountRow { day: c.id()?, what: c.take()?, code: c.take()?, number: c.number()? })
        })
    }
}
