//! Times as the lines show them.
//!
//! Invariant: what is shown is the timestamp's own text. Thousands of records fall into one second, so that most times
//! differ from the one before in their nanoseconds only, and no more than those is written again.

use vocabulary::Timestamp;

const NS_PER_SECOND: u64 = 1_000_000_000;
/// `2026-11-22T23:59:59.000000001Z`.
const SHOWN_BYTES: usize = 30;
/// Where in it the nanoseconds stand.
const NANOSECONDS: std::ops::Range<usize> = 20..29;

/// Shows times, best in their order.
#[derive(Debug)]
pub(crate) struct Clock {
    second: u64,
    shown: [u8; SHOWN_BYTES],
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { second: 0, shown: shown(Timestamp(0)) }
    }

    /// RFC 3339 with nanoseconds.
    pub(crate) fn show(&mut self, time: Timestamp) -> &[u8] {
        let (second, mut rest) = (time.0 / NS_PER_SECOND, time.0 % NS_PER_SECOND);
        if second == self.second {
            for digit in self.shown[NANOSECONDS].iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        } else {
            (self.second, self.shown) = (second, shown(time));
        }
        &self.shown
    }
}

fn shown(time: Timestamp) -> [u8; SHOWN_BYTES] {
    time.to_string()
        .into_bytes()
        .try_into()
        .expect("a time between 1970 and 2554 has as many characters as any")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_shows_as_itself_whatever_was_shown_before() {
        let mut clock = Clock::new();
        let second = 1_795_391_999 * NS_PER_SECOND;
        for ns in [0, 1, second, second + 1, second + 999_999_999, second + 20, second - 1, u64::MAX, 7] {
            let time = Timestamp(ns);
            assert_eq!(clock.show(time), time.to_string().as_bytes());
            assert_eq!(clock.show(time), time.to_string().as_bytes());
        }
    }
}
