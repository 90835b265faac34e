//! The demo, played faster than life.

#![allow(clippy::unwrap_used, reason = "what does not come out as expected ends the test")]

use super::*;
use crate::embedded;
use engine::{Event, Outcome};
use node::{Batch, Follower, FollowerError, NodeConfig, SystemClock};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

#[derive(Default)]
struct Seen {
    orders: usize,
    rejected: BTreeMap<String, usize>,
    trades: usize,
    instruments_traded: BTreeSet<String>,
    with_itself: Vec<String>,
    within_a_member: usize,
    recycled: usize,
    operator_refused: Vec<String>,
    switches_lifted: usize,
}

impl Seen {
    fn see(&mut self, event: &Event) {
        if let Event::Trading(event) = event {
            self.see_trading(event);
        }
        self.recycled +=
            usize::from(matches!(event, Event::Settlement(settlement::Event::TradeRecycled { .. })));
        let lifted = matches!(event, Event::Risk(risk::Event::KillSwitchLifted { .. }));
        self.switches_lifted += usize::from(lifted);
    }

    fn see_trading(&mut self, event: &trading::Event) {
        if let trading::Event::OrderCreated(_) = event {
            self.orders += 1;
        }
        if let trading::Event::OrderRejected { reason, .. } = event {
            *self.rejected.entry(reason.code.clone()).or_default() += 1;
        }
        if let trading::Event::OrderExecuted(trade) = event {
            self.trades += 1;
            self.instruments_traded.insert(trade.instrument.to_string());
            if trade.buy.account == trade.sell.account {
                self.with_itself.push(trade.buy.account.to_string());
            }
            self.within_a_member += usize::from(trade.buy.participant == trade.sell.participant);
        }
    }
}

struct Watcher {
    seen: Arc<Mutex<Seen>>,
    next_position: u64,
}

impl Follower for Watcher {
    fn name(&self) -> &'static str {
        "watcher"
    }

    fn next_position(&self) -> u64 {
        self.next_position
    }

    fn follow(&mut self, batches: &[Batch]) -> Result<(), FollowerError> {
        let mut seen = self.seen.lock().unwrap();
        for record in batches.iter().flat_map(|batch| batch.iter()) {
            self.next_position = record.moment.position + 1;
            record.events().iter().for_each(|event| seen.see(event));
            if let Outcome::Refused(refusal) = &record.outcome
                && record.request.actor == cast::operator()
            {
                seen.operator_refused.push(refusal.to_string());
            }
        }
        Ok(())
    }
}

/// Plays the past day and then so many moments of the live one, and gives what was seen of each.
fn play(moments: u64) -> (Seen, Seen) {
    let directory = tempfile::tempdir().unwrap();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let watcher = Watcher { seen: Arc::clone(&seen), next_position: 1 };
    let opened = embedded::open(directory.path(), |_| ()).unwrap();
    let followers: Vec<Box<dyn Follower>> = vec![Box::new(watcher)];
    let node = opened.start(&NodeConfig::default(), Box::new(SystemClock::new()), followers).unwrap();
    let stage = Stage { node: node.handle(), sent: AtomicU64::new(0) };
    let (past, today) = (Date::new(2023, 2, 7).unwrap(), Date::new(2023, 2, 8).unwrap());
    let mut dice = Dice::new(7);
    stage.play_past_day(past, today, &mut dice).unwrap();
    stage.open_live_day(today).unwrap();
    let reached = stage.node.durable_position();
    while stage.node.status().followers.iter().any(|follower| follower.next_position <= reached) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let past_day = std::mem::take(&mut *seen.lock().unwrap());
    let mut traders = Traders::two_sided();
    for act in 0..moments {
        stage.live(act, Date::new(2023, 2, 9).unwrap(), &mut traders, &mut dice).unwrap();
    }
    drop(stage);
    node.stop().unwrap();
    (past_day, std::mem::take(&mut *seen.lock().unwrap()))
}

#[test]
fn it_goes_on_in_every_market_with_few_refusals_and_nobody_trades_with_itself() {
    let (past, live) = play(ORDERS_BETWEEN_SETTLEMENTS + 500);
    assert_eq!((past.instruments_traded.len(), live.instruments_traded.len()), (4, 4));
    assert!(past.recycled > 0, "a shortfall is shown");
    assert_eq!(
        past.within_a_member, 0,
        "what was recycled could have been covered by netting within the member"
    );
    assert_eq!(live.recycled, 0, "the shortfall is over");
    assert_eq!((past.with_itself, live.with_itself), (Vec::new(), Vec::new()));
    assert_eq!((past.operator_refused, live.operator_refused), (Vec::new(), Vec::new()));
    assert!(live.switches_lifted > 0, "the operator pauses an account and lets it go on");
    let rejected: usize = live.rejected.values().sum();
    assert!(
        rejected > 0 && rejected * 12 < live.orders,
        "{rejected} of {}: {:?}",
        live.orders,
        live.rejected
    );
    assert!(!live.rejected.contains_key("compliance.orders-per-hour"), "{:?}", live.rejected);
    assert!(live.trades * 5 > live.orders, "{} trades of {} orders", live.trades, live.orders);
}
