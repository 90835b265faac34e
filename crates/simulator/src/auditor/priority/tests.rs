//! The rule of priority finds nothing in right days and storms, and each trade, cancel and rest that is out of turn.

use engine::{Context, Event};
use trading::{Cause, Event as T, OrderKind, Phase, PlaceOrder};
use vocabulary::{OrderId, Price, Quantity, SelfTradePrevention, Side, TimeInForce, Trade};

use super::super::market::{History, Market, id, instrument, limit, phase, replace, right_days, whole_day};
use super::super::storm::storm;
use super::auction::{Uncross, uncross};
use super::book::{self, Order};
use super::incoming::{Incoming, Step};
use super::*;

fn broken(history: &History) -> Vec<&'static str> {
    history.broken(Priority::default())
}

fn traded(event: &mut Event) -> Option<&mut Trade> {
    if let Event::Trading(T::OrderExecuted(trade)) = event { Some(trade) } else { None }
}

#[test]
fn nothing_is_wrong_with_what_engines_do() {
    for history in right_days().chain((0..30).map(storm)) {
        assert_eq!(history.findings(Priority::default()), []);
    }
}

#[test]
fn storms_have_everything_in_them() {
    let histories: Vec<_> = (0..9).map(storm).collect();
    let events = || {
        let records = histories.iter().flat_map(|history| history.records());
        let all = records.flat_map(|(_, record)| record.events());
        all.filter_map(|event| if let Event::Trading(event) = event { Some(event) } else { None })
    };
    assert!(events().filter(|event| matches!(event, T::OrderExecuted(_))).count() > 200);
    assert!(events().any(|event| matches!(event, T::AuctionUncrossed { .. })));
    assert!(events().any(|event| matches!(event, T::OrderReduced { .. })));
    assert!(events().any(|event| matches!(event, T::OrderExpired { .. })));
    use Cause as C;
    for cause in [C::SelfTrade, C::FillOrKill, C::PostOnly, C::Replaced, C::KillSwitch, C::PhaseEnded] {
        let is_it = |event: &T| matches!(event, T::OrderCanceled { cause: its, .. } if *its == cause);
        assert!(events().any(is_it), "no order is cancelled for {cause:?}");
    }
}

#[test]
fn a_fill_at_another_price_than_the_resting_orders_is_found() {
    for by in [-1, 1] {
        let history =
            whole_day().with_event(|event| traded(event).map(|trade| trade.price += Price(by)).is_some());
        assert_eq!(broken(&history), ["price-time priority", "trade terms"]);
    }
}

#[test]
fn a_fill_of_less_than_both_want_is_found() {
    let history =
        whole_day().with_event(|event| traded(event).map(|trade| trade.quantity -= Quantity(1)).is_some());
    assert!(broken(&history).contains(&"price-time priority"));
}

#[test]
fn passing_over_an_earlier_order_of_the_same_price_is_found() {
    let mut market = Market::whole();
    market.place(limit("BOB", Side::Sell, 100_00, 5));
    let later = market.place(limit("BOB", Side::Sell, 100_00, 5));
    market.place(limit("ANN", Side::Buy, 100_00, 5));
    assert_eq!(broken(&market.history), [""; 0]);
    let history =
        market.history.with_event(|event| traded(event).map(|trade| trade.sell.order = later).is_some());
    assert!(broken(&history).contains(&"price-time priority"));
}

#[test]
fn passing_over_a_better_price_is_found() {
    let mut market = Market::whole();
    let worse = market.place(limit("BOB", Side::Sell, 100_05, 5));
    market.place(limit("BOB", Side::Sell, 100_00, 5));
    market.place(limit("ANN", Side::Buy, 100_05, 5));
    let history = market.history.with_event(|event| {
        let change = |trade: &mut Trade| (trade.sell.order, trade.price) = (worse, Price(100_05));
        traded(event).map(change).is_some()
    });
    assert!(broken(&history).contains(&"price-time priority"));
}

