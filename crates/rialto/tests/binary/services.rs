//! Every service in processes of its own, two of each, with a gateway before them: the same life of an order, to the same
//! state, whichever of them is killed or falls asleep. Needs PostgreSQL installed.

use crate::load::{Orders, await_that, signal};
use crate::server::{Server, printed, rialto, run, token};
use serde_json::{Value, json};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::RwLock;
use std::time::Duration;
use tempfile::TempDir;
use testbed::Postgres;

const SERVICES: [&str; 4] = ["trading", "settlement", "risk", "compliance"];
const ORDERS: &str = "/trading/orders";

/// An address that nobody listens on.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn listed(addresses: &[String]) -> String {
    let quoted: Vec<String> = addresses.iter().map(|address| format!("\"http://{address}\"")).collect();
    format!("[{}]", quoted.join(", "))
}

/// A process of one service.
struct Replica {
    directory: PathBuf,
    config: PathBuf,
    running: RwLock<Server>,
}

impl Replica {
    fn start(service: &str, config: &Path, directory: &Path) -> Server {
        let mut command = rialto();
        command.args(["serve", service, "--config"]).arg(config);
        Server::try_command(command, directory).unwrap_or_else(|refused| panic!("{service}: {refused:?}"))
    }

    fn is_leading(&self) -> bool {
        let running = self.running.read().unwrap();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_millis(500)))
            .build()
            .new_agent();
        agent.get(format!("{}/readyz", running.base)).call().is_ok_and(|answer| answer.status() == 200)
    }
}

/// A service and its replicas.
struct Service {
    name: &'static str,
    url: String,
    replicas: Vec<Replica>,
}

impl Service {
    fn leader(&self) -> usize {
        await_that("a leader", || self.replicas.iter().position(Replica::is_leading))
    }

    fn restart(&self, replica: usize) {
        let replica = &self.replicas[replica];
        *replica.running.write().unwrap() = Replica::start(self.name, &replica.config, &replica.directory);
    }

    fn state(&self) -> Value {
        let said = printed(&run(&["journal", "state", "--database", &self.url, "--json"]));
        serde_json::from_str::<Value>(&said).unwrap()["services"].clone()
    }
}

/// A cluster.
struct Cluster {
    // Dropped in this order, so that nobody is left to miss the database.
    gateway: Server,
    services: Vec<Service>,
    directory: TempDir,
    _postgres: Postgres,
}

impl Cluster {
    fn start() -> Self {
        let (postgres, directory) =
            (Postgres::start(&["max_connections=200"]).unwrap(), tempfile::tempdir().unwrap());
        let keys = directory.path().join("keys");
        fs::create_dir(&keys).unwrap();
        token(&keys, "first", "auditor");
        // Of each service and replica: HTTP and post.
        let addresses: Vec<[[String; 2]; 2]> =
            SERVICES.map(|_| [(); 2].map(|()| [(); 2].map(|()| free_address()))).into();
        let services = SERVICES.into_iter().enumerate().map(|(number, name)| {
            postgres.sql("postgres", &format!("CREATE DATABASE {name}")).unwrap();
            postgres.sql("postgres", &format!("CREATE ROLE {name} LOGIN")).unwrap();
            let url = |user: &str| {
                let socket = postgres.socket_directory().to_str().unwrap().replace('/', "%2F");
                format!("postgresql://{user}@{socket}/{name}")
            };
            printed(&run(&["migrate", "--database", &url("owner"), "--role", name]));
            let peers = SERVICES.into_iter().zip(&addresses).filter(|(other, _)| *other != name);
            let peers: String = peers
                .map(|(other, [a, b])| format!("{other} = {}\n", listed(&[a[1].clone(), b[1].clone()])))
                .collect();
            let replicas = addresses[number].iter().enumerate().map(|(replica, [http, post])| {
                let data = directory.path().join(format!("{name}-{replica}"));
                let config = directory.path().join(format!("{name}-{replica}.toml"));
                let text = format!(
                    "data = {data:?}\nkeys = {keys:?}\nlisten = \"{http}\"\npost_listen = \"{post}\"\n\
                     database_url = {:?}\n[peers]\n{peers}",
                    url(name)
                );
                fs::write(&config, text).unwrap();
                printed(&run(&["config", "check", name, "--config", config.to_str().unwrap()]));
                let running = RwLock::new(Replica::start(name, &config, &data));
                Replica { directory: data, config, running }
            });
            Service { name, url: url(name), replicas: replicas.collect() }
        });
        let services: Vec<Service> = services.collect();
        let config = directory.path().join("gateway.toml");
        let known: String = SERVICES
            .into_iter()
            .zip(&addresses)
            .map(|(name, [a, b])| format!("{name} = {}\n", listed(&[a[0].clone(), b[0].clone()])))
            .collect();
        let text = format!(
            "data = {:?}\nkeys = {keys:?}\nlisten = \"127.0.0.1:0\"\n[services]\n{known}",
            directory.path().join("gateway")
        );
        fs::write(&config, text).unwrap();
        let mut command = rialto();
        command.args(["serve", "gateway", "--config"]).arg(&config);
        // What it keeps its key in is where tokens for it are made.
        let gateway = Server::try_command(command, &keys).unwrap_or_else(|refused| panic!("{refused:?}"));
        let cluster = Self { gateway, services, directory, _postgres: postgres };
        await_that("a leader of every service", || {
            (cluster.gateway.get("", "/readyz").0 == 200).then_some(())
        });
        cluster
    }

