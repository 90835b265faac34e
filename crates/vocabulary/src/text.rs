//! Short codes held inline, so that ids are `Copy` and events stay readable without a lookup table.

use std::fmt;
use std::str::FromStr;

/// Up to `N` characters of `A-Z a-z 0-9 . _ -`, padded with zero bytes. Never empty.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const N: usize>([u8; N]);

/// Why a text is not a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextError {
    /// There is no character.
    Empty,
    /// It has more characters than this.
    TooLong {
        /// The longest allowed, in characters.
        max: usize,
    },
    /// It has a character other than `A-Z a-z 0-9 . _ -`.
    BadCharacter,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "must not be empty"),
            Self::TooLong { max } => write!(f, "must have at most {max} characters"),
            Self::BadCharacter => write!(f, "may hold only letters, digits and . _ -"),
        }
    }
}

impl std::error::Error for TextError {}

impl<const N: usize> Text<N> {
    /// Checks and packs `text`.
    ///
    /// # Errors
    /// [`TextError`] when it is empty, longer than `N`, or holds another character.
    pub fn new(text: &str) -> Result<Self, TextError> {
        let bytes = text.as_bytes();
        if bytes.is_empty() {
            return Err(TextError::Empty);
        }
        if bytes.len() > N {
            return Err(TextError::TooLong { max: N });
        }
        if !bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) {
            return Err(TextError::BadCharacter);
        }
        let mut packed = [0; N];
        packed[..bytes.len()].copy_from_slice(bytes);
        Ok(Self(packed))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|b| *b == 0).unwrap_or(N);
        std::str::from_utf8(&self.0[..end]).unwrap_or_default()
    }

    /// The padded bytes, for hashing.
    pub fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_str())
    }
}

impl<const N: usize> FromStr for Text<N> {
    type Err = TextError;
    fn from_str(text: &str) -> Result<Self, TextError> {
        Self::new(text)
    }
}

impl<const N: usize> serde::Serialize for Text<N> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, const N: usize> serde::Deserialize<'de> for Text<N> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

impl<C, const N: usize> minicbor::Encode<C> for Text<N> {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(self.as_str())?.ok()
    }
}

impl<'b, C, const N: usize> minicbor::Decode<'b, C> for Text<N> {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::new(d.str()?).map_err(|_| minicbor::decode::Error::message("not a code"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_fits_and_says_why_not() {
        assert_eq!(Text::<4>::new("AB-1").unwrap().as_str(), "AB-1");
        assert_eq!(Text::<4>::new(""), Err(TextError::Empty));
        assert_eq!(Text::<4>::new("ABCDE"), Err(TextError::TooLong { max: 4 }));
        assert_eq!(Text::<4>::new("A B"), Err(TextError::BadCharacter));
        assert_eq!(Text::<4>::new("é"), Err(TextError::BadCharacter));
    }
}
