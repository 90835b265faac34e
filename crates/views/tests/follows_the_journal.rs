//! The cursor, the pages and who sees what.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod market;

use market::day::a_day;
use market::{Market, id};
use node::journal::first_position;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use trading::Phase;
use views::{
    OrderFilter, PageRequest, SCHEMA_VERSION, Snapshot, TradeFilter, ViewsError, ViewsReader, ViewsWriter,
    Visibility,
};
use vocabulary::{Side, UserId};

fn new_dir() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// The tables, and for those that refer to texts the views that show them: which number a text has is nobody's business.
fn tables(connection: &rusqlite::Connection) -> Vec<String> {
    connection
        .prepare(
            "SELECT name FROM sqlite_schema
             WHERE type IN ('table', 'view') AND name NOT IN ('texts', 'order_rows', 'trade_rows') ORDER BY name",
        )
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

/// Every row of every table, in the order of the file.
fn dump(path: &Path) -> Vec<String> {
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut rows = Vec::new();
    for table in tables(&connection) {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns: Vec<usize> = (0..statement.column_count())
            .filter(|at| !statement.column_name(*at).unwrap().ends_with("_ref"))
            .collect();
        let mut found = statement.query([]).unwrap();
        while let Some(row) = found.next().unwrap() {
            let values: Vec<String> =
                columns.iter().map(|at| format!("{:?}", row.get_ref(*at).unwrap())).collect();
            rows.push(format!("{table}: {}", values.join(", ")));
        }
    }
    rows
}

fn views_in(dir: &tempfile::TempDir, market: &Market, batch: usize) -> ViewsWriter {
    let mut writer = ViewsWriter::open(&dir.path().join("views.db"), 0).unwrap();
    for records in market.records.chunks(batch) {
        writer.follow(records).unwrap();
    }
    writer
}

#[test]
fn rows_do_not_depend_on_how_records_come_in_batches() {
    let market = a_day().market;
    let whole = new_dir();
    let expected = dump(views_in(&whole, &market, usize::MAX).path());
    let connection = rusqlite::Connection::open(whole.path().join("views.db")).unwrap();
    let has_row = |table: &String| expected.iter().any(|row| row.starts_with(&format!("{table}: ")));
    let empty: Vec<_> = tables(&connection).into_iter().filter(|table| !has_row(table)).collect();
    assert_eq!(empty, ["alarms"], "the day has everything but alarms");
    for batch in [1, 2, 13] {
        let dir = new_dir();
        assert_eq!(dump(views_in(&dir, &market, batch).path()), expected, "in batches of {batch}");
    }
}

#[test]
fn a_crash_between_two_batches_loses_nothing_and_repeats_nothing() {
    let market = a_day().market;
    let (whole, torn) = (new_dir(), new_dir());
    let expected = dump(views_in(&whole, &market, usize::MAX).path());
    let path = torn.path().join("views.db");
    let half = market.records.len() / 2;
    let mut writer = ViewsWriter::open(&path, 0).unwrap();
    writer.follow(&market.records[..half]).unwrap();
    drop(writer);
    let mut writer = ViewsWriter::open(&path, 0).unwrap();
    assert_eq!(writer.next_position(), half as u64 + 1);
    // What it has seen comes once more.
    writer.follow(&market.records[half - 10..half + 10]).unwrap();
    writer.follow(&market.records[half - 10..half]).unwrap();
    writer.follow(&market.records[half..]).unwrap();
    assert_eq!(dump(&path), expected);
}

#[test]
fn fault_12_records_that_are_missing_or_do_not_fit_stop_it_and_change_nothing() {
    let market = a_day().market;
    let dir = new_dir();
    let mut writer = ViewsWriter::open(&dir.path().join("views.db"), 0).unwrap();
    writer.follow(&market.records[..20]).unwrap();
    let before = dump(writer.path());
    let gap = writer.follow(&market.records[21..]).unwrap_err();
    assert!(matches!(gap, ViewsError::Gap { expected: 21, found: 22 }), "{gap}");
    // A record whose instrument was never defined.
    let stray = market.records.iter().find(|record| {
        let is_order =
            |event: &engine::Event| matches!(event, engine::Event::Trading(trading::Event::OrderExecuted(_)));
        record.events().iter().any(is_order)
    });
    let mut stray = stray.unwrap().clone();
    stray.moment.position = 21;
    let misfit = writer.follow(std::slice::from_ref(&stray)).unwrap_err();
    assert!(matches!(misfit, ViewsError::Misfit { position: 21, .. }), "{misfit}");
    assert_eq!(dump(writer.path()), before);
    // And after good ones in the same transaction, of which nothing may be remembered.
    let mut spoiled = market.records[20..30].to_vec();
    stray.moment.position = 31;
    spoiled.push(stray);
    assert!(matches!(writer.follow(&spoiled).unwrap_err(), ViewsError::Misfit { position: 31, .. }));
    assert_eq!(dump(writer.path()), before);
    writer.follow(&market.records[20..]).unwrap();
    let whole = new_dir();
    assert_eq!(dump(writer.path()), dump(views_in(&whole, &market, usize::MAX).path()));
}

#[test]
fn views_of_another_version_are_rebuilt_and_not_read() {
    let market = a_day().market;
    let dir = new_dir();
    let path = dir.path().join("views.db");
    let expected = dump(views_in(&dir, &market, usize::MAX).path());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE of_another_version (a); DROP TABLE alerts;
             CREATE VIEW of_that_too AS SELECT a FROM of_another_version;",
        )
        .unwrap();
    drop(connection);
    let refused = ViewsReader::open(&path, 1).unwrap_err();
    assert!(matches!(refused, ViewsError::OtherVersion { .. }), "{refused}");
    let mut writer = ViewsWriter::open(&path, 0).unwrap();
    assert_eq!(writer.next_position(), 1);
    writer.follow(&market.records).unwrap();
    assert_eq!(dump(&path), expected);
}

