//! The OpenAPI 3.1 document: what the handlers say of themselves, and what holds for all of them.
//!
//! What every operation has in common (headers, positions, problems, the token) is added here once, so that no handler
//! can forget it.

use crate::call::AT_LEAST;
use crate::forms;
use crate::problem::ProblemDocument;
use crate::routes::operations;
use axum::http::Method;
use serde_json::Value;
use utoipa::PartialSchema;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::info::{InfoBuilder, LicenseBuilder};
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{AdditionalProperties, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, OpenApi, OpenApiBuilder, Ref, RefOr, Required};

const DESCRIPTION: &str = "\
Orders, settlement, risk and compliance over HTTP.

**Numbers.** Amounts, prices and quantities are decimal text such as `\"12.50\"`, never JSON numbers.

**Who.** A bearer token (EdDSA) with roles; the policy `finance.authz` says what each may do. A trader sees and touches \
his own accounts; what is not his does not exist for him (404). What an office reads is put on record.

**Repeating.** Under an `Idempotency-Key`, or with a `client_order_id`, a write takes effect once and every repetition \
gets the first answer. The same key with other content is refused (422).

**Positions.** Each write answers its position, in the body and in `X-Rialto-Position`. A read with `?at_least=N` or \
`X-Rialto-At-Least: N` waits until it has seen that position, for up to two seconds (then 503).

**Refusals** are `application/problem+json` (RFC 9457) with a stable `code`; the type leads to a page. The first that \
applies is the answer, in this order: is there such an operation (404, 405); size of address, headers and body (414, \
431, 413, 408); content type (415); JSON syntax (400); authentication (401); authorisation (403); rate (429); form of \
headers, path, query and fields, and whose they are (400, 404); the domain's rules (409, 422).

**Limits.** 16 KiB of headers; 64 KiB of body, 1 MiB for batches and bundles; 1,000 orders a batch; JSON 16 levels \
deep. Overload answers 429 or 503 with `Retry-After`.";

const TAGS: [(&str, &str); 10] = [
    ("orders", "Placing, changing, cancelling and listing orders"),
    ("block trades", "Negotiated trades between two accounts"),
    ("market", "Instruments as they stand in the market, trades, live events"),
    ("accounts", "Accounts and their funds"),
    ("reference data", "Assets, participants, the business day"),
    ("settlement", "Quotas, runs, obligations, reports"),
    ("risk", "Limits, exposures, kill switches, alerts"),
    ("compliance", "Policies, the restricted list, decisions"),
    ("operations", "What does not go on, revoked tokens"),
    ("gateway", "Documentation, probes, metrics"),
];

/// The document to begin with, before the handlers add theirs.
pub(crate) fn base() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Rialto")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    let tags = TAGS.map(|(name, said)| TagBuilder::new().name(name).description(Some(said)).build());
    OpenApiBuilder::new().info(info).tags(Some(tags)).build()
}

/// Adds what holds for all operations.
pub(crate) fn complete(document: &mut OpenApi) {
    let components = document.components.get_or_insert_with(Components::new);
    components.schemas.insert("Problem".to_owned(), ProblemDocument::schema());
    forms::add_parameters(components);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    components.security_schemes.insert("token".to_owned(), SecurityScheme::Http(bearer).into());
    components.schemas.values_mut().for_each(close_variants);
    for (path, item) in &mut document.paths.paths {
        let found: Vec<Method> = operations(item).map(|(method, _)| method).collect();
        for method in found {
            if let Some(operation) = operation_mut(item, &method) {
                complete_operation(path, &method, operation);
            }
        }
    }
}

/// The document with the formats of integers as the OpenAPI registry spells them, and with the bounds that they stand
/// for: by itself a format binds nobody.
pub(crate) fn bounded(document: &OpenApi) -> OpenApi {
    let mut value = serde_json::to_value(document).expect("a document is plain data");
    bound_integers(&mut value);
    serde_json::from_value(value).expect("it was a document before")
}

fn bound_integers(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let known = match members.get("format").and_then(Value::as_str) {
                Some("u-int8") => Some(("uint8", u64::from(u8::MAX))),
                Some("u-int16") => Some(("uint16", u64::from(u16::MAX))),
                Some("u-int32") => Some(("uint32", u64::from(u32::MAX))),
                Some("u-int64") => Some(("uint64", u64::MAX)),
                Some(_) | None => None,
            };
            if let Some((format, maximum)) = known {
                members.insert("format".to_owned(), format.into());
                members.entry("maximum").or_insert_with(|| maximum.into());
            }
            members.values_mut().for_each(bound_integers);
        }
        Value::Array(items) => items.iter_mut().for_each(bound_integers),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What is one of several is named by its only member: another one beside it is refused.
