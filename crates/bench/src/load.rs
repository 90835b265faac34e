//! A closed-loop load generator for HTTP/1.1: each connection sends its next request when it has the last answer.

use hdrhistogram::Histogram;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What one load came to.
pub(crate) struct Measured {
    pub(crate) per_second: u64,
    pub(crate) latency_us: Histogram<u64>,
    pub(crate) answered: u64,
    /// Answers with another status than 2xx.
    pub(crate) failed: u64,
}

/// Sends each connection's request over and over, for `warm_up` unmeasured and then for `time` measured.
pub(crate) async fn run(
    address: SocketAddr,
    requests: Vec<Vec<u8>>,
    warm_up: Duration,
    time: Duration,
) -> anyhow::Result<Measured> {
    let start = Instant::now() + warm_up;
    let end = start + time;
    let connections: Vec<_> =
        requests.into_iter().map(|request| tokio::spawn(connection(address, request, start, end))).collect();
    let mut latency_us = Histogram::new_with_bounds(1, 60_000_000, 3)?;
    let (mut answered, mut failed) = (0, 0);
    for connection in connections {
        let one = connection.await??;
        latency_us.add(&one.latency_us)?;
        answered += one.answered;
        failed += one.failed;
    }
    let per_second = u128::from(answered) * 1_000 / time.as_millis().max(1);
    Ok(Measured { per_second: u64::try_from(per_second)?, latency_us, answered, failed })
}

async fn connection(
    address: SocketAddr,
    request: Vec<u8>,
    start: Instant,
    end: Instant,
) -> anyhow::Result<Measured> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut one = Measured {
        per_second: 0,
        latency_us: Histogram::new_with_bounds(1, 60_000_000, 3)?,
        answered: 0,
        failed: 0,
    };
    let mut buffer = Vec::with_capacity(16 * 1024);
    loop {
        let sent = Instant::now();
        if sent >= end {
            return Ok(one);
        }
        stream.write_all(&request).await?;
        let good = answer(&mut stream, &mut buffer).await?;
        if sent >= start {
            one.answered += 1;
            one.failed += u64::from(!good);
            one.latency_us.saturating_record(u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX));
        }
    }
}

/// Reads one answer with a content-length; true when its status is 2xx.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<bool> {
    buffer.clear();
    loop {
        if let Some(head) = memchr::memmem::find(buffer, b"\r\n\r\n") {
            let body = content_length(&buffer[..head])?;
            while buffer.len() < head + 4 + body {
                fill(stream, buffer).await?;
            }
            return Ok(buffer.get(9) == Some(&b'2'));
        }
        fill(stream, buffer).await?;
    }
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
