//! The replicas of one service, which of them leads, and requests on their way to it.

use super::connector::Connector;
use super::metrics::Metrics;
use super::without_hop_by_hop;
use crate::problem::{Problem, kinds};
use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::uri::{Authority, PathAndQuery};
use axum::http::{Request, StatusCode, Uri};
use axum::response::Response;
use engine::Context;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use identity::{Identity, Transport};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::gate::InFlight;

/// How often each service is asked who leads, and how long that may take.
const PROBE_EVERY: Duration = Duration::from_millis(100);
const PROBE_TIMEOUT: Duration = Duration::from_millis(300);
/// How long requests wait for a leader. A service without one for so long is not waited for at all.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an answer may take: longer than anything that a service waits for itself.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(45);
/// A pause before the next attempt, when nothing has changed.
const PAUSE: Duration = Duration::from_millis(20);
/// Requests in progress at one service, so that one that is slow leaves room for the others.
const IN_FLIGHT_MAX: usize = 4_096;
/// The largest answer of status 503 that is read here.
const REFUSAL_SIZE_MAX: usize = 64 * 1024;

type HttpClient = Client<Connector, Full<Bytes>>;

/// Where the replicas of each service are.
#[derive(Clone, Default)]
pub struct Upstreams {
    transport: Transport,
    replicas: BTreeMap<Context, Vec<Authority>>,
}

impl Upstreams {
    /// None yet, to be reached over that.
    #[must_use]
    pub fn over(transport: Transport) -> Self {
        Self { transport, replicas: BTreeMap::new() }
    }

    /// Adds the replicas of a service, by addresses like `http://10.0.0.7:7410`, or `https://` where all prove who they are.
    ///
    /// # Errors
    /// When one is not an address, in words.
    pub fn add(&mut self, service: Context, addresses: &[String]) -> Result<(), String> {
        let scheme = self.transport.scheme();
        let authority = |address: &String| {
            let bad = || format!("{address}: an address is like {scheme}://10.0.0.7:7410");
            let uri: Uri = address.trim_end_matches('/').parse().map_err(|_| bad())?;
            let is_plain = uri.scheme_str() == Some(scheme) && uri.path() == "/" && uri.query().is_none();
            let authority = uri.authority().filter(|authority| is_plain && authority.port().is_some());
            authority.cloned().ok_or_else(bad)
        };
        self.replicas.insert(service, addresses.iter().map(authority).collect::<Result<_, _>>()?);
        Ok(())
    }

    /// Begins to ask who leads.
    pub(super) fn start(self, metrics: &Metrics) -> BTreeMap<Context, Arc<Upstream>> {
        let Self { transport, replicas } = self;
        let upstreams = replicas.into_iter().map(|(service, replicas)| {
            let connector =
                Connector { transport: transport.clone(), service: Identity::of_service(service) };
            let client: HttpClient = Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(Duration::from_secs(20))
                .build(connector);
            let upstream = Arc::new(Upstream {
                service,
                replicas,
                scheme: transport.scheme(),
                client,
                leader: watch::channel(None).0,
                lost_at: Mutex::new(Instant::now()),
                lost: Notify::new(),
                in_flight: AtomicUsize::new(0),
                metrics: metrics.clone(),
            });
            tokio::spawn(Upstream::look_for_leader(Arc::downgrade(&upstream)));
            (service, upstream)
        });
        upstreams.collect()
    }
}

/// A request to pass on.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) parts: Parts,
    pub(super) body: Bytes,
    /// Whether sending it twice does what sending it once does.
    pub(super) is_repeatable: bool,
}

/// The replicas of one service.
pub(super) struct Upstream {
    service: Context,
    replicas: Vec<Authority>,
    scheme: &'static str,
    client: HttpClient,
    /// Which of them leads, if one is known to.
    leader: watch::Sender<Option<usize>>,
    /// When the last leader was lost.
    lost_at: Mutex<Instant>,
    /// Somebody has noticed that the leader is none.
    lost: Notify,
    in_flight: AtomicUsize,
    metrics: Metrics,
}

/// What one attempt came to.
enum Attempt {
    Answered(Response),
    /// Nothing was done, or sending it again does no harm.
    Again,
}

impl Upstream {
    pub(super) fn is_led(&self) -> bool {
        self.leader.borrow().is_some()
    }

    pub(super) fn replica_count(&self) -> usize {
        self.replicas.len()
    }

    pub(super) fn no_leader(&self) -> Problem {
        let detail = format!("no replica of {} leads now", self.service);
        Problem::new(&kinds::NO_LEADER, detail).retry_after_s(1)
    }

    /// Asks who leads, for as long as the gateway is there.
    async fn look_for_leader(this: std::sync::Weak<Self>) {
        loop {
            let Some(upstream) = this.upgrade() else { return };
            let known = *upstream.leader.borrow();
            let found = upstream.probe(known).await;
            upstream.leads(known, found);
            // Whoever loses a leader does not want to wait for the next round.
            drop(timeout(PROBE_EVERY, upstream.lost.notified()).await);
            sleep(PAUSE).await;
        }
    }

    /// The replica that says it leads; the one that did so far is asked first.
    async fn probe(&self, known: Option<usize>) -> Option<usize> {
        let others = (0..self.replicas.len()).filter(|replica| Some(*replica) != known);
        for replica in known.into_iter().chain(others) {
            let mut request = Request::new(Full::default());
            *request.uri_mut() = self.uri(replica, PathAndQuery::from_static("/readyz"));
            let asked = timeout(PROBE_TIMEOUT, self.client.request(request)).await;
            if asked.is_ok_and(|answer| answer.is_ok_and(|answer| answer.status() == StatusCode::OK)) {
                return Some(replica);
            }
        }
        None
    }

