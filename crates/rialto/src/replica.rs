//! One of several processes on one journal in PostgreSQL: whoever holds the lease leads, the others follow and wait. Its node
//! hosts everything, or some contexts and has others for neighbours.
//!
//! Every process keeps views, audit log and snapshots of its own in its data directory, made from the journal. Invariant:
//! opening the journal for writing is what makes a leader, and it ends the last one's power to write; the lease only says
//! when to. A process that has led and does no more ends, and may be started again.

use anyhow::Context;
use bus::{KafkaSettings, Witness};
use clap::Args;
use engine::Hosts;
use identity::Transport;
use node::journal::JournalReader;
use node::{
    Carrier, Courier, Follower, Node, NodeConfig, NodeHandle, ReadAlong, ReturnPath, Standby, StandbyParts,
    SystemClock,
};
use post::{GrpcCarrier, Peers, PostOffice};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use store::postgres::{self, Database, Held, Lease, PostgresJournal, PostgresReader};
use store::snapshot_files::SnapshotFiles;
use store::{Check, Founding};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use traces::TraceSettings;

use crate::cli::Failure;
use crate::embedded::{self, SHARD, time_now};
use crate::output::say;
use crate::traffic::Traffic;
use crate::up::{Place, ReadSide, activate_policy, services};

/// How long a lease is good: a leader that is killed is replaced a little later than this.
const LEASE: Duration = Duration::from_millis(1_500);
/// How often a leader renews its lease, and how often the others ask for it.
const ROUND: Duration = Duration::from_millis(250);

/// Options of a process that is one of several.
#[derive(Args)]
pub(crate) struct ReplicaOptions {
    /// Keep the journal in this PostgreSQL database, and be one of several processes on it: one leads, the others
    /// follow and take over. `rialto migrate` prepares the database.
    #[arg(
        long,
        value_name = "URL",
        env = "RIALTO_DATABASE",
        hide_env_values = true,
        conflicts_with = "demo"
    )]
    pub(crate) database: Option<String>,
    /// Where others find this process, if not where it listens.
    #[arg(long, value_name = "URL", requires = "database")]
    pub(crate) advertise: Option<String>,
}

/// Options of `rialto migrate`.
#[derive(Args)]
pub(crate) struct MigrateOptions {
    /// The PostgreSQL database, as a role that may create a schema there.
    #[arg(long, value_name = "URL", env = "RIALTO_DATABASE", hide_env_values = true)]
    database: String,
    /// The role that rialto will work as. It may read and add to the journal, and neither change nor delete it.
    #[arg(long)]
    role: String,
}

/// Prepares a database.
pub(crate) fn migrate(options: &MigrateOptions) -> Result<(), Failure> {
    let database = parse(&options.database)?;
    let migrated =
        postgres::migrate(&database, &options.role).map_err(|error| Failure::Wrong(error.to_string()))?;
    let place = database.place();
    if migrated.from == migrated.to {
        say!("{place} has schema version {} already; role {} may work with it", migrated.to, options.role);
    } else {
        say!(
            "{place} brought from schema version {} to {}; role {} may work with it",
            migrated.from,
            migrated.to,
            options.role
        );
    }
    Ok(())
}

/// What names a database.
pub(crate) fn parse(address: &str) -> Result<Database, Failure> {
    address.parse().map_err(|error: postgres::Unusable| Failure::Misuse(error.to_string()))
}

/// What a process is among others.
pub(crate) struct Role {
    /// The contexts that its node hosts.
    pub(crate) hosts: Hosts,
    /// Where the journal is.
    pub(crate) database: Database,
    /// Where others find it, if not where it listens.
    pub(crate) advertise: Option<String>,
    /// The directory that holds the key of tokens, if not the data directory.
    pub(crate) keys: Option<PathBuf>,
    /// Where events go, if anywhere.
    pub(crate) kafka: Option<KafkaSettings>,
    /// Where traces go, if anywhere.
    pub(crate) traces: Option<TraceSettings>,
    /// The nodes of other contexts, and where they bring what they have to say.
    pub(crate) neighbours: Option<Neighbours>,
}

/// The nodes of other contexts.
pub(crate) struct Neighbours {
    pub(crate) listener: std::net::TcpListener,
    pub(crate) transport: Transport,
    pub(crate) peers: Peers,
}

impl ReplicaOptions {
    /// One of several that each host everything.
    pub(crate) fn role(&self, address: &str) -> Result<Role, Failure> {
        let (database, advertise) = (parse(address)?, self.advertise.clone());
        let hosts = Hosts::ALL;
        Ok(Role { hosts, database, advertise, keys: None, kafka: None, traces: None, neighbours: None })
    }
}