#[test]
fn wrong_roles_numbers_fees_and_dates_are_found() {
    let day = whole_day();
    let changed =
        |change: fn(&mut Trade)| broken(&day.clone().with_event(|event| traded(event).map(change).is_some()));
    assert_eq!(changed(|trade| trade.aggressor = None), ["price-time priority", "trade terms"]);
    assert_eq!(changed(|trade| trade.trade.index += 1), ["trade numbers"]);
    assert_eq!(changed(|trade| trade.trade.position += 1), ["trade numbers"]);
    assert_eq!(changed(|trade| trade.buy.fee += vocabulary::Amount(1)), ["trade terms"]);
    assert_eq!(changed(|trade| trade.buy.reserved += vocabulary::Amount(1)), ["trade terms"]);
    assert_eq!(changed(|trade| trade.notional += vocabulary::Amount(1)), ["trade terms"]);
    assert_eq!(changed(|trade| trade.trade_date = trade.trade_date.next()), ["trade terms"]);
    assert_eq!(changed(|trade| trade.sell.part += 1), ["trade terms"]);
}

#[test]
fn an_order_that_rests_where_it_could_trade_is_found() {
    let mut market = Market::whole();
    market.place(limit("BOB", Side::Sell, 100_00, 5));
    market.place(limit("ANN", Side::Buy, 100_00, 5));
    let history = market.history.with_event(|event| {
        let Event::Trading(T::OrderExecuted(trade)) = event else { return false };
        *event = Event::Trading(T::OrderRested { order: trade.buy.order });
        true
    });
    assert_eq!(broken(&history), ["crossed book", "price-time priority"]);
}

#[test]
fn an_order_that_is_left_before_its_end_is_found() {
    let history = whole_day().without(|event| matches!(event, Event::Trading(T::OrderRested { .. })));
    assert!(broken(&history).contains(&"price-time priority"));
}

#[test]
fn a_trade_with_oneself_that_was_to_be_prevented_is_found() {
    use SelfTradePrevention as P;
    for (prevention, cancels) in [(P::CancelNewest, 1), (P::CancelOldest, 1), (P::CancelBoth, 2)] {
        let mut market = Market::whole();
        market.place(limit("ANN", Side::Sell, 100_00, 5));
        let order = limit("ANNA", Side::Buy, 100_00, 5);
        market.place(PlaceOrder { self_trade_prevention: prevention, ..order });
        assert_eq!(broken(&market.history), [""; 0]);
        for cancel in 0..cancels {
            let is_self = |event: &Event| {
                matches!(event, Event::Trading(T::OrderCanceled { cause: Cause::SelfTrade, .. }))
            };
            let history = market.history.clone().with_events(|events| {
                let mut at = (0..events.len()).filter(|at| is_self(&events[*at]));
                at.nth(cancel).map(|at| events.remove(at)).is_some()
            });
            assert!(!broken(&history).is_empty(), "{prevention:?} without cancel {cancel}");
        }
    }
}

#[test]
fn a_cancel_for_a_meeting_that_never_was_is_found() {
    let history = whole_day().with_event(|event| {
        let Event::Trading(T::OrderCanceled { cause: cause @ Cause::Requested, .. }) = event else {
            return false;
        };
        *cause = Cause::SelfTrade;
        true
    });
    assert_eq!(broken(&history), ["price-time priority"]);
}

#[test]
fn an_auction_at_another_price_is_found() {
    let history = whole_day().with_event(|event| {
        let Event::Trading(T::AuctionUncrossed { price, .. }) = event else { return false };
        *price += Price(1);
        true
    });
    assert_eq!(broken(&history), ["auction price", "price-time priority"]);
}

#[test]
fn an_auction_that_stops_early_or_never_begins_is_found() {
    let is_auction = |event: &Event| {
        matches!(event, Event::Trading(T::OrderExecuted(trade)) if trade.aggressor.is_none())
            || matches!(event, Event::Trading(T::AuctionUncrossed { .. }))
    };
    let has_uncross = |events: &[Event]| {
        events.iter().any(|event| matches!(event, Event::Trading(T::AuctionUncrossed { .. })))
    };
    let early = whole_day().with_events(|events| {
        let last = events.iter().rposition(is_auction).filter(|_| has_uncross(events));
        last.map(|at| events.remove(at)).is_some()
    });
    assert!(broken(&early).contains(&"price-time priority"));
    let never = whole_day().with_events(|events| {
        let has = has_uncross(events);
        events.retain(|event| !has || !is_auction(event));
        has
    });
    assert!(broken(&never).contains(&"crossed book"));
}

