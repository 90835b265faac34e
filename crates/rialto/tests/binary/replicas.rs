//! Two processes on one journal in a real PostgreSQL, and what becomes of acknowledged orders when one of them, or the
//! database, goes. Needs PostgreSQL installed; there is nothing to prove without.

use crate::load::{Orders, await_that, repeat, signal, supervise};
use crate::server::{Server, printed, run, token};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::{Mutex, RwLock};
use std::time::Duration;
use tempfile::TempDir;
use testbed::Postgres;

const ORDERS: &str = "/trading/orders";
const KEY: &str = "token-signing-key.pem";
/// A server with a migrated database.
fn database() -> (Postgres, String) {
    let postgres = Postgres::start(&[]).unwrap();
    postgres.sql("postgres", "CREATE DATABASE rialto").unwrap();
    postgres.sql("postgres", "CREATE ROLE clerk LOGIN").unwrap();
    printed(&run(&["migrate", "--database", &url(&postgres, "owner"), "--role", "clerk"]));
    let url = url(&postgres, "clerk");
    (postgres, url)
}

fn url(postgres: &Postgres, user: &str) -> String {
    let socket = postgres.socket_directory().to_str().unwrap().replace('/', "%2F");
    format!("postgresql://{user}@{socket}/rialto")
}

/// Processes on one database, each with a data directory of its own and the same key.
struct Replicas {
    // Dropped first, so that nobody is left to miss the database.
    servers: RwLock<Vec<Server>>,
    directories: Vec<TempDir>,
    url: String,
    postgres: Mutex<Postgres>,
    agent: ureq::Agent,
}

impl Replicas {
    fn start(count: usize) -> Self {
        let (postgres, url) = database();
        Self::on(postgres, url, count)
    }

    fn on(postgres: Postgres, url: String, count: usize) -> Self {
        let directories: Vec<_> = (0..count).map(|_| tempfile::tempdir().unwrap()).collect();
        let mut servers = Vec::new();
        for directory in &directories {
            let first = directories[0].path().join(KEY);
            if first.exists() {
                fs::copy(first, directory.path().join(KEY)).unwrap();
            }
            servers.push(up(directory.path(), &url));
        }
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(2)));
        let agent = config.build().new_agent();
        Self { servers: RwLock::new(servers), directories, url, postgres: Mutex::new(postgres), agent }
    }

    fn data(&self) -> &Path {
        self.directories[0].path()
    }

    fn token(&self, user: &str, role: &str) -> String {
        token(self.data(), user, role)
    }

    /// The one that leads, once there is one.
    fn leader(&self) -> usize {
        await_that("a leader", || (0..self.directories.len()).find(|number| self.is_leading(*number)))
    }

    fn is_leading(&self, number: usize) -> bool {
        let base = self.servers.read().unwrap()[number].base.clone();
        self.agent.get(format!("{base}/readyz")).call().is_ok_and(|ready| ready.status() == 200)
    }

    fn open_market(&self) {
        let leader = self.leader();
        self.servers.read().unwrap()[leader].open_market();
    }

    /// Starts one again that has ended.
    fn restart(&self, number: usize) {
        let server = up(self.directories[number].path(), &self.url);
        self.servers.write().unwrap()[number] = server;
    }

    /// Starts those again that have ended, until one leads on.
    fn supervise(&self) {
        let has_ended =
            |number: usize| self.servers.write().unwrap()[number].has_ended_within(Duration::ZERO);
        let count = self.directories.len();
        supervise(count, has_ended, |number| self.restart(number), |number| self.is_leading(number));
    }

    /// One attempt at a POST: what was answered, if anything was.
    fn post(&self, number: usize, token: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
        let base = self.servers.read().unwrap()[number].base.clone();
        let request =
            self.agent.post(format!("{base}{path}")).header("authorization", format!("Bearer {token}"));
        let mut answer = request.header("content-type", "application/json").send(body.to_string()).ok()?;
        let text = answer.body_mut().read_to_string().ok()?;
        Some((answer.status().as_u16(), serde_json::from_str(&text).ok()?))
    }

    /// Places an order, wherever it is taken, as a client does that never gives up.
    fn place(&self, token: &str, client_order_id: &str) -> (u64, u64) {
        let mut number = 0;
        await_that("an order to be taken", || {
            let answered = self.post(number, token, ORDERS, &Server::order(client_order_id));
            number = (number + 1) % self.directories.len();
            let taken = match answered {
                Some((201, answer)) => {
                    Some((answer["order"].as_u64().unwrap(), answer["position"].as_u64().unwrap()))
                }
                Some((500.., _)) | None => None,
                other => panic!("{client_order_id}: {other:?}"),
            };
            if taken.is_none() {
                repeat();
            }
            taken
        })
    }

    /// Lets clients place orders while something happens, and looks for every one of them at every replica.
    fn under_load(&self, what: &str, orders: &Orders, what_happens: impl FnOnce()) {
        let token = self.token("ann", "trader");
        let place = |client_order_id: &str| self.place(&token, client_order_id);
        orders.under_load(what, place, what_happens);
        let leader = self.leader();
        let servers = self.servers.read().unwrap();
        let position = servers[leader].position();
        for server in servers.iter() {
            await_that("a replica to follow", || (server.position() >= position).then_some(()));
            orders.assert_all_are_in(&server.list(&token, ORDERS));
        }
        drop(servers);
        orders.assert_retries_are_told_the_same(place);
    }

    /// Ends all, and proves journal and audit logs.
    fn verify(self) {
        for server in self.servers.into_inner().unwrap().iter_mut() {
            assert_eq!(server.terminate(), Some(0), "{}", server.log());
        }
        printed(&run(&["journal", "verify", "--database", &self.url]));
        for directory in &self.directories {
            let data = directory.path().to_str().unwrap();
            printed(&run(&["audit", "verify", "--data", data, "--database", &self.url]));
        }
    }
}

