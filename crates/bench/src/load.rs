//! The load generator: HTTP/1.1 over loopback, one request under way on each connection.
//!
//! In a closed loop a connection sends its next request when it has the last answer. In an open loop requests have
//! their time, at a constant rate whatever the server does, and latency counts from then: a server that stalls is
//! charged for all who would have come meanwhile.

use hdrhistogram::Histogram;
use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep_until;

use crate::market::Market;

/// When what is sent counts.
#[derive(Clone, Copy)]
pub(crate) struct Schedule {
    /// At first it does not.
    pub(crate) warm_up: Duration,
    pub(crate) time: Duration,
}

impl Schedule {
    /// Two seconds to get warm, and then so many that count.
    pub(crate) fn seconds(seconds: u64) -> Self {
        Self { warm_up: Duration::from_secs(2), time: Duration::from_secs(seconds) }
    }

    /// From when to when it counts, beginning now.
    pub(crate) fn window(self) -> (Instant, Instant) {
        let start = Instant::now() + self.warm_up;
        (start, start + self.time)
    }
}

/// When requests are sent.
#[derive(Clone, Copy)]
pub(crate) enum Plan {
    /// When the last one is answered.
    Closed,
    /// So many a second, over all connections.
    Open(u64),
}

/// The orders of one connection, all of one owner and one side.
pub(crate) struct Orders {
    pub(crate) market: Market,
    /// Counts the connections from 0; even ones sell, odd ones buy.
    pub(crate) connection: u32,
    pub(crate) connections: u32,
    /// Orders a request.
    pub(crate) batch: u32,
    pub(crate) token: String,
    placed: u32,
}

impl Orders {
    pub(crate) fn new(market: Market, connection: u32, connections: u32, batch: u32, token: String) -> Self {
        Self { market, connection, connections, batch, token, placed: 0 }
    }

    /// The next request, in place of the last.
    fn write_next(&mut self, request: &mut Vec<u8>, body: &mut Vec<u8>) -> std::io::Result<()> {
        body.clear();
        let path = if self.batch == 1 { "/trading/orders" } else { "/trading/orders/batch" };
        if self.batch == 1 {
            self.write_order(body)?;
        } else {
            body.extend_from_slice(br#"{"orders":["#);
            for number in 0..self.batch {
                if number > 0 {
                    body.push(b',');
                }
                self.write_order(body)?;
            }
            body.extend_from_slice(b"]}");
        }
        request.clear();
        write!(
            request,
            "POST {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.token,
            body.len()
        )?;
        request.extend_from_slice(body);
        Ok(())
    }

    /// One order: the connection's accounts and all instruments take turns.
    fn write_order(&mut self, body: &mut Vec<u8>) -> std::io::Result<()> {
        let turn = self.placed;
        self.placed = self.placed.wrapping_add(1);
        let Market { accounts, owners, instruments, .. } = self.market;
        let owner = self.connection % owners;
        let account = owner + turn % (accounts.saturating_sub(owner).div_ceil(owners)).max(1) * owners;
        let instrument = turn.wrapping_mul(7) % instruments;
        let side = if self.connection.is_multiple_of(2) { "sell" } else { "buy" };
        write!(
            body,
            r#"{{"account":"A-{account}","instrument":"I-{instrument}","side":"{side}","price":"100.00","quantity":"1"}}"#
        )
    }
}

/// What one load came to.
pub(crate) struct Measured {
    time: Duration,
    /// Of what was done: from when the request should have been sent.
    pub(crate) latency_us: Histogram<u64>,
    /// Of what was done: from when the request was sent.
    pub(crate) service_us: Histogram<u64>,
    /// Orders that were done.
    pub(crate) done: u64,
    /// Requests that the server had no room for: 429 or 503.
    pub(crate) turned_away: u64,
    /// Requests with any other answer.
    pub(crate) failed: u64,
    /// Orders that were sent, those of the warm-up too.
    pub(crate) sent: u64,
}

impl Measured {
    pub(crate) fn new(schedule: Schedule) -> Self {
        let empty =
            || Histogram::new_with_bounds(1, 600_000_000, 3).expect("the bounds are those of a histogram");
        Self {
            time: schedule.time,
            latency_us: empty(),
            service_us: empty(),
            done: 0,
            turned_away: 0,
            failed: 0,
            sent: 0,
        }
    }