/// Runs until SIGINT or SIGTERM, or until it has led and does no more.
pub(crate) fn run(place: Place<'_>, role: Role) -> Result<(), Failure> {
    let unusable = |error: postgres::Unusable| Failure::Misuse(error.to_string());
    let Role { hosts, database, advertise, keys, kafka, traces, neighbours } = role;
    prepare(place.data)?;
    let place = place.told(traces.as_ref(), hosts.iter().next())?;
    let advertised = advertise.unwrap_or_else(|| place.base.clone());
    let holder = format!("{advertised} {}", own_name());
    let lease = Lease::new(&database, SHARD, &holder, &advertised, LEASE).map_err(unusable)?;
    let founding = postgres::found(&database, &embedded::founding(hosts)).map_err(unusable)?;
    embedded::check_hosts(&founding, hosts, database.place())
        .map_err(|error| Failure::Misuse(error.to_string()))?;
    let ReadSide { views, followers } = ReadSide::open(place.data)?;
    let standby = follow(&database, hosts, &place, followers)?;
    let reader = PostgresReader::open(&database, SHARD).map_err(unusable)?;
    let runtime = place.runtime.handle().clone();
    let handle = standby.handle();
    let mut services =
        services(keys.as_deref().unwrap_or(place.data), handle.clone(), views, Box::new(reader))?;
    services.hosts = hosts;
    services.traces = place.request_traces();
    if let Some(spans) = &place.spans {
        spans.are_of(handle.clone());
    }
    let witness = place.spans.clone().map(|spans| -> Arc<dyn Witness> { Arc::new(spans) });
    let traffic = kafka.map(|settings| Traffic::new(settings, hosts, witness));
    services.events = traffic.as_ref().map(|traffic| traffic.figures(&database)).transpose()?;
    let peers = neighbours.map(|neighbours| meet(neighbours, hosts, handle, &runtime)).transpose()?;
    if let Some(peers) = peers.as_ref().filter(|_| !hosts.has(engine::Context::Compliance)) {
        services.policy = Some(post::watch_policy(peers, &runtime));
    }
    // Before the lease is asked for: who ends otherwise does not give it back.
    let told = place.open()?;
    let (stop, stopping) = mpsc::channel();
    let (ended, enough) = oneshot::channel();
    let database = database.clone();
    let journal = database.place().to_owned();
    let office = Office { lease, hosts, database, founding, peers, traffic, runtime, stopping };
    let leading: JoinHandle<Result<(), String>> = thread::Builder::new()
        .name("lease".to_owned())
        .spawn(move || {
            let outcome = office.run(standby);
            // The server may have ended before.
            let _ = ended.send(());
            outcome
        })
        .map_err(anyhow::Error::from)?;
    say!("rialto is up: {}", place.base);
    if hosts != Hosts::ALL {
        say!("  service              {hosts}");
        crate::serve::keep_current(&place.transport, &place);
    }
    say!("  journal              {journal}");
    say!("  data                 {}", place.data.display());
    let served = place.serve(services, async {
        tokio::select! {
            () = told => {}
            _ = enough => {}
        }
    });
    // It may have ended by itself.
    let _ = stop.send(());
    let led = leading.join().map_err(|_| Failure::Wrong("the thread of the lease failed".to_owned()))?;
    served?;
    led.map_err(Failure::Wrong)
}

/// Takes in what other nodes have to say, from now on.
fn meet(neighbours: Neighbours, hosts: Hosts, node: NodeHandle, runtime: &Handle) -> anyhow::Result<Peers> {
    let Neighbours { listener, transport, peers } = neighbours;
    listener.set_nonblocking(true)?;
    let listener = runtime.block_on(async { TcpListener::from_std(listener) })?;
    runtime.spawn(async move {
        let office = PostOffice::new(node, hosts, SHARD);
        if let Err(error) = office.serve(listener, transport, std::future::pending()).await {
            tracing::error!(%error, "messages are not taken any more");
        }
    });
    Ok(peers)
}

/// Makes the data directory. One with a journal of its own belongs to another history.
fn prepare(data: &Path) -> Result<(), Failure> {
    make_directory(data)?;
    if data.join("journal.db").exists() {
        return Err(Failure::Misuse(format!(
            "{} holds a journal of its own: move it into the database with rialto journal copy, and use another directory",
            data.display()
        )));
    }
    Ok(())
}

/// Makes a data directory, closed to others.
pub(crate) fn make_directory(data: &Path) -> Result<(), Failure> {
    DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(|error| {
        Failure::Misuse(format!("cannot use the data directory {}: {error}", data.display()))
    })
}

/// A name that no other process has: two may advertise the same address by mistake, or one after another.
pub(crate) fn own_name() -> String {
    format!("process {} since {}", std::process::id(), time_now())
}

