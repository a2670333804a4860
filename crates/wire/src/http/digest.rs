//! `Content-Digest`, `Repr-Digest` and `Want-Repr-Digest` (RFC 9530), for SHA-256: dictionaries of structured fields
//! (RFC 9651), in which an algorithm that we do not compute counts for nothing.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use model::{Error, Field, Result};

use super::trim;

const SHA_256: &str = "sha-256";
/// Padding is written; without it a digest is still understood, as RFC 9651 wants (section 4.2.7).
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The SHA-256 that a digest header promises, if it names one. A header out of form is malformed: whoever sends a
/// digest wants it checked.
pub fn sha_256(value: &str) -> Result<Option<[u8; 32]>> {
    let malformed = || Error::Malformed(Field("digest"));
    let mut found = None;
    for (key, item) in members(value).ok_or_else(malformed)? {
        let bytes = decode_bytes(item).ok_or_else(malformed)?;
        if key == SHA_256 {
            found = Some(bytes.try_into().map_err(|_| malformed())?);
        }
    }
    Ok(found)
}

/// Whether `Want-Repr-Digest` asks for a SHA-256: a preference from 1 to 10. A header out of form asks for nothing.
pub fn wants_sha_256(value: &str) -> bool {
    let Some(members) = members(value) else { return false };
    let last = members.iter().rfind(|(key, _)| *key == SHA_256);
    last.is_some_and(|(_, item)| item.parse().is_ok_and(|preference| (1..=10).contains(&preference)))
}

/// The value of a digest header.
pub fn encode(sha_256: &[u8; 32]) -> String {
    format!("{SHA_256}=:{}:", BASE64.encode(sha_256))
}

/// The members of a dictionary as key and bare item, parameters left out. Neither byte sequences nor integers, the only
/// items of these headers, hold a comma or a semicolon.
fn members(value: &str) -> Option<Vec<(&str, &str)>> {
    value
        .split(',')
        .map(|member| {
            let (key, value) = trim(member).split_once('=')?;
            let item = value.split(';').next().unwrap_or_default();
            is_key(key).then_some((key, item.trim_end_matches(' ')))
        })
        .collect()
}

fn is_key(key: &str) -> bool {
    let begins = |c: char| c.is_ascii_lowercase() || c == '*';
    let goes_on = |c: char| begins(c) || c.is_ascii_digit() || matches!(c, '_' | '-' | '.');
    key.starts_with(begins) && key.chars().all(goes_on)
}

fn decode_bytes(item: &str) -> Option<Vec<u8>> {
    let text = item.strip_prefix(':')?.strip_suffix(':')?;
    BASE64.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Of `hello world` and nothing after it.
    const HELLO: &str = "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=";

    #[test]
    fn a_digest_header_promises_a_sha_256_or_nothing_we_know() {
        let bare = HELLO.trim_end_matches('=');
        for value in [
            format!("sha-256=:{HELLO}:"),
            format!("sha-256=:{bare}:"),
            format!(" sha-512=:AAAA: ,\tsha-256=:{HELLO}:;x=1 "),
            format!("sha-256=:{HELLO}:,unixsum=:AA==:"),
            format!("sha-256=:{}:, sha-256=:{HELLO}:", BASE64.encode([0; 32])),
        ] {
            let digest = sha_256(&value).unwrap().unwrap();
            assert_eq!(encode(&digest), format!("sha-256=:{HELLO}:"), "{value}");
        }
        assert_eq!(sha_256("sha-512=:AAAA:"), Ok(None));
    }

    #[test]
    fn a_digest_header_out_of_form_is_refused() {
        for value in [
            "",
            ",",
            "sha-256",
            "sha-256=",
            "sha-256=::",
            "sha-256=:",
            "sha-256=:AAAA:",
            "sha-256=1",
            "SHA-256=:AAAA:",
            "sha-256=:!!!!:",
            "sha-256=:uU0nuZNNPgilLlLX2n2r-sSE7-N6U4DukIj3rOLvzek=:",
            "sha-256=uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=",
            "sha-256=:uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=:,",
            "sha-256 =:uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=:",
            "sha-256=:uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzelBQUFB:",
            "sha-512=1, sha-256=:uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=:",
        ] {
            assert_eq!(sha_256(value), Err(Error::Malformed(Field("digest"))), "{value}");
        }
    }

    #[test]
    fn a_digest_is_wanted_by_a_preference_above_zero() {
        for (value, wanted) in [
            ("sha-256=1", true),
            ("sha-256=10", true),
            ("sha-512=3, sha-256=10, unixsum=0", true),
            ("sha-256=1;x", true),
            ("sha-256=0", false),
            ("sha-256=11", false),
            ("sha-256=-1", false),
            ("sha-256=1, sha-256=0", false),
            ("sha-512=10", false),
            ("sha-256", false),
            ("sha-256=:AAAA:", false),
            ("sha-256=1,", false),
            ("", false),
        ] {
            assert_eq!(wants_sha_256(value), wanted, "{value}");
        }
    }

    proptest! {
        #[test]
        fn every_digest_comes_back(digest: [u8; 32]) {
            prop_assert_eq!(sha_256(&encode(&digest)), Ok(Some(digest)));
        }

        #[test]
        fn no_value_makes_reading_a_digest_panic(value in ".*|(sha-256=:[A-Za-z0-9+/=]*:,?)*") {
            let _ = (sha_256(&value), wants_sha_256(&value));
        }
    }
}
