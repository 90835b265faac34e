//! What a good answer looks like: JSON, with the position that it stands for in a header.

use crate::problem::Problem;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use engine::{Receipt, ReceiptResult};
use serde::Serialize;

/// A handler's result.
pub(crate) type Answer = Result<Response, Problem>;

/// The position that an answer stands for: of a write, where it is recorded; of a read, what it has seen.
pub static POSITION_HEADER: HeaderName = HeaderName::from_static("x-rialto-position");

/// Answer of a write that makes nothing new.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Done {
    /// Where it is recorded: reads can ask for at least this position.
    #[schema(example = 4711)]
    pub(crate) position: u64,
    /// Whether anything changed; false when it was so already.
    pub(crate) changed: bool,
}

/// A list that comes whole.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct List<T> {
    /// The entries.
    pub(crate) items: Vec<T>,
}

/// The answer of a write that makes nothing new.
pub(crate) fn done(receipt: &Receipt) -> Answer {
    let changed = match &receipt.result {
        ReceiptResult::Done { changed } => *changed,
        ReceiptResult::Order(_) => true,
        ReceiptResult::Refused(_) | ReceiptResult::Answered(_) => false,
    };
    ok(receipt.position, &Done { position: receipt.position, changed })
}

/// JSON with status 200.
pub(crate) fn ok(position: u64, body: &impl Serialize) -> Answer {
    json(StatusCode::OK, position, body)
}

/// JSON with that status.
pub(crate) fn json(status: StatusCode, position: u64, body: &impl Serialize) -> Answer {
    let bytes = serde_json::to_vec(body).expect("answers are plain data");
    Ok(with_position(status, position, "application/json", bytes))
}

/// JSON with status 201 and where to find what was made.
pub(crate) fn created(position: u64, location: &str, body: &impl Serialize) -> Answer {
    let mut response = json(StatusCode::CREATED, position, body)?;
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// Anything else.
pub(crate) fn document(content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Bytes of that kind, which stand for a position.
pub(crate) fn with_position(
    status: StatusCode,
    position: u64,
    content_type: &'static str,
    bytes: Vec<u8>,
) -> Response {
    let mut response = document(content_type, bytes);
    *response.status_mut() = status;
    response.headers_mut().insert(POSITION_HEADER.clone(), HeaderValue::from(position));
    response
}
