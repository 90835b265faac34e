//! Kafka: brokers that are controllers too (KRaft), from the jars that `scripts/kafka-install` has fetched.

use crate::ports::free_port;
use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long the brokers may take to come up.
const START: Duration = Duration::from_secs(90);
/// How often they are asked whether they are up.
const POLL: Duration = Duration::from_millis(50);
/// Any will do: it only has to be the same for all.
const CLUSTER: &str = "cmlhbHRvLXRlc3RiZWQtMQ";

/// Brokers that make one cluster. Stopped, and their data deleted, when dropped.
pub struct Kafka {
    brokers: Vec<Broker>,
    _directory: TempDir,
}

struct Broker {
    port: u16,
    properties: PathBuf,
    child: Option<Child>,
}

impl Kafka {
    /// Whether its jars are here.
    #[must_use]
    pub fn is_installed() -> bool {
        jars().join(".whole").exists()
    }

    /// Starts so many brokers. Comes back when they take connections.
    ///
    /// # Errors
    /// When Kafka is not installed, or does not come up.
    pub fn start(brokers: u16) -> anyhow::Result<Self> {
        ensure!(Self::is_installed(), "Kafka is not installed: scripts/kafka-install");
        let directory = tempfile::tempdir()?;
        let ports: Vec<(u16, u16)> = (0..brokers).map(|_| (free_port(), free_port())).collect();
        let voters: Vec<String> =
            (1..).zip(&ports).map(|(id, (_, controller))| format!("{id}@127.0.0.1:{controller}")).collect();
        let mut started = Self { brokers: Vec::new(), _directory: directory };
        for (id, (port, controller)) in (1..).zip(ports) {
            let home = started._directory.path().join(format!("broker-{id}"));
            fs::create_dir(&home)?;
            let properties = home.join("server.properties");
            fs::write(&properties, settings(id, brokers, (port, controller), &voters.join(","), &home))?;
            let format = java("kafka.tools.StorageTool")
                .args(["format", "--cluster-id", CLUSTER, "--config"])
                .arg(&properties)
                .output()?;
            ensure!(format.status.success(), "Kafka: {}", String::from_utf8_lossy(&format.stderr));
            started.brokers.push(Broker { port, properties, child: None });
        }
        for broker in 0..started.brokers.len() {
            started.spawn(broker)?;
        }
        for broker in 0..started.brokers.len() {
            started.wait(broker)?;
        }
        Ok(started)
    }

    /// Where they are, with commas between.
    #[must_use]
    pub fn addresses(&self) -> String {
        let addresses: Vec<String> =
            self.brokers.iter().map(|broker| format!("127.0.0.1:{}", broker.port)).collect();
        addresses.join(",")
    }

    /// Kills a broker without warning (SIGKILL); they count from 0.
    ///
    /// # Errors
    /// When the system does not do it.
    pub fn kill(&mut self, broker: usize) -> anyhow::Result<()> {
        let mut child = self.brokers[broker].child.take().context("it does not run")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Starts a broker again that was killed, and comes back when it takes connections.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn restart(&mut self, broker: usize) -> anyhow::Result<()> {
        self.spawn(broker)?;
        self.wait(broker)
    }

    /// Starts a broker again that was killed. It may need others to come up.
    ///
    /// # Errors
    /// When the system does not do it.
    pub fn spawn(&mut self, broker: usize) -> anyhow::Result<()> {
        let broker = &mut self.brokers[broker];
        let log = broker.properties.with_file_name("log");
        let log = fs::OpenOptions::new().create(true).append(true).open(log)?;
        let mut server = java("kafka.Kafka");
        server.arg(&broker.properties).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        broker.child = Some(server.spawn()?);
        Ok(())
    }

    fn wait(&mut self, broker: usize) -> anyhow::Result<()> {
        let deadline = Instant::now() + START;
        let broker = &mut self.brokers[broker];
        while TcpStream::connect(("127.0.0.1", broker.port)).is_err() {
            let child = broker.child.as_mut().context("it was not started")?;
            let log = || fs::read_to_string(broker.properties.with_file_name("log")).unwrap_or_default();
            ensure!(child.try_wait()?.is_none(), "a broker ended: {}", log());
            ensure!(Instant::now() < deadline, "a broker did not come up: {}", log());
            std::thread::sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        // Nothing that they hold is needed any more.
        for child in self.brokers.iter_mut().filter_map(|broker| broker.child.as_mut()) {
            if let Some(id) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                let _ = kill_process(id, Signal::KILL);
            }
            let _ = child.wait();
        }
    }
}

fn jars() -> PathBuf {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/kafka");
    std::env::var_os("RIALTO_KAFKA").map_or_else(usual, PathBuf::from)
}

/// A small one: a broker of a test has little to do.
fn java(class: &str) -> Command {
    let mut command = Command::new("java");
    command.args(["-Xms64m", "-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
    command.args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp"]);
    command.arg(jars().join("*")).arg(class);
    command
}

fn settings(id: usize, brokers: u16, (port, controller): (u16, u16), voters: &str, home: &Path) -> String {
    let in_sync = brokers.min(2);
    format!(
        "process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={}
auto.create.topics.enable=false
offsets.topic.replication.factor={brokers}
offsets.topic.num.partitions=3
min.insync.replicas={in_sync}
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.cleaner.dedupe.buffer.size=4194304
",
        home.join("data").display()
    )
}