fn up(data: &Path, url: &str) -> Server {
    Server::start_with(data, &["--database", url])
}

#[test]
fn fault_1_kill_9_of_the_leader_under_load_loses_no_acknowledged_order_and_the_next_one_leads() {
    let replicas = Replicas::start(2);
    replicas.open_market();
    let orders = Orders::default();
    for _ in 0..3 {
        let leader = replicas.leader();
        replicas.under_load("the leader is killed, one process for all services", &orders, || {
            replicas.servers.write().unwrap()[leader].kill();
            assert_ne!(replicas.leader(), leader);
            replicas.restart(leader);
        });
    }
    replicas.verify();
}

#[test]
fn fault_5_a_leader_that_sleeps_longer_than_its_lease_wakes_up_to_no_power() {
    let replicas = Replicas::start(2);
    replicas.open_market();
    let orders = Orders::default();
    let leader = replicas.leader();
    replicas.under_load(
        "the leader is asleep beyond its lease, one process for all services",
        &orders,
        || {
            signal(&replicas.servers.read().unwrap()[leader], "-STOP");
            await_that("the other one to lead", || replicas.is_leading(1 - leader).then_some(()));
            orders.await_more(20);
            let mut servers = replicas.servers.write().unwrap();
            signal(&servers[leader], "-CONT");
            assert_eq!(servers[leader].wait(), Some(1), "it steps down by ending");
            let log = servers[leader].log();
            assert!(
                log.contains("another process leads shard 0 now") || log.contains("no longer leads it"),
                "{log}"
            );
            drop(servers);
            replicas.restart(leader);
        },
    );
    replicas.verify();
}

#[test]
fn fault_20_a_leader_that_is_told_to_end_hands_over_at_once() {
    let replicas = Replicas::start(2);
    replicas.open_market();
    let orders = Orders::default();
    let leader = replicas.leader();
    replicas.under_load("the leader is told to end, one process for all services", &orders, || {
        assert_eq!(replicas.servers.write().unwrap()[leader].terminate(), Some(0));
        assert_ne!(replicas.leader(), leader);
        replicas.restart(leader);
    });
    replicas.verify();
}

#[test]
fn fault_7_the_database_is_killed_under_load_and_nothing_acknowledged_is_lost() {
    let replicas = Replicas::start(2);
    replicas.open_market();
    let orders = Orders::default();
    replicas.under_load("PostgreSQL is killed, one process for all services", &orders, || {
        let mut postgres = replicas.postgres.lock().unwrap();
        postgres.kill().unwrap();
        postgres.restart().unwrap();
        drop(postgres);
        replicas.supervise();
    });
    replicas.verify();
}

#[test]
fn fault_7_a_replica_of_the_database_is_promoted_under_load_and_nothing_acknowledged_is_lost() {
    let (postgres, _) = database();
    let replica = postgres.synchronous_replica().unwrap();
    let sockets = [&postgres, &replica].map(|server| server.socket_directory().to_str().unwrap().to_owned());
    let both = format!("host={} user=clerk dbname=rialto", sockets.join(","));
    let replicas = Replicas::on(postgres, both, 2);
    replicas.open_market();
    let orders = Orders::default();
    replicas.under_load("PostgreSQL's replica is promoted, one process for all services", &orders, || {
        replicas.postgres.lock().unwrap().kill().unwrap();
        replica.promote().unwrap();
        replicas.supervise();
    });
    replicas.verify();
}

#[test]
fn fault_7_while_the_synchronous_replica_stands_still_nothing_is_acknowledged_and_then_it_goes_on() {
    let (postgres, url) = database();
    let replica = postgres.synchronous_replica().unwrap();
    let replicas = Replicas::on(postgres, url, 2);
    replicas.open_market();
    let orders = Orders::default();
    replicas.under_load(
        "PostgreSQL's synchronous replica stands still, one process for all services",
        &orders,
        || {
            replica.pause(true).unwrap();
            // What was under way when it stood still may be done; after that nothing is.
            let count = || orders.count();
            await_that("orders to stand still", || {
                let before = count();
                std::thread::sleep(Duration::from_secs(1));
                (count() == before).then_some(())
            });
            let before = count();
            std::thread::sleep(Duration::from_secs(2));
            assert_eq!(count(), before, "an order was acknowledged that lies on one disk only");
            replica.pause(false).unwrap();
            replicas.supervise();
        },
    );
    replicas.verify();
}

