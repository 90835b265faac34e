//! What was made of events, as people are told.

use super::house::House;
use crate::events::{
    EventTraffic, OpenItem, OpenStatement, ReconciliationFigure, ReconciliationReport, RelayFigure,
};
use serde_json::json;
use std::sync::{Arc, Mutex};

/// Traffic that says what it is told to.
#[derive(Clone, Default)]
pub(super) struct TestEvents(Arc<Mutex<Told>>);

struct Told {
    figure: ReconciliationFigure,
    report: Result<Option<ReconciliationReport>, String>,
}

impl Default for Told {
    fn default() -> Self {
        Self { figure: ReconciliationFigure::default(), report: Ok(Some(report())) }
    }
}

impl EventTraffic for TestEvents {
    fn relay(&self) -> RelayFigure {
        RelayFigure { relayed_position: 1, published: 5, is_waiting: false }
    }

    fn reconciliation(&self) -> Option<ReconciliationFigure> {
        Some(self.0.lock().unwrap().figure)
    }

    fn report(&self) -> Result<Option<ReconciliationReport>, String> {
        self.0.lock().unwrap().report.clone()
    }
}

fn stated(what: &str, position: u64) -> Option<OpenStatement> {
    Some(OpenStatement { what: what.to_owned(), position, time_ns: 1_700_000_000_000_000_000 })
}

fn report() -> ReconciliationReport {
    let items = vec![
        OpenItem { about: "order 7".into(), published: stated("buy 5", 7), recorded: stated("buy 6", 3) },
        OpenItem { about: "order 9".into(), published: None, recorded: stated("sell 1", 4) },
    ];
    let events = vec![("trading".to_owned(), "OrderExecuted".to_owned(), 12)];
    ReconciliationReport { position: 4, matched: 11, open: 2, items, events }
}

#[tokio::test]
async fn con_3_what_is_open_is_told_with_both_sides() {
    let house = House::open();
    let told = house.get("a", "auditor", "/settlement/reconciliation").await;
    assert_eq!(told.header("x-rialto-position"), "4");
    let time = "2023-11-14T22:13:20.000000000Z";
    let expected = json!({
        "matched": 11, "open": 2,
        "items": [
            {"about": "order 7", "published": {"what": "buy 5", "position": 7, "time": time},
             "recorded": {"what": "buy 6", "position": 3, "time": time}},
            {"about": "order 9", "published": null, "recorded": {"what": "sell 1", "position": 4, "time": time}},
        ],
        "events": [{"service": "trading", "event": "OrderExecuted", "count": 12}],
    });
    assert_eq!(told.good(), expected);
    assert_eq!(house.get("r", "risk", "/risk/reconciliation").await.status, 200);
    for (role, path) in [("trader", "/settlement"), ("trader", "/risk"), ("operator", "/compliance")] {
        let refused = house.get("t", role, &format!("{path}/reconciliation")).await;
        assert_eq!(refused.problem(), (403, "auth.forbidden"), "{role} {path}");
    }
}

#[tokio::test]
async fn a_reconciliation_that_cannot_be_read_or_is_not_there_says_so() {
    let house = House::open();
    let ask = || house.get("a", "auditor", "/risk/reconciliation");
    house.events.0.lock().unwrap().report = Err("the database is away".to_owned());
    let away = ask().await;
    assert_eq!((away.problem(), away.header("retry-after")), ((503, "views.unavailable"), "1"));
    house.events.0.lock().unwrap().report = Ok(None);
    assert_eq!(ask().await.problem(), (404, "node.not-reconciled"));
    let document = serde_json::to_value(crate::openapi()).unwrap();
    for service in ["settlement", "risk", "compliance"] {
        let responses = &document["paths"][format!("/{service}/reconciliation")]["get"]["responses"];
        assert!(["404", "503"].iter().all(|status| responses[status].is_object()), "{responses}");
    }
}

#[tokio::test]
async fn what_is_open_can_be_watched() {
    let house = House::open();
    let long_ago = ReconciliationFigure {
        matched: 40,
        open: 3,
        contradictions: 1,
        since_ns: Some(1_000_000_000),
        is_waiting: true,
    };
    house.events.0.lock().unwrap().figure = long_ago;
    let text = house.get("a", "auditor", "/metrics").await.text;
    let gauge = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{name}: {text}")).rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()
    };
    assert_eq!(gauge("reconciliation_matched"), 40);
    assert_eq!(gauge("reconciliation_open"), 3);
    assert_eq!(gauge("reconciliation_contradictions"), 1);
    assert_eq!(gauge("reconciliation_waiting"), 1);
    assert!(gauge("reconciliation_oldest_open_seconds") > 1_000_000_000, "since 1970");
    assert_eq!(gauge("relay_published"), 5);
}
