//! A batch's bytes as they lie in the table: their length and a checksum (CRC-32C over length and block), then the block
//! in LZ4's format.
//!
//! The records of an order repeat its terms, so they take a third of the room, and of the time to write them. The hash
//! of a batch is over the bytes themselves: how a table packs them is nobody else's business. The checksum finds the
//! damage that unpacks to the same bytes all the same.

use lz4_flex::block::{DecompressError, compress_into, decompress, get_maximum_output_size};

/// Bytes before the block: length of what is packed and checksum, each u32, little endian.
const HEAD_BYTES: usize = 8;
/// A byte of a block stands for no more than so many: a damaged length asks for no more memory than that.
const RATIO_MAX: usize = 255;

/// Packs `bytes` into `packed`, over what is there.
pub(crate) fn pack(bytes: &[u8], packed: &mut Vec<u8>) {
    let length = u32::try_from(bytes.len()).expect("a batch is smaller than 4 GiB").to_le_bytes();
    packed.resize(HEAD_BYTES + get_maximum_output_size(bytes.len()), 0);
    let (head, block) = packed.split_at_mut(HEAD_BYTES);
    let size = compress_into(bytes, block).expect("there is room for the worst case");
    let checksum = checksum(&length, &block[..size]).to_le_bytes();
    head.copy_from_slice(&[length, checksum].concat());
    packed.truncate(HEAD_BYTES + size);
}

/// What [`pack`] packed.
pub(crate) fn unpack(packed: &[u8]) -> Result<Vec<u8>, NotPacked> {
    let (length, rest) = packed.split_first_chunk::<4>().ok_or(NotPacked::Short)?;
    let (stated, block) = rest.split_first_chunk::<4>().ok_or(NotPacked::Short)?;
    if u32::from_le_bytes(*stated) != checksum(length, block) {
        return Err(NotPacked::Checksum);
    }
    let length = u32::from_le_bytes(*length) as usize;
    if length > block.len().saturating_mul(RATIO_MAX) {
        return Err(NotPacked::Length(length));
    }
    let bytes = decompress(block, length)?;
    if bytes.len() == length { Ok(bytes) } else { Err(NotPacked::Length(length)) }
}

fn checksum(length: &[u8; 4], block: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(length), block)
}

/// Why bytes are not what [`pack`] made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotPacked {
    /// There is no length or no checksum.
    #[error("it is cut off")]
    Short,
    /// Some bit of it has changed.
    #[error("its checksum does not match: a byte has changed")]
    Checksum,
    /// It cannot be that long, or is not.
    #[error("it does not hold the {0} bytes that it states")]
    Length(usize),
    /// Not a block.
    #[error("it cannot be unpacked: {0}")]
    Block(#[from] DecompressError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut packed = vec![7; 99];
        pack(bytes, &mut packed);
        packed
    }

    #[test]
    fn what_was_packed_comes_back_and_repetition_costs_little() {
        let random: Vec<u8> =
            (0..50_000_u64).map(|i| (i.wrapping_mul(i).wrapping_mul(0x9E37_79B9) >> 13) as u8).collect();
        for bytes in [&b""[..], b"a", b"terms terms terms terms terms terms terms", &random] {
            assert_eq!(unpack(&packed(bytes)).unwrap(), bytes);
        }
        assert!(packed(&[1; 10_000]).len() < 100);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let bytes = b"an order, an order, an order, and another order".repeat(20);
        let sound = packed(&bytes);
        for cut in 0..sound.len() {
            assert!(unpack(&sound[..cut]).is_err(), "cut to {cut}");
        }
        for bit in 0..sound.len() * 8 {
            let mut flipped = sound.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(unpack(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_also_with_a_sound_checksum_and_asks_for_no_memory() {
        let sealed = |length: u32, block: &[u8]| {
            let length = length.to_le_bytes();
            [&length[..], &checksum(&length, block).to_le_bytes(), block].concat()
        };
        let sound = packed(b"an order");
        assert!(matches!(unpack(&sealed(u32::MAX, &sound[HEAD_BYTES..])), Err(NotPacked::Length(_))));
        assert!(matches!(unpack(&sealed(9, &sound[HEAD_BYTES..])), Err(NotPacked::Length(9))));
        assert!(matches!(unpack(&sealed(40, &[255; 8])), Err(NotPacked::Block(_))));
    }
}
