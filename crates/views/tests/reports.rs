//! Reports and the decision log of a day with everything in it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod market;

use market::day::{Day, a_day};
use market::id;
use views::{Decimal, Snapshot, ViewsWriter, decision_log_line};
use vocabulary::SettlementModel;

struct Reported {
    day: Day,
    snapshot: Snapshot,
    _dir: tempfile::TempDir,
}

fn reported() -> Reported {
    let day = a_day();
    let dir = tempfile::tempdir().unwrap();
    let mut writer = ViewsWriter::open(&dir.path().join("views.db"), 0).unwrap();
    writer.follow(&day.market.records).unwrap();
    let snapshot = writer.reader(1).unwrap().snapshot().unwrap();
    Reported { day, snapshot, _dir: dir }
}

fn lines<'a>(csv: &'a str, kind: &str) -> Vec<&'a str> {
    csv.lines().filter(|line| line.split(',').next() == Some(kind)).collect()
}

#[test]
fn the_settlement_report_sums_to_zero_and_leads_from_nets_to_orders() {
    let Reported { day, snapshot, .. } = reported();
    let report = snapshot.settlement_report(id("2023-02-09"), "abc", 1_000).unwrap();
    assert!(report.balanced);
    assert_eq!((report.runs.len(), report.head.position), (1, day.market.records.len() as u64));
    assert_eq!(report.trades.len() as u64, report.trades_total);
    assert_eq!(report.recycled.len() as u64, report.recycled_total);
    assert!(report.recycled_total > 0 && report.trades_total > 0);
    assert!(report.sums.iter().all(|sum| sum.sum.minor == 0));
    let fees = report.sums.iter().find(|sum| sum.asset == id("EUR")).unwrap();
    let paid: i128 = report
        .trades
        .iter()
        .flat_map(|trade| [&trade.buy, &trade.sell])
        .map(|side| side.as_ref().unwrap().fee.minor)
        .sum();
    assert_eq!(fees.central_counterparty.minor, paid, "the counterparty keeps just the fees");
    let netted: Vec<_> = report.positions.iter().filter(|line| line.model == SettlementModel::Net).collect();
    assert!(!netted.is_empty() && netted.iter().all(|line| line.recorded_net == Some(line.net)));

    let html = report.to_html();
    let csv = report.to_csv().unwrap();
    assert_eq!(lines(&csv, "trade").len() as u64, report.trades_total);
    for recycled in &report.recycled {
        let order = recycled.traded.buy.as_ref().unwrap();
        let line = lines(&csv, "recycled").into_iter().find(|line| line.contains(&recycled.reason)).unwrap();
        assert!(line.contains("SOUTH was short of") && line.ends_with(&recycled.reason));
        assert!(
            csv.contains(&order.correlation.to_string()) && html.contains(&order.correlation.to_string())
        );
    }
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["journal_hash"], "abc");
    assert!(json["trades"][0]["buy"]["correlation"].is_string() && json["sums"][0]["sum"].is_string());

    let cut = snapshot.settlement_report(id("2023-02-09"), "abc", 2).unwrap();
    assert_eq!((cut.trades.len(), cut.trades_total), (2, report.trades_total));
    assert!(cut.balanced && cut.to_html().contains("The first 2 of"));
    let none = snapshot.settlement_report(id("2023-03-01"), "abc", 2).unwrap();
    assert!(none.balanced && none.to_html().contains("There was no settlement run"));
}

