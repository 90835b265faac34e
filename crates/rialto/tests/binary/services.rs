//! Every service in processes of its own, two of each, with a gateway before them: the same life of an order, to the same
//! state, whichever of them is killed or falls asleep. Needs PostgreSQL installed.

use crate::cluster::{Cluster, ORDERS, SERVICES, Service};
use crate::load::{await_that, signal};
use crate::server::{Server, printed, run, token};
use crate::wires::Wires;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// A day with trades, a refusal, and its settlement.
pub(crate) fn trade(server: &Server) {
    server.open_market();
    server.open_seller();
    let (ann, bob) = (token(&server.data, "ann", "trader"), token(&server.data, "bob", "trader"));
    let risk = token(&server.data, "risk-1", "risk");
    let limit = json!({"scope": {"account": "ANN"}, "measure": {"order_quantity": "ACME"}, "limit": "500"});
    server.must(&risk, "/risk/limits", &limit);
    for number in 0..12 {
        let side = |side, account, price: &str, quantity: &str| {
            json!({"account": account, "instrument": "ACME", "side": side, "price": price, "quantity": quantity,
                   "client_order_id": format!("{side}-{number}")})
        };
        let price = format!("{}.00", 99 + number % 3);
        assert_eq!(server.post(&bob, ORDERS, &side("sell", "BOB", &price, "7")).unwrap().0, 201);
        let bought = server.post(&ann, ORDERS, &side("buy", "ANN", "100.00", "5")).unwrap();
        assert_eq!(bought.0, 201, "{bought:?}");
    }
    let refused = |quantity: &str, code: &str| {
        let order = json!({"account": "ANN", "instrument": "ACME", "side": "buy", "price": "90.00",
                           "quantity": quantity, "client_order_id": code});
        let (status, problem) = server.post(&ann, ORDERS, &order).unwrap();
        assert_eq!((status, &problem["code"]), (422, &json!(code)), "{problem}");
    };
    refused("600", "risk.order-quantity");
    let operator = token(&server.data, "operator-1", "operator");
    let settled = server.must(&operator, "/settlement/process", &json!({"date": "2023-02-07"}));
    assert_eq!(settled["status"], "complete", "{settled}");
}

/// The gateway tells an order's life over all services; its owner is told what trading has of it.
fn assert_traced(cluster: &Cluster) {
    let trace = |user, role| {
        let token = cluster.token(user, role);
        let (status, orders) = cluster.gateway.get(&token, "/trading/orders?account=ANN&status=settled");
        assert_eq!(status, 200, "{orders}");
        let path = format!("/trading/orders/{}/trace", orders["items"][0]["order"]);
        let (status, trace) = cluster.gateway.get(&token, &path);
        assert_eq!(status, 200, "{trace}");
        trace
    };
    let whole = trace("auditor-1", "auditor");
    assert_eq!(whole["missing"], json!([]), "{whole}");
    let items = whole["items"].as_array().unwrap().iter();
    let told = items.map(|item| (item["service"].as_str().unwrap(), item["event"].as_str().unwrap()));
    let told: Vec<_> = told.collect();
    let at =
        |what| told.iter().position(|told| *told == what).unwrap_or_else(|| panic!("{what:?}: {told:?}"));
    for (service, event) in
        [("compliance", "OrderChecked"), ("risk", "ExposureHeld"), ("settlement", "QuotaHeld")]
    {
        assert!(at(("trading", "OrderCreated")) < at((service, event)), "{told:?}");
        assert!(at((service, event)) < at(("trading", "OrderAccepted")), "{told:?}");
    }
    assert!(at(("settlement", "TradeSettled")) < at(("trading", "OrderSettled")), "{told:?}");
    assert_eq!(trace("ann", "trader")["missing"], json!(["settlement", "risk", "compliance"]));
}

#[test]
fn c10_an_orders_life_comes_to_the_same_state_in_services_of_their_own_as_in_one_process() {
    let (_directory, mut embedded) = {
        let directory = tempfile::tempdir().unwrap();
        let server = Server::start(directory.path());
        (directory, server)
    };
    trade(&embedded);
    assert_eq!(embedded.terminate(), Some(0));
    let data = embedded.data.to_str().unwrap();
    let said = printed(&run(&["journal", "state", "--data", data, "--json"]));
    let expected: Value = serde_json::from_str(&said).unwrap();
    let cluster = Cluster::start();
    trade(&cluster.gateway);
    cluster.calm();
    assert_traced(&cluster);
    assert_eq!(cluster.state(), expected["services"]);
    cluster.verify();
}

