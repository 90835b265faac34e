//! The gate that every request passes, and the order in which it refuses.
//!
//! 1. is there such an operation (404, 405), and is it one of this node's (421)
//! 2. size of address, headers and body (414, 431, 413) and time (408)
//! 3. content type (415)
//! 4. JSON syntax (400)
//! 5. authentication (401)
//! 6. authorisation (403)
//! 7. rate (429)
//! 8. form of headers, path, query and fields, and whose they are (400, 404)
//! 9. the domain (409, 422, ..)
//!
//! The first that applies is the answer, and nothing after it has been looked at; tests walk this order. Before all of
//! it: too much in progress (503).
//!
//! Invariant: every answer carries the correlation id; every refusal is a problem; whatever is read in an office is on
//! record before it is answered.

use crate::access;
use crate::answer::Answer;
use crate::auth::{Principal, TokenFault, TokenVerifier};
use crate::body;
use crate::call::{AT_LEAST, Call, command_id_of_key, whole_number};
use crate::correlation;
use crate::problem::kinds::Kind;
use crate::problem::{Problem, kinds};
use crate::routes::Route;
use crate::services::Api;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONNECTION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::Response;
use engine::CommandId;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use vocabulary::{CorrelationId, UserId};

/// The largest path with query, in bytes.
const URI_MAX: usize = 8 * 1024;
/// The largest head of a request, in bytes of names and values.
const HEADERS_SIZE_MAX: usize = 16 * 1024;
/// The most headers.
const HEADERS_MAX: usize = 100;
/// The longest idempotency key, in characters.
const KEY_MAX: usize = 64;

/// What metrics and one line of the log tell of already, or what is up to clients. A line for each request that meets it
/// would add to the load.
static TOLD_ONCE: [&Kind; 8] = [
    &kinds::NOT_LEADING,
    &kinds::GATEWAY_OVERLOADED,
    &kinds::OVERLOADED,
    &kinds::OUTBOX_FULL,
    &kinds::TOO_MANY_STREAMS,
    &kinds::HALTED,
    &kinds::STOPPING,
    &kinds::POSITION_NOT_REACHED,
];
/// The header that makes a write safe to repeat.
pub(crate) static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header that says which position a read wants to have seen.
pub(crate) static AT_LEAST_HEADER: HeaderName = HeaderName::from_static("x-rialto-at-least");

/// Counts a request that is in progress, as long as it is.
pub(crate) struct InFlight<'a>(&'a AtomicUsize);

