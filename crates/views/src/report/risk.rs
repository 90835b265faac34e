//! The risk report (SRV-3): exposure and utilisation by account and participant, kill switches, alerts of the day.
//!
//! Exposures change with every order, so they come from the live state; the report says as of which position.

use risk::{ExposureLine, Measure};
use serde::Serialize;
use std::collections::BTreeMap;
use vocabulary::Date;

use crate::columns::Decimal;
use crate::error::ViewsError;
use crate::query::page::{PAGE_ROWS_MAX, PageRequest};
use crate::query::risk::{AlertRow, KillSwitchRow};
use crate::reader::Snapshot;
use crate::report::ReportHead;
use crate::report::html::{Cell, Page};
use crate::report::sheet::{Sheet, free_text, optional};
use crate::words;

/// How much of a measure an account or participant uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExposureRow {
    /// `account` or `participant`.
    pub scope: String,
    /// Which.
    pub scope_id: String,
    /// `position`, `gross_exposure` or `order_rate`.
    pub measure: String,
    /// The instrument or currency; empty for the order rate.
    pub measure_id: String,
    /// How much is used.
    pub used: Decimal,
    /// The limit, if there is one.
    pub limit: Option<Decimal>,
    /// Share of the limit in hundredths of a percent.
    pub utilisation_bp: Option<u32>,
}

/// The report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RiskReport {
    /// What it is about and stands on.
    #[serde(flatten)]
    pub head: ReportHead,
    /// The position of the live state that the exposures are from.
    pub exposures_position: u64,
    /// Exposures by scope and measure.
    pub exposures: Vec<ExposureRow>,
    /// Kill switches that are engaged.
    pub kill_switches: Vec<KillSwitchRow>,
    /// Alerts of the day, up to the number asked for.
    pub alerts: Vec<AlertRow>,
    /// How many alerts there were.
    pub alerts_total: u64,
}

impl Snapshot {
    /// The risk report of a day. `exposures` are the lines of [`risk::Risk::exposures`], read from the live state at
    /// `exposures_position`. Up to `rows_max` alerts are listed.
    ///
    /// # Errors
    /// When the database fails.
    pub fn risk_report(
        &self,
        date: Date,
        journal_hash: &str,
        (exposures_position, exposures): (u64, &[ExposureLine]),
        rows_max: usize,
    ) -> Result<RiskReport, ViewsError> {
        let mut scales = BTreeMap::new();
        let mut rows = Vec::with_capacity(exposures.len());
        for line in exposures {
            let scale = match scales.get(&line.measure) {
                Some(scale) => *scale,
                None => *scales.entry(line.measure).or_insert(self.scale_of(line.measure)?),
            };
            rows.push(exposure(line, scale));
        }
        let (alerts, alerts_total) = self.alerts_of_day(date, rows_max)?;
        let engaged = self.kill_switches(true, &PageRequest::new(Some(PAGE_ROWS_MAX), None)?)?;
        Ok(RiskReport {
            head: ReportHead::of(self, date, journal_hash),
            exposures_position,
            exposures: rows,
            kill_switches: engaged.rows,
            alerts,
            alerts_total,
        })
    }

    /// Decimals of a measure's values.
    fn scale_of(&self, measure: Measure) -> Result<u8, ViewsError> {
        let (sql, id) = match measure {
            Measure::OrderNotional(asset) | Measure::GrossExposure(asset) => {
                ("SELECT scale FROM assets WHERE asset = ?", asset.to_string())
            }
            Measure::OrderQuantity(instrument) | Measure::Position(instrument) => {
                ("SELECT base_scale FROM instruments WHERE instrument = ?", instrument.to_string())
            }
            Measure::OrderRate => return Ok(0),
        };
        Ok(self.all(sql, [id], |c| c.take())?.first().copied().unwrap_or_default())
    }
}

fn exposure(line: &ExposureLine, scale: u8) -> ExposureRow {
    let (scope, scope_id) = words::scope(&line.scope);
    let (measure, measure_id) = words::measure(&line.measure);
    ExposureRow {
        scope: scope.to_owned(),
        scope_id: scope_id.to_owned(),
        measure: measure.to_owned(),
        measure_id: measure_id.to_owned(),
        used: Decimal::new(line.used.0, scale),
        limit: line.limit.map(|limit| Decimal::new(limit.0, scale)),
        utilisation_bp: line.utilisation_bp,
    }
}

const COLUMNS: &[&str] = &[
    "record",
    "scope",
    "scope_id",
    "measure",
    "measure_id",
    "used",
    "limit",
    "utilisation_percent",
    "threshold_percent",
    "time",
    "order",
    "correlation",
    "reason",
];

