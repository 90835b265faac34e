//! What the gateway is made of, and what its handlers share.

use crate::auth::{Permissions, TokenVerifier};
use crate::catalog::Catalog;
use crate::events::EventTraffic;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::problem::{Problem, kinds};
use crate::rate::{Rate, RateLimits};
use crate::reads::Reads;
use crate::refusals;
use crate::routes::Routes;
#[cfg(feature = "gateway")]
use crate::traced::RequestTraces;
use arc_swap::ArcSwapOption;
use axum::body::Bytes;
use compliance::{Bundle, default_bundle};
use engine::{Hosts, Receipt, ReceiptResult, Request, State};
use node::NodeHandle;
use node::journal::JournalReader;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use views::ViewsReader;
use vocabulary::UserId;

/// What the gateway stands on.
pub struct Services {
    /// The node that decides.
    pub node: NodeHandle,
    /// The contexts that it hosts: what is asked of others is refused.
    pub hosts: Hosts,
    /// The policy in force, as the node says that hosts compliance; none where that is this one.
    pub policy: Option<ToldPolicy>,
    /// Who may come in.
    pub tokens: TokenVerifier,
    /// The read side.
    pub views: ViewsReader,
    /// For what the read side names by position only.
    pub journal: Box<dyn JournalReader>,
    /// What becomes of events, where they go to Kafka.
    pub events: Option<Box<dyn EventTraffic>>,
    /// Who is told of requests, if anybody.
    #[cfg(feature = "gateway")]
    pub traces: Option<Arc<dyn RequestTraces>>,
    /// Bounds.
    pub settings: Settings,
}

/// What another node says is the policy in force; nothing before it has been heard.
pub type ToldPolicy = watch::Receiver<Option<Arc<Bundle>>>;

/// The bounds of the gateway.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Requests of one principal; an order of a batch counts as one.
    pub rate: Rate,
    /// Requests in progress at once.
    pub in_flight_max: usize,
    /// Bytes of bodies in progress that came in pieces, all together.
    pub bodies_size_max: usize,
    /// Event streams open at once.
    pub streams_max: usize,
    /// Records of refused requests, all callers together.
    pub access_rate: Rate,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// How long a read may wait for the position it asks for.
    pub position_timeout: Duration,
    /// How long `POST /settlement/process` waits for its run to complete.
    pub settlement_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rate: Rate { per_second: 50_000, burst: 50_000 },
            in_flight_max: 8_192,
            bodies_size_max: 64 << 20,
            streams_max: 256,
            access_rate: Rate { per_second: 10, burst: 100 },
            body_timeout: Duration::from_secs(10),
            position_timeout: Duration::from_secs(2),
            settlement_timeout: Duration::from_secs(30),
        }
    }
}

/// How many principals have a bucket of their own.
const PRINCIPALS_MAX: usize = 65_536;
/// How far ahead a position may be that a read waits for: more than is written while it waits. What is further ahead is
/// not known from here, and waiting for it would only hold up a place for others.
const POSITIONS_AHEAD_MAX: u64 = 1_000_000;
/// How long a write waits for other nodes to hear of it.
const OTHERS_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a read looks whether its position was reached, and a write whether others have heard of it.
const POSITION_STEP: Duration = Duration::from_millis(5);

/// What handlers share.
pub(crate) struct Api {
    pub(crate) node: NodeHandle,
    pub(crate) hosts: Hosts,
    policy: Option<ToldPolicy>,
    pub(crate) tokens: TokenVerifier,
    pub(crate) settings: Settings,
    pub(crate) catalog: Catalog,
    pub(crate) routes: Routes,
    pub(crate) metrics: Metrics,
    pub(crate) rates: RateLimits<UserId>,
    pub(crate) access_rate: RateLimits<()>,
    pub(crate) in_flight: AtomicUsize,
    /// How much of the budget for bodies is taken.
    pub(crate) bodies_size: AtomicUsize,
    /// Refusals that came too fast to be recorded, and that no record counts yet.
    pub(crate) unrecorded_refusals: AtomicU64,
    pub(crate) live: Live,
    pub(crate) events: Option<Arc<dyn EventTraffic>>,
    #[cfg(feature = "gateway")]
    traces: Option<Arc<dyn RequestTraces>>,
    pub(crate) reads: Reads,
    /// The OpenAPI document as it is served.
    pub(crate) document: Bytes,
    permissions: ArcSwapOption<Permissions>,
}

