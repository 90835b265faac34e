//! What SQLite makes of the questions: each is answered by the index that is there for it, walked in the order of the
//! answer. Checked on empty tables, as SQLite has no statistics of full ones either.

use trading::Status;
use vocabulary::{Date, OrderId};

use crate::query::compliance::DecisionFilter;
use crate::query::orders::{OrderFilter, StatusFilter};
use crate::query::page::{Conditions, Listing};
use crate::query::settlement::ObligationFilter;
use crate::query::trades::TradeFilter;
use crate::schema;

/// The plans of all arms, as first page and as a later one.
fn plans(arms: &[(&Listing, Conditions)]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let connection = schema::open_for_writing(&dir.path().join("views.db"), 0).unwrap();
    let both = arms
        .iter()
        .flat_map(|(listing, conditions)| [false, true].map(|continued| listing.sql(conditions, continued)));
    let plan = |sql: String| {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let lines = statement.raw_query().mapped(|row| row.get::<_, String>("detail"));
        lines.collect::<Result<Vec<_>, _>>().unwrap().join("; ")
    };
    both.map(plan).collect()
}

/// That every plan begins with `first`.
fn all_begin(first: &str, arms: &[(&Listing, Conditions)]) {
    for plan in plans(arms) {
        assert!(plan.starts_with(first), "{plan}");
    }
}

/// As [`all_begin`], and that rows come in the order of the list and straight out of the table, so that a page costs a
/// page.
fn all_walk(first: &str, arms: &[(&Listing, Conditions)]) {
    all_begin(first, arms);
    for plan in plans(arms) {
        for costly in ["USE TEMP B-TREE FOR ORDER BY", "MATERIALIZE", "CO-ROUTINE", "SCAN texts"] {
            assert!(!plan.contains(costly), "{plan}");
        }
    }
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

#[test]
fn orders_are_found_by_account_and_open_ones_by_an_index_of_their_own() {
    let account = Some(vec![id("ANN")]);
    all_walk("SEARCH o USING INDEX orders_by_account", &OrderFilter::default().arms(account.clone()));
    let open = OrderFilter { status: Some(StatusFilter::Open), ..OrderFilter::default() };
    all_walk("SEARCH o USING INDEX open_orders", &open.arms(account.clone()));
    let settled = OrderFilter { status: Some(StatusFilter::Is(Status::Settled)), ..OrderFilter::default() };
    all_walk("SEARCH o USING INDEX orders_by_account", &settled.arms(account));
}

#[test]
fn all_orders_are_walked_by_id() {
    for plan in plans(&OrderFilter::default().arms(None)) {
        assert!(
            plan.starts_with("SCAN o;") || plan.starts_with("SEARCH o USING INTEGER PRIMARY KEY"),
            "{plan}"
        );
    }
}

#[test]
fn orders_of_a_thread_and_of_a_client_are_found_whoever_asks() {
    let on = OrderFilter { correlation: Some(vocabulary::CorrelationId(1)), ..OrderFilter::default() };
    let client = OrderFilter { client_order_id: Some(id("mine")), ..OrderFilter::default() };
    for accounts in [None, Some(vec![id("ANN")])] {
        all_walk("SEARCH o USING INDEX orders_by_correlation", &on.arms(accounts.clone()));
        // These are few.
        all_begin("SEARCH o USING INDEX orders_by_client", &client.arms(accounts));
    }
}

#[test]
fn trades_are_found_by_either_account() {
    let plans = plans(&TradeFilter::default().arms(Some(&[id("ANN")])));
    let (buys, sells) = plans.split_at(2);
    assert!(buys.iter().all(|plan| plan.starts_with("SEARCH t USING INDEX trades_by_buyer")), "{buys:?}");
    assert!(sells.iter().all(|plan| plan.starts_with("SEARCH t USING INDEX trades_by_seller")), "{sells:?}");
    let of_order = TradeFilter { order: Some(OrderId(7)), ..TradeFilter::default() };
    all_begin("SEARCH t USING PRIMARY KEY", &of_order.arms(None));
}

#[test]
fn obligations_are_found_by_their_due_date_and_their_run() {
    let day: Date = id("2023-02-09");
    let due = ObligationFilter { due: Some(day), ..ObligationFilter::default() };
    all_walk("SEARCH t USING INDEX trades_by_due_date", &due.arms(None));
    let of_run = ObligationFilter { run: Some(1), ..ObligationFilter::default() };
    all_walk("SEARCH t USING INDEX trades_by_run", &of_run.arms(None));
}

#[test]
fn denials_of_a_day_have_an_index_and_decisions_are_walked_by_order() {
    let denied =
        DecisionFilter { allowed: Some(false), day: Some(id("2023-02-07")), ..DecisionFilter::default() };
    all_walk("SEARCH d USING INDEX denials_by_day", &denied.arms());
    let of_account =
        DecisionFilter { account: Some(id("ANN")), allowed: Some(true), ..DecisionFilter::default() };
    let plans = plans(&of_account.arms());
    let in_orders = |plan: &String| plan.starts_with("SEARCH o USING INDEX orders_by_account");
    assert!(plans[2..].iter().all(in_orders), "{plans:?}");
}
