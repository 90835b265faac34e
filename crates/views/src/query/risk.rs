//! Limits, kill switches, alerts, alarms.

use serde::Serialize;
use vocabulary::{CorrelationId, Date, OrderId, Timestamp, UserId};

use crate::columns::{Columns, Decimal};
use crate::error::ViewsError;
use crate::query::page::{Conditions, Key, Listing, Page, PageRequest};
use crate::reader::Snapshot;

/// A limit in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LimitRow {
    /// `account` or `participant`.
    pub scope: String,
    /// Which.
    pub scope_id: String,
    /// `order_notional`, `order_quantity`, `position`, `gross_exposure` or `order_rate`.
    pub measure: String,
    /// The asset or instrument of the measure; empty for the order rate.
    pub measure_id: String,
    /// The highest allowed.
    pub limit: Decimal,
    /// Where it was set.
    pub position: u64,
    /// When.
    pub time: Timestamp,
    /// By whom.
    pub actor: UserId,
}

/// A kill switch that is or was engaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KillSwitchRow {
    /// Where it was engaged.
    pub position: u64,
    /// `all`, `participant`, `account` or `instrument`.
    pub scope: String,
    /// Which; empty for all.
    pub scope_id: String,
    /// Why.
    pub reason: String,
    /// When.
    pub time: Timestamp,
    /// By whom.
    pub actor: UserId,
    /// Where it was lifted; none: it is engaged.
    pub lifted_position: Option<u64>,
    /// When.
    pub lifted: Option<Timestamp>,
    /// By whom.
    pub lifted_by: Option<UserId>,
}

/// Which alerts. What is none does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Of this business day.
    pub day: Option<Date>,
    /// Of this account or participant.
    pub scope: Option<risk::Scope>,
    /// Of this share of the limit or above, in percent.
    pub percent_min: Option<u8>,
}

/// A share of a limit that was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AlertRow {
    /// Where it was raised.
    pub position: u64,
    /// When.
    pub time: Timestamp,
    /// The business day.
    pub day: Date,
    /// `account` or `participant`.
    pub scope: String,
    /// Which.
    pub scope_id: String,
    /// What is measured, as in [`LimitRow::measure`].
    pub measure: String,
    /// Of what.
    pub measure_id: String,
    /// The share that was reached, in percent.
    pub percent: u8,
    /// What was used with the order.
    pub used: Decimal,
    /// The limit.
    pub limit: Decimal,
    /// The order that brought it there.
    pub order: Option<OrderId>,
    /// Its thread.
    pub correlation: CorrelationId,
}

/// Somebody broke the protocol of the order flow, or does not answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AlarmRow {
    /// Where it was noticed.
    pub position: u64,
    /// When.
    pub time: Timestamp,
    /// Which context refused what it must not refuse, or does not answer.
    pub context: String,
    /// About which order.
    pub order: Option<OrderId>,
    /// The code of what it said.
    pub code: String,
    /// What it said.
    pub message: String,
}

