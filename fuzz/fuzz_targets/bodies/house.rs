//! A node with its gateway, a small open market, and one user who may do everything.

use crate::memory::{MemoryJournal, NoSnapshots};
use api::{Rate, Role, Roles, Services, Settings, SigningKey, TokenIssuer, TokenVerifier};
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use engine::Hosts;
use http_body_util::BodyExt;
use node::journal::Batch;
use node::{Clock, Node, NodeConfig, NodeHandle, NodeParts};
use std::sync::LazyLock;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;
use views::{ViewsReader, ViewsWriter};
use vocabulary::Timestamp;

/// What is the same for every house: threads, keys, views that nobody writes, and how the market came about.
struct Ground {
    runtime: Runtime,
    dir: TempDir,
    key: SigningKey,
    views: ViewsReader,
    token: String,
}

static GROUND: LazyLock<Ground> = LazyLock::new(Ground::lay);
static OPENING: LazyLock<Vec<Batch>> = LazyLock::new(open_market);

pub struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
}

pub struct House {
    node: Option<Node>,
    handle: NodeHandle,
    router: Router,
    journal: MemoryJournal,
    /// How many batches of its journal are known to have changed nothing but to open the market.
    quiet: usize,
}

/// A house with so many batches is left, lest its journal grow without end.
const QUIET_MAX: usize = 500;

/// The same time in every run.
struct Noon;

impl Clock for Noon {
    fn now(&mut self) -> Timestamp {
        Timestamp(1_675_771_200_000_000_000)
    }

    fn jumps(&self) -> u64 {
        0
    }
}

impl Ground {
    fn lay() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let key = SigningKey::open(dir.path()).expect("a key");
        let writer = ViewsWriter::open(&dir.path().join("views.db"), 0).expect("empty views");
        let views = writer.reader(1).expect("views can be read");
        let roles = ["trader", "operator", "risk", "compliance", "auditor"];
        let roles = Roles::of(roles.map(|role| role.parse::<Role>().expect("a role")));
        let token = TokenIssuer::new(&key).mint("ann".parse().expect("an id"), roles, 86_400).token;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        Self { runtime, dir, key, views, token }
    }
}

impl House {
    /// With the market open.
    pub fn open() -> Self {
        Self::with(OPENING.clone())
    }

    fn with(batches: Vec<Batch>) -> Self {
        let ground = &*GROUND;
        // Who was revoked in another house is forgotten.
        drop(std::fs::remove_file(ground.dir.path().join("revoked-tokens")));
        let tokens = TokenVerifier::new(&ground.key, ground.dir.path()).expect("tokens can be read");
        let journal = MemoryJournal::of(batches);
        let recovered =
            node::recover(Hosts::ALL, &journal, &NoSnapshots, |_| {}).expect("the journal is sound");
        let parts = NodeParts {
            recovered,
            journal: Box::new(journal.clone()),
            snapshots: (Box::new(NoSnapshots), Box::new(journal.clone())),
            clock: Box::new(Noon),
            followers: Vec::new(),
        };
        let node = Node::start(&NodeConfig::default(), parts).expect("a node starts");
        let handle = node.handle();
        let rate = Rate { per_second: u32::MAX, burst: u32::MAX };
        let settings = Settings {
            rate,
            access_rate: rate,
            position_timeout: Duration::ZERO,
            settlement_timeout: Duration::from_secs(5),
            ..Settings::default()
        };
        let services = Services {
            node: handle.clone(),
            hosts: Hosts::ALL,
            policy: None,
            tokens,
            views: ground.views.clone(),
            journal: Box::new(journal.clone()),
            events: None,
            settings,
        };
        let router = ground.runtime.block_on(async { api::router(services) });
        let quiet = journal.batches().len();
        Self { node: Some(node), handle, router, journal, quiet }
    }

    pub fn send(&self, method: &Method, path: &str, body: Vec<u8>) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", GROUND.token))
            .header("content-type", "application/json")
            .body(Body::from(body))
            .expect("method and path were checked");
        let router = self.router.clone();
        GROUND.runtime.block_on(async {
            let response = router.oneshot(request).await.expect("the gateway always answers");
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.expect("the body is whole").to_bytes().to_vec();
            Reply { status, body }
        })
    }

    /// The house, if nothing has happened in it but refusals: otherwise the next input gets a new one.
    pub fn unchanged(mut self) -> Option<Self> {
        // What was handed over before this is durable once it is answered.
        GROUND.runtime.block_on(self.handle.read(|_| ())).expect("the node has not halted");
        let batches = self.journal.batches();
        let is_quiet = batches[self.quiet..].iter().flat_map(Batch::unframe).all(|framed| {
            let (position, body) = framed.expect("the journal is sound");
            let record = node::decode_record(position, body).expect("what the node writes can be read");
            record.events().is_empty()
        });
        self.quiet = batches.len();
        (is_quiet && self.quiet < QUIET_MAX).then_some(self)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(node) = self.node.take() {
            // Its threads look up now and then only, and the next input need not wait for that.
            std::thread::spawn(|| node.stop().expect("the node stops in order"));
        }
    }
}

/// The records of a market with two accounts of the user's and an order that rests.
fn open_market() -> Vec<Batch> {
    let house = House::with(Vec::new());
    let requests = include_str!("opening.txt").lines();
    for (path, body) in requests.filter_map(|line| line.split_once(' ')) {
        let reply = house.send(&Method::POST, path, body.as_bytes().to_vec());
        assert!(reply.status < 300, "{path}: {}", String::from_utf8_lossy(&reply.body));
    }
    house.journal.batches()
}
