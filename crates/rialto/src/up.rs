//! `rialto up`: everything in one process, until it is told to stop.

use anyhow::Context;
use api::{Services, Settings, SigningKey, TokenVerifier};
use audit::AuditLog;
use clap::Args;
use engine::Hosts;
use node::journal::JournalReader;
use node::{Follower, Node, NodeConfig, NodeHandle, SystemClock};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
#[cfg(feature = "cluster")]
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use views::{ViewsReader, ViewsWriter};

use crate::cli::Failure;
use crate::demo::Demo;
use crate::embedded;
use crate::output::say;
use crate::server_file;
#[cfg(feature = "cluster")]
use crate::spans::Spans;

/// How many connections to the read side serve requests.
const VIEW_READERS: usize = 4;

/// How long a process that ends waits for its last spans to be taken.
#[cfg(feature = "cluster")]
const LAST_SPANS: Duration = Duration::from_secs(1);

/// What the options do not say.
const MORE: &str = "\
RIALTO_LOG says how much is written to standard error: error, warn (the default), info, debug or trace, also per part \
as in RIALTO_LOG=warn,api=debug. RIALTO_LOG=debug shows a line per request with its correlation id.";

/// Options of `rialto up`.
#[derive(Args)]
#[command(after_help = MORE)]
pub(crate) struct UpOptions {
    /// Where everything is kept; made if it is not there.
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:7400")]
    listen: SocketAddr,
    /// Fill it with a made-up market whose simulated participants trade.
    #[arg(long)]
    demo: bool,
    #[cfg(feature = "cluster")]
    #[command(flatten)]
    replica: crate::replica::ReplicaOptions,
}

/// Runs until SIGINT or SIGTERM.
pub(crate) fn run(options: &UpOptions) -> Result<(), Failure> {
    let place = Place::at(options.listen, &options.data)?;
    #[cfg(feature = "cluster")]
    if let Some(database) = &options.replica.database {
        return crate::replica::run(place, options.replica.role(database)?);
    }
    let started = Instant::now();
    let opened = embedded::open(&options.data, |records| tracing::info!(records, "recovering"))
        .map_err(|error| Failure::Misuse(error.to_string()))?;
    let recovered = opened.recovered().records;
    let from_snapshot = opened.recovered().from_snapshot;
    let (node, services) = start(&options.data, opened)?;
    let demo = options.demo.then(|| Demo::start(node.handle(), crate::today())).transpose()?;
    let stop = place.open()?;
    announce(&place.base, options, recovered, from_snapshot, started.elapsed());
    let served = place.serve(services, stop);
    if let Some(demo) = demo {
        demo.stop();
    }
    let stopped = node.stop().map_err(Failure::Wrong);
    served?;
    stopped
}

/// Where a server serves.
pub(crate) struct Place<'a> {
    pub(crate) runtime: Runtime,
    listener: TcpListener,
    /// Under which address.
    pub(crate) base: String,
    /// Where everything is kept.
    pub(crate) data: &'a Path,
    /// How those come in who talk to it.
    #[cfg(feature = "cluster")]
    pub(crate) transport: identity::Transport,
    /// Where probes are answered besides.
    #[cfg(feature = "cluster")]
    probes: Option<TcpListener>,
    /// Who is told what happens here, if anybody.
    #[cfg(feature = "cluster")]
    pub(crate) spans: Option<Spans>,
}

impl<'a> Place<'a> {
    /// Listens there; what is kept goes to `data`.
    pub(crate) fn at(listen: SocketAddr, data: &'a Path) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(anyhow::Error::from)?;
        let listener = runtime
            .block_on(TcpListener::bind(listen))
            .map_err(|error| Failure::Misuse(format!("cannot listen on {listen}: {error}")))?;
        let base = format!("http://{}", listener.local_addr().map_err(anyhow::Error::from)?);
        Ok(Self {
            runtime,
            listener,
            base,
            data,
            #[cfg(feature = "cluster")]
            transport: identity::Transport::Plain,
            #[cfg(feature = "cluster")]
            probes: None,
            #[cfg(feature = "cluster")]
            spans: None,
        })
    }

    /// Has somebody told what this process does, as that service or as the gateway.
    #[cfg(feature = "cluster")]
    pub(crate) fn told(
        mut self,
        traces: Option<&traces::TraceSettings>,
        service: Option<engine::Context>,
    ) -> Result<Self, Failure> {
        let runtime = self.runtime.handle();
        let start = |settings| Spans::start(settings, service, &self.base, runtime);
        self.spans = traces.map(start).transpose()?;
        Ok(self)
    }

    /// Who is told of requests.
    #[cfg(feature = "cluster")]
    pub(crate) fn request_traces(&self) -> Option<Arc<dyn api::RequestTraces>> {
        self.spans.clone().map(|spans| -> Arc<dyn api::RequestTraces> { Arc::new(spans) })
    }

