//! The compliance report of a day (SRV-4): decisions by result, reason, user, market and policy; every denial with its
//! order; the policies in force; the restricted list. Dry runs decide nothing, and are not in it.

use serde::Serialize;
use std::collections::BTreeMap;
use vocabulary::Date;

use crate::error::ViewsError;
use crate::query::compliance::{DecisionCountRow, DecisionRow, PolicyRow, RestrictionRow};
use crate::query::page::{PAGE_ROWS_MAX, PageRequest};
use crate::reader::Snapshot;
use crate::report::ReportHead;
use crate::report::html::{Cell, Page};
use crate::report::sheet::{Sheet, free_text, optional};

/// Decisions that have something in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DecisionSum {
    /// What: a code, a user, a market or a version.
    pub what: String,
    /// How many orders may be placed.
    pub allowed: u64,
    /// How many may not.
    pub denied: u64,
}

/// The report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ComplianceReport {
    /// What it is about and stands on.
    #[serde(flatten)]
    pub head: ReportHead,
    /// How many orders were allowed.
    pub allowed: u64,
    /// How many were denied.
    pub denied: u64,
    /// Denials by the code of their first reason.
    pub by_code: Vec<DecisionSum>,
    /// Decisions by version of the policy.
    pub by_policy: Vec<DecisionSum>,
    /// Decisions by market.
    pub by_market: Vec<DecisionSum>,
    /// Decisions by user, those with most denials first, up to the number asked for.
    pub by_user: Vec<DecisionSum>,
    /// How many users placed orders.
    pub users_total: u64,
    /// Every denial, up to the number asked for.
    pub denials: Vec<DecisionRow>,
    /// The policies that decided on the day, or came into force on it.
    pub policies: Vec<PolicyRow>,
    /// The restricted list as it stands.
    pub restrictions: Vec<RestrictionRow>,
}

impl Snapshot {
    /// The compliance report of a day, with up to `rows_max` denials and users.
    ///
    /// # Errors
    /// When the database fails.
    pub fn compliance_report(
        &self,
        date: Date,
        journal_hash: &str,
        rows_max: usize,
    ) -> Result<ComplianceReport, ViewsError> {
        let counts = self.decision_counts(date)?;
        let sum = |allowed: bool| {
            let same = counts.iter().filter(|row| row.code.is_empty() == allowed);
            same.map(|row| row.decisions).sum()
        };
        let mut by_user = sums(&counts, |row| Some(row.user.to_string()));
        by_user.sort_by(|a, b| (b.denied, b.allowed, &a.what).cmp(&(a.denied, a.allowed, &b.what)));
        let users_total = by_user.len() as u64;
        by_user.truncate(rows_max);
        let everything = PageRequest::new(Some(PAGE_ROWS_MAX), None)?;
        let mut policies = self.policies(&everything)?.rows;
        policies.retain(|policy| policy.day == date || counts.iter().any(|row| row.policy == policy.version));
        Ok(ComplianceReport {
            head: ReportHead::of(self, date, journal_hash),
            allowed: sum(true),
            denied: sum(false),
            by_code: sums(&counts, |row| (!row.code.is_empty()).then(|| row.code.clone())),
            by_policy: sums(&counts, |row| Some(row.policy.to_string())),
            by_market: sums(&counts, |row| Some(row.market.to_string())),
            by_user,
            users_total,
            denials: self.denials_of_day(date, rows_max)?,
            policies,
            restrictions: self.restrictions(true, &everything)?.rows,
        })
    }
}

fn sums(counts: &[DecisionCountRow], by: impl Fn(&DecisionCountRow) -> Option<String>) -> Vec<DecisionSum> {
    let mut sums: BTreeMap<String, DecisionSum> = BTreeMap::new();
    for row in counts {
        let Some(what) = by(row) else { continue };
        let sum = sums.entry(what.clone()).or_insert(DecisionSum { what, ..DecisionSum::default() });
        if row.code.is_empty() { sum.allowed += row.decisions } else { sum.denied += row.decisions }
    }
    sums.into_values().collect()
}

const COLUMNS: &[&str] = &[
    "record",
    "what",
    "allowed",
    "denied",
    "decision",
    "order",
    "correlation",
    "time",
    "user",
    "account",
    "instrument",
    "market",
    "policy",
    "digest",
    "code",
    "message",
];