#[test]
fn trading_where_nothing_may_trade_is_found() {
    let history = whole_day().with_event(|event| {
        let Event::Trading(T::PhaseChanged { to, .. }) = event else { return false };
        *to = Phase::Halted;
        true
    });
    let broken = broken(&history);
    assert!(broken.contains(&"phases") && broken.contains(&"tick, lot and band"), "{broken:?}");
}

#[test]
fn a_day_order_that_outlives_its_day_is_found() {
    let history = whole_day().without(|event| matches!(event, Event::Trading(T::OrderExpired { .. })));
    assert!(broken(&history).contains(&"time in force"));
}

#[test]
fn orders_that_reach_a_book_in_another_order_are_found() {
    let mut market = Market::spread(3);
    market.unreachable = Some(Context::Settlement);
    market.place(limit("ANN", Side::Buy, 99_00, 1));
    market.step(20);
    market.unreachable = None;
    market.wait(1);
    market.place(limit("BOB", Side::Buy, 99_00, 1));
    market.calm();
    assert_eq!(broken(&market.history), [""; 0]);
    // The one in front is decided later than the one behind it is let in.
    let created = |event: &Event| {
        let Event::Trading(T::OrderCreated(created)) = event else { return None };
        Some(created.terms.order)
    };
    let events = market.history.records().flat_map(|(_, record)| record.events());
    let orders: Vec<OrderId> = events.filter_map(created).collect();
    let (first, second) = (orders[0], orders[1]);
    let history = swapped(market.history.clone(), first, second);
    assert!(broken(&history).contains(&"order of creation"), "{:?}", broken(&history));
}

/// What is said of one order when it is let in is said of the other.
fn swapped(mut history: History, one: OrderId, other: OrderId) -> History {
    let swap = |order: &mut OrderId| *order = if *order == one { other } else { one };
    for heard in &mut history.heard {
        let super::super::market::Heard::Recorded(_, _, record) = heard else { continue };
        let engine::Outcome::Events(events) = &mut record.outcome else { continue };
        for event in events {
            if let Event::Trading(T::OrderAccepted { order } | T::OrderRested { order }) = event {
                swap(order);
            }
        }
    }
    history
}

#[test]
fn orders_outside_tick_lot_and_band_are_found() {
    let changed = |change: fn(&mut CreatedOrder)| {
        broken(&whole_day().with_event(|event| {
            let Event::Trading(T::OrderCreated(created)) = event else { return false };
            change(created);
            true
        }))
    };
    assert!(changed(|order| order.limit = Price(120_01)).contains(&"tick, lot and band"));
    assert!(changed(|order| order.limit = Price(0)).contains(&"tick, lot and band"));
    assert!(changed(|order| order.quantity = Quantity(0)).contains(&"tick, lot and band"));
    assert!(changed(|order| order.notional += vocabulary::Amount(1)).contains(&"tick, lot and band"));
    let market = |order: &mut CreatedOrder| order.kind = OrderKind::Market;
    assert!(changed(market).contains(&"tick, lot and band"));
}

#[test]
fn a_replacement_that_comes_to_something_else_is_found() {
    let shrunk = whole_day().with_event(|event| {
        let Event::Trading(T::OrderReduced { by, .. }) = event else { return false };
        *by += Quantity(1);
        true
    });
    assert!(broken(&shrunk).contains(&"replacement"));
    let still_there = whole_day()
        .without(|event| matches!(event, Event::Trading(T::OrderCanceled { cause: Cause::Replaced, .. })));
    assert!(broken(&still_there).contains(&"replacement"));
    let larger = whole_day().with_event(|event| {
        let Event::Trading(T::OrderCreated(created)) = event else { return false };
        let is_replacement = created.replaces.is_some();
        if is_replacement {
            created.quantity += Quantity(1);
            created.notional += vocabulary::Amount(i128::from(created.limit.0));
        }
        is_replacement
    });
    assert!(broken(&larger).contains(&"replacement"));
}

