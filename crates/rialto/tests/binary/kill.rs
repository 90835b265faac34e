//! kill -9 under load, again and again: nothing that was acknowledged is lost, and nothing happens twice.

use crate::server::{Server, printed, run, token};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const CLIENTS: usize = 4;

/// Kills for one run of the test; more with `RIALTO_KILLS`.
fn kills() -> u64 {
    std::env::var("RIALTO_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

type Acknowledged = Arc<Mutex<BTreeMap<String, u64>>>;

/// Places orders until told to stop or the server is gone; notes what was acknowledged.
fn place_orders(
    server: &Server,
    token: &str,
    numbers: &AtomicU64,
    acknowledged: &Acknowledged,
    stop: &AtomicBool,
) {
    while !stop.load(Ordering::Relaxed) {
        let client_order_id = format!("order-{}", numbers.fetch_add(1, Ordering::Relaxed));
        let Ok((status, answer)) = server.post(token, "/trading/orders", &Server::order(&client_order_id))
        else {
            return;
        };
        if status == 201 || status == 200 {
            let order = answer["order"].as_u64().expect("an order has an id");
            acknowledged.lock().unwrap().insert(client_order_id, order);
        }
    }
}

#[test]
fn fault_1_kill_9_under_load_loses_no_acknowledged_order() {
    let (directory, mut server) = Server::trading();
    let trader = token(directory.path(), "ann", "trader");
    let (numbers, acknowledged) = (AtomicU64::new(0), Acknowledged::default());
    for round in 0..kills() {
        let stop = AtomicBool::new(false);
        let before = acknowledged.lock().unwrap().len();
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| place_orders(&server, &trader, &numbers, &acknowledged, &stop));
            }
            // A different moment each time; the more orders, the more of what goes on is met.
            while acknowledged.lock().unwrap().len() < before + 20 {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_millis(round * 7 % 40));
            let pid = server.id().to_string();
            assert!(std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
        });
        server.kill();
        server = Server::start(directory.path());
        for (client_order_id, order) in acknowledged.lock().unwrap().iter() {
            let (status, again) =
                server.post(&trader, "/trading/orders", &Server::order(client_order_id)).unwrap();
            assert!(status < 300, "{client_order_id}: {status} {again}");
            assert_eq!(
                again["order"].as_u64(),
                Some(*order),
                "the retry of {client_order_id} gets the stored answer"
            );
        }
    }
    assert_eq!(server.terminate(), Some(0));
    let data = directory.path().to_str().unwrap();
    printed(&run(&["journal", "verify", "--data", data]));
    printed(&run(&["audit", "verify", "--data", data]));
    let orders = acknowledged.lock().unwrap().len();
    assert!(orders >= usize::try_from(kills() * 20).unwrap(), "{orders} orders were acknowledged");
}

#[test]
fn fault_20_sigterm_under_load_keeps_every_acknowledged_order() {
    let (directory, mut server) = Server::trading();
    let trader = token(directory.path(), "ann", "trader");
    let (numbers, acknowledged, stop) = (AtomicU64::new(0), Acknowledged::default(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| place_orders(&server, &trader, &numbers, &acknowledged, &stop));
        }
        while acknowledged.lock().unwrap().len() < 100 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let id = server.id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    });
    assert_eq!(server.wait(), Some(0), "it ends in order");
    let server = Server::start(directory.path());
    for (client_order_id, order) in acknowledged.lock().unwrap().iter() {
        let (_, again) = server.post(&trader, "/trading/orders", &Server::order(client_order_id)).unwrap();
        assert_eq!(again["order"].as_u64(), Some(*order));
    }
}
