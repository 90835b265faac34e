//! The id that ties together what one request caused: taken from the client, or made here.
//!
//! Taken ids are any 1 to 32 hexadecimal digits (a UUID too). Made ones are UUIDs of version 7 (RFC 9562): random, and
//! in the order of time.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};
use vocabulary::CorrelationId;

/// The header that carries it, both ways.
pub(crate) static HEADER: HeaderName = HeaderName::from_static("x-correlation-id");

/// The client's id, if it sent one.
///
/// # Errors
/// When it is not one.
pub(crate) fn taken(headers: &HeaderMap) -> Result<Option<CorrelationId>, &'static str> {
    let Some(value) = headers.get(&HEADER) else { return Ok(None) };
    let text = value.to_str().map_err(|_| "must be 1 to 32 hexadecimal digits")?;
    text.parse().map(Some)
}

/// A new one.
pub(crate) fn made() -> CorrelationId {
    let time_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    CorrelationId(version_7(time_ms, RANDOM.with_borrow_mut(RandomNumbers::next)))
}

thread_local! {
    static RANDOM: RefCell<RandomNumbers> = const { RefCell::new(RandomNumbers { bytes: [0; 4096], used: 4096 }) };
}

/// Random numbers, drawn many at a time: each call to the generator costs as much as reading a request.
struct RandomNumbers {
    bytes: [u8; 4096],
    used: usize,
}

impl RandomNumbers {
    fn next(&mut self) -> u128 {
        if self.used == self.bytes.len() {
            aws_lc_rs::rand::fill(&mut self.bytes).expect("the system gives random numbers");
            self.used = 0;
        }
        let (_, rest) = self.bytes.split_at(self.used);
        let (number, _) = rest.split_first_chunk().expect("numbers fill the bytes without a rest");
        self.used += number.len();
        u128::from_be_bytes(*number)
    }
}

fn version_7(time_ms: u128, random: u128) -> u128 {
    let kept = random & ((1 << 76) - 1) & !(0b11 << 62);
    ((time_ms & 0xffff_ffff_ffff) << 80) | (7 << 76) | (0b10 << 62) | kept
}

/// As a header.
pub(crate) fn header(id: CorrelationId) -> HeaderValue {
    HeaderValue::from_str(&id.to_string()).expect("hexadecimal digits are a header's value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_ids_are_version_7_and_follow_time() {
        let id = version_7(0x0123_4567_89ab, u128::MAX);
        let text = format!("{id:032x}");
        assert_eq!(&text[..12], "0123456789ab");
        assert_eq!(&text[12..13], "7");
        assert_eq!(&text[16..17], "b", "variant 0b10, and all the rest random");
        assert_eq!(format!("{:032x}", version_7(1, 0)), "00000000000170008000000000000000");
        assert_ne!(made(), made());
    }

    #[test]
    fn takes_hexadecimal_ids_and_uuids_and_nothing_else() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(&HEADER, HeaderValue::from_str(text).unwrap());
            taken(&headers)
        };
        assert_eq!(of("2a").unwrap().unwrap().0, 42);
        assert_eq!(of("00000000-0000-0000-0000-00000000002a").unwrap().unwrap().0, 42);
        for bad in ["", "xyz", "+5", "--", "0123456789abcdef0123456789abcdef0", &"-".repeat(5_000)] {
            assert!(of(bad).is_err(), "{bad}");
        }
        assert_eq!(taken(&HeaderMap::new()), Ok(None));
    }
}
