//! Redis on a port of its own, which keeps nothing.

use crate::ports::free_port;
use anyhow::ensure;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long the server may take to come up.
const START: Duration = Duration::from_secs(30);
/// How often it is asked whether it is up.
const POLL: Duration = Duration::from_millis(10);
/// Where Debian has it.
const SERVER: &str = "/usr/bin/redis-server";

/// A server. Killed when dropped.
pub struct Redis {
    port: u16,
    child: Child,
    directory: TempDir,
}

impl Redis {
    /// Starts one, and comes back when it takes connections.
    ///
    /// # Errors
    /// When Redis is not installed (Debian: redis-server), or does not come up.
    pub fn start() -> anyhow::Result<Self> {
        ensure!(
            PathBuf::from(SERVER).exists(),
            "Redis is not installed: there is no {SERVER} (Debian: redis-server)"
        );
        let (port, directory) = (free_port(), tempfile::tempdir()?);
        let mut server = Self { port, child: spawn(port, &directory)?, directory };
        server.wait()?;
        Ok(server)
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills it without warning (SIGKILL).
    ///
    /// # Errors
    /// When the system does not do it.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again after it was killed.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.child = spawn(self.port, &self.directory)?;
        self.wait()
    }

    fn wait(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            ensure!(self.child.try_wait()?.is_none(), "Redis ended");
            ensure!(Instant::now() < deadline, "Redis did not come up");
            std::thread::sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(port: u16, directory: &TempDir) -> anyhow::Result<Child> {
    let mut server = Command::new(SERVER);
    server.args([
        "--port",
        &port.to_string(),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
    ]);
    Ok(server
        .arg(directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?)
}
