//! A cluster for tests: every service in processes of its own, two of each, with a gateway before them, all over mutual TLS.
//! Needs PostgreSQL installed.

use crate::load::{Orders, await_that, give_up, repeat, supervise};
use crate::server::{Server, printed, rialto, run, token};
use crate::wires::Wires;
use identity::{Authority, Credentials, Identity, Transport};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, RwLock};
use std::time::Duration;
use tempfile::TempDir;
use testbed::{Kafka, Postgres};
use tokio::io::copy_bidirectional;
use tokio::runtime::Runtime;

pub(crate) const SERVICES: [&str; 4] = ["trading", "settlement", "risk", "compliance"];
pub(crate) const ORDERS: &str = "/trading/orders";
/// Warnings, and which certificates are used.
const LOG: &str = "warn,identity=info";

/// An address that nobody listens on, and that the system gives to nobody who does not ask for it.
fn free_address() -> String {
    format!("127.0.0.1:{}", testbed::free_port())
}

fn listed(addresses: &[String]) -> String {
    let quoted: Vec<String> = addresses.iter().map(|address| format!("\"https://{address}\"")).collect();
    format!("[{}]", quoted.join(", "))
}

/// A process of one service.
pub(crate) struct Replica {
    pub(crate) directory: PathBuf,
    pub(crate) config: PathBuf,
    /// Where tests talk to it.
    pub(crate) tunnel: String,
    pub(crate) running: RwLock<Server>,
}

impl Replica {
    fn start(service: &str, config: &Path, directory: &Path, tunnel: &str) -> Server {
        let mut command = rialto();
        command.args(["serve", service, "--config"]).arg(config).env("RIALTO_LOG", LOG);
        let started = Server::try_command(command, directory);
        let mut server = started.unwrap_or_else(|refused| panic!("{service}: {refused:?}"));
        assert!(server.base.starts_with("https://"), "{}", server.base);
        tunnel.clone_into(&mut server.base);
        server
    }

    pub(crate) fn is_leading(&self) -> bool {
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
pub(crate) struct Service {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    pub(crate) replicas: Vec<Replica>,
}

impl Service {
    pub(crate) fn leader(&self) -> usize {
        await_that("a leader", || self.replicas.iter().position(Replica::is_leading))
    }

    pub(crate) fn restart(&self, replica: usize) {
        let replica = &self.replicas[replica];
        *replica.running.write().unwrap() =
            Replica::start(self.name, &replica.config, &replica.directory, &replica.tunnel);
    }

    /// Starts replicas again that have ended, until one leads on.
    pub(crate) fn supervise(&self) {
        let replica = |number: usize| &self.replicas[number];
        let has_ended = |number| replica(number).running.write().unwrap().has_ended_within(Duration::ZERO);
        supervise(
            self.replicas.len(),
            has_ended,
            |number| self.restart(number),
            |number| replica(number).is_leading(),
        );
    }

    pub(crate) fn state(&self) -> Value {
        let said = printed(&run(&["journal", "state", "--database", &self.url, "--json"]));
        serde_json::from_str::<Value>(&said).unwrap()["services"].clone()
    }
}

/// Takes plain connections for a process that takes none without a certificate, and proves to be `tester`.
fn tunnel(runtime: &Runtime, tester: &Transport, service: &'static str, address: &str) -> String {
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let port: u16 = address.rsplit_once(':').unwrap().1.parse().unwrap();
    let tester = tester.clone();
    runtime.spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let tester = tester.clone();
            tokio::spawn(async move {
                if let Ok(mut far) = tester.connect("127.0.0.1", port, &Identity::of_service(service)).await {
                    // Whoever ends it, ends both.
                    drop(copy_bidirectional(&mut near, &mut far).await);
                }
            });
        }
    });
    base
}

/// Which order it is, and where it is recorded.
fn told(answer: &Value) -> (u64, u64) {
    (answer["order"].as_u64().unwrap(), answer["position"].as_u64().unwrap())
}

/// A section of a configuration.
fn tls(certs: &Path, account: &str) -> String {
    format!(
        "[tls]\ncertificate = {:?}\nkey = {:?}\nauthorities = {:?}\n",
        certs.join(format!("{account}.pem")),
        certs.join(format!("{account}-key.pem")),
        certs.join("authorities.pem")
    )
}

/// Where servers are found, as a list of hosts.
fn sockets<'a>(servers: impl Iterator<Item = &'a Postgres>) -> String {
    let sockets: Vec<&str> = servers.map(|server| server.socket_directory().to_str().unwrap()).collect();
    sockets.join(",")
}

