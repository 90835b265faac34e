//! Whether views and audit log hold all that was recorded, once: against the auditor's own count, the leader's state, and
//! the log's own proof.

use super::ReadSide;
use crate::auditor::{Copies, Entry, Violation};
use crate::world::disk::Disk;
use engine::{Context, Engine};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::fs;
use views::{
    AlertFilter, BlockFilter, DecisionFilter, ObligationFilter, OrderFilter, Page, PageRequest,
    RefusalFilter, Snapshot, StatusFilter, TradeFilter, ViewsError, Visibility,
};

type Checked = Result<(), Violation>;

const VIEWS: &str = "views are complete";
const AUDIT: &str = "audit log is complete";

fn violated(invariant: &'static str, what: impl Display) -> Violation {
    Violation { invariant, told: what.to_string() }
}

/// Equal, or the first difference.
fn same<T: PartialEq + Debug>(invariant: &'static str, what: &str, shown: &[T], expected: &[T]) -> Checked {
    if shown == expected {
        return Ok(());
    }
    let at = shown.iter().zip(expected).take_while(|(shown, expected)| shown == expected).count();
    let (shown_at, expected_at) = (shown.get(at), expected.get(at));
    let lengths = format!("{} instead of {}", shown.len(), expected.len());
    Err(violated(
        invariant,
        format!("{what}: {lengths}, the first that differs {shown_at:?}, not {expected_at:?}"),
    ))
}

fn all<T>(list: impl Fn(&PageRequest) -> Result<Page<T>, ViewsError>) -> Result<Vec<T>, ViewsError> {
    let (mut rows, mut cursor) = (Vec::new(), None);
    loop {
        let page = list(&PageRequest::new(Some(views::PAGE_ROWS_MAX), cursor)?)?;
        rows.extend(page.rows);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(rows);
        }
    }
}

/// Rows in an order that does not depend on who listed them.
fn sorted<T: Ord>(rows: impl Iterator<Item = T>) -> Vec<T> {
    let mut rows: Vec<_> = rows.collect();
    rows.sort_unstable();
    rows
}

impl ReadSide {
    /// Everything is under way no more, and the followers have taken what there is.
    pub(in crate::world) fn is_complete(&self, engine: &Engine, journal: &Disk) -> Checked {
        self.views_are_complete(engine, journal)?;
        self.audit_is_complete(journal)
    }

    fn views_are_complete(&self, engine: &Engine, journal: &Disk) -> Checked {
        let failed = |error: ViewsError| violated(VIEWS, error);
        let reader = {
            let mut open = self.views.open();
            super::Reading::follower(&mut open).reader(1).map_err(failed)?
        };
        let snapshot = reader.snapshot().map_err(failed)?;
        let end = journal.end();
        if snapshot.position() + 1 != end {
            let at = snapshot.position() + 1;
            return Err(violated(VIEWS, format!("they are at {at}, and the journal at {end}")));
        }
        let views = Views { snapshot: &snapshot, copies: &self.copies, engine };
        views.of_trading().map_err(failed)??;
        views.of_records().map_err(failed)??;
        views.of_compliance_and_risk().map_err(failed)??;
        if engine.setup().hosts.has(Context::Trading) {
            views.of_settlement().map_err(failed)??;
        }
        Ok(())
    }

    fn audit_is_complete(&self, journal: &Disk) -> Checked {
        let failed = |error: audit::VerifyError| violated(AUDIT, error);
        let alone = audit::verify(self.home.path(), self.shard, |_| ()).map_err(failed)?;
        let against = audit::verify_against(self.home.path(), journal, |_| ()).map_err(failed)?;
        if alone != against {
            return Err(violated(AUDIT, format!("{alone} by itself, and {against} by the journal")));
        }
        let decisions = against.decisions.lines;
        if decisions != self.copies.decision_lines {
            let expected = self.copies.decision_lines;
            return Err(violated(AUDIT, format!("{decisions} decisions instead of {expected}")));
        }
        same(AUDIT, "entries", &self.entries()?, &self.copies.entries)
    }

