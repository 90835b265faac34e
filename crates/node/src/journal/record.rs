//! The frame around each record of a batch: length and CRC32C, both little endian, then the body.
//!
//! Invariant: a body has at least one byte, so that zeroed storage never reads as a record. The checksum finds which
//! record has changed; that nobody changed it on purpose is what the hash chain proves.

/// Length and checksum, four bytes each.
const HEADER_BYTES: usize = 8;

/// Appends one framed record to `out`; `body` writes the record's own bytes, of which there must be some, below 4 GiB.
pub fn frame_into(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let header = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    let start = out.len();
    body(out);
    let written = &out[start..];
    assert!(!written.is_empty(), "a record has a body");
    let len = u32::try_from(written.len()).expect("a record is smaller than 4 GiB");
    let checksum = crc32c::crc32c(written);
    out[header..header + 4].copy_from_slice(&len.to_le_bytes());
    out[header + 4..start].copy_from_slice(&checksum.to_le_bytes());
}

/// Takes framed records apart; the first has `first_position`.
#[must_use]
pub fn unframe(first_position: u64, bytes: &[u8]) -> Records<'_> {
    Records { position: first_position, rest: bytes }
}

/// Yields each record's position and body, or says what is wrong with it and then ends.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    position: u64,
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    fn take(&mut self) -> Result<&'a [u8], RecordFlaw> {
        let (len, rest) = self.rest.split_first_chunk().ok_or(RecordFlaw::HeaderCut)?;
        let (checksum, rest) = rest.split_first_chunk().ok_or(RecordFlaw::HeaderCut)?;
        let len = u32::from_le_bytes(*len);
        if len == 0 {
            return Err(RecordFlaw::Empty);
        }
        let (body, rest) = usize::try_from(len)
            .ok()
            .and_then(|len| rest.split_at_checked(len))
            .ok_or(RecordFlaw::BodyCut { stated: len, left: rest.len() })?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*checksum) {
            return Err(RecordFlaw::Checksum);
        }
        self.rest = rest;
        Ok(body)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<(u64, &'a [u8]), BadRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let position = self.position;
        let taken = self.take();
        self.position = position.saturating_add(1);
        if taken.is_err() {
            self.rest = &[];
        }
        Some(taken.map(|body| (position, body)).map_err(|flaw| BadRecord { position, flaw }))
    }
}

/// A record that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {position}: {flaw}")]
pub struct BadRecord {
    /// The record's position in its shard.
    pub position: u64,
    /// What is wrong with it.
    pub flaw: RecordFlaw,
}

/// What is wrong with a record's frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordFlaw {
    /// The bytes end within the length or the checksum.
    #[error("its header is cut off")]
    HeaderCut,
    /// The bytes end before the stated length.
    #[error("it states {stated} bytes, of which {left} are left")]
    BodyCut {
        /// Length of the body by its header, in bytes.
        stated: u32,
        /// Bytes that follow the header.
        left: usize,
    },
    /// A length of zero, which is never written.
    #[error("it is empty")]
    Empty,
    /// A byte of the body or of the checksum is not as it was written.
    #[error("its checksum does not match: a byte has changed")]
    Checksum,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(bodies: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for body in bodies {
            frame_into(&mut bytes, |out| out.extend_from_slice(body));
        }
        bytes
    }

    #[test]
    fn records_come_back_with_their_positions() {
        let bytes = framed(&[b"one", b"two!", b"3"]);
        let read: Vec<_> = unframe(40, &bytes).map(Result::unwrap).collect();
        assert_eq!(read, [(40, &b"one"[..]), (41, b"two!"), (42, b"3")]);
    }

    #[test]
    fn the_layout_is_length_then_crc32c_then_body() {
        // CRC32C of "123456789" is the check value of RFC 3720's polynomial.
        let bytes = framed(&[b"123456789"]);
        assert_eq!(bytes, [&[9, 0, 0, 0, 0x83, 0x92, 0x06, 0xe3][..], b"123456789"].concat());
    }

    #[test]
    fn every_flipped_bit_is_found_in_the_record_that_holds_it() {
        let good = framed(&[b"first", b"second", b"third"]);
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let bad = unframe(7, &bytes).find_map(Result::err).expect("the flip is found");
            let holder = if bit / 8 < 13 {
                7
            } else if bit / 8 < 27 {
                8
            } else {
                9
            };
            assert_eq!(bad.position, holder, "bit {bit}");
        }
    }

    #[test]
    fn every_cut_within_a_record_is_found() {
        let good = framed(&[b"first", b"second"]);
        for len in 1..good.len() {
            let bad = unframe(1, &good[..len]).find_map(Result::err).map(|bad| bad.position);
            let expected = if len < 13 {
                Some(1)
            } else if len == 13 {
                None
            } else {
                Some(2)
            };
            assert_eq!(bad, expected, "cut to {len} bytes");
        }
    }

    #[test]
    fn zeroed_storage_is_no_record() {
        let bad = unframe(5, &[0; 64]).next().expect("something").unwrap_err();
        assert_eq!(bad, BadRecord { position: 5, flaw: RecordFlaw::Empty });
    }

    #[test]
    fn after_a_bad_record_nothing_is_guessed() {
        let mut bytes = framed(&[b"first", b"second"]);
        bytes[8] ^= 1;
        assert_eq!(unframe(1, &bytes).count(), 1);
    }
}
