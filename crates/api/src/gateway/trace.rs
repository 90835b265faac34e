//! An order's whole life, put together from what each service tells of it.

use super::Gateway;
use super::upstream::Job;
use crate::problem::{Problem, kinds};
use axum::body::{Body, to_bytes};
use axum::http::header::CONTENT_LENGTH;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use engine::Context;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The largest part that is read here: that of an order with very many executions.
const PART_SIZE_MAX: usize = 16 << 20;

/// What a service tells, as [`crate::operations::trace::Trace`] writes it.
#[derive(Deserialize, Serialize)]
struct Trace {
    items: Vec<Value>,
    next: Option<String>,
    missing: Vec<String>,
}

/// The order whose trace is asked for.
pub(super) fn order(job: &Job) -> Option<&str> {
    let order = job.parts.uri.path().strip_prefix("/trading/orders/")?.strip_suffix("/trace")?;
    (job.parts.method == Method::GET && !order.contains('/')).then_some(order)
}

impl Gateway {
    /// Trading's part, and to it those of all services that tell theirs, as time went. Only for somebody who may see all
    /// of an order: what its owner may see is in trading's part.
    pub(super) async fn trace(&self, order: &str, job: &Job) -> Result<Response, Problem> {
        let response = self.upstream(Context::Trading)?.pass(job).await?;
        if response.status() != StatusCode::OK {
            return Ok(response);
        }
        let (mut parts, body) = response.into_parts();
        let mut whole = read(body).await?;
        let mut missing = Vec::new();
        for service in std::mem::take(&mut whole.missing) {
            match self.part(&service, order, job).await {
                Some(part) => whole.items.extend(part.items),
                None => missing.push(service),
            }
        }
        whole.missing = missing;
        // Times are written with all their digits. What happened at the same time stays as it was told.
        whole.items.sort_by(|one, other| one["time"].as_str().cmp(&other["time"].as_str()));
        let body = serde_json::to_vec(&whole).expect("a trace is plain data");
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        Ok(Response::from_parts(parts, Body::from(body)))
    }

    /// What one service tells; nothing if it does not.
    async fn part(&self, service: &str, order: &str, job: &Job) -> Option<Trace> {
        let upstream = self.upstream(service.parse().ok()?).ok().filter(|upstream| upstream.is_led())?;
        let path: PathAndQuery = format!("/{service}/orders/{order}/trace").parse().ok()?;
        let mut job = job.clone();
        job.parts.uri = path.into();
        let response = upstream.pass(&job).await.ok()?;
        if response.status() != StatusCode::OK {
            return None;
        }
        read(response.into_body()).await.ok()
    }
}

async fn read(body: Body) -> Result<Trace, Problem> {
    let unread = || Problem::new(&kinds::NO_ANSWER, "the answer broke off");
    let bytes = to_bytes(body, PART_SIZE_MAX).await.map_err(|_| unread())?;
    serde_json::from_slice(&bytes).map_err(|_| unread())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Bytes;
    use axum::http::Request;

    #[test]
    fn only_the_trace_of_one_order_is_put_together() {
        let order_of = |method: &str, path: &str| {
            let (parts, ()) = Request::builder().method(method).uri(path).body(()).unwrap().into_parts();
            order(&Job { parts, body: Bytes::new(), is_repeatable: true }).map(str::to_owned)
        };
        assert_eq!(order_of("GET", "/trading/orders/7/trace?at_least=9"), Some("7".to_owned()));
        for path in ["/trading/orders/7", "/trading/orders/7/x/trace", "/risk/orders/7/trace", "/trace"] {
            assert_eq!(order_of("GET", path), None, "{path}");
        }
        assert_eq!(order_of("POST", "/trading/orders/7/trace"), None);
    }
}
