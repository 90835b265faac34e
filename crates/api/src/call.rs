//! A request that has been let in, as handlers see it: who, what, under which ids.

use crate::auth::Principal;
use crate::json;
use crate::problem::{Problem, kinds};
use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::Uri;
use axum::http::request::Parts;
use engine::{Command, CommandId, Request};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use vocabulary::{CorrelationId, UserId};

/// The query parameter that every read understands.
pub(crate) const AT_LEAST: &str = "at_least";

/// What the gate has found out about a request. Taken out of it once, by the handler.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) principal: Arc<Principal>,
    pub(crate) correlation: CorrelationId,
    /// From the idempotency key, if there is one.
    pub(crate) command_id: Option<CommandId>,
    pub(crate) body: Bytes,
    /// The position that a read wants to have seen.
    pub(crate) at_least: u64,
}

impl Call {
    /// The body as what the operation takes.
    pub(crate) fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Problem> {
        json::read(&self.body)
    }

    /// The caller.
    pub(crate) fn user(&self) -> UserId {
        self.principal.user
    }

    /// The command with what travels along.
    pub(crate) fn request(&self, command: Command) -> Request {
        Request { command_id: self.command_id, correlation: self.correlation, actor: self.user(), command }
    }

    /// One of several commands of the same call; each has an id of its own.
    pub(crate) fn part(&self, index: usize, command: Command) -> Request {
        let command_id = self.command_id.map(|whole| {
            let key = whole.0.0.to_be_bytes();
            command_id(&[&key, &index.to_be_bytes()])
        });
        Request { command_id, ..self.request(command) }
    }
}

/// The first 128 bits of SHA-256 over who and which key: no one can reach another's commands.
pub(crate) fn command_id_of_key(user: UserId, key: &str) -> CommandId {
    command_id(&[user.0.as_bytes(), key.as_bytes()])
}

fn command_id(parts: &[&[u8]]) -> CommandId {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    let digest = hasher.finalize();
    CommandId(CorrelationId(digest.iter().take(16).fold(0, |id, byte| (id << 8) | u128::from(*byte))))
}

impl<S: Send + Sync> FromRequestParts<S> for Call {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let call = parts.extensions.remove::<Self>();
        call.ok_or_else(|| Problem::new(&kinds::INTERNAL, "the request did not come through the gate"))
    }
}

/// The parameters of the path, as text.
pub(crate) struct Place<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Place<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path: Result<Path<T>, PathRejection> = Path::from_request_parts(parts, state).await;
        path.map(|Path(place)| Self(place))
            .map_err(|rejection| Problem::new(&kinds::INVALID_PATH, rejection.body_text()))
    }
}

/// One parameter of the path as what it stands for.
pub(crate) fn parameter<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error| {
        Problem::new(&kinds::INVALID_PATH, format!("{name} in the path {error}")).in_field(name)
    })
}

/// A number in the path, like an order's id.
pub(crate) fn number(name: &str, text: &str) -> Result<u64, Problem> {
    whole_number(text).ok_or_else(|| {
        let detail = format!("{name} in the path must be a whole number");
        Problem::new(&kinds::INVALID_PATH, detail).in_field(name)
    })
}

/// Digits alone: Rust's own reading also takes a plus sign.
pub(crate) fn whole_number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The parameters of the query. Unknown ones are refused: a filter with a typing error must not list everything.
pub(crate) struct Filter<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Filter<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let read: Result<Query<T>, QueryRejection> = match parts.uri.query() {
            Some(query) if query.contains(AT_LEAST) => Query::try_from_uri(&without_at_least(query)),
            Some(_) | None => Query::try_from_uri(&parts.uri),
        };
        read.map(|Query(filter)| Self(filter)).map_err(|rejection| {
            let said = rejection.body_text();
            let said = said.strip_prefix("Failed to deserialize query string: ").unwrap_or(&said).to_owned();
            // Of a value that does not fit, the sentence begins with the parameter.
            let field = json::named(&said).or_else(|| said.split_once(": ").map(|(field, _)| field));
            let field = field.unwrap_or_default().to_owned();
            Problem::new(&kinds::INVALID_QUERY, said).in_field(field)
        })
    }
}

/// The query without what the gate has read from it.
fn without_at_least(query: &str) -> Uri {
    let rest: Vec<&str> = query.split('&').filter(|pair| pair.split('=').next() != Some(AT_LEAST)).collect();
    format!("/?{}", rest.join("&")).parse().unwrap_or_else(|_| Uri::from_static("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_of_two_users_is_two_commands() {
        let of = |user: &str, key: &str| command_id_of_key(user.parse().unwrap(), key);
        assert_eq!(of("u1", "k"), of("u1", "k"));
        assert_ne!(of("u1", "k"), of("u2", "k"));
        assert_ne!(of("u1", "2k"), of("u12", "k"), "user and key do not run together");
    }

    #[test]
    fn the_position_asked_for_is_no_filter() {
        assert_eq!(without_at_least("a=1&at_least=5&b=2").query(), Some("a=1&b=2"));
        assert_eq!(without_at_least("at_least=5").query(), Some(""));
    }
}