/// Makes certificates for every process; gives what the test proves itself by.
fn certificates(certs: &Path) -> Transport {
    let directory = certs.to_str().unwrap();
    printed(&run(&["certs", "init", "--directory", directory]));
    printed(&run(&["certs", "issue", "--directory", directory]));
    let authority = Authority::open(certs).unwrap();
    let tester = authority.issue(&Identity::of("tester").unwrap(), &["localhost".to_owned()], 1).unwrap();
    Transport::Mutual(Credentials::open(tester.files).unwrap())
}

/// The gateway before services that are found there.
fn gateway(directory: &Path, keys: &Path, certs: &Path, addresses: &[[[String; 2]; 2]]) -> Server {
    let config = directory.join("gateway.toml");
    let known: String = SERVICES
        .into_iter()
        .zip(addresses)
        .map(|(name, [a, b])| format!("{name} = {}\n", listed(&[a[0].clone(), b[0].clone()])))
        .collect();
    let text = format!(
        "data = {:?}\nkeys = {keys:?}\nlisten = \"127.0.0.1:0\"\n[services]\n{known}{}",
        directory.join("gateway"),
        tls(certs, "order-service")
    );
    fs::write(&config, text).unwrap();
    let mut command = rialto();
    command.args(["serve", "gateway", "--config"]).arg(&config).env("RIALTO_LOG", LOG);
    // What it keeps its key in is where tokens for it are made.
    Server::try_command(command, keys).unwrap_or_else(|refused| panic!("{refused:?}"))
}