fn follow(
    database: &Database,
    hosts: Hosts,
    place: &Place<'_>,
    followers: Vec<Box<dyn Follower>>,
) -> anyhow::Result<Standby> {
    let reader = || PostgresReader::open(database, SHARD);
    let snapshots = SnapshotFiles::in_data_dir(place.data, SHARD);
    let journal = reader()?;
    let recovered = node::recover(hosts, &journal, &snapshots, |records| {
        tracing::info!(records, "recovering");
    })?;
    let next_position = recovered.chain.tail().next_position;
    let spans = place.spans.as_ref().and_then(|spans| spans.follower(next_position));
    let followers = followers.into_iter().chain(spans.map(|spans| -> Box<dyn Follower> { Box::new(spans) }));
    let with_reader = |follower| -> anyhow::Result<ReadAlong> {
        let reader: Box<dyn JournalReader> = Box::new(reader()?);
        Ok((follower, reader))
    };
    let parts = StandbyParts {
        recovered,
        reader: Box::new(journal),
        snapshots: (Box::new(snapshots), Box::new(reader()?)),
        followers: followers.map(with_reader).collect::<anyhow::Result<_>>()?,
    };
    Standby::start(&NodeConfig::default(), parts).context("the node cannot start")
}

/// What waits for the lease, leads under it, and gives it back.
struct Office {
    lease: Lease,
    hosts: Hosts,
    database: Database,
    founding: Founding,
    peers: Option<Peers>,
    traffic: Option<Traffic>,
    runtime: Handle,
    stopping: mpsc::Receiver<()>,
}

impl Office {
    fn run(mut self, standby: Standby) -> Result<(), String> {
        let handle = standby.handle();
        let Some(held) = self.wait(&handle)? else { return standby.stop() };
        let epoch = held.epoch;
        handle.leads_until(held.until);
        let journal = PostgresJournal::open(&self.database, &self.founding, Check::Tail);
        let journal = journal.map_err(|error| error.to_string())?;
        let node = standby.lead(Box::new(journal), Box::new(SystemClock::new()));
        let node = node.map_err(|error| error.to_string())?;
        say!("leading shard {SHARD} in epoch {epoch} from position {}", handle.durable_position());
        let courier = self.peers.take().map(|peers| self.send_out(peers, &handle)).transpose();
        let courier = courier.map_err(|error| error.to_string())?;
        let traffic = self.traffic.take().map(|traffic| traffic.start(&self.database, &handle));
        let traffic = traffic.transpose().map_err(|error| format!("{error:#}"))?;
        let lost = self.lead(&node, held);
        if let Some(traffic) = &traffic {
            traffic.begin_to_stop();
        }
        if let Some(courier) = courier {
            courier.stop();
        }
        let stopped = node.stop();
        // Without it the next one waits until the lease is over.
        drop(self.lease.give_back());
        // Kafka may be away, and others are to lead meanwhile.
        if let Some(traffic) = traffic {
            traffic.stop();
        }
        lost.and(stopped)
    }

    /// Sends somebody out with what the node has to say to others.
    fn send_out(&self, peers: Peers, node: &NodeHandle) -> io::Result<Courier> {
        let make = |back: ReturnPath| -> Box<dyn Carrier> {
            Box::new(GrpcCarrier::start(&peers, &back, &self.runtime))
        };
        Courier::start(node.clone(), NodeConfig::default().system, make)
    }

    /// Asks for the lease until it is given, or this process is to end.
    fn wait(&mut self, handle: &NodeHandle) -> Result<Option<Held>, String> {
        let mut followed = None;
        loop {
            if let Some(why) = handle.status().halted {
                return Err(why);
            }
            match self.lease.take() {
                Ok(Some(held)) => return Ok(Some(held)),
                Ok(None) => {
                    let leader = self.lease.leader().ok().flatten().map(|leader| leader.holder);
                    if leader.is_some() && leader != followed {
                        say!("following shard {SHARD}, led by {}", leader.as_deref().unwrap_or_default());
                        followed = leader;
                    }
                }
                Err(error) => tracing::warn!(%error, "the lease cannot be asked for"),
            }
            if self.is_to_end() {
                return Ok(None);
            }
        }
    }

    /// Holds on to the lease for as long as the node leads.
    fn lead(&mut self, node: &Node, held: Held) -> Result<(), String> {
        let handle = node.handle();
        let mut until = held.until;
        if self.hosts.has(engine::Context::Compliance) {
            // Its first command, so it is given once the node leads for sure.
            activate_policy(&handle).map_err(|error| format!("{error:#}"))?;
        }
        while !self.is_to_end() {
            if let Some(why) = handle.status().halted {
                return Err(why);
            }
            match self.lease.renew() {
                Ok(Some(held)) => until = held.until,
                Ok(None) => return Err(format!("another process leads shard {SHARD} now")),
                Err(error) => tracing::warn!(%error, "the lease cannot be renewed"),
            }
            handle.leads_until(until);
        }
        Ok(())
    }

    /// Waits a round. True when this process is to end.
    fn is_to_end(&self) -> bool {
        !matches!(self.stopping.recv_timeout(ROUND), Err(RecvTimeoutError::Timeout))
    }
}