impl Api {
    pub(crate) fn new(services: Services, routes: Routes, document: Bytes) -> Self {
        #[cfg(feature = "gateway")]
        let traces = services.traces;
        let Services { node, hosts, policy, tokens, views, journal, events, settings, .. } = services;
        let events: Option<Arc<dyn EventTraffic>> = events.map(Arc::from);
        let metrics = Metrics::new(events.as_deref());
        #[cfg(feature = "gateway")]
        let metrics = if traces.is_some() { metrics.with_traces() } else { metrics };
        Self {
            catalog: Catalog::new(node.clone()),
            rates: RateLimits::new(settings.rate, PRINCIPALS_MAX),
            access_rate: RateLimits::new(settings.access_rate, 1),
            in_flight: AtomicUsize::new(0),
            bodies_size: AtomicUsize::new(0),
            unrecorded_refusals: AtomicU64::new(0),
            live: Live::new(),
            reads: Reads::new(views, journal),
            metrics,
            events,
            #[cfg(feature = "gateway")]
            traces,
            permissions: ArcSwapOption::empty(),
            node,
            hosts,
            policy,
            tokens,
            settings,
            routes,
            document,
        }
    }

    /// All that is measured, as text.
    pub(crate) fn metrics_text(&self) -> String {
        #[cfg(feature = "gateway")]
        if let Some(traces) = &self.traces {
            self.metrics.traces.set(traces.as_ref());
        }
        self.metrics.text(&self.node.status(), self.events.as_deref())
    }

    /// What the policy in force grants.
    pub(crate) async fn permissions(&self) -> Result<Arc<Permissions>, Problem> {
        if let Some(known) = &*self.permissions.load() {
            return Ok(Arc::clone(known));
        }
        self.refresh_permissions().await
    }

    /// Brings the permissions up to the bundle in force. One that cannot be used changes nothing: the last good one
    /// stays (fault 19), and at the start that is the one that is shipped.
    pub(crate) async fn refresh_permissions(&self) -> Result<Arc<Permissions>, Problem> {
        let bundle = match &self.policy {
            Some(told) => told.borrow().as_deref().cloned(),
            None => self.node.read(|state: &State| state.compliance.bundle().cloned()).await?.1,
        };
        let bundle = bundle.unwrap_or_else(default_bundle);
        let permissions = match Permissions::of(&bundle, self.routes.count()) {
            Ok(permissions) => permissions,
            Err(why) => {
                tracing::error!(%why, "the policy in force does not say who may call what; the last good one stays");
                if let Some(last) = &*self.permissions.load() {
                    return Ok(Arc::clone(last));
                }
                self.shipped_permissions(&default_bundle())?
            }
        };
        let permissions = Arc::new(permissions);
        self.permissions.store(Some(Arc::clone(&permissions)));
        Ok(permissions)
    }

    fn shipped_permissions(&self, bundle: &Bundle) -> Result<Permissions, Problem> {
        Permissions::of(bundle, self.routes.count())
            .map_err(|why| Problem::new(&kinds::INTERNAL, why.to_string()))
    }

    /// Submits a command; what comes back has happened. Other nodes that have to know of it have heard of it, as far as they
    /// can be reached in a moment: so what is defined here can be named there.
    pub(crate) async fn submit(&self, request: Request) -> Result<Receipt, Problem> {
        assert!(!request.command.is_internal(), "no operation gives an internal command");
        let receipt = self.node.submit(request).await?;
        if self.hosts != Hosts::ALL {
            self.wait_for_others(receipt.position).await?;
        }
        match &receipt.result {
            ReceiptResult::Refused(refusal) => Err(refusals::problem(refusal, receipt.position)),
            ReceiptResult::Done { .. } | ReceiptResult::Order(_) | ReceiptResult::Answered(_) => Ok(receipt),
        }
    }

    async fn wait_for_others(&self, position: u64) -> Result<(), Problem> {
        let deadline = Instant::now() + OTHERS_TIMEOUT;
        while self.look(move |state| state.outbox.waits_since(position)).await?.1 {
            if Instant::now() >= deadline {
                tracing::warn!(position, "other services have not heard of what is recorded there");
                break;
            }
            sleep(POSITION_STEP).await;
        }
        Ok(())
    }

    /// Looks at the live state.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Result<(u64, T), Problem> {
        Ok(self.node.read(look).await?)
    }

    /// Waits until `position` is durable.
    pub(crate) async fn reach(&self, position: u64) -> Result<(), Problem> {
        self.wait_until(position, || self.node.durable_position()).await
    }

    /// Waits until what `reached` gives is at least `position`.
    pub(crate) async fn wait_until(&self, position: u64, reached: impl Fn() -> u64) -> Result<(), Problem> {
        let deadline = Instant::now() + self.settings.position_timeout;
        while reached() < position {
            let is_far = position - reached().min(position) > POSITIONS_AHEAD_MAX;
            if is_far || Instant::now() >= deadline {
                let detail = format!("position {position} is not reached yet; this is at {}", reached());
                return Err(Problem::new(&kinds::POSITION_NOT_REACHED, detail).retry_after_s(1));
            }
            sleep(POSITION_STEP).await;
        }
        Ok(())
    }
}
