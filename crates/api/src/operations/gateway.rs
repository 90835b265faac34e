//! Operations of the gateway itself: documentation, problems, probes, metrics, tokens.

use crate::answer::{Answer, document, json};
use crate::call::{Call, Place};
use crate::problem::{self, Problem, kinds};
use crate::refusals::unavailable;
use crate::services::Api;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use axum::response::Response;
use node::Unavailable;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The pages that stand on nothing but this program, for a gateway that has no node.
#[cfg(feature = "gateway")]
pub(crate) fn pages<S: Clone + Send + Sync + 'static>() -> axum::Router<S> {
    use axum::routing::get;
    axum::Router::new()
        .route("/", get(home))
        .route("/docs", get(docs))
        .route("/problems", get(problems))
        .route("/problems/{code}", get(problem))
}

const HTML: &str = "text/html; charset=utf-8";
const DOCS: &str = include_str!("docs.html");

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(home))
        .routes(routes!(docs))
        .routes(routes!(openapi))
        .routes(routes!(problems))
        .routes(routes!(problem))
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(metrics))
        .routes(routes!(revoke_token))
}

/// How the gateway and its node are.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Health {
    /// `ok`, or why not.
    #[schema(example = "ok")]
    status: &'static str,
}

/// A token to revoke.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevokedToken {
    /// The token's id (its claim `jti`).
    #[schema(
        example = "0193e2a7c1d27f3a9b1c5d6e7f809a1b",
        min_length = 1,
        max_length = 64,
        pattern = "^[!-~]+$"
    )]
    id: String,
    /// When it ends (its claim `exp`), in seconds of Unix time.
    #[schema(example = 1_700_000_000)]
    expires_s: u64,
}

/// This documentation.
#[utoipa::path(get, path = "/", tag = "gateway", security(()),
    responses((status = 200, description = "A page", content_type = "text/html", body = String)))]
async fn home() -> Response {
    page(DOCS)
}

/// This documentation.
#[utoipa::path(get, path = "/docs", tag = "gateway", security(()),
    responses((status = 200, description = "A page", content_type = "text/html", body = String)))]
async fn docs() -> Response {
    page(DOCS)
}

/// This documentation for programs: OpenAPI 3.1.
#[utoipa::path(get, path = "/openapi.json", tag = "gateway", security(()),
    responses((status = 200, description = "The document", body = Object)))]
async fn openapi(State(api): State<Arc<Api>>) -> Response {
    document("application/json", api.document.clone())
}

/// All kinds of problems.
#[utoipa::path(get, path = "/problems", tag = "gateway", security(()),
    responses((status = 200, description = "A page", content_type = "text/html", body = String)))]
async fn problems() -> Response {
    page(problem::problems_page())
}

/// One kind of problem: what a problem's `type` leads to.
#[utoipa::path(get, path = "/problems/{code}", tag = "gateway", security(()),
    params(("code" = String, Path, description = "The stable code")),
    responses((status = 200, description = "A page", content_type = "text/html", body = String)))]
async fn problem(Place(code): Place<String>) -> Answer {
    let kind = kinds::find(&code);
    let kind = kind.ok_or_else(|| Problem::new(&kinds::NOT_FOUND, "there is no problem of this code"))?;
    Ok(page(problem::problem_page(kind)))
}

fn page(html: impl Into<axum::body::Body>) -> Response {
    let mut response = document(HTML, html);
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'";
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

/// Whether the process lives: it answers.
#[utoipa::path(get, path = "/healthz", tag = "gateway", security(()),
    responses((status = 200, description = "It does", body = Health)))]
async fn healthz(State(api): State<Arc<Api>>) -> Answer {
    json(StatusCode::OK, api.node.durable_position(), &Health { status: "ok" })
}

/// Whether commands are taken now.
#[utoipa::path(get, path = "/readyz", tag = "gateway", security(()),
    responses((status = 200, description = "They are", body = Health)))]
async fn readyz(State(api): State<Arc<Api>>) -> Answer {
    let status = api.node.status();
    if let Some(why) = status.halted {
        return Err(unavailable(&Unavailable::Halted { why }));
    }
    if status.stopping {
        return Err(unavailable(&Unavailable::Stopping));
    }
    if !status.leading {
        return Err(unavailable(&Unavailable::NotLeading));
    }
    json(StatusCode::OK, status.durable_position, &Health { status: "ok" })
}

/// Counters and gauges in the OpenMetrics text format.
#[utoipa::path(get, path = "/metrics", tag = "gateway",
    responses((status = 200, description = "Metrics", content_type = "application/openmetrics-text", body = String)))]
async fn metrics(State(api): State<Arc<Api>>, _call: Call) -> Response {
    let text = api.metrics_text();
    document("application/openmetrics-text; version=1.0.0; charset=utf-8", text)
}

/// Refuses a token from now on, here and after a restart.
#[utoipa::path(post, path = "/operations/revoked-tokens", tag = "operations", request_body = RevokedToken,
    responses((status = 200, description = "Revoked", body = Health)))]
async fn revoke_token(State(api): State<Arc<Api>>, call: Call) -> Answer {
    let RevokedToken { id, expires_s } = call.read()?;
    if id.is_empty() || id.len() > 64 || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::invalid("id", "must be 1 to 64 visible ASCII characters"));
    }
    let (tokens, shared) = (api.tokens.clone(), Arc::clone(&api));
    let revoked = tokio::task::spawn_blocking(move || tokens.revoke(&id, expires_s)).await;
    if !matches!(revoked, Ok(Ok(()))) {
        return Err(Problem::new(&kinds::INTERNAL, "the revocation could not be written down"));
    }
    json(StatusCode::OK, shared.node.durable_position(), &Health { status: "ok" })
}