#[test]
fn each_shard_has_positions_and_views_of_its_own() {
    for shard in [3, u16::MAX] {
        let mut market = Market::open_in_shard(shard);
        market.must(market::phase("ACME", Phase::Continuous));
        let sold = market.place(market::limit("BOB", Side::Sell, 100_00, 5));
        let bought = market.place(market::limit("ANN", Side::Buy, 100_00, 5));
        let dir = new_dir();
        let path = dir.path().join("views.db");
        for known in [0, 9, market.records.len()] {
            let mut writer = ViewsWriter::open(&path, shard).unwrap();
            let seen = usize::try_from(writer.next_position() - first_position(shard)).unwrap();
            writer.follow(&market.records[seen..known.max(seen)]).unwrap();
        }
        let writer = ViewsWriter::open(&path, shard).unwrap();
        assert_eq!(writer.next_position(), market.at().position);
        let snapshot = writer.reader(1).unwrap().snapshot().unwrap();
        let one = PageRequest::new(Some(1), None).unwrap();
        let newest = snapshot.orders(&OrderFilter::default(), Visibility::All, &one).unwrap();
        let rest = PageRequest::new(Some(1), newest.next).unwrap();
        let oldest = snapshot.orders(&OrderFilter::default(), Visibility::All, &rest).unwrap();
        assert_eq!([newest.rows[0].order, oldest.rows[0].order], [bought, sold]);
        assert_eq!(snapshot.order(sold, Visibility::All).unwrap().unwrap().remaining.minor, 0);
        drop((snapshot, writer));
        let writer = ViewsWriter::open(&path, 2).unwrap();
        assert_eq!(writer.next_position(), first_position(2), "another shard's views begin anew");
        assert!(
            writer.reader(1).unwrap().snapshot().unwrap().order(sold, Visibility::All).unwrap().is_none()
        );
    }
}

#[test]
fn readers_wait_for_a_position_and_say_when_it_does_not_come() {
    let market = a_day().market;
    let dir = new_dir();
    let path = dir.path().join("views.db");
    let mut writer = ViewsWriter::open(&path, 0).unwrap();
    let (beside, apart) = (writer.reader(1).unwrap(), ViewsReader::open(&path, 1).unwrap());
    for reader in [&beside, &apart] {
        let behind = reader.wait_for(1, Duration::from_millis(20)).unwrap_err();
        assert!(matches!(behind, ViewsError::Behind { wanted: 1, position: 0 }), "{behind}");
        assert_eq!(reader.position().unwrap(), 0);
    }
    let last = market.records.len() as u64;
    let long = Duration::from_secs(20);
    let waiting: Vec<_> = [beside, apart]
        .into_iter()
        .map(|reader| {
            std::thread::spawn(move || {
                reader.snapshot_at_least(last, long).map(|snapshot| snapshot.position())
            })
        })
        .collect();
    for records in market.records.chunks(50) {
        writer.follow(records).unwrap();
    }
    for thread in waiting {
        assert_eq!(thread.join().unwrap().unwrap(), last);
    }
}

#[test]
fn a_snapshot_does_not_move_while_the_writer_does() {
    let market = a_day().market;
    let dir = new_dir();
    let mut writer = ViewsWriter::open(&dir.path().join("views.db"), 0).unwrap();
    let half = market.records.len() / 2;
    writer.follow(&market.records[..half]).unwrap();
    let reader = writer.reader(2).unwrap();
    let snapshot = reader.snapshot().unwrap();
    let orders = |snapshot: &Snapshot| {
        let all = PageRequest::new(Some(1_000), None).unwrap();
        snapshot.orders(&OrderFilter::default(), Visibility::All, &all).unwrap().rows
    };
    let before = orders(&snapshot);
    writer.follow(&market.records[half..]).unwrap();
    assert_eq!(orders(&snapshot), before);
    assert_eq!(snapshot.position(), half as u64);
    assert!(orders(&reader.snapshot().unwrap()).len() > before.len());
}

