//! A whole house for a test: node, journal, views and gateway in a directory of its own.

use super::reconciliation::TestEvents;
use crate::auth::{Role, Roles, SigningKey, TokenIssuer, TokenVerifier};
use crate::{Services, Settings};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use engine::{Command, Hosts};
use http_body_util::BodyExt;
use node::{Batch, Follower, FollowerError, Node, NodeConfig, NodeHandle, NodeParts, SystemClock};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use store::snapshot_files::SnapshotFiles;
use store::sqlite::SqliteJournal;
use store::{Check, Founding};
use tempfile::TempDir;
use tower::ServiceExt;
use views::ViewsWriter;

struct ViewsFollower(ViewsWriter);

impl Follower for ViewsFollower {
    fn name(&self) -> &'static str {
        "views"
    }

    fn next_position(&self) -> u64 {
        self.0.next_position()
    }

    fn follow(&mut self, batches: &[Batch]) -> Result<(), FollowerError> {
        Ok(self.0.follow_all(batches.iter().flat_map(|batch| batch.iter()))?)
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
    pub(super) text: String,
}

impl Reply {
    /// Status and code of a problem.
    pub(super) fn problem(&self) -> (u16, &str) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        assert_eq!(self.body["status"], self.status);
        assert_eq!(self.body["instance"], self.header("x-correlation-id"));
        (self.status, self.body["code"].as_str().unwrap())
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The body of a good answer.
    #[track_caller]
    pub(super) fn good(self) -> Value {
        assert!(self.status < 300, "{} {}", self.status, self.text);
        self.body
    }
}

pub(super) struct House {
    pub(super) dir: TempDir,
    pub(super) router: Router,
    pub(super) issuer: TokenIssuer,
    pub(super) node: NodeHandle,
    pub(super) events: TestEvents,
    running: Option<Node>,
}

impl House {
    pub(super) fn open() -> Self {
        Self::with(Settings::default(), NodeConfig::default())
    }

    pub(super) fn with(settings: Settings, config: NodeConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let founding = Founding { shard: 0, created: "2023-02-07".into(), facts: BTreeMap::new() };
        let journal = SqliteJournal::open(dir.path(), &founding, Check::Tail).unwrap();
        let snapshots = SnapshotFiles::in_data_dir(dir.path(), 0);
        let recovered = node::recover(Hosts::ALL, &journal.reader().unwrap(), &snapshots, |_| {}).unwrap();
        let writer = ViewsWriter::open(&dir.path().join("views.db"), 0).unwrap();
        let views = writer.reader(2).unwrap();
        let follower: Box<dyn Follower> = Box::new(ViewsFollower(writer));
        let reader = journal.reader().unwrap();
        let parts = NodeParts {
            recovered,
            snapshots: (Box::new(snapshots), Box::new(journal.reader().unwrap())),
            clock: Box::new(SystemClock::new()),
            followers: vec![(follower, Box::new(journal.reader().unwrap()))],
            journal: Box::new(journal),
        };
        let running = Node::start(&config, parts).unwrap();
        let key = SigningKey::open(dir.path()).unwrap();
        let tokens = TokenVerifier::new(&key, dir.path()).unwrap();
        let node = running.handle();
        let (hosts, journal, events) = (Hosts::ALL, Box::new(reader), TestEvents::default());
        let services = Services {
            node: node.clone(),
            hosts,
            policy: None,
            tokens,
            views,
            journal,
            events: Some(Box::new(events.clone())),
            #[cfg(feature = "gateway")]
            traces: None,
            settings,
        };
        let router = crate::router(services);
        Self { dir, router, issuer: TokenIssuer::new(&key), node, events, running: Some(running) }
    }

    /// With a market: one instrument, continuous; ANN and BOB with funds.
    pub(super) async fn trading() -> Self {
        let house = Self::open();
        house.open_market().await;
        house
    }

    pub(super) async fn open_market(&self) {
        let bundle = compliance::default_bundle();
        let data: Value = json!({"finance": {"limits": {
            "base": {"single_order": 1_000_000, "orders_per_hour": 1_000_000}, "markets": {}}}});
        let modules: Vec<Value> =
            bundle.modules.iter().map(|module| json!({"name": module.name, "text": module.text})).collect();
        // Compliance is allowed to by the bundle that is shipped.
        self.office("compliance", "/compliance/policies", json!({"modules": modules, "data": data})).await;
        self.define_market().await;
    }

