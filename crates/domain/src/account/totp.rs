//! One-time codes over time (RFC 6238 with SHA-1, six digits and 30 seconds, which is what every authenticator app speaks).

use hmac::{Hmac, KeyInit as _, Mac as _};
use model::UnixSeconds;
use sha1::Sha1;
use subtle::ConstantTimeEq as _;

/// Bytes of a secret.
pub const SECRET_BYTES: usize = 20;

const STEP_S: i64 = 30;
const DIGITS: u32 = 6;
/// How far the clock of a phone may be off, in steps.
const SLACK: i64 = 1;

/// The step whose code this is, if it is of now or of a neighbour.
pub fn step_of(secret: &[u8], now: UnixSeconds, typed: &str) -> Option<i64> {
    let typed: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    let present = now / STEP_S;
    let mut found = None;
    for step in present - SLACK..=present + SLACK {
        if bool::from(code(secret, step).as_bytes().ct_eq(typed.as_bytes())) {
            found = Some(step);
        }
    }
    found
}

/// The code of a step.
fn code(secret: &[u8], step: i64) -> String {
    let mut mac = <Hmac<Sha1>>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[hash.len() - 1] & 15);
    let number = u32::from_be_bytes([hash[at] & 0x7f, hash[at + 1], hash[at + 2], hash[at + 3]]);
    format!("{:0width$}", number % 10u32.pow(DIGITS), width = DIGITS as usize)
}

/// A secret as authenticator apps read it (RFC 4648 base32, without padding).
pub fn base32(secret: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (mut text, mut held, mut bits) = (String::new(), 0u32, 0);
    for byte in secret {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(LETTERS[(held >> bits & 31) as usize]));
        }
    }
    if bits > 0 {
        text.push(char::from(LETTERS[(held << (5 - bits) & 31) as usize]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = b"12345678901234567890";
        // RFC 6238, appendix B, the last six digits.
        for (now, expected) in [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (2000000000, "279037")]
        {
            assert_eq!(code(secret, now / 30), expected);
            assert_eq!(step_of(secret, now, expected), Some(now / 30));
            assert_eq!(step_of(secret, now + 30, &format!(" {} {}", &expected[..3], &expected[3..])), Some(now / 30));
            assert_eq!(step_of(secret, now + 90, expected), None);
        }
        assert_eq!(step_of(secret, 59, ""), None);
    }

    #[test]
    fn a_secret_is_written_as_apps_read_it() {
        for (bytes, text) in [(&b"f"[..], "MY"), (b"foo", "MZXW6"), (b"foobar", "MZXW6YTBOI"), (b"", "")] {
            assert_eq!(base32(bytes), text);
        }
    }
}