#[test]
fn pages_are_complete_without_repetition_while_rows_are_added() {
    let market = a_day().market;
    let dir = new_dir();
    let mut writer = ViewsWriter::open(&dir.path().join("views.db"), 0).unwrap();
    let half = market.records.len() / 2;
    writer.follow(&market.records[..half]).unwrap();
    let reader = writer.reader(1).unwrap();
    let orders = |limit, cursor| {
        let page = PageRequest::new(Some(limit), cursor).unwrap();
        reader.snapshot().unwrap().orders(&OrderFilter::default(), Visibility::All, &page).unwrap()
    };
    let all: Vec<_> = orders(1_000, None).rows.iter().map(|row| row.order).collect();
    let first = orders(3, None);
    writer.follow(&market.records[half..]).unwrap();
    let mut paged: Vec<_> = first.rows.iter().map(|row| row.order).collect();
    let mut cursor = first.next;
    while let Some(next) = cursor {
        let page = orders(3, Some(next));
        paged.extend(page.rows.iter().map(|row| row.order));
        cursor = page.next;
    }
    assert_eq!(paged, all);
}

#[test]
fn cursors_that_no_answer_gave_and_limits_out_of_range_are_refused() {
    let market = a_day().market;
    let dir = new_dir();
    let writer = views_in(&dir, &market, usize::MAX);
    let snapshot = writer.reader(1).unwrap().snapshot().unwrap();
    let one = |cursor: &str| PageRequest::new(Some(1), Some(cursor.to_owned())).unwrap();
    let of_trades =
        snapshot.trades(&TradeFilter::default(), Visibility::All, &PageRequest::new(Some(1), None).unwrap());
    let of_trades = of_trades.unwrap().next.unwrap();
    for cursor in
        ["", "orders", "orders:", "orders:-1", "orders:007", "orders:1:2", "orders:1' OR 1", &of_trades]
    {
        let refused = snapshot.orders(&OrderFilter::default(), Visibility::All, &one(cursor)).unwrap_err();
        assert!(refused.is_bad_request(), "{cursor}: {refused}");
        assert!(refused.to_string().contains("not one of the list of orders"), "{refused}");
    }
    for limit in [0, 1_001] {
        assert!(PageRequest::new(Some(limit), None).unwrap_err().is_bad_request());
    }
    assert!(PageRequest::new(Some(1_000), None).is_ok());
}

#[test]
fn an_owner_sees_the_own_accounts_and_of_a_trade_the_own_side() {
    let day = a_day();
    let dir = new_dir();
    let writer = views_in(&dir, &day.market, usize::MAX);
    let snapshot = writer.reader(1).unwrap().snapshot().unwrap();
    let all = PageRequest::new(Some(1_000), None).unwrap();
    let owner: UserId = id("owner-a");
    let mine = Visibility::Owner(owner);
    let accounts: BTreeSet<_> = ["ANN", "AMY"].map(id).into();

    let orders = snapshot.orders(&OrderFilter::default(), mine, &all).unwrap().rows;
    assert!(orders.iter().all(|row| row.owner == owner && accounts.contains(&row.account)));
    let everybody = snapshot.orders(&OrderFilter::default(), Visibility::All, &all).unwrap().rows;
    let expected: Vec<_> = everybody.into_iter().filter(|row| row.owner == owner).collect();
    assert_eq!(orders, expected, "both accounts, in one order");

    let balances = snapshot.balances(None, mine, &all).unwrap().rows;
    assert_eq!(balances.iter().map(|row| row.account).collect::<BTreeSet<_>>(), accounts);
    let trades = snapshot.trades(&TradeFilter::default(), mine, &all).unwrap().rows;
    assert!(!trades.is_empty());
    for row in &trades {
        let sides: Vec<_> = [&row.buy, &row.sell].into_iter().flatten().collect();
        assert!(!sides.is_empty() && sides.iter().all(|side| accounts.contains(&side.account)), "{row:?}");
    }
    let obligations = snapshot.obligations(&Default::default(), mine, &all).unwrap().rows;
    assert!(!obligations.is_empty() && obligations.iter().all(|row| accounts.contains(&row.account)));

    // Somebody else's things are not there, whichever way one asks.
    let theirs = OrderFilter { account: Some(id("BOB")), ..OrderFilter::default() };
    assert_eq!(snapshot.orders(&theirs, mine, &all).unwrap().rows, []);
    assert_eq!(snapshot.order(day.auction_sell, mine).unwrap(), None);
    assert_eq!(snapshot.order_positions(day.auction_sell, mine).unwrap(), None);
    let theirs = TradeFilter { order: Some(day.auction_sell), ..TradeFilter::default() };
    assert_eq!(snapshot.trades(&theirs, mine, &all).unwrap().rows, []);
    let sold = snapshot.order(day.auction_sell, Visibility::All).unwrap().unwrap();
    assert!(snapshot.correlation_positions(sold.correlation, mine).unwrap().is_empty());
    assert_eq!(snapshot.account(id("BOB"), mine).unwrap(), None);
    let own = snapshot.order(day.long_lived, mine).unwrap().unwrap();
    assert_eq!(
        snapshot.correlation_positions(own.correlation, mine).unwrap(),
        snapshot.order_positions(day.long_lived, Visibility::All).unwrap().unwrap()
    );
    assert!(snapshot.block(day.block, mine).unwrap().is_some());
    assert!(snapshot.block(day.block, Visibility::Owner(id("owner-c"))).unwrap().is_none());
}