    fn leads(&self, known: Option<usize>, found: Option<usize>) {
        let changed = self.leader.send_if_modified(|leader| {
            let changed = *leader != found;
            *leader = found;
            changed
        });
        if changed {
            self.metrics.led(self.service, found.is_some());
        }
        if known.is_some() && found.is_none() {
            *self.lost_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
    }

    /// The leader was not one after all.
    fn lose(&self, replica: usize) {
        let was_known = self.leader.send_if_modified(|leader| {
            let is_it = *leader == Some(replica);
            if is_it {
                *leader = None;
            }
            is_it
        });
        if was_known {
            self.metrics.led(self.service, false);
            *self.lost_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
        self.lost.notify_one();
    }

    /// The one that leads, as soon as there is one.
    async fn leader(&self, deadline: Instant) -> Result<usize, Problem> {
        let mut leader = self.leader.subscribe();
        let lost_at = *self.lost_at.lock().unwrap_or_else(PoisonError::into_inner);
        let found = timeout_at(deadline.min(lost_at + PATIENCE), leader.wait_for(Option::is_some)).await;
        let found = found.ok().and_then(Result::ok).and_then(|leader| *leader);
        // One that is there counts, however long it was gone before.
        found.or(*self.leader.borrow()).ok_or_else(|| self.no_leader())
    }

    /// Passes a request on to whoever leads.
    pub(super) async fn pass(&self, job: &Job) -> Result<Response, Problem> {
        let overloaded = || {
            let detail = format!("too many requests are in progress at {}", self.service);
            Problem::new(&kinds::GATEWAY_OVERLOADED, detail).retry_after_s(1)
        };
        let _in_flight = InFlight::enter(&self.in_flight, IN_FLIGHT_MAX).ok_or_else(overloaded)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let leader = self.leader(deadline).await?;
            match self.attempt(leader, job).await? {
                Attempt::Answered(response) => return Ok(response),
                Attempt::Again => {
                    self.lose(leader);
                    self.metrics.repeated(self.service);
                    if Instant::now() >= deadline {
                        return Err(self.no_leader());
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn attempt(&self, leader: usize, job: &Job) -> Result<Attempt, Problem> {
        let asked = timeout(ANSWER_TIMEOUT, self.client.request(self.request(leader, job)));
        let answered = if job.is_repeatable {
            tokio::select! {
                answered = asked => answered,
                // The one that was asked may have fallen asleep.
                () = self.another_leads(leader) => return Ok(Attempt::Again),
            }
        } else {
            asked.await
        };
        let lost = || {
            let detail =
                format!("{} was lost while it worked on this; it may or may not have happened", self.service);
            Problem::new(&kinds::NO_ANSWER, detail)
        };
        match answered {
            Ok(Ok(response)) => unless_nothing_was_done(response.map(Body::new)).await,
            Ok(Err(error)) if job.is_repeatable || nothing_was_sent(&error) => Ok(Attempt::Again),
            Ok(Err(_)) | Err(_) => {
                self.lose(leader);
                Err(lost())
            }
        }
    }

    /// Passes a request to one replica, whether it leads or not.
    pub(super) async fn pass_to(&self, replica: usize, job: &Job) -> Result<Response, Problem> {
        let asked = timeout(ANSWER_TIMEOUT, self.client.request(self.request(replica, job))).await;
        let answered = asked.ok().and_then(Result::ok).ok_or_else(|| {
            let address = &self.replicas[replica];
            Problem::new(&kinds::NO_LEADER, format!("{} at {address} does not answer", self.service))
        });
        Ok(passed_back(answered?.map(Body::new)))
    }

    async fn another_leads(&self, than: usize) {
        let mut leader = self.leader.subscribe();
        let is_another = |leader: &Option<usize>| leader.is_some_and(|leader| leader != than);
        if leader.wait_for(is_another).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    fn request(&self, replica: usize, job: &Job) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(job.body.clone()));
        *request.method_mut() = job.parts.method.clone();
        *request.headers_mut() = without_hop_by_hop(&job.parts.headers);
        let path = job.parts.uri.path_and_query().cloned();
        *request.uri_mut() = self.uri(replica, path.unwrap_or_else(|| PathAndQuery::from_static("/")));
        request
    }

    fn uri(&self, replica: usize, path: PathAndQuery) -> Uri {
        let mut parts = axum::http::uri::Parts::default();
        parts.scheme = self.scheme.parse().ok();
        parts.authority = self.replicas.get(replica).cloned();
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).expect("scheme, authority and path are there")
    }
}

fn nothing_was_sent(error: &Error) -> bool {
    error.is_connect()
}

fn passed_back(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    parts.headers = without_hop_by_hop(&parts.headers);
    Response::from_parts(parts, body)
}

/// A service that does not lead, or is about to end, says that it has done nothing.
async fn unless_nothing_was_done(response: Response) -> Result<Attempt, Problem> {
    #[derive(Deserialize)]
    struct Refusal {
        code: String,
    }
    let response = passed_back(response);
    if response.status() != StatusCode::SERVICE_UNAVAILABLE {
        return Ok(Attempt::Answered(response));
    }
    let (parts, body) = response.into_parts();
    let unread = |_| Problem::new(&kinds::NO_ANSWER, "the answer broke off");
    let body = Limited::new(body, REFUSAL_SIZE_MAX).collect().await.map_err(unread)?.to_bytes();
    let code = serde_json::from_slice::<Refusal>(&body).map(|refusal| refusal.code).unwrap_or_default();
    if code == kinds::NOT_LEADING.code || code == kinds::STOPPING.code {
        return Ok(Attempt::Again);
    }
    Ok(Attempt::Answered(Response::from_parts(parts, Body::from(body))))
}
