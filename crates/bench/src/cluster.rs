//! `bench cluster`: orders through the gateway of a whole cluster on this machine, and what each of its processes costs.
//!
//! The cluster is the one that `scripts/cluster` starts, in a directory of its own.

use anyhow::{Context, ensure};
use api::Role;
use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::compare::Row;
use crate::cost::{self, ThreadCost, Usage};
use crate::load::{self, Measured, Plan, Schedule};
use crate::market::{self, Market};
use crate::server;
use crate::table::{Table, micros};

/// Where the gateway listens; the services follow.
const PORT: u16 = 17_400;

/// Options of `bench cluster`.
#[derive(Args)]
pub(crate) struct ClusterOptions {
    /// Connections, each with one request under way.
    #[arg(long, default_value_t = 64)]
    connections: u32,
    /// Orders of a batch, where orders come in batches.
    #[arg(long, default_value_t = 200)]
    batch: u32,
    /// Orders a second, where they come at a constant rate.
    #[arg(long, default_value_t = 1_000)]
    rate: u64,
    /// Measured seconds for each.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

/// What one process costs.
#[derive(Serialize)]
struct ProcessCost {
    process: String,
    /// Processor time for an order, in nanoseconds.
    cpu_ns: u64,
    threads: Vec<ThreadCost>,
}

#[derive(Serialize)]
struct Figures {
    rows: Vec<Row>,
    /// For an order of many connections, one a request.
    cost: Vec<ProcessCost>,
}

/// Measures and prints.
pub(crate) fn run(options: &ClusterOptions) -> anyhow::Result<()> {
    let cluster = Cluster::start(Market::small(options.connections))?;
    let runtime = Runtime::new()?;
    let schedule = Schedule::seconds(options.seconds);
    let load = |connections, batch, plan| {
        let orders = cluster.market.orders(&cluster.keys(), connections, batch)?;
        runtime.block_on(load::run(cluster.gateway, orders, plan, schedule))
    };
    let mut rows = vec![Row::of("one client", &load(1, 1, Plan::Closed)?)];
    let before = cluster.usage()?;
    let many = load(options.connections, 1, Plan::Closed)?;
    let cost = cluster.cost(&before, &many)?;
    rows.push(Row::of(&format!("{} connections", options.connections), &many));
    let open = load(options.connections, 1, Plan::Open(options.rate))?;
    rows.push(Row::of(&format!("{} a second, open loop", options.rate), &open));
    rows.push(Row::of(&format!("batches of {}", options.batch), &load(8, options.batch, Plan::Closed)?));
    print(&Figures { rows, cost }, options.json)
}

fn print(figures: &Figures, as_json: bool) -> anyhow::Result<()> {
    let head = ["", "orders/s", "p50 µs", "p99 µs", "p99.9 µs", "failed"];
    let mut table = Table::new("A cluster on this machine, through its gateway", &head, figures);
    for row in &figures.rows {
        table.row(&row.cells());
    }
    let costs = figures.cost.iter().map(|cost| {
        let threads = cost::by_thread(&cost.threads);
        format!("{} {} ({threads})", cost.process, micros(cost.cpu_ns))
    });
    let costs = costs.collect::<Vec<_>>().join("; ");
    table.note(format!("Processor time for an order, in µs: {costs}."));
    table.print(as_json)
}

/// What defines a market, for the API: as [`Market::define`] does for a node.
fn definitions(market: &Market) -> Vec<(String, Value)> {
    let mut all = vec![
        ("/trading/assets".to_owned(), json!({"asset": "EUR", "kind": "currency", "scale": 2})),
        ("/trading/assets".to_owned(), json!({"asset": "ACME", "kind": "security", "scale": 0})),
        ("/trading/business-day".to_owned(), json!({"date": market::DATE})),
        ("/trading/participants".to_owned(), json!({"participant": "NORTH"})),
        (
            "/settlement/quotas".to_owned(),
            json!({"participant": "NORTH", "asset": "EUR", "quota": "10000000000000000.00"}),
        ),
    ];
    for number in 0..market.instruments {
        let instrument = market::instrument(number).to_string();
        let phase = format!("/trading/instruments/{instrument}/phase");
        let listed = json!({
            "instrument": instrument, "market": "MAIN", "base": "ACME", "quote": "EUR", "price_scale": 2,
            "tick": "0.01", "lot": "1", "reference_price": "100.00", "settlement_days": 0, "calendar": "DAYS",
        });
        all.push(("/trading/instruments".to_owned(), listed));
        all.push((phase, json!({"phase": "continuous"})));
    }
    for number in 0..market.accounts {
        let (account, owner) = (market::account(number), market::owner(number % market.owners));
        let account = account.to_string();
        let deposits = format!("/trading/accounts/{account}/deposits");
        let opened = json!({"account": account, "participant": "NORTH", "owner": owner.to_string()});
        all.push(("/trading/accounts".to_owned(), opened));
        all.push((deposits.clone(), json!({"asset": "EUR", "amount": "1000000000.00"})));
        all.push((deposits, json!({"asset": "ACME", "amount": "1000000000"})));
    }
    all
}

/// A running cluster. Stopped when dropped.
struct Cluster {
    home: TempDir,
    market: Market,
    gateway: SocketAddr,
}

impl Cluster {
    fn start(market: Market) -> anyhow::Result<Self> {
        let home = tempfile::Builder::new().prefix("cluster").tempdir()?;
        let cluster = Self { home, market, gateway: SocketAddr::from(([127, 0, 0, 1], PORT)) };
        // Its servers do not all run as whoever starts them.
        fs::set_permissions(cluster.home.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        cluster.script("up")?;
        cluster.found()?;
        Ok(cluster)
    }

    /// `scripts/cluster`, which is in the repository that this program was built from.
    fn script(&self, what: &str) -> anyhow::Result<()> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/cluster");
        let done = Command::new(&script)
            .arg(what)
            .env("RIALTO_CLUSTER", self.home.path())
            .env("RIALTO_CLUSTER_PORT", PORT.to_string())
            .env("RIALTO_BINARY", server::binary()?)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .with_context(|| format!("{} cannot be run", script.display()))?;
        ensure!(done.success(), "scripts/cluster {what} has failed");
        Ok(())
    }

