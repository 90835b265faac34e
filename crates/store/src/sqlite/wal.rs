//! Tells a damaged write-ahead log from one with a torn end, which SQLite does not: it reads up to the first frame that
//! does not fit and takes the rest for what a crash left, so that one flipped byte would silently undo every
//! acknowledged commit behind it.
//!
//! Invariant: a log that only a crash has cut passes; a log that proves that a commit behind the damage was followed by
//! another one does not, for the next commit begins only when the one before is durable and acknowledged. The format is
//! <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>. Only read here, never repaired.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// The last bit says whether checksums read words big endian.
const MAGIC: u32 = 0x377f_0682;

/// What is wrong with a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Damage {
    #[error("is damaged in its header, which makes all of it unreadable")]
    Header,
    #[error("is damaged at byte {offset}, and acknowledged commits lie behind it")]
    Frame { offset: u64 },
}

/// Reads the log at `path` once through. None: it is sound, torn at its end, empty or not there.
pub(super) fn examine(path: &Path) -> io::Result<Option<Damage>> {
    match File::open(path) {
        Ok(file) => examine_log(BufReader::with_capacity(1 << 20, file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn examine_log(mut log: impl BufRead) -> io::Result<Option<Damage>> {
    let mut header = [0; HEADER_BYTES];
    if !read_whole(&mut log, &mut header)? {
        return Ok(None);
    }
    let Some((page_bytes, mut checksum)) = checked_header(&header) else {
        // The header is made durable before the first frame is written, so with frames there it once was good.
        return Ok(holds_data(log)?.then_some(Damage::Header));
    };
    let salts = &header[16..24];
    let mut frame = vec![0; FRAME_HEADER_BYTES + page_bytes];
    let mut offset = HEADER_BYTES as u64;
    let mut broken_at = None;
    let mut commit_behind = false;
    while read_whole(&mut log, &mut frame)? {
        // Other salts: what an earlier turn of the log left here.
        let is_ours = &frame[8..16] == salts;
        if broken_at.is_none() {
            checksum.add(&frame[..8]);
            checksum.add(&frame[FRAME_HEADER_BYTES..]);
            if !is_ours || !checksum.matches(&frame[16..24]) {
                broken_at = Some(offset);
            }
        }
        if let (Some(offset), true) = (broken_at, is_ours) {
            if commit_behind {
                return Ok(Some(Damage::Frame { offset }));
            }
            // A frame that ends a commit states the database's size.
            commit_behind = frame[4..8] != [0; 4];
        }
        offset += frame.len() as u64;
    }
    Ok(None)
}

/// The page size and the checksum after the header, if the header is sound.
fn checked_header(header: &[u8; HEADER_BYTES]) -> Option<(usize, Checksum)> {
    let magic = word(&header[..4], true);
    let page_bytes = word(&header[8..12], true) as usize;
    let mut checksum = Checksum { big_endian: magic & 1 == 1, sums: [0, 0] };
    checksum.add(&header[..24]);
    let sound = magic & !1 == MAGIC && page_bytes.is_power_of_two() && (512..=65_536).contains(&page_bytes);
    (sound && checksum.matches(&header[24..])).then_some((page_bytes, checksum))
}

/// Runs over all frames, each one's going on from the one before.
struct Checksum {
    big_endian: bool,
    sums: [u32; 2],
}

impl Checksum {
    fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks_exact(8) {
            let [a, b] = self.sums;
            let a = a.wrapping_add(word(&pair[..4], self.big_endian)).wrapping_add(b);
            self.sums = [a, b.wrapping_add(word(&pair[4..], self.big_endian)).wrapping_add(a)];
        }
    }

    fn matches(&self, stored: &[u8]) -> bool {
        self.sums == [word(&stored[..4], true), word(&stored[4..], true)]
    }
}

fn word(bytes: &[u8], big_endian: bool) -> u32 {
    let bytes = bytes.try_into().expect("a word is taken from four bytes");
    if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}

/// False at an end within the buffer: a frame that is not whole is no frame.
fn read_whole(log: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match log.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn holds_data(log: impl BufRead) -> io::Result<bool> {
    for byte in log.bytes() {
        if byte? != 0 {
            return Ok(true);
        }
    }
    Ok(false)
}
