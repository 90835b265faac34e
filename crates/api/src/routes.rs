//! What the gate must know of each route before anything is done: found by path and method in one look-up.
//!
//! Made from the OpenAPI document, so that there is no route that the gate does not know and none undocumented.

use crate::metrics::{Metrics, RouteMetrics};
use axum::http::Method;
use engine::Context;
use rustc_hash::FxHashMap;
use std::sync::{Arc, OnceLock};
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::{Operation, PathItem};

/// The largest body, in bytes.
const BODY_MAX: usize = 64 * 1024;
/// The largest body of the few that need more.
pub(crate) const LARGE_BODY_MAX: usize = 1024 * 1024;
/// Which those are.
const LARGE_BODIES: [&str; 3] =
    ["/trading/orders/batch", "/compliance/policies", "/compliance/policies/dry-run"];
/// Pages without data, open to everybody whatever the policy is: a probe must not fail over a policy.
const OPEN: [&str; 7] =
    ["/", "/docs", "/openapi.json", "/healthz", "/readyz", "/problems", "/problems/{code}"];
/// Reads that tell nothing about anybody, and come every few seconds.
const NOT_ADMINISTRATIVE: [&str; 1] = ["/metrics"];

/// One operation.
pub(crate) struct Route {
    /// Counts the operations from 0.
    pub(crate) number: usize,
    pub(crate) path: String,
    pub(crate) method: Method,
    /// The context that it is about, unless it is about the node.
    pub(crate) context: Option<Context>,
    /// Whether it needs no token.
    pub(crate) open: bool,
    /// Whether it is put on record when somebody reads it in an office.
    pub(crate) administrative: bool,
    /// The largest body it takes; none: it takes no body.
    pub(crate) body_max: Option<usize>,
    metrics: OnceLock<RouteMetrics>,
}

impl Route {
    /// The counters of this route.
    pub(crate) fn metrics(&self, metrics: &Metrics) -> &RouteMetrics {
        self.metrics.get_or_init(|| metrics.route(self.method.as_str(), &self.path))
    }
}

/// All operations.
#[derive(Default)]
pub(crate) struct Routes {
    by_path: FxHashMap<String, Vec<Arc<Route>>>,
    count: usize,
}

impl Routes {
    /// Those of the document.
    pub(crate) fn of(document: &OpenApi) -> Self {
        let mut routes = Self::default();
        for (path, item) in &document.paths.paths {
            for (method, operation) in operations(item) {
                routes.add(path, method, operation);
            }
        }
        routes
    }

    fn add(&mut self, path: &str, method: Method, operation: &Operation) {
        let body_max = if LARGE_BODIES.contains(&path) { LARGE_BODY_MAX } else { BODY_MAX };
        let open = OPEN.contains(&path);
        let route = Route {
            number: self.count,
            path: path.to_owned(),
            context: context_of(path),
            open,
            administrative: method == Method::GET && !open && !NOT_ADMINISTRATIVE.contains(&path),
            method,
            body_max: operation.request_body.as_ref().map(|_| body_max),
            metrics: OnceLock::new(),
        };
        self.count += 1;
        self.by_path.entry(path.to_owned()).or_default().push(Arc::new(route));
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The operation; HEAD is a GET without its body.
    pub(crate) fn find(&self, path: &str, method: &Method) -> Option<&Arc<Route>> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.by_path.get(path)?.iter().find(|route| route.method == *method)
    }

    /// What the path can be asked, for an Allow header.
    pub(crate) fn methods(&self, path: &str) -> String {
        let known = self.by_path.get(path).into_iter().flatten();
        let mut names: Vec<&str> = known.map(|route| route.method.as_str()).collect();
        if names.contains(&"GET") {
            names.push("HEAD");
        }
        names.join(", ")
    }
}

/// The context whose operations begin like that.
pub(crate) fn context_of(path: &str) -> Option<Context> {
    path.strip_prefix('/')?.split('/').next()?.parse().ok()
}

/// The operations of one path.
pub(crate) fn operations(item: &PathItem) -> impl Iterator<Item = (Method, &Operation)> {
    let all = [
        (Method::GET, &item.get),
        (Method::PUT, &item.put),
        (Method::POST, &item.post),
        (Method::PATCH, &item.patch),
        (Method::DELETE, &item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}
