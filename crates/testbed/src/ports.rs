//! Ports for servers. Below those that the system gives to clients: a client that connects again and again to a port of
//! those, while nobody listens there, is given that very port in the end, and is then connected to itself.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// From here on.
const FIRST: u16 = 20_000;
/// So many.
const PORTS: u16 = 10_000;

/// A port of the loopback interface on which nobody listens. Processes begin at different places.
///
/// # Panics
/// When all are taken.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id() % 97).unwrap_or_default() * 100;
    let ports = std::iter::repeat_with(|| FIRST + (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS);
    let mut free = ports.take(PORTS.into()).filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().expect("a port is free")
}
