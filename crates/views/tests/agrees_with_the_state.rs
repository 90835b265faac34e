//! Every table after a day with everything in it says what the live state says.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod market;

use market::Market;
use market::day::{Day, a_day};
use std::collections::BTreeMap;
use trading::Status;
use views::{
    Decimal, ObligationFilter, OrderFilter, Page, PageRequest, Snapshot, StatusFilter, TradeFilter,
    ViewsError, ViewsReader, ViewsWriter, Visibility,
};
use vocabulary::{Date, OrderId};

struct Views {
    _dir: tempfile::TempDir,
    reader: ViewsReader,
}

fn views_of(market: &Market) -> Views {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = ViewsWriter::open(&dir.path().join("views.db"), 0).unwrap();
    for records in market.records.chunks(7) {
        writer.follow(records).unwrap();
    }
    assert_eq!(writer.next_position(), market.records.len() as u64 + 1);
    let reader = writer.reader(2).unwrap();
    Views { _dir: dir, reader }
}

/// All rows of a list, two at a time.
fn all<T>(list: impl Fn(&PageRequest) -> Result<Page<T>, ViewsError>) -> Vec<T> {
    let mut rows = Vec::new();
    let mut cursor = None;
    loop {
        let page = list(&PageRequest::new(Some(2), cursor).unwrap()).unwrap();
        assert!(page.rows.len() <= 2);
        rows.extend(page.rows);
        cursor = page.next;
        if cursor.is_none() {
            return rows;
        }
    }
}

fn a_day_in_views() -> (Day, Views) {
    let day = a_day();
    let views = views_of(&day.market);
    (day, views)
}

#[test]
fn balances_are_those_of_the_ledger() {
    let (day, views) = a_day_in_views();
    let snapshot = views.reader.snapshot().unwrap();
    let rows = all(|page| snapshot.balances(None, Visibility::All, page));
    let shown: BTreeMap<_, _> = rows
        .iter()
        .map(|row| ((row.account, row.asset), [row.available.minor, row.frozen.minor, row.clearing.minor]))
        .collect();
    assert_eq!(shown.len(), rows.len(), "no balance is shown twice");
    let mut live = BTreeMap::new();
    for account in day.market.engine.state().trading.ledger().accounts() {
        for (asset, balance) in account.balances() {
            let places = [balance.available.0, balance.frozen.0, balance.clearing.0];
            live.insert((account.account, *asset), places);
        }
    }
    assert_eq!(shown, live);
    assert!(live.values().any(|places| places[1] > 0), "something is frozen still");
}

#[test]
fn orders_are_those_of_the_books_and_closed_ones_say_why() {
    let (day, views) = a_day_in_views();
    let snapshot = views.reader.snapshot().unwrap();
    let trading = &day.market.engine.state().trading;
    let filter = OrderFilter { status: Some(StatusFilter::Open), ..OrderFilter::default() };
    let open = all(|page| snapshot.orders(&filter, Visibility::All, page));
    for row in &open {
        let order = trading.order(row.order).expect("an open order is alive");
        assert_eq!((row.status, row.limit.minor), (order.status, order.limit.0.into()));
        assert_eq!(row.quantity.minor, i128::from(order.quantity.0));
        assert_eq!(row.remaining.minor, i128::from(order.remaining.0));
        assert_eq!(row.correlation, order.correlation);
    }
    let orders = all(|page| snapshot.orders(&OrderFilter::default(), Visibility::All, page));
    let known = |row: &&views::OrderRow| trading.order(row.order).is_some();
    assert_eq!(orders.iter().filter(known).count(), trading.order_count());
    for row in orders.iter().filter(known) {
        assert_eq!(row.status, trading.order(row.order).unwrap().status, "{row:?}");
    }
    let reasons: BTreeMap<String, usize> = orders.iter().fold(BTreeMap::new(), |mut reasons, row| {
        *reasons.entry(row.closed_code.clone().unwrap_or_default()).or_default() += 1;
        reasons
    });
    for code in [
        "",
        "executed",
        "requested",
        "expired",
        "immediate_or_cancel",
        "fill_or_kill",
        "post_only",
        "self_trade",
        "replaced",
        "kill_switch",
        "block_undone",
        "compliance.restricted",
        "risk.order-notional",
        "risk.kill-switch-engaged",
    ] {
        assert!(reasons.contains_key(code), "{code} is among {reasons:?}");
    }
    let status = |order: OrderId| snapshot.order(order, Visibility::All).unwrap().unwrap().status;
    assert_eq!(status(day.auction_sell), Status::Settled, "closed, with all executions final");
    assert_eq!(status(day.long_lived), Status::PartiallyExecuted, "settled in part, and alive");
    assert_eq!(status(day.killed), Status::Canceled);
    assert_eq!(status(day.too_large), Status::Rejected);
}

