//! Clients that place orders while something happens, and never give up.

use crate::server::Server;
use serde_json::Value;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const CLIENTS: usize = 3;
/// What their client order ids begin with.
const PREFIX: &str = "order-";
/// How long anything that must come may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// One that leads for so long leads on: longer than a lease is good.
const LEADS_ON: Duration = Duration::from_secs(2);

thread_local! {
    /// Requests of this thread that were not answered as they should be, and were sent again.
    static REPEATED: Cell<u64> = const { Cell::new(0) };
    /// Orders of this thread that were rejected because a service was away for too long.
    static GIVEN_UP: Cell<u64> = const { Cell::new(0) };
}

/// Counts an order that was given up.
pub(crate) fn give_up() {
    GIVEN_UP.set(GIVEN_UP.get() + 1);
}

/// Counts a request that has to be sent again.
pub(crate) fn repeat() {
    REPEATED.set(REPEATED.get() + 1);
}

/// How long something that orders do not need is away, at least: `RIALTO_FAULT_SECONDS`.
pub(crate) fn away_for() -> Duration {
    let seconds = std::env::var("RIALTO_FAULT_SECONDS").ok();
    Duration::from_secs(seconds.map_or(0, |seconds| seconds.parse().unwrap()))
}

/// Waits until there is what is waited for.
pub(crate) fn await_that<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn signal(server: &Server, name: &str) {
    assert!(Command::new("kill").args([name, &server.id().to_string()]).status().unwrap().success());
}

/// What a supervisor of processes does that lead one after another: starts those again that have ended, as one does that has
/// led and does no more. Until one of them leads on for good.
pub(crate) fn supervise(
    count: usize,
    has_ended: impl Fn(usize) -> bool,
    restart: impl Fn(usize),
    is_leading: impl Fn(usize) -> bool,
) {
    let mut leads: Option<(usize, Instant)> = None;
    await_that("one to lead on", || {
        for number in (0..count).filter(|number| has_ended(*number)) {
            restart(number);
            leads = None;
        }
        let leader = (0..count).find(|number| is_leading(*number));
        let before = leads.filter(|(before, _)| Some(*before) == leader);
        leads = before.or(leader.map(|leader| (leader, Instant::now())));
        leads.filter(|(_, since)| since.elapsed() > LEADS_ON).map(drop)
    });
}

/// Tells clients to end when it goes.
struct Enough<'a>(&'a AtomicBool);

impl Drop for Enough<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What clients were told of their orders, by client order id: order and position.
#[derive(Default)]
pub(crate) struct Orders {
    numbers: AtomicU64,
    told: Mutex<BTreeMap<String, (u64, u64)>>,
    enough: AtomicBool,
    watch: Mutex<Watch>,
}

/// How orders went while something happened.
#[derive(Default)]
struct Watch {
    orders: u64,
    repeated: u64,
    given_up: u64,
    last: Option<Instant>,
    longest_gap: Duration,
}

impl Watch {
    fn taken(&mut self) {
        let now = Instant::now();
        self.orders += 1;
        self.repeated += REPEATED.take();
        self.given_up += GIVEN_UP.take();
        let gap = self.last.replace(now).map_or(Duration::ZERO, |last| now - last);
        self.longest_gap = self.longest_gap.max(gap);
    }
}

impl Orders {
    /// Lets clients place orders while something happens, and prints how they went. Says how many were given up.
    pub(crate) fn under_load(
        &self,
        what: &str,
        place: impl Fn(&str) -> (u64, u64) + Sync,
        what_happens: impl FnOnce(),
    ) -> u64 {
        *self.watch.lock().unwrap() = Watch::default();
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| self.place(&place));
            }
            // Also when something in here does not come out as expected.
            let _ended = Enough(&self.enough);
            self.await_more(50);
            what_happens();
            // Whatever has happened, orders go on.
            self.await_more(50);
        });
        self.enough.store(false, Ordering::Relaxed);
        let Watch { orders, repeated, given_up, longest_gap, .. } = *self.watch.lock().unwrap();
        eprintln!(
            "fault: {what}: {orders} orders, {given_up} of them given up, {repeated} requests sent again; \
             longest gap {:.1} s",
            longest_gap.as_secs_f32()
        );
        given_up
    }

    fn place(&self, place: &impl Fn(&str) -> (u64, u64)) {
        while !self.enough.load(Ordering::Relaxed) {
            let client_order_id = format!("{PREFIX}{}", self.numbers.fetch_add(1, Ordering::Relaxed));
            let told = place(&client_order_id);
            self.watch.lock().unwrap().taken();
            self.told.lock().unwrap().insert(client_order_id, told);
        }
    }

    /// How many were acknowledged.
    pub(crate) fn count(&self) -> usize {
        self.told.lock().unwrap().len()
    }

    pub(crate) fn await_more(&self, more: usize) {
        let enough = self.count() + more;
        await_that("more orders to be taken", || (self.count() >= enough).then_some(()));
    }

    /// Each acknowledged order is in the list, once, and nothing else is.
    pub(crate) fn assert_all_are_in(&self, list: &[Value]) {
        let told = self.told.lock().unwrap();
        let mut there: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for order in list {
            // Others are not of these clients.
            let id = order["client_order_id"].as_str().filter(|id| id.starts_with(PREFIX));
            let Some(id) = id else { continue };
            there.entry(id.to_owned()).or_default().push(order["order"].as_u64().unwrap());
        }
        assert_eq!(there.len(), told.len(), "nothing is there that was not acknowledged in the end");
        for (client_order_id, (order, _)) in told.iter() {
            assert_eq!(there.get(client_order_id), Some(&vec![*order]), "{client_order_id}");
        }
    }

    /// A retry gets the answer that was given.
    pub(crate) fn assert_retries_are_told_the_same(&self, place: impl Fn(&str) -> (u64, u64)) {
        for (client_order_id, told) in self.told.lock().unwrap().iter().take(20) {
            assert_eq!(place(client_order_id), *told, "{client_order_id}");
        }
    }
}