#[test]
fn a_replacement_for_more_than_the_old_order_has_left_is_found() {
    let mut market = Market::spread(4);
    let old = market.place(limit("BOB", Side::Sell, 100_00, 10));
    market.calm();
    market.unreachable = Some(Context::Risk);
    market.place(limit("ANN", Side::Buy, 100_00, 4));
    market.must(replace(old, Some(100_01), 10));
    market.unreachable = None;
    market.calm();
    assert_eq!(broken(&market.history), [""; 0]);
    let is_reduced = |event: &Event| matches!(event, Event::Trading(T::OrderReduced { .. }));
    assert_eq!(broken(&market.history.without(is_reduced)), ["replacement"]);
}

#[test]
fn a_block_trade_at_another_price_is_found() {
    let is_block = |trade: &Trade| trade.price == Price(101_00) && trade.quantity == Quantity(20);
    let history = whole_day().with_event(|event| {
        let trade = traded(event).filter(|trade| is_block(trade));
        trade.map(|trade| trade.price = Price(100_99)).is_some()
    });
    assert_eq!(broken(&history), ["block trade", "trade terms"]);
}

#[test]
fn an_undecided_order_is_found_at_the_end() {
    let mut market = Market::whole();
    market.place(limit("ANN", Side::Buy, 99_00, 1));
    market.must(phase(Phase::Halted));
    let history = market.history.with_events(|events| {
        let before = events.len();
        events.retain(|event| {
            !matches!(event, Event::Trading(T::OrderAccepted { .. } | T::OrderRested { .. }))
        });
        before > events.len()
    });
    assert_eq!(broken(&history), ["order of creation"]);
}

/// An order of somebody's own, by what matters to matching.
fn order(number: u64, side: Side, limit: i64, total: i64) -> Order {
    Order {
        id: OrderId(number),
        instrument: id("ACME"),
        account: id(&format!("A{number}")),
        participant: id("NORTH"),
        owner: Some(id(&format!("owner-{number}"))),
        side,
        limit,
        total,
        executed: 0,
        parts: 0,
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        prevention: SelfTradePrevention::Off,
        replaces: None,
        swept: None,
        is_accepted: true,
    }
}

fn market(phase: Phase, orders: Vec<Order>) -> book::Market {
    book::Market { phase, book: orders, ..book::Market::new(instrument()) }
}

fn next(order: Order, market: &book::Market) -> Step {
    Incoming { order, is_gone: false, since: 0, is_stopped: false }.next(market)
}

#[test]
fn a_better_price_comes_first_and_then_the_earlier_order() {
    let sells = [(1, 100_02, 5), (2, 100_01, 5), (3, 100_01, 9)];
    let sells = sells.map(|(number, limit, total)| order(number, Side::Sell, limit, total));
    let market = market(Phase::Continuous, sells.to_vec());
    let buy = |limit, total| order(9, Side::Buy, limit, total);
    let with_second = |quantity| Step::Trade { with: OrderId(2), price: 100_01, quantity };
    assert_eq!(next(buy(100_02, 7), &market), with_second(5));
    assert_eq!(next(buy(100_01, 3), &market), with_second(3));
    assert_eq!(next(buy(100_00, 3), &market), Step::Rest);
    let at_once = |time_in_force, total| Order { time_in_force, ..buy(100_01, total) };
    assert_eq!(next(at_once(TimeInForce::FillOrKill, 14), &market), with_second(5));
    let kill = Step::Cancel(Cause::FillOrKill);
    assert_eq!(next(at_once(TimeInForce::FillOrKill, 15), &market), kill);
    let ioc = Order { limit: 100_00, ..at_once(TimeInForce::ImmediateOrCancel, 1) };
    assert_eq!(next(ioc, &market), Step::Cancel(Cause::ImmediateOrCancel));
    assert_eq!(next(Order { post_only: true, ..buy(100_01, 1) }, &market), Step::Cancel(Cause::PostOnly));
}