/// A made-up day: orders around one price, in an auction and after it, a quarter of them cancelled later.
fn day() -> String {
    let mut rows = "time,phase,action,order,side,price,quantity\n".to_owned();
    for number in 1..=120_u32 {
        let phase = if number <= 30 { "opening-auction" } else { "continuous" };
        let (side, spread) = if number % 2 == 0 { ("B", number * 7 % 11) } else { ("S", number * 5 % 11) };
        let time = format!("10:{:02}:{:02}.00", number / 60, number % 60);
        writeln!(
            rows,
            "{time},{phase},new,{number},{side},{}.{:02},{}",
            99 + spread / 6,
            spread * 7,
            1 + number % 9
        )
        .unwrap();
        if number > 40 && number % 4 == 0 {
            writeln!(rows, "{time},{phase},cancel,{},,,", number - 7).unwrap();
        }
    }
    rows
}

#[test]
fn c10_a_recorded_day_through_the_gateway_comes_to_the_same_state_as_in_one_process() {
    let directory = tempfile::tempdir().unwrap();
    let orders = directory.path().join("orders.csv");
    fs::write(&orders, day()).unwrap();
    let replay = |server: &str, keys: &Path| -> Value {
        let (orders, keys) = (orders.to_str().unwrap(), keys.to_str().unwrap());
        let day = ["replay", "--orders", orders, "--date", "2023-02-07", "--accounts", "7", "--json"];
        let said = printed(&run(&[&day[..], &["--server", server, "--data", keys]].concat()));
        let mut summary: Value = serde_json::from_str(&said).unwrap();
        for timing in ["orders_per_second", "latency_us"] {
            summary[timing].take();
        }
        summary
    };
    let mut embedded = Server::start(&directory.path().join("embedded"));
    let expected = replay(&embedded.base, &embedded.data);
    assert!(expected["trades"].as_u64().unwrap() > 20 && expected["cancels"] == 20, "{expected}");
    assert_eq!(embedded.terminate(), Some(0));
    let data = embedded.data.to_str().unwrap();
    let said = printed(&run(&["journal", "state", "--data", data, "--json"]));
    let state: Value = serde_json::from_str(&said).unwrap();
    let cluster = Cluster::start();
    assert_eq!(replay(&cluster.gateway.base, &cluster.gateway.data), expected);
    let trading = cluster.service("trading");
    let running = trading.replicas[trading.leader()].running.read().unwrap();
    let trades = running.list(&cluster.token("auditor-1", "auditor"), "/trading/trades");
    drop(running);
    assert_eq!(trades.len() as u64, expected["trades"].as_u64().unwrap());
    assert!(trades.iter().all(|trade| trade["status"] == "settled"), "trading has heard of it: {trades:?}");
    cluster.calm();
    assert_eq!(cluster.state(), state["services"]);
}

#[test]
fn fault_1_kill_9_of_each_services_leader_under_load_loses_no_acknowledged_order() {
    let cluster = Cluster::start();
    cluster.gateway.open_market();
    let clients = cluster.clients();
    for name in SERVICES {
        let service = cluster.service(name);
        let leader = service.leader();
        clients.under_load(&format!("the leader of {name} is killed"), || {
            service.replicas[leader].running.write().unwrap().kill();
            assert_ne!(service.leader(), leader, "{name}");
            service.restart(leader);
        });
    }
    clients.assert_sound();
    clients.assert_retries_are_told_the_same();
    cluster.verify();
}

#[test]
fn fault_5_a_leader_that_sleeps_longer_than_its_lease_does_no_harm_in_any_service() {
    let cluster = Cluster::start();
    cluster.gateway.open_market();
    let clients = cluster.clients();
    for name in ["trading", "risk"] {
        let service = cluster.service(name);
        let leader = service.leader();
        clients.under_load(&format!("the leader of {name} is asleep beyond its lease"), || {
            signal(&service.replicas[leader].running.read().unwrap(), "-STOP");
            await_that("the other one to lead", || service.replicas[1 - leader].is_leading().then_some(()));
            clients.await_more(20);
            let mut running = service.replicas[leader].running.write().unwrap();
            signal(&running, "-CONT");
            assert_eq!(running.wait(), Some(1), "it steps down by ending");
            drop(running);
            service.restart(leader);
        });
    }
    clients.assert_sound();
    cluster.verify();
}