fn close_variants(schema: &mut RefOr<Schema>) {
    let RefOr::T(Schema::OneOf(variants)) = schema else { return };
    for variant in &mut variants.items {
        if let RefOr::T(Schema::Object(object)) = variant
            && object.required.len() == 1
        {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
}

fn operation_mut<'a>(item: &'a mut PathItem, method: &Method) -> Option<&'a mut Operation> {
    match method.as_str() {
        "GET" => item.get.as_mut(),
        "PUT" => item.put.as_mut(),
        "POST" => item.post.as_mut(),
        "PATCH" => item.patch.as_mut(),
        "DELETE" => item.delete.as_mut(),
        _ => None,
    }
}

fn complete_operation(path: &str, method: &Method, operation: &mut Operation) {
    let open = operation.security.is_some();
    let has_body = operation.request_body.is_some();
    let parameters = operation.parameters.get_or_insert_with(Vec::new);
    if !open {
        let correlation = Ref::from_schema_name("Correlation");
        let said = "The thread that this request hangs on; made if you send none";
        parameters.push(parameter("X-Correlation-Id", ParameterIn::Header, said, correlation));
    }
    if !open && *method != Method::GET {
        let said = "Makes this write safe to repeat: 1 to 64 visible ASCII characters";
        parameters.push(parameter("Idempotency-Key", ParameterIn::Header, said, idempotency_key()));
    }
    if !open && *method == Method::GET {
        let said = "The position to have seen, as `at_least`";
        parameters.push(parameter("X-Rialto-At-Least", ParameterIn::Header, said, position()));
        let said = "Answers only what has seen this position";
        parameters.push(parameter(AT_LEAST, ParameterIn::Query, said, position()));
    }
    if !open {
        let scopes: [&str; 0] = [];
        operation.security = Some(vec![SecurityRequirement::new("token", scopes)]);
    }
    let mut add = |status: u16, said: &str| {
        operation.responses.responses.entry(status.to_string()).or_insert_with(|| problem(status, said));
    };
    add(503, "Too much is waiting, or the service stops: nothing was done; try again after the time given");
    if !open {
        add(401, "No token, or not one that is good here");
        add(403, "No role of yours may do this");
        add(429, "Too many requests: try again after the time given");
    }
    if !open || path.contains('{') {
        add(400, "Not in the form that this operation takes");
    }
    if has_body {
        add(408, "The body did not arrive in time");
        add(413, "The body is too large");
        add(415, "The body is not application/json");
    }
    if !open && *method != Method::GET {
        add(409, "The state of things is against it");
        add(422, "A rule is against it, or the idempotency key was used for something else");
    }
    let may_be_missing = ["/trading", "/operations"].iter().any(|prefix| path.starts_with(prefix));
    if path.contains('{') || may_be_missing || path.ends_with("/reconciliation") {
        add(404, "There is no such thing, or it is not yours");
    }
}

fn parameter(
    name: &str,
    place: ParameterIn,
    said: &str,
    schema: impl Into<RefOr<Schema>>,
) -> RefOr<Parameter> {
    let parameter = ParameterBuilder::new().name(name).parameter_in(place).required(Required::False);
    parameter.description(Some(said)).schema(Some(schema)).build().into()
}

fn position() -> ObjectBuilder {
    let uint64 = SchemaFormat::KnownFormat(KnownFormat::UInt64);
    ObjectBuilder::new().schema_type(Type::Integer).format(Some(uint64)).minimum(Some(0))
}

fn idempotency_key() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[!-~]{1,64}$"))
}

/// A refusal, with the header that its status is to have (RFC 9110).
fn problem(status: u16, said: &str) -> RefOr<utoipa::openapi::Response> {
    let schema = Ref::from_schema_name("Problem");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let response = ResponseBuilder::new().description(said).content("application/problem+json", content);
    let text =
        |said: &str| HeaderBuilder::new().schema(Some(String::schema())).description(Some(said)).build();
    let seconds = || {
        let said = "After how many seconds to try again, if that is known";
        HeaderBuilder::new().schema(Some(u32::schema())).description(Some(said)).build()
    };
    let response = match status {
        401 => response.header("WWW-Authenticate", text("The scheme: `Bearer`")),
        429 | 503 => response.header("Retry-After", seconds()),
        _ => response,
    };
    RefOr::T(response.build())
}