impl ComplianceReport {
    /// As CSV: lines of `result`, `code`, `policy`, `market`, `user`, `denial`, `activation` and `restriction`.
    ///
    /// # Errors
    /// [`ViewsError::Unwritable`] when a line cannot be written.
    pub fn to_csv(&self) -> Result<String, ViewsError> {
        let mut sheet = Sheet::new(COLUMNS)?;
        sheet
            .line("result", &[("allowed", self.allowed.to_string()), ("denied", self.denied.to_string())])?;
        let groups = [
            ("code", &self.by_code),
            ("policy", &self.by_policy),
            ("market", &self.by_market),
            ("user", &self.by_user),
        ];
        for (kind, sums) in groups {
            for sum in sums {
                let counts = [("allowed", sum.allowed.to_string()), ("denied", sum.denied.to_string())];
                let [allowed, denied] = counts;
                sheet.line(kind, &[("what", free_text(&sum.what)), allowed, denied])?;
            }
        }
        for denial in &self.denials {
            let first = denial.reasons.first();
            let messages: Vec<_> = denial.reasons.iter().map(|reason| reason.message.as_str()).collect();
            sheet.line(
                "denial",
                &[
                    ("decision", denial.decision.to_string()),
                    ("order", denial.decision.to_string()),
                    ("correlation", denial.correlation.to_string()),
                    ("time", denial.time.to_string()),
                    ("user", denial.user.to_string()),
                    ("account", denial.account.to_string()),
                    ("instrument", denial.instrument.to_string()),
                    ("market", denial.market.to_string()),
                    ("policy", denial.policy.to_string()),
                    ("digest", optional(denial.digest.as_ref())),
                    ("code", first.map(|reason| free_text(&reason.code)).unwrap_or_default()),
                    ("message", free_text(&messages.join("; "))),
                ],
            )?;
        }
        for policy in &self.policies {
            sheet.line(
                "activation",
                &[
                    ("policy", policy.version.to_string()),
                    ("digest", policy.digest.clone()),
                    ("time", policy.time.to_string()),
                    ("user", policy.actor.to_string()),
                    ("correlation", policy.correlation.to_string()),
                ],
            )?;
        }
        for entry in &self.restrictions {
            sheet.line(
                "restriction",
                &[
                    ("what", entry.kind.clone()),
                    ("instrument", entry.instrument.clone()),
                    ("account", entry.account.clone()),
                    ("user", entry.user.clone()),
                    ("time", entry.time.to_string()),
                ],
            )?;
        }
        sheet.finish()
    }

    /// As a page fit to print.
    #[must_use]
    pub fn to_html(&self) -> String {
        let mut page = Page::new("Compliance report", &self.head);
        let all = self.allowed + self.denied;
        page.paragraph(&format!("{all} decisions: {} allowed, {} denied.", self.allowed, self.denied));
        page.section("Denials by reason");
        let row = |sum: &DecisionSum| vec![Cell::text(&sum.what), Cell::count(sum.denied)];
        let rows: Vec<_> = self.by_code.iter().map(row).collect();
        page.table(&["Code", "Denied"], &rows, &[vec![Cell::text("Sum"), Cell::count(self.denied)]]);
        for (title, first, sums) in [
            ("Decisions by policy", "Version", &self.by_policy),
            ("Decisions by market", "Market", &self.by_market),
            ("Decisions by user", "User", &self.by_user),
        ] {
            page.section(title);
            write_sums(&mut page, first, sums);
        }
        page.cut_off(self.by_user.len(), self.users_total, "users");
        page.section("Denied orders");
        self.write_denials(&mut page);
        page.cut_off(self.denials.len(), self.denied, "denials");
        page.section("Policies");
        self.write_policies(&mut page);
        page.section("Restricted list");
        self.write_restrictions(&mut page);
        page.finish()
    }

    fn write_denials(&self, page: &mut Page) {
        let row = |denial: &DecisionRow| {
            let reasons: Vec<_> =
                denial.reasons.iter().map(|reason| format!("{} ({})", reason.message, reason.code)).collect();
            vec![
                Cell::Ids(vec![
                    format!("order {}", denial.decision),
                    denial.correlation.to_string(),
                    denial.time.to_string(),
                ]),
                Cell::text(denial.user),
                Cell::text(denial.account),
                Cell::text(denial.instrument),
                Cell::number(denial.policy),
                Cell::text(reasons.join("; ")),
            ]
        };
        let rows: Vec<_> = self.denials.iter().map(row).collect();
        page.table(&["Decision", "User", "Account", "Instrument", "Policy", "Reasons"], &rows, &[]);
    }

    fn write_policies(&self, page: &mut Page) {
        let row = |policy: &PolicyRow| {
            vec![
                Cell::number(policy.version),
                Cell::Ids(vec![policy.digest.clone()]),
                Cell::text(policy.time),
                Cell::text(policy.actor),
                Cell::text(policy.modules.join(", ")),
            ]
        };
        let rows: Vec<_> = self.policies.iter().map(row).collect();
        page.table(&["Version", "Bundle digest", "In force since", "By", "Modules"], &rows, &[]);
    }

    fn write_restrictions(&self, page: &mut Page) {
        let row = |entry: &RestrictionRow| {
            let anything = |text: &str| if text.is_empty() { "any".to_owned() } else { text.to_owned() };
            vec![
                Cell::text(anything(&entry.instrument)),
                Cell::text(anything(&entry.account)),
                Cell::text(anything(&entry.user)),
                Cell::text(entry.time),
                Cell::text(entry.actor),
            ]
        };
        let rows: Vec<_> = self.restrictions.iter().map(row).collect();
        page.table(&["Instrument", "Account", "User", "Since", "By"], &rows, &[]);
    }
}

fn write_sums(page: &mut Page, first: &str, sums: &[DecisionSum]) {
    let row = |what: &str, allowed: u64, denied: u64| {
        vec![Cell::text(what), Cell::count(allowed), Cell::count(denied), Cell::count(allowed + denied)]
    };
    let rows: Vec<_> = sums.iter().map(|sum| row(&sum.what, sum.allowed, sum.denied)).collect();
    let (allowed, denied) =
        sums.iter().fold((0, 0), |(allowed, denied), sum| (allowed + sum.allowed, denied + sum.denied));
    page.table(&[first, "Allowed", "Denied", "All"], &rows, &[row("Sum", allowed, denied)]);
}