    /// What the audit log says, line by line.
    fn entries(&self) -> Result<Vec<Entry>, Violation> {
        let failed = |error: std::io::Error| violated(AUDIT, error);
        let mut days = Vec::new();
        for entry in fs::read_dir(self.audit_path()).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("audit-")) {
                days.push(path);
            }
        }
        days.sort();
        let mut entries = Vec::new();
        for day in days {
            for line in fs::read_to_string(day).map_err(failed)?.lines() {
                let entry = serde_json::from_str(line).ok().and_then(|line| entry_of(&line));
                entries.push(entry.ok_or_else(|| violated(AUDIT, format!("{line} is no entry")))?);
            }
        }
        Ok(entries)
    }
}

fn entry_of(line: &Value) -> Option<Entry> {
    let text = |member: &str| line.get(member)?.as_str();
    let refused = (text("outcome")? == "refused").then(|| text("code").unwrap_or_default().to_owned());
    Some(Entry {
        position: line.get("position")?.as_u64()?,
        actor: text("actor")?.parse().ok()?,
        correlation: vocabulary::CorrelationId(u128::from_str_radix(text("correlation")?, 16).ok()?),
        refused,
    })
}

/// The views at the end, beside what they must say.
struct Views<'a> {
    snapshot: &'a Snapshot,
    copies: &'a Copies,
    engine: &'a Engine,
}