impl<'a> InFlight<'a> {
    pub(crate) fn enter(count: &'a AtomicUsize, max: usize) -> Option<Self> {
        let entered = Self(count);
        (count.fetch_add(1, Ordering::Relaxed) < max).then_some(entered)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The middleware around all operations.
pub(crate) async fn gate(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let route = find_route(&api, &request).cloned();
    let run = |mut parts: Parts, call: Option<Call>| async move {
        if let Some(call) = call {
            parts.extensions.insert(call);
        }
        let mut response = next.run(Request::from_parts(parts, Body::empty())).await;
        match response.extensions_mut().remove::<Problem>() {
            Some(problem) => Err(problem),
            None => Ok(response),
        }
    };
    through(&api, route, request, run).await
}

/// Lets the request through to `run`, which does what the operation is for. Its call is there unless the operation
/// needs no token.
pub(crate) async fn through<F: Future<Output = Answer>>(
    api: &Arc<Api>,
    route: Result<Arc<Route>, Problem>,
    request: Request,
    run: impl FnOnce(Parts, Option<Call>) -> F,
) -> Response {
    let began = Instant::now();
    let taken = correlation::taken(request.headers());
    let correlation = taken.ok().flatten().unwrap_or_else(correlation::made);
    let Some(_in_flight) = InFlight::enter(&api.in_flight, api.settings.in_flight_max) else {
        let problem = Problem::new(&kinds::GATEWAY_OVERLOADED, "too many requests are in progress");
        return refuse(api, correlation, &problem.retry_after_s(1));
    };
    let route = match route {
        Ok(route) => route,
        Err(problem) => return refuse(api, correlation, &problem),
    };
    if let Some(context) = route.context.filter(|context| !api.hosts.has(*context)) {
        let problem =
            Problem::new(&kinds::NOT_HOSTED, format!("{context} is another service; ask the gateway"));
        return refuse(api, correlation, &problem);
    }
    let mut response = match pass(api, &route, request, run, correlation, taken.is_err()).await {
        Ok(response) => response,
        Err(problem) => refuse(api, correlation, &problem),
    };
    stamp(&mut response, correlation, &route);
    let (status, took) = (response.status().as_u16(), began.elapsed());
    tracing::debug!(%correlation, method = %route.method, path = %route.path, status, ?took, "answered");
    route.metrics(&api.metrics).answered(status, took);
    response
}

/// Everything from the size on.
async fn pass<F: Future<Output = Answer>>(
    api: &Arc<Api>,
    route: &Arc<Route>,
    request: Request,
    run: impl FnOnce(Parts, Option<Call>) -> F,
    correlation: CorrelationId,
    bad_correlation: bool,
) -> Answer {
    let (parts, body) = request.into_parts();
    check_head(&parts.uri, &parts.headers)?;
    let (body, _held) = body::take(api, route, &parts.headers, body).await?;
    if route.open {
        return run(parts, None).await;
    }
    let uri = parts.uri.clone();
    let refused = |who: Option<&Principal>, problem: Problem| {
        access::record_refused(api, who, correlation, route, uri.path(), &problem);
        problem
    };
    let principal = authenticate(&api.tokens, &parts.headers).map_err(|problem| refused(None, problem))?;
    let permissions = api.permissions().await?;
    if !permissions.allow(principal.roles, route.number, route.method.as_str(), &route.path) {
        let detail = format!("none of your roles may {} {}", route.method, route.path);
        return Err(refused(Some(&principal), Problem::new(&kinds::FORBIDDEN, detail)));
    }
    #[cfg(feature = "gateway")]
    crate::caller::check(&parts.extensions, route).map_err(|problem| refused(Some(&principal), problem))?;
    api.rates.take(principal.user, 1).map_err(too_fast)?;
    if bad_correlation {
        return Err(bad_header(&correlation::HEADER, "must be 1 to 32 hexadecimal digits"));
    }
    let command_id = idempotency_key(&parts.headers, principal.user)?;
    let at_least = at_least(&parts.headers, parts.uri.query())?;
    if at_least > 0 {
        api.reach(at_least).await?;
    }
    let is_recorded = route.administrative && !principal.is_confined();
    let call = Call { principal: Arc::clone(&principal), correlation, command_id, body, at_least };
    let answer = run(parts, Some(call)).await;
    if is_recorded {
        let status = answer.as_ref().map_or_else(Problem::status, Response::status);
        access::record_read(api, &principal, correlation, uri.path(), status.as_u16()).await?;
    }
    answer.map_err(|problem| if problem.is_denied() { refused(Some(&principal), problem) } else { problem })
}

fn refuse(api: &Api, correlation: CorrelationId, problem: &Problem) -> Response {
    let known = kinds::find(problem.code()).map_or(kinds::ORDER_REJECTED.code, |kind| kind.code);
    api.metrics.refused(known);
    let is_known = TOLD_ONCE.iter().any(|kind| kind.code == known);
    if problem.status().is_server_error() && !is_known {
        tracing::warn!(%correlation, code = problem.code(), detail = problem.detail(), "a request failed");
    }
    let mut response = problem.render(correlation);
    if known == kinds::TIMEOUT.code {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response.headers_mut().insert(correlation::HEADER.clone(), correlation::header(correlation));
    response
}

fn stamp(response: &mut Response, correlation: CorrelationId, route: &Route) {
    let headers = response.headers_mut();
    headers.insert(correlation::HEADER.clone(), correlation::header(correlation));
    if !route.open && !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

fn find_route<'a>(api: &'a Api, request: &Request) -> Result<&'a Arc<Route>, Problem> {
    let Some(path) = request.extensions().get::<MatchedPath>() else {
        return Err(Problem::new(&kinds::NOT_FOUND, "there is no operation of this path; see /docs"));
    };
    api.routes.find(path.as_str(), request.method()).ok_or_else(|| {
        let methods = api.routes.methods(path.as_str());
        let detail = format!("this path takes {methods}");
        Problem::new(&kinds::METHOD_NOT_ALLOWED, detail).allowing(methods)
    })
}

pub(crate) fn check_head(uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    if uri.path_and_query().is_some_and(|text| text.as_str().len() > URI_MAX) {
        return Err(Problem::new(&kinds::URI_TOO_LONG, "path and query are limited to 8 KiB"));
    }
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if size > HEADERS_SIZE_MAX || headers.len() > HEADERS_MAX {
        return Err(Problem::new(&kinds::HEADERS_TOO_LARGE, "headers are limited to 16 KiB and 100 of them"));
    }
    Ok(())
}

pub(crate) fn authenticate(tokens: &TokenVerifier, headers: &HeaderMap) -> Result<Arc<Principal>, Problem> {
    let missing = || Problem::new(&kinds::MISSING_TOKEN, "send `Authorization: Bearer <token>`");
    let value = headers.get(AUTHORIZATION).ok_or_else(missing)?;
    let text = value.to_str().map_err(|_| missing())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    tokens.verify(token.trim()).map_err(|fault| {
        let kind = match fault {
            TokenFault::Invalid => &kinds::INVALID_TOKEN,
            TokenFault::Expired => &kinds::EXPIRED_TOKEN,
            TokenFault::Revoked => &kinds::REVOKED_TOKEN,
        };
        Problem::new(kind, fault.to_string())
    })
}

/// The answer to one who has used up his rate.
pub(crate) fn too_fast(wait_ns: u64) -> Problem {
    let seconds = u32::try_from(wait_ns.div_ceil(1_000_000_000)).unwrap_or(u32::MAX).max(1);
    Problem::new(&kinds::RATE_EXCEEDED, "you send more requests than your rate allows").retry_after_s(seconds)
}

fn idempotency_key(headers: &HeaderMap, user: UserId) -> Result<Option<CommandId>, Problem> {
    let Some(value) = headers.get(&IDEMPOTENCY_KEY) else { return Ok(None) };
    let is_key = |key: &&str| (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    let key = value.to_str().ok().filter(is_key);
    let key = key.ok_or_else(|| bad_header(&IDEMPOTENCY_KEY, "must be 1 to 64 visible ASCII characters"))?;
    Ok(Some(command_id_of_key(user, key)))
}

/// The position that a read asks for, by header or by query; 0 if it does not, and the later one if it does by both.
fn at_least(headers: &HeaderMap, query: Option<&str>) -> Result<u64, Problem> {
    let mut latest = 0;
    for value in headers.get_all(&AT_LEAST_HEADER) {
        let position = value.to_str().ok().and_then(whole_number);
        latest = latest.max(position.ok_or_else(|| bad_header(&AT_LEAST_HEADER, "must be a position"))?);
    }
    let pairs = query.into_iter().flat_map(|query| query.split('&'));
    let named = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    for (_, text) in named.filter(|(name, _)| *name == AT_LEAST) {
        let problem =
            || Problem::new(&kinds::INVALID_QUERY, "at_least must be a position").in_field(AT_LEAST);
        latest = latest.max(whole_number(text).ok_or_else(problem)?);
    }
    Ok(latest)
}

fn bad_header(name: &HeaderName, rule: &str) -> Problem {
    Problem::new(&kinds::INVALID_HEADER, format!("{name} {rule}")).in_field(name.as_str())
}