#[test]
fn fault_7_the_replica_of_every_services_database_is_promoted_under_load_and_nothing_acknowledged_is_lost() {
    let cluster = Cluster::with_replicated_database();
    cluster.gateway.open_market();
    let clients = cluster.clients();
    let replica = cluster.database_replica.as_ref().unwrap();
    clients.under_load("PostgreSQL's replica stands still for all services, and goes on", || {
        replica.pause(true).unwrap();
        // Nothing is acknowledged that only one of the two has.
        std::thread::sleep(Duration::from_millis(500));
        replica.pause(false).unwrap();
    });
    clients.under_load("PostgreSQL's replica is promoted for all services", || {
        cluster.postgres.lock().unwrap().kill().unwrap();
        replica.promote().unwrap();
        cluster.services.iter().for_each(Service::supervise);
    });
    clients.assert_sound();
    clients.assert_retries_are_told_the_same();
    cluster.verify();
}

#[test]
fn fault_7_the_database_of_every_service_is_killed_under_load_and_nothing_acknowledged_is_lost() {
    let cluster = Cluster::start();
    cluster.gateway.open_market();
    let clients = cluster.clients();
    clients.under_load("PostgreSQL of all services is killed", || {
        let mut postgres = cluster.postgres.lock().unwrap();
        postgres.kill().unwrap();
        postgres.restart().unwrap();
        drop(postgres);
        cluster.services.iter().for_each(Service::supervise);
    });
    clients.assert_sound();
    clients.assert_retries_are_told_the_same();
    cluster.verify();
}

#[test]
fn fault_4_the_network_between_two_services_is_cut_and_orders_go_on_when_it_is_mended() {
    let wires = Wires::new();
    let cluster = Cluster::with_wires(&wires);
    cluster.gateway.open_market();
    let clients = cluster.clients();
    let auditor = cluster.token("auditor-1", "auditor");
    for other in ["settlement", "risk", "compliance"] {
        clients.under_load(&format!("the network between trading and {other} is cut"), || {
            wires.cut("trading", other, true);
            // Orders wait for the other service, for less long than they are given up after.
            await_that("messages to wait", || {
                let trading = cluster.service("trading");
                let running = trading.replicas[trading.leader()].running.read().unwrap();
                let (status, stuck) = running.get(&auditor, "/operations/stuck?older_than_s=1");
                (status == 200 && stuck["items"] != json!([])).then_some(())
            });
            wires.cut("trading", other, false);
        });
    }
    clients.assert_sound();
    cluster.verify();
}

#[test]
fn fault_20_every_process_of_every_service_is_replaced_one_by_one_under_load() {
    let cluster = Cluster::of_the_previous_build();
    cluster.gateway.open_market();
    let clients = cluster.clients();
    clients.under_load("every service is replaced with another build, process by process", || {
        for service in &cluster.services {
            // The tables first; also to what a later version has added, beside which this one goes on.
            service.migrate();
            let postgres = cluster.postgres.lock().unwrap();
            let later = "ALTER TABLE rialto.lease ADD COLUMN made_up text;
                UPDATE rialto.schema_version SET version = version + 1";
            postgres.sql(service.name, later).unwrap();
            drop(postgres);
            clients.await_more(10);
            // The one that follows first, so that a new one can take over.
            let leader = service.leader();
            for replica in [1 - leader, leader] {
                let mut running = service.replicas[replica].running.write().unwrap();
                assert_eq!(running.terminate(), Some(0), "{}", running.log());
                drop(running);
                service.restart(replica);
                clients.await_more(10);
            }
        }
    });
    clients.assert_sound();
    cluster.verify();
}