    /// The market, and no policy for it.
    pub(super) async fn define_market(&self) {
        let post = |path: &'static str, body: Value| self.office("operator", path, body);
        post("/trading/assets", json!({"asset": "EUR", "kind": "currency", "scale": 2})).await;
        post("/trading/assets", json!({"asset": "ACME", "kind": "security", "scale": 0})).await;
        let instrument = json!({"instrument": "ACME", "market": "MAIN", "base": "ACME", "quote": "EUR",
            "price_scale": 2, "tick": "0.01", "lot": "1", "band_percent": "50.00", "reference_price": "100.00",
            "settlement_days": 0, "calendar": "DAYS", "maker_ppm": 100, "taker_ppm": 200});
        post("/trading/instruments", instrument).await;
        for (account, owner, participant) in [("ANN", "ann", "NORTH"), ("BOB", "bob", "SOUTH")] {
            post("/trading/participants", json!({"participant": participant})).await;
            let quota = json!({"participant": participant, "asset": "EUR", "quota": "1000000000.00"});
            post("/settlement/quotas", quota).await;
            let open = json!({"account": account, "participant": participant, "owner": owner});
            post("/trading/accounts", open).await;
        }
        for account in ["ANN", "BOB"] {
            for (asset, amount) in [("EUR", "1000000.00"), ("ACME", "10000")] {
                let path = format!("/trading/accounts/{account}/deposits");
                self.office("operator", &path, json!({"asset": asset, "amount": amount})).await;
            }
        }
        post("/trading/business-day", json!({"date": "2023-02-07"})).await;
        post("/trading/instruments/ACME/phase", json!({"phase": "continuous"})).await;
    }

    pub(super) fn token(&self, user: &str, role: &str) -> String {
        let role: Role = role.parse().unwrap();
        self.issuer.mint(user.parse().unwrap(), Roles::of([role]), 600).token
    }

    /// What an office posts, which must be good.
    #[track_caller]
    pub(super) fn office(&self, role: &str, path: &str, body: Value) -> impl Future<Output = Value> + use<> {
        let sent = self.post(&format!("{role}-1"), role, path, body);
        async move { sent.await.good() }
    }

    /// A POST.
    pub(super) fn post(
        &self,
        user: &str,
        role: &str,
        path: &str,
        body: Value,
    ) -> impl Future<Output = Reply> + use<> {
        let token = self.token(user, role);
        let request = Request::post(path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap())
    }

    /// A request without a body.
    pub(super) fn ask(
        &self,
        user: &str,
        role: &str,
        method: Method,
        path: &str,
    ) -> impl Future<Output = Reply> + use<> {
        let token = self.token(user, role);
        let request = Request::builder().method(method).uri(path);
        let request = request.header("authorization", format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap())
    }

    /// A GET that has seen everything so far.
    pub(super) fn get(&self, user: &str, role: &str, path: &str) -> impl Future<Output = Reply> + use<> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{joint}at_least={}", self.node.durable_position());
        self.ask(user, role, Method::GET, &path)
    }

    pub(super) fn send(&self, request: Request<Body>) -> impl Future<Output = Reply> + use<> {
        let router = self.router.clone();
        async move {
            let response = router.oneshot(request).await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            let body = serde_json::from_str(&text).unwrap_or_default();
            Reply { status, headers, body, text }
        }
    }

    /// The access records so far: actor, operation, status, code.
    pub(super) async fn access_records(&self) -> Vec<(String, String, u16, Option<String>)> {
        let told =
            |(actor, access): (String, engine::Access)| (actor, access.operation, access.status, access.code);
        self.accesses().await.into_iter().map(told).collect()
    }

    /// The access records so far, with who it was.
    pub(super) async fn accesses(&self) -> Vec<(String, engine::Access)> {
        let reader = store::sqlite::SqliteReader::open(self.dir.path(), 0).unwrap();
        // Everything that was handed over before is durable once this is answered.
        self.node.read(|_| ()).await.unwrap();
        let mut found = Vec::new();
        let mut position = 1;
        loop {
            let batches = node::journal::JournalReader::read_from(&reader, position, 1 << 20).unwrap();
            if batches.is_empty() {
                return found;
            }
            for batch in batches {
                position = batch.next_position();
                for framed in batch.unframe() {
                    let (at, body) = framed.unwrap();
                    let record = node::decode_record(at, body).unwrap();
                    if let Command::RecordAccess(access) = record.request.command {
                        found.push((record.request.actor.to_string(), access));
                    }
                }
            }
        }
    }

    /// Stops the node, as at the end of the process.
    pub(super) fn stop_node(&mut self) {
        self.running.take().unwrap().stop().unwrap();
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(node) = self.running.take() {
            node.stop().unwrap();
        }
    }
}

/// An order of ANN's that rests.
pub(super) fn order() -> Value {
    json!({"account": "ANN", "instrument": "ACME", "side": "buy", "price": "90.00", "quantity": "10"})
}

/// The same with other members.
pub(super) fn order_with(changes: Value) -> Value {
    let mut order = order();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            order.as_object_mut().unwrap().remove(name);
        } else {
            order[name] = value.clone();
        }
    }
    order
}