#[test]
fn the_incoming_order_says_what_happens_when_an_owner_meets_himself() {
    let resting = [order(1, Side::Sell, 100_00, 5), order(2, Side::Sell, 100_01, 5)];
    let market = market(Phase::Continuous, resting.to_vec());
    let owner = market.book[0].owner;
    let buy = |prevention| Order { owner, prevention, ..order(9, Side::Buy, 100_01, 5) };
    let trade = Step::Trade { with: OrderId(1), price: 100_00, quantity: 5 };
    let cancel_own = Step::CancelOwn { resting: OrderId(1) };
    use SelfTradePrevention as P;
    assert_eq!(next(buy(P::Off), &market), trade);
    assert_eq!(next(buy(P::CancelNewest), &market), Step::Cancel(Cause::SelfTrade));
    assert_eq!(next(buy(P::CancelOldest), &market), cancel_own);
    assert_eq!(next(buy(P::CancelBoth), &market), cancel_own);
    let fill_or_kill =
        |prevention, total| Order { time_in_force: TimeInForce::FillOrKill, total, ..buy(prevention) };
    assert_eq!(next(fill_or_kill(P::CancelOldest, 5), &market), cancel_own);
    assert_eq!(next(fill_or_kill(P::CancelOldest, 6), &market), Step::Cancel(Cause::FillOrKill));
    assert_eq!(next(fill_or_kill(P::CancelNewest, 5), &market), Step::Cancel(Cause::FillOrKill));
}

#[test]
fn nothing_matches_where_orders_collect_or_rest() {
    for phase in [Phase::Closed, Phase::Halted, Phase::OpeningAuction, Phase::ClosingAuction] {
        let market = market(phase, vec![order(1, Side::Sell, 100_00, 5)]);
        let buy = order(9, Side::Buy, 100_00, 5);
        assert_eq!(next(buy.clone(), &market), Step::Rest, "{phase:?}");
        let at_once = Order { time_in_force: TimeInForce::FillOrKill, ..buy };
        assert_eq!(next(at_once, &market), Step::Cancel(Cause::PhaseEnded), "{phase:?}");
    }
}

/// The four rules, one after another, over every tick.
fn uncross_by_trying(market: &book::Market) -> Option<Uncross> {
    let at = |price: i64| {
        let sum = |side| -> i64 {
            market.book.iter().filter(|o| o.side == side && o.takes(price)).map(Order::left).sum()
        };
        let (demand, supply) = (sum(Side::Buy), sum(Side::Sell));
        Uncross { price, quantity: demand.min(supply), surplus: demand - supply }
    };
    let mut all: Vec<Uncross> = (99_80..=100_20).map(at).collect();
    let most = all.iter().map(|u| u.quantity).max().filter(|most| *most > 0)?;
    all.retain(|u| u.quantity == most);
    let least = all.iter().map(|u| u.surplus.abs()).min()?;
    all.retain(|u| u.surplus.abs() == least);
    if all.iter().all(|u| u.surplus > 0) {
        return all.last().copied();
    }
    if all.iter().all(|u| u.surplus < 0) {
        return all.first().copied();
    }
    let reference = market.instrument.reference_price.0;
    all.sort_by_key(|u| ((u.price - reference).abs(), -u.price));
    all.first().copied()
}

#[test]
fn the_auction_price_is_the_one_that_trying_every_tick_gives() {
    let mut dice = crate::Dice::new(7);
    let mut crossed = 0;
    for _ in 0..2_000 {
        let count = dice.between(2, 9);
        let drawn = (0..count).map(|number| {
            let side = *dice.pick(&[Side::Buy, Side::Sell]);
            let limit = 99_90 + i64::try_from(dice.below(20)).unwrap();
            order(number, side, limit, 1 + i64::try_from(dice.below(6)).unwrap())
        });
        let mut market = market(Phase::OpeningAuction, drawn.collect());
        market.instrument.reference_price = Price(99_85 + i64::try_from(dice.below(30)).unwrap());
        let right = uncross_by_trying(&market);
        assert_eq!(uncross(&market), right, "{:?}", market.book);
        crossed += u64::from(right.is_some());
    }
    assert!(crossed > 500, "only {crossed} of the books cross");
}
