//! The id that ties together what one request caused: taken from the client, or made here.
//!
//! Taken ids are any 1 to 32 hexadecimal digits (a UUID too), or the trace id of a `traceparent` (W3C Trace Context, level
//! 1) where there is no other. Made ones are UUIDs of version 7 (RFC 9562): random, and in the order of time.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};
use vocabulary::CorrelationId;

/// The header that carries it, both ways.
pub(crate) static HEADER: HeaderName = HeaderName::from_static("x-correlation-id");

/// The header that says within which span of which trace a request was sent.
pub(crate) static TRACE_HEADER: HeaderName = HeaderName::from_static("traceparent");

/// The client's id, if it sent one.
///
/// # Errors
/// When it is not one.
pub(crate) fn taken(headers: &HeaderMap) -> Result<Option<CorrelationId>, &'static str> {
    let Some(value) = headers.get(&HEADER) else { return Ok(trace_of(headers).map(|(trace, _)| trace)) };
    let text = value.to_str().map_err(|_| "must be 1 to 32 hexadecimal digits")?;
    text.parse().map(Some)
}

/// Trace and span that a request was sent within. What is not one is passed over, as the standard has it.
pub(crate) fn trace_of(headers: &HeaderMap) -> Option<(CorrelationId, u64)> {
    let text = headers.get(&TRACE_HEADER)?.to_str().ok()?;
    let (version, rest) = text.split_once('-')?;
    let (trace, rest) = rest.split_once('-')?;
    let (span, flags) = rest.split_once('-')?;
    // A later version may say more after the flags.
    let flags = if version == "00" { flags } else { flags.split('-').next()? };
    let is_hex = |text: &str, digits: usize| {
        text.len() == digits && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_known = version != "ff" && is_hex(version, 2) && is_hex(flags, 2);
    if !is_known || !is_hex(trace, 32) || !is_hex(span, 16) {
        return None;
    }
    let (trace, span) = (u128::from_str_radix(trace, 16).ok()?, u64::from_str_radix(span, 16).ok()?);
    (trace != 0 && span != 0).then_some((CorrelationId(trace), span))
}

/// As a header, for what is sent within that span.
#[cfg(feature = "gateway")]
pub(crate) fn trace_header(trace: CorrelationId, span: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("00-{trace}-{span:016x}-01"))
        .expect("hexadecimal digits are a header's value")
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
    fn a_trace_is_taken_for_a_thread_where_there_is_no_other() {
        const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
        let with = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_str(value).unwrap());
            headers
        };
        let sent = |value: &str| taken(&with("traceparent", value)).unwrap().map(|id| id.to_string());
        let good = format!("00-{TRACE}-b7ad6b7169203331-01");
        assert_eq!(sent(&good).as_deref(), Some(TRACE));
        assert_eq!(trace_of(&with("traceparent", &good)).unwrap().1, 0xb7ad_6b71_6920_3331);
        assert_eq!(sent(&format!("01-{TRACE}-b7ad6b7169203331-01-more")).as_deref(), Some(TRACE));
        for bad in [
            "nonsense".to_owned(),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{:032}-b7ad6b7169203331-01", 0),
            format!("00-{}-b7ad6b7169203331-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-b7ad6b7169203331"),
            format!("00-{TRACE}-b7ad6b7169203331-01-more"),
            format!("ff-{TRACE}-b7ad6b7169203331-01"),
            format!("00-+{}-b7ad6b7169203331-01", &TRACE[1..]),
        ] {
            assert_eq!(sent(&bad), None, "{bad}");
        }
        let mut both = with("traceparent", &good);
        both.insert(&HEADER, HeaderValue::from_static("7"));
        assert_eq!(taken(&both), Ok(Some(CorrelationId(7))));
    }

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