/// Decimals of a measure's values: of the asset, of the instrument's base, or none.
macro_rules! scale_of_measure {
    ($table:literal) => {
        concat!(
            "coalesce(CASE ",
            $table,
            ".measure
                WHEN 'order_notional' THEN (SELECT scale FROM assets WHERE asset = ",
            $table,
            ".measure_id)
                WHEN 'gross_exposure' THEN (SELECT scale FROM assets WHERE asset = ",
            $table,
            ".measure_id)
                WHEN 'order_rate' THEN 0
                ELSE (SELECT base_scale FROM instruments WHERE instrument = ",
            $table,
            ".measure_id) END, 0)"
        )
    };
}

const LIMITS: Listing = Listing {
    name: "limits",
    columns: concat!(
        scale_of_measure!("l"),
        ", l.scope, l.scope_id, l.measure, l.measure_id, l.maximum, l.position, l.time, l.actor"
    ),
    from: "limits l",
    key: &[Key::Text("l.scope"), Key::Text("l.scope_id"), Key::Text("l.measure"), Key::Text("l.measure_id")],
    newest_first: false,
};

const KILL_SWITCHES: Listing = Listing {
    name: "kill-switches",
    columns: "position, scope, scope_id, reason, time, actor, lifted_position, lifted_time, lifted_by",
    from: "kill_switches",
    key: &[Key::Number("position")],
    newest_first: true,
};

const ALERTS: Listing = Listing {
    name: "alerts",
    columns: concat!(
        scale_of_measure!("e"),
        ", e.position, e.time, e.day, e.scope, e.scope_id, e.measure, e.measure_id, e.percent, e.used, e.maximum,
        e.order_id, e.correlation"
    ),
    from: "alerts e",
    key: &[Key::Number("e.position"), Key::Number("e.number")],
    newest_first: true,
};

const ALARMS: Listing = Listing {
    name: "alarms",
    columns: "position, time, context, order_id, code, message",
    from: "alarms",
    key: &[Key::Number("position"), Key::Number("number")],
    newest_first: true,
};

impl Snapshot {
    /// Limits in force, by scope and measure; of one scope, if given.
    ///
    /// # Errors
    /// When the cursor is unknown or the database fails, here as in every list.
    pub fn limits(
        &self,
        scope: Option<risk::Scope>,
        page: &PageRequest,
    ) -> Result<Page<LimitRow>, ViewsError> {
        let mut conditions = Conditions::default();
        of_scope(&mut conditions, "l.scope = ?", "l.scope_id = ?", scope.as_ref());
        self.page(&[(&LIMITS, conditions)], page, |c| {
            let scale = c.take()?;
            Ok(LimitRow {
                scope: c.take()?,
                scope_id: c.take()?,
                measure: c.take()?,
                measure_id: c.take()?,
                limit: c.decimal(scale)?,
                position: c.number()?,
                time: c.time()?,
                actor: c.id()?,
            })
        })
    }

    /// Kill switches, the latest first; `engaged`: only those that are.
    pub fn kill_switches(
        &self,
        engaged: bool,
        page: &PageRequest,
    ) -> Result<Page<KillSwitchRow>, ViewsError> {
        let mut conditions = Conditions::default();
        if engaged {
            conditions.and("lifted_position IS NULL");
        }
        self.page(&[(&KILL_SWITCHES, conditions)], page, |c| {
            Ok(KillSwitchRow {
                position: c.number()?,
                scope: c.take()?,
                scope_id: c.take()?,
                reason: c.take()?,
                time: c.time()?,
                actor: c.id()?,
                lifted_position: c.opt_number()?,
                lifted: c.opt_time()?,
                lifted_by: c.opt_id()?,
            })
        })
    }

    /// Alerts, the latest first.
    pub fn alerts(&self, filter: &AlertFilter, page: &PageRequest) -> Result<Page<AlertRow>, ViewsError> {
        let mut conditions = Conditions::default();
        conditions.and_text("e.day = ?", filter.day);
        of_scope(&mut conditions, "e.scope = ?", "e.scope_id = ?", filter.scope.as_ref());
        conditions.and_some("e.percent >= ?", filter.percent_min.map(i64::from));
        self.page(&[(&ALERTS, conditions)], page, alert)
    }

    /// The first alerts of a day, up to `max`, and how many there are.
    pub(crate) fn alerts_of_day(&self, day: Date, max: usize) -> Result<(Vec<AlertRow>, u64), ViewsError> {
        let sql = format!(
            "SELECT {} FROM {} WHERE e.day = ?1 ORDER BY e.position, e.number LIMIT ?2",
            ALERTS.columns, ALERTS.from
        );
        let (day, max) = (day.to_string(), i64::try_from(max).unwrap_or(i64::MAX));
        let rows = self.all(&sql, rusqlite::params![day, max], alert)?;
        let all = self.all("SELECT count(*) FROM alerts WHERE day = ?", [day], |c| c.number())?;
        Ok((rows, all.first().copied().unwrap_or_default()))
    }

    /// Alarms, the latest first.
    pub fn alarms(&self, page: &PageRequest) -> Result<Page<AlarmRow>, ViewsError> {
        self.page(&[(&ALARMS, Conditions::default())], page, |c| {
            Ok(AlarmRow {
                position: c.number()?,
                time: c.time()?,
                context: c.take()?,
                order: c.opt_number()?.map(OrderId),
                code: c.take()?,
                message: c.take()?,
            })
        })
    }
}

fn of_scope(conditions: &mut Conditions, kind: &str, id: &str, scope: Option<&risk::Scope>) {
    if let Some(scope) = scope {
        let words = crate::words::scope(scope);
        conditions.and_value(kind, words.0.to_owned());
        conditions.and_value(id, words.1.to_owned());
    }
}

fn alert(c: &mut Columns<'_>) -> rusqlite::Result<AlertRow> {
    let scale = c.take()?;
    Ok(AlertRow {
        position: c.number()?,
        time: c.time()?,
        day: c.id()?,
        scope: c.take()?,
        scope_id: c.take()?,
        measure: c.take()?,
        measure_id: c.take()?,
        percent: c.take()?,
        used: c.decimal(scale)?,
        limit: c.decimal(scale)?,
        order: c.opt_number()?.map(OrderId),
        correlation: c.thread()?,
    })
}
