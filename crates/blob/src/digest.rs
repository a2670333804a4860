//! A blob's name: the SHA-256 of its bytes.

use std::fmt;
use std::str::FromStr;

use model::{Error, Field};
use sha2::{Digest as _, Sha256};

/// The SHA-256 of a blob's bytes; 64 lower-case hex digits in text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of bytes that are at hand.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }

    /// A digest as it is kept in a row.
    pub const fn from_bytes(bytes: [u8; 32]) -> Digest {
        Digest(bytes)
    }

    /// The 32 bytes, for a row, an `ETag` or a `Repr-Digest`.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Exactly what [`fmt::Display`] writes; upper-case digits are refused, so that a blob has one file name.
impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Digest, Error> {
        const MALFORMED: Error = Error::Malformed(Field("digest"));
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return Err(MALFORMED) };
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() {
            return Err(MALFORMED);
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = nibble(*high).zip(nibble(*low)).map(|(high, low)| high << 4 | low).ok_or(MALFORMED)?;
        }
        Ok(Digest(bytes))
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_written_as_the_world_writes_it_and_read_back() {
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), text);
        assert_eq!(text.parse(), Ok(Digest::of(b"abc")));
    }

    #[test]
    fn only_the_one_spelling_is_read() {
        let text = Digest::of(b"abc").to_string();
        for wrong in ["", "..", &text[1..], &format!("{text}0"), &text.to_uppercase(), &text.replace('b', "/")] {
            assert_eq!(wrong.parse::<Digest>(), Err(Error::Malformed(Field("digest"))), "{wrong:?}");
        }
    }
}