#[test]
fn the_risk_report_shows_use_by_scope_and_the_alerts_with_their_orders() {
    let Reported { day, snapshot, .. } = reported();
    let state = day.market.engine.state();
    let exposures = state.risk.exposures(None, 1_000);
    let position = snapshot.position();
    let report = snapshot.risk_report(id("2023-02-07"), "abc", (position, &exposures), 1_000).unwrap();
    assert_eq!(report.exposures.len(), exposures.len());
    let gross = report.exposures.iter().find(|row| row.measure == "gross_exposure").unwrap();
    assert_eq!(gross.used.scale, 2, "money is shown with the currency's decimals");
    assert_eq!((report.alerts.len(), report.alerts_total), (2, 2));
    let order = snapshot.order(day.alerting, views::Visibility::All).unwrap().unwrap();
    let (csv, html) = (report.to_csv().unwrap(), report.to_html());
    for line in lines(&csv, "alert") {
        assert!(line.contains(&format!(",{},{},", order.order, order.correlation)), "{line}");
    }
    assert!(html.contains("drill") && html.contains("1 kill switch is engaged."));
    assert!(html.contains(&order.correlation.to_string()));
    let shares: Vec<_> = report.exposures.iter().filter_map(|row| row.utilisation_bp).collect();
    assert_eq!(shares.len(), 3);
    for (share, class) in shares.iter().map(|bp| {
        (
            bp,
            if *bp < 8_000 {
                "calm"
            } else if *bp < 10_000 {
                "high"
            } else {
                "full"
            },
        )
    }) {
        assert!(
            html.contains(&format!("{} % of the limit", Decimal::new((*share).into(), 2)))
                && html.contains(class)
        );
    }
    let other = snapshot.risk_report(id("2023-02-09"), "abc", (position, &exposures), 1_000).unwrap();
    assert_eq!(other.alerts_total, 0);
}

#[test]
fn the_compliance_report_counts_every_decision_and_lists_every_denial() {
    let Reported { day, snapshot, .. } = reported();
    let report = snapshot.compliance_report(id("2023-02-07"), "abc", 1_000).unwrap();
    assert_eq!((report.denied, report.denials.len()), (2, 2));
    let sums = [&report.by_policy, &report.by_market, &report.by_user];
    for sum in sums {
        let (allowed, denied): (u64, u64) =
            (sum.iter().map(|s| s.allowed).sum(), sum.iter().map(|s| s.denied).sum());
        assert_eq!((allowed, denied), (report.allowed, report.denied));
    }
    assert_eq!(report.by_policy.len(), 2);
    let codes: Vec<_> = report.by_code.iter().map(|sum| sum.what.as_str()).collect();
    assert_eq!(codes, ["compliance.restricted", "compliance.single-order-limit"]);
    assert_eq!((report.policies.len(), report.restrictions.len()), (2, 1));
    let csv = report.to_csv().unwrap();
    let denied = snapshot.order(day.denied, views::Visibility::All).unwrap().unwrap();
    let expected = format!("denial,,,,{},{},{},", day.denied, day.denied, denied.correlation);
    assert!(lines(&csv, "denial").iter().any(|line| line.starts_with(&expected)), "{csv}");
    assert!(report.to_html().contains("user-9"));
}

#[test]
fn the_decision_log_tells_enough_to_decide_again() {
    let Reported { day, .. } = reported();
    let mut digest = None;
    let mut lines = Vec::new();
    for record in &day.market.records {
        for event in record.events() {
            let engine::Event::Compliance(event) = event else { continue };
            if let compliance::Event::PolicyActivated { digest: activated, .. } = event {
                digest = Some(*activated);
            }
            lines.extend(decision_log_line(record, event, digest));
        }
    }
    let line = lines.iter().find(|line| line.contains(&format!("\"decision_id\":{},", day.denied))).unwrap();
    let json: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(json["position"], day.denied.0);
    assert_eq!(json["bundle"]["version"], 1);
    assert_eq!(json["bundle"]["digest"], compliance::default_bundle().digest().to_string());
    assert_eq!((&json["result"], json["reasons"].as_array().unwrap().len()), (&"deny".into(), 1));
    assert_eq!(json["input"]["attributes"]["request"]["body"]["amount"], 2_020_000);
    let decided = snapshot_count(&day);
    assert_eq!(lines.len(), decided, "every decision has its line");
}

fn snapshot_count(day: &Day) -> usize {
    let checked = |event: &&engine::Event| {
        matches!(event, engine::Event::Compliance(compliance::Event::OrderChecked { .. }))
    };
    day.market.records.iter().flat_map(|record| record.events()).filter(checked).count()
}

#[test]
fn people_see_thousands_grouped_and_programs_do_not() {
    let Reported { snapshot, .. } = reported();
    let report = snapshot.settlement_report(id("2023-02-09"), "abc", 1_000).unwrap();
    let large =
        report.positions.iter().map(|line| line.gross_in).find(|d| d.minor > 1_000_00 && d.scale == 2);
    let large: Decimal = large.unwrap();
    assert!(report.to_html().contains(&large.grouped()) && large.grouped().contains(','));
    assert!(report.to_csv().unwrap().contains(&large.to_string()));
}