#[test]
fn obligations_quotas_and_shortfalls_are_those_of_settlement() {
    let day = a_day();
    // Also as they are in the middle: all but settled, some recycled.
    for cut in [day.market.records.len(), day.market.records.len() - 3, day.market.records.len() / 2] {
        let mut market = Market::empty();
        for record in &day.market.records[..cut] {
            market.engine.apply(record);
            market.records.push(record.clone());
        }
        let views = views_of(&market);
        let snapshot = views.reader.snapshot().unwrap();
        let settlement = &market.engine.state().settlement;
        let filter = ObligationFilter { settled: Some(false), ..ObligationFilter::default() };
        let rows = all(|page| snapshot.obligations(&filter, Visibility::All, page));
        let mut shown: Vec<_> = rows
            .iter()
            .map(|row| {
                (row.due, row.trade, row.side, row.order, row.base_amount.minor, row.quote_amount.minor)
            })
            .collect();
        shown.sort();
        let mut live: Vec<_> = settlement
            .obligations(None, usize::MAX)
            .iter()
            .map(|o| (o.date, o.fill.trade, o.terms.side, o.terms.order, o.base().0, o.quote().0))
            .collect();
        live.sort();
        assert_eq!(shown, live, "after {cut} records");
        let rows = all(|page| snapshot.quotas(None, page));
        let shown: Vec<_> = rows
            .iter()
            .map(|row| (row.participant, row.asset, row.quota.minor, row.held.minor, row.used.minor))
            .collect();
        let line = |l: &settlement::QuotaLine| (l.participant, l.asset, l.quota.0, l.held.0, l.used.0);
        assert_eq!(shown, settlement.quotas().iter().map(line).collect::<Vec<_>>());
        let rows = all(|page| snapshot.shortfalls(page));
        let shown: Vec<_> = rows.iter().map(|r| (r.participant, r.asset, r.missing.minor)).collect();
        let live: Vec<_> =
            settlement.shortfalls().map(|(who, what, missing)| (who, what, missing.0)).collect();
        assert_eq!(shown, live);
    }
}

#[test]
fn runs_net_to_zero_and_lead_back_to_their_trades() {
    let (_, views) = a_day_in_views();
    let snapshot = views.reader.snapshot().unwrap();
    let runs = all(|page| snapshot.settlement_runs(None, page));
    assert_eq!(runs.len(), 2);
    let recycled = runs.iter().filter_map(|run| run.recycled).sum::<u64>();
    assert!(
        recycled > 0 && runs[0].recycled == Some(0),
        "what was short on the first day settled on the second"
    );
    assert_eq!(all(|page| snapshot.recyclings(None, None, page)).len() as u64, recycled);
    for run in &runs {
        let settled = snapshot.settled_positions(run.run).unwrap();
        let netted = all(|page| snapshot.netted_positions(Some(run.run), None, page));
        let net_of = |row: &&views::SettledPositionRow| row.model == vocabulary::SettlementModel::Net;
        let from_trades: Vec<_> = settled
            .iter()
            .filter(net_of)
            .map(|row| (row.asset, row.participant, row.gross_in, row.gross_out))
            .collect();
        let recorded: Vec<_> =
            netted.iter().map(|row| (row.asset, row.participant, row.gross_in, row.gross_out)).collect();
        assert_eq!(recorded, from_trades, "the nets are the sums over their trades");
        let mut sums: BTreeMap<_, i128> = BTreeMap::new();
        for row in &settled {
            *sums.entry(row.asset).or_default() += row.gross_in.minor - row.gross_out.minor;
        }
        assert!(sums.values().all(|sum| *sum == 0), "{sums:?}");
        for total in snapshot.run_totals(run.run).unwrap() {
            assert_eq!(total.delivered.minor, total.received.minor + total.fees.minor);
        }
        let filter = ObligationFilter { run: Some(run.run), ..ObligationFilter::default() };
        let sides = all(|page| snapshot.obligations(&filter, Visibility::All, page));
        assert_eq!(sides.len() as u64, run.settled.unwrap() * 2);
    }
}