    fn keys(&self) -> PathBuf {
        self.home.path().join("keys")
    }

    /// Defines the market, by the API.
    fn found(&self) -> anyhow::Result<()> {
        let keys = self.keys();
        let as_one = |user, role| market::token(&keys, user, role);
        let (operator, compliance) =
            (as_one("bench", Role::Operator)?, as_one("bench-policy", Role::Compliance)?);
        for (path, body) in definitions(&self.market) {
            self.post(&operator, &path, &body)?;
        }
        let limits: Value = serde_json::from_str(market::NO_LIMITS)?;
        let modules = self.get(&compliance, "/compliance/policies")?["modules"].take();
        self.post(&compliance, "/compliance/policies", &json!({"modules": modules, "data": limits}))
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.gateway)
    }

    fn get(&self, token: &str, path: &str) -> anyhow::Result<Value> {
        let request = ureq::get(self.url(path)).header("authorization", format!("Bearer {token}"));
        Ok(serde_json::from_str(&request.call()?.body_mut().read_to_string()?)?)
    }

    fn post(&self, token: &str, path: &str, body: &Value) -> anyhow::Result<()> {
        let request = ureq::post(self.url(path)).config().http_status_as_error(false).build();
        let request = request.header("authorization", format!("Bearer {token}"));
        let mut answer = request.header("content-type", "application/json").send(body.to_string())?;
        let said = answer.body_mut().read_to_string()?;
        ensure!(answer.status().is_success(), "POST {path}: {said}");
        Ok(())
    }

    /// What every process has used so far: those that are kept running, and those of PostgreSQL, by name.
    fn usage(&self) -> anyhow::Result<BTreeMap<String, Usage>> {
        let mut usages = BTreeMap::new();
        for file in fs::read_dir(self.home.path().join("run"))? {
            let file = file?;
            let supervisor = fs::read_to_string(file.path())?;
            let name = file.file_name().to_string_lossy().into_owned();
            for child in cost::children(supervisor.trim().parse()?)? {
                usages.insert(name.clone(), cost::usage(child)?);
            }
        }
        for replica in ["a", "b"] {
            let file = self.home.path().join(format!("postgres-{replica}/postmaster.pid"));
            let main = fs::read_to_string(file)?.lines().next().unwrap_or_default().parse()?;
            let mut all = Usage::default();
            for child in cost::children(main)? {
                // One that served a connection may be gone.
                if let Ok(usage) = cost::usage(child) {
                    all.add(&usage);
                }
            }
            usages.insert(format!("postgres-{replica}"), all);
        }
        Ok(usages)
    }

    /// What an order has cost since then, by process, the dearest first.
    fn cost(&self, before: &BTreeMap<String, Usage>, load: &Measured) -> anyhow::Result<Vec<ProcessCost>> {
        let nothing = Usage::default();
        let mut costs = Vec::new();
        for (process, usage) in self.usage()? {
            let threads = usage.per_operation(before.get(&process).unwrap_or(&nothing), load.sent);
            costs.push(ProcessCost {
                process,
                cpu_ns: threads.iter().map(|cost| cost.cpu_ns).sum(),
                threads,
            });
        }
        costs.sort_by_key(|cost| std::cmp::Reverse(cost.cpu_ns));
        Ok(costs)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // What cannot be stopped is in the message that the script has printed.
        drop(self.script("down"));
    }
}
