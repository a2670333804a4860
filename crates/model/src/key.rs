//! Names and secrets of 160 bits: the public [`Rid`] and the secret [`Cik`], [`Token`] and [`ShareCode`].
//!
//! All four are written as 40 lower-case hex digits (contract, README "Words"). The secret ones have no `Debug`, no
//! `Display`, no `==` and are wiped when dropped: comparing them is the business of the store's keyed hash.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{Error, Field};

const BYTES: usize = 20;

/// A resource identifier: public, random, never changes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rid([u8; BYTES]);

impl Rid {
    /// The RID with these bytes.
    pub fn from_bytes(bytes: [u8; BYTES]) -> Rid {
        Rid(bytes)
    }

    /// Its 20 bytes, as the store keeps them.
    pub fn as_bytes(&self) -> &[u8; BYTES] {
        &self.0
    }

    /// Reads 40 lower-case hex digits.
    pub fn parse(text: &str) -> Result<Rid, Error> {
        parse_hex(text).map(Rid).ok_or(Error::Malformed(Field("rid")))
    }
}

impl fmt::Display for Rid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&hex(&self.0)).expect("hex digits are ASCII"))
    }
}

impl fmt::Debug for Rid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What the three secret keys have in common.
pub trait SecretKey: Sized {
    /// The key with these bytes.
    fn from_bytes(bytes: [u8; BYTES]) -> Self;
    /// Its 20 bytes: for hashing and sealing only.
    fn expose_bytes(&self) -> &[u8; BYTES];

    /// Reads 40 lower-case hex digits; anything else authenticates nobody, so there is no error to explain.
    fn parse(text: &str) -> Option<Self> {
        parse_hex(text).map(Self::from_bytes)
    }

    /// The 40 hex digits, for the few answers that must show the key.
    fn expose_hex(&self) -> String {
        String::from_utf8(hex(self.expose_bytes()).to_vec()).expect("hex digits are ASCII")
    }
}

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Zeroize, ZeroizeOnDrop)]
        pub struct $name([u8; BYTES]);

        impl SecretKey for $name {
            fn from_bytes(bytes: [u8; BYTES]) -> Self {
                $name(bytes)
            }

            fn expose_bytes(&self) -> &[u8; BYTES] {
                &self.0
            }
        }
    };
}

secret! {
    /// A client interface key: it authenticates as its client.
    Cik
}
secret! {
    /// A vendor token, or the token of an RPC grant.
    Token
}
secret! {
    /// The code of a shared resource.
    ShareCode
}

fn parse_hex(text: &str) -> Option<[u8; BYTES]> {
    let digits: &[u8; 2 * BYTES] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; BYTES];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

fn hex(bytes: &[u8; BYTES]) -> [u8; 2 * BYTES] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 2 * BYTES];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_forty_lower_case_hex_digits_and_nothing_else() {
        let text = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(Rid::parse(text).unwrap().to_string(), text);
        assert_eq!(Cik::parse(text).unwrap().expose_hex(), text);
        for wrong in [
            "",
            "0123456789abcdef0123456789abcdef0123456",
            "0123456789abcdef0123456789abcdef012345678",
            "0123456789ABCDEF0123456789abcdef01234567",
            "0123456789abcdef0123456789abcdef0123456g",
            " 123456789abcdef0123456789abcdef01234567",
        ] {
            assert!(Rid::parse(wrong).is_err(), "{wrong:?}");
            assert!(Token::parse(wrong).is_none(), "{wrong:?}");
        }
    }
}