#[test]
fn sec_1_orders_come_through_the_gateway_and_nobody_comes_in_without_a_certificate() {
    let cluster = Cluster::start();
    cluster.gateway.open_market();
    let trader = cluster.token("ann", "trader");
    let trading = cluster.service("trading");
    let leader = trading.leader();
    let direct = trading.replicas[leader].running.read().unwrap();
    let (status, problem) = direct.post(&trader, ORDERS, &Server::order("past")).unwrap();
    assert_eq!((status, &problem["code"]), (403, &json!("auth.not-the-gateway")), "{problem}");
    assert_eq!(direct.get(&trader, ORDERS).0, 200, "to read is not to enter");
    cluster.clients().place("through");
    let list = direct.list(&trader, ORDERS);
    assert_eq!(list.len(), 1, "{list:?}");
    let (auditor, path) = (cluster.token("auditor-1", "auditor"), "/trading/orders/1/trace");
    assert_ne!(direct.get(&auditor, path).0, 403, "and the refusal above is on record");
    drop(direct);
    let config = fs::read_to_string(&trading.replicas[leader].config).unwrap();
    let listens = |key: &str| {
        let line = config.lines().find(|line| line.starts_with(key)).unwrap();
        line.split('"').nth(1).unwrap().to_owned()
    };
    for address in [listens("listen"), listens("post_listen")] {
        let asked = ureq::get(format!("http://{address}/readyz")).call();
        assert!(asked.is_err(), "{asked:?}");
    }
    let probe = |path: &str| {
        let asked = ureq::get(format!("http://{}{path}", listens("probe_listen")));
        let asked = asked.config().http_status_as_error(false).build().call();
        asked.unwrap().status().as_u16()
    };
    assert_eq!(["/healthz", "/readyz", "/metrics", ORDERS].map(probe), [200, 200, 401, 404]);
    cluster.verify();
}

#[test]
fn sec_1_an_authority_is_replaced_under_load() {
    let cluster = Cluster::start();
    cluster.gateway.open_market();
    let clients = cluster.clients();
    let risk = cluster.service("risk");
    // The tester will not be trusted in the end.
    let leader = risk.leader();
    let certs = cluster.directory.path().join("certs");
    let certs = |what: &str| printed(&run(&["certs", what, "--directory", certs.to_str().unwrap()]));
    let all_have = |what: &str, count: usize| {
        await_that(what, || {
            let logs = cluster.services.iter().flat_map(|service| &service.replicas);
            let logs = logs.map(|replica| replica.running.read().unwrap().log());
            let logs: Vec<String> = logs.chain([cluster.gateway.log()]).collect();
            let heard = |log: &String| log.matches("new certificate").count() >= count;
            logs.iter().all(heard).then_some(())
        });
    };
    clients.under_load("the authority of all certificates is replaced", || {
        certs("rotate");
        all_have("everybody to trust the new authority", 1);
        certs("issue");
        all_have("everybody to have a new certificate", 2);
        certs("retire");
        all_have("everybody to trust the old authority no more", 3);
        // Whoever comes now proves himself under the new one.
        risk.replicas[leader].running.write().unwrap().kill();
        risk.restart(leader);
        clients.await_more(20);
    });
    clients.assert_retries_are_told_the_same();
}

#[test]
fn another_policy_reaches_every_service_and_a_service_refuses_what_is_not_its_own() {
    let cluster = Cluster::start();
    cluster.gateway.open_market();
    let (trader, compliance) = (cluster.token("ann", "trader"), cluster.token("compliance-1", "compliance"));
    let risk = cluster.service("risk");
    let (status, problem) = {
        let running = risk.replicas[risk.leader()].running.read().unwrap();
        running.post(&trader, ORDERS, &Server::order("order-1")).unwrap()
    };
    assert_eq!((status, &problem["code"]), (421, &json!("node.not-hosted")));
    assert_eq!(cluster.gateway.get(&trader, ORDERS).0, 200);
    let (_, policy) = cluster.gateway.get(&compliance, "/compliance/policies");
    let mut bundle = json!({"modules": policy["modules"], "data": policy["data"]});
    for module in bundle["modules"].as_array_mut().unwrap() {
        let text = module["text"].as_str().unwrap().replace("\"trader\"", "\"nobody\"");
        module["text"] = json!(text);
    }
    cluster.gateway.must(&compliance, "/compliance/policies", &bundle);
    await_that("the new policy to be heard by trading", || {
        (cluster.gateway.get(&trader, ORDERS).0 == 403).then_some(())
    });
    cluster.verify();
}
