//! Decisions, policies, the restricted list.

use serde::{Deserialize, Serialize};
use vocabulary::{AccountId, CorrelationId, Date, InstrumentId, MarketId, OrderId, Timestamp, UserId};

use crate::columns::Columns;
use crate::error::ViewsError;
use crate::query::page::{Conditions, Key, Listing, Page, PageRequest};
use crate::reader::Snapshot;

/// Which decisions. What is none does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecisionFilter {
    /// Of this business day.
    pub day: Option<Date>,
    /// Allowed or denied.
    pub allowed: Option<bool>,
    /// On orders of this user.
    pub user: Option<UserId>,
    /// On orders for this account.
    pub account: Option<AccountId>,
    /// In this market.
    pub market: Option<MarketId>,
    /// By this version of the policy.
    pub policy: Option<u32>,
}

/// Why an order was denied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonRow {
    /// Stable code.
    pub code: String,
    /// Sentence.
    pub message: String,
}

/// A decision on an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DecisionRow {
    /// Names the decision: the order that it is about.
    pub decision: OrderId,
    /// Where it is recorded.
    pub position: u64,
    /// When.
    pub time: Timestamp,
    /// The business day.
    pub day: Date,
    /// The thread of the order.
    pub correlation: CorrelationId,
    /// Who placed the order.
    pub user: UserId,
    /// For which account.
    pub account: AccountId,
    /// In what.
    pub instrument: InstrumentId,
    /// In which market.
    pub market: MarketId,
    /// Version of the policy that judged it; 0 if none was in force.
    pub policy: u32,
    /// Digest of its bundle.
    pub digest: Option<String>,
    /// Whether the order may be placed.
    pub allowed: bool,
    /// Allowed orders of the user in the last hour, and this one.
    pub orders_in_hour: u32,
    /// Why not.
    pub reasons: Vec<ReasonRow>,
}

/// A policy that came into force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyRow {
    /// Counts the activations from 1.
    pub version: u32,
    /// Digest of its bundle.
    pub digest: String,
    /// Where it was activated.
    pub position: u64,
    /// When.
    pub time: Timestamp,
    /// On which business day.
    pub day: Date,
    /// By whom.
    pub actor: UserId,
    /// The thread of the command.
    pub correlation: CorrelationId,
    /// Names of its modules.
    pub modules: Vec<String>,
    /// Bytes of names, texts and data.
    pub size: u64,
}

/// An entry that is or was on the restricted list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RestrictionRow {
    /// Where it was put on.
    pub position: u64,
    /// `instrument`, `instrument_for_account`, `account` or `user`.
    pub kind: String,
    /// What is not traded; empty: everything.
    pub instrument: String,
    /// By which account; empty: by all.
    pub account: String,
    /// By which user; empty: by all.
    pub user: String,
    /// Since when.
    pub time: Timestamp,
    /// Who put it on.
    pub actor: UserId,
    /// Where it was taken off; none: it stands.
    pub lifted_position: Option<u64>,
    /// When.
    pub lifted: Option<Timestamp>,
}

/// How many decisions of a day had what they have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DecisionCountRow {
    /// Version of the policy.
    pub policy: u32,
    /// The market.
    pub market: MarketId,
    /// The user.
    pub user: UserId,
    /// Code of the first reason; empty: allowed.
    pub code: String,
    /// How many.
    pub decisions: u64,
}

const DECISIONS: Listing = Listing {
    name: "decisions",
    columns: "d.order_id, d.position, d.time, d.day, d.correlation, d.user, d.account, d.instrument, d.market, d.policy,
        p.digest, d.allowed, d.orders_in_hour, d.reasons",
    from: "decisions d LEFT JOIN policies p ON p.version = d.policy",
    key: &[Key::Number("d.order_id")],
    newest_first: true,
};

/// The decisions that stand in the rows of their orders: all allowed.
const ALLOWED: Listing = Listing {
    name: DECISIONS.name,
    columns: "d.order_id, d.position, d.time, d.day, d.correlation, d.user, d.account, d.instrument, i.market, d.policy,
        p.digest, 1, d.orders_in_hour, NULL",
    from: "orders d CROSS JOIN instruments i ON i.instrument = d.instrument LEFT JOIN policies p ON p.version = d.policy",
    key: DECISIONS.key,
    newest_first: DECISIONS.newest_first,
};

const POLICIES: Listing = Listing {
    name: "policies",
    columns: "version, digest, position, time, day, actor, correlation, modules, size",
    from: "policies",
    key: &[Key::Number("version")],
    newest_first: true,
};

const RESTRICTIONS: Listing = Listing {
    name: "restrictions",
    columns: "position, kind, instrument, account, user, time, actor, lifted_position, lifted_time",
    from: "restrictions",
    key: &[Key::Number("position")],
    newest_first: true,
};

