//! Reading JSON from strangers: first whether it is JSON at all, then whether it says what is asked for.
//!
//! Two steps, because a body that is not JSON is refused before the caller is known, and one that does not fit only
//! after he has been let in. Bounded: size before it comes here, depth here, recursion by serde_json.

use crate::problem::{Problem, kinds};
use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;

/// How deep arrays and objects may stand in each other.
const DEPTH_MAX: u32 = 16;

/// Checks that `body` is one JSON value in UTF-8, not too deep.
///
/// # Errors
/// `request.malformed-json`, with line and column.
pub(crate) fn check_syntax(body: &[u8]) -> Result<(), Problem> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let (line, column) = place(body, error.valid_up_to());
        Problem::new(&kinds::MALFORMED_JSON, "the body is not UTF-8").at_place(line, column)
    })?;
    if let Some(at) = too_deep(body) {
        let (line, column) = place(body, at);
        let detail = format!("the body nests deeper than {DEPTH_MAX} levels");
        return Err(Problem::new(&kinds::MALFORMED_JSON, detail).at_place(line, column));
    }
    serde_json::from_str::<IgnoredAny>(text).map(|_| ()).map_err(|error| {
        let said = error.to_string();
        // serde_json says the place at the end of its sentence, and it has members of its own here.
        let said = said.rsplit_once(" at line").map_or(said.as_str(), |(said, _)| said);
        Problem::new(&kinds::MALFORMED_JSON, format!("the body is not JSON: {said}"))
            .at_place(error.line(), error.column())
    })
}

/// Reads what [`check_syntax`] has let through.
///
/// # Errors
/// `request.invalid-field`, naming the field.
pub(crate) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    // An array of its fields in their order would be read as an object, and a field more or less would shift the rest.
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Problem::new(&kinds::INVALID_FIELD, "the body must be a JSON object"));
    }
    serde_json::from_slice(body).map_err(|_| misfit::<T>(body))
}

/// Reads a list of objects. Of each of them an array of its fields would be read as well, as of the body itself.
///
/// # Errors
/// When one of them is anything else, or does not fit.
pub(crate) fn objects<'de, T: Deserialize<'de>, D: Deserializer<'de>>(list: D) -> Result<Vec<T>, D::Error> {
    let list = Vec::<Object<T>>::deserialize(list)?;
    Ok(list.into_iter().map(|Object(one)| one).collect())
}

/// What stands in braces.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Braces<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Braces<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members)).map(Object)
            }
        }
        deserializer.deserialize_map(Braces(PhantomData))
    }
}

/// Reads it again to learn which field it is: a cost that only refused bodies bear.
#[cold]
fn misfit<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Problem {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut deserializer) else {
        return Problem::new(&kinds::INVALID_FIELD, "the body does not fit");
    };
    let path = error.path().to_string();
    let said = error.inner().to_string();
    let said = said.rsplit_once(" at line").map_or(said.as_str(), |(said, _)| said);
    let field = match (path.as_str(), named(said)) {
        (".", Some(name)) => name.to_owned(),
        (".", None) => String::new(),
        (path, Some(name)) if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        (above, Some(name)) => format!("{above}.{name}"),
        (path, None) => path.to_owned(),
    };
    Problem::new(&kinds::INVALID_FIELD, said).in_field(field)
}

/// A field that is missing, unknown or there twice is named in serde's sentence, where the path may end above it.
pub(crate) fn named(said: &str) -> Option<&str> {
    let starts = ["missing field `", "unknown field `", "duplicate field `"];
    starts.iter().find_map(|start| said.strip_prefix(start))?.split('`').next()
}

/// Where the text goes deeper than allowed.
fn too_deep(body: &[u8]) -> Option<usize> {
    let (mut depth, mut in_text, mut escaped) = (0_u32, false, false);
    for (at, byte) in body.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Some(at);
                }
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// Line and column of a byte, both counted from 1.
fn place(body: &[u8], at: usize) -> (usize, usize) {
    let before = &body[..at.min(body.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only whether it reads matters")]
    struct Order {
        quantity: String,
        #[serde(deserialize_with = "objects")]
        legs: Vec<Leg>,
        #[serde(default)]
        for_leg: Option<Named>,
    }

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only whether it reads matters")]
    struct Named {
        leg: u8,
    }

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only whether it reads matters")]
    struct Leg {
        price: String,
    }

    fn field_of(body: &str) -> String {
        read::<Order>(body.as_bytes()).unwrap_err().field().unwrap_or_default().to_owned()
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        for (body, place) in [
            (&b"{\"a\":\n 1,}"[..], (2, 4)),
            (b"", (1, 0)),
            (b"{} {}", (1, 4)),
            (b"{\"a\": \xff}", (1, 7)),
            (b"{\"a\": NaN}", (1, 7)),
            (b"{\"a\": 01}", (1, 8)),
        ] {
            let problem = check_syntax(body).unwrap_err();
            assert_eq!(problem.place(), Some(place), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn depth_is_bounded_and_brackets_in_text_do_not_count() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(check_syntax(nested(16).as_bytes()).is_ok());
        assert_eq!(check_syntax(nested(17).as_bytes()).unwrap_err().place(), Some((1, 17)));
        assert!(check_syntax(nested(30_000).as_bytes()).is_err());
        assert!(check_syntax(br#"{"a": "[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"[[["}"#).is_ok());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        assert_eq!(field_of(r#"{"quantity": 5, "legs": []}"#), "quantity");
        assert_eq!(
            field_of(r#"{"quantity": "5", "legs": [{"price": "1"}, {"price": null}]}"#),
            "legs[1].price"
        );
        assert_eq!(field_of(r#"{"legs": []}"#), "quantity");
        assert_eq!(field_of(r#"{"quantity": "5", "legs": [{}]}"#), "legs[0].price");
        assert_eq!(field_of(r#"{"quantity": "5", "legs": [], "qty": 1}"#), "qty");
        assert_eq!(field_of(r#"{"quantity": "5", "legs": [], "for_leg": {}}"#), "for_leg.leg");
        assert_eq!(
            field_of(r#"{"quantity": "5", "legs": [], "for_leg": {"leg": 1, "legg": 1}}"#),
            "for_leg.legg"
        );
        assert_eq!(field_of(r#"{"quantity": "5", "quantity": "6", "legs": []}"#), "quantity");
        assert_eq!(field_of(r#"{"quantity": "5", "legs": [{"price": "1", "price": "2"}]}"#), "legs[0].price");
    }

    #[test]
    fn an_array_is_not_taken_for_an_object() {
        for body in [r#"["5", []]"#, " [\n]", "[]", "7", "null", "\"{}\""] {
            let problem = read::<Order>(body.as_bytes()).unwrap_err();
            assert_eq!((problem.code(), problem.field()), ("request.invalid-field", None), "{body}");
            assert_eq!(problem.detail(), "the body must be a JSON object");
        }
        assert_eq!(field_of(r#"{"quantity": "5", "legs": [{"price": "1"}, ["2"]]}"#), "legs[1]");
        assert!(read::<Order>(b" \t\r\n{\"quantity\": \"5\", \"legs\": []}").is_ok());
    }
}
