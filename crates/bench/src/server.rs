//! The real server as a process of its own, over a market that was founded for it.

use api::Role;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testbed::Postgres;

use crate::cost::{self, ThreadCost, Usage};
use crate::load::{self, Measured, Orders, Plan, Schedule};
use crate::market::{self, Market};
use node::journal::JournalReader;
use store::sqlite::SqliteReader;

/// How long followers may take to catch up with the filling of a market.
const CATCH_UP: Duration = Duration::from_secs(600);

/// A running server. Stopped when dropped.
pub(crate) struct Server {
    child: Child,
    data: TempDir,
    market: Market,
    base: String,
    token: String,
    pub(crate) address: SocketAddr,
}

/// How the server was at one moment.
#[derive(Clone, Copy, serde::Serialize)]
pub(crate) struct Health {
    /// Records that the views have not seen yet.
    pub(crate) views_behind: u64,
    pub(crate) memory_mib: u64,
}

/// What one load on it came to.
pub(crate) struct Loaded {
    pub(crate) measured: Measured,
    /// What an order cost, by kind of thread.
    pub(crate) cost: Vec<ThreadCost>,
}

impl Server {
    /// Founds the market, and starts the `rialto` that was built beside this program over it.
    pub(crate) fn start(market: Market) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        market.found(data.path())?;
        Self::over(market, data, &[])
    }

    /// As [`Server::start`], with the journal in a database of that server.
    pub(crate) fn start_on(market: Market, postgres: &Postgres) -> anyhow::Result<Self> {
        let founded = tempfile::tempdir()?;
        market.found(founded.path())?;
        postgres.sql("postgres", "CREATE ROLE rialto LOGIN; CREATE SCHEMA rialto")?;
        let url = |user| {
            let socket = postgres.socket_directory().display().to_string().replace('/', "%2F");
            format!("postgresql://{user}@{socket}/postgres")
        };
        run(&["migrate", "--database", &url("owner"), "--role", "rialto"])?;
        let from = founded.path().display().to_string();
        run(&["journal", "copy", "--from", &from, "--to", &url("rialto")])?;
        Self::over(market, tempfile::tempdir()?, &["--database", &url("rialto")])
    }

    fn over(market: Market, data: TempDir, more: &[&str]) -> anyhow::Result<Self> {
        let mut command = Command::new(binary()?);
        command.args(["up", "--listen", "127.0.0.1:0", "--data"]).arg(data.path()).args(more);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let address = first_address(child.stdout.take());
        let token = market::token(data.path(), "bench", Role::Operator);
        let (address, token) = match address.and_then(|address| Ok((address, token?))) {
            Ok(both) => both,
            Err(error) => {
                stop(&mut child);
                return Err(error);
            }
        };
        let base = format!("http://{address}");
        let server = Self { child, data, market, base, token, address };
        server.wait_until_ready()?;
        server.wait_for_views(CATCH_UP)?;
        Ok(server)
    }

    /// Its process id.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// What so many connections send.
    pub(crate) fn orders(&self, connections: u32, batch: u32) -> anyhow::Result<Vec<Orders>> {
        self.market.orders(self.data(), connections, batch)
    }

    /// Puts it under load.
    pub(crate) async fn load(
        &self,
        connections: u32,
        batch: u32,
        plan: Plan,
        schedule: Schedule,
    ) -> anyhow::Result<Loaded> {
        let orders = self.orders(connections, batch)?;
        let before: Usage = cost::usage(self.process())?;
        let measured = load::run(self.address, orders, plan, schedule).await?;
        let cost = cost::usage(self.process())?.per_operation(&before, measured.sent);
        Ok(Loaded { measured, cost })
    }

    /// How it is now.
    pub(crate) fn health(&self) -> anyhow::Result<Health> {
        let request = ureq::get(format!("{}/metrics", self.base))
            .header("authorization", format!("Bearer {}", self.token));
        let text = request.call()?.body_mut().read_to_string()?;
        let lag =
            text.lines().find_map(|line| line.strip_prefix(r#"follower_lag_records{follower="views"} "#));
        let views_behind = lag.and_then(|lag| lag.trim().parse().ok());
        let views_behind =
            views_behind.ok_or_else(|| anyhow::anyhow!("no lag of the views in the metrics"))?;
        Ok(Health { views_behind, memory_mib: cost::resident(self.process())? >> 20 })
    }

    /// Settles what is due. Whether the answer came in time: views may be too far behind for it, and the run is done
    /// all the same.
    pub(crate) fn settle(&self) -> anyhow::Result<bool> {
        let request = ureq::post(format!("{}/settlement/process", self.base))
            .config()
            .http_status_as_error(false)
            .build()
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json");
        let answer = request.send(format!(r#"{{"date":"{}"}}"#, market::DATE))?;
        Ok(answer.status().is_success())
    }

    /// Until it leads, if it is one of several processes.
    pub(crate) fn wait_until_ready(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        while ureq::get(format!("{}/readyz", self.base)).call().is_err() {
            anyhow::ensure!(began.elapsed() < CATCH_UP, "the server does not lead");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Until the views have seen everything. How long that took.
    pub(crate) fn wait_for_views(&self, at_most: Duration) -> anyhow::Result<Duration> {
        let began = Instant::now();
        while self.health()?.views_behind > 0 {
            anyhow::ensure!(began.elapsed() < at_most, "the views have not caught up in {at_most:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(began.elapsed())
    }

    /// Bytes that a record takes in the journal, over the last batches.
    pub(crate) fn record_bytes(&self) -> anyhow::Result<u64> {
        let reader = SqliteReader::open(self.data(), 0)?;
        let next = reader.tail()?.next_position;
        let batches = reader.read_from(next.saturating_sub(2_000).max(1), 4 << 20)?;
        let (bytes, records) = batches.iter().fold((0, 0), |(bytes, records), batch| {
            (bytes + batch.bytes.len() as u64, records + u64::from(batch.records))
        });
        Ok(bytes / records.max(1))
    }
}

/// The `rialto` that was built beside this program.
pub(crate) fn binary() -> anyhow::Result<PathBuf> {
    let binary = std::env::current_exe()?.with_file_name("rialto");
    let path = binary.display();
    anyhow::ensure!(binary.exists(), "{path} is not built: cargo build --release -p rialto");
    Ok(binary)
}

/// Runs it to its end.
fn run(arguments: &[&str]) -> anyhow::Result<()> {
    let done = Command::new(binary()?).args(arguments).stdin(Stdio::null()).output()?;
    anyhow::ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr).trim());
    Ok(())
}

fn first_address(output: Option<impl Read>) -> anyhow::Result<SocketAddr> {
    let output = output.ok_or_else(|| anyhow::anyhow!("the server has no output"))?;
    let first = BufReader::new(output).lines().next();
    let first = first.ok_or_else(|| anyhow::anyhow!("the server did not start"))??;
    let (_, address) =
        first.split_once("http://").ok_or_else(|| anyhow::anyhow!("no address in {first:?}"))?;
    Ok(address.trim().parse()?)
}

fn stop(child: &mut Child) {
    // It may have ended by itself.
    drop(Command::new("kill").args(["-TERM", &child.id().to_string()]).status());
    drop(child.wait());
}

impl Drop for Server {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}