impl DecisionFilter {
    /// One for the decisions that stand apart, one for those in the rows of their orders.
    pub(crate) fn arms(&self) -> Vec<(&'static Listing, Conditions)> {
        let mut apart = Conditions::default();
        apart.and_text("d.day = ?", self.day);
        apart.and_text("d.user = ?", self.user);
        apart.and_text("d.account = ?", self.account);
        apart.and_text("d.market = ?", self.market);
        apart.and_some("d.policy = ?", self.policy.map(i64::from));
        match self.allowed {
            Some(true) => apart.and("d.allowed = 1"),
            // Word for word as in the index of denials.
            Some(false) => apart.and("d.allowed = 0"),
            None => {}
        }
        let mut arms = vec![(&DECISIONS, apart)];
        if self.allowed != Some(false) {
            let mut with_orders = Conditions::default();
            with_orders.and_ref("d.day_ref", self.day);
            with_orders.and_ref("d.user_ref", self.user);
            with_orders.and_ref("d.account_ref", self.account);
            with_orders.and_text("i.market = ?", self.market);
            with_orders.and_some("d.policy = ?", self.policy.map(i64::from));
            with_orders.and("d.policy IS NOT NULL");
            arms.push((&ALLOWED, with_orders));
        }
        arms
    }
}

impl Snapshot {
    /// Decisions, the latest first.
    ///
    /// # Errors
    /// When the cursor is unknown or the database fails, here as in every list.
    pub fn decisions(
        &self,
        filter: &DecisionFilter,
        page: &PageRequest,
    ) -> Result<Page<DecisionRow>, ViewsError> {
        self.page(&filter.arms(), page, decision)
    }

    /// The decision on an order.
    pub fn decision(&self, order: OrderId) -> Result<Option<DecisionRow>, ViewsError> {
        let mut arms = DecisionFilter::default().arms();
        for (_, conditions) in &mut arms {
            conditions.and_value("d.order_id = ?", crate::columns::stored(order.0));
        }
        let page = self.page(&arms, &PageRequest::default(), decision)?;
        Ok(page.rows.into_iter().next())
    }

    /// Policies that came into force, the latest first.
    pub fn policies(&self, page: &PageRequest) -> Result<Page<PolicyRow>, ViewsError> {
        self.page(&[(&POLICIES, Conditions::default())], page, policy)
    }

    /// The restricted list, the latest entry first; `standing`: without those taken off.
    pub fn restrictions(
        &self,
        standing: bool,
        page: &PageRequest,
    ) -> Result<Page<RestrictionRow>, ViewsError> {
        let mut conditions = Conditions::default();
        if standing {
            conditions.and("lifted_position IS NULL");
        }
        self.page(&[(&RESTRICTIONS, conditions)], page, restriction)
    }

    /// Decisions of a day, counted.
    pub fn decision_counts(&self, day: Date) -> Result<Vec<DecisionCountRow>, ViewsError> {
        let sql = "SELECT policy, market, user, code, decisions FROM decision_counts WHERE day = ?
            ORDER BY policy, market, user, code";
        self.all(sql, [day.to_string()], |c| {
            Ok(DecisionCountRow {
                policy: c.take()?,
                market: c.id()?,
                user: c.id()?,
                code: c.take()?,
                decisions: c.number()?,
            })
        })
    }

    /// The first denials of a day, up to `max`.
    pub(crate) fn denials_of_day(&self, day: Date, max: usize) -> Result<Vec<DecisionRow>, ViewsError> {
        let sql = format!(
            "SELECT {} FROM {} WHERE d.allowed = 0 AND d.day = ?1 ORDER BY d.order_id LIMIT ?2",
            DECISIONS.columns, DECISIONS.from
        );
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        self.all(&sql, rusqlite::params![day.to_string(), max], decision)
    }
}

fn decision(c: &mut Columns<'_>) -> rusqlite::Result<DecisionRow> {
    Ok(DecisionRow {
        decision: OrderId(c.number()?),
        position: c.number()?,
        time: c.time()?,
        day: c.id()?,
        correlation: c.thread()?,
        user: c.id()?,
        account: c.id()?,
        instrument: c.id()?,
        market: c.id()?,
        policy: c.take()?,
        digest: c.take()?,
        allowed: c.take()?,
        orders_in_hour: c.take()?,
        reasons: c.opt_json()?.unwrap_or_default(),
    })
}

fn policy(c: &mut Columns<'_>) -> rusqlite::Result<PolicyRow> {
    Ok(PolicyRow {
        version: c.take()?,
        digest: c.take()?,
        position: c.number()?,
        time: c.time()?,
        day: c.id()?,
        actor: c.id()?,
        correlation: c.thread()?,
        modules: c.opt_json()?.unwrap_or_default(),
        size: c.number()?,
    })
}

fn restriction(c: &mut Columns<'_>) -> rusqlite::Result<RestrictionRow> {
    Ok(RestrictionRow {
        position: c.number()?,
        kind: c.take()?,
        instrument: c.take()?,
        account: c.take()?,
        user: c.take()?,
        time: c.time()?,
        actor: c.id()?,
        lifted_position: c.opt_number()?,
        lifted: c.opt_time()?,
    })
}
