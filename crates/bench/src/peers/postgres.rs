//! The peer: the same order flow on PostgreSQL, as stored procedures with one round trip a phase, fsync on.
//!
//! Starts a server of its own on a socket in a directory of its own, from what the system has installed, and stops it.

use std::time::Instant;
use testbed::Postgres;
use tokio_postgres::{Client, NoTls};

use crate::load::{Measured, Schedule};

const ORDER_FLOW: &str = include_str!("../../sql/order_flow.sql");

/// A server of this benchmark's own. Stopped when dropped.
pub(crate) struct Peer(Postgres);

impl Peer {
    /// Starts it; none if PostgreSQL is not installed.
    pub(crate) fn start(connections: u32) -> anyhow::Result<Option<Self>> {
        if !Postgres::is_installed() {
            return Ok(None);
        }
        let connections = format!("max_connections={}", connections + 10);
        Ok(Some(Self(Postgres::start(&["shared_buffers=1GB", "max_wal_size=4GB", &connections])?)))
    }

    async fn connect(&self) -> anyhow::Result<Client> {
        let (client, connection) =
            tokio_postgres::connect(&self.0.address("owner", "postgres"), NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
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