impl Views<'_> {
    fn of_trading(&self) -> Result<Checked, ViewsError> {
        Ok(self.balances()?.and(self.orders()?).and(self.open_orders()?).and(self.trades()?))
    }

    fn balances(&self) -> Result<Checked, ViewsError> {
        let rows = all(|page| self.snapshot.balances(None, Visibility::All, page))?;
        let shown = sorted(rows.iter().map(|row| {
            ((row.account, row.asset), [row.available.minor, row.frozen.minor, row.clearing.minor])
        }));
        let accounts = self.engine.state().trading.ledger().accounts();
        let live = sorted(accounts.iter().flat_map(|account| {
            account.balances().iter().map(|(asset, balance)| {
                let places = [balance.available.0, balance.frozen.0, balance.clearing.0];
                ((account.account, *asset), places)
            })
        }));
        Ok(same(VIEWS, "balances", &shown, &live))
    }

    /// Every order that ever was, with what was executed of it and where it ended.
    fn orders(&self) -> Result<Checked, ViewsError> {
        let rows = all(|page| self.snapshot.orders(&OrderFilter::default(), Visibility::All, page))?;
        let no_execution = |row: &views::OrderRow| row.closed_code.as_deref() != Some("executed");
        let shown = sorted(rows.iter().map(|row| {
            let ended = row.closed_position.filter(|_| no_execution(row));
            (row.order, row.executed.minor, ended)
        }));
        let own = self.copies.orders.iter();
        let expected = sorted(own.map(|(order, own)| (*order, i128::from(own.executed.0), own.ended)));
        let trading = &self.engine.state().trading;
        let stale = rows.iter().find_map(|row| {
            let live = trading.order(row.order)?;
            (live.status != row.status)
                .then(|| format!("order {} is {:?} in the views", row.order, row.status))
        });
        let stale = stale.map_or(Ok(()), |told| Err(violated(VIEWS, told)));
        Ok(same(VIEWS, "orders", &shown, &expected).and(stale))
    }

    fn open_orders(&self) -> Result<Checked, ViewsError> {
        let filter = OrderFilter { status: Some(StatusFilter::Open), ..OrderFilter::default() };
        let rows = all(|page| self.snapshot.orders(&filter, Visibility::All, page))?;
        let trading = &self.engine.state().trading;
        let shown: Vec<_> = rows.iter().map(|row| (row.order, Some(row.remaining.minor))).collect();
        let live: Vec<_> = rows
            .iter()
            .map(|row| (row.order, trading.order(row.order).map(|order| i128::from(order.remaining.0))))
            .collect();
        Ok(same(VIEWS, "open orders", &shown, &live))
    }

    fn trades(&self) -> Result<Checked, ViewsError> {
        let rows = all(|page| self.snapshot.trades(&TradeFilter::default(), Visibility::All, page))?;
        let shown = sorted(rows.iter().map(|row| {
            let order = |side: &Option<views::TradeSideRow>| side.as_ref().map(|side| side.order);
            (row.trade, row.price.minor, row.quantity.minor, order(&row.buy), order(&row.sell))
        }));
        let own = self.copies.trades.iter().map(|(trade, (price, quantity, buy, sell))| {
            (*trade, i128::from(price.0), i128::from(quantity.0), Some(*buy), Some(*sell))
        });
        let settled = sorted(rows.iter().filter(|row| row.status == "settled").map(|row| row.trade));
        // Where trading is hosted elsewhere, there are no trades here that could be shown.
        let own_settled = self.copies.settled.iter().filter(|trade| self.copies.trades.contains_key(trade));
        Ok(same(VIEWS, "trades", &shown, &sorted(own)).and(same(
            VIEWS,
            "settled trades",
            &settled,
            &sorted(own_settled.copied()),
        )))
    }

    fn of_records(&self) -> Result<Checked, ViewsError> {
        let rows = all(|page| self.snapshot.refusals(&RefusalFilter::default(), page))?;
        let shown = sorted(rows.into_iter().map(|row| (row.position, row.code)));
        let blocks = all(|page| self.snapshot.blocks(&BlockFilter::default(), Visibility::All, page))?;
        let blocks = sorted(blocks.iter().map(|row| row.block));
        let own_blocks: Vec<_> = self.copies.blocks.iter().copied().collect();
        Ok(same(VIEWS, "refusals", &shown, &self.copies.refusals).and(same(
            VIEWS,
            "block trades",
            &blocks,
            &own_blocks,
        )))
    }

    fn of_compliance_and_risk(&self) -> Result<Checked, ViewsError> {
        let rows = all(|page| self.snapshot.decisions(&DecisionFilter::default(), page))?;
        let decisions: BTreeMap<_, _> = rows.iter().map(|row| (row.decision, row.allowed)).collect();
        let (shown, own) = (Vec::from_iter(decisions), Vec::from_iter(self.copies.decisions.clone()));
        let state = self.engine.state();
        let counts = [
            (rows.len(), self.copies.decisions.len()),
            (all(|page| self.snapshot.alerts(&AlertFilter::default(), page))?.len(), self.copies.alerts),
            (all(|page| self.snapshot.kill_switches(true, page))?.len(), state.risk.switches().count()),
            (
                all(|page| self.snapshot.restrictions(true, page))?.len(),
                state.compliance.restrictions().len(),
            ),
        ];
        let (found, expected): (Vec<_>, Vec<_>) = counts.into_iter().unzip();
        Ok(same(VIEWS, "decisions", &shown, &own).and(same(
            VIEWS,
            "decisions, alerts, switches, restrictions",
            &found,
            &expected,
        )))
    }

    /// Where it is hosted beside trading: views know nothing of the assets and trades of another node.
    fn of_settlement(&self) -> Result<Checked, ViewsError> {
        if !self.engine.setup().hosts.has(Context::Settlement) {
            return Ok(Ok(()));
        }
        let settlement = &self.engine.state().settlement;
        let filter = ObligationFilter { settled: Some(false), ..ObligationFilter::default() };
        let rows = all(|page| self.snapshot.obligations(&filter, Visibility::All, page))?;
        let shown = sorted(rows.iter().map(|row| {
            (row.due, row.trade, row.side, row.order, row.base_amount.minor, row.quote_amount.minor)
        }));
        let live = settlement.obligations(None, usize::MAX);
        let live = sorted(live.iter().map(|due| {
            (due.date, due.fill.trade, due.terms.side, due.terms.order, due.base().0, due.quote().0)
        }));
        let rows = all(|page| self.snapshot.quotas(None, page))?;
        let quotas = sorted(
            rows.iter()
                .map(|row| (row.participant, row.asset, row.quota.minor, row.held.minor, row.used.minor)),
        );
        let lines = settlement.quotas();
        let live_quotas = sorted(
            lines.iter().map(|line| (line.participant, line.asset, line.quota.0, line.held.0, line.used.0)),
        );
        let rows = all(|page| self.snapshot.shortfalls(page))?;
        let short = sorted(rows.iter().map(|row| (row.participant, row.asset, row.missing.minor)));
        let live_short = settlement.shortfalls().map(|(who, what, missing)| (who, what, missing.0));
        Ok(same(VIEWS, "obligations", &shown, &live)
            .and(same(VIEWS, "quotas", &quotas, &live_quotas))
            .and(same(VIEWS, "shortfalls", &short, &sorted(live_short))))
    }
}