impl RiskReport {
    /// As CSV: lines of `exposure`, `kill_switch` and `alert`.
    ///
    /// # Errors
    /// [`ViewsError::Unwritable`] when a line cannot be written.
    pub fn to_csv(&self) -> Result<String, ViewsError> {
        let mut sheet = Sheet::new(COLUMNS)?;
        for row in &self.exposures {
            let share = row.utilisation_bp.map(|bp| Decimal::new(i128::from(bp), 2));
            sheet.line(
                "exposure",
                &[
                    ("scope", row.scope.clone()),
                    ("scope_id", row.scope_id.clone()),
                    ("measure", row.measure.clone()),
                    ("measure_id", row.measure_id.clone()),
                    ("used", row.used.to_string()),
                    ("limit", optional(row.limit.as_ref())),
                    ("utilisation_percent", optional(share.as_ref())),
                ],
            )?;
        }
        for switch in &self.kill_switches {
            sheet.line(
                "kill_switch",
                &[
                    ("scope", switch.scope.clone()),
                    ("scope_id", switch.scope_id.clone()),
                    ("time", switch.time.to_string()),
                    ("reason", free_text(&switch.reason)),
                ],
            )?;
        }
        for alert in &self.alerts {
            sheet.line(
                "alert",
                &[
                    ("scope", alert.scope.clone()),
                    ("scope_id", alert.scope_id.clone()),
                    ("measure", alert.measure.clone()),
                    ("measure_id", alert.measure_id.clone()),
                    ("used", alert.used.to_string()),
                    ("limit", alert.limit.to_string()),
                    ("threshold_percent", alert.percent.to_string()),
                    ("time", alert.time.to_string()),
                    ("order", optional(alert.order.as_ref())),
                    ("correlation", alert.correlation.to_string()),
                ],
            )?;
        }
        sheet.finish()
    }

    /// As a page fit to print.
    #[must_use]
    pub fn to_html(&self) -> String {
        let mut page = Page::new("Risk report", &self.head);
        let engaged = self.kill_switches.len();
        let verdict = match engaged {
            0 => "No kill switch is engaged.".to_owned(),
            1 => "1 kill switch is engaged.".to_owned(),
            _ => format!("{engaged} kill switches are engaged."),
        };
        page.verdict(engaged == 0, &verdict);
        if engaged > 0 {
            self.write_switches(&mut page);
        }
        for (scope, title) in
            [("participant", "Exposure of participants"), ("account", "Exposure of accounts")]
        {
            page.section(title);
            self.write_exposures(scope, &mut page);
        }
        page.paragraph(&format!("Exposures are those at position {}.", self.exposures_position));
        page.section("Alerts of the day");
        self.write_alerts(&mut page);
        page.cut_off(self.alerts.len(), self.alerts_total, "alerts");
        page.finish()
    }

    fn write_switches(&self, page: &mut Page) {
        let row = |switch: &KillSwitchRow| {
            vec![
                Cell::text(format!("{} {}", switch.scope, switch.scope_id)),
                Cell::text(&switch.reason),
                Cell::text(switch.time),
                Cell::text(switch.actor),
            ]
        };
        let rows: Vec<_> = self.kill_switches.iter().map(row).collect();
        page.table(&["Stops", "Reason", "Since", "By"], &rows, &[]);
    }

    fn write_exposures(&self, scope: &str, page: &mut Page) {
        let row = |row: &ExposureRow| {
            vec![
                Cell::text(&row.scope_id),
                Cell::text(measure_words(&row.measure, &row.measure_id)),
                Cell::decimal(row.used),
                Cell::number(row.limit.map(Decimal::grouped).unwrap_or_default()),
                Cell::Share(row.utilisation_bp),
            ]
        };
        let rows: Vec<_> = self.exposures.iter().filter(|row| row.scope == scope).map(row).collect();
        page.table(&["Who", "Measure", "Used", "Limit", "Utilisation"], &rows, &[]);
    }

    fn write_alerts(&self, page: &mut Page) {
        let row = |alert: &AlertRow| {
            vec![
                Cell::text(alert.time),
                Cell::text(format!("{} {}", alert.scope, alert.scope_id)),
                Cell::text(measure_words(&alert.measure, &alert.measure_id)),
                Cell::number(format!("{} %", alert.percent)),
                Cell::decimal(alert.used),
                Cell::decimal(alert.limit),
                Cell::Ids(vec![
                    alert.order.map(|order| format!("order {order}")).unwrap_or_default(),
                    alert.correlation.to_string(),
                ]),
            ]
        };
        let rows: Vec<_> = self.alerts.iter().map(row).collect();
        let columns = ["Time", "Who", "Measure", "Reached", "Used", "Limit", "Order"];
        page.table(&columns, &rows, &[]);
    }
}

fn measure_words(measure: &str, id: &str) -> String {
    format!("{} {id}", measure.replace('_', " ")).trim_end().to_owned()
}