    /// Has those come in over that transport, and answers probes to everybody at another address.
    #[cfg(feature = "cluster")]
    pub(crate) fn over(
        mut self,
        transport: identity::Transport,
        probes: Option<SocketAddr>,
    ) -> Result<Self, Failure> {
        self.base = self.base.replace("http", transport.scheme());
        self.transport = transport;
        if let Some(address) = probes {
            let bound = self.runtime.block_on(TcpListener::bind(address));
            let bound = bound.map_err(|error| {
                Failure::Misuse(format!("cannot listen on {address} for probes: {error}"))
            })?;
            self.probes = Some(bound);
        }
        Ok(self)
    }

    /// From here on others find it, and SIGINT and SIGTERM are wishes to stop, which the answer waits for. To be called
    /// before anybody is told that it is up: who hears it may want it to stop at once.
    pub(crate) fn open(&self) -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
        let _within = self.runtime.enter();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        server_file::write(self.data, &self.base).context("cannot note the address")?;
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
    }

    /// Serves the API of a node until it is to stop.
    pub(crate) fn serve(
        self,
        services: Services,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> anyhow::Result<()> {
        services.node.answer_on(self.runtime.handle());
        self.serve_router(|| api::router(services), stop)
    }

    /// Serves a router, which is made within the runtime.
    pub(crate) fn serve_router(
        self,
        router: impl FnOnce() -> api::Router,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> anyhow::Result<()> {
        let Self { runtime, listener, data, .. } = self;
        let served = runtime.block_on(async {
            let router = router();
            #[cfg(feature = "cluster")]
            if let Some(probes) = self.probes {
                tokio::spawn(api::serve(probes, api::probes(router.clone()), std::future::pending()));
            }
            #[cfg(feature = "cluster")]
            let served = api::serve_over(self.transport, listener, router, stop).await;
            #[cfg(not(feature = "cluster"))]
            let served = api::serve(listener, router, stop).await;
            #[cfg(feature = "cluster")]
            if let Some(spans) = &self.spans {
                spans.traces.flush(LAST_SPANS).await;
            }
            served
        });
        server_file::remove(data);
        drop(runtime);
        Ok(served?)
    }
}

fn start(data: &Path, opened: embedded::Opened) -> anyhow::Result<(Node, Services)> {
    let ReadSide { views, followers } = ReadSide::open(data)?;
    let journal = opened.reader()?;
    let node = opened.start(&NodeConfig::default(), Box::new(SystemClock::new()), followers)?;
    activate_policy(&node.handle())?;
    let services = services(data, node.handle(), views, Box::new(journal))?;
    Ok((node, services))
}

/// Who reads along, and what is read of that.
pub(crate) struct ReadSide {
    pub(crate) views: ViewsReader,
    pub(crate) followers: Vec<Box<dyn Follower>>,
}

impl ReadSide {
    /// Views and audit log of a data directory.
    pub(crate) fn open(data: &Path) -> anyhow::Result<Self> {
        let writer = ViewsWriter::open(&data.join("views.db"), 0)?;
        let views = writer.reader(VIEW_READERS)?;
        Ok(Self { views, followers: vec![Box::new(writer), Box::new(AuditLog::open(data, 0)?)] })
    }
}

/// What the API of a node with everything stands on, with the key of tokens in that directory.
pub(crate) fn services(
    keys: &Path,
    node: NodeHandle,
    views: ViewsReader,
    journal: Box<dyn JournalReader>,
) -> anyhow::Result<Services> {
    let key = SigningKey::open(keys)?;
    let tokens = TokenVerifier::new(&key, keys)?;
    Ok(Services {
        node,
        hosts: Hosts::ALL,
        policy: None,
        tokens,
        views,
        journal,
        events: None,
        #[cfg(feature = "cluster")]
        traces: None,
        settings: Settings::default(),
    })
}

/// A node without a policy denies every order; the shipped one comes into force when there is none.
pub(crate) fn activate_policy(node: &NodeHandle) -> anyhow::Result<()> {
    if node.read_blocking(|state| state.compliance.bundle().is_some())?.1 {
        return Ok(());
    }
    let command = compliance::Command::ActivatePolicy { bundle: compliance::default_bundle() };
    let request = engine::Request {
        command_id: None,
        correlation: vocabulary::CorrelationId(1),
        actor: "system".parse().expect("a valid id"),
        command: engine::Command::Compliance(command),
    };
    node.submit_blocking(request)?;
    Ok(())
}

fn announce(base: &str, options: &UpOptions, recovered: u64, from_snapshot: Option<u64>, took: Duration) {
    let snapshot = from_snapshot.map(|position| format!("snapshot at {position} and ")).unwrap_or_default();
    say!("rialto is up: {base}");
    say!("  browse the API       {base}/docs");
    say!("  health, readiness    {base}/healthz  {base}/readyz");
    say!("  metrics              {base}/metrics");
    say!(
        "  data                 {} ({snapshot}{recovered} records read in {took:.1?})",
        options.data.display()
    );
    say!("  a token              rialto token --data {} --user me --role auditor", options.data.display());
    say!("  orders               rialto order list --data {}", options.data.display());
    say!("stop with Ctrl-C");
}