    fn token(&self, user: &str, role: &str) -> String {
        token(&self.directory.path().join("keys"), user, role)
    }

    fn service(&self, name: &str) -> &Service {
        self.services.iter().find(|service| service.name == name).unwrap()
    }

    /// Places an order through the gateway, as a client does that never gives up.
    fn place(&self, token: &str, client_order_id: &str) -> (u64, u64) {
        await_that("an order to be taken", || {
            match self.gateway.post(token, ORDERS, &Server::order(client_order_id)).ok()? {
                (201, answer) => {
                    Some((answer["order"].as_u64().unwrap(), answer["position"].as_u64().unwrap()))
                }
                (202 | 500.., _) => None,
                // An order whose services were away for longer than it waits for them is given up, and placed anew.
                (_, answer) if answer["code"] == "flow.timed-out" => panic!("{client_order_id}: {answer}"),
                other => panic!("{client_order_id}: {other:?}"),
            }
        })
    }

    /// Waits until nothing is under way between the services.
    fn calm(&self) {
        let auditor = self.token("auditor-1", "auditor");
        for service in &self.services {
            await_that("all messages to be answered", || {
                let replica = &service.replicas[service.leader()];
                let running = replica.running.read().unwrap();
                let (status, stuck) = running.get(&auditor, "/operations/stuck?older_than_s=0");
                (status == 200 && stuck["items"] == json!([])).then_some(())
            });
        }
    }

    /// Every service's hash of its business state.
    fn state(&self) -> Value {
        let states = self.services.iter().map(|service| service.state());
        let mut all = serde_json::Map::new();
        for state in states {
            all.extend(state.as_object().unwrap().clone());
        }
        Value::Object(all)
    }

    /// Ends all, and proves journals and audit logs.
    fn verify(self) {
        let Self { mut gateway, services, directory, _postgres } = self;
        assert_eq!(gateway.terminate(), Some(0), "{}", gateway.log());
        for service in services {
            for replica in service.replicas {
                let mut running = replica.running.into_inner().unwrap();
                assert_eq!(running.terminate(), Some(0), "{}", running.log());
            }
            printed(&run(&["journal", "verify", "--database", &service.url]));
            for number in 0..2 {
                let data = directory.path().join(format!("{}-{number}", service.name));
                let data = data.to_str().unwrap();
                printed(&run(&["audit", "verify", "--data", data, "--database", &service.url]));
            }
        }
    }
}

/// A day with trades, a refusal by each service, and its settlement.
fn trade(server: &Server) {
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
    assert_eq!(cluster.state(), expected["services"]);
    cluster.verify();
}

#[test]
fn fault_1_kill_9_of_each_services_leader_under_load_loses_no_acknowledged_order() {
    let cluster = Cluster::start();
    cluster.gateway.open_market();
    let (orders, trader) = (Orders::default(), cluster.token("ann", "trader"));
    let place = |client_order_id: &str| cluster.place(&trader, client_order_id);
    for name in SERVICES {
        let service = cluster.service(name);
        let leader = service.leader();
        orders.under_load(place, || {
            service.replicas[leader].running.write().unwrap().kill();
            assert_ne!(service.leader(), leader, "{name}");
            service.restart(leader);
        });
    }
    cluster.calm();
    let trading = cluster.service("trading");
    let list = trading.replicas[trading.leader()].running.read().unwrap().list(&trader, ORDERS);
    orders.assert_all_are_in(&list);
    orders.assert_retries_are_told_the_same(place);
    cluster.verify();
}

#[test]
fn fault_5_a_leader_that_sleeps_longer_than_its_lease_does_no_harm_in_any_service() {
    let cluster = Cluster::start();
    cluster.gateway.open_market();
    let (orders, trader) = (Orders::default(), cluster.token("ann", "trader"));
    let place = |client_order_id: &str| cluster.place(&trader, client_order_id);
    for name in ["trading", "risk"] {
        let service = cluster.service(name);
        let leader = service.leader();
        orders.under_load(place, || {
            signal(&service.replicas[leader].running.read().unwrap(), "-STOP");
            await_that("the other one to lead", || service.replicas[1 - leader].is_leading().then_some(()));
            orders.await_more(20);
            let mut running = service.replicas[leader].running.write().unwrap();
            signal(&running, "-CONT");
            assert_eq!(running.wait(), Some(1), "it steps down by ending");
            drop(running);
            service.restart(leader);
        });
    }
    cluster.calm();
    let trading = cluster.service("trading");
    let list = trading.replicas[trading.leader()].running.read().unwrap().list(&trader, ORDERS);
    orders.assert_all_are_in(&list);
    cluster.verify();
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
