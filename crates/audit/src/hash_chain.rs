//! The hash chain through the lines of a log.
//!
//! Invariant: a sealed line is one JSON object that ends in `"previous":"..","hash":".."}` with 64 lower-case hexadecimal
//! digits each. `hash` is SHA-256 over the 32 bytes of `previous` and the object without its member `hash`, both exactly as
//! written, so that no reader needs a canonical form of JSON.

use node::journal::{GENESIS_HASH, Hash};
use sha2::{Digest, Sha256};

const PREVIOUS: &[u8] = br#","previous":""#;
const HASH: &[u8] = br#"","hash":""#;
const END: &[u8] = br#""}"#;
const HEX_BYTES: usize = 64;
/// What [`HashChain::seal`] puts behind the object's own members.
const SEAL_BYTES: usize = PREVIOUS.len() + HEX_BYTES + HASH.len() + HEX_BYTES + END.len();

/// The end of a chain of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HashChain(Hash);

/// What a sealed line says of its place in the chain. Its own hash is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    pub(crate) previous: Hash,
    pub(crate) hash: Hash,
}

impl HashChain {
    pub(crate) const GENESIS: Self = Self(GENESIS_HASH);

    pub(crate) fn after(seal: Seal) -> Self {
        Self(seal.hash)
    }

    pub(crate) fn hash(self) -> Hash {
        self.0
    }

    /// Makes the JSON object from `start` to the end of `out` the next line of the chain, with its line break.
    pub(crate) fn seal(&mut self, out: &mut Vec<u8>, start: usize) {
        assert_eq!(out.pop(), Some(b'}'), "a line is a JSON object");
        out.extend_from_slice(PREVIOUS);
        out.extend_from_slice(&hex(&self.0));
        self.0 = hash_of(&self.0, &out[start..]);
        out.extend_from_slice(HASH);
        out.extend_from_slice(&hex(&self.0));
        out.extend_from_slice(END);
        out.push(b'\n');
    }
}

/// The seal of a line without its line break, if it is whole and the line is what was sealed.
pub(crate) fn open_seal(line: &[u8]) -> Option<Seal> {
    let (members, seal) = line.split_at_checked(line.len().checked_sub(SEAL_BYTES)?)?;
    let (previous, seal) = seal.strip_prefix(PREVIOUS)?.split_at_checked(HEX_BYTES)?;
    let (hash, end) = seal.strip_prefix(HASH)?.split_at_checked(HEX_BYTES)?;
    let previous = from_hex(previous)?;
    let sealed = &line[..members.len() + PREVIOUS.len() + HEX_BYTES];
    let found = hash_of(&previous, sealed);
    (end == END && hash == hex(&found)).then_some(Seal { previous, hash: found })
}

/// `sealed` goes up to the last digit of `previous`; quote and brace then close the object.
fn hash_of(previous: &Hash, sealed: &[u8]) -> Hash {
    Sha256::new().chain_update(previous).chain_update(sealed).chain_update(END).finalize().into()
}

fn hex(hash: &Hash) -> [u8; HEX_BYTES] {
    let mut text = [0; HEX_BYTES];
    write_hex(&mut text, hash);
    text
}

/// Two lower-case digits for each byte, without a table or a branch, so that many are made at once.
pub(crate) fn write_hex(text: &mut [u8], bytes: &[u8]) {
    let digit = |four: u8| four + b'0' + u8::from(four > 9) * (b'a' - b'9' - 1);
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = digit(byte >> 4);
        pair[1] = digit(byte & 15);
    }
}

fn from_hex(text: &[u8]) -> Option<Hash> {
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(text.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

/// As text, for people.
pub(crate) fn hex_text(hash: &Hash) -> String {
    hex(hash).map(char::from).iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(chain: &mut HashChain, object: &str) -> Vec<u8> {
        let mut out = object.as_bytes().to_vec();
        chain.seal(&mut out, 0);
        assert_eq!(out.pop(), Some(b'\n'));
        out
    }

    #[test]
    fn each_line_names_the_hash_of_the_one_before() {
        let mut chain = HashChain::GENESIS;
        let first = open_seal(&line(&mut chain, r#"{"a":1}"#)).unwrap();
        let second = open_seal(&line(&mut chain, r#"{"a":2}"#)).unwrap();
        assert_eq!((first.previous, second.previous), (GENESIS_HASH, first.hash));
        assert_eq!(HashChain::after(second), chain);
    }

    /// The expected hash comes from another implementation of SHA-256.
    #[test]
    fn the_hash_is_that_of_the_previous_hash_and_the_line_without_its_hash() {
        let mut chain = HashChain::GENESIS;
        let line = line(&mut chain, r#"{"a":1}"#);
        let expected = concat!(
            r#"{"a":1,"previous":"0000000000000000000000000000000000000000000000000000000000000000","#,
            r#""hash":"11ea3c147b6105e908ea2ed367adb3bb6a8deea6b4ef0d63977cd14f64300c07"}"#
        );
        assert_eq!(String::from_utf8(line).unwrap(), expected);
    }

    #[test]
    fn no_bit_of_a_line_can_change() {
        let mut chain = HashChain::GENESIS;
        let line = line(&mut chain, r#"{"a":"b"}"#);
        for bit in 0..line.len() * 8 {
            let mut other = line.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open_seal(&other), None, "bit {bit}");
        }
        assert!(open_seal(&line[1..]).is_none() && open_seal(b"").is_none());
    }
}
