//! The way into a cluster: takes requests for all services, and passes each on to the replica that leads the one it is for.
//!
//! Invariant: whatever is passed on is answered once, and only what may be repeated is sent twice: a read, a write under an
//! idempotency key or a client order id, and anything of which it is known that nothing was done. What a caller may do is
//! decided by the service, which puts it on record; here he is known by his token, and held to his rate. Absent on
//! purpose: the domain, and any state that must not be lost.

mod connector;
mod metrics;
mod principals;
mod trace;
mod upstream;

use crate::body::{self, Held};
use crate::correlation;
use crate::gate::{InFlight, authenticate, check_head, too_fast};
use crate::operations::gateway::pages;
use crate::problem::{Problem, kinds};
use crate::rate::{Rate, RateLimits};
use crate::routes::{LARGE_BODY_MAX, context_of};
use crate::traced::{Hop, RequestTraces, traced};
use crate::{Settings, TokenVerifier};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use axum::routing::get;
use engine::Context;
use metrics::Metrics;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;
use upstream::{Job, Upstream};
use vocabulary::CorrelationId;

pub use principals::PrincipalRates;
pub use upstream::Upstreams;

/// Where a token is refused from now on, which every process must hear.
const REVOKED_TOKENS: &str = "/operations/revoked-tokens";

struct Gateway {
    tokens: TokenVerifier,
    settings: Settings,
    rates: PrincipalRates,
    /// Requests of people whose token is not good: passed on so slowly, so that each is on record.
    unknown: RateLimits<()>,
    in_flight: AtomicUsize,
    bodies_size: AtomicUsize,
    upstreams: BTreeMap<Context, Arc<Upstream>>,
    metrics: Metrics,
    document: Bytes,
    traces: Option<Arc<dyn RequestTraces>>,
}

/// The gateway over these services, which it looks for in tasks of the runtime that this is called in. `traces` is who is
/// told of requests, if anybody.
pub fn gateway(
    tokens: TokenVerifier,
    settings: Settings,
    rates: PrincipalRates,
    upstreams: Upstreams,
    traces: Option<Arc<dyn RequestTraces>>,
) -> Router {
    let metrics = Metrics::new(&rates, traces.is_some());
    let upstreams = upstreams.start(&metrics);
    let unknown: Rate = settings.access_rate;
    let gateway = Arc::new(Gateway {
        tokens,
        rates,
        unknown: RateLimits::new(unknown, 1),
        in_flight: AtomicUsize::new(0),
        bodies_size: AtomicUsize::new(0),
        settings,
        upstreams,
        metrics,
        document: serde_json::to_vec(&crate::openapi()).expect("a document is plain data").into(),
        traces: traces.clone(),
    });
    let router = pages()
        .route("/openapi.json", get(document))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .fallback(pass)
        .with_state(gateway);
    match traces {
        Some(traces) => traced(router, Hop::Gateway, traces),
        None => router,
    }
}

async fn document(State(gateway): State<Arc<Gateway>>) -> Response {
    crate::answer::document("application/json", gateway.document.clone())
}

