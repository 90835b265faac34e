//! Every no that leaves the gateway: RFC 9457 problem details with a stable code.
//!
//! Invariant: what a client sees of a refusal is made here and nowhere else, so that every problem has a type with a
//! page, a code, and the correlation id of its request. A handler gives a [`Problem`]; [`render`] makes the body of it
//! once the correlation is at hand. Absent: which refusal is which problem (`refusals`).

pub(crate) mod kinds;
mod pages;

pub(crate) use kinds::Kind;
pub(crate) use pages::{problem_page, problems_page};

use crate::forms;
use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use vocabulary::{CorrelationId, OrderId};

/// A refusal on its way to the client. Boxed: it is rare, and results that carry it stay small.
#[derive(Clone, Debug)]
pub(crate) struct Problem(Box<Facts>);

#[derive(Clone, Debug)]
struct Facts {
    kind: &'static Kind,
    /// Where a policy gives its own reason, that reason's code; the kind then only says which page explains it.
    code: Option<String>,
    detail: String,
    field: Option<String>,
    position: Option<u64>,
    order: Option<OrderId>,
    place: Option<(usize, usize)>,
    retry_after_s: Option<u32>,
    allow: Option<String>,
    denied: bool,
}

/// The members of a problem (RFC 9457, with extensions).
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument<'a> {
    /// A page that explains this kind of problem.
    #[schema(example = "/problems/trading.insufficient-funds")]
    pub(crate) r#type: String,
    /// What kind of problem it is, for people.
    #[schema(example = "Insufficient funds")]
    pub(crate) title: &'static str,
    /// The HTTP status.
    #[schema(example = 422)]
    pub(crate) status: u16,
    /// What is wrong this time, and what would be right.
    #[schema(example = "account A1 has 10.00 CNY available and needs 1234.50")]
    pub(crate) detail: &'a str,
    /// The correlation id of the request: what to quote when asking about it.
    #[schema(value_type = forms::Correlation, example = "0193e2a7c1d27f3a9b1c5d6e7f809a1b")]
    pub(crate) instance: CorrelationId,
    /// Stable, for programs.
    #[schema(example = "trading.insufficient-funds")]
    pub(crate) code: &'a str,
    /// The field of the request that is at fault, as a path like `legs[1].price`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<&'a str>,
    /// Where the refusal is recorded, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<u64>,
    /// The order that came into being and was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub(crate) order: Option<OrderId>,
    /// Line of the body where it stops being JSON, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<usize>,
    /// Column in that line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<usize>,
}

impl Problem {
    /// A problem of that kind; `detail` says what is wrong this time.
    pub(crate) fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self(Box::new(Facts {
            kind,
            code: None,
            detail: detail.into(),
            field: None,
            position: None,
            order: None,
            place: None,
            retry_after_s: None,
            allow: None,
            denied: false,
        }))
    }

    /// One field of the request does not fit.
    pub(crate) fn invalid(field: &str, rule: impl std::fmt::Display) -> Self {
        Self::new(&kinds::INVALID_FIELD, format!("{field} {rule}")).in_field(field)
    }

    #[must_use]
    pub(crate) fn in_field(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into()).filter(|field| !field.is_empty());
        self
    }

    #[must_use]
    pub(crate) fn at_place(mut self, line: usize, column: usize) -> Self {
        self.0.place = Some((line, column));
        self
    }

    #[must_use]
    pub(crate) fn at_position(mut self, position: u64) -> Self {
        self.0.position = Some(position);
        self
    }

    #[must_use]
    pub(crate) fn of_order(mut self, order: OrderId) -> Self {
        self.0.order = Some(order);
        self
    }

    #[must_use]
    pub(crate) fn with_code(mut self, code: &str) -> Self {
        self.0.code = Some(code.to_owned());
        self
    }

    #[must_use]
    pub(crate) fn retry_after_s(mut self, seconds: u32) -> Self {
        self.0.retry_after_s = Some(seconds);
        self
    }

    #[must_use]
    pub(crate) fn allowing(mut self, methods: String) -> Self {
        self.0.allow = Some(methods);
        self
    }

    /// Somebody reached for what is not his: to be put on record.
    #[must_use]
    pub(crate) fn denied(mut self) -> Self {
        self.0.denied = true;
        self
    }

    pub(crate) fn is_denied(&self) -> bool {
        self.0.denied
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The stable code.
    pub(crate) fn code(&self) -> &str {
        self.0.code.as_deref().unwrap_or(self.0.kind.code)
    }

    /// What is wrong this time.
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The field at fault.
    #[cfg(test)]
    pub(crate) fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// Line and column where a body stops being JSON.
    #[cfg(test)]
    pub(crate) fn place(&self) -> Option<(usize, usize)> {
        self.0.place
    }

    pub(crate) fn document(&self, correlation: CorrelationId) -> ProblemDocument<'_> {
        let facts = &*self.0;
        ProblemDocument {
            r#type: format!("/problems/{}", facts.kind.code),
            title: facts.kind.title,
            status: facts.kind.status,
            detail: &facts.detail,
            instance: correlation,
            code: self.code(),
            field: facts.field.as_deref(),
            position: facts.position,
            order: facts.order,
            line: facts.place.map(|(line, _)| line),
            column: facts.place.map(|(_, column)| column),
        }
    }

    /// The whole answer.
    pub(crate) fn render(&self, correlation: CorrelationId) -> Response {
        let body = serde_json::to_vec(&self.document(correlation)).expect("a problem is plain data");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.0.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(methods) = self.0.allow.as_ref().and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert(ALLOW, methods);
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"rialto\""));
        }
        if let Some(position) = self.0.position {
            headers.insert(crate::answer::POSITION_HEADER.clone(), HeaderValue::from(position));
        }
        response
    }
}

impl IntoResponse for Problem {
    /// Leaves the problem for the gate to render, which knows the correlation.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status();
        response.extensions_mut().insert(self);
        response
    }
}