#[test]
fn limits_switches_restrictions_and_policies_are_those_in_force() {
    let (day, views) = a_day_in_views();
    let snapshot = views.reader.snapshot().unwrap();
    let state = day.market.engine.state();
    let scope = risk::Scope::Account(market::id("BOB"));
    let limits = all(|page| snapshot.limits(Some(scope), page));
    let shown: Vec<_> = limits.iter().map(|row| (row.measure.as_str(), row.limit.to_string())).collect();
    assert_eq!(shown, [("order_notional", "50000.00".into()), ("order_quantity", "450".to_owned())]);
    assert_eq!(limits.len(), state.risk.limits(scope).count());
    let engaged = all(|page| snapshot.kill_switches(true, page));
    assert_eq!(engaged.len(), state.risk.switches().count());
    assert_eq!((engaged[0].scope.as_str(), engaged[0].scope_id.as_str()), ("instrument", "BOLT"));
    assert_eq!(all(|page| snapshot.kill_switches(false, page)).len(), 2, "the lifted one is history");
    let standing = all(|page| snapshot.restrictions(true, page));
    assert_eq!(standing.len(), state.compliance.restrictions().len());
    assert_eq!(standing[0].user, "user-9");
    let policies = all(|page| snapshot.policies(page));
    let in_force = state.compliance.policy().unwrap();
    assert_eq!(policies.len(), 2);
    assert_eq!(
        (policies[0].version, policies[0].digest.clone()),
        (in_force.version, in_force.digest.to_string())
    );
}

#[test]
fn decisions_alerts_and_refusals_are_counted_and_name_their_orders() {
    let (day, views) = a_day_in_views();
    let snapshot = views.reader.snapshot().unwrap();
    let today: Date = market::id("2023-02-07");
    let filter = views::DecisionFilter { allowed: Some(false), day: Some(today), ..Default::default() };
    let denied = all(|page| snapshot.decisions(&filter, page));
    let ids: Vec<_> = denied.iter().map(|row| row.decision).collect();
    assert_eq!(ids, [day.restricted, day.denied]);
    assert_eq!(denied[0].reasons[0].code, "compliance.restricted");
    assert_eq!(denied[1].policy, 1);
    assert!(denied[1].digest.is_some());
    let counts = snapshot.decision_counts(today).unwrap();
    let decisions = all(|page| snapshot.decisions(&views::DecisionFilter::default(), page));
    assert_eq!(counts.iter().map(|row| row.decisions).sum::<u64>(), decisions.len() as u64);
    assert!(counts.iter().any(|row| row.policy == 2));

    let alerts = all(|page| snapshot.alerts(&views::AlertFilter::default(), page));
    let of_bob: Vec<_> = alerts.iter().filter(|row| row.order == Some(day.alerting)).collect();
    assert_eq!(of_bob.len(), 2, "order notional and order quantity at 80 percent: {alerts:?}");
    let order = snapshot.order(day.alerting, Visibility::All).unwrap().unwrap();
    assert!(of_bob.iter().all(|row| row.percent == 80 && row.correlation == order.correlation));

    let refusals = all(|page| snapshot.refusals(&views::RefusalFilter::default(), page));
    assert_eq!(refusals.len(), 3);
    assert_eq!(refusals[0].order, Some(day.denied), "the cancel of an order that is gone names it");
    let counted = all(|page| snapshot.refusal_counts(Some(today), page));
    let number =
        |what: &str| counted.iter().filter(|row| row.what == what).map(|row| row.number).sum::<u64>();
    let rejected = OrderFilter { status: Some(StatusFilter::Is(Status::Rejected)), ..Default::default() };
    let rejected = all(|page| snapshot.orders(&rejected, Visibility::All, page)).len() as u64;
    assert_eq!((number("command"), number("order")), (3, rejected));
}