    /// Orders done a second.
    pub(crate) fn per_second(&self) -> u64 {
        let per_second = u128::from(self.done) * 1_000 / self.time.as_millis().max(1);
        u64::try_from(per_second).unwrap_or(u64::MAX)
    }

    /// Takes down that so many orders, which should have been sent at `intended` and were at `sent`, are done now.
    pub(crate) fn take(&mut self, intended: Instant, sent: Instant, orders: u32) {
        let micros = |since: Instant| u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.done += u64::from(orders);
        self.latency_us.saturating_record(micros(intended));
        self.service_us.saturating_record(micros(sent));
    }

    /// Adds what another connection measured.
    pub(crate) fn add(&mut self, other: &Self) {
        self.latency_us.add(&other.latency_us).expect("all histograms have the same bounds");
        self.service_us.add(&other.service_us).expect("all histograms have the same bounds");
        self.done += other.done;
        self.turned_away += other.turned_away;
        self.failed += other.failed;
        self.sent += other.sent;
    }
}

/// Sends orders on a connection for each of `orders`.
///
/// # Errors
/// When a connection breaks.
pub(crate) async fn run(
    address: SocketAddr,
    orders: Vec<Orders>,
    plan: Plan,
    schedule: Schedule,
) -> anyhow::Result<Measured> {
    let began = Instant::now();
    let connections: Vec<_> = orders
        .into_iter()
        .map(|orders| tokio::spawn(connection(address, orders, plan, schedule, began)))
        .collect();
    let mut all = Measured::new(schedule);
    for connection in connections {
        all.add(&connection.await??);
    }
    Ok(all)
}

async fn connection(
    address: SocketAddr,
    mut orders: Orders,
    plan: Plan,
    schedule: Schedule,
    began: Instant,
) -> anyhow::Result<Measured> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let start = began + schedule.warm_up;
    let end = start + schedule.time;
    let mut measured = Measured::new(schedule);
    let (mut request, mut body, mut buffer) = (Vec::new(), Vec::new(), Vec::with_capacity(16 * 1024));
    for number in 0_u64.. {
        let intended = match plan {
            Plan::Closed => Instant::now(),
            Plan::Open(per_second) => {
                let turn = number * u64::from(orders.connections) + u64::from(orders.connection);
                began + Duration::from_nanos(turn * 1_000_000_000 / per_second.max(1))
            }
        };
        if intended >= end || Instant::now() >= end {
            break;
        }
        orders.write_next(&mut request, &mut body)?;
        if intended > Instant::now() {
            sleep_until(intended.into()).await;
        }
        let sent = Instant::now();
        stream.write_all(&request).await?;
        let status = answer(&mut stream, &mut buffer).await?;
        measured.sent += u64::from(orders.batch);
        if sent >= start {
            match status {
                200..300 if !(orders.batch > 1 && has_problem(&buffer)) => {
                    measured.take(intended, sent, orders.batch)
                }
                429 | 503 => measured.turned_away += 1,
                _ => measured.failed += 1,
            }
        }
    }
    Ok(measured)
}

/// Reads one answer with a content-length; its status.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<u16> {
    buffer.clear();
    loop {
        if let Some(head) = memchr::memmem::find(buffer, b"\r\n\r\n") {
            let body = content_length(&buffer[..head])?;
            while buffer.len() < head + 4 + body {
                fill(stream, buffer).await?;
            }
            let status = buffer.get(9..12).and_then(|status| std::str::from_utf8(status).ok()?.parse().ok());
            return status.ok_or_else(|| anyhow::anyhow!("an answer without status"));
        }
        fill(stream, buffer).await?;
    }
}

/// Whether an order of a batch was not done.
fn has_problem(answer: &[u8]) -> bool {
    memchr::memmem::find(answer, br#""problem""#).is_some()
}

async fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<()> {
    if stream.read_buf(buffer).await? == 0 {
        anyhow::bail!("the server closed the connection");
    }
    Ok(())
}

fn content_length(head: &[u8]) -> anyhow::Result<usize> {
    let head = std::str::from_utf8(head)?;
    let named = |line: &str| -> Option<usize> {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok()).flatten()
    };
    head.lines().find_map(named).ok_or_else(|| anyhow::anyhow!("an answer without content-length"))
}