/// A cluster.
pub(crate) struct Cluster {
    // Dropped in this order, so that nobody is left to miss the database.
    pub(crate) gateway: Server,
    pub(crate) services: Vec<Service>,
    pub(crate) directory: TempDir,
    pub(crate) postgres: Mutex<Postgres>,
    pub(crate) database_replica: Option<Postgres>,
    _tunnels: Runtime,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        Self::with(false, "", |_, _, address| address.to_owned())
    }

    /// One whose database has a synchronous replica.
    pub(crate) fn with_replicated_database() -> Self {
        Self::with(true, "", |_, _, address| address.to_owned())
    }

    /// One in which messages between services go over wires.
    pub(crate) fn with_wires(wires: &Wires) -> Self {
        Self::with(false, "", |from, to, address| wires.lay(from, to, address))
    }

    /// One that publishes its events.
    pub(crate) fn with_kafka(kafka: &Kafka) -> Self {
        let kafka = format!("[kafka]\nbrokers = \"{}\"\nreplicas = 1\n", kafka.addresses());
        Self::with(false, &kafka, |_, _, address| address.to_owned())
    }

    /// One whose services have more in their configurations, and find each other as `found` says.
    fn with(is_replicated: bool, more: &str, found: impl Fn(&str, &str, &str) -> String) -> Self {
        let (postgres, directory) =
            (Postgres::start(&["max_connections=200"]).unwrap(), tempfile::tempdir().unwrap());
        let database_replica = is_replicated.then(|| postgres.synchronous_replica().unwrap());
        let sockets = sockets([&postgres].into_iter().chain(&database_replica));
        let keys = directory.path().join("keys");
        fs::create_dir(&keys).unwrap();
        token(&keys, "first", "auditor");
        let certs = directory.path().join("certs");
        let tester = certificates(&certs);
        let tunnels = Runtime::new().unwrap();
        // Of each service and replica: HTTP and post.
        let addresses: Vec<[[String; 2]; 2]> =
            SERVICES.map(|_| [(); 2].map(|()| [(); 2].map(|()| free_address()))).into();
        let services = SERVICES.into_iter().enumerate().map(|(number, name)| {
            postgres.sql("postgres", &format!("CREATE DATABASE {name}")).unwrap();
            postgres.sql("postgres", &format!("CREATE ROLE {name} LOGIN")).unwrap();
            let url = |user: &str| format!("host={sockets} user={user} dbname={name}");
            printed(&run(&["migrate", "--database", &url("owner"), "--role", name]));
            let peers = SERVICES.into_iter().zip(&addresses).filter(|(other, _)| *other != name);
            let peers: String = peers
                .map(|(other, [a, b])| {
                    format!("{other} = {}\n", listed(&[a, b].map(|replica| found(name, other, &replica[1]))))
                })
                .collect();
            let replicas = addresses[number].iter().enumerate().map(|(replica, [http, post])| {
                let data = directory.path().join(format!("{name}-{replica}"));
                let config = directory.path().join(format!("{name}-{replica}.toml"));
                let text = format!(
                    "data = {data:?}\nkeys = {keys:?}\nlisten = \"{http}\"\npost_listen = \"{post}\"\n\
                     probe_listen = \"{}\"\ndatabase_url = {:?}\n[peers]\n{peers}{more}{}",
                    free_address(),
                    url(name),
                    tls(&certs, &format!("{name}-service"))
                );
                fs::write(&config, text).unwrap();
                printed(&run(&["config", "check", name, "--config", config.to_str().unwrap()]));
                let tunnel = tunnel(&tunnels, &tester, name, http);
                let running = RwLock::new(Replica::start(name, &config, &data, &tunnel));
                Replica { directory: data, config, tunnel, running }
            });
            Service { name, url: url(name), replicas: replicas.collect() }
        });
        let services: Vec<Service> = services.collect();
        let cluster = Self {
            gateway: gateway(directory.path(), &keys, &certs, &addresses),
            services,
            directory,
            postgres: Mutex::new(postgres),
            database_replica,
            _tunnels: tunnels,
        };
        await_that("a leader of every service", || {
            (cluster.gateway.get("", "/readyz").0 == 200).then_some(())
        });
        cluster
    }

    pub(crate) fn token(&self, user: &str, role: &str) -> String {
        token(&self.directory.path().join("keys"), user, role)
    }

    pub(crate) fn service(&self, name: &str) -> &Service {
        self.services.iter().find(|service| service.name == name).unwrap()
    }

    /// People who place orders in its market.
    pub(crate) fn clients(&self) -> Clients<'_> {
        Clients { cluster: self, trader: self.token("ann", "trader"), orders: Orders::default() }
    }

    /// Waits until nothing is under way between the services.
    pub(crate) fn calm(&self) {
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
    pub(crate) fn state(&self) -> Value {
        let states = self.services.iter().map(|service| service.state());
        let mut all = serde_json::Map::new();
        for state in states {
            all.extend(state.as_object().unwrap().clone());
        }
        Value::Object(all)
    }

    /// Ends all, and proves journals and audit logs.
    pub(crate) fn verify(self) {
        let Self {
            mut gateway,
            services,
            directory,
            postgres: _postgres,
            database_replica: _replica,
            _tunnels,
        } = self;
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

/// Clients who place orders through the gateway of a cluster.
pub(crate) struct Clients<'a> {
    cluster: &'a Cluster,
    trader: String,
    orders: Orders,
}

impl Clients<'_> {
    /// Places orders while something happens; says how many of them were given up.
    pub(crate) fn under_load(&self, what: &str, what_happens: impl FnOnce()) -> u64 {
        self.orders.under_load(what, |client_order_id| self.place(client_order_id), what_happens)
    }

    /// Waits until so many more orders are taken.
    pub(crate) fn await_more(&self, more: usize) {
        self.orders.await_more(more);
    }

    /// How many were taken.
    pub(crate) fn count(&self) -> usize {
        self.orders.count()
    }

    /// Places an order, as a client does that never gives up.
    pub(crate) fn place(&self, client_order_id: &str) -> (u64, u64) {
        await_that("an order to be taken", || {
            let taken = self.try_to_place(client_order_id);
            if taken.is_none() {
                repeat();
            }
            taken
        })
    }

    fn try_to_place(&self, client_order_id: &str) -> Option<(u64, u64)> {
        match self.cluster.gateway.post(&self.trader, ORDERS, &Server::order(client_order_id)).ok()? {
            (201, answer) => Some(told(&answer)),
            (202 | 500.., _) => None,
            // One whose services were away for longer than it waits for them is given up: it exists, and is rejected.
            (422, answer) if answer["code"] == "flow.timed-out" => {
                give_up();
                Some(told(&answer))
            }
            other => panic!("{client_order_id}: {other:?}"),
        }
    }

    /// Waits until nothing is under way any more; then each acknowledged order is there, once, and nothing else is.
    pub(crate) fn assert_sound(&self) {
        self.cluster.calm();
        let trading = self.cluster.service("trading");
        let list = trading.replicas[trading.leader()].running.read().unwrap().list(&self.trader, ORDERS);
        self.orders.assert_all_are_in(&list);
    }

    /// A retry gets the answer that was given.
    pub(crate) fn assert_retries_are_told_the_same(&self) {
        self.orders.assert_retries_are_told_the_same(|client_order_id| self.place(client_order_id));
    }
}