#[test]
fn decisions_are_the_same_where_orders_are_hosted_elsewhere() {
    let day = a_day();
    let rows = |market: &Market| {
        let snapshot = views_of(market).reader.snapshot().unwrap();
        all(|page| snapshot.decisions(&views::DecisionFilter::default(), page))
    };
    let beside_orders = rows(&day.market);
    let mut market = Market::empty();
    for record in &day.market.records {
        let mut record = record.clone();
        if let engine::Outcome::Events(events) = &mut record.outcome {
            events.retain(|event| matches!(event, engine::Event::Compliance(_)));
        }
        market.records.push(record);
    }
    let mut alone = rows(&market);
    assert!(alone.iter().any(|row| row.allowed) && alone.iter().any(|row| !row.allowed));
    for (row, beside) in alone.iter_mut().zip(&beside_orders) {
        // No business day is known there.
        row.day = beside.day;
    }
    assert_eq!(alone, beside_orders);
}

#[test]
fn block_trades_show_every_stage() {
    let (day, views) = a_day_in_views();
    let snapshot = views.reader.snapshot().unwrap();
    let stages = |block| {
        let (row, stages) = snapshot.block(block, Visibility::All).unwrap().unwrap();
        let last = stages.last().unwrap().stage.clone();
        assert_eq!(row.stage, last);
        (last, stages.len(), row.counter_order)
    };
    let (last, count, counter) = stages(day.block);
    assert_eq!((last.as_str(), count), ("complete", 11));
    let trades = TradeFilter { order: counter, ..TradeFilter::default() };
    let trades = all(|page| snapshot.trades(&trades, Visibility::All, page));
    assert_eq!((trades.len(), trades[0].price), (1, Decimal::new(101_00, 2)));
    assert_eq!(trades[0].buy.as_ref().unwrap().order, day.block);
    for (undone, code, message) in [
        (day.refused_block, "block.refused", "the counterparty's account BOB refused it"),
        (day.late_block, "block.expired", "the counterparty did not consent in time"),
    ] {
        assert_eq!(stages(undone).0, "undone");
        let (row, stages) = snapshot.block(undone, Visibility::All).unwrap().unwrap();
        let why = (Some(code), Some(message));
        assert_eq!((row.code.as_deref(), row.message.as_deref()), why);
        let turned: Vec<_> = stages.iter().filter(|stage| stage.code.is_some()).collect();
        assert_eq!(turned.len(), 1, "it was turned round once");
        assert_eq!((turned[0].code.as_deref(), turned[0].message.as_deref()), why);
    }
    assert_eq!(all(|page| snapshot.blocks(&views::BlockFilter::default(), Visibility::All, page)).len(), 3);
}

fn touches(record: &engine::Record, order: OrderId) -> bool {
    let by_event = record.events().iter().any(|event| {
        let json = serde_json::to_value(event).unwrap();
        names(&json, order)
    });
    by_event || names(&serde_json::to_value(&record.request.command).unwrap(), order)
}

/// Whether an order's id stands anywhere in a value under a name that means an order.
fn names(value: &serde_json::Value, order: OrderId) -> bool {
    match value {
        serde_json::Value::Object(map) => map.iter().any(|(key, value)| {
            let means_order =
                matches!(key.as_str(), "order" | "block") || matches!(key.as_str(), "buy" | "sell");
            (means_order && value.as_u64() == Some(order.0)) || names(value, order)
        }),
        serde_json::Value::Array(all) => all.iter().any(|value| names(value, order)),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => false,
    }
}

#[test]
fn an_order_is_traced_through_every_record_that_names_it() {
    let (day, views) = a_day_in_views();
    let snapshot: Snapshot = views.reader.snapshot().unwrap();
    for order in [day.long_lived, day.auction_sell, day.denied, day.killed, day.block, day.late_block] {
        let expected: Vec<u64> = day
            .market
            .records
            .iter()
            .filter(|record| touches(record, order))
            .map(|record| record.moment.position)
            .collect();
        assert_eq!(snapshot.order_positions(order, Visibility::All).unwrap().unwrap(), expected, "{order:?}");
        let row = snapshot.order(order, Visibility::All).unwrap().unwrap();
        let thread = snapshot.correlation_positions(row.correlation, Visibility::All).unwrap();
        assert_eq!(thread, expected, "nothing else hangs on the thread of {order:?}");
    }
    assert_eq!(snapshot.order_positions(OrderId(1), Visibility::All).unwrap(), None, "no order");
}
