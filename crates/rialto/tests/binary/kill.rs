//! kill -9 and SIGTERM under load: nothing that was acknowledged is lost, and nothing happens twice.

use crate::server::{Server, printed, rialto, run, token};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::{Child, Command};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use testbed::ends_within;

const CLIENTS: usize = 4;
const ORDERS: &str = "/trading/orders";

/// Kills for one run of the test; more with `RIALTO_KILLS`.
fn kills() -> u64 {
    std::env::var("RIALTO_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

/// What a client was told of its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    order: u64,
    position: u64,
}

impl Told {
    fn of(answer: &Value) -> Self {
        let number = |name: &str| answer[name].as_u64().unwrap_or_else(|| panic!("no {name}: {answer}"));
        Self { order: number("order"), position: number("position") }
    }
}

/// Clients that place orders, and what they were told, by client order id.
#[derive(Default)]
struct Clients {
    numbers: AtomicU64,
    told: Mutex<BTreeMap<String, Told>>,
}

impl Clients {
    /// One of them: places orders until the server is gone.
    fn place_orders(&self, server: &Server, token: &str) {
        loop {
            let number = self.numbers.fetch_add(1, Ordering::Relaxed);
            let client_order_id = format!("order-{number}");
            let Ok((status, answer)) = server.post(token, ORDERS, &Server::order(&client_order_id)) else {
                return;
            };
            match status {
                201 => drop(self.told.lock().unwrap().insert(client_order_id, Told::of(&answer))),
                503 => {}
                other => panic!("{other}: {answer}"),
            }
        }
    }

    fn count(&self) -> usize {
        self.told.lock().unwrap().len()
    }

    /// Lets them all place orders, sends the signal when so many more were acknowledged and a little later, and waits
    /// until they see that the server is gone.
    fn interrupt(&self, server: &Server, token: &str, more: usize, later: Duration, signal: &str) {
        let enough = self.count() + more;
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| self.place_orders(server, token));
            }
            let deadline = Instant::now() + Duration::from_secs(60);
            while self.count() < enough && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(later);
            let id = server.id().to_string();
            assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        });
        assert!(self.count() >= enough, "{} orders were acknowledged in time", self.count());
    }

    /// Each acknowledged order is there, once, under the id and at the position that its client was told.
    fn assert_all_are_there(&self, server: &Server, token: &str) -> usize {
        let mut there: BTreeMap<String, Vec<Told>> = BTreeMap::new();
        for order in server.list(token, ORDERS) {
            let id = order["client_order_id"].as_str().unwrap().to_owned();
            there.entry(id).or_default().push(Told::of(&order));
        }
        for (client_order_id, told) in self.told.lock().unwrap().iter() {
            assert_eq!(there.get(client_order_id), Some(&vec![*told]), "{client_order_id}");
        }
        there.len()
    }

    /// The retry of each order from that one on gets the stored answer.
    fn assert_retries_get_the_answer(&self, server: &Server, token: &str, from: u64) {
        let told = self.told.lock().unwrap();
        for (client_order_id, told) in told.iter().filter(|(_, told)| told.order >= from) {
            let (status, again) = server.post(token, ORDERS, &Server::order(client_order_id)).unwrap();
            assert_eq!((status, Told::of(&again)), (201, *told), "{client_order_id}");
        }
    }
}

fn verify(mut server: Server) {
    assert_eq!(server.terminate(), Some(0));
    let data = server.data.to_str().unwrap();
    printed(&run(&["journal", "verify", "--data", data]));
    printed(&run(&["audit", "verify", "--data", data]));
}

#[test]
#[allow(clippy::print_stdout, reason = "a long run says what it did")]
fn fault_1_kill_9_under_load_loses_no_acknowledged_order() {
    let (directory, mut server) = Server::trading();
    let trader = token(directory.path(), "ann", "trader");
    let clients = Clients::default();
    for round in 0..kills() {
        let before = server.position();
        // A different moment each time; the more orders, the more of what goes on is met.
        clients.interrupt(&server, &trader, 20, Duration::from_millis(round * 7 % 40), "-KILL");
        server.kill();
        server = Server::start(directory.path());
        clients.assert_all_are_there(&server, &trader);
        clients.assert_retries_get_the_answer(&server, &trader, before);
    }
    clients.assert_retries_get_the_answer(&server, &trader, 0);
    println!("{} kills, {} acknowledged orders", kills(), clients.count());
    verify(server);
}

/// Whoever reads that it is up may want it to stop at once, and have it end in order. Here nobody reads: the server is
/// held where it says so, and has to be ready by then.
#[test]
fn fault_20_signals_are_wishes_to_stop_before_anybody_is_told_that_it_is_up() {
    let directory = tempfile::tempdir().unwrap();
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    let stdout = writer.try_clone().unwrap();
    // More than a pipe holds.
    let filling = std::thread::spawn(move || writer.write_all(&vec![b'\n'; 1 << 21]));
    let mut command = rialto();
    command.args(["up", "--listen", "127.0.0.1:0", "--data"]).arg(directory.path());
    let mut child = command.stdout(stdout).spawn().unwrap();
    drop(command);
    let deadline = Instant::now() + Duration::from_secs(60);
    let is_ready = |child: &Child| [2, 15].iter().all(|&signal| catches(child.id(), signal));
    while !is_ready(&child) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    if !is_ready(&child) {
        child.kill().unwrap();
        panic!("a signal would have killed it");
    }
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    filling.join().unwrap().unwrap();
    let ended = ends_within(&mut child, Duration::from_secs(60)).unwrap();
    assert_eq!(ended.and_then(|status| status.code()), Some(0), "{said}");
    assert!(said.contains("rialto is up"), "{said}");
}

/// Whether a process does something of its own at a signal.
fn catches(process: u32, signal: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << (signal - 1)) != 0
}

#[test]
fn fault_20_sigterm_under_load_answers_what_is_in_progress_and_keeps_it() {
    let (directory, mut server) = Server::trading();
    let trader = token(directory.path(), "ann", "trader");
    let clients = Clients::default();
    for _ in 0..3 {
        clients.interrupt(&server, &trader, 100, Duration::ZERO, "-TERM");
        assert_eq!(server.wait(), Some(0), "it ends in order");
        server = Server::start(directory.path());
        let there = clients.assert_all_are_there(&server, &trader);
        assert_eq!(there, clients.count(), "whatever was taken was also answered");
    }
    clients.assert_retries_get_the_answer(&server, &trader, 0);
    verify(server);
}
