//! One segment of a request's path. The path is split at its slashes first and each segment decoded once after that, so
//! `%2F` is a slash inside a name, which no id accepts, and `.` and `..` are plain names (contract, README "Limits").

use std::borrow::Cow;

use model::{Error, Field, Result};

use crate::percent::{self, Plus};

/// Decodes what stands between two slashes.
pub fn decode_segment(segment: &str) -> Result<Cow<'_, str>> {
    percent::decode(segment.as_bytes(), Plus::Itself).ok_or(Error::Malformed(Field("path")))
}

/// Writes a name so that it is one segment of a path, for a client.
pub fn encode_segment(name: &str) -> String {
    let mut segment = String::with_capacity(name.len());
    percent::encode_onto(&mut segment, name, Plus::Itself);
    segment
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_segment_is_decoded_exactly_once() {
        for (segment, name) in
            [("a%2Fb", "a/b"), ("a%252Fb", "a%2Fb"), ("..", ".."), ("%2e%2E", ".."), ("a+b", "a+b"), ("", "")]
        {
            assert_eq!(decode_segment(segment).as_deref(), Ok(name), "{segment}");
        }
        for malformed in ["%", "%2", "%GG", "%00", "%80"] {
            assert_eq!(decode_segment(malformed), Err(Error::Malformed(Field("path"))), "{malformed}");
        }
    }

    proptest! {
        #[test]
        fn every_name_without_nul_comes_back(name in "[^\0]*") {
            let segment = encode_segment(&name);
            prop_assert!(!segment.contains(['/', '?', '#']));
            prop_assert_eq!(decode_segment(&segment).unwrap(), name);
        }
    }
}
