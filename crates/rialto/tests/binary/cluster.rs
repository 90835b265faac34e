//! A cluster for tests: every service in processes of its own, two of each, with a gateway before them, all over mutual TLS.
//! Needs PostgreSQL installed.

use crate::load::{Orders, await_that, give_up, repeat, supervise};
use crate::server::{Server, printed, rialto, run, token};
use crate::wires::Wires;
use identity::{Authority, Credentials, Identity, Transport};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, RwLock};
use std::time::Duration;
use tempfile::TempDir;
use testbed::{Collector, Kafka, Postgres, Redis, output_within};
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
    fn start(mut build: Command, service: &str, config: &Path, directory: &Path, tunnel: &str) -> Server {
        build.args(["serve", service, "--config"]).arg(config).env("RIALTO_LOG", LOG);
        let started = Server::try_command(build, directory);
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
    owner_url: String,
    pub(crate) replicas: Vec<Replica>,
}

impl Service {
    pub(crate) fn leader(&self) -> usize {
        await_that("a leader", || self.replicas.iter().position(Replica::is_leading))
    }

    /// Brings its tables to what this build needs.
    pub(crate) fn migrate(&self) {
        migrate(rialto(), self.name, &self.owner_url);
    }

    /// Starts a process of this build in place of one that has ended.
    pub(crate) fn restart(&self, replica: usize) {
        let replica = &self.replicas[replica];
        *replica.running.write().unwrap() =
            Replica::start(rialto(), self.name, &replica.config, &replica.directory, &replica.tunnel);
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

/// The gateway before services that are found there, with more in its configuration.
fn gateway(
    directory: &Path,
    keys: &Path,
    certs: &Path,
    shape: &Shape,
    addresses: &[[[String; 2]; 2]],
) -> Server {
    let config = directory.join("gateway.toml");
    let known: String = SERVICES
        .into_iter()
        .zip(addresses)
        .map(|(name, [a, b])| format!("{name} = {}\n", listed(&[a[0].clone(), b[0].clone()])))
        .collect();
    let text = format!(
        "data = {:?}\nkeys = {keys:?}\nlisten = \"127.0.0.1:0\"\n{more}[services]\n{known}{}",
        directory.join("gateway"),
        tls(certs, "order-service"),
        more = shape.gateway,
    );
    fs::write(&config, text).unwrap();
    let mut command = (shape.build)();
    command.args(["serve", "gateway", "--config"]).arg(&config).env("RIALTO_LOG", LOG);
    // What it keeps its key in is where tokens for it are made.
    Server::try_command(command, keys).unwrap_or_else(|refused| panic!("{refused:?}"))
}

fn migrate(mut build: Command, service: &str, owner_url: &str) {
    build.args(["migrate", "--database", owner_url, "--role", service]);
    printed(&output_within(&mut build, Duration::from_secs(60)).unwrap());
}

/// What is special about a cluster.
struct Shape {
    /// What else stands in configurations of services.
    services: String,
    /// What else stands in that of the gateway.
    gateway: String,
    /// Whether the database has a synchronous replica.
    is_replicated: bool,
    /// Whether the database keeps an archive.
    is_archived: bool,
    /// What it is begun with.
    build: fn() -> Command,
}

impl Default for Shape {
    fn default() -> Self {
        let (services, gateway) = (String::new(), String::new());
        Self { services, gateway, is_replicated: false, is_archived: false, build: rialto }
    }
}

/// A section of a configuration.
fn told_to(collector: &Collector) -> String {
    format!("[traces]\nendpoint = {:?}\n", collector.endpoint())
}

/// A section of a configuration.
fn published_on(kafka: &Kafka) -> String {
    format!("[kafka]\nbrokers = \"{}\"\nreplicas = 1\n", kafka.addresses())
}

/// Services are found where they are.
fn as_it_is(_: &str, _: &str, address: &str) -> String {
    address.to_owned()
}

/// The build that this one replaces: `RIALTO_PREVIOUS`, and this one where that is not given.
fn previous() -> Command {
    std::env::var_os("RIALTO_PREVIOUS").map_or_else(rialto, Command::new)
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
        Self::with(&Shape::default(), as_it_is)
    }

    /// One whose database has a synchronous replica.
    pub(crate) fn with_replicated_database() -> Self {
        Self::with(&Shape { is_replicated: true, ..Shape::default() }, as_it_is)
    }

    /// One whose database keeps an archive.
    pub(crate) fn with_archived_database() -> Self {
        Self::with(&Shape { is_archived: true, ..Shape::default() }, as_it_is)
    }

    /// One in which messages between services go over wires.
    pub(crate) fn with_wires(wires: &Wires) -> Self {
        Self::with(&Shape::default(), |from, to, address| wires.lay(from, to, address))
    }

    /// One whose gateway shares rates with others.
    pub(crate) fn with_redis(redis: &Redis) -> Self {
        let gateway = format!("redis_url = {:?}\n", redis.url());
        Self::with(&Shape { gateway, ..Shape::default() }, as_it_is)
    }

    /// One of the build that this one replaces.
    pub(crate) fn of_the_previous_build() -> Self {
        Self::with(&Shape { build: previous, ..Shape::default() }, as_it_is)
    }

    /// One whose processes tell of traces.
    pub(crate) fn with_collector(collector: &Collector) -> Self {
        let gateway = told_to(collector);
        Self::with(&Shape { services: gateway.clone(), gateway, ..Shape::default() }, as_it_is)
    }

    /// One that publishes its events.
    pub(crate) fn with_kafka(kafka: &Kafka) -> Self {
        Self::with(&Shape { services: published_on(kafka), ..Shape::default() }, as_it_is)
    }

    /// One that does both.
    pub(crate) fn with_kafka_and_collector(kafka: &Kafka, collector: &Collector) -> Self {
        let (gateway, services) = (told_to(collector), published_on(kafka) + &told_to(collector));
        Self::with(&Shape { services, gateway, ..Shape::default() }, as_it_is)
    }

    /// One of that shape, whose services find each other as `found` says: who looks, for whom, who is where.
    fn with(shape: &Shape, found: impl Fn(&str, &str, &str) -> String) -> Self {
        let archive = shape.is_archived.then_some(Postgres::ARCHIVE).into_iter().flatten();
        let settings: Vec<&str> = ["max_connections=200"].into_iter().chain(archive).collect();
        let (postgres, directory) = (Postgres::start(&settings).unwrap(), tempfile::tempdir().unwrap());
        let database_replica = shape.is_replicated.then(|| postgres.synchronous_replica().unwrap());
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
            migrate((shape.build)(), name, &url("owner"));
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
                     probe_listen = \"{}\"\ndatabase_url = {:?}\n[peers]\n{peers}{}{}",
                    free_address(),
                    url(name),
                    shape.services,
                    tls(&certs, &format!("{name}-service"))
                );
                fs::write(&config, text).unwrap();
                printed(&run(&["config", "check", name, "--config", config.to_str().unwrap()]));
                let tunnel = tunnel(&tunnels, &tester, name, http);
                let running = RwLock::new(Replica::start((shape.build)(), name, &config, &data, &tunnel));
                Replica { directory: data, config, tunnel, running }
            });
            let (url, owner_url) = (url(name), url("owner"));
            Service { name, url, owner_url, replicas: replicas.collect() }
        });
        let services: Vec<Service> = services.collect();
        let cluster = Self {
            gateway: gateway(directory.path(), &keys, &certs, shape, &addresses),
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
        self.clients_with(Orders::default())
    }

    /// People who have placed orders in its market before.
    pub(crate) fn clients_with(&self, orders: Orders) -> Clients<'_> {
        Clients { cluster: self, trader: self.token("ann", "trader"), orders }
    }

    /// Ends every process of every service in order.
    pub(crate) fn stop(&self) {
        for replica in self.services.iter().flat_map(|service| &service.replicas) {
            let mut running = replica.running.write().unwrap();
            assert_eq!(running.terminate(), Some(0), "{}", running.log());
        }
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
    pub(crate) fn verify(mut self) {
        assert_eq!(self.gateway.terminate(), Some(0), "{}", self.gateway.log());
        self.stop();
        for service in &self.services {
            printed(&run(&["journal", "verify", "--database", &service.url]));
            for replica in &service.replicas {
                let data = replica.directory.to_str().unwrap();
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
    /// What they were told.
    pub(crate) fn into_orders(self) -> Orders {
        self.orders
    }

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
