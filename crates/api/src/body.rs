//! Bodies coming in: their size, their time, their content type, and whether they are JSON.
//!
//! Invariant: bounded, each by itself and all together. Whoever sends one is not known yet, so what came in pieces and
//! waits for the rest counts against one budget; a body that comes in one piece is the connection's own buffer and is
//! not copied.

use crate::json;
use crate::problem::{Problem, kinds};
use crate::routes::Route;
use crate::services::Api;
use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The part of the budget that one body takes, until it is answered.
pub(crate) struct Held<'a> {
    all: &'a AtomicUsize,
    max: usize,
    size: usize,
}

impl<'a> Held<'a> {
    /// Nothing yet, of `max` bytes for all.
    pub(crate) fn of(all: &'a AtomicUsize, max: usize) -> Self {
        Self { all, max, size: 0 }
    }

    fn take(&mut self, size: usize) -> Result<(), Problem> {
        self.size += size;
        if self.all.fetch_add(size, Ordering::Relaxed) + size <= self.max {
            return Ok(());
        }
        let problem = Problem::new(&kinds::GATEWAY_OVERLOADED, "too many large bodies are in progress");
        Err(problem.retry_after_s(1))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.all.fetch_sub(self.size, Ordering::Relaxed);
    }
}

/// Reads the body, as far as the operation takes one, and checks that it is JSON.
pub(crate) async fn take<'a>(
    api: &'a Api,
    route: &Route,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Bytes, Held<'a>), Problem> {
    let mut held = Held::of(&api.bodies_size, api.settings.bodies_size_max);
    let limit = match route.body_max {
        Some(limit) => limit,
        // What a read sends along is nobody's business and is left to the connection to skip.
        None if route.method.is_safe() => return Ok((Bytes::new(), held)),
        None => 1,
    };
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|size| size > limit) {
        return Err(too_large(route, limit));
    }
    let Some(body) = whole(body, limit, &mut held, api.settings.body_timeout).await? else {
        return Err(too_large(route, limit));
    };
    if route.body_max.is_none() {
        return if body.is_empty() { Ok((body, held)) } else { Err(too_large(route, limit)) };
    }
    if !headers.get(CONTENT_TYPE).is_some_and(is_json) {
        let detail = "Content-Type must be application/json";
        return Err(Problem::new(&kinds::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    json::check_syntax(&body)?;
    Ok((body, held))
}

/// The whole body, in time; none if there is more than `limit`.
pub(crate) async fn whole(
    body: Body,
    limit: usize,
    held: &mut Held<'_>,
    time: Duration,
) -> Result<Option<Bytes>, Problem> {
    let body = tokio::time::timeout(time, collect(body, limit, held)).await;
    body.map_err(|_| Problem::new(&kinds::TIMEOUT, "the body did not arrive in time"))?
}

fn too_large(route: &Route, limit: usize) -> Problem {
    match route.body_max {
        Some(_) => Problem::new(&kinds::BODY_TOO_LARGE, format!("the body is limited to {limit} bytes")),
        None => Problem::new(&kinds::UNEXPECTED_BODY, "this operation takes no body"),
    }
}

/// The whole body; none if there is more than `limit`.
async fn collect(mut body: Body, limit: usize, held: &mut Held<'_>) -> Result<Option<Bytes>, Problem> {
    let mut first = Bytes::new();
    let mut rest: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::new(&kinds::MALFORMED_HTTP, "the body broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len().max(rest.len()) + data.len() > limit {
            return Ok(None);
        }
        if first.is_empty() && rest.is_empty() {
            first = data;
            continue;
        }
        if rest.is_empty() {
            held.take(first.len())?;
            rest = Vec::from(std::mem::take(&mut first));
        }
        held.take(data.len())?;
        rest.extend_from_slice(&data);
    }
    Ok(Some(if rest.is_empty() { first } else { rest.into() }))
}

fn is_json(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else { return false };
    let (kind, parameters) = text.split_once(';').unwrap_or((text, ""));
    let charset = parameters.trim();
    kind.trim().eq_ignore_ascii_case("application/json")
        && (charset.is_empty() || charset.eq_ignore_ascii_case("charset=utf-8"))
}