async fn healthz() -> Response {
    crate::answer::document("application/json", r#"{"status":"ok"}"#)
}

/// Whether every service has a leader.
async fn readyz(State(gateway): State<Arc<Gateway>>) -> Response {
    let missing = gateway.upstreams.values().find(|upstream| !upstream.is_led());
    match missing {
        None => crate::answer::document("application/json", r#"{"status":"ok"}"#),
        Some(upstream) => upstream.no_leader().render(correlation::made()),
    }
}

async fn metrics_text(State(gateway): State<Arc<Gateway>>, headers: HeaderMap) -> Response {
    match authenticate(&gateway.tokens, &headers) {
        Ok(_) => {
            let text = gateway.metrics.text(&gateway.rates, gateway.traces.as_deref());
            crate::answer::document("application/openmetrics-text; version=1.0.0; charset=utf-8", text)
        }
        Err(problem) => problem.render(correlation::made()),
    }
}

/// Everything that is for a service.
async fn pass(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let began = Instant::now();
    let given = request.headers().get(&correlation::HEADER).is_some();
    let taken = correlation::taken(request.headers()).ok().flatten();
    let correlation = taken.unwrap_or_else(correlation::made);
    let service = context_of(request.uri().path()).unwrap_or(Context::Trading);
    let answered = gateway.answer(request, service, correlation, given).await;
    let mut response = answered.unwrap_or_else(|problem| problem.render(correlation));
    let header = correlation::header(correlation);
    response.headers_mut().entry(&correlation::HEADER).or_insert(header);
    gateway.metrics.answered(service, response.status().as_u16(), began.elapsed());
    response
}

impl Gateway {
    async fn answer(
        &self,
        request: Request,
        service: Context,
        correlation: CorrelationId,
        has_correlation: bool,
    ) -> Result<Response, Problem> {
        let overloaded = || {
            let problem = Problem::new(&kinds::GATEWAY_OVERLOADED, "too many requests are in progress");
            problem.retry_after_s(1)
        };
        let _in_flight =
            InFlight::enter(&self.in_flight, self.settings.in_flight_max).ok_or_else(overloaded)?;
        let (mut parts, body) = request.into_parts();
        check_head(&parts.uri, &parts.headers)?;
        let (body, _held) = self.whole(&parts.method, body).await?;
        let sees_all = match authenticate(&self.tokens, &parts.headers) {
            Ok(principal) => {
                self.rates.take(principal.user, orders(&parts, &body)).map_err(too_fast)?;
                !principal.is_confined()
            }
            // The service turns him away, and puts it on record.
            Err(problem) => {
                self.unknown.take((), 1).map_err(|_| problem)?;
                false
            }
        };
        if !has_correlation {
            parts.headers.insert(&correlation::HEADER, correlation::header(correlation));
        }
        let job = Job { is_repeatable: is_repeatable(&parts, &body), parts, body };
        if job.parts.uri.path() == REVOKED_TOKENS && job.parts.method == Method::POST {
            return self.revoke(&job).await;
        }
        if let Some(order) = trace::order(&job).filter(|_| sees_all) {
            return self.trace(order, &job).await;
        }
        self.upstream(service)?.pass(&job).await
    }

    fn upstream(&self, service: Context) -> Result<&Arc<Upstream>, Problem> {
        let none = || Problem::new(&kinds::INTERNAL, format!("no replica of {service} is configured"));
        self.upstreams.get(&service).ok_or_else(none)
    }

    async fn whole(&self, method: &Method, body: Body) -> Result<(Bytes, Held<'_>), Problem> {
        let mut held = Held::of(&self.bodies_size, self.settings.bodies_size_max);
        if method.is_safe() {
            return Ok((Bytes::new(), held));
        }
        let read = body::whole(body, LARGE_BODY_MAX, &mut held, self.settings.body_timeout).await?;
        let detail = format!("the body is limited to {LARGE_BODY_MAX} bytes");
        let read = read.ok_or_else(|| Problem::new(&kinds::BODY_TOO_LARGE, detail))?;
        Ok((read, held))
    }

    /// Has every process refuse a token, those that follow too, and says so only when all of them do.
    async fn revoke(&self, job: &Job) -> Result<Response, Problem> {
        let mut last = None;
        for upstream in self.upstreams.values() {
            for replica in 0..upstream.replica_count() {
                let response = upstream.pass_to(replica, job).await?;
                if response.status() != StatusCode::OK {
                    return Ok(response);
                }
                last = Some(response);
            }
        }
        let revoked: Revoked = serde_json::from_slice(&job.body)
            .map_err(|error| Problem::new(&kinds::MALFORMED_JSON, error.to_string()))?;
        let tokens = self.tokens.clone();
        let revoking = move || tokens.revoke(&revoked.id, revoked.expires_s);
        if !matches!(tokio::task::spawn_blocking(revoking).await, Ok(Ok(()))) {
            return Err(Problem::new(&kinds::INTERNAL, "the revocation could not be written down"));
        }
        last.ok_or_else(|| Problem::new(&kinds::INTERNAL, "no service is configured"))
    }
}

#[derive(Deserialize)]
struct Revoked {
    id: String,
    expires_s: u64,
}

/// How many requests of his rate one costs: in a batch every order counts. What is no batch after all is refused by the
/// service.
fn orders(parts: &Parts, body: &Bytes) -> u32 {
    #[derive(Deserialize)]
    struct Batch {
        orders: Vec<serde::de::IgnoredAny>,
    }
    if parts.uri.path() != "/trading/orders/batch" {
        return 1;
    }
    let batch = serde_json::from_slice::<Batch>(body);
    batch.map_or(1, |batch| u32::try_from(batch.orders.len()).unwrap_or(u32::MAX).max(1))
}

/// Whether sending it twice does what sending it once does.
fn is_repeatable(parts: &Parts, body: &Bytes) -> bool {
    #[derive(Deserialize)]
    struct Order {
        client_order_id: Option<serde::de::IgnoredAny>,
    }
    let is_named = || {
        parts.method == Method::POST
            && parts.uri.path() == crate::ORDER_ENTRY
            && serde_json::from_slice::<Order>(body).is_ok_and(|order| order.client_order_id.is_some())
    };
    parts.method.is_safe() || parts.headers.contains_key(&crate::gate::IDEMPOTENCY_KEY) || is_named()
}

/// What belongs to one connection, and is not passed on (RFC 9110, 7.6.1).
fn without_hop_by_hop(headers: &HeaderMap) -> HeaderMap<HeaderValue> {
    const HOP_BY_HOP: [&str; 9] = [
        "connection",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let passed_on = headers.iter().filter(|(name, _)| !HOP_BY_HOP.contains(&name.as_str()));
    passed_on.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: &str, path: &str, headers: &[(&'static str, &'static str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap().into_parts().0
    }

    #[test]
    fn only_what_does_the_same_twice_is_sent_again() {
        let may = |method: &str, path: &str, headers: &[(&'static str, &'static str)], body: &'static str| {
            is_repeatable(&parts(method, path, headers), &Bytes::from_static(body.as_bytes()))
        };
        assert!(may("GET", "/trading/orders", &[], ""));
        assert!(may("POST", "/trading/orders", &[], r#"{"client_order_id": "a"}"#));
        assert!(may("POST", "/trading/accounts/ANN/deposits", &[("idempotency-key", "k")], "{}"));
        for body in ["{}", r#"{"client_order_id": null}"#, "not json"] {
            assert!(!may("POST", "/trading/orders", &[], body), "{body}");
        }
        assert!(!may("POST", "/trading/accounts/ANN/deposits", &[], r#"{"client_order_id": "a"}"#));
        assert!(!may("DELETE", "/trading/orders/7", &[], ""));
    }

    #[test]
    fn every_order_of_a_batch_counts() {
        let count = |path: &str, body: &'static str| {
            orders(&parts("POST", path, &[]), &Bytes::from_static(body.as_bytes()))
        };
        assert_eq!(count("/trading/orders/batch", r#"{"orders": [{}, {}, {}]}"#), 3);
        for body in ["{}", r#"{"orders": []}"#, "nonsense"] {
            assert_eq!(count("/trading/orders/batch", body), 1, "{body}");
        }
        assert_eq!(count("/trading/orders", r#"{"orders": [{}, {}, {}]}"#), 1);
    }

    #[test]
    fn what_belongs_to_a_connection_stays_with_it() {
        let headers =
            [("connection", "close"), ("transfer-encoding", "chunked"), ("authorization", "Bearer x")];
        let passed = without_hop_by_hop(&parts("GET", "/", &headers).headers);
        assert_eq!(passed.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["authorization"]);
    }
}
