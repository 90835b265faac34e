//! The peer: the same order flow on PostgreSQL, as stored procedures with one round trip a phase, fsync on.
//!
//! Starts a server of its own on a socket in a directory of its own, from what the system has installed, and stops it.

use anyhow::Context;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio_postgres::{Client, NoTls};

use crate::load::{Measured, Schedule};

const ORDER_FLOW: &str = include_str!("../../sql/order_flow.sql");
/// How long the server may take to come up.
const START: Duration = Duration::from_secs(60);
/// Where Debian keeps the programs, by version.
const VERSIONS: &str = "/usr/lib/postgresql";
const USER: &str = "bench";

/// A server of this benchmark's own. Stopped when dropped.
pub(crate) struct Postgres {
    child: Child,
    data: tempfile::TempDir,
}

/// The newest installed version's programs; none if PostgreSQL is not installed.
pub(crate) fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir(VERSIONS).ok()?.filter_map(Result::ok);
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    versions.map(|version| version.path()).max_by_key(number).map(|version| version.join("bin"))
}

/// PostgreSQL refuses to run as root, so root runs it as the user that its package made.
fn as_its_user(command: &mut Command, directory: &Path) -> anyhow::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let users = std::fs::read_to_string("/etc/passwd")?;
    let line =
        users.lines().find(|line| line.starts_with("postgres:")).context("there is no user postgres")?;
    let mut ids = line.split(':').skip(2).map_while(|id| id.parse::<u32>().ok());
    let (user, group) = ids.next().zip(ids.next()).context("the user postgres has no ids")?;
    chown(directory, Some(user), Some(group))?;
    command.uid(user).gid(group).current_dir(directory);
    Ok(())
}

impl Postgres {
    /// Starts it.
    pub(crate) fn start(programs: &Path, connections: u32) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let cluster = data.path().join("cluster");
        let mut init = Command::new(programs.join("initdb"));
        init.args(["--auth", "trust", "--username", USER, "--encoding", "UTF8", "--pgdata"]).arg(&cluster);
        as_its_user(&mut init, data.path())?;
        let made = init.stdout(Stdio::null()).output()?;
        anyhow::ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let mut server = Command::new(programs.join("postgres"));
        server.arg("-D").arg(&cluster).arg("-k").arg(data.path());
        for setting in [
            "listen_addresses=",
            "fsync=on",
            "synchronous_commit=on",
            "shared_buffers=1GB",
            "max_wal_size=4GB",
            "logging_collector=off",
            &format!("max_connections={}", connections + 10),
        ] {
            server.args(["-c", setting]);
        }
        as_its_user(&mut server, data.path())?;
        let child = server.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        Ok(Self { child, data })
    }

    async fn connect(&self) -> anyhow::Result<Client> {
        let deadline = Instant::now() + START;
        loop {
            let mut config = tokio_postgres::Config::new();
            config.host_path(self.data.path()).user(USER).dbname("postgres");
            match config.connect(NoTls).await {
                Ok((client, connection)) => {
                    tokio::spawn(connection);
                    return Ok(client);
                }
                Err(error) if Instant::now() > deadline => {
                    return Err(error).context("PostgreSQL did not come up");
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Half of the connections sell and half buy at one price, as in the load on Rialto.
    pub(crate) async fn load(&self, connections: u32, schedule: Schedule) -> anyhow::Result<Measured> {
        let client = self.connect().await?;
        client.batch_execute(ORDER_FLOW).await?;
        client.batch_execute(&market(connections)).await?;
        let mut clients = Vec::new();
        for number in 0..connections {
            clients.push((number, self.connect().await?));
        }
        let traders: Vec<_> = clients
            .into_iter()
            .map(|(number, client)| tokio::spawn(trade(number, client, schedule)))
            .collect();
        let mut all = Measured::new(schedule);
        for trader in traders {
            all.add(&trader.await??);
        }
        Ok(all)
    }
}

/// One order after another, each in five round trips.
async fn trade(number: u32, client: Client, schedule: Schedule) -> anyhow::Result<Measured> {
    let place = client.prepare("SELECT place_order($1, 'ACME', $2::text::char, 10000, 1)").await?;
    let check = client.prepare("SELECT check_order($1)").await?;
    let risk = client.prepare("SELECT hold_risk($1)").await?;
    let quota = client.prepare("SELECT hold_quota($1)").await?;
    let accept = client.prepare("SELECT accept_order($1)").await?;
    let account = format!("A-{number}");
    let side = if number.is_multiple_of(2) { "s" } else { "b" };
    let mut measured = Measured::new(schedule);
    let (start, end) = schedule.window();
    loop {
        let sent = Instant::now();
        if sent >= end {
            return Ok(measured);
        }
        let order: i64 = client.query_one(&place, &[&account, &side]).await?.get(0);
        for phase in [&check, &risk, &quota] {
            let agrees: bool = client.query_one(phase, &[&order]).await?.get(0);
            anyhow::ensure!(agrees, "an order of the benchmark is refused");
        }
        client.query_one(&accept, &[&order]).await?;
        measured.sent += 1;
        if sent >= start {
            measured.take(sent, sent, 1);
        }
    }
}

fn market(accounts: u32) -> String {
    format!(
        "INSERT INTO instruments VALUES ('ACME', 1, 1, 1, 1000000, 'continuous');
         INSERT INTO policy VALUES (1000000000, 1000000000);
         INSERT INTO quotas VALUES ('NORTH', 100000000000000);
         INSERT INTO accounts SELECT 'A-' || n, 'NORTH', 'owner-' || n FROM generate_series(0, {accounts} - 1) n;
         INSERT INTO exposures SELECT account, 1000000000000, 100000000000000 FROM accounts;
         INSERT INTO balances SELECT account, 'EUR', 100000000000 FROM accounts;
         INSERT INTO balances SELECT account, 'ACME', 1000000000 FROM accounts;
         ANALYZE;"
    )
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        // SIGINT is its fast shutdown. It may have ended by itself.
        drop(Command::new("kill").args(["-INT", &id]).status());
        drop(self.child.wait());
    }
}