#[test]
fn a_journal_moves_into_a_database_and_back_and_comes_to_the_same_state() {
    let (directory, mut server) = Server::trading();
    let trader = token(directory.path(), "ann", "trader");
    for number in 0..20 {
        server.must(&trader, ORDERS, &Server::order(&format!("embedded-{number}")));
    }
    assert_eq!(server.terminate(), Some(0));
    let data = directory.path().to_str().unwrap().to_owned();
    let state = |source: [&str; 2]| -> Value {
        serde_json::from_str(&printed(&run(&["journal", "state", source[0], source[1], "--json"]))).unwrap()
    };
    let (postgres, url) = database();
    let copied = printed(&run(&["journal", "copy", "--from", &data, "--to", &url]));
    assert_eq!(state(["--data", &data]), state(["--database", &url]), "{copied}");
    let replicas = Replicas::on(postgres, url.clone(), 1);
    let trader = replicas.token("ann", "trader");
    assert_eq!(replicas.leader(), 0);
    for number in 0..20 {
        replicas.place(&trader, &format!("cluster-{number}"));
    }
    assert_eq!(replicas.servers.write().unwrap()[0].terminate(), Some(0));
    // What has come since goes back to where it came from, and to a new place.
    let back = printed(&run(&["journal", "copy", "--from", &url, "--to", &data]));
    assert!(back.starts_with("copied 20 records"), "{back}");
    let elsewhere = tempfile::tempdir().unwrap();
    let elsewhere = elsewhere.path().join("new").to_str().unwrap().to_owned();
    printed(&run(&["journal", "copy", "--from", &url, "--to", &elsewhere]));
    assert_eq!(state(["--data", &data]), state(["--database", &url]));
    assert_eq!(state(["--data", &elsewhere]), state(["--database", &url]));
    printed(&run(&["journal", "verify", "--data", &data]));
    let server = Server::start(directory.path());
    let trader = token(directory.path(), "ann", "trader");
    let orders = server.list(&trader, ORDERS);
    assert_eq!(orders.len(), 40);
    server.must(&trader, ORDERS, &Server::order("embedded-again"));
    drop(server);
    // The two have gone different ways, so neither is a copy of the other any more.
    replicas.restart(0);
    assert_eq!(replicas.leader(), 0);
    replicas.place(&replicas.token("ann", "trader"), "cluster-again");
    assert_eq!(replicas.servers.write().unwrap()[0].terminate(), Some(0));
    let refused = run(&["journal", "copy", "--from", &url, "--to", &data]);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("holds another journal than"), "{said}");
}

#[test]
fn a_standby_answers_reads_and_sends_those_who_would_write_away() {
    let replicas = Replicas::start(2);
    replicas.open_market();
    let token = replicas.token("ann", "trader");
    let told = replicas.place(&token, "order-1");
    let standby = 1 - replicas.leader();
    let servers = replicas.servers.read().unwrap();
    await_that("the standby to follow", || (servers[standby].position() >= told.1).then_some(()));
    let orders = servers[standby].list(&token, ORDERS);
    assert_eq!(orders[0]["order"], json!(told.0));
    let (status, refused) = servers[standby].post(&token, ORDERS, &Server::order("order-2")).unwrap();
    assert_eq!((status, &refused["code"]), (503, &json!("node.not-leading")));
    drop(servers);
    replicas.verify();
}

#[test]
fn what_cannot_be_used_is_refused_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let refusal = |arguments: &[&str]| {
        let refused = run(arguments);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!((refused.status.code(), said.lines().count()), (Some(2), 1), "{said}");
        said
    };
    let data = directory.path().to_str().unwrap();
    let listen = ["up", "--listen", "127.0.0.1:0", "--data", data, "--database"];
    let said = refusal(&[&listen[..], &["nonsense"]].concat());
    assert!(said.contains("the database's address cannot be read"), "{said}");
    let said = refusal(&[&listen[..], &["postgresql://x@127.0.0.1:1/rialto"]].concat());
    assert!(said.contains("cannot use PostgreSQL database rialto on 127.0.0.1:1"), "{said}");
    let postgres = Postgres::start(&[]).unwrap();
    postgres.sql("postgres", "CREATE DATABASE rialto").unwrap();
    let said = refusal(&[&listen[..], &[&url(&postgres, "owner")]].concat());
    assert!(said.contains("is not migrated: run `rialto migrate`"), "{said}");
    let (embedded, mut server) = Server::trading();
    server.terminate();
    let data = embedded.path().to_str().unwrap();
    let said =
        refusal(&["up", "--listen", "127.0.0.1:0", "--data", data, "--database", &url(&postgres, "owner")]);
    assert!(said.contains("holds a journal of its own: move it into the database"), "{said}");
    let said = refusal(&[&listen[..], &[&url(&postgres, "owner"), "--demo"]].concat());
    assert!(said.contains("--demo"), "{said}");
}
